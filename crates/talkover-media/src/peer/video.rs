//! The pictures of a call: what the caller's camera shows when somebody looks, and what the agent
//! shows. A call that offers no video has none of this.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Input;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, Mid, Pt};
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo};

use super::Peer;
use super::repeats::{Again, Repeats};
use super::wire::{Wire, rand_u16};
use crate::assembler::{self, KeyFrame};
use crate::camera::{Camera, Packet, Picture};
use crate::notice::Notice;
use crate::screen::{Piece, Screen};

/// RTP ticks (90 kHz) of a millisecond.
const TICKS: u128 = 90;
/// Packets of the agent's picture that can be sent again: the largest and what follows it.
const KEPT: usize = 512;
/// For so long. What is asked for later is asked for as a whole.
const KEPT_FOR: Duration = Duration::from_secs(3);
/// Of all that is sent within a second, what may be sent again: a round trip longer than the 33 ms
/// after which a receiver repeats its NACK gets each lost packet a few times.
const AGAIN: f32 = 0.5;

#[derive(Debug)]
pub(super) struct Video {
    mid: Mid,
    /// The caller takes pictures.
    goes: bool,
    camera: Camera,
    screen: Screen,
    seq: SeqNo,
    base: u32,
    repeats: Repeats,
}

impl Video {
    fn new(mid: Mid, goes: bool, filmed: assembler::Codec) -> Self {
        Self {
            mid,
            goes,
            camera: Camera::new(filmed),
            screen: Screen::default(),
            seq: SeqNo::from(u64::from(rand_u16())),
            base: u32::from(rand_u16()) << 8,
            repeats: Repeats::default(),
        }
    }

    fn notice(&self) -> Notice {
        Notice::Video {
            comes: self.camera.is_on(),
            goes: self.goes,
        }
    }

    pub(super) fn measured(&mut self, round_trip: Duration) {
        self.camera.round_trip = round_trip;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let times = [self.camera.deadline(), self.screen.deadline()];
        times.into_iter().flatten().min()
    }
}

impl Peer {
    /// Wants a picture of the caller's camera: its next whole key frame, told as
    /// `Notice::Picture`. Nothing is told where none comes within `patience`.
    pub fn look(&mut self, now: Instant, patience: Duration) {
        if let Some(video) = self.video() {
            video.camera.look(now, patience);
            self.run_video(now);
        }
    }

    /// Shows a VP8 key frame to a caller who takes pictures.
    pub fn show(&mut self, frame: Arc<[u8]>, now: Instant) {
        if let Some(video) = self.video().filter(|video| video.goes) {
            video.screen.show(frame, now);
            self.run_video(now);
        }
    }

    fn video(&mut self) -> Option<&mut Video> {
        self.wire.as_mut()?.video.as_deref_mut()
    }

    /// The first video line whose codec was agreed on carries the pictures; further ones are left
    /// alone. The agent's are VP8 and nothing else.
    pub(super) fn add_video(&mut self, mid: Mid) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.video.is_none()) else {
            return;
        };
        let line = wire.rtc.media(mid).map(|media| media.direction());
        let vp8 = wire.negotiated(mid, Codec::Vp8).is_some();
        let filmed = if vp8 {
            assembler::Codec::Vp8
        } else {
            assembler::Codec::H264
        };
        let agreed = vp8 || wire.negotiated(mid, Codec::H264).is_some();
        if let Some(direction) = line.filter(|_| agreed) {
            let video = Video::new(mid, vp8 && direction.is_sending(), filmed);
            if let Some(stream) = wire.rtc.direct_api().stream_tx_by_mid(mid, None) {
                stream.set_rtx_cache(KEPT, KEPT_FOR, Some(AGAIN));
            }
            self.out.push_back(super::Output::Notice(video.notice()));
            wire.video = Some(Box::new(video));
        }
    }

    /// True: it was one of the camera's.
    pub(super) fn receive_video(&mut self, packet: &RtpPacket, now: Instant) -> bool {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.video.is_some()) else {
            return false;
        };
        let ssrc = packet.header.ssrc;
        let mid = wire.rtc.direct_api().stream_rx(&ssrc).map(|rx| rx.mid());
        let Some(video) = wire.video.as_mut().filter(|video| Some(video.mid) == mid) else {
            return mid != wire.mid;
        };
        let was_on = video.camera.is_on();
        let picture = video.camera.receive(
            now,
            Packet {
                ssrc: *ssrc,
                seq: *packet.seq_no,
                ticks: packet.time.numer(),
                marker: packet.header.marker,
                payload: &packet.payload,
            },
        );
        if video.camera.is_on() != was_on {
            self.out.push_back(super::Output::Notice(video.notice()));
        }
        let told = picture.map(|Picture { taken, frame }| match frame {
            KeyFrame::WebP(frame) => Notice::Picture {
                taken,
                width: frame.width,
                height: frame.height,
                webp: frame.webp,
            },
            KeyFrame::H264(h264) => Notice::KeyFrame { taken, h264 },
        });
        self.out.extend(told.map(super::Output::Notice));
        true
    }

    pub(super) fn refresh_video(&mut self, mid: Mid, now: Instant) {
        if let Some(video) = self.video().filter(|video| video.mid == mid) {
            video.screen.asked(now);
        }
    }

    /// Asks for the key frame that is wanted, and sends what is due of the agent's picture.
    pub(super) fn run_video(&mut self, now: Instant) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.connected) else {
            return;
        };
        let Some(video) = wire.video.as_mut() else {
            return;
        };
        if video.camera.goes_off(now) {
            self.out.push_back(super::Output::Notice(video.notice()));
        }
        if let Some(ssrc) = video.camera.ask(now) {
            if let Some(stream) = wire.rtc.direct_api().stream_rx(&ssrc.into()) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
            // What is to be fed back goes out with a timeout.
            if wire.rtc.handle_input(Input::Timeout(now)).is_err() {
                return self.close("error");
            }
            self.drain(now);
        }
        while let Some(piece) = self.video().and_then(|video| video.screen.poll(now)) {
            if let Some(wire) = self.wire.as_mut() {
                wire.write_picture(piece);
            }
            self.drain(now);
        }
    }
}

impl Wire {
    /// Whether a packet is to go out: it may be one that the caller asked for too often.
    pub(super) fn may_send(&mut self, packet: &[u8]) -> bool {
        let Some(video) = self.video.as_mut() else {
            return true;
        };
        let again = video.repeats.judge(packet);
        if again == Again::Forget
            && let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(video.mid, None)
        {
            stream.set_rtx_cache(KEPT, KEPT_FOR, Some(AGAIN));
        }
        again == Again::Send
    }

    /// The payload type under which packets of `pt` are sent again.
    fn again(&self, pt: Pt) -> Option<u8> {
        let params = self.rtc.codec_config().params();
        let again = params.iter().find(|params| params.pt() == pt)?.resend()?;
        Some(*again)
    }

    fn write_picture(&mut self, piece: Piece) {
        let since = piece.began.saturating_duration_since(self.created);
        let Some(mid) = self.video.as_ref().map(|video| video.mid) else {
            return;
        };
        let pt = self.negotiated(mid, Codec::Vp8);
        let again = pt.and_then(|pt| self.again(pt));
        let (Some(pt), Some(video)) = (pt, self.video.as_mut()) else {
            return;
        };
        video.repeats.pt = again;
        video.repeats.earn(piece.payload.len());
        let time = video
            .base
            .wrapping_add((since.as_micros() * TICKS / 1000) as u32);
        let seq = video.seq.inc();
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            let packet = RtpWrite::new(pt, seq, time, piece.began, piece.payload);
            stream.write_rtp(packet.marker(piece.last).nackable(true));
        }
    }
}
