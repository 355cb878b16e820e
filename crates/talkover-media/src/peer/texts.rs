//! Room for texts on their way to the data channel, known without asking the media thread.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Text that waits for the data channel.
pub const MOST_QUEUED: usize = 1 << 20;
/// What the other side takes where it does not say (RFC 8841 §6.1).
const UNSAID: usize = 64 * 1024;

/// Why a text is not sent. Later and smaller ones may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    #[error("A text of {bytes} bytes is too long: the other side's data channel takes {most}.")]
    TooLong { bytes: usize, most: usize },
    #[error("The data channel is full: the other side has not taken the last {waiting} bytes.")]
    Full { waiting: usize },
}

/// How much waits, and how long one text may be. Any thread may ask.
#[derive(Debug)]
pub struct Texts {
    most: AtomicUsize,
    waiting: AtomicUsize,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            most: AtomicUsize::new(UNSAID),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Texts {
    /// Takes room for a text, which its `Peer::send` needs.
    pub fn reserve(&self, bytes: usize) -> Result<(), TextError> {
        let most = self.most.load(Ordering::Relaxed);
        if bytes > most {
            return Err(TextError::TooLong { bytes, most });
        }
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > MOST_QUEUED {
            self.free(bytes);
            return Err(TextError::Full { waiting });
        }
        Ok(())
    }

    pub(super) fn free(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What an offer or an answer says (RFC 8841 §6).
    pub(super) fn agree(&self, sdp: &str) {
        let said = sdp.lines().find_map(|line| {
            let size = line.strip_prefix("a=max-message-size:")?;
            size.trim().parse().ok()
        });
        let most: usize = said.unwrap_or(UNSAID);
        self.most.store(most.min(MOST_QUEUED), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_the_other_side_says() {
        let texts = Texts::default();
        let (bytes, most) = (UNSAID + 1, UNSAID);
        assert_eq!(
            texts.reserve(bytes),
            Err(TextError::TooLong { bytes, most })
        );
        texts.agree("m=application 9\r\na=max-message-size:262144\r\n");
        assert_eq!(texts.reserve(bytes), Ok(()));
    }

    #[test]
    fn a_full_channel_takes_more_when_something_has_gone() {
        let texts = Texts::default();
        for _ in 0..MOST_QUEUED / UNSAID {
            texts.reserve(UNSAID).unwrap();
        }
        let waiting = MOST_QUEUED;
        assert_eq!(texts.reserve(1), Err(TextError::Full { waiting }));
        texts.free(UNSAID);
        assert_eq!(texts.reserve(UNSAID), Ok(()));
    }
}
