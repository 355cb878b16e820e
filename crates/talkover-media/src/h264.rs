//! H.264 in RTP (RFC 6184): what a packet is to its frame, and a key frame's units as a byte stream.
//!
//! Single units, aggregates (STAP-A) and fragments (FU-A) are read: packetization modes 0 and 1.
//! A key frame has its parameter sets with it and begins with the first of them.

const SLICE: u8 = 1;
const KEY_SLICE: u8 = 5;
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;
const AGGREGATE: u8 = 24;
const FRAGMENT: u8 = 28;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// In the second byte of a fragment.
const FIRST: u8 = 0x80;

/// What a packet is to its frame.
pub(crate) fn part(payload: &[u8]) -> Option<crate::assembler::Part> {
    let begins = match kind(*payload.first()?) {
        0 | 25..=27 | 29.. => return None,
        FRAGMENT => {
            let second = *payload.get(1)?;
            (second & FIRST != 0)
                .then(|| begins(kind(second), payload.get(2)))
                .flatten()
        }
        AGGREGATE => units(payload).find_map(|unit| begins(kind(*unit.first()?), unit.get(1))),
        alone => begins(alone, payload.get(1)),
    };
    Some(crate::assembler::Part { from: 0, begins })
}

/// Whether a unit is the first of its frame, and then whether that is a key frame.
fn begins(kind: u8, next: Option<&u8>) -> Option<bool> {
    match kind {
        SEQUENCE => Some(true),
        // `first_mb_in_slice` is zero (§7.3.3): one set bit in Exp-Golomb code.
        SLICE if next.is_some_and(|next| next & 0x80 != 0) => Some(false),
        _ => None,
    }
}

fn kind(header: u8) -> u8 {
    header & 0x1f
}

/// Those of an aggregate, as far as it is sound.
fn units(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = after;
        Some(unit)
    })
}

/// The byte stream (Annex B) of a frame's packets in order; none where they are no key frame with
/// its parameter sets.
pub(crate) fn whole<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Vec<u8>> {
    let length: usize = parts
        .clone()
        .map(|part| part.len() + START_CODE.len())
        .sum();
    let mut stream = Stream {
        bytes: Vec::with_capacity(length),
        kinds: 0,
        open: false,
    };
    for payload in parts {
        match *payload {
            [header, second, ref data @ ..] if kind(header) == FRAGMENT => {
                stream.fragment(header, second, data)?;
            }
            [header, ..] if kind(header) == AGGREGATE => {
                units(payload).try_for_each(|unit| stream.unit(unit))?;
            }
            _ => stream.unit(payload)?,
        }
    }
    let needed = [SEQUENCE, PICTURE, KEY_SLICE];
    let complete = needed.iter().all(|kind| stream.kinds & (1 << kind) != 0);
    complete.then_some(stream.bytes)
}

struct Stream {
    bytes: Vec<u8>,
    /// A bit for each kind of unit in it.
    kinds: u32,
    /// A unit has begun in fragments.
    open: bool,
}

impl Stream {
    fn begin(&mut self, header: u8) {
        self.kinds |= 1 << kind(header);
        self.bytes.extend_from_slice(&START_CODE);
        self.bytes.push(header);
    }

    fn unit(&mut self, unit: &[u8]) -> Option<()> {
        let (header, data) = unit.split_first()?;
        self.open = false;
        self.begin(*header);
        self.bytes.extend_from_slice(data);
        Some(())
    }

    /// None: it goes on with what has not begun.
    fn fragment(&mut self, header: u8, second: u8, data: &[u8]) -> Option<()> {
        if second & FIRST != 0 {
            self.open = true;
            self.begin(header & 0xe0 | kind(second));
        }
        self.open.then(|| self.bytes.extend_from_slice(data))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::assembler::{Assembler, Codec, KeyFrame};

    const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 1];
    const PPS: &[u8] = &[0x68, 0xce, 2];
    const DELTA: &[u8] = &[0x41, 0x9a, 3];

    fn key_slice(length: usize) -> Vec<u8> {
        let mut slice: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        slice[..2].copy_from_slice(&[0x65, 0x88]);
        slice
    }

    fn aggregate(units: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x78];
        for unit in units {
            packet.extend_from_slice(&(unit.len() as u16).to_be_bytes());
            packet.extend_from_slice(unit);
        }
        packet
    }

    fn fragments(unit: &[u8], size: usize) -> Vec<Vec<u8>> {
        let chunks: Vec<&[u8]> = unit[1..].chunks(size).collect();
        let last = chunks.len() - 1;
        let ends = |n: usize| u8::from(n == 0) << 7 | u8::from(n == last) << 6;
        let numbered = chunks.iter().enumerate();
        numbered
            .map(|(n, chunk)| {
                let head = [unit[0] & 0xe0 | FRAGMENT, ends(n) | kind(unit[0])];
                [&head[..], *chunk].concat()
            })
            .collect()
    }

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units
            .iter()
            .flat_map(|unit| [&START_CODE[..], *unit].concat())
            .collect()
    }

    /// Packets of one frame, its marker on the last.
    fn push(assembler: &mut Assembler, seq: u64, packets: &[Vec<u8>]) -> Option<Vec<u8>> {
        let last = packets.len() - 1;
        let mut found = None;
        for (n, packet) in packets.iter().enumerate() {
            let payload = Arc::from(packet.as_slice());
            let pushed = assembler.push(seq + n as u64, seq, n == last, &payload);
            found = pushed.or(found);
        }
        found.map(|frame| match frame {
            KeyFrame::H264(stream) => stream,
            KeyFrame::WebP(_) => panic!("no such packets were given"),
        })
    }

    #[test]
    fn a_key_frame_in_packets_of_every_kind_becomes_one_byte_stream() {
        let slice = key_slice(5000);
        let single = [SPS.to_vec(), PPS.to_vec(), slice.clone()].to_vec();
        let mut mixed = vec![aggregate(&[SPS, PPS])];
        mixed.extend(fragments(&slice, 1100));
        let all = vec![aggregate(&[&[9, 0xf0], SPS, PPS, &slice])];
        for packets in [single, mixed] {
            let mut assembler = Assembler::new(Codec::H264);
            assert_eq!(push(&mut assembler, 1, &[DELTA.to_vec()]), None);
            let found = push(&mut assembler, 5, &packets);
            assert_eq!(found, Some(stream(&[SPS, PPS, &slice])));
        }
        let found = push(&mut Assembler::new(Codec::H264), 5, &all);
        assert_eq!(found, Some(stream(&[&[9, 0xf0], SPS, PPS, &slice])));
    }

    #[test]
    fn a_key_frame_is_whole_only_with_its_last_packet_in_whatever_order() {
        let slice = key_slice(9000);
        let mut packets = vec![aggregate(&[SPS, PPS])];
        packets.extend(fragments(&slice, 1000));
        for late in 0..packets.len() {
            let mut assembler = Assembler::new(Codec::H264);
            let give = |assembler: &mut Assembler, n: usize| {
                let payload = Arc::from(packets[n].as_slice());
                assembler.push(n as u64, 7, n + 1 == packets.len(), &payload)
            };
            for n in (0..packets.len()).rev().filter(|n| *n != late) {
                assert_eq!(give(&mut assembler, n), None);
            }
            let found = give(&mut assembler, late);
            assert_eq!(found, Some(KeyFrame::H264(stream(&[SPS, PPS, &slice]))));
        }
    }

    #[test]
    fn a_frame_without_its_parameter_sets_or_torn_is_none() {
        let slice = key_slice(3000);
        let torn = fragments(&slice, 1000)[1..].to_vec();
        for packets in [
            vec![SPS.to_vec(), slice.clone()],
            vec![slice],
            vec![SPS.to_vec(), PPS.to_vec()],
            [vec![SPS.to_vec(), PPS.to_vec()], torn].concat(),
            vec![vec![0x78, 0xff, 0xff, 1]],
            vec![vec![FRAGMENT]],
            vec![vec![]],
        ] {
            assert_eq!(push(&mut Assembler::new(Codec::H264), 1, &packets), None);
        }
    }
}
