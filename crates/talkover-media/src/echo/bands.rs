//! How loud is the echo expected to be? Per band, from what was sent and a learnt gain.
//!
//! Only powers are compared, never waveforms: that survives two codecs, a loudspeaker that
//! distorts, a jitter buffer that stretches time and clocks that drift.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::fft::{Complex, Transform, unpack};

/// Samples at 8 kHz that a spectrum is made of: 32 ms, of which a step of 16 ms is new.
pub(super) const WINDOW: usize = 256;
pub(super) const BANDS: usize = 18;
/// First bins (31.25 Hz each) of the bands: 125 Hz to 3.7 kHz.
const EDGES: [usize; BANDS + 1] = [
    4, 7, 10, 13, 16, 19, 22, 25, 29, 33, 38, 44, 51, 59, 68, 78, 90, 104, 118,
];
/// What remains of a sound in the room after a step: 60 dB fall in 320 ms.
const ROOM: f32 = 0.5;
/// Share of the whole echo that distortion spreads over every band: −33 dB.
const LEAK: f32 = 0.0005;
/// Power that is always there: half a step of the sound card.
const FLOOR: f32 = 0.5;
/// Steps of each of the two spans whose minimum is the noise: 1 s.
const SPAN: u32 = 62;
/// Steps after which a gain is known well enough to move slowly.
const SETTLED: u32 = 40;
/// Share of the steps whose echo is weaker than expected.
const QUANTILE: f32 = 0.7;
/// dB per step.
const FAST: f32 = 3.0;
const SLOW: f32 = 1.0;
/// dB per step while the caller seems to speak: an echo grown louder is not taken for the caller
/// forever.
const CREEP: f32 = 0.02;
/// Within this of the noise (dB) nothing is learnt.
const AUDIBLE: f32 = 3.0;
/// A band sounds strongly from this share of its strongest on, of which so much is kept a step:
/// half of it after 8 s.
const STRONG: f32 = 0.03;
const FORGET: f32 = 0.9986;
/// Unexpected power counts from this much on (dB), …
const MARGIN: f32 = 6.0;
/// … where it stands this far over the noise, …
const OVER_NOISE: f32 = 6.0;
/// … and no band counts for more than this.
const MOST: f32 = 12.0;

static SPECTRUM: Transform<WINDOW> = Transform::new();

pub(super) type Powers = [f32; BANDS];

static HANN: LazyLock<[f32; WINDOW]> =
    LazyLock::new(|| std::array::from_fn(|n| 0.5 - 0.5 * (TAU * n as f32 / WINDOW as f32).cos()));

/// The power in each band of two sounds of `WINDOW` samples.
pub(super) fn powers(
    first: impl Iterator<Item = f32>,
    second: impl Iterator<Item = f32>,
) -> (Powers, Powers) {
    let mut data = [Complex::default(); WINDOW];
    for (slot, ((a, b), window)) in data.iter_mut().zip(first.zip(second).zip(&*HANN)) {
        *slot = Complex {
            re: a * window,
            im: b * window,
        };
    }
    SPECTRUM.run(&mut data);
    let mut both = ([0.0; BANDS], [0.0; BANDS]);
    // One-sided, and a Hann window keeps 3/8 of the power.
    let scale = 2.0 / (0.375 * (WINDOW * WINDOW) as f32);
    for (band, edges) in EDGES.windows(2).enumerate() {
        for n in edges[0]..edges[1] {
            let (a, b) = unpack(&data, n);
            both.0[band] += a.norm_sqr() * scale;
            both.1[band] += b.norm_sqr() * scale;
        }
    }
    both
}

/// What one step was, against what was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    /// Mean over the bands of the dB that neither echo nor noise explains.
    pub(super) unexplained: f32,
    /// Power heard, and that expected of the echo.
    pub(super) heard: f32,
    pub(super) echo: f32,
}

/// The way from the loudspeaker to the microphone, and the noise there.
#[derive(Debug)]
pub(super) struct Path {
    gains_db: Powers,
    /// What still sounds in the room.
    sounding: Powers,
    /// The most of it, slowly forgotten.
    strongest: Powers,
    heard: Powers,
    lowest: [Powers; 2],
    steps: u32,
    learnt: u32,
}

impl Path {
    pub(super) fn new(gains_db: Powers) -> Self {
        Self {
            gains_db,
            sounding: [0.0; BANDS],
            strongest: [0.0; BANDS],
            heard: [0.0; BANDS],
            lowest: [[f32::MAX; BANDS]; 2],
            steps: 0,
            learnt: 0,
        }
    }

    /// One step: the power heard, and that of what was sent when an echo of it would be heard now.
    /// Of a step in which the `caller` speaks nothing is learnt but that the echo is weaker.
    pub(super) fn step(&mut self, heard: &Powers, sent: &Powers, caller: bool) -> Comparison {
        self.steps += 1;
        if self.steps.is_multiple_of(SPAN) {
            self.lowest = [[f32::MAX; BANDS], self.lowest[0]];
        }
        let echoes = self.expected(sent);
        let echo: f32 = echoes.iter().sum();
        let leak = LEAK * echo;
        let (mut unexplained, mut learns) = (0.0, false);
        for band in 0..BANDS {
            let noise = self.noise(band, heard[band]);
            let (level, over) = (db(heard[band]), db(heard[band]) - db(noise));
            let surprise = level - db(echoes[band] + leak + noise);
            if over > OVER_NOISE {
                unexplained += (surprise - MARGIN).clamp(0.0, MOST) / BANDS as f32;
            }
            let error = level - db(echoes[band] + leak);
            let louder = error > 0.0 && over > AUDIBLE;
            // A codec drops weak sound: only a strong one says that the gain is smaller.
            let strong = self.sounding[band] >= STRONG * self.strongest[band];
            let weaker = error <= 0.0 && strong && echoes[band] >= leak;
            if self.sounding[band] > FLOOR && (louder || weaker) {
                self.learn(band, error, caller);
                learns = true;
            }
        }
        self.learnt += u32::from(learns);
        Comparison {
            unexplained,
            heard: heard.iter().sum(),
            echo,
        }
    }

    /// The gains were learnt for as long again as they moved fast.
    pub(super) fn is_settled(&self) -> bool {
        self.learnt >= 2 * SETTLED
    }

    fn expected(&mut self, sent: &Powers) -> Powers {
        std::array::from_fn(|band| {
            let sounding = self.sounding[band] * ROOM + sent[band];
            self.sounding[band] = sounding;
            self.strongest[band] = sounding.max(self.strongest[band] * FORGET);
            power(self.gains_db[band]) * sounding
        })
    }

    fn noise(&mut self, band: usize, heard: f32) -> f32 {
        let smooth = (heard + self.heard[band]) / 2.0;
        self.heard[band] = heard;
        let lowest = &mut self.lowest[0][band];
        *lowest = lowest.min(smooth);
        // The minimum of a noise lies about 3 dB under its mean.
        2.0 * lowest.min(self.lowest[1][band]) + FLOOR
    }

    fn learn(&mut self, band: usize, error: f32, caller: bool) {
        let rate = if self.learnt < SETTLED { FAST } else { SLOW };
        let step = match (error > 0.0, caller && self.learnt >= SETTLED) {
            (true, false) => rate * QUANTILE,
            (true, true) => CREEP,
            (false, _) => -rate * (1.0 - QUANTILE),
        };
        self.gains_db[band] += step;
    }
}

pub(super) fn db(power: f32) -> f32 {
    10.0 * (power + 1e-3).log10()
}

fn power(db: f32) -> f32 {
    10f32.powf(db / 10.0)
}
