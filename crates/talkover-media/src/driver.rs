//! The media threads: the only place with sockets, threads and a clock.
//!
//! A UDP socket for each thread and one TCP listener share a port number. Letters bring what is to
//! be done, notices go to the inbox; the threads wait for neither.

mod address;
mod directory;
mod shard;
mod streams;
mod udp;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Poll, Waker};
use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

use crate::inbox::{Inbox, inbox};
use crate::peer::{Identity, Peer};
use crate::router::PeerId;
use crate::sdp::SdpError;
use crate::stats::Stats;
use crate::voice::{LEAD, Shared};

pub use directory::Action;
use directory::{Address, Directory, Letter};
use shard::{LISTENER, Outside, Shard, UDP, WAKE};
use streams::Streams;
use udp::Udp;

/// What a TCP connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// A handle on the media threads; all methods return at once.
pub struct Media {
    directory: Arc<Directory>,
    threads: Vec<JoinHandle<()>>,
    inbox: Inbox,
    identity: Identity,
    address: SocketAddr,
    public: Option<IpAddr>,
    next: AtomicU64,
    stats: Arc<Stats>,
}

impl Media {
    /// Binds UDP and TCP on one number (0: any that both have free) and starts so many threads. To
    /// `dial` there must be one: answers to its checks may come to any.
    pub fn bind(
        host: IpAddr,
        port: u16,
        public: Option<IpAddr>,
        threads: usize,
    ) -> io::Result<Self> {
        let (mut listener, sockets) = address::bind(host, port, threads)?;
        let address = listener.local_addr()?;
        let identity = Identity::new()
            .ok_or_else(|| io::Error::other("the crypto library could not make a certificate"))?;
        let (sender, inbox) = inbox()?;
        let stats = Arc::new(Stats::default());
        let (addresses, posts): (Vec<Address>, Vec<Post>) = sockets
            .into_iter()
            .map(post)
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let directory = Arc::new(Directory::new(addresses));
        if let Some(first) = posts.first() {
            let registry = first.poll.registry();
            registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        }
        let mut streams = Some(Streams::new(listener));
        let mut media = Self {
            directory: Arc::clone(&directory),
            threads: Vec::new(),
            inbox,
            identity,
            address,
            public,
            next: AtomicU64::new(1),
            stats: Arc::clone(&stats),
        };
        for (number, post) in posts.into_iter().enumerate() {
            let shard = Shard::new(Outside {
                number,
                poll: post.poll,
                udp: Udp::new(post.udp, address),
                streams: streams.take(),
                letters: post.letters,
                directory: Arc::clone(&directory),
                inbox: sender.another()?,
                stats: Arc::clone(&stats),
            });
            let thread = std::thread::Builder::new()
                .name(format!("talkover-media{number}"))
                .spawn(move || shard.run())?;
            media.threads.push(thread);
        }
        Ok(media)
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
            &self.candidates(),
            now,
            origin,
            Arc::clone(&shared),
        );
        let (peer, answer) = made?;
        self.add(id, peer);
        Ok((id, shared, answer))
    }

    /// Offers a call, with `video` where it is wanted; `accept` takes its answer. Over TCP the offer
    /// has no address of its own yet.
    pub fn dial(&self, tcp: bool, video: bool) -> Result<(PeerId, Arc<Shared>, String), SdpError> {
        if self.threads.len() > 1 {
            return Err(SdpError::Refused);
        }
        let (id, shared, now) = self.fresh();
        let origin = stagger(now, id);
        let udp = if tcp { Vec::new() } else { self.datagrams() };
        let made = Peer::offer(
            &self.identity,
            &udp,
            video,
            now,
            origin,
            Arc::clone(&shared),
        );
        let (peer, offer) = made?;
        self.add(id, peer);
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
        self.run(id, action);
        Ok(())
    }

    /// Has a later offer of a caller answered; `Notice::Described` tells the answer.
    pub fn restart(&self, id: PeerId, offer: &str) -> Result<(), SdpError> {
        let offer = crate::sdp::read_offer(offer)?;
        self.run(id, Box::new(move |peer, now| peer.restart(offer, now)));
        Ok(())
    }

    /// Has a peer that dialled over UDP offer to go on from the addresses that this machine has now;
    /// `Notice::Described` tells the offer, and `accept` takes its answer.
    pub fn offer_restart(&self, id: PeerId) {
        let here = self.datagrams();
        self.run(id, Box::new(move |peer, _| peer.offer_restart(&here)));
    }

    /// A peer without transport.
    pub fn attach(&self) -> (PeerId, Arc<Shared>) {
        let (id, shared, now) = self.fresh();
        let peer = Peer::attached(stagger(now, id), LEAD, Arc::clone(&shared));
        self.add(id, peer);
        (id, shared)
    }

    /// Has `action` done to a peer on its thread, in the order of these calls.
    pub fn run(&self, id: PeerId, action: Action) {
        self.directory.post(id, action);
    }

    /// Ends the threads and every peer.
    pub fn close(&mut self) {
        self.directory.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// The addresses of this machine come and go, so they are looked up for each call.
    fn candidates(&self) -> Vec<Candidate> {
        address::candidates(self.address, self.public)
    }

    fn datagrams(&self) -> Vec<Candidate> {
        let mut udp = self.candidates();
        udp.retain(|candidate| candidate.proto() == Protocol::Udp);
        udp
    }

    fn add(&self, id: PeerId, peer: Peer) {
        self.stats.peers.fetch_add(1, Ordering::Relaxed);
        self.directory.add(id, Box::new(peer));
    }

    fn fresh(&self) -> (PeerId, Arc<Shared>, Instant) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        (id, Arc::default(), Instant::now())
    }

    /// The first of the answer's addresses that takes a TCP connection; each gets its share of the
    /// time.
    fn connect(&self, answer: &str) -> Result<Candidate, SdpError> {
        let all = address::passive_addresses(answer);
        let share = CONNECT / all.len().max(1) as u32;
        let open = |remote| Some((TcpStream::connect_timeout(&remote, share).ok()?, remote));
        let (stream, remote) = all.into_iter().find_map(open).ok_or(SdpError::Refused)?;
        let local = stream.local_addr().map_err(|_| SdpError::Refused)?;
        let candidate = Candidate::builder()
            .tcp()
            .host(local)
            .tcptype(TcpType::Active)
            .build();
        self.directory.write(0, Letter::Stream(stream, remote));
        candidate.map_err(|_| SdpError::Refused)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.close();
    }
}

/// One thread's side of its address.
struct Post {
    poll: Poll,
    udp: UdpSocket,
    letters: Receiver<Letter>,
}

fn post(mut udp: UdpSocket) -> io::Result<(Address, Post)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    poll.registry()
        .register(&mut udp, UDP, Interest::READABLE)?;
    let (sender, letters) = channel();
    let address = Address {
        letters: sender,
        waker,
    };
    Ok((address, Post { poll, udp, letters }))
}

/// Spreads the peers' frames over the 20 ms.
fn stagger(now: Instant, id: PeerId) -> Instant {
    now + Duration::from_millis(id * 7 % 20)
}
