//! Noise suppression for the recogniser: RNNoise (Valin 2018, the crate `nnnoiseless`).
//!
//! It works at 48 kHz in frames of 10 ms; the ear has 16 kHz, so sound goes up and comes down again.
//! Decoding Opus at 48 kHz would spare one of the two ways, but sockets bring 24 or 8 kHz, and a
//! decoder cannot change its rate in a call.

use std::sync::LazyLock;

use nnnoiseless::{DenoiseState, RnnModel};

use crate::resample::Resampler;

const EAR_RATE: u32 = 16_000;
const RATE: u32 = 48_000;
const FRAME: usize = DenoiseState::FRAME_SIZE;
/// Samples at 16 kHz that may be under way: less than a frame, and what two resamplers hold.
const UNDER_WAY: usize = FRAME / 3 + 16 + 17;
/// Sound comes out so many samples (16 kHz, 22 ms) after it went in: RNNoise is a frame behind, the
/// resamplers a sample.
pub const LATE: usize = UNDER_WAY + FRAME / 3 + 1;

/// The weights of all calls.
static MODEL: LazyLock<RnnModel> = LazyLock::new(RnnModel::default);

/// Of one caller.
pub struct Denoiser {
    state: Box<DenoiseState<'static>>,
    up: Resampler,
    down: Resampler,
    /// 48 kHz, less than a frame between two calls.
    noisy: Vec<i16>,
    /// 16 kHz.
    clean: Vec<i16>,
}

impl std::fmt::Debug for Denoiser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denoiser").finish_non_exhaustive()
    }
}

impl Default for Denoiser {
    fn default() -> Self {
        Self {
            state: DenoiseState::with_model(&MODEL),
            up: Resampler::new(EAR_RATE, RATE),
            down: Resampler::new(RATE, EAR_RATE),
            noisy: Vec::new(),
            clean: vec![0; UNDER_WAY],
        }
    }
}

impl Denoiser {
    /// Puts in the place of these samples (16 kHz, any number) as many cleaned ones, `LATE` behind.
    pub fn clean(&mut self, pcm: &mut [i16]) {
        self.up.push(pcm, &mut self.noisy);
        let (mut noisy, mut quiet) = ([0.0; FRAME], [0.0; FRAME]);
        let mut used = 0;
        for frame in self.noisy.chunks_exact(FRAME) {
            for (to, from) in noisy.iter_mut().zip(frame) {
                *to = f32::from(*from);
            }
            self.state.process_frame(&mut quiet, &noisy);
            let frame = quiet.map(|sample| sample as i16);
            self.down.push(&frame, &mut self.clean);
            used += FRAME;
        }
        self.noisy.drain(..used);
        pcm.copy_from_slice(&self.clean[..pcm.len()]);
        self.clean.drain(..pcm.len());
    }
}
