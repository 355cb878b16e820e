//! Opus of a peer whose sound is not Opus yet, for whoever records the call.
//!
//! A call over WebRTC needs none of this: its packets are recorded as they come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::{EAR_FRAME, Encoder};

const BITRATE: i32 = 24_000;
/// RTP ticks (48 kHz) of one 16 kHz sample.
const TICKS: u64 = 3;
/// A caller that appends nothing for this long longer than its sound lasts has paused.
const PAUSE: Duration = Duration::from_millis(200);

/// Encodes both sides of a session on a socket.
#[derive(Debug)]
pub struct Scribe {
    user: Encoder,
    agent: Encoder,
    /// Samples that wait for a whole frame.
    waiting: Vec<i16>,
    /// Where they begin: when the caller first appended, and the samples since, pauses included.
    began: Option<Instant>,
    at: u64,
}

impl Scribe {
    /// None where libopus refuses: then nothing is recorded.
    pub fn new() -> Option<Self> {
        Some(Self {
            user: Encoder::at(16_000, BITRATE).ok()?,
            agent: Encoder::new(BITRATE).ok()?,
            waiting: Vec::new(),
            began: None,
            at: 0,
        })
    }

    /// The caller's samples (16 kHz): packets with the time of each in ticks.
    pub fn user(&mut self, pcm: &[i16], now: Instant) -> Vec<(u64, Arc<[u8]>)> {
        let began = *self.began.get_or_insert(now);
        let late = now
            .saturating_duration_since(began)
            .saturating_sub(Duration::from_micros(self.at * 125 / 2));
        if late > PAUSE {
            self.at += late.as_micros() as u64 * 2 / 125;
        }
        self.waiting.extend_from_slice(pcm);
        let mut packets = Vec::new();
        while self.waiting.len() >= EAR_FRAME {
            let packet = self.user.encode(&self.waiting[..EAR_FRAME]);
            packets.extend(packet.map(|packet| (self.at * TICKS, packet.into())));
            self.waiting.drain(..EAR_FRAME);
            self.at += EAR_FRAME as u64;
        }
        packets
    }

    /// A frame of the agent's.
    pub fn agent(&mut self, frame: &[i16]) -> Option<Arc<[u8]>> {
        self.agent.encode(frame).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_pieces_become_whole_packets_on_the_callers_clock() {
        let (mut scribe, now) = (Scribe::new().unwrap(), Instant::now());
        let times: Vec<u64> = [100, 320, 7, 533, 320]
            .into_iter()
            .flat_map(|length| scribe.user(&vec![100; length], now))
            .map(|(ticks, _)| ticks)
            .collect();
        assert_eq!(times, [0, 960, 1920, 2880]);
    }

    #[test]
    fn a_caller_who_appends_nothing_for_a_second_was_silent_for_a_second() {
        let (mut scribe, now) = (Scribe::new().unwrap(), Instant::now());
        scribe.user(&[100; EAR_FRAME], now);
        let later = scribe.user(&[100; EAR_FRAME], now + Duration::from_secs(1));
        assert_eq!(later[0].0, 48_000);
    }
}
