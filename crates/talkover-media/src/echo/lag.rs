//! Where in what was sent does what is heard come from? Generalized cross-correlation.

use super::past::Past;
use crate::fft::{Complex, Transform, unpack};

/// Samples sent that are searched: 1 s.
const LONGEST: usize = 8192;
static SPECTRUM: Transform<LONGEST> = Transform::new();
/// Samples heard that are compared: 256 ms.
pub(super) const WINDOW: usize = 2048;
/// First place in the sent sound that is not tried: the echo may be 768 ms old.
const PLACES: usize = LONGEST - WINDOW;
/// The bins from 200 Hz to 3.6 kHz: what loudspeakers and codecs keep of a voice.
const BINS: std::ops::Range<usize> = LONGEST / 40..LONGEST * 9 / 20;
/// Share of the mean energy that is added to that of each place: a quiet one is not a match.
const QUIET_PLACES: f32 = 0.3;

/// The best match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// Sample `n` heard is sample `n - offset` sent.
    pub(super) offset: i64,
    /// 0..=1, between the whitened sounds. Unrelated voices stay below 0.2, their onsets below 0.5.
    pub(super) likeness: f32,
}

/// Compares the newest sound heard with what was sent up to sample `now`.
pub(super) fn find(heard: &Past, sent: &Past, now: i64) -> Match {
    let (first_heard, first_sent) = (heard.end() - WINDOW as i64, now - LONGEST as i64);
    let mut data: Vec<Complex> = sent
        .range(first_sent, LONGEST)
        .map(|re| Complex { re, im: 0.0 })
        .collect();
    for (slot, sample) in data.iter_mut().zip(heard.range(first_heard, WINDOW)) {
        slot.im = sample;
    }
    SPECTRUM.run(&mut data);
    let heard_energy = correlate(&mut data);
    SPECTRUM.run(&mut data);
    let (place, likeness) = best(&data, heard_energy);
    Match {
        offset: first_heard - (first_sent + place as i64),
        likeness,
    }
}

/// Turns the spectra of both into the (conjugate) spectrum of their correlation, with that of the
/// whitened sent sound as imaginary part. Returns the energy of the whitened heard sound.
fn correlate(data: &mut [Complex]) -> f32 {
    let mut energy = 0.0;
    for n in 0..=LONGEST / 2 {
        let mirrored = (LONGEST - n) % LONGEST;
        if !BINS.contains(&n) {
            (data[n], data[mirrored]) = (Complex::default(), Complex::default());
            continue;
        }
        let (sent, heard) = unpack(data, n);
        let (sent, heard) = (whiten(sent), whiten(heard));
        energy += 2.0 * heard.norm_sqr();
        let cross = heard.conj() * sent;
        let turned = |z: Complex| Complex {
            re: -z.im,
            im: z.re,
        };
        data[n] = (cross + turned(sent)).conj();
        data[mirrored] = (cross.conj() + turned(sent.conj())).conj();
    }
    energy
}

/// Flattens a spectrum most of the way: the peak is sharp, yet bins of noise weigh less.
fn whiten(z: Complex) -> Complex {
    let quarter = z.norm_sqr().sqrt().sqrt();
    let gain = 1.0 / (quarter * quarter.sqrt() + 1.0);
    Complex {
        re: z.re * gain,
        im: z.im * gain,
    }
}

fn best(data: &[Complex], heard_energy: f32) -> (usize, f32) {
    let squares = |part: &[Complex]| part.iter().map(|z| z.im * z.im).sum::<f32>();
    let floor = QUIET_PLACES * squares(data) * WINDOW as f32 / LONGEST as f32;
    let mut sent_energy = squares(&data[..WINDOW]);
    let (mut place, mut most) = (0, 0.0);
    for n in 0..PLACES {
        let square = data[n].re * data[n].re / (sent_energy.max(0.0) + floor + 1e-6);
        if square > most {
            (place, most) = (n, square);
        }
        sent_energy += data[n + WINDOW].im.powi(2) - data[n].im.powi(2);
    }
    (
        place,
        (most * LONGEST as f32 / (heard_energy + 1e-6)).sqrt(),
    )
}
