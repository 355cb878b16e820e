//! Tones: what is said in a simulated call, and how much of it is heard.

use std::sync::Arc;

use talkover_media::codec::{Encoder, VOICE_FRAME};

/// `seconds` of a tone as Opus packets, as a browser would send it.
pub(crate) fn tone(hz: f32, seconds: usize) -> Vec<Arc<[u8]>> {
    let mut encoder = Encoder::as_browsers(20_000, true).expect("an encoder");
    (0..seconds * 50)
        .filter_map(|n| {
            let frame: [i16; VOICE_FRAME] =
                std::array::from_fn(|i| sample(hz, n * VOICE_FRAME + i));
            encoder.encode(&frame).map(Arc::from)
        })
        .collect()
}

/// Sample `n` of a tone at 24 kHz.
pub(crate) fn sample(hz: f32, n: usize) -> i16 {
    let phase = std::f32::consts::TAU * hz * n as f32 / 24_000.0;
    (phase.sin() * 8000.0) as i16
}

/// The share of a tone in 20 ms of sound at 16 kHz, by the Goertzel algorithm; 1: nothing else.
pub(crate) fn share(pcm: &[i16], hz: f32) -> f32 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0f32);
    for (n, value) in pcm.iter().enumerate() {
        let (value, phase) = (
            f32::from(*value),
            std::f32::consts::TAU * hz * n as f32 / 16_000.0,
        );
        re += value * phase.cos();
        im += value * phase.sin();
        all += value * value;
    }
    if all < 1e6 {
        return 0.0;
    }
    2.0 * (re * re + im * im) / (all * pcm.len() as f32)
}
