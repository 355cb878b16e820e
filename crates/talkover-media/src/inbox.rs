//! The way from the media thread to whoever drains it: a bounded queue and one readable descriptor.
//!
//! A full queue drops audio; everything else waits here, in order, until there is room. The reader
//! is woken for audio every 10 ms at most: to wake it for each packet of each call costs more than
//! to take them. What is not audio wakes it at once, and brings the audio along.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::notice::Notice;
use crate::router::PeerId;

const MOST: usize = 8192;
/// Audio waits so long for company.
const GATHER: Duration = Duration::from_millis(10);
/// What found no room is tried again after this.
const RETRY: Duration = Duration::from_millis(5);

/// What was pushed since the reader was last woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fresh {
    Nothing,
    Audio,
    Control,
}

/// The media thread's end.
#[derive(Debug)]
pub struct Sender {
    queue: SyncSender<(PeerId, Notice)>,
    late: VecDeque<(PeerId, Notice)>,
    bell: UnixStream,
    rung: Arc<AtomicBool>,
    fresh: Fresh,
    rang: Instant,
    pub dropped: Arc<AtomicU64>,
}

/// The reader's end.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<(PeerId, Notice)>,
    bell: UnixStream,
    rung: Arc<AtomicBool>,
    pub dropped: Arc<AtomicU64>,
}

pub fn inbox() -> io::Result<(Sender, Inbox)> {
    let (queue, receiver) = sync_channel(MOST);
    let (write, read) = UnixStream::pair()?;
    write.set_nonblocking(true)?;
    read.set_nonblocking(true)?;
    let rung = Arc::new(AtomicBool::new(false));
    let dropped = Arc::new(AtomicU64::new(0));
    let sender = Sender {
        queue,
        late: VecDeque::new(),
        bell: write,
        rung: Arc::clone(&rung),
        fresh: Fresh::Nothing,
        rang: Instant::now(),
        dropped: Arc::clone(&dropped),
    };
    Ok((
        sender,
        Inbox {
            queue: receiver,
            bell: read,
            rung,
            dropped,
        },
    ))
}

impl Sender {
    /// The end of a further media thread.
    pub fn another(&self) -> io::Result<Self> {
        Ok(Self {
            queue: self.queue.clone(),
            late: VecDeque::new(),
            bell: self.bell.try_clone()?,
            rung: Arc::clone(&self.rung),
            fresh: Fresh::Nothing,
            rang: Instant::now(),
            dropped: Arc::clone(&self.dropped),
        })
    }

    pub fn push(&mut self, peer: PeerId, notice: Notice) {
        let fresh = if notice.droppable() {
            Fresh::Audio
        } else {
            Fresh::Control
        };
        self.fresh = self.fresh.max(fresh);
        if self.late.is_empty() {
            match self.queue.try_send((peer, notice)) {
                Err(TrySendError::Full(entry)) => self.keep(entry),
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            }
        } else {
            self.keep((peer, notice));
        }
    }

    /// Wakes the reader once for all that was pushed since the last time, when that is due.
    pub fn ring(&mut self, now: Instant) {
        while let Some(entry) = self.late.pop_front() {
            if let Err(TrySendError::Full(entry)) = self.queue.try_send(entry) {
                self.late.push_front(entry);
                break;
            }
        }
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.fresh = Fresh::Nothing;
        self.rang = now;
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A full pipe means that the reader has a wake-up waiting already.
            let _ = self.bell.write(&[1]);
        }
    }

    /// When to ring again although nothing happens.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let behind = (!self.late.is_empty()).then_some(now + RETRY);
        [behind, self.due()].into_iter().flatten().min()
    }

    /// When the reader is to be woken; a time in the past where it is at once.
    fn due(&self) -> Option<Instant> {
        match self.fresh {
            Fresh::Nothing => None,
            Fresh::Audio => Some(self.rang + GATHER),
            Fresh::Control => Some(self.rang),
        }
    }

    fn keep(&mut self, entry: (PeerId, Notice)) {
        if entry.1.droppable() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.late.push_back(entry);
        }
    }
}

impl Inbox {
    /// Readable while there may be something to take.
    pub fn fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    /// Everything that has arrived; never blocks.
    pub fn drain(&self) -> Vec<(PeerId, Notice)> {
        let mut bytes = [0; 64];
        while matches!((&self.bell).read(&mut bytes), Ok(n) if n > 0) {}
        self.rung.store(false, Ordering::Release);
        self.queue.try_iter().take(MOST).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inbox_drops_audio_and_never_control() {
        let (mut sender, inbox) = inbox().unwrap();
        let audio = || Notice::Audio {
            at: 0,
            pcm: vec![0; 4],
        };
        for _ in 0..MOST + 10 {
            sender.push(1, audio());
        }
        for _ in 0..5 {
            sender.push(1, Notice::Open);
        }
        assert_eq!(sender.dropped.load(Ordering::Relaxed), 10);
        let now = Instant::now();
        assert_eq!(
            sender.deadline(now),
            Some(sender.rang),
            "control is told at once"
        );
        assert_eq!(inbox.drain().len(), MOST);
        sender.ring(now);
        let rest = inbox.drain();
        assert_eq!(rest, vec![(1, Notice::Open); 5]);
    }

    #[test]
    fn audio_waits_for_company_and_control_does_not() {
        let (mut sender, inbox) = inbox().unwrap();
        let start = sender.rang;
        let readable = || (&inbox.bell).read(&mut [0; 8]).is_ok();
        let audio = || Notice::Audio {
            at: 0,
            pcm: vec![0; 4],
        };
        sender.push(1, audio());
        sender.ring(start + GATHER / 2);
        assert!(!readable());
        assert_eq!(sender.deadline(start), Some(start + GATHER));
        sender.ring(start + GATHER);
        assert!(readable());
        inbox.drain();
        sender.push(1, audio());
        sender.push(1, Notice::Open);
        sender.ring(start + GATHER);
        assert!(readable());
        assert_eq!(inbox.drain().len(), 2);
    }
}
