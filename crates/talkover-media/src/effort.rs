//! How hard the encoders of a thread try, by whether its frames are in time. Pure.
//!
//! A frame that leaves late is worse than one that sounds a little plainer: on a machine with more
//! calls than it can carry, the encoders' effort is what can be given up. In Opus' low-delay mode
//! the least effort takes 60 % of the usual one's time, in speech mode 42 %. All voices of a thread
//! share its time, so they have one effort: were each to judge alone, they would all try the usual
//! one again at once, and all be late together.

use std::time::{Duration, Instant};

/// Opus' complexity, 0 to 10.
pub(crate) const USUAL: i32 = 5;
const LEAST: i32 = 0;
/// A frame that leaves so late is a sign of strain.
const LATE: Duration = Duration::from_millis(5);
/// What is judged together.
const WINDOW: Duration = Duration::from_millis(500);
/// The share of late frames in it that is too many.
const MANY: f64 = 0.1;
/// The share of its time that a thread may work before its frames begin to wait for each other.
const FULL: f64 = 0.85;
/// The share at the least effort from which the usual one is not too much: with nothing but voices
/// to encode it takes 1.7 times as long.
const ROOM: f64 = 0.45;
/// Time without strain, and with room, after which the usual effort is tried again.
const CALM: Duration = Duration::from_secs(10);
/// Where that was a mistake the next time is twice as far away, up to so far.
const LONGEST: Duration = Duration::from_secs(320);

#[derive(Debug)]
pub(crate) struct Effort {
    complexity: i32,
    window: Instant,
    worked: Duration,
    frames: u32,
    late: u32,
    /// Since when there was neither strain nor, at the least effort, a lack of room.
    calm: Instant,
    patience: Duration,
}

impl Effort {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            complexity: USUAL,
            window: now,
            worked: Duration::ZERO,
            frames: 0,
            late: 0,
            calm: now,
            // Nothing was tried in vain yet: strain at once doubles this.
            patience: CALM / 2,
        }
    }

    pub(crate) fn complexity(&self) -> i32 {
        self.complexity
    }

    /// A frame left so much after its time.
    pub(crate) fn sent(&mut self, after: Duration) {
        self.frames += 1;
        self.late += u32::from(after > LATE);
    }

    /// The thread worked so long before it waits again, now. The complexity from now on, where it
    /// changes.
    pub(crate) fn worked(&mut self, long: Duration, now: Instant) -> Option<i32> {
        self.worked += long;
        let passed = now.saturating_duration_since(self.window);
        if passed < WINDOW {
            return None;
        }
        let busy = self.worked.as_secs_f64() / passed.as_secs_f64();
        let strained = busy > FULL || f64::from(self.late) > MANY * f64::from(self.frames);
        (self.window, self.worked) = (now, Duration::ZERO);
        (self.frames, self.late) = (0, 0);
        if self.complexity == LEAST && (strained || busy > ROOM) {
            self.calm = now;
        }
        let calm = now.saturating_duration_since(self.calm);
        let wanted = match self.complexity {
            USUAL if strained => LEAST,
            LEAST if calm >= self.patience => USUAL,
            _ => return None,
        };
        if wanted == LEAST {
            let in_vain = calm < self.patience;
            self.patience = if in_vain {
                (self.patience * 2).min(LONGEST)
            } else {
                CALM
            };
        }
        (self.complexity, self.calm) = (wanted, now);
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread with 20 voices, seen every 10 ms.
    struct Thread {
        effort: Effort,
        began: Instant,
        now: Instant,
    }

    impl Thread {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                effort: Effort::new(now),
                began: now,
                now,
            }
        }

        /// So many seconds, of which a share is work and in which one frame of `every` is late;
        /// what changed, and when.
        fn run(&mut self, seconds: u64, busy: f64, every: u32) -> Vec<(u64, i32)> {
            let step = Duration::from_millis(10);
            let mut changes = Vec::new();
            for n in 0..seconds as u32 * 100 {
                for voice in 0..10 {
                    let late = (n * 10 + voice) % every == every - 1;
                    self.effort.sent(if late { LATE * 2 } else { LATE / 5 });
                }
                self.now += step;
                if let Some(changed) = self.effort.worked(step.mul_f64(busy), self.now) {
                    changes.push(((self.now - self.began).as_secs(), changed));
                }
            }
            changes
        }
    }

    const NEVER: u32 = u32::MAX;

    #[test]
    fn late_frames_lower_it_within_half_a_second_and_ten_calm_ones_raise_it() {
        let mut thread = Thread::new();
        assert_eq!(thread.run(1, 0.6, 5), [(0, LEAST)]);
        assert_eq!(thread.run(5, 0.4, 5), []);
        assert_eq!(thread.run(12, 0.4, NEVER), [(16, USUAL)]);
    }

    #[test]
    fn a_thread_without_room_is_spared_before_its_frames_are_late() {
        let mut thread = Thread::new();
        assert_eq!(thread.run(1, 0.9, NEVER), [(0, LEAST)]);
        // At the least effort all is in time, but the usual one would be too much again.
        assert_eq!(thread.run(600, 0.55, NEVER), []);
    }

    #[test]
    fn a_frame_that_is_late_now_and_then_changes_nothing() {
        assert_eq!(Thread::new().run(60, 0.5, 20), []);
    }

    #[test]
    fn who_tried_again_in_vain_waits_longer_each_time() {
        let mut thread = Thread::new();
        let mut tried = Vec::new();
        for _ in 0..600 {
            let busy = if thread.effort.complexity() == USUAL {
                0.9
            } else {
                0.4
            };
            tried.extend(thread.run(1, busy, NEVER));
        }
        let raised: Vec<u64> = tried
            .iter()
            .filter(|(_, c)| *c == USUAL)
            .map(|(at, _)| *at)
            .collect();
        let apart: Vec<u64> = raised.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(apart.windows(2).all(|two| two[1] > two[0]), "{raised:?}");
        assert!(raised.len() <= 6, "{raised:?}");
    }
}
