//! What an attacker sends: made of nothing, or of what the caller was seen to send.

/// RFC 7983 §7: what a packet is by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtp,
    /// By RFC 5761 §4, RTCP is what has its packet types in the second byte.
    Rtcp,
    Other,
}

pub(crate) fn kind(packet: &[u8]) -> Kind {
    match packet {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, ..] => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// What was seen of one kind, oldest first.
pub(crate) fn of(kind_: Kind, captured: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let fits = captured.iter().filter(|packet| kind(packet) == kind_);
    fits.cloned().collect()
}

/// Bytes of every length up to a full datagram, beginning with each of the classes.
pub(crate) fn junk() -> Vec<Vec<u8>> {
    let firsts = [
        0_u8, 1, 3, 16, 20, 22, 23, 25, 63, 64, 80, 128, 144, 200, 255,
    ];
    let lengths = (0..64).chain([100, 500, 1200, 1500, 2048]);
    lengths
        .flat_map(|length| firsts.map(|first| bytes(first, length)))
        .collect()
}

fn bytes(first: u8, length: usize) -> Vec<u8> {
    let mut made: Vec<u8> = (0..length).map(|n| (n * 167 + 13) as u8).collect();
    if let Some(byte) = made.first_mut() {
        *byte = first;
    }
    made
}

/// The beginnings of a packet, of every length.
pub(crate) fn truncations(packet: &[u8]) -> Vec<Vec<u8>> {
    (0..packet.len())
        .map(|end| packet[..end].to_vec())
        .collect()
}

/// A packet with one bit of it turned, for each byte.
pub(crate) fn flips(packet: &[u8]) -> Vec<Vec<u8>> {
    let turned = |at: usize| {
        let mut copy = packet.to_vec();
        copy[at] ^= 1 << (at % 8);
        copy
    };
    (0..packet.len()).map(turned).collect()
}

/// A binding request (RFC 8489 §5) with this name, whose integrity is made up.
pub(crate) fn binding_request(username: &[u8], n: usize) -> Vec<u8> {
    let mut attributes = vec![0, 6];
    attributes.extend((username.len() as u16).to_be_bytes());
    attributes.extend(username);
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    // USE-CANDIDATE, then MESSAGE-INTEGRITY.
    attributes.extend([0, 0x25, 0, 0, 0, 8, 0, 20]);
    attributes.extend([n as u8; 20]);
    let mut packet = vec![0, 1];
    packet.extend((attributes.len() as u16).to_be_bytes());
    packet.extend([0x21, 0x12, 0xa4, 0x42]);
    packet.extend([0; 4]);
    packet.extend((n as u64).to_be_bytes());
    packet.extend(attributes);
    packet
}

/// The name in a binding request that was seen.
pub(crate) fn username(captured: &[Vec<u8>]) -> Vec<u8> {
    let requests = of(Kind::Stun, captured);
    let request = requests.iter().find(|packet| packet.starts_with(&[0, 1]));
    let request = request.expect("the caller made a check");
    let mut rest = &request[20..];
    while rest[..2] != [0, 6] {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        rest = &rest[4 + length.next_multiple_of(4)..];
    }
    rest[4..4 + usize::from(rest[3])].to_vec()
}

/// The SSRC of the caller's voice.
fn ssrc(captured: &[Vec<u8>]) -> [u8; 4] {
    let rtp = of(Kind::Rtp, captured);
    let header = rtp.first().and_then(|packet| packet[8..12].try_into().ok());
    header.expect("the caller has spoken")
}

/// An RTCP BYE (RFC 3550 §6.6) of the caller, after an empty report, in clear; and as SRTCP that
/// claims to be unencrypted (RFC 3711 §3.4: E = 0), with a made-up tag.
pub(crate) fn goodbyes(captured: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let ssrc = ssrc(captured);
    let mut clear = vec![0x80, 201, 0, 1];
    clear.extend(ssrc);
    clear.extend([0x81, 203, 0, 1]);
    clear.extend(ssrc);
    let (mut gcm, mut hmac) = (clear.clone(), clear.clone());
    gcm.extend([0xa5; 16]);
    gcm.extend([0, 0, 0, 9]);
    hmac.extend([0, 0, 0, 9]);
    hmac.extend([0xa5; 10]);
    vec![clear, gcm, hmac]
}

/// RTP of senders that the call does not have, and of the caller's with payload types, paddings and
/// extensions of every kind.
pub(crate) fn foreign_rtp(captured: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let seen = of(Kind::Rtp, captured);
    let last = seen.last().expect("the caller has spoken");
    (0..10_000_u32)
        .map(|n| {
            let mut packet = last.clone();
            if n % 2 == 0 {
                packet[8..12].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
            }
            packet[0] = 0x80 | (n % 64) as u8;
            packet[1] = (n % 128) as u8;
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            packet
        })
        .collect()
}

/// The caller's first packets of voice, which name its media section (RFC 8843 §15.2), as those of
/// other senders.
pub(crate) fn usurpers(captured: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut voice = of(Kind::Rtp, captured);
    voice.truncate(10);
    for (n, packet) in (1_u8..).zip(&mut voice) {
        packet[8] ^= n;
    }
    voice
}

/// Whether all of a check that is signed (RFC 8489 §14.5: not the length, nor what follows) is as
/// the caller sent it: to repeat it changes nothing.
pub(crate) fn repeats_a_check(packet: &[u8], captured: &[Vec<u8>]) -> bool {
    let signed = |check: &&Vec<u8>| {
        let end = check.len() - 8;
        kind(check) == Kind::Stun
            && packet.len() >= end
            && packet[..2] == check[..2]
            && packet[4..end] == check[4..end]
    };
    captured.iter().any(|check| signed(&check))
}

/// DTLS records (RFC 6347 §4.1) that nobody signed: alerts, a ClientHello, fragments of no length
/// and of 16 MB, data of a later epoch.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let record = |kind: u8, epoch: u8, body: &[u8]| {
        let mut packet = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0x7f, 0xff];
        packet.extend((body.len() as u16).to_be_bytes());
        packet.extend(body);
        packet
    };
    // type, length (3), sequence (2), fragment's offset (3) and length (3)
    let handshake = |kind: u8, length: [u8; 3], fragment: [u8; 3], body: &[u8]| {
        let mut message = vec![kind];
        message.extend(length);
        message.extend([0, 0, 0, 0, 0]);
        message.extend(fragment);
        message.extend(body);
        message
    };
    let mut made = Vec::new();
    for epoch in [0, 1, 2] {
        made.push(record(21, epoch, &[2, 40]));
        made.push(record(21, epoch, &[1, 0]));
        made.push(record(20, epoch, &[1]));
        made.push(record(23, epoch, &[0; 64]));
        made.push(record(24, epoch, &[1, 0xff, 0xff, 0]));
        made.push(record(22, epoch, &[]));
        for kind in [0, 1, 2, 3, 11, 14, 16, 20] {
            made.push(record(22, epoch, &handshake(kind, [0; 3], [0; 3], &[])));
            let huge = handshake(kind, [0xff; 3], [0, 0, 4], &[1, 2, 3, 4]);
            made.push(record(22, epoch, &huge));
            let lying = handshake(kind, [0, 1, 0], [0, 1, 0], &[7; 10]);
            made.push(record(22, epoch, &lying));
        }
    }
    let (mut endless, short) = (record(22, 0, &[0; 40]), vec![22, 0xfe]);
    endless[11..13].copy_from_slice(&[0xff, 0xff]);
    made.extend([endless, short]);
    made
}
