//! A call behind the server's one port, in simulated time, to which anybody may send anything.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Candidate;
use str0m::net::Protocol;
use talkover_media::notice::Notice;
use talkover_media::peer::{Identity, Output, Peer};
use talkover_media::reflex::Policy;
use talkover_media::router::{PeerId, Router};
use talkover_media::voice::Shared;

use crate::due;
use crate::sound::{sample, share, tone};

const PORT: ([u8; 4], u16) = ([10, 0, 0, 1], 8081);
const CALLER: ([u8; 4], u16) = ([10, 0, 0, 2], 5000);
/// How the server sees the caller, behind its NAT.
const OUTSIDE: ([u8; 4], u16) = ([10, 0, 0, 9], 40_000);
const ID: PeerId = 1;
const DELAY: Duration = Duration::from_millis(20);
const SETTLED: Duration = Duration::from_secs(1);
const FRAME: usize = 320;
const EPOCH: u32 = 1;
/// What the caller says and what the agent says, Hz.
const QUESTION: f32 = 440.0;
const ANSWER: f32 = 700.0;
/// Of what the caller says again and again, and of what the agent says once.
const LOOP_SECONDS: usize = 1;
const ANSWER_SECONDS: usize = 30;

/// On its way: to the server from an address, or to the caller.
enum Flight {
    Up(SocketAddr),
    Down,
}

pub(crate) struct Call {
    now: Instant,
    start: Instant,
    server: Peer,
    caller: Peer,
    /// The caller's.
    shared: Arc<Shared>,
    router: Router,
    flying: BTreeMap<(Instant, u64), (Flight, Vec<u8>)>,
    order: u64,
    /// What the caller sent so far, for whoever listens on the path.
    pub(crate) captured: Vec<Vec<u8>>,
    validated: HashSet<SocketAddr>,
    /// Bytes that the server sent to addresses that had proven nothing.
    pub(crate) unasked: usize,
    /// Packets that the server sent to any other address than the caller's.
    pub(crate) strayed: usize,
    heard_by_server: Vec<i16>,
    heard_by_caller: Vec<i16>,
    /// How many came to the server.
    pub(crate) texts: usize,
    pub(crate) connected: bool,
}

pub(crate) fn caller_address() -> SocketAddr {
    OUTSIDE.into()
}

/// One of many addresses of nobody.
pub(crate) fn stranger(n: usize) -> SocketAddr {
    (
        [172, 16, (n >> 8) as u8, n as u8],
        1024 + (n % 50_000) as u16,
    )
        .into()
}

impl Call {
    /// Offered and answered; no packet was sent yet.
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        let identity = Identity::new().expect("a certificate");
        let host = |at: ([u8; 4], u16)| [Candidate::host(at.into(), "udp").expect("an address")];
        let shared = Arc::<Shared>::default();
        let (mut caller, offer) = Peer::offer(
            &identity,
            &host(CALLER),
            false,
            start,
            start,
            Arc::clone(&shared),
        )
        .expect("an offer");
        let (mut server, answer) =
            Peer::answer(&identity, &offer, &host(PORT), start, start, Arc::default())
                .expect("an answer");
        caller.accept(&answer, None, start).expect("a fitting one");
        let mut router = Router::default();
        router.add(ID, server.ufrag().expect("a name"));
        caller.play_packets(tone(QUESTION, LOOP_SECONDS), true, false, start);
        Self {
            now: start,
            start,
            server,
            caller,
            shared,
            router,
            flying: BTreeMap::new(),
            order: 0,
            captured: Vec::new(),
            validated: HashSet::new(),
            unasked: 0,
            strayed: 0,
            heard_by_server: Vec::new(),
            heard_by_caller: Vec::new(),
            texts: 0,
            connected: false,
        }
    }

    /// Connected, and both sides have been talking for a while.
    pub(crate) fn talking() -> Self {
        let mut call = Self::new();
        call.connect();
        call
    }

    pub(crate) fn connect(&mut self) {
        self.run_until(|call| call.connected);
        assert!(self.connected, "the real caller connects");
        self.speak();
        self.run(SETTLED);
    }

    fn speak(&mut self) {
        let pcm: Vec<i16> = (0..ANSWER_SECONDS * 24_000)
            .map(|n| sample(ANSWER, n))
            .collect();
        let (now, deaf) = (
            self.now,
            Policy {
                duck: false,
                hold: false,
                ..Policy::default()
            },
        );
        self.server.with_voice(now, |voice| {
            voice.set_policy(deaf);
            voice.playout.play(EPOCH, &pcm, &[], false);
            voice.playout.finish(EPOCH);
            voice.playout.release(EPOCH);
            voice.wake(now);
        });
    }

    /// The caller writes to the data channel; false: too much waits already.
    pub(crate) fn say(&mut self, text: String) -> bool {
        let room = self.shared.texts.reserve(text.len()).is_ok();
        if room {
            self.caller.send(text, self.now);
        }
        room
    }

    /// A packet reaches the port now, with this source; before those that are on their way.
    pub(crate) fn inject(&mut self, source: SocketAddr, packet: &[u8]) {
        self.arrive(source, packet);
        self.collect();
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_while(|_| true, end);
        self.now = end;
    }

    /// Until `done`, for ten seconds at most.
    pub(crate) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(10);
        self.run_while(|call| !done(call), end);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.server.is_closed()
    }

    /// Whether the router keeps anything for `source`.
    pub(crate) fn knows(&self, source: SocketAddr) -> bool {
        self.router.owner(Protocol::Udp, source).is_some()
    }

    /// Samples that the server has heard, 16 kHz.
    pub(crate) fn samples(&self) -> usize {
        self.heard_by_server.len()
    }

    /// After another second of the call: how much of it was the caller's voice for the server, and
    /// the agent's for the caller, percent.
    pub(crate) fn next_second(&mut self) -> (usize, usize) {
        let (server, caller) = (self.heard_by_server.len(), self.heard_by_caller.len());
        self.run(Duration::from_secs(1));
        (
            percent(&self.heard_by_server[server..], QUESTION),
            percent(&self.heard_by_caller[caller..], ANSWER),
        )
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    fn run_while(&mut self, more: impl Fn(&Self) -> bool, end: Instant) {
        self.collect();
        while more(self) {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = due::next(arrival, [&self.server, &self.caller], end) else {
                return;
            };
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                self.deliver();
            }
            due::time_out([&mut self.server, &mut self.caller], self.now);
            self.collect();
        }
    }

    fn deliver(&mut self) {
        match self.flying.pop_first() {
            Some((_, (Flight::Up(source), packet))) => self.arrive(source, &packet),
            Some((_, (Flight::Down, packet))) => {
                let (from, to) = (PORT.into(), CALLER.into());
                self.caller
                    .receive(self.now, Protocol::Udp, from, to, &packet);
            }
            None => {}
        }
    }

    /// As a media thread does with what its socket reads.
    fn arrive(&mut self, source: SocketAddr, packet: &[u8]) {
        if self.router.route(Protocol::Udp, source, packet) != Some(ID) || self.server.is_closed() {
            return;
        }
        let proven = self
            .server
            .receive(self.now, Protocol::Udp, source, PORT.into(), packet);
        if proven {
            let partner = self.server.partner();
            self.router.prove(Protocol::Udp, source, ID, partner);
            self.validated.insert(source);
        }
    }

    fn collect(&mut self) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let to = transmit.destination;
                    if !self.validated.contains(&to) {
                        self.unasked += transmit.contents.len();
                    }
                    if to == OUTSIDE.into() {
                        self.send(Flight::Down, transmit.contents.to_vec());
                    } else {
                        self.strayed += 1;
                    }
                }
                Output::Notice(Notice::Audio { pcm, .. }) => self.heard_by_server.extend(pcm),
                Output::Notice(Notice::Text(_)) => self.texts += 1,
                Output::Notice(Notice::Connected(_)) => self.connected = true,
                _ => {}
            }
        }
        while let Some(output) = self.caller.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let packet = transmit.contents.to_vec();
                    self.captured.push(packet.clone());
                    self.send(Flight::Up(OUTSIDE.into()), packet);
                }
                Output::Notice(Notice::Audio { pcm, .. }) => self.heard_by_caller.extend(pcm),
                _ => {}
            }
        }
    }

    fn send(&mut self, flight: Flight, packet: Vec<u8>) {
        self.order += 1;
        self.flying
            .insert((self.now + DELAY, self.order), (flight, packet));
    }
}

fn percent(pcm: &[i16], hz: f32) -> usize {
    let frames = pcm.chunks_exact(FRAME);
    let all = frames.len().max(1);
    100 * frames.filter(|frame| share(frame, hz) > 0.6).count() / all
}
