//! One direction of a network: loses, delays and reorders, by the numbers of a seed.

use std::time::{Duration, Instant};

/// A small generator of its own (Numerical Recipes' LCG): the same seed, the same network.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 up to 1.
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What a link does to packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Share of packets lost, 0 to 1.
    pub(crate) loss: f64,
    pub(crate) delay: Duration,
    /// Up to this much more delay, evenly spread, so that packets overtake each other.
    pub(crate) jitter: Duration,
}

pub(crate) struct Link {
    pub(crate) weather: Weather,
    /// Nothing passes until then.
    pub(crate) blackout: Option<Instant>,
    dice: Dice,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            blackout: None,
            dice: Dice::new(seed),
        }
    }

    /// When a packet that is sent now arrives; none: never.
    pub(crate) fn send(&mut self, now: Instant) -> Option<Instant> {
        let (loss, more) = (self.dice.roll(), self.dice.roll());
        if self.blackout.is_some_and(|until| now < until) || loss < self.weather.loss {
            return None;
        }
        Some(now + self.weather.delay + self.weather.jitter.mul_f64(more))
    }
}
