//! Counters of the media thread, read from any other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BUCKETS: usize = 400;
/// Width of a bucket, µs.
const WIDTH: u64 = 250;
/// A frame sent so much after its due time counts as late: half of its own length.
const LATE: Duration = Duration::from_millis(10);

/// How late frames were sent, in steps of 0.25 ms up to 100 ms, and what passed.
#[derive(Debug)]
pub struct Stats {
    late: [AtomicU64; BUCKETS],
    pub frames_sent: AtomicU64,
    pub frames_late: AtomicU64,
    pub peers: AtomicU64,
    pub frames_in: AtomicU64,
    pub packets_in: AtomicU64,
    pub packets_out: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            late: [const { AtomicU64::new(0) }; BUCKETS],
            frames_sent: AtomicU64::new(0),
            frames_late: AtomicU64::new(0),
            peers: AtomicU64::new(0),
            frames_in: AtomicU64::new(0),
            packets_in: AtomicU64::new(0),
            packets_out: AtomicU64::new(0),
        }
    }
}

impl Stats {
    pub fn frame(&self, late: Duration) {
        let bucket = (late.as_micros() as u64 / WIDTH).min(BUCKETS as u64 - 1);
        self.late[bucket as usize].fetch_add(1, Ordering::Relaxed);
        self.frames_sent.fetch_add(1, Ordering::Relaxed);
        if late > LATE {
            self.frames_late.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Frames sent, and the lateness that `share` (0..=1) of them did not exceed, ms.
    pub fn lateness(&self, share: f64) -> (u64, f64) {
        let counts: Vec<u64> = self
            .late
            .iter()
            .map(|n| n.load(Ordering::Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && total > 0 {
                return (total, (bucket as u64 + 1) as f64 * WIDTH as f64 / 1000.0);
            }
        }
        (total, 0.0)
    }

    /// Forgets the lateness so far: a measurement begins.
    pub fn reset(&self) {
        for bucket in &self.late {
            bucket.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_frames_are_counted_for_good() {
        let stats = Stats::default();
        for ms in [0, 10, 11, 200] {
            stats.frame(Duration::from_millis(ms));
        }
        stats.reset();
        stats.frame(Duration::from_millis(1));
        assert_eq!(stats.frames_sent.load(Ordering::Relaxed), 5);
        assert_eq!(stats.frames_late.load(Ordering::Relaxed), 2);
        assert_eq!(stats.lateness(1.0).0, 1);
    }
}
