//! How many bits the voice may have, and how many packets, by what receivers report. Pure.
//!
//! A queue that grows before a narrow link is heard as delay, and then as loss; loss alone is mostly a
//! bad radio, which fewer bits do not mend (FEC does). So the round trip decides, against the shortest
//! one of late: the delay-based half of what RMCAT's controllers do (RFC 8698), for one voice.
//!
//! A link that is narrow from the first packet on has no short round trip to compare with: its queue is
//! full when it is first looked at, and what it shows is heavy loss. That is put to the test: if it
//! goes away with the bits, the link was narrow; if it does not, the bits come back.
//!
//! A report that waited for a busy thread of ours shows a long round trip on any link. Were that taken
//! for a queue, all voices would fall into the speech mode, which costs most, just where there is no
//! time for it: what may have been ours is not counted.

use std::time::{Duration, Instant};

/// What the voice may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Bits a second of Opus.
    pub(crate) bitrate: i32,
    /// Frames of 20 ms in a packet. Its headers (IP, UDP, SRTP with its extensions and its tag) are
    /// 68 bytes: 27 kb/s where each frame has its own, more than the words themselves.
    pub(crate) frames: usize,
}

const fn share(bitrate: i32, frames: usize) -> Share {
    Share { bitrate, frames }
}

/// From a link that carries everything to one of 24 kb/s. Below 12 kb/s words suffer more than from
/// an occasional loss.
const SHARES: [Share; 5] = [
    share(28_000, 1),
    share(20_000, 1),
    share(14_000, 1),
    share(12_000, 2),
    share(12_000, 3),
];
/// Of an agent's voice on a link that carries it.
pub(crate) const MOST: Share = SHARES[0];
const LEAST: usize = SHARES.len() - 1;
/// A round trip so much longer than the shortest is a queue.
const QUEUE: Duration = Duration::from_millis(100);
/// And so little longer is none.
const CLEAR: Duration = Duration::from_millis(30);
/// How long the shortest round trip is remembered: routes change.
const WINDOW: Duration = Duration::from_secs(60);
/// Clear reports in a row before a step up; twice as many each time that a step up was one too many.
const STEADY: u32 = 5;
const STEADIEST: u32 = 80;
/// A share of packets lost that may be a full queue's.
const HEAVY: f32 = 0.15;
/// What is left of it where fewer bits mend it. A test sees about 35 packets: a radio that loses one in
/// ten would pass for a narrow link one time in three if half were enough.
const MENDED: f32 = 1.0 / 8.0;
/// How long loss that fewer bits did not mend is taken for the radio's.
const RADIO: Duration = Duration::from_secs(300);
/// Reports after which a test is over. The first still tells of what was sent before.
const TEST: u32 = 3;

/// Heavy loss without a queue: do fewer bits mend it?
#[derive(Debug)]
struct Test {
    loss: f32,
    from: usize,
    since: f32,
    reports: u32,
}

#[derive(Debug)]
pub(crate) struct Congestion {
    rung: usize,
    shortest: Option<(Duration, Instant)>,
    clear: u32,
    steady: u32,
    /// Reports since the last step up.
    risen: u32,
    test: Option<Test>,
    radio: Option<Instant>,
    /// How long packets waited for this machine at most, since the last report.
    waited: Duration,
}

impl Default for Congestion {
    fn default() -> Self {
        Self {
            rung: 0,
            shortest: None,
            clear: 0,
            steady: STEADY,
            risen: STEADY,
            test: None,
            radio: None,
            waited: Duration::ZERO,
        }
    }
}

impl Congestion {
    /// A packet was read that may have waited so long for it.
    pub(crate) fn waited(&mut self, long: Duration) {
        self.waited = self.waited.max(long);
    }

    /// A report of the last second came, `loss` from 0 to 1: what the voice may have from now on.
    pub(crate) fn report(&mut self, rtt: Duration, loss: f32, now: Instant) -> Share {
        let ours = std::mem::take(&mut self.waited);
        let over = rtt.saturating_sub(self.shortest(rtt, now) + ours);
        let heavy = loss >= HEAVY && self.radio.is_none_or(|until| now >= until);
        self.risen = self.risen.saturating_add(1);
        if over > QUEUE {
            self.test = None;
            self.fall(if heavy { LEAST } else { self.rung + 1 });
        } else if self.test.is_some() {
            self.judge(loss, now);
        } else if heavy {
            self.suspect(loss, now);
        } else if over <= CLEAR {
            self.rise();
        } else {
            self.clear = 0;
        }
        SHARES[self.rung]
    }

    fn shortest(&mut self, rtt: Duration, now: Instant) -> Duration {
        match self.shortest {
            Some((known, at)) if known <= rtt && now < at + WINDOW => known,
            _ => {
                self.shortest = Some((rtt, now));
                rtt
            }
        }
    }

    fn fall(&mut self, to: usize) {
        if self.risen < STEADY {
            self.steady = (self.steady * 2).min(STEADIEST);
        }
        self.clear = 0;
        self.rung = to.min(LEAST);
    }

    fn rise(&mut self) {
        self.clear += 1;
        if self.clear >= self.steady && self.rung > 0 {
            self.rung -= 1;
            (self.clear, self.risen) = (0, 0);
        }
    }

    fn suspect(&mut self, loss: f32, now: Instant) {
        if self.rung == LEAST {
            return self.acquit(0, now);
        }
        self.test = Some(Test {
            loss,
            from: self.rung,
            since: 0.0,
            reports: 0,
        });
        self.fall(LEAST);
    }

    fn judge(&mut self, loss: f32, now: Instant) {
        let Some(test) = &mut self.test else { return };
        test.reports += 1;
        if test.reports > 1 {
            test.since += loss;
        }
        if test.reports < TEST {
            return;
        }
        let mended = test.since / ((TEST - 1) as f32) < test.loss * MENDED;
        let from = test.from;
        self.test = None;
        if !mended {
            self.acquit(from, now);
        }
    }

    /// It is the radio: fewer bits would mend nothing.
    fn acquit(&mut self, rung: usize, now: Instant) {
        self.radio = Some(now + RADIO);
        self.rung = rung;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: Duration = Duration::from_secs(1);

    /// Reports of these round trips, ms, and of this loss; the rung after each.
    fn after(congestion: &mut Congestion, start: Instant, reports: &[(u64, f32)]) -> Vec<usize> {
        let report = |(n, (ms, loss)): (usize, &(u64, f32))| {
            let now = start + REPORT * n as u32;
            let share = congestion.report(Duration::from_millis(*ms), *loss, now);
            SHARES.iter().position(|one| *one == share).unwrap()
        };
        reports.iter().enumerate().map(report).collect()
    }

    fn clean(rtts: &[u64]) -> Vec<(u64, f32)> {
        rtts.iter().map(|ms| (*ms, 0.0)).collect()
    }

    #[test]
    fn what_waited_for_our_own_thread_was_in_no_queue() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let mut report = |n: u32, ms, ours| {
            congestion.waited(Duration::from_millis(ours));
            congestion.report(Duration::from_millis(ms), 0.0, start + REPORT * n)
        };
        for n in 0..10 {
            assert_eq!(report(n, 140 + 30 * u64::from(n), 30 * u64::from(n)), MOST);
        }
        assert_eq!(report(10, 140, 100), MOST);
        assert_eq!(report(11, 140, 0), MOST, "what was ours is no shorter way");
        assert_ne!(report(12, 400, 100), MOST, "the rest was the link's");
    }

    #[test]
    fn a_queue_takes_bits_at_once_and_a_clear_link_gives_them_back_slowly() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let queue = clean(&[40, 40, 300, 310, 320, 330, 330]);
        assert_eq!(after(&mut congestion, start, &queue), [0, 0, 1, 2, 3, 4, 4]);
        let rungs = after(&mut congestion, start + REPORT * 7, &clean(&[45; 30]));
        assert_eq!((rungs[3], rungs[4], rungs[29]), (4, 3, 0));
    }

    #[test]
    fn a_far_away_caller_is_not_a_congested_one() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let rungs = after(&mut congestion, start, &clean(&[400, 410, 450, 395, 420]));
        assert_eq!(rungs, [0; 5]);
    }

    #[test]
    fn a_longer_route_becomes_the_usual_one() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        after(&mut congestion, start, &clean(&[40]));
        let rungs = after(&mut congestion, start + REPORT, &clean(&[240; 90]));
        assert_eq!(rungs[20], LEAST);
        assert!(rungs[89] < LEAST, "{rungs:?}");
    }

    #[test]
    fn a_link_that_was_narrow_from_the_start_is_known_by_loss_that_fewer_bits_mend() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let full = [(440, 0.5), (430, 0.3), (120, 0.0), (110, 0.0), (110, 0.0)];
        assert_eq!(after(&mut congestion, start, &full), [LEAST; 5]);
    }

    #[test]
    fn loss_that_fec_mends_is_no_suspicion() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let lossy = [(60, 0.1), (65, 0.14), (60, 0.06), (60, 0.08), (60, 0.12)];
        assert_eq!(after(&mut congestion, start, &lossy), [0; 5]);
    }

    #[test]
    fn a_lucky_second_does_not_make_a_radio_a_narrow_link() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let lucky = [(60, 0.18), (60, 0.1), (60, 0.03), (60, 0.06), (60, 0.2)];
        let rungs = after(&mut congestion, start, &lucky);
        assert_eq!(rungs, [LEAST, LEAST, LEAST, 0, 0]);
    }

    #[test]
    fn a_bad_radio_gets_its_bits_back_and_is_not_suspected_again() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let rungs = after(&mut congestion, start, &[(60, 0.2); 60]);
        assert_eq!(rungs[..4], [LEAST, LEAST, LEAST, 0]);
        assert_eq!(rungs[4..], [0; 56]);
    }

    #[test]
    fn a_step_too_far_is_tried_more_and_more_rarely() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let mut tries = 0;
        let (mut rtt, mut last) = (40, 0);
        congestion.rung = LEAST;
        for n in 0..300 {
            let rung = after(&mut congestion, start + REPORT * n, &clean(&[rtt]))[0];
            tries += u32::from(rung < LEAST && last == LEAST);
            // The link carries the least and nothing more.
            rtt = if rung < LEAST { 300 } else { 40 };
            last = rung;
        }
        assert!((3..=6).contains(&tries), "{tries}");
    }
}
