//! Puts a sender's packets back in order and says where sound is missing.
//!
//! A late packet is waited for, and later ones are kept meanwhile. Then the gap is filled from the
//! next packet's FEC copy, or concealed. Nothing is delayed while all is in order.
//!
//! The wait is learnt from the packets that came after a later one, before their hole was given up
//! or thereafter. Where packets are lost and none come late, waiting longer would only cost time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::patience::Patience;

/// The shortest wait for a packet that may still come.
pub const PATIENCE: Duration = Duration::from_millis(40);
/// One packet in so many may come later than is waited for.
const RARE: u32 = 200;
/// More than this behind a hole: the hole is real (bounds memory too).
const MOST_KEPT: usize = 16;
/// Holes that a late packet may still belong to.
const MOST_HOLES: usize = 8;

/// What to decode next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The packet that follows.
    Packet { time: u64, payload: Arc<[u8]> },
    /// `ticks` of the RTP clock are missing before `next`, which stays queued.
    Gap {
        time: u64,
        ticks: u64,
        next: Arc<[u8]>,
    },
}

#[derive(Debug)]
struct Kept {
    seq: u64,
    time: u64,
    came: Instant,
    payload: Arc<[u8]>,
}

#[derive(Debug)]
struct Hole {
    first: u64,
    last: u64,
    opened: Instant,
}

#[derive(Debug)]
pub struct JitterBuffer {
    /// In their order; it keeps its memory, where a tree would ask for some with each packet.
    kept: VecDeque<Kept>,
    /// Sequence number and RTP time that would follow in order.
    expected: Option<(u64, u64)>,
    patience: Patience,
    given_up: VecDeque<Hole>,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            kept: VecDeque::new(),
            expected: None,
            patience: Patience::new(PATIENCE, RARE),
            given_up: VecDeque::new(),
        }
    }
}

impl JitterBuffer {
    /// Takes a packet; `seq` and `time` are extended (never wrap). Old ones and doubles are dropped.
    pub fn insert(&mut self, now: Instant, seq: u64, time: u64, payload: &Arc<[u8]>) {
        if self.expected.is_some_and(|(next, _)| seq < next) {
            self.learn(now, seq);
            return;
        }
        let Err(place) = self.kept.binary_search_by_key(&seq, |kept| kept.seq) else {
            return;
        };
        match self.opened(place) {
            Some(opened) => self.patience.late(now - opened),
            None => self.patience.punctual(),
        }
        let payload = Arc::clone(payload);
        let kept = Kept {
            seq,
            time,
            came: now,
            payload,
        };
        self.kept.insert(place, kept);
    }

    /// The next thing to decode, if it is due. `ticks_of` gives a packet's length.
    pub fn next(&mut self, now: Instant, ticks_of: impl Fn(&[u8]) -> u64) -> Option<Next> {
        let &Kept { seq, time, .. } = self.kept.front()?;
        if !self.in_order() {
            let given_up = self.kept.len() > MOST_KEPT
                || self.deadline().is_some_and(|deadline| now >= deadline);
            if !given_up {
                return None;
            }
            let (first, due) = self.expected.unwrap_or((seq, time));
            self.expected = Some((seq, time));
            if let Some(opened) = self.opened(0) {
                self.given_up.truncate(MOST_HOLES - 1);
                let last = seq - 1;
                self.given_up.push_front(Hole {
                    first,
                    last,
                    opened,
                });
            }
            if time > due {
                let next = Arc::clone(&self.kept.front()?.payload);
                return Some(Next::Gap {
                    time: due,
                    ticks: time - due,
                    next,
                });
            }
        }
        let Kept {
            seq, time, payload, ..
        } = self.kept.pop_front()?;
        self.expected = Some((seq + 1, time + ticks_of(&payload)));
        Some(Next::Packet { time, payload })
    }

    /// When `next` must be asked again although nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        if self.in_order() {
            return None;
        }
        self.opened(0).map(|opened| opened + self.patience.wait())
    }

    /// Since when the hole before this place in the order is known: a later packet came.
    fn opened(&self, place: usize) -> Option<Instant> {
        self.kept.range(place..).map(|kept| kept.came).min()
    }

    /// A packet came after its hole was given up.
    fn learn(&mut self, now: Instant, seq: u64) {
        let mut holes = self.given_up.iter();
        let Some(hole) = holes.find(|hole| (hole.first..=hole.last).contains(&seq)) else {
            return;
        };
        self.patience.late(now - hole.opened);
    }

    fn in_order(&self) -> bool {
        match (self.expected, self.kept.front()) {
            (Some((next, _)), Some(first)) => first.seq == next,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(buffer: &mut JitterBuffer, now: Instant) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(next) = buffer.next(now, |_| 960) {
            out.push(match next {
                Next::Packet { payload, .. } => payload[0].to_string(),
                Next::Gap { ticks, .. } => format!("gap {}", ticks / 960),
            });
        }
        out
    }

    fn feed(buffer: &mut JitterBuffer, now: Instant, seqs: &[u64]) {
        for &seq in seqs {
            buffer.insert(now, seq, seq * 960, &Arc::from([seq as u8].as_slice()));
        }
    }

    #[test]
    fn packets_in_order_are_not_delayed() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        feed(&mut buffer, now, &[5, 6]);
        assert_eq!(drain(&mut buffer, now), ["5", "6"]);
        assert_eq!(buffer.deadline(), None);
    }

    #[test]
    fn a_swapped_pair_is_put_right_within_the_patience() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        feed(&mut buffer, now, &[5]);
        assert_eq!(drain(&mut buffer, now), ["5"]);
        feed(&mut buffer, now, &[7]);
        assert!(drain(&mut buffer, now).is_empty());
        feed(&mut buffer, now + PATIENCE / 2, &[6]);
        assert_eq!(drain(&mut buffer, now + PATIENCE / 2), ["6", "7"]);
    }

    #[test]
    fn a_lost_packet_is_a_gap_after_the_patience_and_not_before() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        feed(&mut buffer, now, &[5]);
        drain(&mut buffer, now);
        feed(&mut buffer, now, &[8, 9]);
        assert!(drain(&mut buffer, now).is_empty());
        assert_eq!(buffer.deadline(), Some(now + PATIENCE));
        assert_eq!(drain(&mut buffer, now + PATIENCE), ["gap 2", "8", "9"]);
        feed(&mut buffer, now + PATIENCE, &[6, 8]);
        assert!(
            drain(&mut buffer, now + PATIENCE).is_empty(),
            "too late and doubles are dropped"
        );
    }

    #[test]
    fn a_packet_that_came_too_late_teaches_to_wait() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        let late = PATIENCE * 3;
        feed(&mut buffer, now, &[1, 3]);
        assert_eq!(drain(&mut buffer, now), ["1"]);
        assert_eq!(drain(&mut buffer, now + PATIENCE), ["gap 1", "3"]);
        feed(&mut buffer, now + late, &[2]);
        feed(&mut buffer, now + late, &[5]);
        assert!(drain(&mut buffer, now + late * 2).is_empty());
        feed(&mut buffer, now + late * 2, &[4]);
        assert_eq!(drain(&mut buffer, now + late * 2), ["4", "5"]);
    }

    #[test]
    fn what_is_lost_for_good_teaches_nothing() {
        let (mut buffer, mut now) = (JitterBuffer::default(), Instant::now());
        for n in 0..100 {
            feed(&mut buffer, now, &[3 * n, 3 * n + 2]);
            drain(&mut buffer, now);
            now += PATIENCE;
            drain(&mut buffer, now);
        }
        assert_eq!(buffer.patience.wait(), PATIENCE);
    }

    #[test]
    fn what_is_kept_behind_a_hole_is_bounded() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        feed(&mut buffer, now, &[1]);
        drain(&mut buffer, now);
        let many = MOST_KEPT as u64 + 1;
        feed(&mut buffer, now, &(3..3 + many).collect::<Vec<_>>());
        assert_eq!(drain(&mut buffer, now).len() as u64, many + 1);
    }
}
