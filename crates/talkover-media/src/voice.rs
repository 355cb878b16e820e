//! The agent's side of a peer: playout, reflex and the 20 ms clock that drives them.
//!
//! A peer on a network is paced in real time. One without transport (a socket session) runs up to
//! `LEAD` ahead of its virtual clock, and what it tells is told when that clock gets there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::peer::texts::Texts;
use crate::playout::{Epoch, Event, Frame, Playout};
use crate::reflex::{Action, Policy, Reflex};
use crate::vad;

/// A frame that is due: its number, when, and its sound (none: send nothing).
pub type Due = (u64, Instant, Option<(Epoch, Frame)>);

pub const FRAME: Duration = Duration::from_millis(20);
/// How far a socket's output runs ahead of its clock.
pub const LEAD: Duration = Duration::from_millis(400);

/// What the caller of `play` may read and set without asking the media thread.
#[derive(Debug, Default)]
pub struct Shared {
    /// Every epoch up to this one is dead.
    pub dead: AtomicU32,
    /// Epoch (high half) and milliseconds of it that were played (low half).
    pub played: AtomicU64,
    pub texts: Texts,
}

impl Shared {
    /// Milliseconds played of `epoch`.
    pub fn played_ms(&self, epoch: Epoch) -> u32 {
        let value = self.played.load(Ordering::Relaxed);
        if (value >> 32) as u32 == epoch {
            value as u32
        } else {
            0
        }
    }
}

#[derive(Debug)]
pub struct Voice {
    pub playout: Playout,
    reflex: Reflex,
    shared: Arc<Shared>,
    lead: Duration,
    /// Due time of frame 0; frames are due every 20 ms from it.
    origin: Instant,
    next: Option<u64>,
    told: VecDeque<(Instant, Event)>,
    live: Epoch,
    flushed: Epoch,
}

impl Voice {
    /// `origin` staggers the peers of a thread, or all their encodes fall due at once.
    pub fn new(origin: Instant, lead: Duration, shared: Arc<Shared>) -> Self {
        Self {
            playout: Playout::default(),
            reflex: Reflex::default(),
            shared,
            lead,
            origin,
            next: None,
            told: VecDeque::new(),
            live: 0,
            flushed: 0,
        }
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    pub fn set_policy(&mut self, policy: Policy) {
        self.reflex.set_policy(policy);
    }

    /// Sound may have become playable: make sure that the clock runs.
    pub fn wake(&mut self, now: Instant) {
        if self.next.is_none() {
            let since = now.saturating_duration_since(self.origin);
            self.next = Some(since.as_nanos().div_ceil(FRAME.as_nanos()) as u64);
        }
    }

    /// Kills `epoch` and those before it.
    pub fn flush(&mut self, epoch: Epoch, now: Instant) {
        self.shared.dead.fetch_max(epoch, Ordering::Relaxed);
        self.flushed = self.flushed.max(epoch);
        self.playout.flush(epoch);
        if !self.playout.lowered() {
            self.reflex.reset();
        }
        self.collect(now);
        self.forget_unheard(epoch, now);
        if !self.lead.is_zero() {
            // The client drops what was sent ahead; what comes next is heard from now on.
            self.next = None;
        }
        self.wake(now);
    }

    pub fn hold(&mut self, now: Instant) {
        self.playout.hold();
        self.collect(now);
    }

    pub fn resume(&mut self, now: Instant) {
        self.playout.resume();
        self.reflex.reset();
        self.collect(now);
        self.wake(now);
    }

    /// Nobody is known to listen: silent, and back to what was heard.
    pub fn lose(&mut self, now: Instant) {
        self.playout.lose();
        self.reflex.reset();
        self.collect(now);
    }

    /// Somebody listens again; `lost`: not to what was sent meanwhile.
    pub fn find(&mut self, lost: bool, now: Instant) {
        self.playout.find(lost);
        self.collect(now);
        self.wake(now);
    }

    /// A step of the caller's audio.
    pub fn step(&mut self, voice: vad::Voice, now: Instant) {
        if !self.playout.audible() && self.told.is_empty() {
            // What comes next is nobody's to hold: only a voice that is heard meets the reflex.
            if self.playout.lowered() {
                self.resume(now);
            } else {
                self.reflex.reset();
            }
            return;
        }
        // What must not be interrupted is as good as said to somebody silent.
        let voice = if self.playout.guarded() {
            vad::Voice::None
        } else {
            voice
        };
        match self.reflex.step(voice) {
            Some(Action::Duck) => self.playout.duck(),
            Some(Action::Hold) => self.playout.hold(),
            Some(Action::Resume) => {
                self.playout.resume();
                self.wake(now);
            }
            None => return,
        }
        self.collect(now);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let frame = self.next.map(|n| {
            let ahead = self.ahead();
            self.due(n).checked_sub(ahead).unwrap_or(self.origin)
        });
        let told = self.told.iter().map(|(at, _)| *at).min();
        [frame, told].into_iter().flatten().min()
    }

    /// The next frame, if its time has come.
    pub fn frame(&mut self, now: Instant) -> Option<Due> {
        let n = self.next?;
        let due = self.due(n);
        if now + self.ahead() < due {
            return None;
        }
        let dead = self.shared.dead.load(Ordering::Relaxed);
        if dead > self.flushed {
            self.flush(dead, now);
        }
        let frame = self.playout.tick();
        self.next = frame.is_some().then_some(n + 1);
        self.collect(due);
        Some((n, due, frame.map(|frame| (self.live, frame))))
    }

    /// The next event whose time has come.
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        let ready = self.told.iter().position(|(at, _)| *at <= now)?;
        self.told.remove(ready).map(|(_, event)| event)
    }

    /// How early the next frame may go. Sound that has not come yet is waited for until it is due:
    /// sent ahead, its place would be taken by silence.
    fn ahead(&self) -> Duration {
        if self.playout.ready() {
            self.lead
        } else {
            Duration::ZERO
        }
    }

    fn due(&self, n: u64) -> Instant {
        self.origin + Duration::from_nanos(FRAME.as_nanos() as u64 * n)
    }

    /// Takes the playout's events, to be told at `at` (at once without a lead).
    fn collect(&mut self, at: Instant) {
        while let Some(event) = self.playout.poll() {
            match event {
                Event::Started { epoch } => self.live = epoch,
                Event::Stopped { epoch, played_ms } | Event::Flushed { epoch, played_ms } => {
                    let value = u64::from(epoch) << 32 | u64::from(played_ms);
                    self.shared.played.store(value, Ordering::Relaxed);
                }
                _ => {}
            }
            self.told.push_back((at, event));
        }
        if let Some((epoch, ms)) = self.playout.position() {
            self.shared
                .played
                .store(u64::from(epoch) << 32 | u64::from(ms), Ordering::Relaxed);
        }
    }

    /// What was sent ahead to a socket but not heard by its clock: take it back from the record.
    fn forget_unheard(&mut self, epoch: Epoch, now: Instant) {
        if self.lead.is_zero() {
            return;
        }
        let ahead = self.next.map_or(Duration::ZERO, |n| {
            self.due(n).saturating_duration_since(now)
        });
        let ahead_ms = ahead.as_millis() as u32;
        for (at, event) in &mut self.told {
            let (Event::Flushed {
                epoch: e,
                played_ms,
            }
            | Event::Stopped {
                epoch: e,
                played_ms,
            }) = *event
            else {
                continue;
            };
            if e <= epoch && (*at > now || matches!(event, Event::Flushed { .. })) {
                let played_ms = played_ms.saturating_sub(ahead_ms);
                *event = Event::Flushed {
                    epoch: e,
                    played_ms,
                };
                *at = now;
            }
        }
        self.told.retain(|(at, event)| {
            *at <= now || !matches!(event, Event::Word { epoch: e, .. } if *e <= epoch)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: [i16; 240] = [1000; 240];

    /// A socket's voice that gets three seconds in pieces of 10 ms, one each millisecond.
    fn hurried(voice: &mut Voice, start: Instant) -> Vec<Frame> {
        let mut sent = Vec::new();
        voice.playout.release(1);
        voice.playout.play(1, &PIECE, &[], false);
        for ms in 0..300 {
            let now = start + Duration::from_millis(ms);
            voice.playout.play(1, &PIECE, &[], false);
            voice.wake(now);
            sent.extend(frames(voice, now));
        }
        sent
    }

    fn frames(voice: &mut Voice, now: Instant) -> Vec<Frame> {
        let due = std::iter::from_fn(|| voice.frame(now));
        due.filter_map(|(_, _, frame)| frame.map(|(_, frame)| frame))
            .collect()
    }

    #[test]
    fn a_socket_hears_hurried_pieces_without_silence_and_no_faster_than_its_lead() {
        let start = Instant::now();
        let mut voice = Voice::new(start, LEAD, Arc::default());
        let sent = hurried(&mut voice, start);
        assert!(sent.iter().flatten().all(|sample| *sample == 1000));
        assert!((34..=36).contains(&sent.len()), "{} frames", sent.len());
    }

    #[test]
    fn a_starved_socket_is_waited_for_until_the_frame_is_due() {
        let start = Instant::now();
        let mut voice = Voice::new(start, LEAD, Arc::default());
        voice.playout.release(1);
        voice.playout.play(1, &[1000; 480 + 240], &[], false);
        voice.wake(start);
        assert_eq!(frames(&mut voice, start).len(), 1);
        while voice.poll(start).is_some() {}
        assert_eq!(voice.deadline(), Some(start + FRAME));
        assert_eq!(frames(&mut voice, start + FRAME).len(), 1);
    }

    #[test]
    fn what_follows_a_voice_that_was_cut_is_not_held_by_who_cut_it() {
        let start = Instant::now();
        let mut voice = Voice::new(start, LEAD, Arc::default());
        hurried(&mut voice, start);
        let mut now = start + Duration::from_millis(300);
        voice.flush(1, now);
        // The caller speaks on while there is still something to tell of the voice that was cut,
        // falls silent, and is answered: another voice, of which there is no sound at first.
        for step in 0..60 {
            now += Duration::from_millis(16);
            if step == 20 {
                voice.playout.release(2);
                while voice.poll(now).is_some() {}
            }
            let speaks = if step < 24 {
                vad::Voice::Sure
            } else {
                vad::Voice::None
            };
            voice.step(speaks, now);
            frames(&mut voice, now);
        }
        voice.playout.play(2, &PIECE, &[], false);
        voice.playout.play(2, &PIECE, &[], false);
        voice.wake(now);
        let heard = frames(&mut voice, now + FRAME);
        assert!(heard.iter().flatten().any(|sample| *sample == 1000));
    }

    #[test]
    fn what_follows_a_flush_is_heard_from_then_on() {
        let start = Instant::now();
        let mut voice = Voice::new(start, LEAD, Arc::default());
        hurried(&mut voice, start);
        let now = start + Duration::from_millis(300);
        voice.flush(1, now);
        let (_, due, _) = voice.frame(now).expect("the fade");
        assert!(due < now + FRAME);
    }
}
