//! The sound of one reply that waits for its time or may be gone back to, in the pieces in which it
//! came: nothing is copied before its time, and what is past is given back.

use std::collections::VecDeque;
use std::fmt;

/// Sound at 24 kHz. What its maker keeps as well is kept once.
pub enum Pcm {
    Own(Vec<i16>),
    /// Little-endian, whole samples.
    Shared(Box<dyn AsRef<[u8]> + Send>),
}

impl<T: AsRef<[i16]> + ?Sized> From<&T> for Pcm {
    fn from(samples: &T) -> Self {
        Self::Own(samples.as_ref().to_vec())
    }
}

impl fmt::Debug for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples", self.len())
    }
}

impl Pcm {
    fn len(&self) -> usize {
        match self {
            Self::Own(samples) => samples.len(),
            Self::Shared(bytes) => (**bytes).as_ref().len() / 2,
        }
    }

    /// Copies what there is from sample `at` on; how many there were.
    fn copy(&self, at: usize, to: &mut [i16]) -> usize {
        let count = self.len().saturating_sub(at).min(to.len());
        let to = &mut to[..count];
        match self {
            Self::Own(samples) => to.copy_from_slice(&samples[at..at + count]),
            Self::Shared(bytes) => {
                let (pairs, _) = (**bytes).as_ref().as_chunks::<2>();
                for (sample, pair) in to.iter_mut().zip(&pairs[at..at + count]) {
                    *sample = i16::from_le_bytes(*pair);
                }
            }
        }
        count
    }
}

#[derive(Debug, Default)]
pub(super) struct Sound {
    /// Each with the position of its first sample.
    pieces: VecDeque<(usize, Pcm)>,
    end: usize,
}

impl Sound {
    /// Position of the first sample that is kept.
    pub(super) fn start(&self) -> usize {
        self.pieces.front().map_or(self.end, |(start, _)| *start)
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }

    pub(super) fn push(&mut self, pcm: Pcm) {
        let start = self.end;
        self.end += pcm.len();
        if self.end > start {
            self.pieces.push_back((start, pcm));
        }
    }

    /// Copies what there is from `position` on; how many samples there were.
    pub(super) fn copy(&self, position: usize, to: &mut [i16]) -> usize {
        let begun = self.pieces.partition_point(|(start, _)| *start <= position);
        let mut done = 0;
        for (start, piece) in self.pieces.range(begun.saturating_sub(1)..) {
            done += piece.copy(position + done - start, &mut to[done..]);
            if done == to.len() {
                break;
            }
        }
        done
    }

    /// What lies before `position` is not gone back to.
    pub(super) fn forget(&mut self, position: usize) {
        while self
            .pieces
            .get(1)
            .is_some_and(|(start, _)| *start <= position)
        {
            self.pieces.pop_front();
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
            for (n, part) in all.chunks(pushed).enumerate() {
                let bytes: Vec<u8> = part.iter().flat_map(|s| s.to_le_bytes()).collect();
                sound.push(if n % 2 == 0 {
                    part.into()
                } else {
                    Pcm::Shared(Box::new(bytes))
                });
            }
            assert_eq!(sound.end(), all.len());
            let (mut found, mut frame) = (Vec::new(), vec![0; taken]);
            while found.len() < all.len() {
                let count = sound.copy(found.len(), &mut frame);
                found.extend_from_slice(&frame[..count]);
                sound.forget(found.len().saturating_sub(100));
            }
            assert_eq!(found, all);
            assert_eq!(sound.copy(all.len(), &mut frame), 0);
            assert!(sound.pieces.len() <= 100 / pushed + 2);
        }
    }

    #[test]
    fn what_is_past_is_given_back() {
        let kept = std::sync::Arc::new(vec![0; 960]);
        struct Kept(std::sync::Arc<Vec<u8>>);
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let mut sound = Sound::default();
        for _ in 0..3 {
            sound.push(Pcm::Shared(Box::new(Kept(kept.clone()))));
        }
        sound.forget(959);
        assert_eq!(
            (std::sync::Arc::strong_count(&kept), sound.start()),
            (3, 480)
        );
        sound.forget(2000);
        assert_eq!(
            (std::sync::Arc::strong_count(&kept), sound.start()),
            (2, 960)
        );
        assert_eq!(sound.end(), 1440);
    }
}
