//! The transport of a peer: str0m, and what is written to it as RTP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpPendingOffer;
use str0m::channel::ChannelId;
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::stats::MediaEgressStats;
use str0m::{Candidate, PacerReason, Reason, Rtc, RtcConfig};

use super::dtls;
use super::outgoing::Packing;
use super::replay::Reports;
use super::tape::Tape;
use super::texts::MOST_QUEUED;
use super::video::Video;
use crate::assembler;
use crate::codec::Encoder;
use crate::congestion::{self, Congestion};
use crate::effort;
use crate::notice::Notice;
use crate::presence::Presence;

/// The round trip is told no oftener.
const RTT_EVERY: Duration = Duration::from_millis(1900);
/// str0m's pacer may wait so long to be told that nothing waits.
const NOTHING_WAITS: Duration = Duration::from_millis(20);
/// RTP ticks (48 kHz) of 20 ms.
pub(super) const TICKS: u64 = 960;

/// What all peers of a port share.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: DtlsCert,
    pub provider: Arc<str0m::crypto::CryptoProvider>,
}

impl Identity {
    /// A fresh certificate (about a millisecond); none where the crypto library refuses.
    pub fn new() -> Option<Self> {
        let provider = Arc::new(dtls::provider());
        let certificate = provider.dtls_provider.generate_certificate()?;
        Some(Self {
            certificate,
            provider,
        })
    }

    pub(super) fn config(&self, filmed: assembler::Codec) -> RtcConfig {
        RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.provider))
            .set_dtls_cert(self.certificate.clone())
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(filmed == assembler::Codec::Vp8)
            .enable_h264(filmed == assembler::Codec::H264)
            .set_rtp_mode(true)
            // A text that finds no room whole waits for ever.
            .set_sctp_max_buffered_amount(MOST_QUEUED)
            // Where the caller knows it too, the channel's four-way handshake is in the offer and the
            // answer (draft-hancke-tsvwg-snap): a packet lost of it costs three seconds.
            .set_snap_enabled(true)
            .set_stats_interval(Some(Duration::from_secs(1)))
    }
}

#[derive(Debug)]
pub(super) struct Wire {
    pub(super) rtc: Rtc,
    pub(super) mid: Option<Mid>,
    pub(super) pt: Option<Pt>,
    pub(super) channel: Option<ChannelId>,
    pub(super) pending: Option<SdpPendingOffer>,
    /// Where the calling side will be once its restart is answered.
    pub(super) moved: Vec<Candidate>,
    pub(super) dials: bool,
    pub(super) waiting: VecDeque<String>,
    pub(super) encoder: Option<Encoder>,
    pub(super) congestion: Congestion,
    /// Of the voice in a packet.
    pub(super) frames: usize,
    pub(super) packing: Packing,
    pub(super) told_rtt: Option<Instant>,
    /// Opus' complexity.
    pub(super) effort: i32,
    pub(super) seq: SeqNo,
    pub(super) rtp_base: u32,
    pub(super) silent: bool,
    pub(super) connected: bool,
    pub(super) created: Instant,
    pub(super) presence: Presence,
    /// Packets that the caller made beforehand, sent one every 20 ms.
    pub(super) tape: Option<Tape>,
    pub(super) timeout: Instant,
    pub(super) transport: &'static str,
    pub(super) reports: Reports,
    /// Payload type and SSRC of the caller's voice, once a packet of it was authentic.
    pub(super) voice: Option<(u8, u32)>,
    /// Where the last packet of the call itself (no check) was sent.
    pub(super) partner: Option<SocketAddr>,
    /// Of the calling side, before it is answered.
    pub(super) offered_video: Option<Mid>,
    /// Where the call has any.
    pub(super) video: Option<Box<Video>>,
}

impl Wire {
    pub(super) fn new(rtc: Rtc, now: Instant) -> Self {
        Self {
            rtc,
            mid: None,
            pt: None,
            channel: None,
            pending: None,
            moved: Vec::new(),
            dials: false,
            waiting: VecDeque::new(),
            encoder: None,
            congestion: Congestion::default(),
            frames: congestion::MOST.frames,
            packing: Packing::default(),
            told_rtt: None,
            effort: effort::USUAL,
            seq: SeqNo::from(u64::from(rand_u16())),
            rtp_base: u32::from(rand_u16()) << 8,
            silent: true,
            connected: false,
            created: now,
            presence: Presence::new(now),
            tape: None,
            timeout: now,
            transport: "udp",
            reports: Reports::default(),
            voice: None,
            partner: None,
            offered_video: None,
            video: None,
        }
    }

    /// Whether a packet claims to be the caller's voice under another SSRC than that which was
    /// heard. str0m takes a new one for the voice's before it authenticates the packet, so a single
    /// forged one would end the voice.
    pub(super) fn usurps(&self, bytes: &[u8]) -> bool {
        let [128..=191, kind, _, _, _, _, _, _, a, b, c, d, ..] = *bytes else {
            return false;
        };
        // RFC 5761 §4: these are RTCP.
        if (192..=223).contains(&kind) {
            return false;
        }
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        let alone = self.video.is_none();
        self.voice
            .is_some_and(|(pt, heard)| ssrc != heard && (alone || kind & 0x7f == pt))
    }

    /// When str0m, which wants to be told the time `at`, is to be told. After each packet that it sent
    /// its pacer asks for that at once, to see that no other waits. Of a voice none does, and the
    /// caller's next packet tells it as well.
    pub(super) fn due(&self, at: Instant) -> Instant {
        let paced = self.rtc.last_timeout_reason() == Reason::Pacer(PacerReason::Handle);
        if paced && self.video.is_none() {
            at + NOTHING_WAITS
        } else {
            at
        }
    }

    pub(super) fn strive(&mut self) {
        if let Some(encoder) = &mut self.encoder {
            encoder.set_complexity(self.effort);
        }
    }

    /// Timestamps advance with the clock, whether or not something is sent.
    pub(super) fn rtp_time(&self, n: u64) -> u32 {
        self.rtp_base.wrapping_add((n * TICKS) as u32)
    }

    pub(super) fn write(&mut self, packet: Arc<[u8]>, time: u32, due: Instant) {
        let Some(mid) = self.mid else {
            return;
        };
        if self.pt.is_none() {
            self.pt = self.negotiated(mid, Codec::Opus);
        }
        let Some(pt) = self.pt else {
            return;
        };
        let (seq, marker) = (self.seq.inc(), self.silent);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else {
            return;
        };
        stream.write_rtp(RtpWrite::new(pt, seq, time, due, packet).marker(marker));
        self.silent = false;
    }

    /// The round trip of the last receiver report, now and then. (That of the peer as a whole counts
    /// how long the other side waits before it reports.)
    pub(super) fn round_trip(&mut self, stats: &MediaEgressStats, now: Instant) -> Option<Notice> {
        let rtt = stats.rtt?;
        if self.told_rtt.is_some_and(|told| now < told + RTT_EVERY) {
            return None;
        }
        self.told_rtt = Some(now);
        Some(Notice::Rtt {
            ms: rtt.as_secs_f32() * 1000.0,
            loss: stats.loss.unwrap_or(0.0),
        })
    }

    pub(super) fn negotiated(&self, mid: Mid, codec: Codec) -> Option<Pt> {
        let offered = self.rtc.media(mid)?.remote_pts();
        let fits = |pt: &Pt| {
            let params = self.rtc.codec_config().params();
            params
                .iter()
                .any(|p| p.pt() == *pt && p.spec().codec == codec)
        };
        offered.iter().copied().find(fits)
    }
}

/// Random enough for a first sequence number (RFC 3550 §5.1): hashers are seeded by the system.
pub(super) fn rand_u16() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u16
}
