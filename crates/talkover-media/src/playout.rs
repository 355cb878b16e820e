//! The agent's voice: queued by epoch, paced by whoever calls `tick` every 20 ms, never ahead.
//!
//! One epoch is live (the lowest released one with sound left), others wait. `flush` kills an
//! epoch and all before it; whatever arrives for a dead epoch is dropped here. Positions are
//! samples at 24 kHz within the audio of that epoch, and what is reported is what was sent.

mod sound;

use std::collections::VecDeque;

use crate::codec::VOICE_FRAME;
pub use sound::Pcm;
use sound::Sound;

pub type Epoch = u32;
pub type Frame = [i16; VOICE_FRAME];

/// Samples of a millisecond.
const MS: usize = 24;
/// Below this much queued sound the source is told that there is room.
const ROOM_MS: u32 = 2000;
/// −18 dB.
const DUCKED: f32 = 0.126;
/// Gain per sample: full scale in 5 ms.
const RAMP: f32 = 1.0 / (5.0 * MS as f32);
/// Silent frames sent after the voice stops, before nothing is sent at all.
const TAIL_FRAMES: u32 = 5;
/// A resume goes back to a word's start at most this far.
const MOST_REWIND: usize = 600 * MS;
/// A word of which this much was played (percent) was heard: to repeat it would say it twice.
const HEARD: usize = 70;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first audible frame of an epoch is in this tick.
    Started {
        epoch: Epoch,
    },
    /// Word `index` of an epoch begins in this tick.
    Word {
        epoch: Epoch,
        index: u32,
    },
    /// The voice enters or leaves a span that must not be interrupted.
    Guarded {
        epoch: Epoch,
        on: bool,
    },
    /// Less than 2 s are queued: more is welcome.
    Room {
        epoch: Epoch,
        queued_ms: u32,
    },
    /// All of a finished epoch was played.
    Stopped {
        epoch: Epoch,
        played_ms: u32,
    },
    Flushed {
        epoch: Epoch,
        played_ms: u32,
    },
    Ducked {
        epoch: Epoch,
        position_ms: u32,
    },
    Held {
        epoch: Epoch,
        position_ms: u32,
    },
    Resumed {
        epoch: Epoch,
        position_ms: u32,
    },
}

#[derive(Debug, Default)]
struct Voice {
    epoch: Epoch,
    sound: Sound,
    /// Next sample to send.
    position: usize,
    /// How far it was sent when somebody was last known to listen.
    heard: usize,
    /// Where words start and which they are; the first `passed` of them are before `position`.
    marks: VecDeque<(usize, u32)>,
    passed: usize,
    words: u32,
    /// Where guarded spans begin and end; the first `crossed` of them are before `position`.
    guards: VecDeque<(usize, bool)>,
    crossed: usize,
    released: bool,
    finished: bool,
    started: bool,
    asked: bool,
}

impl Voice {
    fn end(&self) -> usize {
        self.sound.end()
    }

    fn queued_ms(&self) -> u32 {
        ((self.end() - self.position) / MS) as u32
    }

    /// What is next to send, as much of it as there is.
    fn next<'a>(&self, frame: &'a mut Frame) -> &'a mut [i16] {
        let count = self.sound.copy(self.position, frame);
        &mut frame[..count]
    }

    fn position_ms(&self) -> u32 {
        (self.position / MS) as u32
    }
}

#[derive(Debug, Default)]
pub struct Playout {
    voices: VecDeque<Voice>,
    events: VecDeque<Event>,
    dead: Epoch,
    ducked: bool,
    held: bool,
    /// Nobody listens; with what had been sent by then.
    away: Option<Option<(Epoch, usize)>>,
    gain: f32,
    tail: u32,
    /// The last frames of a flushed voice, faded.
    residue: Option<Box<Frame>>,
}

impl Playout {
    /// Adds sound and the offsets in it where words start; a `guarded` one is left alone by the
    /// reflex. False: the epoch is dead.
    pub fn play(
        &mut self,
        epoch: Epoch,
        pcm: impl Into<Pcm>,
        marks: &[usize],
        guarded: bool,
    ) -> bool {
        let Some(voice) = self.voice(epoch) else {
            return false;
        };
        let end = voice.end();
        for mark in marks {
            voice.marks.push_back((end + mark, voice.words));
            voice.words += 1;
        }
        if guarded != voice.ends_guarded() {
            voice.guards.push_back((end, guarded));
        }
        voice.sound.push(pcm.into());
        voice.asked = voice.queued_ms() < ROOM_MS;
        true
    }

    /// No more sound will come for `epoch`.
    pub fn finish(&mut self, epoch: Epoch) {
        if let Some(voice) = self.voice(epoch) {
            voice.finished = true;
        }
    }

    /// Lets `epoch` be heard.
    pub fn release(&mut self, epoch: Epoch) {
        if let Some(voice) = self.voice(epoch) {
            voice.released = true;
        }
    }

    /// Kills `epoch` and all before it; a 5 ms fade is still sent, and counted as heard.
    pub fn flush(&mut self, epoch: Epoch) {
        self.dead = self.dead.max(epoch);
        if self.live().is_some_and(|voice| voice.epoch <= epoch) {
            self.residue = self.fade_out();
            (self.held, self.ducked) = (false, false);
        }
        while self
            .voices
            .front()
            .is_some_and(|voice| voice.epoch <= epoch)
        {
            if let Some(voice) = self.voices.pop_front() {
                let played_ms = voice.position_ms();
                self.events.push_back(Event::Flushed {
                    epoch: voice.epoch,
                    played_ms,
                });
            }
        }
    }

    pub fn duck(&mut self) {
        if let Some(voice) = self.live().filter(|_| !self.ducked) {
            let (epoch, position_ms) = (voice.epoch, voice.position_ms());
            self.ducked = true;
            self.events.push_back(Event::Ducked { epoch, position_ms });
        }
    }

    /// Stops at once and keeps what was not sent.
    pub fn hold(&mut self) {
        if let Some(voice) = self.live().filter(|_| !self.held) {
            let (epoch, position_ms) = (voice.epoch, voice.position_ms());
            self.held = true;
            self.events.push_back(Event::Held { epoch, position_ms });
        }
    }

    /// Whether a voice is ducked or held.
    pub fn lowered(&self) -> bool {
        self.held || self.ducked
    }

    /// Goes on: from the start of the interrupted word where it was held, at full level.
    pub fn resume(&mut self) {
        if !self.held && !self.ducked {
            return;
        }
        if self.away.is_some() {
            (self.held, self.ducked) = (false, false);
            return;
        }
        if self.held {
            self.gain = 0.0;
            if let Some(voice) = self.live_mut() {
                voice.rewind();
            }
        }
        (self.held, self.ducked) = (false, false);
        if let Some(voice) = self.live() {
            let (epoch, position_ms) = (voice.epoch, voice.position_ms());
            self.events.push_back(Event::Resumed { epoch, position_ms });
        }
    }

    /// Somebody listened until now.
    pub fn prove(&mut self) {
        if let Some(voice) = self.live_mut() {
            voice.heard = voice.position;
        }
    }

    /// Nobody is known to listen: back to what was heard, and no further until `find`.
    pub fn lose(&mut self) {
        (self.held, self.ducked, self.gain) = (false, false, 0.0);
        let sent = self.live_mut().map(|voice| {
            let sent = (voice.epoch, voice.position);
            voice.seek(voice.heard);
            sent
        });
        self.away = Some(sent);
        if let Some(voice) = self.live().filter(|voice| voice.started) {
            let (epoch, position_ms) = (voice.epoch, voice.position_ms());
            self.events.push_back(Event::Held { epoch, position_ms });
        }
    }

    /// Somebody listens again: goes on where the listener was lost, or, where what was sent since
    /// did arrive, after that.
    pub fn find(&mut self, lost: bool) {
        let sent = self.away.take().flatten();
        let Some(voice) = self.live_mut() else {
            return;
        };
        if let Some((epoch, position)) = sent.filter(|_| !lost)
            && epoch == voice.epoch
        {
            voice.seek(position);
        }
        if voice.started {
            self.held = true;
            self.resume();
        }
    }

    /// True within a span that must not be interrupted.
    pub fn guarded(&self) -> bool {
        self.live().is_some_and(|voice| {
            let next = voice.guards.get(voice.crossed);
            let begun = next.filter(|(at, _)| *at <= voice.position);
            begun.map_or_else(|| voice.in_guard(), |(_, on)| *on)
        })
    }

    /// Whether the last sound queued for `epoch` is guarded.
    pub fn ends_guarded(&self, epoch: Epoch) -> bool {
        let voice = self.voices.iter().find(|voice| voice.epoch == epoch);
        voice.is_some_and(Voice::ends_guarded)
    }

    /// True while a voice could be heard now (or is held): the reflex has something to act on.
    pub fn audible(&self) -> bool {
        self.live()
            .is_some_and(|voice| voice.started || voice.position < voice.end())
    }

    /// Milliseconds queued for `epoch`; none where it is dead or unknown.
    pub fn queued_ms(&self, epoch: Epoch) -> Option<u32> {
        self.voices
            .iter()
            .find(|voice| voice.epoch == epoch)
            .map(Voice::queued_ms)
    }

    /// Epoch of the voice that is being played, and the milliseconds of it that were sent.
    pub fn position(&self) -> Option<(Epoch, u32)> {
        self.live().map(|voice| (voice.epoch, voice.position_ms()))
    }

    /// Whether the next frame is all voice, or the voice's last: no silence for want of sound.
    pub fn ready(&self) -> bool {
        !self.silent()
            && self.live().is_some_and(|voice| {
                let left = voice.end() - voice.position;
                left >= VOICE_FRAME || (voice.finished && left > 0)
            })
    }

    /// The next 20 ms; none: send nothing.
    pub fn tick(&mut self) -> Option<Frame> {
        if let Some(residue) = self.residue.take() {
            self.gain = 0.0;
            self.tail = TAIL_FRAMES;
            return Some(*residue);
        }
        if self.silent()
            || self
                .live()
                .is_none_or(|voice| voice.position >= voice.end())
        {
            self.close_played();
            return self.tail_frame();
        }
        let mut frame = [0; VOICE_FRAME];
        self.fill(&mut frame);
        self.close_played();
        self.tail = TAIL_FRAMES;
        Some(frame)
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn fill(&mut self, frame: &mut Frame) {
        let target = if self.held {
            0.0
        } else if self.ducked {
            DUCKED
        } else {
            1.0
        };
        let mut gain = self.gain;
        let Some(index) = self.voices.iter().position(|voice| voice.released) else {
            return;
        };
        let voice = &mut self.voices[index];
        if !voice.started {
            voice.started = true;
            // A fresh voice starts at its own level; only a resumed one is faded in.
            gain = if self.ducked { DUCKED } else { 1.0 };
            self.events.push_back(Event::Started { epoch: voice.epoch });
        }
        let sent = level(voice.next(frame), &mut gain, target);
        self.gain = gain;
        voice.position += sent;
        let epoch = voice.epoch;
        while let Some((_, index)) = voice.next_mark().filter(|(at, _)| *at < voice.position) {
            voice.passed += 1;
            self.events.push_back(Event::Word { epoch, index });
        }
        while let Some((_, on)) = voice.next_guard().filter(|(at, _)| *at < voice.position) {
            voice.crossed += 1;
            self.events.push_back(Event::Guarded { epoch, on });
        }
        voice.forget();
        if !voice.asked && !voice.finished && voice.queued_ms() < ROOM_MS {
            voice.asked = true;
            let (epoch, queued_ms) = (voice.epoch, voice.queued_ms());
            self.events.push_back(Event::Room { epoch, queued_ms });
        }
    }

    fn close_played(&mut self) {
        while let Some(voice) = self.voices.front() {
            if !(voice.released && voice.finished && voice.position >= voice.end()) {
                return;
            }
            let (epoch, played_ms) = (voice.epoch, voice.position_ms());
            self.dead = self.dead.max(epoch);
            self.voices.pop_front();
            (self.held, self.ducked) = (false, false);
            self.events.push_back(Event::Stopped { epoch, played_ms });
        }
    }

    fn tail_frame(&mut self) -> Option<Frame> {
        self.gain = 0.0;
        self.tail = self.tail.checked_sub(1)?;
        Some([0; VOICE_FRAME])
    }

    /// 5 ms more of the live voice, falling to nothing.
    fn fade_out(&mut self) -> Option<Box<Frame>> {
        let mut gain = self.gain;
        if gain <= 0.0 {
            return None;
        }
        let voice = self.live_mut()?;
        let mut frame = Box::new([0; VOICE_FRAME]);
        let sent = level(voice.next(&mut frame), &mut gain, 0.0);
        voice.position += sent;
        Some(frame)
    }

    fn silent(&self) -> bool {
        self.away.is_some() || (self.held && self.gain <= 0.0)
    }

    fn live(&self) -> Option<&Voice> {
        self.voices.iter().find(|voice| voice.released)
    }

    fn live_mut(&mut self) -> Option<&mut Voice> {
        self.voices.iter_mut().find(|voice| voice.released)
    }

    fn voice(&mut self, epoch: Epoch) -> Option<&mut Voice> {
        if epoch <= self.dead {
            return None;
        }
        let index = self.voices.partition_point(|voice| voice.epoch < epoch);
        if self
            .voices
            .get(index)
            .is_none_or(|voice| voice.epoch != epoch)
        {
            let voice = Voice {
                epoch,
                asked: true,
                ..Voice::default()
            };
            self.voices.insert(index, voice);
        }
        self.voices.get_mut(index)
    }
}

impl Voice {
    /// Drops sound that no resume can go back to.
    fn forget(&mut self) {
        let keep = self.position.min(self.heard).saturating_sub(MOST_REWIND);
        self.sound.forget(keep);
        let start = self.sound.start();
        while self.passed > 1 && self.marks[0].0 < start {
            self.marks.pop_front();
            self.passed -= 1;
        }
        while self.crossed > 1 && self.guards[1].0 < start {
            self.guards.pop_front();
            self.crossed -= 1;
        }
    }

    /// Goes to a position whose sound is still there.
    fn seek(&mut self, position: usize) {
        self.position = position.max(self.sound.start());
        self.passed = self.marks.partition_point(|(at, _)| *at < self.position);
        self.crossed = self.guards.partition_point(|(at, _)| *at < self.position);
    }

    /// To the start of the word that was cut, unless it was as good as said.
    fn rewind(&mut self) {
        let Some((word, _)) = self.passed.checked_sub(1).map(|last| self.marks[last]) else {
            return;
        };
        let next = self.next_mark().map_or_else(|| self.end(), |(at, _)| at);
        let played = self.position - word;
        let heard = played * 100 >= next.saturating_sub(word) * HEARD;
        if word >= self.sound.start() && played <= MOST_REWIND && !heard {
            self.position = word;
        }
    }

    fn next_mark(&self) -> Option<(usize, u32)> {
        self.marks.get(self.passed).copied()
    }

    fn next_guard(&self) -> Option<(usize, bool)> {
        self.guards.get(self.crossed).copied()
    }

    fn in_guard(&self) -> bool {
        self.crossed
            .checked_sub(1)
            .is_some_and(|last| self.guards[last].1)
    }

    fn ends_guarded(&self) -> bool {
        self.guards.back().is_some_and(|(_, on)| *on)
    }
}

/// Brings samples from a gain towards another, step by step; how many there are until nothing is
/// heard any more.
fn level(samples: &mut [i16], gain: &mut f32, target: f32) -> usize {
    let scale = |sample: &mut i16, gain: f32| *sample = (f32::from(*sample) * gain) as i16;
    let mut done = 0;
    // Mostly there is nothing to do.
    while *gain != target && done < samples.len() {
        *gain = approach(*gain, target);
        scale(&mut samples[done], *gain);
        done += usize::from(*gain > 0.0);
    }
    let rest = &mut samples[done..];
    if target <= 0.0 {
        rest.fill(0);
        return done;
    }
    if target < 1.0 {
        rest.iter_mut().for_each(|sample| scale(sample, target));
    }
    samples.len()
}

fn approach(gain: f32, target: f32) -> f32 {
    if gain < target {
        (gain + RAMP).min(target)
    } else {
        (gain - RAMP).max(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: i16 = 10_000;

    /// Sound in which each sample tells its position.
    fn ramp(ms: usize) -> Vec<i16> {
        (0..ms * MS).map(|n| (n % 20_000) as i16 + 1).collect()
    }

    fn speaking(epoch: Epoch, pcm: &[i16], marks: &[usize]) -> Playout {
        let mut playout = Playout::default();
        assert!(playout.play(epoch, pcm, marks, false));
        playout.finish(epoch);
        playout.release(epoch);
        playout
    }

    fn events(playout: &mut Playout) -> Vec<Event> {
        std::iter::from_fn(|| playout.poll()).collect()
    }

    #[test]
    fn nothing_is_heard_before_its_release() {
        let mut playout = Playout::default();
        playout.play(1, &[LOUD; VOICE_FRAME], &[], false);
        assert_eq!(playout.tick(), None);
        playout.release(1);
        assert_eq!(playout.tick(), Some([LOUD; VOICE_FRAME]));
    }

    #[test]
    fn all_of_it_is_sent_once_and_in_order() {
        let pcm = ramp(100);
        let mut playout = speaking(1, &pcm, &[]);
        let sent: Vec<i16> = (0..5).flat_map(|_| playout.tick().unwrap()).collect();
        assert_eq!(sent, pcm);
        let found = events(&mut playout);
        assert_eq!(found.first(), Some(&Event::Started { epoch: 1 }));
        assert_eq!(
            found.last(),
            Some(&Event::Stopped {
                epoch: 1,
                played_ms: 100
            })
        );
        let silent = (0..20).map_while(|_| playout.tick()).count();
        assert_eq!(
            silent, TAIL_FRAMES as usize,
            "a short silent tail, then nothing"
        );
    }

    #[test]
    fn a_flush_fades_for_five_ms_and_reports_the_last_sample_sent() {
        let mut playout = speaking(1, &[LOUD; 200 * MS], &[]);
        playout.tick();
        playout.tick();
        playout.flush(1);
        let fade = playout.tick().unwrap();
        assert!(fade[0] > 9_000 && fade[5 * MS..].iter().all(|s| *s == 0));
        let Some(Event::Flushed {
            epoch: 1,
            played_ms,
        }) = events(&mut playout).pop()
        else {
            panic!("no flush was reported");
        };
        assert!(
            (44..=45).contains(&played_ms),
            "two frames and the fade: {played_ms}"
        );
        assert!(
            !playout.play(1, &[LOUD; 480], &[], false),
            "a dead epoch takes nothing"
        );
        assert!(playout.play(2, &[LOUD; 480], &[], false));
    }

    #[test]
    fn a_hold_without_marks_goes_on_at_the_held_sample() {
        let pcm = ramp(200);
        let mut playout = speaking(1, &pcm, &[]);
        playout.tick();
        playout.hold();
        playout.tick();
        for _ in 0..50 {
            playout.tick();
        }
        playout.resume();
        let after = playout.tick().unwrap();
        let last = after[VOICE_FRAME - 1] as usize;
        assert!(
            (last as i64 - (VOICE_FRAME + 5 * MS + VOICE_FRAME) as i64).abs() <= 2,
            "{last}"
        );
    }

    #[test]
    fn a_hold_with_marks_goes_on_at_the_start_of_the_word() {
        let pcm = ramp(400);
        let word = 30 * MS;
        let mut playout = speaking(1, &pcm, &[0, word, 300 * MS]);
        for _ in 0..5 {
            playout.tick();
        }
        playout.hold();
        playout.tick();
        playout.tick();
        assert!(events(&mut playout).contains(&Event::Held {
            epoch: 1,
            position_ms: 100
        }));
        playout.resume();
        let resumed = Event::Resumed {
            epoch: 1,
            position_ms: 30,
        };
        assert!(events(&mut playout).contains(&resumed));
        let after = playout.tick().unwrap();
        assert_eq!(after[VOICE_FRAME - 1] as usize, word + VOICE_FRAME);
    }

    #[test]
    fn a_hold_at_the_end_of_a_word_does_not_say_it_again() {
        let pcm = ramp(400);
        let mut playout = speaking(1, &pcm, &[0, 30 * MS, 110 * MS]);
        for _ in 0..5 {
            playout.tick();
        }
        playout.hold();
        playout.tick();
        playout.tick();
        events(&mut playout);
        playout.resume();
        let position_ms = 105;
        let resumed = Event::Resumed {
            epoch: 1,
            position_ms,
        };
        assert_eq!(events(&mut playout), [resumed]);
    }

    #[test]
    fn a_guarded_span_is_told_where_it_begins_and_ends() {
        let mut playout = Playout::default();
        playout.play(1, &[LOUD; VOICE_FRAME], &[], false);
        playout.play(1, &[LOUD; VOICE_FRAME], &[], true);
        playout.play(1, &[LOUD; VOICE_FRAME], &[], true);
        playout.play(1, &[LOUD; VOICE_FRAME], &[], false);
        playout.release(1);
        let mut seen = Vec::new();
        for tick in 0..4 {
            let before = playout.guarded();
            playout.tick();
            let told = events(&mut playout);
            let on = told.iter().find_map(|event| match event {
                Event::Guarded { on, .. } => Some(*on),
                _ => None,
            });
            seen.push((tick, before, on));
        }
        assert_eq!(
            seen,
            [
                (0, false, None),
                (1, true, Some(true)),
                (2, true, None),
                (3, false, Some(false))
            ]
        );
    }

    #[test]
    fn ducking_is_quieter_and_reversible_without_loss() {
        let mut playout = speaking(1, &[LOUD; 100 * MS], &[]);
        playout.tick();
        playout.duck();
        let ducked = playout.tick().unwrap();
        assert!(ducked[6 * MS] < 1300 && ducked[VOICE_FRAME - 1] > 1200);
        playout.resume();
        let back = playout.tick().unwrap();
        assert_eq!(back[6 * MS], LOUD);
    }

    #[test]
    fn words_are_told_as_they_begin_and_once() {
        let mut playout = speaking(1, &[LOUD; 100 * MS], &[0, 25 * MS, 90 * MS]);
        let mut seen = Vec::new();
        for tick in 0..5 {
            playout.tick();
            for event in events(&mut playout) {
                if let Event::Word { index, .. } = event {
                    seen.push((tick, index));
                }
            }
        }
        assert_eq!(seen, [(0, 0), (1, 1), (4, 2)]);
    }

    #[test]
    fn room_is_told_once_when_the_queue_runs_low() {
        let mut playout = Playout::default();
        playout.play(1, &vec![LOUD; 3000 * MS], &[], false);
        playout.release(1);
        for _ in 0..60 {
            playout.tick();
        }
        let rooms = events(&mut playout);
        let rooms: Vec<_> = rooms
            .iter()
            .filter(|e| matches!(e, Event::Room { .. }))
            .collect();
        assert_eq!(rooms.len(), 1);
    }

    #[test]
    fn a_prepared_reply_follows_the_live_one() {
        let mut playout = speaking(1, &[LOUD; VOICE_FRAME], &[]);
        playout.play(2, &[LOUD / 2; VOICE_FRAME], &[], false);
        playout.finish(2);
        playout.release(2);
        assert_eq!(playout.tick(), Some([LOUD; VOICE_FRAME]));
        assert_eq!(playout.tick(), Some([LOUD / 2; VOICE_FRAME]));
    }
}
