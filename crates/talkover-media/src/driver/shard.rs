//! One media thread: a UDP socket, the peers that live here, and their timers.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use str0m::net::{Protocol, Transmit};

use super::directory::{Datagram, Directory, Letter};
use super::streams::{Came, Streams};
use super::udp::Udp;
use crate::effort::Effort;
use crate::inbox::Sender;
use crate::notice::Notice;
use crate::peer::{Output, Peer};
use crate::router::PeerId;
use crate::stats::Stats;

pub(super) const WAKE: Token = Token(0);
pub(super) const UDP: Token = Token(1);
pub(super) const LISTENER: Token = Token(2);
/// Packets read before timers get their turn.
const BATCH: usize = 256;
/// The thread that has the TCP streams.
const STREAMS: usize = 0;
/// Packets in a row that another thread read: the peer moves there.
const STRAYS: u32 = 8;

/// Why a call ends whose caller sends faster than Python takes.
const FLOODED: &str = "more messages than can be taken in";

struct Slot {
    peer: Box<Peer>,
    timer: Option<Instant>,
    strays: u32,
}

/// What a thread works with.
pub(super) struct Outside {
    pub(super) number: usize,
    pub(super) poll: Poll,
    pub(super) udp: Udp,
    /// On one thread only.
    pub(super) streams: Option<Streams>,
    pub(super) letters: Receiver<Letter>,
    pub(super) directory: Arc<Directory>,
    pub(super) inbox: Sender,
    pub(super) stats: Arc<Stats>,
}

pub(super) struct Shard {
    outside: Outside,
    peers: HashMap<PeerId, Slot>,
    timers: BTreeSet<(Instant, PeerId)>,
    transmits: Vec<Transmit>,
    effort: Effort,
    woke: Instant,
    /// In passes since the one in which the socket was last empty.
    worked: Duration,
    stopped: bool,
}

impl Shard {
    pub(super) fn new(outside: Outside) -> Self {
        Self {
            outside,
            peers: HashMap::new(),
            timers: BTreeSet::new(),
            transmits: Vec::new(),
            effort: Effort::new(Instant::now()),
            woke: Instant::now(),
            worked: Duration::ZERO,
            stopped: false,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut more = false;
        loop {
            let timeout = if more {
                Some(Duration::ZERO)
            } else {
                self.timeout()
            };
            match self.outside.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                _ => {}
            }
            self.woke = Instant::now();
            self.read_letters();
            if self.stopped {
                return;
            }
            more = self.read_udp();
            if !more {
                self.worked = Duration::ZERO;
            }
            for token in events.iter().map(mio::event::Event::token) {
                match token {
                    LISTENER => self.accept_streams(),
                    WAKE | UDP => {}
                    stream => self.read_stream(stream),
                }
            }
            self.run_timers();
            let now = Instant::now();
            self.outside.inbox.ring(now);
            let worked = now - self.woke;
            self.worked += worked;
            if let Some(complexity) = self.effort.worked(worked, now) {
                for slot in self.peers.values_mut() {
                    slot.peer.strive(complexity);
                }
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let timer = self.timers.first().map(|(at, _)| *at);
        let next = [self.outside.inbox.deadline(now), timer]
            .into_iter()
            .flatten()
            .min();
        next.map(|at| at.saturating_duration_since(now))
    }

    // ---- from other threads ----------------------------------------------------------------------

    fn read_letters(&mut self) {
        while let Ok(letter) = self.outside.letters.try_recv() {
            match letter {
                Letter::Packet(id, packet, from) => self.read_forwarded(id, packet.borrow(), from),
                Letter::Adopt(id, peer) => self.adopt(id, peer),
                Letter::Mail(id) => self.read_mail(id),
                Letter::Send(remote, bytes) => {
                    if let Some(streams) = &mut self.outside.streams {
                        streams.send(remote, &bytes);
                    }
                }
                Letter::Stream(socket, remote) => self.keep_stream(socket, remote),
                Letter::Stop => self.stopped = true,
            }
        }
    }

    fn adopt(&mut self, id: PeerId, mut peer: Box<Peer>) {
        peer.strive(self.effort.complexity());
        let slot = Slot {
            peer,
            timer: None,
            strays: 0,
        };
        self.peers.insert(id, slot);
        self.settle(id);
        self.read_mail(id);
    }

    /// Does what Python wants of a peer; where it has moved, its new thread does.
    fn read_mail(&mut self, id: PeerId) {
        if !self.peers.contains_key(&id) {
            return self.outside.directory.pass_mail_on(id, self.outside.number);
        }
        for action in self.outside.directory.mail(id) {
            let now = Instant::now();
            self.touch(id, |peer| action(peer, now));
            self.settle(id);
        }
    }

    fn read_forwarded(&mut self, id: PeerId, packet: Datagram<&[u8]>, from: usize) {
        self.give(id, packet);
        let Some(slot) = self.peers.get_mut(&id) else {
            return;
        };
        slot.strays += u32::from(!packet.is_stun());
        if slot.strays >= STRAYS
            && let Some(peer) = self.take(id)
        {
            self.outside.directory.move_to(from, id, peer);
        }
    }

    // ---- packets ---------------------------------------------------------------------------------

    /// True: there is more to read.
    fn read_udp(&mut self) -> bool {
        let mut buffer = [0; 2048];
        for _ in 0..BATCH {
            match self.outside.udp.receive(&mut buffer) {
                Ok((length, source, destination)) => {
                    let packet = Datagram {
                        proto: Protocol::Udp,
                        source,
                        destination,
                        bytes: &buffer[..length],
                    };
                    self.receive(packet);
                }
                // ICMP errors of an earlier send are reported here and mean nothing to us.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// True: it came from where a peer has proven to be.
    fn receive(&mut self, packet: Datagram<&[u8]>) -> bool {
        self.outside
            .stats
            .packets_in
            .fetch_add(1, Ordering::Relaxed);
        let Some(id) = self.outside.directory.route(packet) else {
            return self.receive_by_dialler(packet);
        };
        if !self.peers.contains_key(&id) {
            return self.forward(id, packet);
        }
        let proven = self.give(id, packet);
        if let Some(slot) = self.peers.get_mut(&id).filter(|_| !packet.is_stun()) {
            slot.strays = 0;
        }
        proven || !packet.is_stun()
    }

    fn forward(&mut self, id: PeerId, packet: Datagram<&[u8]>) -> bool {
        let number = self.outside.number;
        match self.outside.directory.home(id) {
            // It is on its way to us.
            Some(home) if home == number => {
                self.read_letters();
                self.give(id, packet);
            }
            Some(home) => {
                let letter = Letter::Packet(id, packet.to_owned(), number);
                self.outside.directory.write(home, letter);
            }
            None => {}
        }
        !packet.is_stun()
    }

    /// To a peer that lives here. True: it proved that it is where this came from.
    fn give(&mut self, id: PeerId, packet: Datagram<&[u8]>) -> bool {
        let (mut proven, mut partner) = (false, None);
        let (woke, worked) = (self.woke, self.worked);
        self.touch(id, |peer| {
            let now = Instant::now();
            peer.waited(worked + (now - woke));
            proven = peer.receive(
                now,
                packet.proto,
                packet.source,
                packet.destination,
                packet.bytes,
            );
            partner = peer.partner();
        });
        // Before its answer goes out: what the caller sends next must find its way.
        if proven {
            self.outside.directory.prove(packet, id, partner);
        }
        self.settle(id);
        proven
    }

    /// Answers to our own checks carry no name; a calling peer knows its own by transaction.
    fn receive_by_dialler(&mut self, packet: Datagram<&[u8]>) -> bool {
        if packet.bytes.len() < 20 || packet.bytes[..2] != [1, 1] {
            return false;
        }
        let diallers: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, slot)| slot.peer.dials())
            .map(|(id, _)| *id)
            .collect();
        for id in diallers {
            let mut accepted = false;
            self.touch(id, |peer| {
                accepted = peer.receive_answer(
                    Instant::now(),
                    packet.proto,
                    packet.source,
                    packet.destination,
                    packet.bytes,
                );
            });
            if accepted {
                self.outside.directory.prove(packet, id, None);
            }
            self.settle(id);
            if accepted {
                return true;
            }
        }
        false
    }

    // ---- peers -----------------------------------------------------------------------------------

    fn run_timers(&mut self) {
        let now = Instant::now();
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, id));
            if let Some(slot) = self.peers.get_mut(&id) {
                slot.timer = None;
            }
            self.touch(id, |peer| peer.handle_timeout(Instant::now()));
            self.settle(id);
        }
        if let Some(streams) = &mut self.outside.streams {
            streams.close_unproven(now);
        }
    }

    /// Does something to a peer that lives here; a panic ends that peer only.
    fn touch(&mut self, id: PeerId, touch: impl FnOnce(&mut Peer)) {
        let Some(slot) = self.peers.get_mut(&id) else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| touch(&mut slot.peer))).is_err() {
            self.remove(id);
            // The end of a call always finds room.
            let _ = self
                .outside
                .inbox
                .push(id, Notice::Closed("internal error"));
        }
    }

    /// Sends and tells what a peer has to, and sets its timer.
    fn settle(&mut self, id: PeerId) {
        let Some(slot) = self.peers.get_mut(&id) else {
            return;
        };
        let (outside, transmits) = (&mut self.outside, &mut self.transmits);
        let closed = slot.peer.is_closed();
        if closed {
            // Counted off before anybody is told.
            outside.stats.peers.fetch_sub(1, Ordering::Relaxed);
        }
        let mut flooded = false;
        while let Some(output) = slot.peer.poll() {
            match output {
                Output::Transmit(transmit) => transmits.push(transmit),
                Output::Notice(notice) => flooded |= outside.inbox.push(id, notice).is_err(),
                Output::Named(name) => outside.directory.rename(id, name),
                Output::Late(late) => {
                    outside.stats.frame(late);
                    self.effort.sent(late);
                }
                Output::Came => drop(outside.stats.frames_in.fetch_add(1, Ordering::Relaxed)),
            }
        }
        let timer = slot.peer.deadline();
        if timer != slot.timer {
            if let Some(old) = slot.timer {
                self.timers.remove(&(old, id));
            }
            self.timers.extend(timer.map(|at| (at, id)));
            slot.timer = timer;
        }
        for transmit in transmits.drain(..) {
            outside.transmit(transmit);
        }
        if closed {
            self.take(id);
            self.outside.directory.remove(id);
        } else if flooded {
            self.touch(id, |peer| peer.expel(FLOODED, Instant::now()));
            self.settle(id);
        }
    }

    fn take(&mut self, id: PeerId) -> Option<Box<Peer>> {
        let slot = self.peers.remove(&id)?;
        self.outside.inbox.forget(id);
        if let Some(timer) = slot.timer {
            self.timers.remove(&(timer, id));
        }
        Some(slot.peer)
    }

    fn remove(&mut self, id: PeerId) {
        if self.take(id).is_some() {
            self.outside.directory.remove(id);
            self.outside.stats.peers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    // ---- streams ---------------------------------------------------------------------------------

    fn accept_streams(&mut self) {
        let outside = &mut self.outside;
        if let Some(streams) = &mut outside.streams {
            streams.accept(outside.poll.registry());
        }
    }

    fn keep_stream(&mut self, socket: StdTcp, remote: SocketAddr) {
        let outside = &mut self.outside;
        if let Some(streams) = &mut outside.streams
            && socket.set_nonblocking(true).is_ok()
        {
            streams.keep(TcpStream::from_std(socket), remote, outside.poll.registry());
        }
    }

    fn read_stream(&mut self, token: Token) {
        let taken = self.outside.streams.as_mut().and_then(|s| s.take(token));
        let Some(mut stream) = taken else {
            return;
        };
        let mut packets = Vec::new();
        let mut came = Came::Something;
        while came == Came::Something {
            came = stream.read(&mut packets);
            for bytes in packets.drain(..) {
                stream.proven |= self.receive(Datagram {
                    proto: Protocol::Tcp,
                    source: stream.remote,
                    destination: stream.local,
                    bytes: &bytes,
                });
            }
        }
        if let Some(streams) = &mut self.outside.streams {
            streams.put_back(token, stream, came == Came::Nothing);
        }
    }
}

impl Outside {
    fn transmit(&mut self, transmit: Transmit) {
        self.stats.packets_out.fetch_add(1, Ordering::Relaxed);
        match (transmit.proto, &mut self.streams) {
            (Protocol::Udp, _) => {
                let (from, to) = (transmit.source.ip(), transmit.destination);
                self.udp.send(&transmit.contents, from, to);
            }
            (_, Some(streams)) => streams.send(transmit.destination, &transmit.contents),
            (_, None) => {
                let letter = Letter::Send(transmit.destination, transmit.contents.to_vec());
                self.directory.write(STREAMS, letter);
            }
        }
    }
}
