//! A key frame put together of its packets, whatever their order. Nothing here decodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{h264, vp8};

/// A frame with more is given up on.
pub const MOST_BYTES: usize = 512 * 1024;
const MOST_PACKETS: usize = 1024;
/// Packets kept although no key frame is known to have begun: its first may be late.
const MOST_EARLY: usize = 64;

/// What a caller films with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    #[default]
    Vp8,
    H264,
}

/// A whole key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFrame {
    WebP(vp8::KeyFrame),
    /// With its parameter sets, as a byte stream (H.264 Annex B); its size is told by who decodes.
    H264(Vec<u8>),
}

/// What a packet is to its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where in the payload its part of the frame begins.
    pub(crate) from: usize,
    /// Of a frame's first: whether the frame is a key frame.
    pub(crate) begins: Option<bool>,
}

impl Codec {
    fn part(self, payload: &[u8]) -> Option<Part> {
        match self {
            Self::Vp8 => vp8::part(payload),
            Self::H264 => h264::part(payload),
        }
    }

    fn whole<'a>(
        self,
        ticks: u64,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Option<KeyFrame> {
        match self {
            Self::Vp8 => vp8::whole(ticks, parts).map(KeyFrame::WebP),
            Self::H264 => h264::whole(parts).map(KeyFrame::H264),
        }
    }
}

#[derive(Debug)]
struct Kept {
    ticks: u64,
    marker: bool,
    from: usize,
    payload: Arc<[u8]>,
}

impl Kept {
    fn data(&self) -> &[u8] {
        &self.payload[self.from..]
    }
}

/// Puts together the next key frame of one stream.
#[derive(Debug, Default)]
pub struct Assembler {
    codec: Codec,
    parts: BTreeMap<u64, Kept>,
    bytes: usize,
    /// The first packet of the key frame and its time.
    first: Option<(u64, u64)>,
    last: Option<u64>,
}

impl Assembler {
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            ..Self::default()
        }
    }

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
        let Part { from, begins } = self.codec.part(payload)?;
        if begins.is_some_and(|key| !self.begin(seq, ticks, key)) {
            return None;
        }
        if self.first.is_some_and(|(_, time)| time != ticks) {
            return None;
        }
        self.keep(
            seq,
            Kept {
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
        let newer = |(first, time)| {
            if time == ticks {
                seq < first
            } else {
                seq > first
            }
        };
        if self.first.is_none_or(newer) {
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

    fn keep(&mut self, seq: u64, part: Kept) {
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
            *self = Self::new(self.codec);
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
        let parts = std::mem::replace(self, Self::new(self.codec)).parts;
        let frame = parts.range(first..=last).map(|(_, part)| part.data());
        self.codec.whole(ticks, frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp8::{packets, tests::key};
    use crate::webp;

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

    fn push(assembler: &mut Assembler, packets: &[Sent]) -> Option<vp8::KeyFrame> {
        let mut found = None;
        for (seq, ticks, marker, payload) in packets {
            found = assembler.push(*seq, *ticks, *marker, payload).or(found);
        }
        match found? {
            KeyFrame::WebP(frame) => Some(frame),
            KeyFrame::H264(_) => panic!("no such packets were given"),
        }
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
    }

    #[test]
    fn no_bytes_whatever_do_harm_and_memory_stays_bounded() {
        let mut state = 99;
        for codec in [Codec::Vp8, Codec::H264] {
            let mut assembler = Assembler::new(codec);
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
    }
}
