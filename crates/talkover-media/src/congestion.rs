//! How many bits the voice may have, by what receivers report. Pure.
//!
//! A queue that grows before a narrow link is heard as delay, and then as loss; loss alone is a bad
//! radio, which fewer bits do not mend (FEC does). So the round trip decides, against the shortest
//! one of late: the delay-based half of what RMCAT's controllers do (RFC 8698), for one voice.

use std::time::{Duration, Instant};

/// Of an agent's voice on a link that carries it.
pub(crate) const MOST: i32 = 28_000;
/// Below this, words suffer more than from an occasional loss.
const LEAST: i32 = 12_000;
/// A round trip so much longer than the shortest is a queue.
const QUEUE: Duration = Duration::from_millis(100);
/// And so little longer is none.
const CLEAR: Duration = Duration::from_millis(30);
/// How long the shortest round trip is remembered: routes change.
const WINDOW: Duration = Duration::from_secs(60);
/// Clear reports in a row before a step up.
const STEADY: u32 = 3;
const STEP: i32 = 2000;

#[derive(Debug)]
pub(crate) struct Congestion {
    bitrate: i32,
    shortest: Option<(Duration, Instant)>,
    clear: u32,
}

impl Default for Congestion {
    fn default() -> Self {
        Self {
            bitrate: MOST,
            shortest: None,
            clear: 0,
        }
    }
}

impl Congestion {
    /// A report came: bits a second from now on.
    pub(crate) fn report(&mut self, rtt: Duration, now: Instant) -> i32 {
        let shortest = match self.shortest {
            Some((known, at)) if known <= rtt && now < at + WINDOW => known,
            _ => {
                self.shortest = Some((rtt, now));
                rtt
            }
        };
        if rtt > shortest + QUEUE {
            self.clear = 0;
            self.bitrate = (self.bitrate * 7 / 10).max(LEAST);
        } else if rtt <= shortest + CLEAR {
            self.clear += 1;
            if self.clear.is_multiple_of(STEADY) {
                self.bitrate = (self.bitrate + STEP).min(MOST);
            }
        } else {
            self.clear = 0;
        }
        self.bitrate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: Duration = Duration::from_secs(2);

    /// Reports of these round trips, ms; the bitrate after each.
    fn after(congestion: &mut Congestion, start: Instant, rtts: &[u64]) -> Vec<i32> {
        let at = |n: usize| start + REPORT * n as u32;
        let report = |(n, ms): (usize, &u64)| congestion.report(Duration::from_millis(*ms), at(n));
        rtts.iter().enumerate().map(report).collect()
    }

    #[test]
    fn a_queue_takes_bits_at_once_and_a_clear_link_gives_them_back_slowly() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let rates = after(&mut congestion, start, &[40, 40, 300, 310, 320, 330]);
        assert_eq!(rates, [MOST, MOST, 19_600, 13_720, LEAST, LEAST]);
        let rates = after(&mut congestion, start + REPORT * 6, &[45; 30]);
        assert_eq!(rates[2], LEAST + STEP);
        assert_eq!(rates[29], MOST);
    }

    #[test]
    fn a_far_away_caller_is_not_a_congested_one() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        let rates = after(&mut congestion, start, &[400, 410, 450, 395, 420]);
        assert_eq!(rates, [MOST; 5]);
    }

    #[test]
    fn a_longer_route_becomes_the_usual_one() {
        let (mut congestion, start) = (Congestion::default(), Instant::now());
        after(&mut congestion, start, &[40]);
        let rates = after(&mut congestion, start + REPORT, &[240; 60]);
        assert_eq!(rates[20], LEAST);
        assert!(rates[59] > LEAST, "{rates:?}");
    }
}
