//! A radix-2 fast Fourier transform, in place, for lengths up to `LONGEST`.

use std::f32::consts::PI;
use std::ops::{Add, Mul, Sub};
use std::sync::LazyLock;

pub(crate) const LONGEST: usize = 8192;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Complex {
    pub(crate) re: f32,
    pub(crate) im: f32,
}

impl Complex {
    pub(crate) fn conj(self) -> Self {
        Self {
            re: self.re,
            im: -self.im,
        }
    }

    pub(crate) fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            re: self.re - other.re,
            im: self.im - other.im,
        }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// e^(−2πi n / LONGEST), shared by all lengths and peers.
static TWIDDLES: LazyLock<Vec<Complex>> = LazyLock::new(|| {
    let turn = |n: usize| -2.0 * PI * n as f32 / LONGEST as f32;
    let twiddle = |n| Complex {
        re: turn(n).cos(),
        im: turn(n).sin(),
    };
    (0..LONGEST / 2).map(twiddle).collect()
});

/// The spectrum of `data`, whose length is a power of two.
pub(crate) fn transform(data: &mut [Complex]) {
    let length = data.len();
    debug_assert!(length.is_power_of_two() && length <= LONGEST);
    for n in 1..length {
        let mirrored = n.reverse_bits() >> (usize::BITS - length.trailing_zeros());
        if n < mirrored {
            data.swap(n, mirrored);
        }
    }
    let twiddles = &TWIDDLES[..];
    let mut half = 1;
    while half < length {
        let stride = LONGEST / (2 * half);
        for pair in data.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (n, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turned = *b * twiddles[n * stride];
                (*a, *b) = (*a + turned, *a - turned);
            }
        }
        half *= 2;
    }
}

/// The spectra, at bin `n`, of two real signals that were transformed as one (`first + i·second`).
pub(crate) fn unpack(packed: &[Complex], n: usize) -> (Complex, Complex) {
    let (a, b) = (packed[n], packed[(packed.len() - n) % packed.len()].conj());
    let (sum, difference) = (a + b, a - b);
    let first = Complex {
        re: sum.re / 2.0,
        im: sum.im / 2.0,
    };
    let second = Complex {
        re: difference.im / 2.0,
        im: -difference.re / 2.0,
    };
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tones_packed_as_one_come_apart() {
        let tone = |hz: usize, n: usize| (2.0 * PI * (hz * n) as f32 / 256.0).cos();
        let mut data: Vec<Complex> = (0..256)
            .map(|n| Complex {
                re: tone(5, n),
                im: 0.5 * tone(20, n),
            })
            .collect();
        transform(&mut data);
        for n in 0..=128 {
            let (first, second) = unpack(&data, n);
            let expected = |at| if n == at { 128.0 } else { 0.0 };
            assert!((first.re - expected(5)).abs() < 0.01 && first.im.abs() < 0.01);
            assert!((second.re - expected(20) / 2.0).abs() < 0.01 && second.im.abs() < 0.01);
        }
    }
}
