//! How hard the encoder tries, by whether its frames are in time. Pure.
//!
//! A frame that leaves late is worse than one that sounds a little plainer: on a machine with more
//! calls than it can carry, the encoder's effort is what can be given up. In Opus' low-delay mode
//! the least effort takes 60 % of the usual one's time, in speech mode 42 %.

use std::time::Duration;

/// Opus' complexity, 0 to 10.
pub(crate) const USUAL: i32 = 5;
const LEAST: i32 = 0;
/// A frame that leaves so late is a sign of strain.
const LATE: Duration = Duration::from_millis(5);
/// Frames that are judged together: a second of voice.
const WINDOW: u32 = 50;
/// So many late ones among them are too many.
const MANY: u32 = 10;
/// Windows in a row without one, after which the usual effort is tried again.
const CALM: u32 = 10;

#[derive(Debug)]
pub(crate) struct Effort {
    complexity: i32,
    frames: u32,
    late: u32,
    calm: u32,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            complexity: USUAL,
            frames: 0,
            late: 0,
            calm: 0,
        }
    }
}

impl Effort {
    /// A frame left so much after its time. The complexity from now on, where it changes.
    pub(crate) fn sent(&mut self, after: Duration) -> Option<i32> {
        self.frames += 1;
        self.late += u32::from(after > LATE);
        if self.frames < WINDOW {
            return None;
        }
        let late = std::mem::take(&mut self.late);
        self.frames = 0;
        self.calm = if late == 0 { self.calm + 1 } else { 0 };
        let wanted = match self.complexity {
            USUAL if late >= MANY => LEAST,
            LEAST if self.calm >= CALM => USUAL,
            same => same,
        };
        (std::mem::replace(&mut self.complexity, wanted) != wanted).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of voice in which every `nth` frame is late; what changed.
    fn seconds(effort: &mut Effort, many: u32, nth: u32) -> Vec<i32> {
        let frames = 0..many * WINDOW;
        let sent = |n| {
            effort.sent(if n % nth == nth - 1 {
                LATE * 2
            } else {
                LATE / 5
            })
        };
        frames.filter_map(sent).collect()
    }

    #[test]
    fn strain_lowers_it_within_a_second_and_ten_calm_ones_raise_it() {
        let mut effort = Effort::default();
        assert_eq!(seconds(&mut effort, 1, 5), [LEAST]);
        assert_eq!(seconds(&mut effort, 5, 5), []);
        assert_eq!(seconds(&mut effort, 9, u32::MAX), []);
        assert_eq!(seconds(&mut effort, 3, u32::MAX), [USUAL]);
    }

    #[test]
    fn a_frame_that_is_late_now_and_then_changes_nothing() {
        let mut effort = Effort::default();
        assert_eq!(seconds(&mut effort, 60, 20), []);
    }
}
