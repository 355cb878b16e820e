//! Where every peer lives: on which thread, how its packets are known, and what waits to be done.
//!
//! All media threads share one. A peer lives on the thread to which the kernel brings its packets:
//! it is made on any, what arrives elsewhere is forwarded, and where its packets keep arriving
//! elsewhere it moves. What Python wants done waits in the peer's own mail, so that its order
//! survives a move.

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use mio::Waker;
use str0m::net::Protocol;

use crate::peer::Peer;
use crate::router::{PeerId, Router};

/// Something to be done to a peer on its thread.
pub type Action = Box<dyn FnOnce(&mut Peer, Instant) + Send>;

/// A packet as it was read, in bytes that are borrowed or owned.
#[derive(Clone, Copy)]
pub(super) struct Datagram<B> {
    pub(super) proto: Protocol,
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) bytes: B,
}

impl Datagram<&[u8]> {
    pub(super) fn to_owned(self) -> Datagram<Vec<u8>> {
        Datagram {
            proto: self.proto,
            source: self.source,
            destination: self.destination,
            bytes: self.bytes.to_vec(),
        }
    }

    /// RFC 7983 §7: what is not STUN comes only from an address that was proven.
    pub(super) fn is_stun(self) -> bool {
        self.bytes.first().is_some_and(|first| *first < 4)
    }
}

impl Datagram<Vec<u8>> {
    pub(super) fn borrow(&self) -> Datagram<&[u8]> {
        Datagram {
            proto: self.proto,
            source: self.source,
            destination: self.destination,
            bytes: &self.bytes,
        }
    }
}

/// From one media thread to another.
pub(super) enum Letter {
    /// A packet of a peer that lives there; the thread that read it.
    Packet(PeerId, Datagram<Vec<u8>>, usize),
    /// A peer that lives there from now on.
    Adopt(PeerId, Box<Peer>),
    /// The peer has mail.
    Mail(PeerId),
    /// To be sent on a TCP stream.
    Send(SocketAddr, Vec<u8>),
    /// A TCP connection that a caller of ours has made.
    Stream(TcpStream, SocketAddr),
    Stop,
}

/// How to reach a media thread.
pub(super) struct Address {
    pub(super) letters: Sender<Letter>,
    pub(super) waker: Arc<Waker>,
}

struct Home {
    thread: usize,
    mail: VecDeque<Action>,
}

pub(super) struct Directory {
    threads: Vec<Address>,
    router: RwLock<Router>,
    homes: Mutex<HashMap<PeerId, Home>>,
}

impl Directory {
    pub(super) fn new(threads: Vec<Address>) -> Self {
        Self {
            threads,
            router: RwLock::default(),
            homes: Mutex::default(),
        }
    }

    /// A new peer, to live on the thread whose turn it is.
    pub(super) fn add(&self, id: PeerId, mut peer: Box<Peer>) {
        if let Some(name) = peer.ufrag() {
            self.write_router(|router| router.add(id, name));
        }
        let thread = id as usize % self.threads.len();
        let mail = VecDeque::new();
        self.homes().insert(id, Home { thread, mail });
        self.write(thread, Letter::Adopt(id, peer));
    }

    /// The peer is known by another name from now on.
    pub(super) fn rename(&self, id: PeerId, name: String) {
        self.write_router(|router| router.add(id, name));
    }

    pub(super) fn remove(&self, peer: PeerId) {
        self.write_router(|router| router.remove(peer));
        self.homes().remove(&peer);
    }

    /// Whose packet it may be.
    pub(super) fn route(&self, packet: Datagram<&[u8]>) -> Option<PeerId> {
        let router = self.router.read().unwrap_or_else(PoisonError::into_inner);
        router.route(packet.proto, packet.source, packet.bytes)
    }

    /// The peer has proven that it is where the packet came from; its call goes on at `partner`.
    pub(super) fn prove(&self, packet: Datagram<&[u8]>, peer: PeerId, partner: Option<SocketAddr>) {
        let (proto, source) = (packet.proto, packet.source);
        let router = self.router.read().unwrap_or_else(PoisonError::into_inner);
        if router.owner(proto, source) == Some(peer) {
            return;
        }
        drop(router);
        self.write_router(|router| router.prove(proto, source, peer, partner));
    }

    pub(super) fn home(&self, peer: PeerId) -> Option<usize> {
        self.homes().get(&peer).map(|home| home.thread)
    }

    /// Gives a peer to another thread: nobody sees it live there before that thread can know.
    pub(super) fn move_to(&self, thread: usize, id: PeerId, peer: Box<Peer>) {
        let mut homes = self.homes();
        if let Some(home) = homes.get_mut(&id) {
            home.thread = thread;
            self.write(thread, Letter::Adopt(id, peer));
        }
    }

    /// Adds to a peer's mail. A peer that is gone needs none.
    pub(super) fn post(&self, peer: PeerId, action: Action) {
        let told = self.homes().get_mut(&peer).map(|home| {
            home.mail.push_back(action);
            (home.thread, home.mail.len())
        });
        // Where mail waited already, its thread was told.
        if let Some((thread, 1)) = told {
            self.write(thread, Letter::Mail(peer));
        }
    }

    pub(super) fn mail(&self, peer: PeerId) -> VecDeque<Action> {
        let mut homes = self.homes();
        let mail = homes.get_mut(&peer).map(|home| &mut home.mail);
        mail.map(std::mem::take).unwrap_or_default()
    }

    /// Sends the news of mail on, from a thread that the peer has left.
    pub(super) fn pass_mail_on(&self, peer: PeerId, from: usize) {
        let home = self.home(peer).filter(|home| *home != from);
        if let Some(thread) = home {
            self.write(thread, Letter::Mail(peer));
        }
    }

    pub(super) fn write(&self, thread: usize, letter: Letter) {
        let to = &self.threads[thread];
        // A thread that has ended needs no letters.
        if to.letters.send(letter).is_ok() {
            let _ = to.waker.wake();
        }
    }

    pub(super) fn stop(&self) {
        for thread in 0..self.threads.len() {
            self.write(thread, Letter::Stop);
        }
    }

    fn write_router(&self, change: impl FnOnce(&mut Router)) {
        change(&mut self.router.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn homes(&self) -> MutexGuard<'_, HashMap<PeerId, Home>> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
