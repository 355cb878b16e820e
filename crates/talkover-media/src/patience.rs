//! A wait that is as long as what came of late needed.
//!
//! The lateness of each packet is counted in a histogram of the last 20 to 30 s, and the wait is what
//! all but one in so many of them would have needed: a storm raises it with its first packets, a rare
//! straggler does not, and calm lowers it when the last storm is half a minute old. (The
//! quantile of a histogram is how `NetEQ` finds its delay; the window in place of decay bounds how
//! long anything is remembered.)

use std::time::Duration;

/// The longest wait, whatever came.
const MOST: Duration = Duration::from_millis(240);
/// Width of a bin; a wait ends with the bin above that of what is waited for.
const BIN: Duration = Duration::from_millis(10);
const BINS: usize = (MOST.as_millis() / BIN.as_millis()) as usize;
/// Packets of a part of the window: 10 s where none is silent.
const PART: u16 = 500;
/// The part that fills, and those before it.
const PARTS: usize = 3;

#[derive(Debug)]
pub(crate) struct Patience {
    least: Duration,
    rare: u32,
    wait: Duration,
    /// How many packets were late by so many bins, by part; the first is the one that fills.
    late: [[u16; BINS]; PARTS],
    filled: u16,
}

impl Patience {
    /// Never shorter than `least`; one packet in `rare` may need more.
    pub(crate) const fn new(least: Duration, rare: u32) -> Self {
        Self {
            least,
            rare,
            wait: least,
            late: [[0; BINS]; PARTS],
            filled: 0,
        }
    }

    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// A packet came after so long a wait, or when it was given up already.
    pub(crate) fn late(&mut self, needed: Duration) {
        self.count((needed.as_millis() / BIN.as_millis()) as usize);
        self.wait = self.learnt();
    }

    /// A packet came without being waited for.
    pub(crate) fn punctual(&mut self) {
        self.count(0);
    }

    fn count(&mut self, bin: usize) {
        self.late[0][bin.min(BINS - 1)] += 1;
        self.filled += 1;
        if self.filled == PART {
            self.filled = 0;
            self.late.rotate_right(1);
            self.late[0] = [0; BINS];
            self.wait = self.learnt();
        }
    }

    fn learnt(&self) -> Duration {
        let of = |bin: usize| {
            self.late
                .iter()
                .map(|part| u32::from(part[bin]))
                .sum::<u32>()
        };
        let mut allowed = (0..BINS).map(of).sum::<u32>() / self.rare;
        let mut bins = BINS;
        while bins > 1 && of(bins - 1) <= allowed {
            bins -= 1;
            allowed -= of(bins);
        }
        (BIN * bins as u32 + BIN).clamp(self.least, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(40);
    const LATE: Duration = Duration::from_millis(105);
    const ENOUGH: Duration = Duration::from_millis(120);

    fn calm(patience: &mut Patience, packets: u32) {
        (0..packets).for_each(|_| patience.punctual());
    }

    #[test]
    fn the_first_late_packets_are_learnt_from_at_once_and_within_bounds() {
        let mut patience = Patience::new(LEAST, 200);
        patience.late(Duration::from_millis(20));
        assert_eq!(patience.wait(), LEAST);
        patience.late(LATE);
        assert_eq!(patience.wait(), ENOUGH);
        patience.late(Duration::from_secs(5));
        assert_eq!(patience.wait(), MOST);
    }

    #[test]
    fn a_storm_is_remembered_for_twenty_seconds_and_forgotten_after_thirty() {
        let mut patience = Patience::new(LEAST, 200);
        for _ in 0..10 {
            patience.late(LATE);
        }
        calm(&mut patience, 20 * 50 - 10);
        assert_eq!(patience.wait(), ENOUGH);
        calm(&mut patience, 10 * 50);
        assert_eq!(patience.wait(), LEAST);
    }

    #[test]
    fn one_straggler_in_a_long_calm_is_given_up_and_a_storm_is_not() {
        let mut patience = Patience::new(LEAST, 200);
        calm(&mut patience, 20 * 50);
        patience.late(LATE);
        assert_eq!(patience.wait(), LEAST);
        for _ in 0..5 {
            patience.late(LATE);
        }
        assert_eq!(patience.wait(), ENOUGH);
    }
}
