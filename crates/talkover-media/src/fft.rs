//! Spectra by rustfft, which picks the processor's vector instructions when it runs.

use std::sync::{Arc, LazyLock};

use rustfft::{Fft, FftPlanner};

pub(crate) use rustfft::num_complex::Complex32 as Complex;

/// The transform of one length, made once for all peers.
pub(crate) struct Transform<const LENGTH: usize>(LazyLock<Arc<dyn Fft<f32>>>);

impl<const LENGTH: usize> Transform<LENGTH> {
    pub(crate) const fn new() -> Self {
        Self(LazyLock::new(|| FftPlanner::new().plan_fft_forward(LENGTH)))
    }

    /// Turns `LENGTH` samples into their spectrum.
    pub(crate) fn run(&self, data: &mut [Complex]) {
        self.0.process(data);
    }
}

/// The spectra, at bin `n`, of two real signals that were transformed as one (`first + i·second`).
pub(crate) fn unpack(packed: &[Complex], n: usize) -> (Complex, Complex) {
    let (a, b) = (packed[n], packed[(packed.len() - n) % packed.len()].conj());
    let (sum, difference) = ((a + b) / 2.0, (a - b) / 2.0);
    (sum, Complex::new(difference.im, -difference.re))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    #[test]
    fn two_tones_packed_as_one_come_apart() {
        let tone = |hz: usize, n: usize| (TAU * (hz * n) as f32 / 256.0).cos();
        let mut data: Vec<Complex> = (0..256)
            .map(|n| Complex::new(tone(5, n), 0.5 * tone(20, n)))
            .collect();
        Transform::<256>::new().run(&mut data);
        for n in 0..=128 {
            let (first, second) = unpack(&data, n);
            let expected = |at| if n == at { 128.0 } else { 0.0 };
            assert!((first.re - expected(5)).abs() < 0.01 && first.im.abs() < 0.01);
            assert!((second.re - expected(20) / 2.0).abs() < 0.01 && second.im.abs() < 0.01);
        }
    }
}
