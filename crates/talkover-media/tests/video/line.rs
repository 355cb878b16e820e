//! Two peers and a network between them, with delay and loss, in virtual time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Candidate;
use str0m::net::Protocol;
use talkover_media::notice::Notice;
use talkover_media::peer::{Identity, Output, Peer};

type Told = Vec<(Duration, Notice)>;

pub(crate) struct Line {
    pub(crate) caller: Peer,
    pub(crate) server: Peer,
    pub(crate) now: Instant,
    /// In a hundred packets.
    pub(crate) loss: u64,
    pub(crate) caller_told: Told,
    pub(crate) server_told: Told,
    began: Instant,
    delay: Duration,
    chance: u64,
    /// (when, to the server, bytes)
    flying: Vec<(Instant, bool, Vec<u8>)>,
}

fn address(server: bool) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], if server { 4000 } else { 5000 }))
}

fn candidates(server: bool) -> Vec<Candidate> {
    Candidate::host(address(server), "udp")
        .into_iter()
        .collect()
}

impl Line {
    pub(crate) fn new(video: bool, delay: Duration, seed: u64) -> Self {
        Self::with(video, delay, seed, str::to_owned)
    }

    /// Neither side offers to send again what was lost (RFC 4588).
    pub(crate) fn without_rtx(delay: Duration, seed: u64) -> Self {
        Self::with(true, delay, seed, |sdp| {
            let about = ["rtx/90000", " apt=", "ssrc-group:FID"];
            let kept = |line: &&str| !about.iter().any(|part| line.contains(part));
            let sdp: String = sdp.split_inclusive("\r\n").filter(kept).collect();
            sdp.replace("SAVPF 96 97", "SAVPF 96")
        })
    }

    fn with(video: bool, delay: Duration, seed: u64, through: fn(&str) -> String) -> Self {
        let now = Instant::now();
        let identity = Identity::new().unwrap();
        let shared = Arc::default;
        let (mut caller, offer) =
            Peer::offer(&identity, &candidates(false), video, now, now, shared()).unwrap();
        let (server, answer) = Peer::answer(
            &identity,
            &through(&offer),
            &candidates(true),
            now,
            now,
            shared(),
        )
        .unwrap();
        caller.accept(&through(&answer), None, now).unwrap();
        Self {
            caller,
            server,
            now,
            loss: 0,
            caller_told: Vec::new(),
            server_told: Vec::new(),
            began: now,
            delay,
            chance: seed * 7919 + 1,
            flying: Vec::new(),
        }
    }

    pub(crate) fn offer(video: bool) -> String {
        let (identity, now) = (Identity::new().unwrap(), Instant::now());
        let made = Peer::offer(
            &identity,
            &candidates(false),
            video,
            now,
            now,
            Arc::default(),
        );
        made.unwrap().1
    }

    pub(crate) fn answer(offer: &str) -> String {
        let (identity, now) = (Identity::new().unwrap(), Instant::now());
        let made = Peer::answer(
            &identity,
            offer,
            &candidates(true),
            now,
            now,
            Arc::default(),
        );
        made.unwrap().1
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.take(true);
            self.take(false);
            let due = [self.caller.deadline(), self.server.deadline()];
            let arrives = self.flying.iter().map(|(at, _, _)| *at);
            let next = due.into_iter().flatten().chain(arrives).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.deliver();
            for peer in [&mut self.caller, &mut self.server] {
                if peer.deadline().is_some_and(|at| at <= self.now) {
                    peer.handle_timeout(self.now);
                }
            }
        }
    }

    fn take(&mut self, server: bool) {
        loop {
            let peer = if server {
                &mut self.server
            } else {
                &mut self.caller
            };
            match peer.poll() {
                Some(Output::Transmit(transmit)) => {
                    let lost = self.lost();
                    if !lost {
                        let bytes = transmit.contents.to_vec();
                        self.flying.push((self.now + self.delay, !server, bytes));
                    }
                }
                Some(Output::Notice(notice)) => {
                    let at = self.elapsed();
                    let told = if server {
                        &mut self.server_told
                    } else {
                        &mut self.caller_told
                    };
                    told.push((at, notice));
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let arrived: Vec<_> = self
            .flying
            .extract_if(.., |(at, _, _)| *at <= now)
            .collect();
        for (_, server, bytes) in arrived {
            let (from, to) = (address(!server), address(server));
            let udp = Protocol::Udp;
            if server {
                self.server.receive(now, udp, from, to, &bytes);
            } else if bytes[..2] == [1, 1] {
                self.caller.receive_answer(now, udp, from, to, &bytes);
            } else {
                self.caller.receive(now, udp, from, to, &bytes);
            }
        }
    }

    /// The same packets on every run.
    fn lost(&mut self) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % 100 < self.loss
    }
}

/// Looks like a VP8 key frame of that size to whoever does not decode it.
pub(crate) fn key_frame(width: u16, height: u16, length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
    frame[..6].copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a]);
    frame[6..8].copy_from_slice(&width.to_le_bytes());
    frame[8..10].copy_from_slice(&height.to_le_bytes());
    frame
}
