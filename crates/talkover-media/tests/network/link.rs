//! One direction of a network: loses, delays and reorders, by the numbers of a seed.

use std::time::{Duration, Instant};

/// Packets that wait longer before a narrow link are dropped.
const QUEUE: Duration = Duration::from_millis(400);
/// Bytes of IPv4 and UDP.
const HEADERS: usize = 28;

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
    /// Kilobits a second that the link carries, IP headers included; none: everything.
    pub(crate) kbps: Option<u32>,
}

pub(crate) struct Link {
    pub(crate) weather: Weather,
    /// Nothing passes until then.
    pub(crate) blackout: Option<Instant>,
    /// The packets before this one are through by then.
    busy: Option<Instant>,
    dice: Dice,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            blackout: None,
            busy: None,
            dice: Dice::new(seed),
        }
    }

    /// When a packet that is sent now arrives; none: never.
    pub(crate) fn send(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let (loss, more) = (self.dice.roll(), self.dice.roll());
        let start = self.busy.map_or(now, |busy| busy.max(now));
        let takes = self.weather.kbps.map_or(Duration::ZERO, |kbps| {
            Duration::from_micros((bytes + HEADERS) as u64 * 8000 / u64::from(kbps))
        });
        if start + takes > now + QUEUE {
            return None;
        }
        self.busy = Some(start + takes);
        if self.blackout.is_some_and(|until| now < until) || loss < self.weather.loss {
            return None;
        }
        Some(start + takes + self.weather.delay + self.weather.jitter.mul_f64(more))
    }
}
