//! Sounds like speech to a detector and to a correlator: pitch pulses through moving formants,
//! hissing consonants, closures and pauses. Deterministic; no two voices or sentences alike.

use std::f32::consts::PI;

use crate::sim::Dice;

const RATE: f32 = 16_000.0;
/// F1..F3 of a, e, i, o, u, ə (Hz, a man's).
const VOWELS: [[f32; 3]; 6] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [500.0, 1500.0, 2500.0],
];
const WIDTHS: [f32; 3] = [80.0, 110.0, 160.0];

#[derive(Clone, Copy, Default)]
struct Resonator {
    y1: f32,
    y2: f32,
}

impl Resonator {
    fn step(&mut self, x: f32, hz: f32, width: f32) -> f32 {
        let r = (-PI * width / RATE).exp();
        let b = 2.0 * r * (2.0 * PI * hz / RATE).cos();
        let y = (1.0 - b + r * r) * x + b * self.y1 - r * r * self.y2;
        (self.y1, self.y2) = (y, self.y1);
        y
    }
}

/// `ms` of somebody speaking, 16 kHz. The seed is the voice and the words.
pub(crate) fn speech(seed: u64, ms: usize) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let (pitch, tract) = (dice.between(95.0, 230.0), dice.between(0.95, 1.2));
    let mut mouth = Mouth {
        pitch,
        period: pitch,
        tract,
        ..Mouth::default()
    };
    let length = ms * 16;
    let mut pcm = Vec::with_capacity(length);
    let mut vowel = VOWELS[5];
    while pcm.len() < length {
        for _ in 0..1 + (dice.unit() * 3.0) as usize {
            mouth.consonant(&mut dice, &mut pcm);
            let next = VOWELS[(dice.unit() * 6.0) as usize];
            mouth.vowel(&mut dice, vowel, next, &mut pcm);
            vowel = next;
        }
        let pause = dice.between(20.0, 110.0) * 16.0;
        pcm.extend((0..pause as usize).map(|_| 0.0));
    }
    pcm.truncate(length);
    pcm
}

#[derive(Default)]
struct Mouth {
    pitch: f32,
    tract: f32,
    phase: f32,
    period: f32,
    formants: [Resonator; 3],
    hiss: Resonator,
}

impl Mouth {
    fn consonant(&mut self, dice: &mut Dice, pcm: &mut Vec<f32>) {
        let (length, hz) = (
            dice.between(20.0, 80.0) * 16.0,
            dice.between(1500.0, 5500.0),
        );
        let loud = dice.between(0.0, 900.0);
        for n in 0..length as usize {
            let fade = (n as f32 / 160.0).min((length - n as f32) / 160.0).min(1.0);
            pcm.push(self.hiss.step(dice.normal() * loud, hz, 900.0) * fade);
        }
    }

    fn vowel(&mut self, dice: &mut Dice, from: [f32; 3], to: [f32; 3], pcm: &mut Vec<f32>) {
        let length = (dice.between(90.0, 220.0) * 16.0) as usize;
        let (start, end) = (dice.between(0.9, 1.2), dice.between(0.8, 1.1));
        let loud = dice.between(0.5, 1.0) * 60_000.0;
        for n in 0..length {
            let at = n as f32 / length as f32;
            self.phase += self.period * (start + (end - start) * at) / RATE;
            let mut x = dice.normal() * 0.04;
            if self.phase >= 1.0 {
                self.phase -= 1.0;
                // No two periods of a voice are alike.
                self.period = self.pitch * (1.0 + 0.02 * dice.normal());
                x += dice.between(0.9, 1.1);
            }
            let glide = (at * 2.5).min(1.0);
            for (i, formant) in self.formants.iter_mut().enumerate() {
                let hz = (from[i] + (to[i] - from[i]) * glide) * self.tract;
                x = formant.step(x, hz, WIDTHS[i]);
            }
            let fade = (at * 8.0).min((1.0 - at) * 6.0).min(1.0);
            pcm.push(x * loud * fade);
        }
    }
}
