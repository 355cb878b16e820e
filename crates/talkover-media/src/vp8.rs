//! VP8 in RTP (RFC 7741): a key frame put together of its packets, and one taken apart into them.
//!
//! Nothing here decodes: a key frame is bytes whose first ten tell its size (RFC 6386 §9.1).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::webp;

/// A frame with more is given up on.
pub const MOST_BYTES: usize = 512 * 1024;
const MOST_PIXELS: u32 = 1 << 24;
const MOST_PACKETS: usize = 1024;
/// Packets kept although no key frame is known to have begun: its first may be late.
const MOST_EARLY: usize = 64;
/// Of a frame in one packet: with all headers it stays below what any network carries.
const CHUNK: usize = 1100;
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// A whole key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// RTP time, 90 kHz.
    pub ticks: u64,
    pub width: u16,
    pub height: u16,
    pub webp: Vec<u8>,
}

impl KeyFrame {
    /// A picture of bytes that are a key frame already.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let (width, height) = size(frame)?;
        Some(Self {
            ticks: 0,
            width,
            height,
            webp: webp::from_key_frame(std::iter::once(frame), frame.len()),
        })
    }
}

/// Width and height of a key frame; none where it is not one, or too large.
pub fn size(frame: &[u8]) -> Option<(u16, u16)> {
    let head = frame.first_chunk::<10>()?;
    let fits = is_key(frame) && head[3..6] == START_CODE && frame.len() <= MOST_BYTES;
    // The two bits above are a scale that only players heed.
    let side = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]) & 0x3fff;
    let (width, height) = (side(6), side(8));
    let pixels = u32::from(width) * u32::from(height);
    (fits && (1..=MOST_PIXELS).contains(&pixels)).then_some((width, height))
}

fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

/// Packets of one picture, each with the descriptor that says where in the frame it is.
pub fn packets(frame: &[u8], picture: u16) -> Vec<Arc<[u8]>> {
    let [high, low] = (picture & 0x7fff).to_be_bytes();
    let chunks = frame.chunks(CHUNK).enumerate();
    chunks
        .map(|(n, chunk)| {
            let first = if n == 0 { 0x90 } else { 0x80 };
            let mut packet = vec![first, 0x80, 0x80 | high, low];
            packet.extend_from_slice(chunk);
            packet.into()
        })
        .collect()
}

/// Where a packet's part of the frame begins, and whether it is the frame's first.
fn descriptor(payload: &[u8]) -> Option<(usize, bool)> {
    let first = *payload.first()?;
    let mut length = 1;
    if first & 0x80 != 0 {
        let more = *payload.get(1)?;
        length += 1;
        if more & 0x80 != 0 {
            length += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
        }
        length += usize::from(more & 0x40 != 0) + usize::from(more & 0x30 != 0);
    }
    (length < payload.len()).then_some((length, first & 0x17 == 0x10))
}

#[derive(Debug)]
struct Part {
    ticks: u64,
    marker: bool,
    from: usize,
    payload: Arc<[u8]>,
}

impl Part {
    fn data(&self) -> &[u8] {
        &self.payload[self.from..]
    }
}

/// Puts together the next key frame of one stream, whatever the order of its packets.
#[derive(Debug, Default)]
pub struct Assembler {
    parts: BTreeMap<u64, Part>,
    bytes: usize,
    /// The first packet of the key frame and its time.
    first: Option<(u64, u64)>,
    last: Option<u64>,
}

impl Assembler {
    /// Packets that are kept.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// `seq` and `ticks` without wrapping around. Some: a key frame is whole, and what was kept
    /// for it is gone.
    pub fn push(
        &mut self,
        seq: u64,
        ticks: u64,
        marker: bool,
        payload: &Arc<[u8]>,
    ) -> Option<KeyFrame> {
        let (from, begins) = descriptor(payload)?;
        if begins && !self.begin(seq, ticks, is_key(&payload[from..])) {
            return None;
        }
        if self.first.is_some_and(|(_, time)| time != ticks) {
            return None;
        }
        self.keep(
            seq,
            Part {
                ticks,
                marker,
                from,
                payload: Arc::clone(payload),
            },
        );
        self.whole()
    }

    /// A frame begins. False: it is none that is wanted.
    fn begin(&mut self, seq: u64, ticks: u64, key: bool) -> bool {
        if !key {
            if self.first.is_none() {
                self.keep_only(|time| time != ticks);
            }
            return false;
        }
        if self.first.is_none_or(|(first, _)| seq > first) {
            self.first = Some((seq, ticks));
            self.keep_only(|time| time == ticks);
        }
        true
    }

    fn keep_only(&mut self, wanted: impl Fn(u64) -> bool) {
        self.parts.retain(|_, part| wanted(part.ticks));
        self.bytes = self.parts.values().map(|part| part.payload.len()).sum();
        let ends = self.parts.iter().find(|(_, part)| part.marker);
        self.last = ends.map(|(seq, _)| *seq);
    }

    fn keep(&mut self, seq: u64, part: Part) {
        if part.marker && self.first.is_some() {
            self.last = Some(seq);
        }
        self.bytes += part.payload.len();
        let double = self.parts.insert(seq, part);
        self.bytes -= double.map_or(0, |part| part.payload.len());
        if self.first.is_none() && self.parts.len() > MOST_EARLY {
            let early = self.parts.pop_first();
            self.bytes -= early.map_or(0, |(_, part)| part.payload.len());
        } else if self.bytes > MOST_BYTES || self.parts.len() > MOST_PACKETS {
            *self = Self::default();
        }
    }

    fn whole(&mut self) -> Option<KeyFrame> {
        let (Some((first, ticks)), Some(last)) = (self.first, self.last) else {
            return None;
        };
        let length = usize::try_from(last.checked_sub(first)? + 1).ok()?;
        if self.parts.len() < length || self.parts.range(first..=last).count() != length {
            return None;
        }
        let parts = std::mem::take(self).parts;
        let frame = || parts.range(first..=last).map(|(_, part)| part.data());
        let head: Vec<u8> = frame().flatten().take(10).copied().collect();
        let (width, height) = size(&head)?;
        let webp = webp::from_key_frame(frame(), frame().map(<[u8]>::len).sum());
        Some(KeyFrame {
            ticks,
            width,
            height,
            webp,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Looks like a key frame of that size to whoever does not decode it.
    pub(crate) fn key(width: u16, height: u16, length: usize) -> Vec<u8> {
        let mut frame: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
        frame[..3].copy_from_slice(&[0x10, 0, 0]);
        frame[3..6].copy_from_slice(&START_CODE);
        frame[6..8].copy_from_slice(&width.to_le_bytes());
        frame[8..10].copy_from_slice(&height.to_le_bytes());
        frame
    }

    fn delta(length: usize) -> Vec<u8> {
        vec![0x11; length]
    }

    type Sent = (u64, u64, bool, Arc<[u8]>);

    fn sent(seq: u64, ticks: u64, frame: &[u8]) -> Vec<Sent> {
        let parts = packets(frame, 1);
        let last = parts.len() - 1;
        let numbered = parts.into_iter().enumerate();
        numbered
            .map(|(n, part)| (seq + n as u64, ticks, n == last, part))
            .collect()
    }

    fn push(assembler: &mut Assembler, packets: &[Sent]) -> Option<KeyFrame> {
        let mut found = None;
        for (seq, ticks, marker, payload) in packets {
            found = assembler.push(*seq, *ticks, *marker, payload).or(found);
        }
        found
    }

    /// Numbers that look random and are the same on every run.
    fn chance(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn a_key_frame_among_others_becomes_its_webp() {
        let frame = key(640, 480, 5000);
        let mut stream = sent(10, 100, &delta(3000));
        stream.extend(sent(13, 200, &frame));
        stream.extend(sent(18, 300, &delta(500)));
        let found = push(&mut Assembler::default(), &stream).unwrap();
        assert_eq!((found.width, found.height, found.ticks), (640, 480, 200));
        assert_eq!(webp::key_frame(&found.webp), Ok(&frame[..]));
    }

    #[test]
    fn the_order_of_packets_and_their_doubles_do_not_matter() {
        let frame = key(320, 240, 20_000);
        let mut state = 7;
        for _ in 0..200 {
            let mut stream = sent(1000, 50, &frame);
            stream.extend(sent(996, 40, &delta(4000)));
            stream.extend(sent(1019, 60, &delta(4000)));
            stream.extend_from_within(..5);
            for n in (1..stream.len()).rev() {
                stream.swap(n, chance(&mut state) as usize % (n + 1));
            }
            let found = push(&mut Assembler::default(), &stream).expect("whole");
            assert_eq!(webp::key_frame(&found.webp), Ok(&frame[..]));
        }
    }

    #[test]
    fn a_frame_with_a_hole_waits_for_the_lost_packet_and_a_newer_one_takes_its_place() {
        let frame = key(320, 240, 9000);
        let mut stream = sent(5, 1, &frame);
        let lost = stream.remove(3);
        let mut assembler = Assembler::default();
        assert_eq!(push(&mut assembler, &stream), None);
        assert_eq!(push(&mut assembler, &sent(20, 2, &delta(900))), None);
        assert!(push(&mut assembler, &[lost]).is_some());

        assert_eq!(push(&mut assembler, &stream), None);
        let newer = push(&mut assembler, &sent(40, 9, &key(32, 24, 300))).unwrap();
        assert_eq!((newer.ticks, newer.width), (9, 32));
    }

    #[test]
    fn what_is_too_large_is_given_up_and_nothing_of_it_is_kept() {
        let mut assembler = Assembler::default();
        let found = push(&mut assembler, &sent(0, 1, &key(640, 480, MOST_BYTES + 1)));
        assert_eq!(found, None);
        assert!(assembler.bytes <= MOST_BYTES && assembler.parts.len() <= MOST_PACKETS);
        assert_eq!(size(&key(16_000, 16_000, 20)), None);
        assert_eq!(size(&key(0, 480, 20)), None);
        assert_eq!(size(&delta(20)), None);
    }

    #[test]
    fn no_bytes_whatever_do_harm_and_memory_stays_bounded() {
        let mut state = 99;
        let mut assembler = Assembler::default();
        for _ in 0..200_000 {
            let length = chance(&mut state) as usize % 24;
            let mut payload: Vec<u8> = (0..length).map(|_| chance(&mut state) as u8).collect();
            if let Some(second) = payload.get_mut(1).filter(|_| chance(&mut state) & 1 == 0) {
                *second = 0;
            }
            let (seq, ticks) = (chance(&mut state) % 3000, chance(&mut state) % 20);
            assembler.push(seq, ticks, chance(&mut state) & 7 == 0, &payload.into());
            assert!(assembler.bytes <= MOST_BYTES && assembler.parts.len() <= MOST_PACKETS);
        }
    }

    #[test]
    fn descriptors_of_every_form_are_read() {
        for (bytes, expected) in [
            (&[0x10, 9][..], Some((1, true))),
            (&[0x11, 9], Some((1, false))),
            (&[0x90, 0x80, 0x05, 9], Some((3, true))),
            (&[0x90, 0x80, 0x85, 1, 9], Some((4, true))),
            (&[0x90, 0xf0, 0x85, 1, 2, 3, 9], Some((6, true))),
            (&[0x80, 0x40, 1, 9], Some((3, false))),
            (&[0x90, 0xf0, 0x85, 1, 2, 3], None),
            (&[0x90], None),
            (&[], None),
        ] {
            assert_eq!(descriptor(bytes), expected, "{bytes:x?}");
        }
    }
}
