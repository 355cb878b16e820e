//! A wait that what comes too late makes longer, and what comes in time shortens again.

use std::time::Duration;

/// The longest that can be learnt.
const MOST: Duration = Duration::from_millis(240);
/// More than was just needed.
const MARGIN: Duration = Duration::from_millis(10);
/// Part of the learnt wait that a packet in time takes back: half of it is gone in 7 s.
const FORGET: u32 = 512;

#[derive(Debug)]
pub(crate) struct Patience {
    least: Duration,
    more: Duration,
}

impl Patience {
    pub(crate) const fn new(least: Duration) -> Self {
        Self {
            least,
            more: Duration::ZERO,
        }
    }

    pub(crate) fn wait(&self) -> Duration {
        self.least + self.more
    }

    /// Something came after it was given up; so long a wait would have had it.
    pub(crate) fn late(&mut self, needed: Duration) {
        let needed = (needed + MARGIN).min(MOST);
        self.more = self.more.max(needed.saturating_sub(self.least));
    }

    /// A packet came in time.
    pub(crate) fn punctual(&mut self) {
        self.more -= self.more / FORGET;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_at_once_within_bounds_and_shrinks_slowly() {
        let least = Duration::from_millis(40);
        let mut patience = Patience::new(least);
        patience.late(Duration::from_millis(20));
        assert_eq!(patience.wait(), least);
        patience.late(Duration::from_millis(100));
        assert_eq!(patience.wait(), Duration::from_millis(110));
        patience.late(Duration::from_secs(5));
        assert_eq!(patience.wait(), MOST);
        for _ in 0..5000 {
            patience.punctual();
        }
        assert!(patience.wait() < least + Duration::from_millis(1));
    }
}
