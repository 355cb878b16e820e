//! A call in virtual time: the agent's voice through Opus, a loudspeaker, a room, a microphone and
//! Opus again into the caller's ear, as `peer` wires them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use talkover_media::codec::{Decoder, EAR_FRAME, Encoder, VOICE_FRAME};
use talkover_media::ear::{Ear, Event};
use talkover_media::playout::{self, Frame};
use talkover_media::resample::Resampler;
use talkover_media::vad::{self, Speech};
use talkover_media::voice::{FRAME, Voice};

/// Samples of a millisecond at 16 kHz.
const MS: usize = EAR_FRAME / 20;

/// A small deterministic generator (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// About normal, deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.unit() - 0.5).sum::<f32>() * 1.732
    }
}

pub(crate) fn factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

/// 16 kHz sound scaled so that its loud parts (within 25 dB of the loudest 20 ms) are at `db` of
/// full scale.
pub(crate) fn at_level(pcm: &[f32], db: f32) -> Vec<f32> {
    let powers: Vec<f32> = pcm
        .chunks(EAR_FRAME)
        .map(|frame| frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32)
        .collect();
    let most = powers.iter().fold(0.0f32, |a, b| a.max(*b));
    let loud = powers.iter().filter(|p| **p > most / 316.0);
    let mean = loud.clone().sum::<f32>() / loud.count().max(1) as f32;
    let gain = 32768.0 * factor(db) / mean.sqrt().max(1e-3);
    pcm.iter().map(|s| s * gain).collect()
}

/// The way from the loudspeaker into the microphone.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// From a frame being sent to its sound being sent back.
    pub(crate) lag_ms: f32,
    /// Against what was sent.
    pub(crate) level_db: f32,
    /// The loudspeaker distorts (softly, from −15 dB of full scale).
    pub(crate) distorts: bool,
    /// At a time (ms), the lag grows by some ms and the level by some dB.
    pub(crate) change: Option<(usize, f32, f32)>,
}

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) duration_ms: usize,
    /// The agent's replies (16 kHz), and when they begin (ms).
    pub(crate) replies: Vec<(usize, Vec<f32>)>,
    /// The caller's voice at the microphone (16 kHz), and when (ms).
    pub(crate) caller: Vec<(usize, Vec<f32>)>,
    pub(crate) noise_db: f32,
    /// None: a headset.
    pub(crate) room: Option<Room>,
    /// The ear is told what is played.
    pub(crate) aware: bool,
}

/// When (ms of the server's clock) things happened.
#[derive(Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) ducks: Vec<usize>,
    pub(crate) holds: Vec<usize>,
    pub(crate) began: Vec<usize>,
    pub(crate) steps: Vec<vad::Voice>,
    /// Levels of the echo where speech began.
    pub(crate) echo_db: Vec<Option<f32>>,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ducks, began, holds) = (&self.ducks, &self.began, &self.holds);
        write!(f, "ducks {ducks:?}, began {began:?}, holds {holds:?}")
    }
}

pub(crate) fn run(scene: &Scene) -> Outcome {
    let mut call = Call::new(scene);
    for tick in 0..scene.duration_ms / 20 {
        let now = call.origin + FRAME * tick as u32;
        call.speak(tick, now);
        call.listen(tick, now);
        call.note(tick * 20, now);
    }
    call.outcome
}

struct Call<'a> {
    scene: &'a Scene,
    dice: Dice,
    origin: Instant,
    voice: Voice,
    ear: Ear,
    down: (Encoder, Decoder),
    up: Encoder,
    to_up: Resampler,
    microphone: VecDeque<i16>,
    /// What will be at the microphone, 16 kHz from the start of the call.
    air: Vec<f32>,
    /// Delay in samples and gain of each reflection.
    reflections: Vec<(usize, f32)>,
    outcome: Outcome,
}

impl<'a> Call<'a> {
    fn new(scene: &'a Scene) -> Self {
        let mut dice = Dice::new(scene.seed);
        let origin = Instant::now();
        let mut voice = Voice::new(origin, Duration::ZERO, Arc::default());
        for (n, (_, pcm)) in scene.replies.iter().enumerate() {
            let mut frames = Vec::new();
            let clipped: Vec<i16> = pcm.iter().map(|s| *s as i16).collect();
            Resampler::new(16_000, 24_000).push(&clipped, &mut frames);
            voice.playout.play(n as u32 + 1, &frames, &[], false);
            voice.playout.finish(n as u32 + 1);
        }
        let mut air = vec![0.0; (scene.duration_ms + 2000) * MS];
        for (at, pcm) in &scene.caller {
            for (slot, sample) in air[at * MS..].iter_mut().zip(pcm) {
                *slot += sample;
            }
        }
        Self {
            scene,
            reflections: reflections(&mut dice),
            dice,
            origin,
            voice,
            ear: Ear::default(),
            down: (Encoder::new(28_000).unwrap(), Decoder::new().unwrap()),
            up: Encoder::new(32_000).unwrap(),
            to_up: Resampler::new(16_000, 24_000),
            microphone: VecDeque::new(),
            air,
            outcome: Outcome::default(),
        }
    }

    fn speak(&mut self, tick: usize, now: Instant) {
        for (n, (at, _)) in self.scene.replies.iter().enumerate() {
            if at / 20 == tick {
                self.voice.playout.release(n as u32 + 1);
                self.voice.wake(now);
            }
        }
        while let Some((n, _, frame)) = self.voice.frame(now) {
            let Some((_, frame)) = frame else { return };
            if self.scene.aware {
                self.ear.played(n, &frame);
            }
            self.sound(tick * 20, &frame);
        }
    }

    /// A frame comes out of the loudspeaker.
    fn sound(&mut self, ms: usize, frame: &Frame) {
        let heard = self.down.1.decode(self.down.0.encode(frame).unwrap());
        let Some(room) = &self.scene.room else { return };
        let (later, louder) = room
            .change
            .filter(|(at, ..)| ms >= *at)
            .map_or((0.0, 0.0), |(_, later, louder)| (later, louder));
        let start = ms * MS + ((room.lag_ms + later) * MS as f32) as usize;
        let gain = factor(room.level_db + louder);
        for (n, sample) in heard.iter().enumerate() {
            let mut sample = f32::from(*sample);
            if room.distorts {
                sample = 6000.0 * (sample / 6000.0).tanh();
            }
            for (delay, reflected) in &self.reflections {
                if let Some(slot) = self.air.get_mut(start + n + delay) {
                    *slot += sample * gain * reflected;
                }
            }
        }
    }

    /// The microphone's last 20 ms arrive.
    fn listen(&mut self, tick: usize, now: Instant) {
        let Some(before) = tick.checked_sub(1) else {
            return;
        };
        let noise = 32768.0 * factor(self.scene.noise_db);
        let pcm: Vec<i16> = self.air[before * EAR_FRAME..tick * EAR_FRAME]
            .iter()
            .map(|sample| (sample + self.dice.normal() * noise) as i16)
            .collect();
        let mut wide = Vec::new();
        self.to_up.push(&pcm, &mut wide);
        self.microphone.extend(wide);
        if self.microphone.len() < VOICE_FRAME {
            return;
        }
        let frame: Vec<i16> = self.microphone.drain(..VOICE_FRAME).collect();
        let packet = Arc::from(self.up.encode(&frame).unwrap());
        self.ear
            .receive(now, tick as u64, tick as u64 * 960, &packet);
    }

    fn note(&mut self, ms: usize, now: Instant) {
        let found = &mut self.outcome;
        while let Some(event) = self.ear.poll() {
            match event {
                Event::Step(step) => {
                    found.steps.push(step);
                    self.voice.step(step, now);
                }
                Event::Speech(Speech::Began(_), echo_db) => {
                    found.began.push(ms);
                    found.echo_db.push(echo_db);
                }
                Event::Speech(Speech::Ended(_), _) | Event::Audio { .. } => {}
            }
        }
        while let Some(event) = self.voice.poll(now) {
            match event {
                playout::Event::Ducked { .. } => found.ducks.push(ms),
                playout::Event::Held { .. } => found.holds.push(ms),
                _ => {}
            }
        }
    }
}

/// The direct sound and a tail that falls by 60 dB in 120 ms; energy 1.
fn reflections(dice: &mut Dice) -> Vec<(usize, f32)> {
    let mut taps = vec![(0, 1.0)];
    for _ in 0..100 {
        let at = dice.between(1.0, 80.0);
        taps.push((
            (at * MS as f32) as usize,
            0.25 * dice.normal() * factor(-at / 2.0),
        ));
    }
    let energy: f32 = taps.iter().map(|(_, tap)| tap * tap).sum();
    taps.iter()
        .map(|(at, tap)| (*at, tap / energy.sqrt()))
        .collect()
}
