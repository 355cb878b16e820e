//! The addresses of this machine, and the sockets bound to them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::{TcpListener, UdpSocket};
use socket2::{Domain, Socket, Type};
use str0m::Candidate;
use str0m::net::TcpType;

use super::udp::tell_destinations;

/// A TCP listener and a UDP socket for each of so many threads, all of one port number (0: any that
/// both have free).
pub(super) fn bind(
    host: IpAddr,
    port: u16,
    threads: usize,
) -> io::Result<(TcpListener, Vec<UdpSocket>)> {
    let mut last = None;
    for _ in 0..if port == 0 { 20 } else { 1 } {
        // TCP first: two servers may not share it, while they might share a UDP port of many
        // sockets and take each other's packets.
        let listener = TcpListener::bind(SocketAddr::new(host, port))?;
        let address = listener.local_addr()?;
        let sockets: io::Result<Vec<UdpSocket>> =
            (0..threads).map(|_| udp(address, threads > 1)).collect();
        match sockets {
            Ok(sockets) => return Ok((listener, sockets)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}

fn udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    tell_destinations(&socket, address)?;
    // Room for a burst of every peer at once.
    let _ = socket.set_recv_buffer_size(4 << 20);
    let _ = socket.set_send_buffer_size(4 << 20);
    Ok(UdpSocket::from_std(socket.into()))
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

pub(super) fn candidates(address: SocketAddr, public: Option<IpAddr>) -> Vec<Candidate> {
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

/// The passive TCP candidates of an answer.
pub(super) fn passive_addresses(answer: &str) -> Vec<SocketAddr> {
    let passive = |line: &str| {
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
    };
    answer.lines().filter_map(passive).collect()
}
