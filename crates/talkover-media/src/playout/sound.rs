//! The sound of one reply that waits for its time or may be gone back to, in pieces of one size:
//! what is past is given back at once, and nothing is moved for what comes.

use std::collections::VecDeque;

/// Samples of a piece: 100 ms.
const PIECE: usize = 2400;

#[derive(Debug, Default)]
pub(super) struct Sound {
    /// All but the last are full.
    pieces: VecDeque<Vec<i16>>,
    /// Position of the first sample that is kept.
    start: usize,
}

impl Sound {
    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn end(&self) -> usize {
        let before = self.pieces.len().saturating_sub(1) * PIECE;
        self.start + before + self.pieces.back().map_or(0, Vec::len)
    }

    pub(super) fn push(&mut self, mut pcm: &[i16]) {
        while !pcm.is_empty() {
            if self.pieces.back().is_none_or(|last| last.len() == PIECE) {
                self.pieces.push_back(Vec::with_capacity(PIECE));
            }
            let Some(last) = self.pieces.back_mut() else {
                return;
            };
            let (part, rest) = pcm.split_at(pcm.len().min(PIECE - last.len()));
            last.extend_from_slice(part);
            pcm = rest;
        }
    }

    /// Copies what there is from `position` on; how many samples there were.
    pub(super) fn copy(&self, position: usize, to: &mut [i16]) -> usize {
        let mut done = 0;
        while done < to.len() {
            let at = position + done - self.start;
            let piece = self.pieces.get(at / PIECE);
            let from = piece.and_then(|piece| piece.get(at % PIECE..));
            let Some(from) = from.filter(|from| !from.is_empty()) else {
                break;
            };
            let count = from.len().min(to.len() - done);
            to[done..done + count].copy_from_slice(&from[..count]);
            done += count;
        }
        done
    }

    /// What lies before `position` is not gone back to.
    pub(super) fn forget(&mut self, position: usize) {
        while self.start + PIECE <= position && self.pieces.len() > 1 {
            self.pieces.pop_front();
            self.start += PIECE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_in_any_parts_is_copied_out_in_any_others() {
        let all: Vec<i16> = (0..20_000).map(|n| n as i16).collect();
        for (pushed, taken) in [(1, 480), (480, 480), (2400, 7), (24_000, 480), (999, 5000)] {
            let mut sound = Sound::default();
            all.chunks(pushed).for_each(|part| sound.push(part));
            assert_eq!(sound.end(), all.len());
            let (mut found, mut frame) = (Vec::new(), vec![0; taken]);
            while found.len() < all.len() {
                let count = sound.copy(found.len(), &mut frame);
                found.extend_from_slice(&frame[..count]);
                sound.forget(found.len().saturating_sub(100));
            }
            assert_eq!(found, all);
            assert_eq!(sound.copy(all.len(), &mut frame), 0);
            assert!(sound.pieces.len() <= 2, "{} pieces", sound.pieces.len());
        }
    }
}
