//! The way from the media thread to whoever drains it: a bounded queue and one readable descriptor.
//!
//! A full queue drops audio; everything else waits here, in order, until there is room. Of one peer
//! so much may wait and no more: who sends faster than Python takes ends its own call, and fills
//! neither this queue nor the memory of others. The reader is woken for audio every 10 ms at most:
//! to wake it for each packet of each call costs more than to take them. What is not audio wakes it
//! at once, and brings the audio along.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::notice::Notice;
use crate::router::PeerId;

const MOST: usize = 8192;
/// Audio waits so long for company.
const GATHER: Duration = Duration::from_millis(10);
/// What found no room is tried again after this.
const RETRY: Duration = Duration::from_millis(5);

/// Control of one peer that may wait for the reader: what an honest one brings in half a minute, in
/// which Python does nothing, and a quarter of the queue.
const MOST_OF_ONE: usize = MOST / 4;
/// And its bytes.
const MOST_BYTES_OF_ONE: usize = 4 << 20;

/// More of one peer waits than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flooded;

/// What waits of one peer's control.
#[derive(Debug, Default)]
struct Waiting {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    peer: PeerId,
    notice: Notice,
    /// Where it counts until it is taken.
    counted: Option<Arc<Waiting>>,
}

impl Entry {
    fn taken(self) -> (PeerId, Notice) {
        if let Some(waiting) = self.counted {
            waiting.count.fetch_sub(1, Ordering::Relaxed);
            waiting
                .bytes
                .fetch_sub(self.notice.bytes(), Ordering::Relaxed);
        }
        (self.peer, self.notice)
    }
}

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
    queue: SyncSender<Entry>,
    late: VecDeque<Entry>,
    waiting: HashMap<PeerId, Arc<Waiting>>,
    bell: UnixStream,
    rung: Arc<AtomicBool>,
    fresh: Fresh,
    rang: Instant,
    pub dropped: Arc<AtomicU64>,
}

/// The reader's end.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<Entry>,
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
        waiting: HashMap::new(),
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
            waiting: HashMap::new(),
            bell: self.bell.try_clone()?,
            rung: Arc::clone(&self.rung),
            fresh: Fresh::Nothing,
            rang: Instant::now(),
            dropped: Arc::clone(&self.dropped),
        })
    }

    /// `Flooded`: too much of this peer waits already, and the notice is dropped; what is left to
    /// do with it is to close it, and that finds room.
    pub fn push(&mut self, peer: PeerId, notice: Notice) -> Result<(), Flooded> {
        let last = matches!(notice, Notice::Closed(_));
        let fresh = if notice.droppable() {
            Fresh::Audio
        } else {
            Fresh::Control
        };
        let counted = if last || fresh == Fresh::Audio {
            None
        } else {
            Some(self.count(peer, notice.bytes())?)
        };
        let entry = Entry {
            peer,
            notice,
            counted,
        };
        self.fresh = self.fresh.max(fresh);
        if self.late.is_empty() {
            match self.queue.try_send(entry) {
                Err(TrySendError::Full(entry)) => self.keep(entry),
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            }
        } else {
            self.keep(entry);
        }
        Ok(())
    }

    /// The peer is gone, or lives on another thread.
    pub fn forget(&mut self, peer: PeerId) {
        self.waiting.remove(&peer);
    }

    fn count(&mut self, peer: PeerId, bytes: usize) -> Result<Arc<Waiting>, Flooded> {
        let waiting = self.waiting.entry(peer).or_default();
        let full = waiting.count.load(Ordering::Relaxed) >= MOST_OF_ONE
            || waiting.bytes.load(Ordering::Relaxed) + bytes > MOST_BYTES_OF_ONE;
        if full {
            return Err(Flooded);
        }
        waiting.count.fetch_add(1, Ordering::Relaxed);
        waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Arc::clone(waiting))
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

    fn keep(&mut self, entry: Entry) {
        if entry.notice.droppable() {
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
        self.queue.try_iter().take(MOST).map(Entry::taken).collect()
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
            sender.push(1, audio()).unwrap();
        }
        for _ in 0..5 {
            sender.push(1, Notice::Open).unwrap();
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
        sender.push(1, audio()).unwrap();
        sender.ring(start + GATHER / 2);
        assert!(!readable());
        assert_eq!(sender.deadline(start), Some(start + GATHER));
        sender.ring(start + GATHER);
        assert!(readable());
        inbox.drain();
        sender.push(1, audio()).unwrap();
        sender.push(1, Notice::Open).unwrap();
        sender.ring(start + GATHER);
        assert!(readable());
        assert_eq!(inbox.drain().len(), 2);
    }

    #[test]
    fn who_floods_is_refused_and_nobody_else_is() {
        let (mut sender, inbox) = inbox().unwrap();
        for _ in 0..MOST_OF_ONE {
            sender.push(1, Notice::Open).unwrap();
        }
        assert_eq!(sender.push(1, Notice::Open), Err(Flooded));
        let long = || Notice::Text("x".repeat(MOST_BYTES_OF_ONE / 2));
        sender.push(2, long()).unwrap();
        sender.push(2, long()).unwrap();
        assert_eq!(sender.push(2, long()), Err(Flooded));
        sender.push(3, Notice::Open).unwrap();
        sender.push(1, Notice::Closed("flooded")).unwrap();
        assert_eq!(inbox.drain().len(), MOST_OF_ONE + 4);
        assert_eq!(
            sender.push(1, Notice::Open),
            Ok(()),
            "what was taken no longer counts"
        );
        assert_eq!(sender.push(2, long()), Ok(()));
    }
}
