//! One of the ways of a packet, walked so often as is asked: `instructions WAY PACKETS`.
//!
//! `bench/instructions.py` runs this under callgrind and counts what is executed within the function
//! of that way; what comes before (the call, and everything the caller does) is not counted. Time is
//! simulated, so each run does the same.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Candidate;
use str0m::net::Protocol;
use talkover_media::inbox::{Inbox, Sender, inbox};
use talkover_media::notice::Notice;
use talkover_media::peer::{Identity, Output, Peer};
use talkover_media::router::{PeerId, Router};

#[path = "../tests/network/sound.rs"]
#[expect(dead_code, reason = "nothing is listened to here")]
mod sound;

use sound::{sample, tone};

const PORT: ([u8; 4], u16) = ([10, 0, 0, 1], 8081);
const CALLER: ([u8; 4], u16) = ([10, 0, 0, 2], 5000);
const STRANGER: ([u8; 4], u16) = ([10, 0, 0, 3], 6000);
const ID: PeerId = 1;
const STEP: Duration = Duration::from_millis(1);
/// Steps after which a call that does not connect never will.
const PATIENCE: usize = 5000;

/// A packet of the caller, and when it arrives.
type Arrival = (Instant, Vec<u8>);

struct Call {
    now: Instant,
    server: Peer,
    caller: Peer,
    router: Router,
    sender: Sender,
    inbox: Inbox,
    connected: bool,
    /// What the caller sent, for the server to take later.
    kept: Vec<Arrival>,
    keeps: bool,
}

impl Call {
    fn connected() -> Self {
        let now = Instant::now();
        let identity = Identity::new().expect("a certificate");
        let host = |at: ([u8; 4], u16)| [Candidate::host(at.into(), "udp").expect("an address")];
        let (mut caller, offer) =
            Peer::offer(&identity, &host(CALLER), false, now, now, Arc::default())
                .expect("an offer");
        let (mut server, answer) =
            Peer::answer(&identity, &offer, &host(PORT), now, now, Arc::default())
                .expect("an answer");
        caller.accept(&answer, None, now).expect("a fitting answer");
        let mut router = Router::default();
        router.add(ID, server.ufrag().expect("a name"));
        let (sender, inbox) = inbox().expect("an inbox");
        let mut call = Self {
            now,
            server,
            caller,
            router,
            sender,
            inbox,
            connected: false,
            kept: Vec::new(),
            keeps: false,
        };
        for _ in 0..PATIENCE {
            call.step();
            if call.connected {
                return call;
            }
        }
        panic!("the call does not connect");
    }

    /// A millisecond of both sides.
    fn step(&mut self) {
        self.now += STEP;
        let mut down = Vec::new();
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit(transmit) => down.push(transmit.contents.to_vec()),
                Output::Notice(Notice::Open) => self.connected = true,
                _ => {}
            }
        }
        for packet in down {
            let (from, to) = (PORT.into(), CALLER.into());
            self.caller
                .receive(self.now, Protocol::Udp, from, to, &packet);
        }
        let mut up = Vec::new();
        while let Some(output) = self.caller.poll() {
            if let Output::Transmit(transmit) = output {
                up.push(transmit.contents.to_vec());
            }
        }
        for packet in up {
            if self.keeps {
                self.kept.push((self.now, packet));
            } else {
                self.arrive(&packet);
            }
        }
        self.caller.handle_timeout(self.now);
        if !self.keeps {
            self.server.handle_timeout(self.now);
        }
    }

    /// As a media thread does with what its socket reads.
    fn arrive(&mut self, packet: &[u8]) {
        let source: SocketAddr = CALLER.into();
        if self.router.route(Protocol::Udp, source, packet) != Some(ID) {
            return;
        }
        let proven = self
            .server
            .receive(self.now, Protocol::Udp, source, PORT.into(), packet);
        if proven {
            let partner = self.server.partner();
            self.router.prove(Protocol::Udp, source, ID, partner);
        }
    }

    /// Hands on what the server has to send and to tell.
    fn settle(&mut self) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Notice(notice) => self.sender.push(ID, notice).expect("room"),
                other => drop(black_box(other)),
            }
        }
        self.sender.ring(self.now);
        drop(black_box(self.inbox.drain()));
    }

    /// The caller's packets of so much time, which the server is yet to get.
    fn record(&mut self, packets: usize, wanted: fn(&[u8]) -> bool) -> Vec<Arrival> {
        self.keeps = true;
        let began = self.now;
        let count = |kept: &[Arrival]| kept.iter().filter(|(_, packet)| wanted(packet)).count();
        // A caller whom nobody answers hangs up after a while.
        while count(&self.kept) < packets {
            assert!(!self.caller.is_closed(), "so many packets are too many");
            self.step();
        }
        self.now = began;
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|(_, packet)| wanted(packet));
        kept
    }
}

fn is_rtp(packet: &[u8]) -> bool {
    matches!(*packet, [128..=191, kind, ..] if !(192..=223).contains(&kind))
}

fn is_check(packet: &[u8]) -> bool {
    packet.starts_with(&[0, 1])
}

/// Datagram, router, SRTP, jitter buffer, Opus, VAD, inbox.
#[inline(never)]
fn way_of_voice_in(call: &mut Call, packets: &[Arrival]) {
    for (at, packet) in packets {
        call.now = *at;
        call.arrive(packet);
        if call.server.deadline().is_some_and(|due| due <= call.now) {
            call.server.handle_timeout(call.now);
        }
        call.settle();
    }
}

/// Playout, Opus, SRTP, datagram.
#[inline(never)]
fn way_of_voice_out(call: &mut Call, frames: usize) {
    let mut sent = 0;
    while let Some(due) = call.server.deadline().filter(|_| sent < frames) {
        call.now = call.now.max(due);
        call.server.handle_timeout(call.now);
        while let Some(output) = call.server.poll() {
            sent += usize::from(matches!(output, Output::Late(_)));
            drop(black_box(output));
        }
    }
}

/// A caller's STUN request, and the answer to it.
#[inline(never)]
fn way_of_a_check(call: &mut Call, packets: &[Arrival]) {
    for (at, packet) in packets {
        call.now = *at;
        call.arrive(packet);
        call.settle();
    }
}

/// What comes from where nobody has proven to be, and is dropped.
#[inline(never)]
fn way_of_a_stranger(router: &Router, packets: &[Vec<u8>], times: usize) {
    for packet in packets.iter().cycle().take(times) {
        let source: SocketAddr = STRANGER.into();
        black_box(router.route(Protocol::Udp, source, black_box(packet)));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let way = arguments.next().unwrap_or_default();
    // `cargo bench` and `cargo test` pass arguments of their own.
    let Some(count) = arguments.next().and_then(|count| count.parse().ok()) else {
        println!("usage: instructions voice_in|voice_out|a_check|a_stranger PACKETS");
        return;
    };
    let mut call = Call::connected();
    match way.as_str() {
        "voice_in" => {
            let now = call.now;
            call.caller.play_packets(tone(440.0, 4), true, false, now);
            // Buffers find their size, and the voice its floor.
            (0..2000).for_each(|_| call.step());
            let packets = call.record(count, is_rtp);
            way_of_voice_in(&mut call, &packets[..count]);
        }
        "voice_out" => {
            let now = call.now;
            let pcm: Vec<i16> = (0..4 * 24_000).map(|n| sample(440.0, n)).collect();
            call.server.with_voice(now, |voice| {
                for _ in 0..count / 200 + 2 {
                    voice.playout.play(1, &pcm, &[], false);
                }
                voice.playout.release(1);
                voice.wake(now);
            });
            way_of_voice_out(&mut call, count);
        }
        "a_check" => {
            let packets = call.record(8, is_check);
            let last = packets.last().expect("a check").0;
            let many: Vec<Arrival> = packets.iter().cycle().take(count).cloned().collect();
            let at = |n: usize| last + STEP * n as u32;
            let many: Vec<Arrival> = (0..).zip(many).map(|(n, (_, p))| (at(n), p)).collect();
            way_of_a_check(&mut call, &many);
        }
        "a_stranger" => {
            let check = b"\0\x01\0\x10\x21\x12\xa4\x42abcdefghijkl\0\x06\0\x0cnobody:knows";
            let packets = [vec![0x80; 172], check.to_vec(), vec![0xff; 40]];
            way_of_a_stranger(&call.router, &packets, count);
        }
        other => panic!("there is no way {other}"),
    }
}
