//! How much of a noise is gone, and how much of a voice is left.

use talkover_media::denoise::{Denoiser, LATE};

#[path = "../echo/sim.rs"]
#[expect(dead_code, reason = "there is no call here")]
mod sim;
#[path = "../echo/speech.rs"]
mod speech;

use sim::{Dice, at_level, factor};
use speech::speech;

const RATE: usize = 16_000;
const VOICE_DB: f32 = -25.0;
/// RNNoise learns the noise by then.
const LEARNT: usize = 2 * RATE;

/// Six seconds of somebody speaking, with two pauses of a second.
fn voice() -> Vec<f32> {
    let mut pcm = at_level(&speech(7, 6000), VOICE_DB);
    pcm[RATE..2 * RATE].fill(0.0);
    pcm[4 * RATE..5 * RATE].fill(0.0);
    pcm
}

/// A voice with a rumble, as of a fan, so far below it.
fn with_noise(voice: &[f32], snr: f32) -> Vec<f32> {
    let (mut dice, mut rumble) = (Dice::new(3), 0.0);
    let level = 32768.0 * factor(VOICE_DB - snr) * (1.0f32 - 0.9 * 0.9).sqrt();
    let mut noise = || {
        rumble = 0.9 * rumble + dice.normal() * level;
        rumble
    };
    voice.iter().map(|s| s + noise()).collect()
}

/// What comes out, moved back to where it was.
fn cleaned(pcm: &[f32], piece: usize) -> Vec<f32> {
    let mut pcm: Vec<i16> = pcm.iter().map(|s| *s as i16).collect();
    pcm.extend([0; LATE]);
    let mut denoiser = Denoiser::default();
    for part in pcm.chunks_mut(piece) {
        denoiser.clean(part);
    }
    pcm[LATE..].iter().map(|s| f32::from(*s)).collect()
}

fn power(pcm: &[f32]) -> f32 {
    pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32
}

fn db(ratio: f32) -> f32 {
    10.0 * ratio.log10()
}

/// Of what is heard, the part that is the voice against the rest, dB: no gain changes it.
fn voice_to_rest(heard: &[f32], voice: &[f32]) -> f32 {
    let both: f32 = heard.iter().zip(voice).map(|(a, b)| a * b).sum();
    let gain = both / voice.iter().map(|s| s * s).sum::<f32>();
    let rest: Vec<f32> = heard.iter().zip(voice).map(|(a, b)| a - gain * b).collect();
    let part: Vec<f32> = voice.iter().map(|s| s * gain).collect();
    db(power(&part) / power(&rest))
}

#[test]
fn a_voice_stands_further_out_of_a_noise() {
    let voice = voice();
    for snr in [10.0, 5.0] {
        let noisy = with_noise(&voice, snr);
        let quiet = cleaned(&noisy, 320);
        let before = voice_to_rest(&noisy[LEARNT..], &voice[LEARNT..]);
        let after = voice_to_rest(&quiet[LEARNT..], &voice[LEARNT..]);
        assert!(after > before + 2.0, "{snr} dB: {before} to {after}");
    }
}

#[test]
fn a_pause_is_nearly_silent_and_the_voice_around_it_as_loud_as_before() {
    let voice = voice();
    let noisy = with_noise(&voice, 10.0);
    let quiet = cleaned(&noisy, 320);
    let pause = 4 * RATE + RATE / 4..5 * RATE - RATE / 8;
    let gone = db(power(&noisy[pause.clone()]) / power(&quiet[pause]));
    assert!(gone > 20.0, "{gone} dB less");
    let spoken = LEARNT..4 * RATE;
    let left = db(power(&quiet[spoken.clone()]) / power(&voice[spoken]));
    assert!(left.abs() < 2.0, "{left} dB");
}

#[test]
fn a_voice_without_noise_stays_as_it_was() {
    let voice = voice();
    let heard = cleaned(&voice, 320);
    let kept = voice_to_rest(&heard[LEARNT..], &voice[LEARNT..]);
    assert!(kept > 12.0, "{kept} dB");
}

#[test]
fn pieces_of_any_length_give_the_same_sound() {
    let noisy = with_noise(&voice(), 10.0);
    let whole = cleaned(&noisy, 320);
    for piece in [1, 40, 256, 7777] {
        assert_eq!(cleaned(&noisy, piece), whole, "{piece}");
    }
}
