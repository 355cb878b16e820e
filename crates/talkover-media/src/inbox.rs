//! The way from the media thread to whoever drains it: a bounded queue and one readable descriptor.
//!
//! A full queue drops audio; everything else waits here, in order, until there is room.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::notice::Notice;
use crate::router::PeerId;

const MOST: usize = 8192;

/// The media thread's end.
#[derive(Debug)]
pub struct Sender {
    queue: SyncSender<(PeerId, Notice)>,
    late: VecDeque<(PeerId, Notice)>,
    bell: UnixStream,
    rung: Arc<AtomicBool>,
    fresh: bool,
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
        fresh: false,
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
    pub fn push(&mut self, peer: PeerId, notice: Notice) {
        self.fresh = true;
        if self.late.is_empty() {
            match self.queue.try_send((peer, notice)) {
                Err(TrySendError::Full(entry)) => self.keep(entry),
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            }
        } else {
            self.keep((peer, notice));
        }
    }

    /// Wakes the reader once for all that was pushed since the last call.
    pub fn ring(&mut self) {
        while let Some(entry) = self.late.pop_front() {
            if let Err(TrySendError::Full(entry)) = self.queue.try_send(entry) {
                self.late.push_front(entry);
                break;
            }
        }
        if std::mem::take(&mut self.fresh) && !self.rung.swap(true, Ordering::AcqRel) {
            // A full pipe means that the reader has a wake-up waiting already.
            let _ = self.bell.write(&[1]);
        }
    }

    /// True while something waits for room: ring again soon.
    pub fn is_behind(&self) -> bool {
        !self.late.is_empty()
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
        assert!(sender.is_behind());
        assert_eq!(inbox.drain().len(), MOST);
        sender.ring();
        let rest = inbox.drain();
        assert_eq!(rest, vec![(1, Notice::Open); 5]);
    }
}
