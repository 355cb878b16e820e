//! A server's peer and a calling one over an emulated network, in simulated time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Candidate;
use str0m::net::Protocol;
use talkover_media::notice::Notice;
use talkover_media::peer::{Identity, Output, Peer};
use talkover_media::sdp::read_offer;
use talkover_media::voice::Shared;

use crate::due;
use crate::link::{Link, Weather};

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 8081);
const CALLER: ([u8; 4], u16) = ([10, 0, 0, 2], 5000);
/// How the server sees the caller, behind its NAT; the port changes.
const OUTSIDE: ([u8; 4], u16) = ([10, 0, 0, 9], 40_000);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum At {
    Server,
    Caller,
}

pub(crate) struct World {
    start: Instant,
    now: Instant,
    pub(crate) server: Peer,
    pub(crate) caller: Peer,
    shared: Arc<Shared>,
    pub(crate) up: Link,
    pub(crate) down: Link,
    /// The caller's own address.
    inside: SocketAddr,
    outside: SocketAddr,
    flying: BTreeMap<(Instant, u64), (At, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// What each side told, and when.
    pub(crate) told: Vec<(Duration, At, Notice)>,
}

impl World {
    /// A call that is about to connect.
    pub(crate) fn new(up: Weather, down: Weather, seed: u64) -> Self {
        let start = Instant::now();
        let identity = Identity::new().expect("a certificate");
        let host = |at: ([u8; 4], u16)| Candidate::host(at.into(), "udp").expect("an address");
        let (mut caller, offer) = Peer::offer(
            &identity,
            &[host(CALLER)],
            false,
            start,
            start,
            Arc::default(),
        )
        .expect("an offer");
        let shared = Arc::<Shared>::default();
        let (server, answer) = Peer::answer(
            &identity,
            &offer,
            &[host(SERVER)],
            start,
            start + Duration::from_millis(7),
            Arc::clone(&shared),
        )
        .expect("an answer");
        caller
            .accept(&answer, None, start)
            .expect("a fitting answer");
        Self {
            start,
            now: start,
            server,
            caller,
            shared,
            up: Link::new(up, seed),
            down: Link::new(down, seed + 1),
            inside: CALLER.into(),
            outside: OUTSIDE.into(),
            flying: BTreeMap::new(),
            sent: 0,
            told: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// The server sends a text, where there is room for it.
    pub(crate) fn tell(&mut self, text: String) -> bool {
        let room = self.shared.texts.reserve(text.len()).is_ok();
        if room {
            self.server.send(text, self.now);
        }
        room
    }

    /// The NAT forgets the caller and gives it another port.
    pub(crate) fn rebind(&mut self) {
        self.outside.set_port(self.outside.port() + 1);
    }

    /// The caller comes into another network, and asks to go on there.
    pub(crate) fn roam(&mut self) {
        self.inside = ([10, 7, 7, 7], 6000).into();
        self.outside = ([10, 0, 0, 8], 50_000).into();
        let here = Candidate::host(self.inside, "udp").expect("an address");
        self.caller.offer_restart(&[here]);
        let offer = read_offer(&self.described(At::Caller)).expect("a whole offer");
        self.server.restart(offer, self.now);
        let answer = self.described(At::Server);
        let accepted = self.caller.accept(&answer, None, self.now);
        accepted.expect("a fitting answer");
    }

    fn described(&mut self, side: At) -> String {
        self.collect(side);
        let mut told = self.told.iter().rev();
        let sdp = told.find_map(|(_, at, notice)| match notice {
            Notice::Described(sdp) if *at == side => Some(sdp.clone()),
            _ => None,
        });
        sdp.expect("told").expect("a description")
    }

    /// Nothing passes either way for so long.
    pub(crate) fn black_out(&mut self, lasts: Duration) {
        self.up.blackout = Some(self.now + lasts);
        self.down.blackout = Some(self.now + lasts);
    }

    /// Lets `time` pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect(At::Server);
            self.collect(At::Caller);
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = due::next(arrival, [&self.server, &self.caller], end) else {
                break;
            };
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                self.deliver();
            }
            due::time_out([&mut self.server, &mut self.caller], self.now);
        }
        self.now = end;
    }

    pub(crate) fn connect(&mut self) {
        self.run(Duration::from_secs(8));
        for side in [At::Server, At::Caller] {
            assert!(self.count(side, |n| matches!(n, Notice::Connected(_))) > 0);
        }
    }

    pub(crate) fn count(&self, side: At, of: impl Fn(&Notice) -> bool) -> usize {
        let told = self.told.iter();
        told.filter(|(_, at, notice)| *at == side && of(notice))
            .count()
    }

    /// The sound that a side heard since `from`, 16 kHz.
    pub(crate) fn heard(&self, side: At, from: Duration) -> Vec<i16> {
        let mut all = Vec::new();
        for (when, at, notice) in &self.told {
            if let (true, true, Notice::Audio { pcm, .. }) = (*at == side, *when >= from, notice) {
                all.extend(pcm);
            }
        }
        all
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    fn deliver(&mut self) {
        let Some((_, (to, source, bytes))) = self.flying.pop_first() else {
            return;
        };
        let (peer, destination) = match to {
            At::Server => (&mut self.server, SERVER.into()),
            At::Caller => (&mut self.caller, self.inside),
        };
        peer.receive(self.now, Protocol::Udp, source, destination, &bytes);
    }

    fn collect(&mut self, side: At) {
        let elapsed = self.elapsed();
        let peer = match side {
            At::Server => &mut self.server,
            At::Caller => &mut self.caller,
        };
        while let Some(output) = peer.poll() {
            match output {
                Output::Notice(notice) => self.told.push((elapsed, side, notice)),
                Output::Transmit(transmit) => {
                    let (to, source, link) = match side {
                        At::Server => (At::Caller, SERVER.into(), &mut self.down),
                        At::Caller => (At::Server, self.outside, &mut self.up),
                    };
                    let routed = side == At::Caller || transmit.destination == self.outside;
                    if let Some(at) = link
                        .send(transmit.contents.len(), self.now)
                        .filter(|_| routed)
                    {
                        self.sent += 1;
                        let packet = (to, source, transmit.contents.to_vec());
                        self.flying.insert((at, self.sent), packet);
                    }
                }
                _ => {}
            }
        }
    }
}
