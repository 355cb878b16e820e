//! The one resampler: windowed-sinc polyphase, any rate to any rate, mono `i16`, streaming.
//!
//! Engines speak at 22.05, 24 or 48 kHz, sockets at 24 or 8 kHz, the VAD hears 16 kHz. Quality is
//! that of a 32-tap Kaiser window (stop band about −70 dB), which is above what speech shows.

use std::f64::consts::PI;

const HALF: usize = 16;
const KAISER_BETA: f64 = 7.0;

/// Converts one stream; keeps the tail of the last chunk, so that chunks join without a seam.
#[derive(Debug)]
pub struct Resampler {
    from: u64,
    to: u64,
    /// `to` phases (reduced) of `2 * HALF * stretch` taps.
    taps: Vec<Vec<f32>>,
    half: usize,
    history: Vec<i16>,
    /// Position of the next output sample, in units of 1/`to` input samples from `history[half]`.
    position: u64,
}

impl Resampler {
    /// `from` and `to` in Hz, 4000..=192000.
    pub fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(u64::from(from), u64::from(to));
        let (from, to) = (u64::from(from) / divisor, u64::from(to) / divisor);
        let cutoff = (to as f64 / from as f64).min(1.0) * 0.95;
        let half = (HALF as f64 / cutoff.min(1.0)).ceil() as usize;
        let taps = if from == to {
            Vec::new()
        } else {
            bank(to, half, cutoff)
        };
        Self {
            from,
            to,
            taps,
            half,
            history: vec![0; half],
            position: 0,
        }
    }

    /// Converts a chunk; over a stream the output has `input * to / from` samples, late by
    /// `HALF` input samples (under 2 ms at 16 kHz).
    pub fn push(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        if self.from == self.to {
            out.extend_from_slice(pcm);
            return;
        }
        self.history.extend_from_slice(pcm);
        let width = 2 * self.half;
        loop {
            let start = (self.position / self.to) as usize;
            if start + width > self.history.len() {
                break;
            }
            let phase = &self.taps[(self.position % self.to) as usize];
            let window = &self.history[start..start + width];
            let sum: f32 = window
                .iter()
                .zip(phase)
                .map(|(sample, tap)| f32::from(*sample) * tap)
                .sum();
            out.push(sum.round().clamp(-32768.0, 32767.0) as i16);
            self.position += self.from;
        }
        let used = ((self.position / self.to) as usize).min(self.history.len());
        self.history.drain(..used);
        self.position -= used as u64 * self.to;
    }

    /// The rest of the stream, as if silence followed; the resampler is as new afterwards.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        if self.from != self.to {
            let silence = vec![0; self.half];
            self.push(&silence, out);
        }
        self.history.clear();
        self.history.resize(self.half, 0);
        self.position = 0;
    }
}

fn bank(phases: u64, half: usize, cutoff: f64) -> Vec<Vec<f32>> {
    (0..phases)
        .map(|phase| {
            let offset = phase as f64 / phases as f64;
            let taps: Vec<f64> = (0..2 * half)
                .map(|n| {
                    let x = n as f64 - (half as f64 - 1.0) - offset;
                    sinc(x * cutoff) * cutoff * kaiser(x / half as f64)
                })
                .collect();
            let gain: f64 = taps.iter().sum();
            taps.iter().map(|tap| (tap / gain) as f32).collect()
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    bessel(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel(KAISER_BETA)
}

fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..30 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|i| ((i as f64 * hz * 2.0 * PI / f64::from(rate)).sin() * 10_000.0) as i16)
            .collect()
    }

    fn convert(pcm: &[i16], from: u32, to: u32, chunk: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for part in pcm.chunks(chunk) {
            resampler.push(part, &mut out);
        }
        out
    }

    fn rms(pcm: &[i16]) -> f64 {
        (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_level_at_every_pair_of_rates() {
        for (from, to) in [
            (22_050, 24_000),
            (24_000, 16_000),
            (48_000, 24_000),
            (8000, 24_000),
        ] {
            let out = convert(&tone(1000.0, from, 1.0), from, to, 441);
            let middle = &out[out.len() / 4..out.len() / 2];
            assert!(
                (rms(middle) - 7071.0).abs() < 150.0,
                "{from}->{to}: {}",
                rms(middle)
            );
            assert!(
                (out.len() as i64 - i64::from(to)).abs() < 200,
                "{from}->{to}: {}",
                out.len()
            );
        }
    }

    #[test]
    fn what_the_new_rate_cannot_carry_is_gone() {
        let out = convert(&tone(11_000.0, 24_000, 1.0), 24_000, 16_000, 480);
        assert!(rms(&out[1000..]) < 30.0, "aliased: {}", rms(&out[1000..]));
    }

    #[test]
    fn chunks_join_without_a_seam() {
        let pcm = tone(700.0, 22_050, 0.5);
        assert_eq!(
            convert(&pcm, 22_050, 24_000, 7),
            convert(&pcm, 22_050, 24_000, 5000)
        );
    }
}
