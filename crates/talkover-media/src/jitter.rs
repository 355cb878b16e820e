//! Puts a sender's packets back in order and says where sound is missing.
//!
//! A late packet is waited for at most `PATIENCE`; meanwhile later ones are kept. Then the gap is
//! filled from the next packet's FEC copy, or concealed. Nothing is delayed while all is in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a hole is kept open for a packet that may still come.
pub const PATIENCE: Duration = Duration::from_millis(40);
/// More than this behind a hole: the hole is real (bounds memory too).
const MOST_KEPT: usize = 12;

/// What to decode next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The packet that follows.
    Packet { time: u64, payload: Vec<u8> },
    /// `ticks` of the RTP clock are missing before `next`, which stays queued.
    Gap {
        time: u64,
        ticks: u64,
        next: Vec<u8>,
    },
}

#[derive(Debug, Default)]
pub struct JitterBuffer {
    kept: BTreeMap<u64, (u64, Vec<u8>)>,
    /// Sequence number and RTP time that would follow in order.
    expected: Option<(u64, u64)>,
    waiting_since: Option<Instant>,
}

impl JitterBuffer {
    /// Takes a packet; `seq` and `time` are extended (never wrap). Old ones and doubles are dropped.
    pub fn insert(&mut self, now: Instant, seq: u64, time: u64, payload: &[u8]) {
        if self.expected.is_some_and(|(next, _)| seq < next) {
            return;
        }
        self.kept
            .entry(seq)
            .or_insert_with(|| (time, payload.to_vec()));
        if self.waiting_since.is_none() && !self.in_order() {
            self.waiting_since = Some(now);
        }
    }

    /// The next thing to decode, if it is due. `ticks_of` gives a packet's length.
    pub fn next(&mut self, now: Instant, ticks_of: impl Fn(&[u8]) -> u64) -> Option<Next> {
        let (&seq, (time, _)) = self.kept.first_key_value()?;
        let time = *time;
        if !self.in_order() {
            let given_up = self.kept.len() > MOST_KEPT
                || self
                    .waiting_since
                    .is_some_and(|since| now >= since + PATIENCE);
            if !given_up {
                return None;
            }
            let (_, due) = self.expected.unwrap_or((seq, time));
            self.expected = Some((seq, time));
            self.waiting_since = None;
            if time > due {
                let next = self.kept[&seq].1.clone();
                return Some(Next::Gap {
                    time: due,
                    ticks: time - due,
                    next,
                });
            }
        }
        let (seq, (time, payload)) = self.kept.pop_first()?;
        self.expected = Some((seq + 1, time + ticks_of(&payload)));
        self.waiting_since = (!self.kept.is_empty() && !self.in_order()).then_some(now);
        Some(Next::Packet { time, payload })
    }

    /// When `next` must be asked again although nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + PATIENCE)
    }

    fn in_order(&self) -> bool {
        match (self.expected, self.kept.first_key_value()) {
            (Some((next, _)), Some((&seq, _))) => seq == next,
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
            buffer.insert(now, seq, seq * 960, &[seq as u8]);
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
    fn what_is_kept_behind_a_hole_is_bounded() {
        let (mut buffer, now) = (JitterBuffer::default(), Instant::now());
        feed(&mut buffer, now, &[1]);
        drain(&mut buffer, now);
        feed(&mut buffer, now, &(3..=16).collect::<Vec<_>>());
        assert_eq!(drain(&mut buffer, now).len(), 15);
    }
}
