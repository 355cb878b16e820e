//! Calls over TCP: streams of framed packets (RFC 4571), all on one media thread.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::framing::{Deframer, frame};

const FIRST: usize = 3;
const MOST: usize = 1024;
/// What a stream that does not drain may owe.
const MOST_OWED: usize = 256 * 1024;
/// A connection that proved nothing by then is closed.
const UNPROVEN: Duration = Duration::from_secs(10);

pub(super) struct Stream {
    socket: TcpStream,
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    deframer: Deframer,
    owed: Vec<u8>,
    since: Instant,
    /// A peer answered to what came on it.
    pub(super) proven: bool,
}

/// What there was to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Something,
    Nothing,
    End,
}

pub(super) struct Streams {
    listener: TcpListener,
    open: HashMap<Token, Stream>,
    by_remote: HashMap<SocketAddr, Token>,
    /// What is to be sent on a stream that is being read just now.
    late: HashMap<Token, Vec<u8>>,
    next: usize,
}

/// An IPv4 address that an IPv6 listener shows as one of its own (RFC 4291 §2.5.5.2), as what it is:
/// candidates name it so.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Streams {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            open: HashMap::new(),
            by_remote: HashMap::new(),
            late: HashMap::new(),
            next: FIRST,
        }
    }

    pub(super) fn accept(&mut self, registry: &Registry) {
        while let Ok((socket, remote)) = self.listener.accept() {
            if self.open.len() < MOST {
                self.keep(socket, plain(remote), registry);
            }
        }
    }

    pub(super) fn keep(&mut self, mut socket: TcpStream, remote: SocketAddr, registry: &Registry) {
        let token = Token(self.next);
        self.next += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let local = socket.local_addr();
        // Nagle would hold a 20 ms packet for the next one.
        let ready = socket.set_nodelay(true).is_ok()
            && registry.register(&mut socket, token, interest).is_ok();
        let (true, Ok(local)) = (ready, local.map(plain)) else {
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
        self.open.insert(token, stream);
    }

    /// Takes a stream out, to be read and then put back.
    pub(super) fn take(&mut self, token: Token) -> Option<Stream> {
        self.open.remove(&token)
    }

    /// `open`: it may go on.
    pub(super) fn put_back(&mut self, token: Token, mut stream: Stream, open: bool) {
        let late = self.late.remove(&token).unwrap_or_default();
        if open {
            stream.owed.extend_from_slice(&late);
            stream.pay();
            self.open.insert(token, stream);
        } else {
            self.by_remote.remove(&stream.remote);
        }
    }

    pub(super) fn send(&mut self, remote: SocketAddr, packet: &[u8]) {
        let Some(token) = self.by_remote.get(&remote) else {
            return;
        };
        match self.open.get_mut(token) {
            Some(stream) => stream.send(packet),
            None => frame(packet, self.late.entry(*token).or_default()),
        }
    }

    pub(super) fn close_unproven(&mut self, now: Instant) {
        let by_remote = &mut self.by_remote;
        self.open.retain(|_, stream| {
            let keep = stream.proven || now < stream.since + UNPROVEN;
            if !keep {
                by_remote.remove(&stream.remote);
            }
            keep
        });
    }
}

impl Stream {
    /// Writes what is owed, then reads what came, as whole packets.
    pub(super) fn read(&mut self, packets: &mut Vec<Vec<u8>>) -> Came {
        if !self.pay() {
            return Came::End;
        }
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => Came::End,
            Ok(length) if self.cut(&buffer[..length], packets) => Came::Something,
            Ok(_) => Came::End,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Came::Nothing,
            Err(_) => Came::End,
        }
    }

    fn cut(&mut self, bytes: &[u8], packets: &mut Vec<Vec<u8>>) -> bool {
        self.deframer.push(bytes);
        loop {
            match self.deframer.packet() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

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
