//! VP8 in RTP (RFC 7741): what a packet is to its frame, and a key frame taken apart into packets.
//!
//! Nothing here decodes: a key frame is bytes whose first ten tell its size (RFC 6386 §9.1).

use std::sync::Arc;

use crate::assembler::{MOST_BYTES, Part};
use crate::webp;

const MOST_PIXELS: u32 = 1 << 24;
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

/// What a packet is to its frame.
pub(crate) fn part(payload: &[u8]) -> Option<Part> {
    let (from, first) = descriptor(payload)?;
    let begins = first.then(|| is_key(&payload[from..]));
    Some(Part { from, begins })
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

/// A whole frame of its packets' parts; none where it is no key frame.
pub(crate) fn whole<'a>(
    ticks: u64,
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Option<KeyFrame> {
    let head: Vec<u8> = parts.clone().flatten().take(10).copied().collect();
    let (width, height) = size(&head)?;
    let length = parts.clone().map(<[u8]>::len).sum();
    Some(KeyFrame {
        ticks,
        width,
        height,
        webp: webp::from_key_frame(parts, length),
    })
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

    #[test]
    fn what_is_no_key_frame_or_too_large_has_no_size() {
        assert_eq!(size(&key(16_000, 16_000, 20)), None);
        assert_eq!(size(&key(0, 480, 20)), None);
        assert_eq!(size(&[0x11; 20]), None);
        assert_eq!(size(&key(640, 480, MOST_BYTES + 1)), None);
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
