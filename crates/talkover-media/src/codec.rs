//! Opus at the two rates the rooms speak: 16 kHz in (what recognisers and the VAD want, decoded
//! by libopus without a resampler) and 24 kHz out. Frames are 20 ms, mono, `i16`.

use std::time::Duration;

use opus::{Application, Bandwidth, Bitrate, Channels};

pub use opus::Error as CodecError;

use crate::effort;

/// Samples of 20 ms of the caller's audio at 16 kHz.
pub const EAR_FRAME: usize = 320;
/// Samples of 20 ms of the agent's audio at 24 kHz.
pub const VOICE_FRAME: usize = 480;
/// The longest Opus packet that a well-behaved sender makes (RFC 6716 §3.2.1: 1275 bytes a frame).
pub const MAX_PACKET: usize = 1500;
/// 120 ms at 16 kHz: the longest packet Opus allows (RFC 6716 §2.1.4).
const LONGEST: usize = 1920;
/// The same at 24 kHz.
const LONGEST_VOICE: usize = 2880;

/// Decodes one sender's packets to 16 kHz mono.
#[derive(Debug)]
pub struct Decoder {
    opus: opus::Decoder,
    buffer: Box<[i16; LONGEST]>,
}

/// Decodes, to 24 kHz mono, packets that came by a way that loses none: there is nothing to
/// conceal, and what is no packet is refused.
#[derive(Debug)]
pub struct StrictDecoder {
    opus: opus::Decoder,
    buffer: Box<[i16; LONGEST_VOICE]>,
}

impl StrictDecoder {
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            opus: opus::Decoder::new(24_000, Channels::Mono)?,
            buffer: Box::new([0; LONGEST_VOICE]),
        })
    }

    pub fn decode(&mut self, packet: &[u8]) -> Result<&[i16], opus::Error> {
        // libopus takes an empty packet for a lost one.
        opus::packet::get_nb_samples(packet, 24_000)?;
        let samples = self.opus.decode(packet, &mut self.buffer[..], false)?;
        Ok(&self.buffer[..samples])
    }
}

impl Decoder {
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            opus: opus::Decoder::new(16_000, Channels::Mono)?,
            buffer: Box::new([0; LONGEST]),
        })
    }

    /// The sound of `packet`; garbage is concealed as 20 ms, never an error.
    pub fn decode(&mut self, packet: &[u8]) -> &[i16] {
        if packet.is_empty() {
            return self.conceal(EAR_FRAME);
        }
        match self.opus.decode(packet, &mut self.buffer[..], false) {
            Ok(samples) => &self.buffer[..samples],
            Err(_) => self.conceal(EAR_FRAME),
        }
    }

    /// The `samples` before `next`, from the copy that its sender put into it (in-band FEC), or
    /// concealed where there is none.
    pub fn recover(&mut self, next: &[u8], samples: usize) -> &[i16] {
        let samples = round_to_frames(samples);
        match self.opus.decode(next, &mut self.buffer[..samples], true) {
            Ok(made) => &self.buffer[..made],
            Err(_) => self.conceal(samples),
        }
    }

    /// `samples` of plausible sound where nothing came.
    pub fn conceal(&mut self, samples: usize) -> &[i16] {
        let samples = round_to_frames(samples);
        match self.opus.decode(&[], &mut self.buffer[..samples], false) {
            Ok(made) => &self.buffer[..made],
            Err(_) => {
                self.buffer[..samples].fill(0);
                &self.buffer[..samples]
            }
        }
    }
}

/// libopus conceals multiples of 2.5 ms only.
fn round_to_frames(samples: usize) -> usize {
    (samples / 40 * 40).clamp(40, LONGEST)
}

/// The length of a packet in 16 kHz samples, without decoding it.
pub fn packet_samples(packet: &[u8]) -> Option<usize> {
    opus::packet::get_nb_samples(packet, 16_000).ok()
}

/// How long the sound of a packet is; 20 ms where it does not say.
pub fn duration(packet: &[u8]) -> Duration {
    let samples = packet_samples(packet).unwrap_or(EAR_FRAME);
    Duration::from_micros(samples as u64 * 125 / 2)
}

/// Loss from which each frame travels twice.
const LOSSY: f32 = 0.01;
/// Reports without loss, in a row, after which the link is taken to be clean again.
const CLEAN_REPORTS: u32 = 10;
/// With fewer bits a second the speech mode says words better.
const LOW_DELAY: i32 = 16_000;
const ASSUMED_LOSS: f32 = 0.02;

/// Encodes 20 ms frames.
#[derive(Debug)]
pub struct Encoder {
    opus: opus::Encoder,
    packet: Box<[u8; MAX_PACKET]>,
    rate: u32,
    bitrate: i32,
    complexity: i32,
    fec: bool,
    speech: bool,
    clean: u32,
}

impl Encoder {
    /// For the agent's 24 kHz. On a clean link in Opus' low-delay mode: it costs 40 % of the speech
    /// mode at the same complexity, is 4 ms sooner, and nearer to the original on the voices
    /// measured. Only the speech mode can send each frame twice, so a lossy link gets that (RFC
    /// 6716 §2.1.7).
    pub fn new(bitrate: i32) -> Result<Self, opus::Error> {
        Self::at(24_000, bitrate)
    }

    /// For another of the rates that Opus knows.
    pub fn at(rate: u32, bitrate: i32) -> Result<Self, opus::Error> {
        Ok(Self {
            opus: encoder(rate, Application::LowDelay, bitrate, effort::USUAL)?,
            packet: Box::new([0; MAX_PACKET]),
            rate,
            bitrate,
            complexity: effort::USUAL,
            fec: false,
            speech: false,
            clean: 0,
        })
    }

    /// For a caller of ours, as browsers do it: speech mode with FEC; `wideband` leaves out what
    /// lies above 8 kHz, where the receiver said that it plays 16 kHz (RFC 7587 §6.1).
    pub fn as_browsers(bitrate: i32, wideband: bool) -> Result<Self, opus::Error> {
        let mut made = Self::new(bitrate)?;
        made.adapt(bitrate, ASSUMED_LOSS);
        if wideband {
            made.opus.set_max_bandwidth(Bandwidth::Wideband)?;
        }
        Ok(made)
    }

    /// From the next frame on: bits a second, and the loss that receivers report, 0..=1.
    pub fn adapt(&mut self, bitrate: i32, loss: f32) {
        self.clean = if loss > LOSSY { 0 } else { self.clean + 1 };
        let fec = loss > LOSSY || self.fec && self.clean < CLEAN_REPORTS;
        let speech = fec || bitrate < LOW_DELAY;
        if bitrate != self.bitrate && self.opus.set_bitrate(Bitrate::Bits(bitrate)).is_ok() {
            self.bitrate = bitrate;
        }
        if (fec, speech) != (self.fec, self.speech) {
            self.change(fec, speech);
        }
        let percent = (loss * 100.0).clamp(0.0, 30.0) as i32;
        // A refused hint costs quality under loss, never correctness.
        let _ = self.opus.set_packet_loss_perc(percent);
    }

    /// How hard it tries, 0 to 10, from the next frame on.
    pub fn set_complexity(&mut self, complexity: i32) {
        if self.opus.set_complexity(complexity).is_ok() {
            self.complexity = complexity;
        }
    }

    fn change(&mut self, fec: bool, speech: bool) {
        if speech != self.speech {
            let application = if speech {
                Application::Voip
            } else {
                Application::LowDelay
            };
            // The old one goes on where libopus has no memory for another.
            let Ok(made) = encoder(self.rate, application, self.bitrate, self.complexity) else {
                return;
            };
            (self.opus, self.speech) = (made, speech);
        }
        if self.opus.set_inband_fec(fec).is_ok() {
            self.fec = fec;
        }
    }

    /// One packet of 20, 40 or 60 ms, or nothing where libopus refused them.
    pub fn encode(&mut self, frame: &[i16]) -> Option<&[u8]> {
        let length = self.opus.encode(frame, &mut self.packet[..]).ok()?;
        Some(&self.packet[..length])
    }
}

fn encoder(
    rate: u32,
    application: Application,
    bitrate: i32,
    complexity: i32,
) -> Result<opus::Encoder, opus::Error> {
    let mut opus = opus::Encoder::new(rate, Channels::Mono, application)?;
    opus.set_complexity(complexity)?;
    opus.set_bitrate(Bitrate::Bits(bitrate))?;
    Ok(opus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: f32, from: usize, samples: usize) -> Vec<i16> {
        (from..from + samples)
            .map(|i| ((i as f32 * 440.0 * std::f32::consts::TAU / rate).sin() * 9000.0) as i16)
            .collect()
    }

    fn packets(count: usize, loss: f32) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(24_000).unwrap();
        encoder.adapt(24_000, loss);
        (0..count)
            .map(|n| {
                let frame: [i16; VOICE_FRAME] = tone(24_000.0, n * VOICE_FRAME, VOICE_FRAME)
                    .try_into()
                    .unwrap();
                encoder.encode(&frame).unwrap().to_vec()
            })
            .collect()
    }

    #[test]
    fn a_frame_in_is_a_frame_out_at_the_other_rate() {
        let mut decoder = Decoder::new().unwrap();
        for packet in packets(10, 0.0) {
            assert_eq!(packet_samples(&packet), Some(EAR_FRAME));
            assert_eq!(decoder.decode(&packet).len(), EAR_FRAME);
        }
    }

    #[test]
    fn a_lost_frame_comes_back_from_the_next_packet() {
        let sent = packets(20, 0.2);
        let energy = |pcm: &[i16]| pcm.iter().map(|s| i64::from(*s).pow(2)).sum::<i64>();
        let mut decoder = Decoder::new().unwrap();
        for packet in &sent[..10] {
            decoder.decode(packet);
        }
        let recovered = decoder.recover(&sent[11], EAR_FRAME);
        assert_eq!(recovered.len(), EAR_FRAME);
        assert!(energy(recovered) > 1_000_000_000, "the tone goes on");
    }

    #[test]
    fn garbage_is_concealed() {
        let mut decoder = Decoder::new().unwrap();
        for garbage in [&[][..], &[0xff; 3], &[0x7f; 1400], &[3, 255, 255, 255]] {
            assert!(!decoder.decode(garbage).is_empty());
        }
    }

    #[test]
    fn where_nothing_is_lost_what_is_no_packet_is_refused() {
        let mut decoder = StrictDecoder::new().unwrap();
        for packet in packets(10, 0.0) {
            assert_eq!(decoder.decode(&packet).unwrap().len(), VOICE_FRAME);
        }
        for garbage in [&[][..], &[0xff; 3], &[3, 255, 255, 255]] {
            assert!(decoder.decode(garbage).is_err());
        }
    }

    #[test]
    fn a_link_is_clean_again_only_after_a_row_of_clean_reports() {
        let mut encoder = Encoder::new(24_000).unwrap();
        encoder.adapt(24_000, 0.05);
        assert!(encoder.fec);
        for _ in 0..CLEAN_REPORTS - 1 {
            encoder.adapt(24_000, 0.0);
        }
        assert!(encoder.fec);
        encoder.adapt(24_000, 0.0);
        assert!(!encoder.fec);
        assert!(encoder.encode(&tone(24_000.0, 0, VOICE_FRAME)).is_some());
    }
}
