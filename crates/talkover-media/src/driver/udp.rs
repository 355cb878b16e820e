//! A thread's UDP socket. One that is bound to a wildcard address takes what comes to any address of
//! this machine; each packet tells to which (IP_PKTINFO, RFC 3542 §6.2), and what answers it leaves
//! from there. The system would choose by its routes, and ICE takes no answer from an address that
//! it did not ask (RFC 8445 §7.2.5.2.1).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use mio::net::UdpSocket;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};

#[derive(Debug)]
pub(super) struct Udp {
    socket: UdpSocket,
    address: SocketAddr,
    /// What the system says beside a packet.
    beside: Vec<u8>,
}

/// Has a wildcard socket told where each packet was sent to.
pub(super) fn tell_destinations(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

impl Udp {
    /// `address`: what the socket is bound to.
    pub(super) fn new(socket: UdpSocket, address: SocketAddr) -> Self {
        Self {
            socket,
            address,
            beside: nix::cmsg_space!(in6_pktinfo),
        }
    }

    /// Length, source and destination of a packet.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr, SocketAddr)> {
        if !self.address.ip().is_unspecified() {
            let (length, source) = self.socket.recv_from(buffer)?;
            return Ok((length, source, self.address));
        }
        let (fd, mut parts) = (self.socket.as_raw_fd(), [IoSliceMut::new(buffer)]);
        let beside = Some(&mut self.beside[..]);
        let came = recvmsg::<SockaddrStorage>(fd, &mut parts, beside, MsgFlags::empty())?;
        let home = came.cmsgs()?.find_map(home);
        let home = home.unwrap_or_else(|| self.address.ip());
        let source = came.address.as_ref().and_then(plain);
        let source = source.ok_or(io::ErrorKind::InvalidData)?;
        Ok((
            came.bytes,
            source,
            SocketAddr::new(home, self.address.port()),
        ))
    }

    /// Sends from an address of ours. Nothing is told of a failure: a full socket buffer loses a
    /// packet, as any network may, and so does an address that is gone.
    pub(super) fn send(&self, bytes: &[u8], from: IpAddr, to: SocketAddr) {
        if !self.address.ip().is_unspecified() {
            let _ = self.socket.send_to(bytes, to);
            return;
        }
        let (v4, v6);
        let (from, to) = match (self.address, from) {
            (SocketAddr::V4(_), IpAddr::V4(from)) => {
                v4 = pinned(from);
                (ControlMessage::Ipv4PacketInfo(&v4), to)
            }
            (_, from) => {
                v6 = pinned6(mapped(from));
                let to = SocketAddr::new(mapped(to.ip()).into(), to.port());
                (ControlMessage::Ipv6PacketInfo(&v6), to)
            }
        };
        let (fd, to) = (self.socket.as_raw_fd(), SockaddrStorage::from(to));
        let _ = sendmsg(
            fd,
            &[IoSlice::new(bytes)],
            &[from],
            MsgFlags::empty(),
            Some(&to),
        );
    }
}

/// The address of ours to which a packet was sent.
fn home(message: ControlMessageOwned) -> Option<IpAddr> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical())
        }
        _ => None,
    }
}

/// An IPv4 address that an IPv6 socket shows as one of its own, as what it is.
fn plain(address: &SockaddrStorage) -> Option<SocketAddr> {
    let address = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::from(SocketAddrV4::from(*v4)),
        (_, Some(v6)) => SocketAddr::from(SocketAddrV6::from(*v6)),
        _ => return None,
    };
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn pinned(from: Ipv4Addr) -> in_pktinfo {
    let address = in_addr {
        s_addr: u32::from(from).to_be(),
    };
    in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: address,
        ipi_addr: in_addr { s_addr: 0 },
    }
}

fn pinned6(from: Ipv6Addr) -> in6_pktinfo {
    in6_pktinfo {
        ipi6_addr: in6_addr {
            s6_addr: from.octets(),
        },
        ipi6_ifindex: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wildcard(host: &str) -> Udp {
        let socket = std::net::UdpSocket::bind((host, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        tell_destinations(&socket, address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Udp::new(UdpSocket::from_std(socket), address)
    }

    /// What comes back, and from where, of a packet sent to each of these addresses.
    fn asked(udp: &mut Udp, address: &str) {
        let port = udp.address.port();
        let asked: SocketAddr = SocketAddr::new(address.parse().unwrap(), port);
        let anywhere = if asked.is_ipv4() { "127.0.0.1" } else { "::1" };
        let client = std::net::UdpSocket::bind((anywhere, 0)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        client.send_to(b"there?", asked).unwrap();
        let mut buffer = [0; 100];
        let (length, source, destination) = udp.receive(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..length], source),
            (&b"there?"[..], client.local_addr().unwrap())
        );
        assert_eq!(destination, asked);
        udp.send(b"here", destination.ip(), source);
        let (length, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from), (&b"here"[..], asked));
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let mut udp = wildcard("0.0.0.0");
        for address in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
            asked(&mut udp, address);
        }
    }

    #[test]
    fn a_socket_for_ipv6_does_so_for_ipv4_too() {
        if std::net::UdpSocket::bind(("::1", 0)).is_err() {
            return;
        }
        let mut udp = wildcard("::");
        for address in ["::1", "127.0.0.2"] {
            asked(&mut udp, address);
        }
    }
}
