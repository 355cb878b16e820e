//! The media thread: the only file with sockets, a thread and a clock.
//!
//! One UDP socket and one TCP listener share a port number. Commands come by a bounded queue,
//! notices go to the inbox; the thread waits for neither.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream as StdTcp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

use crate::framing::{Deframer, frame};
use crate::inbox::{Inbox, Sender, inbox};
use crate::notice::Notice;
use crate::peer::{Identity, Output, Peer};
use crate::router::{PeerId, Router};
use crate::sdp::SdpError;
use crate::stats::Stats;
use crate::voice::{LEAD, Shared};

const WAKE: Token = Token(0);
const UDP: Token = Token(1);
const LISTENER: Token = Token(2);
const FIRST_STREAM: usize = 3;
const COMMANDS: usize = 4096;
/// Packets read before timers get their turn.
const BATCH: usize = 256;
const MOST_STREAMS: usize = 1024;
/// What a stream that does not drain may owe.
const MOST_OWED: usize = 256 * 1024;
/// A connection that proved nothing by then is closed.
const UNPROVEN: Duration = Duration::from_secs(10);

/// Something to be done to a peer on its thread.
pub type Action = Box<dyn FnOnce(&mut Peer, Instant) + Send>;

enum Command {
    Add(PeerId, Box<Peer>),
    Stream(StdTcp, SocketAddr),
    Run(PeerId, Action),
    Stop,
}

/// A handle on the media thread; all methods return at once.
pub struct Media {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
    inbox: Inbox,
    identity: Identity,
    candidates: Vec<Candidate>,
    address: SocketAddr,
    next: AtomicU64,
    stats: Arc<Stats>,
}

/// The thread is gone: the media was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Media {
    /// Binds UDP and TCP on one number (0: any that both have free) and starts the thread.
    pub fn bind(host: IpAddr, port: u16, public: Option<IpAddr>) -> io::Result<Self> {
        let (udp, listener) = bind_both(host, port)?;
        let address = udp.local_addr()?;
        let candidates = candidates(address, public);
        let (sender, inbox) = inbox()?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (commands, receiver) = sync_channel(COMMANDS);
        let stats = Arc::new(Stats::default());
        let driver = Driver::new(poll, udp, listener, receiver, sender, Arc::clone(&stats))?;
        let thread = std::thread::Builder::new()
            .name("talkover-media".to_owned())
            .spawn(move || driver.run())?;
        let identity = Identity::new()
            .ok_or_else(|| io::Error::other("the crypto library could not make a certificate"))?;
        Ok(Self {
            commands,
            waker,
            thread: Some(thread),
            inbox,
            identity,
            candidates,
            address,
            next: AtomicU64::new(1),
            stats,
        })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Answers an offer: the new peer, what it shares with its thread, and the answer's SDP.
    pub fn answer(&self, offer: &str) -> Result<(PeerId, Arc<Shared>, String), SdpError> {
        let (id, shared, now) = self.fresh();
        let origin = stagger(now, id);
        let made = Peer::answer(
            &self.identity,
            offer,
            &self.candidates,
            now,
            origin,
            Arc::clone(&shared),
        );
        let (peer, answer) = made?;
        self.add(id, peer)?;
        Ok((id, shared, answer))
    }

    /// Offers a call; `accept` takes its answer. Over TCP the offer has no address of its own yet.
    pub fn dial(&self, tcp: bool) -> Result<(PeerId, Arc<Shared>, String), SdpError> {
        let (id, shared, now) = self.fresh();
        let origin = stagger(now, id);
        let udp: Vec<Candidate> = self
            .candidates
            .iter()
            .filter(|candidate| !tcp && candidate.proto() == Protocol::Udp)
            .cloned()
            .collect();
        let made = Peer::offer(&self.identity, &udp, now, origin, Arc::clone(&shared));
        let (peer, offer) = made?;
        self.add(id, peer)?;
        Ok((id, shared, offer))
    }

    /// Gives the answer to a peer that dialled; over TCP this connects (at most 3 s).
    pub fn accept(&self, id: PeerId, answer: &str, tcp: bool) -> Result<(), SdpError> {
        crate::sdp::read_answer(answer)?;
        let local = if tcp {
            Some(self.connect(answer)?)
        } else {
            None
        };
        let answer = answer.to_owned();
        let action: Action = Box::new(move |peer, now| {
            if peer.accept(&answer, local, now).is_err() {
                peer.close("the answer does not fit the offer");
            }
        });
        self.run(id, action).map_err(|Gone| SdpError::Refused)
    }

    /// A peer without transport.
    pub fn attach(&self) -> Result<(PeerId, Arc<Shared>), Gone> {
        let (id, shared, now) = self.fresh();
        let peer = Peer::attached(stagger(now, id), LEAD, Arc::clone(&shared));
        self.send(Command::Add(id, Box::new(peer)))?;
        Ok((id, shared))
    }

    /// Has `action` done to a peer on the media thread; waits only where 4096 others wait already.
    pub fn run(&self, id: PeerId, action: Action) -> Result<(), Gone> {
        self.send(Command::Run(id, action))
    }

    /// Ends the thread and every peer.
    pub fn close(&mut self) {
        let _ = self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn add(&self, id: PeerId, peer: Peer) -> Result<(), SdpError> {
        self.send(Command::Add(id, Box::new(peer)))
            .map_err(|Gone| SdpError::Refused)
    }

    fn fresh(&self) -> (PeerId, Arc<Shared>, Instant) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        (id, Arc::default(), Instant::now())
    }

    fn send(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).map_err(|_| Gone)?;
        self.waker.wake().map_err(|_| Gone)
    }

    fn connect(&self, answer: &str) -> Result<Candidate, SdpError> {
        let remote = passive_address(answer).ok_or(SdpError::Refused)?;
        let stream = StdTcp::connect_timeout(&remote, Duration::from_secs(3))
            .map_err(|_| SdpError::Refused)?;
        let local = stream.local_addr().map_err(|_| SdpError::Refused)?;
        let candidate = Candidate::builder()
            .tcp()
            .host(local)
            .tcptype(TcpType::Active)
            .build();
        self.send(Command::Stream(stream, remote))
            .map_err(|Gone| SdpError::Refused)?;
        candidate.map_err(|_| SdpError::Refused)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.close();
    }
}

struct Slot {
    peer: Box<Peer>,
    timer: Option<Instant>,
}

struct Stream {
    socket: TcpStream,
    remote: SocketAddr,
    local: SocketAddr,
    deframer: Deframer,
    owed: Vec<u8>,
    since: Instant,
    proven: bool,
}

struct Driver {
    poll: Poll,
    udp: UdpSocket,
    listener: TcpListener,
    commands: Receiver<Command>,
    inbox: Sender,
    stats: Arc<Stats>,
    router: Router,
    peers: HashMap<PeerId, Slot>,
    timers: BTreeSet<(Instant, PeerId)>,
    streams: HashMap<Token, Stream>,
    by_remote: HashMap<SocketAddr, Token>,
    /// What is to be sent on a stream that is being read just now.
    late: HashMap<Token, Vec<u8>>,
    next_stream: usize,
    address: SocketAddr,
    homes: Vec<IpAddr>,
}

impl Driver {
    fn new(
        poll: Poll,
        mut udp: UdpSocket,
        mut listener: TcpListener,
        commands: Receiver<Command>,
        inbox: Sender,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        let address = udp.local_addr()?;
        poll.registry()
            .register(&mut udp, UDP, Interest::READABLE)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            udp,
            listener,
            commands,
            inbox,
            stats,
            router: Router::default(),
            peers: HashMap::new(),
            timers: BTreeSet::new(),
            streams: HashMap::new(),
            by_remote: HashMap::new(),
            late: HashMap::new(),
            next_stream: FIRST_STREAM,
            address,
            homes: homes(address.ip()),
        })
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut more = false;
        loop {
            let timeout = if more {
                Some(Duration::ZERO)
            } else {
                self.timeout()
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                _ => {}
            }
            if !self.run_commands() {
                return;
            }
            more = self.read_udp();
            for token in events.iter().map(mio::event::Event::token) {
                match token {
                    LISTENER => self.accept_streams(),
                    WAKE | UDP => {}
                    stream => self.read_stream(stream),
                }
            }
            self.run_timers();
            self.inbox.ring(Instant::now());
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let timer = self.timers.first().map(|(at, _)| *at);
        let next = [self.inbox.deadline(now), timer]
            .into_iter()
            .flatten()
            .min();
        next.map(|at| at.saturating_duration_since(now))
    }

    /// False: stop.
    fn run_commands(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            let now = Instant::now();
            match command {
                Command::Add(id, mut peer) => {
                    if let Some(name) = peer.ufrag() {
                        self.router.add(id, name);
                    }
                    self.peers.insert(id, Slot { peer, timer: None });
                    self.stats
                        .peers
                        .store(self.peers.len() as u64, Ordering::Relaxed);
                    self.settle(id);
                }
                Command::Stream(stream, remote) => {
                    if stream.set_nonblocking(true).is_ok() {
                        self.keep_stream(TcpStream::from_std(stream), remote);
                    }
                }
                Command::Run(id, action) => self.with_peer(id, |peer| action(peer, now)),
                Command::Stop => return false,
            }
        }
        true
    }

    /// True: there is more to read.
    fn read_udp(&mut self) -> bool {
        let mut buffer = [0; 2048];
        for _ in 0..BATCH {
            match self.udp.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let destination = self.home_towards(source);
                    self.receive(Protocol::Udp, source, destination, &buffer[..length]);
                }
                // ICMP errors of an earlier send are reported here and mean nothing to us.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn receive(
        &mut self,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        packet: &[u8],
    ) -> bool {
        self.stats.packets_in.fetch_add(1, Ordering::Relaxed);
        let Some(id) = self.router.route(proto, source, packet) else {
            return self.receive_by_dialler(proto, source, destination, packet);
        };
        let now = Instant::now();
        let mut proven = false;
        self.with_peer(id, |peer| {
            proven = peer.receive(now, proto, source, destination, packet);
        });
        if proven {
            self.router.prove(proto, source, id);
        }
        proven
    }

    /// Answers to our own checks carry no name; a calling peer knows its own by transaction.
    fn receive_by_dialler(
        &mut self,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        packet: &[u8],
    ) -> bool {
        if packet.len() < 20 || packet[..2] != [1, 1] {
            return false;
        }
        let now = Instant::now();
        let diallers: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, s)| s.peer.dials())
            .map(|(id, _)| *id)
            .collect();
        for id in diallers {
            let mut accepted = false;
            self.with_peer(id, |peer| {
                accepted = peer.receive_answer(now, proto, source, destination, packet);
            });
            if accepted {
                self.router.prove(proto, source, id);
                return true;
            }
        }
        false
    }

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
            self.with_peer(id, |peer| peer.handle_timeout(Instant::now()));
        }
        self.close_unproven(now);
    }

    /// Touches a peer and does what it wants; a panic ends that peer only.
    fn with_peer(&mut self, id: PeerId, touch: impl FnOnce(&mut Peer)) {
        let Some(slot) = self.peers.get_mut(&id) else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| touch(&mut slot.peer))).is_err() {
            self.inbox.push(id, Notice::Closed("internal error"));
            self.remove(id);
            return;
        }
        self.settle(id);
    }

    fn settle(&mut self, id: PeerId) {
        let Some(slot) = self.peers.get_mut(&id) else {
            return;
        };
        let mut transmits = Vec::new();
        while let Some(output) = slot.peer.poll() {
            match output {
                Output::Transmit(transmit) => transmits.push(transmit),
                Output::Notice(notice) => self.inbox.push(id, notice),
                Output::Late(late) => self.stats.frame(late),
            }
        }
        let closed = slot.peer.is_closed();
        let timer = slot.peer.deadline();
        if timer != slot.timer {
            if let Some(old) = slot.timer {
                self.timers.remove(&(old, id));
            }
            self.timers.extend(timer.map(|at| (at, id)));
            slot.timer = timer;
        }
        for transmit in transmits {
            self.stats.packets_out.fetch_add(1, Ordering::Relaxed);
            match transmit.proto {
                Protocol::Udp => {
                    // A full socket buffer loses a packet, as any network may.
                    let _ = self.udp.send_to(&transmit.contents, transmit.destination);
                }
                _ => self.send_stream(transmit.destination, &transmit.contents),
            }
        }
        if closed {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: PeerId) {
        if let Some(slot) = self.peers.remove(&id)
            && let Some(timer) = slot.timer
        {
            self.timers.remove(&(timer, id));
        }
        self.router.remove(id);
        self.stats
            .peers
            .store(self.peers.len() as u64, Ordering::Relaxed);
    }

    fn accept_streams(&mut self) {
        while let Ok((socket, remote)) = self.listener.accept() {
            if self.streams.len() < MOST_STREAMS {
                self.keep_stream(socket, remote);
            }
        }
    }

    fn keep_stream(&mut self, mut socket: TcpStream, remote: SocketAddr) {
        let token = Token(self.next_stream);
        self.next_stream += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let local = socket.local_addr();
        // Nagle would hold a 20 ms packet for the next one.
        let ready = socket.set_nodelay(true).is_ok()
            && self
                .poll
                .registry()
                .register(&mut socket, token, interest)
                .is_ok();
        let (true, Ok(local)) = (ready, local) else {
            return;
        };
        self.by_remote.insert(remote, token);
        let stream = Stream {
            socket,
            remote,
            local,
            deframer: Deframer::default(),
            owed: Vec::new(),
            since: Instant::now(),
            proven: false,
        };
        self.streams.insert(token, stream);
    }

    fn read_stream(&mut self, token: Token) {
        let Some(mut stream) = self.streams.remove(&token) else {
            return;
        };
        let mut open = stream.pay();
        let mut buffer = [0; 16 * 1024];
        while open {
            match stream.socket.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(length) => open = self.read_packets(&mut stream, &buffer[..length]),
                Err(error) => {
                    open = error.kind() == io::ErrorKind::WouldBlock;
                    break;
                }
            }
        }
        if open {
            // What its own packets had us send while it was out of the table is owed already.
            self.streams.insert(token, stream);
            self.pay_late(token);
        } else {
            self.by_remote.remove(&stream.remote);
        }
    }

    fn read_packets(&mut self, stream: &mut Stream, bytes: &[u8]) -> bool {
        stream.deframer.push(bytes);
        loop {
            match stream.deframer.packet() {
                Ok(Some(packet)) => {
                    let packet = packet.to_vec();
                    let (remote, local) = (stream.remote, stream.local);
                    stream.proven |= self.receive(Protocol::Tcp, remote, local, &packet);
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    fn send_stream(&mut self, remote: SocketAddr, packet: &[u8]) {
        let Some(token) = self.by_remote.get(&remote) else {
            return;
        };
        match self.streams.get_mut(token) {
            Some(stream) => stream.send(packet),
            None => frame(packet, self.late.entry(*token).or_default()),
        }
    }

    fn pay_late(&mut self, token: Token) {
        if let (Some(late), Some(stream)) = (self.late.remove(&token), self.streams.get_mut(&token))
        {
            stream.owed.extend_from_slice(&late);
            stream.pay();
        }
    }

    fn close_unproven(&mut self, now: Instant) {
        let by_remote = &mut self.by_remote;
        self.streams.retain(|_, stream| {
            let keep = stream.proven || now < stream.since + UNPROVEN;
            if !keep {
                by_remote.remove(&stream.remote);
            }
            keep
        });
    }

    /// The address of ours that a packet from `source` was sent to, as far as a wildcard socket
    /// tells: loopback for loopback, else the first interface of its family.
    fn home_towards(&self, source: SocketAddr) -> SocketAddr {
        if !self.address.ip().is_unspecified() {
            return self.address;
        }
        let fits = |home: &&IpAddr| {
            home.is_ipv4() == source.is_ipv4() && home.is_loopback() == source.ip().is_loopback()
        };
        let home = self
            .homes
            .iter()
            .find(fits)
            .copied()
            .unwrap_or_else(|| self.address.ip());
        SocketAddr::new(home, self.address.port())
    }
}

impl Stream {
    fn send(&mut self, packet: &[u8]) {
        if self.owed.len() < MOST_OWED {
            frame(packet, &mut self.owed);
        }
        self.pay();
    }

    /// Writes what is owed; false: the stream is broken.
    fn pay(&mut self) -> bool {
        while !self.owed.is_empty() {
            match self.socket.write(&self.owed) {
                Ok(0) => return false,
                Ok(length) => drop(self.owed.drain(..length)),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }
}

/// Spreads the peers' frames over the 20 ms.
fn stagger(now: Instant, id: PeerId) -> Instant {
    now + Duration::from_millis(id * 7 % 20)
}

fn bind_both(host: IpAddr, port: u16) -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = None;
    for _ in 0..if port == 0 { 20 } else { 1 } {
        let udp = UdpSocket::bind(SocketAddr::new(host, port))?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(listener) => {
                // Room for a burst of every peer at once.
                let socket = socket2::SockRef::from(&udp);
                let _ = socket.set_recv_buffer_size(4 << 20);
                let _ = socket.set_send_buffer_size(4 << 20);
                return Ok((udp, listener));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}

/// Addresses of this machine that a socket bound to `host` is reached at; loopback last, because
/// some browsers ignore it.
fn homes(host: IpAddr) -> Vec<IpAddr> {
    if !host.is_unspecified() {
        return vec![host];
    }
    let mut found: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| ip.is_ipv4() || host.is_ipv6())
        .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .collect();
    found.sort_by_key(IpAddr::is_loopback);
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    found
}

fn candidates(address: SocketAddr, public: Option<IpAddr>) -> Vec<Candidate> {
    let homes = homes(address.ip());
    let reflexive = public.filter(|ip| !homes.contains(ip));
    let mut all = Vec::new();
    for home in &homes {
        let at = SocketAddr::new(*home, address.port());
        all.extend(Candidate::host(at, "udp").ok());
        all.extend(
            Candidate::builder()
                .tcp()
                .host(at)
                .tcptype(TcpType::Passive)
                .build()
                .ok(),
        );
    }
    if let (Some(public), Some(home)) = (reflexive, homes.first()) {
        let at = SocketAddr::new(public, address.port());
        let base = SocketAddr::new(*home, address.port());
        all.extend(Candidate::server_reflexive(at, base, "udp").ok());
        all.extend(
            Candidate::builder()
                .tcp()
                .server_reflexive(at, base)
                .tcptype(TcpType::Passive)
                .build()
                .ok(),
        );
    }
    all
}

/// The first passive TCP candidate of an answer.
fn passive_address(answer: &str) -> Option<SocketAddr> {
    answer.lines().find_map(|line| {
        let fields: Vec<&str> = line
            .strip_prefix("a=candidate:")?
            .split_whitespace()
            .collect();
        let passive = fields.windows(2).any(|pair| pair == ["tcptype", "passive"]);
        if !passive || !fields.get(2)?.eq_ignore_ascii_case("tcp") {
            return None;
        }
        Some(SocketAddr::new(
            fields.get(4)?.parse().ok()?,
            fields.get(5)?.parse().ok()?,
        ))
    })
}
