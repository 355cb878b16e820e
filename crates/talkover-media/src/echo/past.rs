//! The last moments of a sound at 8 kHz, numbered by a clock that never stops.

use std::f32::consts::PI;

/// Length of the low-pass filter before samples are dropped.
const TAPS: usize = 24;
/// Bits of a tap behind the point: all taps and the loudest sound stay within 32 bits.
const SCALE: u32 = 14;
/// The longest chunk taken at once: 20 ms at 24 kHz.
const LONGEST: usize = 480;

#[derive(Debug)]
pub(super) struct Past {
    /// Sample `n` is at `n % LENGTH`.
    samples: Vec<i16>,
    end: u64,
    factor: usize,
    taps: [i16; TAPS],
    tail: [i16; TAPS],
}

impl Past {
    /// Keeps `length` samples (a power of two) of a sound at `factor` × 8 kHz.
    pub(super) fn new(length: usize, factor: usize) -> Self {
        debug_assert!(length.is_power_of_two());
        Self {
            samples: vec![0; length],
            end: 0,
            factor,
            taps: low_pass(0.9 / factor as f32),
            tail: [0; TAPS],
        }
    }

    /// The number that the next sample will have.
    pub(super) fn end(&self) -> i64 {
        self.end as i64
    }

    /// Takes a chunk that starts at sample `at`; what was not given before it was silence.
    pub(super) fn push(&mut self, at: u64, pcm: &[i16]) {
        self.be_silent_until(at);
        let mut sound = [0; TAPS + LONGEST];
        sound[..TAPS].copy_from_slice(&self.tail);
        sound[TAPS..TAPS + pcm.len()].copy_from_slice(pcm);
        for first in (0..pcm.len()).step_by(self.factor) {
            let mut window = [0; TAPS];
            window.copy_from_slice(&sound[first..first + TAPS]);
            let slot = self.end as usize & (self.samples.len() - 1);
            let sum = dot(&window, &self.taps) >> SCALE;
            self.samples[slot] = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            self.end += 1;
        }
        self.tail
            .copy_from_slice(&sound[pcm.len()..pcm.len() + TAPS]);
    }

    fn be_silent_until(&mut self, at: u64) {
        let missing = at.saturating_sub(self.end) as usize;
        if missing > 0 {
            self.tail = [0; TAPS];
        }
        if missing >= self.samples.len() {
            self.samples.fill(0);
        } else {
            for n in self.end as usize..at as usize {
                let slot = n & (self.samples.len() - 1);
                self.samples[slot] = 0;
            }
        }
        self.end = self.end.max(at);
    }

    /// `count` samples from number `from` on; silence where none are known.
    pub(super) fn range(&self, from: i64, count: usize) -> impl Iterator<Item = f32> {
        let known = self.end() - self.samples.len() as i64..self.end();
        (from..from + count as i64).map(move |n| {
            if known.contains(&n) {
                f32::from(self.samples[n as usize & (self.samples.len() - 1)])
            } else {
                0.0
            }
        })
    }
}

/// Whole numbers, of which processors multiply and add eight at once.
fn dot(a: &[i16; TAPS], b: &[i16; TAPS]) -> i32 {
    let products = a.iter().zip(b);
    products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// Windowed sinc, in units of 1/2^`SCALE`; `cutoff` in halves of the sample rate.
fn low_pass(cutoff: f32) -> [i16; TAPS] {
    let mut taps = [0; TAPS];
    for (n, tap) in taps.iter_mut().enumerate() {
        let x = n as f32 - (TAPS as f32 - 1.0) / 2.0;
        let window = 0.54 + 0.46 * (2.0 * PI * x / TAPS as f32).cos();
        let exact = (PI * x * cutoff).sin() / (PI * x) * window;
        *tap = (exact * f32::from(1_i16 << SCALE)).round() as i16;
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_keeps_its_level_and_its_place_after_a_pause() {
        let tone: Vec<i16> = (0..480)
            .map(|n| ((n as f32 * 0.2).sin() * 8000.0) as i16)
            .collect();
        let mut past = Past::new(1024, 3);
        past.push(160, &tone);
        past.push(960, &tone);
        assert_eq!(past.end(), 1120);
        assert!(past.range(320, 640).all(|sample| sample == 0.0));
        let power: f32 = past.range(980, 100).map(|s| s * s).sum::<f32>() / 100.0;
        assert!((power.sqrt() - 5657.0).abs() < 300.0, "{}", power.sqrt());
        assert_eq!(past.range(0, 96).sum::<f32>(), 0.0, "too old");
        assert_eq!(past.range(1120, 9).sum::<f32>(), 0.0, "not yet there");
    }
}
