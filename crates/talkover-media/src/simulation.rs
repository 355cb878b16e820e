//! Peers in virtual time: whole conversations in milliseconds, the same on every run.
//!
//! Ear, reflex and playout are the real ones. Only the clock is not, nor the caller, who has a
//! sound or is merely imagined to have a voice. For tests: no server has one of these.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::driver::Action;
use crate::notice::Notice;
use crate::peer::{Output, Peer};
use crate::router::PeerId;
use crate::vad::{STEP, Voice};
use crate::voice::{FRAME, Shared};
use crate::vp8::KeyFrame;

const STEP_MS: u64 = 16;
/// Samples of the caller's that are told at once: the fewer pieces, the faster.
const MOST_AUDIO: usize = 10 * STEP;

/// What the caller heard of the agent, at a steady level (dB of full scale).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Duration,
    pub to: Duration,
    pub level: i16,
}

/// Times are since its beginning.
#[derive(Debug)]
pub struct Simulation {
    origin: Instant,
    now: Instant,
    callers: BTreeMap<PeerId, Caller>,
    told: Told,
    last: PeerId,
}

/// What waits to be drained; `news` where there is more than the caller's sound.
#[derive(Debug, Default)]
struct Told {
    notices: VecDeque<(PeerId, Notice)>,
    news: bool,
}

#[derive(Debug)]
struct Caller {
    peer: Peer,
    /// Steps heard so far.
    steps: u64,
    sound: VecDeque<i16>,
    voice: VecDeque<(Duration, Duration)>,
    heard: Vec<Span>,
    camera: Option<KeyFrame>,
    seen: Vec<(Duration, Arc<[u8]>)>,
}

impl Simulation {
    /// `origin` is any instant; only what passes since then counts.
    pub fn new(origin: Instant) -> Self {
        Self {
            origin,
            now: origin,
            callers: BTreeMap::new(),
            told: Told::default(),
            last: 0,
        }
    }

    /// A caller whose network takes no time. Attach before time passes: its ear's clock is ours.
    pub fn attach(&mut self) -> (PeerId, Arc<Shared>) {
        self.last += 1;
        let shared = Arc::<Shared>::default();
        let caller = Caller {
            peer: Peer::attached(self.origin, Duration::ZERO, Arc::clone(&shared)),
            steps: self.elapsed().as_millis() as u64 / STEP_MS,
            sound: VecDeque::new(),
            voice: VecDeque::new(),
            heard: Vec::new(),
            camera: None,
            seen: Vec::new(),
        };
        self.callers.insert(self.last, caller);
        (self.last, shared)
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    /// Does `action` to a peer, now. False: there is no such peer any more.
    pub fn run(&mut self, id: PeerId, action: Action) -> bool {
        let Some(caller) = self.callers.get_mut(&id) else {
            return false;
        };
        action(&mut caller.peer, self.now);
        caller.settle(id, self.now - self.origin, &mut self.told);
        if caller.peer.is_closed() {
            self.callers.remove(&id);
        }
        true
    }

    /// The caller is imagined to have a voice from then to then, later than any before.
    pub fn speak(&mut self, id: PeerId, from: Duration, to: Duration) {
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.voice.push_back((from, to));
        }
    }

    /// The caller makes this sound (16 kHz), from now on or after what it makes already.
    pub fn play(&mut self, id: PeerId, pcm: &[i16]) {
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.sound.extend(pcm);
        }
    }

    /// The caller's camera shows this from now on; none: it is off. The caller takes pictures.
    pub fn film(&mut self, id: PeerId, camera: Option<KeyFrame>) {
        if let Some(caller) = self.callers.get_mut(&id) {
            let comes = camera.is_some();
            caller.camera = camera;
            self.told.news(id, Notice::Video { comes, goes: true });
        }
    }

    /// Somebody wants to see what the caller's camera shows: that takes no time.
    pub fn look(&mut self, id: PeerId) {
        let camera = self.callers.get(&id).and_then(|one| one.camera.as_ref());
        if let Some(frame) = camera.cloned() {
            let picture = Notice::Picture {
                taken: self.now,
                width: frame.width,
                height: frame.height,
                webp: frame.webp,
            };
            self.told.news(id, picture);
        }
    }

    /// The caller is shown a key frame.
    pub fn show(&mut self, id: PeerId, frame: Arc<[u8]>) {
        let at = self.elapsed();
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.seen.push((at, frame));
        }
    }

    /// The key frames that a caller was shown, and when, while its peer is open.
    pub fn seen(&self, id: PeerId) -> &[(Duration, Arc<[u8]>)] {
        self.callers.get(&id).map_or(&[], |caller| &caller.seen)
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass until `until`, or until there is more to tell than the caller's sound.
    /// Returns the time that it is then.
    pub fn advance(&mut self, until: Duration) -> Duration {
        let until = self.origin + until;
        while self.now < until && !self.told.news {
            let due = self.callers.values().map(|caller| caller.due(self.origin));
            let next = due.min().unwrap_or(until).min(until);
            self.now = self.now.max(next);
            for (id, caller) in &mut self.callers {
                caller.live(self.origin, self.now);
                caller.settle(*id, self.now - self.origin, &mut self.told);
            }
            self.callers.retain(|_, caller| !caller.peer.is_closed());
        }
        self.elapsed()
    }

    /// All that was told since the last call.
    pub fn drain(&mut self) -> VecDeque<(PeerId, Notice)> {
        std::mem::take(&mut self.told).notices
    }

    /// What a caller heard, while its peer is open.
    pub fn heard(&self, id: PeerId) -> &[Span] {
        self.callers.get(&id).map_or(&[], |caller| &caller.heard)
    }
}

impl Caller {
    fn due(&self, origin: Instant) -> Instant {
        let step = origin + Duration::from_millis((self.steps + 1) * STEP_MS);
        self.peer.deadline().map_or(step, |at| at.min(step))
    }

    fn live(&mut self, origin: Instant, now: Instant) {
        if self.peer.deadline().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now);
        }
        while origin + Duration::from_millis((self.steps + 1) * STEP_MS) <= now {
            self.step(now);
        }
    }

    fn step(&mut self, now: Instant) {
        let middle = Duration::from_millis(self.steps * STEP_MS + STEP_MS / 2);
        self.steps += 1;
        if !self.sound.is_empty() {
            let mut pcm: Vec<i16> = self.sound.drain(..STEP.min(self.sound.len())).collect();
            pcm.resize(STEP, 0);
            return self.peer.hear(&pcm, now);
        }
        while self.voice.front().is_some_and(|(_, to)| *to <= middle) {
            self.voice.pop_front();
        }
        let speaks = self.voice.front().is_some_and(|(from, _)| *from <= middle);
        self.peer
            .imagine(if speaks { Voice::Sure } else { Voice::None }, now);
    }

    fn settle(&mut self, id: PeerId, now: Duration, told: &mut Told) {
        while let Some(output) = self.peer.poll() {
            match output {
                Output::Notice(Notice::Output { pcm, .. }) => self.hear(now, &pcm),
                Output::Notice(Notice::Audio { at, pcm }) => told.audio(id, at, pcm),
                Output::Notice(notice) => told.news(id, notice),
                // Without a transport there is nothing to send.
                Output::Transmit(_) | Output::Late(_) | Output::Named(_) | Output::Came => {}
            }
        }
    }

    fn hear(&mut self, from: Duration, pcm: &[i16]) {
        let power: f32 = pcm.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        if power == 0.0 {
            return;
        }
        let mean = power / pcm.len() as f32 / (32768.0 * 32768.0);
        let level = (10.0 * mean.log10()).round() as i16;
        let to = from + FRAME;
        match self.heard.last_mut() {
            Some(last) if last.to == from && last.level == level => last.to = to,
            _ => self.heard.push(Span { from, to, level }),
        }
    }
}

impl Told {
    fn news(&mut self, id: PeerId, notice: Notice) {
        self.news = true;
        self.notices.push_back((id, notice));
    }

    fn audio(&mut self, id: PeerId, at: u64, mut pcm: Vec<i16>) {
        if let Some((to, Notice::Audio { pcm: before, .. })) = self.notices.back_mut()
            && *to == id
            && before.len() + pcm.len() <= MOST_AUDIO
        {
            before.append(&mut pcm);
        } else {
            self.notices.push_back((id, Notice::Audio { at, pcm }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::Event;

    const MS: usize = 24;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn speaking(length: usize) -> (Simulation, PeerId) {
        speaking_from(Instant::now(), length)
    }

    /// An agent that speaks for `length` ms from `origin` on.
    fn speaking_from(origin: Instant, length: usize) -> (Simulation, PeerId) {
        let mut simulation = Simulation::new(origin);
        let (id, _) = simulation.attach();
        let voice = vec![8000; length * MS];
        simulation.run(
            id,
            Box::new(move |peer, now| {
                peer.with_voice(now, |out| {
                    out.playout.play(1, &voice, &[], false);
                    out.playout.release(1);
                    out.playout.finish(1);
                    out.wake(now);
                });
            }),
        );
        (simulation, id)
    }

    /// All news until `until`, each with its time in ms.
    fn news(simulation: &mut Simulation, until: u64) -> Vec<(u64, Notice)> {
        let mut found = Vec::new();
        loop {
            let at = simulation.advance(ms(until)).as_millis() as u64;
            let told = simulation.drain();
            let news = told.into_iter().filter(|(_, notice)| !notice.droppable());
            found.extend(news.map(|(_, notice)| (at, notice)));
            if at == until {
                return found;
            }
        }
    }

    #[test]
    fn an_imagined_voice_ducks_and_holds_the_agent_as_a_real_one_does() {
        let (mut simulation, id) = speaking(3000);
        simulation.speak(id, ms(1000), ms(1500));
        let found = news(&mut simulation, 4000);
        let at = |wanted: fn(&Event) -> bool| {
            let told = |(at, notice): &(u64, Notice)| {
                matches!(notice, Notice::Voice(event) if wanted(event)).then_some(*at)
            };
            found.iter().find_map(told).unwrap()
        };
        let ducked = at(|event| matches!(event, Event::Ducked { .. }));
        let held = at(|event| matches!(event, Event::Held { .. }));
        let resumed = at(|event| matches!(event, Event::Resumed { .. }));
        assert!((1000..=1032).contains(&ducked), "{found:?}");
        assert!((1190..=1232).contains(&held), "{found:?}");
        assert!((1540..=1572).contains(&resumed), "{found:?}");
        let began = found.iter().find_map(|(_, notice)| match notice {
            Notice::Speech { on: true, at, .. } => Some(*at),
            _ => None,
        });
        assert_eq!(began, Some(992 * 16), "dated to the first voiced step");
    }

    #[test]
    fn what_the_caller_heard_is_known_by_level() {
        let (mut simulation, id) = speaking(1000);
        simulation.speak(id, ms(400), ms(500));
        news(&mut simulation, 2000);
        let heard = simulation.heard(id);
        assert_eq!(heard[0].from, ms(0));
        assert_eq!(heard.last().unwrap().to, ms(1000));
        let (full, ducked) = (heard[0].level, heard.iter().map(|s| s.level).min().unwrap());
        assert_eq!(full - ducked, 18);
    }

    #[test]
    fn a_real_sound_is_heard_in_its_own_time() {
        let mut simulation = Simulation::new(Instant::now());
        let (id, _) = simulation.attach();
        simulation.play(id, &vec![1000; 16_000]);
        simulation.advance(ms(2000));
        let heard: Vec<i16> = simulation
            .drain()
            .into_iter()
            .filter_map(|(_, notice)| match notice {
                Notice::Audio { pcm, .. } => Some(pcm),
                _ => None,
            })
            .flatten()
            .collect();
        assert!(heard.len() > 1950 * 16, "some of it may wait to be told");
        assert!(heard[..16_000].iter().all(|s| *s == 1000));
        assert!(heard[16_000..].iter().all(|s| *s == 0));
    }

    #[test]
    fn a_look_is_answered_at_once_while_there_is_a_camera() {
        let mut simulation = Simulation::new(Instant::now());
        let (id, _) = simulation.attach();
        simulation.look(id);
        assert!(simulation.drain().is_empty());
        let frame = crate::vp8::tests::key(64, 48, 100);
        let camera = KeyFrame::of(&frame);
        simulation.film(id, camera);
        simulation.advance(ms(100));
        simulation.look(id);
        let told = simulation.drain();
        let pictures = told.iter().filter(|(_, n)| {
            matches!(n, Notice::Picture { taken, width: 64, .. } if *taken == simulation.now())
        });
        assert_eq!(pictures.count(), 1);
        simulation.show(id, frame.into());
        assert_eq!(simulation.seen(id)[0].0, simulation.elapsed());
    }

    #[test]
    fn the_same_script_is_told_the_same_way() {
        let origin = Instant::now();
        let run = || {
            let (mut simulation, id) = speaking_from(origin, 2000);
            simulation.speak(id, ms(300), ms(900));
            news(&mut simulation, 3000)
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_closed_peer_is_gone() {
        let (mut simulation, id) = speaking(1000);
        simulation.run(id, Box::new(|peer, now| peer.hang_up(now)));
        assert_eq!(
            news(&mut simulation, 100).last(),
            Some(&(0, Notice::Closed("hangup")))
        );
        assert!(simulation.drain().is_empty(), "not even silence");
        assert!(!simulation.run(id, Box::new(|_, _| {})));
    }
}
