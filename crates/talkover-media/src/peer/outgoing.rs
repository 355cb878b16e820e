//! What a peer sends as its voice: the agent's frames, encoded, or a caller's tape.

use std::sync::Arc;
use std::time::Instant;

use super::wire::TICKS;
use super::{Output, Peer};
use crate::codec::{Encoder, VOICE_FRAME};
use crate::congestion;
use crate::notice::Side;
use crate::playout;

/// Frames that go out in one packet: more than one only where the link is too narrow for its headers.
#[derive(Debug, Default)]
pub(super) struct Packing {
    /// Number and due time of the first.
    first: Option<(u64, Instant)>,
    /// Due time of the last.
    last: Option<Instant>,
    pcm: Vec<i16>,
}

impl Packing {
    fn add(&mut self, n: u64, due: Instant, frame: &playout::Frame) {
        self.first.get_or_insert((n, due));
        self.last = Some(due);
        self.pcm.extend_from_slice(frame);
    }

    fn frames(&self) -> usize {
        self.pcm.len() / VOICE_FRAME
    }

    fn clear(&mut self) {
        self.pcm.clear();
        (self.first, self.last) = (None, None);
    }
}

impl Peer {
    pub(super) fn transmit(&mut self, n: u64, due: Instant, frame: &playout::Frame, now: Instant) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.connected) else {
            return;
        };
        wire.packing.add(n, due, frame);
        if wire.packing.frames() >= wire.frames {
            self.transmit_packed(now);
        }
    }

    /// Nothing more follows for now.
    pub(super) fn fall_silent(&mut self, now: Instant) {
        self.transmit_packed(now);
        if let Some(wire) = self.wire.as_mut() {
            wire.silent = true;
        }
    }

    fn transmit_packed(&mut self, now: Instant) {
        let Some(wire) = self.wire.as_mut() else {
            return;
        };
        let (Some((n, due)), Some(last)) = (wire.packing.first, wire.packing.last) else {
            return;
        };
        if wire.encoder.is_none() {
            wire.encoder = Encoder::new(congestion::MOST.bitrate).ok();
            wire.strive();
        }
        let encoder = wire.encoder.as_mut();
        let packet = encoder.and_then(|encoder| encoder.encode(&wire.packing.pcm));
        let packet = packet.map(Arc::<[u8]>::from);
        wire.packing.clear();
        let Some(packet) = packet else {
            return;
        };
        let time = wire.rtp_time(n);
        wire.write(Arc::clone(&packet), time, due);
        let late = now.saturating_duration_since(last);
        let recorded = self.recording.then_some(packet);
        self.tell_packet(Side::Agent, n * TICKS, due, recorded);
        self.out.push_back(Output::Late(late));
        self.tell_time(now);
    }

    pub(super) fn play_tape(&mut self, now: Instant) {
        loop {
            let Some(wire) = self.wire.as_mut().filter(|wire| wire.connected) else {
                return;
            };
            let Some(tape) = wire.tape.as_mut().filter(|tape| tape.due() <= now) else {
                return;
            };
            let (n, due) = (tape.next, tape.due());
            let index = if tape.looped {
                n as usize % tape.packets.len().max(1)
            } else {
                n as usize
            };
            let Some(packet) = tape.packets.get(index).cloned() else {
                wire.tape = None;
                return;
            };
            tape.next += 1;
            let time = wire.rtp_time(n);
            wire.write(packet, time, due);
            self.out
                .push_back(Output::Late(now.saturating_duration_since(due)));
            self.tell_time(now);
        }
    }
}
