//! One caller: str0m's `Rtc` with an ear and a voice around it. Sans-IO.
//!
//! The same type plays three parts: the server's side of a call (ICE-lite, answers an offer), the
//! calling side (offers; the command line, tests and benchmarks call with it), and a session on a
//! socket, which has ear and voice but no transport.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output as RtcOutput, Rtc};

use crate::assembler::Codec;
use crate::codec::duration;
use crate::denoise::Denoiser;
use crate::ear::{self, Ear};
use crate::notice::{Notice, Side};
use crate::playout;
use crate::presence::{Change, Presence};
use crate::record::Scribe;
use crate::sdp::{SdpError, completed, filmed, read_answer, read_offer};
use crate::vad::{self, Speech};
use crate::voice::{FRAME, Shared, Voice};

mod dtls;
mod outgoing;
mod repeats;
mod replay;
mod tape;
pub mod texts;
mod video;
mod wire;

use tape::Tape;
pub use wire::Identity;
use wire::{TICKS, Wire};

/// The channel that carries events; its name is the protocol's.
const CHANNEL: &str = "oai-events";
/// An offer that never connects is freed.
const SETUP: Duration = Duration::from_secs(15);
const GOODBYE_ROUNDS: usize = 4;
/// Samples at 16 kHz that are told at once: 40 ms.
const TOLD: usize = 640;

/// What a peer wants done.
#[derive(Debug)]
pub enum Output {
    Transmit(Transmit),
    Notice(Notice),
    /// STUN requests to it carry this name from now on.
    Named(String),
    /// A frame was sent this long after it was due.
    Late(Duration),
    /// A packet of the caller's voice came.
    Came,
}

#[derive(Debug)]
pub struct Peer {
    wire: Option<Box<Wire>>,
    ear: Ear,
    voice: Voice,
    out: VecDeque<Output>,
    closed: bool,
    recording: bool,
    scribe: Option<Box<Scribe>>,
    denoiser: Option<Box<Denoiser>>,
    /// Sound that waits to be told, from a sample on.
    sound: Option<(u64, Vec<i16>)>,
}

impl Peer {
    /// Answers an offer. `candidates` are this port's addresses.
    pub fn answer(
        identity: &Identity,
        offer: &str,
        candidates: &[Candidate],
        now: Instant,
        origin: Instant,
        shared: Arc<Shared>,
    ) -> Result<(Self, String), SdpError> {
        shared.texts.agree(offer);
        let codec = filmed(offer);
        let offer = read_offer(offer)?;
        let mut rtc = identity.config(codec).set_ice_lite(true).build(now);
        for candidate in candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        let answer = rtc
            .sdp_api()
            .accept_offer(offer)
            .map_err(|_| SdpError::Refused)?;
        let text = completed(&answer.to_sdp_string());
        let mut peer = Self::over(rtc, now, origin, shared);
        peer.drain(now);
        Ok((peer, text))
    }

    /// Offers a call, with audio both ways and the events' channel, and with `video` both ways.
    pub fn offer(
        identity: &Identity,
        candidates: &[Candidate],
        video: bool,
        now: Instant,
        origin: Instant,
        shared: Arc<Shared>,
    ) -> Result<(Self, String), SdpError> {
        let mut rtc = identity.config(Codec::Vp8).build(now);
        for candidate in candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let video =
            video.then(|| api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None));
        api.add_channel(CHANNEL.to_owned());
        let (offer, pending) = api.apply().ok_or(SdpError::Refused)?;
        let mut peer = Self::over(rtc, now, origin, shared);
        if let Some(wire) = &mut peer.wire {
            wire.pending = Some(pending);
            wire.dials = true;
            wire.mid = Some(mid);
            wire.offered_video = video;
        }
        peer.drain(now);
        Ok((peer, offer.to_sdp_string()))
    }

    /// Without transport: what `hear` brings and `Notice::Output` takes is all there is, up to
    /// `lead` ahead of its time.
    pub fn attached(origin: Instant, lead: Duration, shared: Arc<Shared>) -> Self {
        Self {
            wire: None,
            ear: Ear::default(),
            voice: Voice::new(origin, lead, shared),
            out: VecDeque::new(),
            closed: false,
            recording: false,
            scribe: None,
            denoiser: None,
            sound: None,
        }
    }

    fn over(rtc: Rtc, now: Instant, origin: Instant, shared: Arc<Shared>) -> Self {
        Self {
            wire: Some(Box::new(Wire::new(rtc, now))),
            ear: Ear::default(),
            voice: Voice::new(origin, Duration::ZERO, shared),
            out: VecDeque::new(),
            closed: false,
            recording: false,
            scribe: None,
            denoiser: None,
            sound: None,
        }
    }

    /// The calling side takes the answer, with its own address of a TCP connection where it made
    /// one.
    pub fn accept(
        &mut self,
        answer: &str,
        local: Option<Candidate>,
        now: Instant,
    ) -> Result<(), SdpError> {
        self.voice.shared().texts.agree(answer);
        let answer = read_answer(answer)?;
        let wire = self.wire.as_mut().ok_or(SdpError::Refused)?;
        let pending = wire.pending.take().ok_or(SdpError::Refused)?;
        if let Some(candidate) = local {
            wire.rtc.add_local_candidate(candidate);
        }
        wire.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .map_err(|_| SdpError::Refused)?;
        // A restart clears what addresses there were.
        for candidate in wire.moved.drain(..) {
            wire.rtc.add_local_candidate(candidate);
        }
        if let Some(mid) = wire.offered_video {
            self.add_video(mid);
        }
        self.drain(now);
        Ok(())
    }

    /// Answers a later offer of the same caller, with new ICE credentials where the offer has
    /// (RFC 8445 §9): it goes on from another address, and nothing else changes.
    pub fn restart(&mut self, offer: SdpOffer, now: Instant) {
        let answered = self
            .wire
            .as_mut()
            .ok_or(SdpError::Refused)
            .and_then(|wire| {
                let answer = wire.rtc.sdp_api().accept_offer(offer);
                let answer = answer.map_err(|_| SdpError::Refused)?;
                Ok(completed(&answer.to_sdp_string()))
            });
        self.drain(now);
        if let (Ok(_), Some(name)) = (&answered, self.ufrag()) {
            self.out.push_back(Output::Named(name));
        }
        self.out
            .push_back(Output::Notice(Notice::Described(answered)));
    }

    /// The calling side goes on from other addresses: tells an offer for the other side's `restart`,
    /// whose answer `accept` takes.
    pub fn offer_restart(&mut self, candidates: &[Candidate]) {
        let offered = self.restarted(candidates);
        self.out
            .push_back(Output::Notice(Notice::Described(offered)));
    }

    fn restarted(&mut self, candidates: &[Candidate]) -> Result<String, SdpError> {
        let wire = self.wire.as_mut().ok_or(SdpError::Refused)?;
        let mut api = wire.rtc.sdp_api();
        api.ice_restart(false);
        let (offer, pending) = api.apply().ok_or(SdpError::Refused)?;
        wire.pending = Some(pending);
        wire.moved = candidates.to_vec();
        Ok(offer.to_sdp_string())
    }

    /// The name by which a STUN request finds this peer.
    pub fn ufrag(&mut self) -> Option<String> {
        let wire = self.wire.as_mut()?;
        Some(wire.rtc.direct_api().local_ice_credentials().ufrag)
    }

    /// Where the call goes on: the address that ICE chose.
    pub fn partner(&self) -> Option<SocketAddr> {
        self.wire.as_ref()?.partner
    }

    /// A packet that the router sent here. True: it proved that `source` is this caller.
    pub fn receive(
        &mut self,
        now: Instant,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        let Some(wire) = self.wire.as_mut() else {
            return false;
        };
        let Ok(received) = Receive::new(proto, source, destination, bytes) else {
            return false;
        };
        let input = Input::Receive(now, received);
        if !wire.rtc.accepts(&input) || wire.usurps(bytes) || wire.reports.repeats(bytes) {
            return false;
        }
        // A calling peer makes the checks; a quiet lite agent does no more than answer them.
        let answered = wire.dials && answers_stun(bytes);
        if wire.rtc.handle_input(input).is_err() {
            self.close("error");
            return false;
        }
        let before = self.out.len();
        self.drain(now);
        let proven = self.out.range(before..).any(|output| {
            matches!(output, Output::Transmit(t) if t.destination == source && answers_stun(&t.contents))
        });
        if proven || answered {
            self.heard(now, proto);
        }
        proven
    }

    /// True on the calling side until it is connected: it makes checks and gets answers to them.
    pub fn dials(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.dials)
    }

    /// An answer to one of our own checks. True: it was ours, and str0m took it.
    pub fn receive_answer(
        &mut self,
        now: Instant,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        let Some(wire) = self.wire.as_mut() else {
            return false;
        };
        let accepted = Receive::new(proto, source, destination, bytes)
            .is_ok_and(|received| wire.rtc.accepts(&Input::Receive(now, received)));
        if accepted {
            self.receive(now, proto, source, destination, bytes);
            self.heard(now, proto);
        }
        accepted
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.ear.handle_timeout(now);
        self.hear_events(now);
        let due = self.wire.as_ref().is_some_and(|wire| now >= wire.timeout);
        if due && !self.tell_time(now) {
            return;
        }
        self.speak(now);
        self.run_video(now);
        self.watch(now);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let wire = self.wire.as_ref();
        let watch = wire.map(|wire| {
            let limit = if wire.connected {
                wire.presence.deadline()
            } else {
                Some(wire.created + SETUP)
            };
            limit.map_or(wire.timeout, |limit| limit.min(wire.timeout))
        });
        let tape = wire
            .filter(|w| w.connected)
            .and_then(|w| w.tape.as_ref())
            .map(Tape::due);
        let video = wire
            .filter(|w| w.connected)
            .and_then(|w| w.video.as_ref())
            .and_then(|video| video.deadline());
        [
            self.ear.deadline(),
            self.voice.deadline(),
            watch,
            tape,
            video,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Runs a command on the voice, then sends and tells what came of it.
    pub fn with_voice(&mut self, now: Instant, command: impl FnOnce(&mut Voice)) {
        command(&mut self.voice);
        self.speak(now);
    }

    /// How hard the encoder of its voice tries from now on: Opus' complexity, 0 to 10.
    pub fn strive(&mut self, complexity: i32) {
        if let Some(wire) = &mut self.wire {
            wire.effort = complexity;
            wire.strive();
        }
    }

    /// What comes next may have waited so long for the thread.
    pub fn waited(&mut self, long: Duration) {
        if let Some(wire) = &mut self.wire {
            wire.congestion.waited(long);
        }
    }

    /// Tells both sides as Opus packets from now on, or no longer.
    pub fn record(&mut self, on: bool) {
        let needed = on && self.wire.is_none();
        self.scribe = needed.then(Scribe::new).flatten().map(Box::new);
        self.recording = on;
    }

    /// Has noise taken out of the caller's sound that is told, from now on, or no longer. What is
    /// judged and recorded is the sound as it came.
    pub fn suppress_noise(&mut self, on: bool) {
        if on != self.denoiser.is_some() {
            self.denoiser = on.then(Box::default);
        }
    }

    /// Samples of a caller on a socket, 16 kHz; all of them are told at once.
    pub fn hear(&mut self, pcm: &[i16], now: Instant) {
        self.ear.hear(pcm);
        self.hear_events(now);
        self.tell_sound();
    }

    /// A 16 ms step of a caller who has no sound, to count as `voice`.
    pub fn imagine(&mut self, voice: vad::Voice, now: Instant) {
        self.ear.imagine(voice);
        self.hear_events(now);
    }

    /// Text for the data channel, for which there is room (`Texts::reserve`); kept until it opens.
    pub fn send(&mut self, text: String, now: Instant) {
        match self.wire.as_mut() {
            Some(wire) => wire.waiting.push_back(text),
            None => self.voice.shared().texts.free(text.len()),
        }
        self.drain(now);
    }

    /// The calling side sends these 20 ms packets as its voice; `deaf`, it listens to none.
    pub fn play_packets(&mut self, packets: Vec<Arc<[u8]>>, looped: bool, deaf: bool, at: Instant) {
        if let Some(wire) = self.wire.as_mut() {
            wire.tape = Some(Tape {
                packets,
                origin: at,
                next: 0,
                looped,
                deaf,
            });
        }
    }

    /// Says goodbye (DTLS close) and ends.
    pub fn hang_up(&mut self, now: Instant) {
        let started = self
            .wire
            .as_mut()
            .is_some_and(|wire| wire.rtc.close().is_ok());
        // The goodbye of RTP, SCTP and DTLS comes out over a few rounds.
        for _ in 0..GOODBYE_ROUNDS {
            let Some(wire) = self
                .wire
                .as_mut()
                .filter(|wire| started && wire.rtc.is_alive())
            else {
                break;
            };
            if wire.rtc.handle_input(Input::Timeout(now)).is_err() {
                break;
            }
            self.drain_into_out(now);
        }
        self.close("hangup");
    }

    /// The same, for another reason than that somebody hung up.
    pub fn expel(&mut self, reason: &'static str, now: Instant) {
        self.close(reason);
        self.hang_up(now);
    }

    pub fn close(&mut self, reason: &'static str) {
        if !self.closed {
            self.closed = true;
            self.out.push_back(Output::Notice(Notice::Closed(reason)));
        }
    }

    /// Tells str0m the time, at which it sends what was written. False: it cannot go on.
    fn tell_time(&mut self, now: Instant) -> bool {
        let Some(wire) = self.wire.as_mut() else {
            return false;
        };
        if wire.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.close("error");
            return false;
        }
        self.drain(now);
        true
    }

    /// str0m's rule: after each mutation its output is drained before the next.
    fn drain(&mut self, now: Instant) {
        self.drain_into_out(now);
        let gone = self.wire.as_ref().is_some_and(|wire| !wire.rtc.is_alive());
        if gone {
            self.close("closed by the caller");
        }
    }

    fn drain_into_out(&mut self, now: Instant) {
        loop {
            let Some(wire) = self.wire.as_mut() else {
                return;
            };
            match wire.rtc.poll_output() {
                Ok(RtcOutput::Transmit(transmit)) => {
                    if !wire.may_send(&transmit.contents) {
                        continue;
                    }
                    if !is_stun(&transmit.contents) {
                        wire.partner = Some(transmit.destination);
                    }
                    self.out.push_back(Output::Transmit(transmit));
                }
                Ok(RtcOutput::Event(event)) => self.event(event, now),
                Ok(RtcOutput::Timeout(at)) => {
                    wire.timeout = wire.due(at);
                    if !self.write_waiting() {
                        break;
                    }
                }
                Err(_) => return self.close("error"),
            }
        }
    }

    /// Writes one text that waits; true: the output must be drained again.
    fn write_waiting(&mut self) -> bool {
        let Some(wire) = self.wire.as_mut() else {
            return false;
        };
        let (Some(id), Some(text)) = (wire.channel, wire.waiting.front()) else {
            return false;
        };
        let Some(mut channel) = wire.rtc.channel(id) else {
            return false;
        };
        // What the other side does not take never goes, and must not keep back the rest.
        if matches!(channel.write(false, text.as_bytes()), Ok(false)) {
            return false;
        }
        self.voice.shared().texts.free(text.len());
        wire.waiting.pop_front();
        true
    }

    fn event(&mut self, event: Event, now: Instant) {
        let Some(wire) = self.wire.as_mut() else {
            return;
        };
        let notice = match event {
            Event::Connected => {
                wire.connected = true;
                wire.presence = Presence::new(now);
                if let Some(tape) = &mut wire.tape {
                    tape.origin = now;
                }
                Notice::Connected(wire.transport)
            }
            Event::MediaAdded(added) if added.kind == MediaKind::Audio && wire.mid.is_none() => {
                wire.mid = Some(added.mid);
                return;
            }
            Event::MediaAdded(added) if added.kind == MediaKind::Video => {
                return self.add_video(added.mid);
            }
            Event::KeyframeRequest(request) => return self.refresh_video(request.mid, now),
            Event::RtpPacket(packet) => {
                if self.receive_video(&packet, now) {
                    return self.heard_again(now);
                }
                return self.receive_voice(&packet, now);
            }
            Event::ChannelOpen(id, label) if label == CHANNEL || wire.channel.is_none() => {
                wire.channel = Some(id);
                Notice::Open
            }
            Event::ChannelData(data) if Some(data.id) == wire.channel => {
                Notice::Text(String::from_utf8_lossy(&data.data).into_owned())
            }
            Event::Closed => return self.close("closed by the caller"),
            Event::PeerStats(stats) => {
                let Some(rtt) = stats.rtt else { return };
                if let Some(video) = &mut wire.video {
                    video.measured(rtt);
                }
                // Where nothing was reported of late, the round trip is an old one too.
                let loss = stats.egress_loss_fraction;
                if let (Some(loss), Some(encoder)) = (loss, &mut wire.encoder) {
                    let share = wire.congestion.report(rtt, loss, now);
                    wire.frames = share.frames;
                    encoder.adapt(share.bitrate, loss);
                }
                return;
            }
            Event::MediaEgressStats(stats) if Some(stats.mid) == wire.mid => {
                let Some(notice) = wire.round_trip(&stats, now) else {
                    return;
                };
                notice
            }
            _ => return,
        };
        self.out.push_back(Output::Notice(notice));
    }

    fn receive_voice(&mut self, packet: &RtpPacket, now: Instant) {
        self.out.push_back(Output::Came);
        if let Some(wire) = &mut self.wire {
            wire.voice = Some((*packet.header.payload_type, *packet.header.ssrc));
        }
        let tape = self.wire.as_ref().and_then(|wire| wire.tape.as_ref());
        if tape.is_some_and(|tape| tape.deaf) {
            return self.heard_again(now);
        }
        let ticks = packet.time.numer();
        if self.recording {
            let lasts = duration(&packet.payload);
            let began = now.checked_sub(lasts).unwrap_or(now);
            let opus = Arc::clone(&packet.payload);
            self.tell_packet(Side::User, ticks, began, Some(opus));
        }
        self.heard_voice(now, *packet.seq_no);
        self.ear
            .receive(now, *packet.seq_no, ticks, &packet.payload);
        self.hear_events(now);
    }

    /// Sends the frames that are due and tells what the voice has to tell.
    fn speak(&mut self, now: Instant) {
        while let Some((n, due, frame)) = self.voice.frame(now) {
            let rtp = self.wire.as_ref().map_or(0, |wire| wire.rtp_time(n));
            self.tell(now, rtp);
            if let Some((_, frame)) = frame.as_ref().filter(|_| !self.dials()) {
                self.ear.played(n, frame);
            }
            match (frame, self.wire.is_some()) {
                (Some((_, frame)), true) => self.transmit(n, due, &frame, now),
                (Some((epoch, frame)), false) => {
                    let opus = self.scribe.as_mut().and_then(|s| s.agent(&frame));
                    self.tell_packet(Side::Agent, n * TICKS, due, opus);
                    let pcm = frame.to_vec();
                    self.out
                        .push_back(Output::Notice(Notice::Output { epoch, pcm }));
                }
                (None, _) => self.fall_silent(now),
            }
        }
        self.tell(now, 0);
        self.play_tape(now);
    }

    fn tell(&mut self, now: Instant, rtp: u32) {
        while let Some(event) = self.voice.poll(now) {
            let notice = match event {
                playout::Event::Started { epoch } => Notice::Started {
                    epoch,
                    rtp,
                    at: now,
                },
                other => Notice::Voice(other),
            };
            self.out.push_back(Output::Notice(notice));
        }
    }

    fn hear_events(&mut self, now: Instant) {
        while let Some(event) = self.ear.poll() {
            let notice = match event {
                ear::Event::Step(voice) => {
                    self.voice.step(voice, now);
                    continue;
                }
                ear::Event::Audio { at, mut pcm } => {
                    if let Some(scribe) = &mut self.scribe {
                        for (ticks, opus) in scribe.user(&pcm, now) {
                            let began = now.checked_sub(FRAME).unwrap_or(now);
                            self.tell_packet(Side::User, ticks, began, Some(opus));
                        }
                    }
                    if let Some(denoiser) = &mut self.denoiser {
                        denoiser.clean(&mut pcm);
                    }
                    self.gather(at, pcm);
                    continue;
                }
                ear::Event::Speech(speech, echo_db) => {
                    self.tell_sound();
                    let (on, at) = match speech {
                        Speech::Began(at) => (true, at),
                        Speech::Ended(at) => (false, at),
                    };
                    Notice::Speech { on, at, echo_db }
                }
            };
            self.out.push_back(Output::Notice(notice));
        }
        self.tell(now, 0);
    }

    /// Two packets are told as one: to take an item costs the reader more than what is in it. On
    /// the calling side people listen, and each is told at once.
    fn gather(&mut self, at: u64, pcm: Vec<i16>) {
        let dials = self.dials();
        let waiting = match &mut self.sound {
            Some((_, waiting)) => {
                waiting.extend(pcm);
                waiting
            }
            empty => &mut empty.insert((at, pcm)).1,
        };
        if waiting.len() >= TOLD || dials {
            self.tell_sound();
        }
    }

    fn tell_sound(&mut self) {
        let sound = self.sound.take();
        self.out
            .extend(sound.map(|(at, pcm)| Output::Notice(Notice::Audio { at, pcm })));
    }

    fn tell_packet(&mut self, side: Side, ticks: u64, began: Instant, opus: Option<Arc<[u8]>>) {
        self.out.extend(opus.map(|opus| {
            Output::Notice(Notice::Packet {
                side,
                ticks,
                began,
                opus,
            })
        }));
    }

    /// An authenticated STUN request came.
    fn heard(&mut self, now: Instant, proto: Protocol) {
        if let Some(wire) = self.wire.as_mut() {
            wire.transport = if proto == Protocol::Udp { "udp" } else { "tcp" };
        }
        self.heard_again(now);
    }

    fn heard_again(&mut self, now: Instant) {
        if let Some(wire) = self.wire.as_mut() {
            wire.presence.alive(now);
            if wire.presence.is_here() {
                self.voice.playout.prove();
            }
        }
    }

    /// A packet of the caller's voice came. The calling side listens to an agent, which is silent
    /// whenever it likes: its voice proves no more than any packet.
    fn heard_voice(&mut self, now: Instant, seq: u64) {
        if self.dials() {
            return self.heard_again(now);
        }
        let change = self
            .wire
            .as_mut()
            .and_then(|wire| wire.presence.voice(now, seq));
        self.heed(change, now);
        self.voice.playout.prove();
    }

    fn watch(&mut self, now: Instant) {
        let Some(wire) = self.wire.as_mut() else {
            return self.voice.playout.prove();
        };
        if wire.connected {
            let change = wire.presence.handle_timeout(now);
            self.heed(change, now);
        } else if now >= wire.created + SETUP {
            self.close("never connected");
        }
    }

    fn heed(&mut self, change: Option<Change>, now: Instant) {
        let notice = match change {
            Some(Change::Away) => {
                self.voice.lose(now);
                Notice::Quiet
            }
            Some(Change::Back { lost }) => {
                self.voice.find(lost, now);
                Notice::Back
            }
            Some(Change::Gone) => return self.close("timeout"),
            None => return,
        };
        self.out.push_back(Output::Notice(notice));
        self.tell(now, 0);
    }
}

/// RFC 7983 §7.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first < 4)
}

/// A STUN success response: str0m makes one only for a request whose integrity it checked.
fn answers_stun(bytes: &[u8]) -> bool {
    bytes.len() >= 20 && bytes[..2] == [0x01, 0x01] && bytes[4..8] == [0x21, 0x12, 0xa4, 0x42]
}
