//! Which peer a packet belongs to: by an address that a peer has proven, else by the name in a
//! STUN request. Nothing is stored for a source that no peer has accepted.

use std::collections::HashMap;
use std::net::SocketAddr;

use str0m::net::Protocol;

pub type PeerId = u64;

/// Proven addresses kept per peer: a caller that roams leaves its old ones behind.
const MOST_ADDRESSES: usize = 8;

#[derive(Debug, Default)]
pub struct Router {
    by_address: HashMap<(SocketAddr, bool), PeerId>,
    by_name: HashMap<String, PeerId>,
    names: HashMap<PeerId, String>,
}

impl Router {
    /// `peer` is known by this name, and by none that it had before.
    pub fn add(&mut self, peer: PeerId, name: String) {
        self.by_name.insert(name.clone(), peer);
        if let Some(before) = self.names.insert(peer, name) {
            self.by_name.remove(&before);
        }
    }

    pub fn remove(&mut self, peer: PeerId) {
        if let Some(name) = self.names.remove(&peer) {
            self.by_name.remove(&name);
        }
        self.by_address.retain(|_, owner| *owner != peer);
    }

    /// The peer whose packet this may be. A STUN request is known by its name even from a proven
    /// address: a port that a NAT gave to somebody else must not stay with its old owner.
    pub fn route(&self, proto: Protocol, source: SocketAddr, packet: &[u8]) -> Option<PeerId> {
        if let Some(name) = request_name(packet) {
            return self.by_name.get(name).copied();
        }
        self.owner(proto, source)
    }

    /// The peer that has proven that it is at `source`.
    pub fn owner(&self, proto: Protocol, source: SocketAddr) -> Option<PeerId> {
        self.by_address
            .get(&(source, proto == Protocol::Udp))
            .copied()
    }

    /// `peer` has proven that it is at `source`; its call goes on at `partner`. A proof can be
    /// repeated from elsewhere by whoever saw it, so that address is kept whatever else is proven.
    pub fn prove(
        &mut self,
        proto: Protocol,
        source: SocketAddr,
        peer: PeerId,
        partner: Option<SocketAddr>,
    ) {
        let key = (source, proto == Protocol::Udp);
        if self.by_address.insert(key, peer) == Some(peer) {
            return;
        }
        let count = self
            .by_address
            .values()
            .filter(|owner| **owner == peer)
            .count();
        if count > MOST_ADDRESSES {
            let mut kept = 0;
            self.by_address.retain(|address, owner| {
                if *owner != peer || *address == key || partner == Some(address.0) {
                    return true;
                }
                kept += 1;
                kept < MOST_ADDRESSES
            });
        }
    }
}

/// The receiver's name in a STUN binding request (RFC 8445 §7.2.2: USERNAME is "theirs:mine").
fn request_name(packet: &[u8]) -> Option<&str> {
    let header = packet.get(..20)?;
    if header[..2] != [0, 1] || header[4..8] != [0x21, 0x12, 0xa4, 0x42] {
        return None;
    }
    let mut rest = &packet[20..];
    loop {
        let head = rest.get(..4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(4..4 + length)?;
        if kind == 0x0006 {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        packet.extend([7; 12]);
        packet.extend([0, 6, 0, username.len() as u8]);
        packet.extend(username.as_bytes());
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet
    }

    #[test]
    fn a_request_is_known_by_name_and_other_packets_by_proven_address() {
        let mut router = Router::default();
        let source: SocketAddr = "10.0.0.1:5000".parse().unwrap();
        router.add(1, "abcd".into());
        assert_eq!(
            router.route(Protocol::Udp, source, &request("abcd:xyz")),
            Some(1)
        );
        assert_eq!(
            router.route(Protocol::Udp, source, &[0x80; 40]),
            None,
            "not proven yet"
        );
        router.prove(Protocol::Udp, source, 1, None);
        assert_eq!(router.route(Protocol::Udp, source, &[0x80; 40]), Some(1));
        assert_eq!(router.route(Protocol::Tcp, source, &[0x80; 40]), None);
        router.remove(1);
        assert_eq!(router.route(Protocol::Udp, source, &[0x80; 40]), None);
        assert_eq!(
            router.route(Protocol::Udp, source, &request("abcd:xyz")),
            None
        );
    }

    #[test]
    fn a_peer_of_another_name_is_found_by_that_alone() {
        let mut router = Router::default();
        let source: SocketAddr = "10.0.0.1:5000".parse().unwrap();
        router.add(1, "abcd".into());
        router.add(1, "efgh".into());
        let route = |name: &str| router.route(Protocol::Udp, source, &request(name));
        assert_eq!((route("abcd:xyz"), route("efgh:xyz")), (None, Some(1)));
    }

    #[test]
    fn truncated_and_lying_requests_name_nobody() {
        let whole = request("abcd:xyz");
        for end in 0..whole.len() - 4 {
            assert_eq!(request_name(&whole[..end]), None);
        }
        let mut lying = whole;
        lying[23] = 200;
        assert_eq!(request_name(&lying), None);
    }

    #[test]
    fn addresses_of_one_peer_are_bounded_and_its_partner_is_among_them() {
        let mut router = Router::default();
        let partner = SocketAddr::from(([2, 2, 2, 2], 5000));
        router.prove(Protocol::Udp, partner, 1, None);
        for port in 1..1000 {
            let source = SocketAddr::from(([1, 1, 1, 1], port));
            router.prove(Protocol::Udp, source, 1, Some(partner));
        }
        assert!(router.by_address.len() <= MOST_ADDRESSES + 1);
        assert_eq!(router.owner(Protocol::Udp, partner), Some(1));
    }
}
