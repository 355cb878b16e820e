//! One caller's ear: packets in, 16 kHz samples, voice steps and speech out.
//!
//! The caller's clock counts 16 kHz samples and follows the RTP clock: what is lost is concealed for
//! a tenth of a second, what was not sent (DTX, a blackout) is silence, so a sample number is a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::{Decoder, EAR_FRAME, packet_samples};
use crate::echo::Echo;
use crate::jitter::{JitterBuffer, Next};
use crate::patience::Patience;
use crate::playout::Frame;
use crate::vad::{STEP, Speech, Vad, Voice};

/// RTP ticks (48 kHz) of one 16 kHz sample.
const TICKS: u64 = 3;
/// With no packet for this long, or as long as packets were late, what is missing is made up.
const PATIENCE: Duration = Duration::from_millis(60);
/// One packet in so many may let more time pass: who waits for it delays no other, only the end of
/// what somebody says who then sends nothing.
const RARE: u32 = 1000;
const FRAME: Duration = Duration::from_millis(20);
/// Of one gap: longer, concealment is a drone, and silence follows.
const MOST_CONCEALED: usize = 5 * EAR_FRAME;
/// So much of it is as loud as libopus makes it.
const UNFADED: usize = 2 * EAR_FRAME;
/// A jump of the RTP clock beyond 10 s is a new clock, not silence.
const MOST_SILENCE: usize = 10 * 16_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Samples from `at` on.
    Audio { at: u64, pcm: Vec<i16> },
    /// A 16 ms step was judged.
    Step(Voice),
    /// With the level of the agent's echo against all that is heard, dB; none where no echo is
    /// known.
    Speech(Speech, Option<f32>),
}

#[derive(Debug)]
pub struct Ear {
    jitter: JitterBuffer,
    decoder: Option<Decoder>,
    vad: Vad,
    echo: Echo,
    at: u64,
    /// RTP time that follows what was heard.
    next_time: Option<u64>,
    /// Samples of the present gap that were concealed.
    concealed: usize,
    /// Ticks made up by the clock that the RTP clock has not yet accounted for.
    ahead: u64,
    /// Ticks that were made up in place of packets which then came after all. They are taken back
    /// from pauses, so that the caller's clock stays that of its packets.
    debt: u64,
    /// Sound is complete up to this instant.
    until: Option<Instant>,
    /// When the last packet came, and the longest time without one since something was made up.
    came: Option<Instant>,
    pause: Duration,
    patience: Patience,
    events: VecDeque<Event>,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            jitter: JitterBuffer::default(),
            decoder: None,
            vad: Vad::default(),
            echo: Echo::default(),
            at: 0,
            next_time: None,
            concealed: 0,
            ahead: 0,
            debt: 0,
            until: None,
            came: None,
            pause: Duration::ZERO,
            patience: Patience::new(PATIENCE, RARE),
            events: VecDeque::new(),
        }
    }
}

impl Ear {
    /// An RTP packet; `seq` and `time` (48 kHz) extended so that they never wrap.
    pub fn receive(&mut self, now: Instant, seq: u64, time: u64, payload: &Arc<[u8]>) {
        self.jitter.insert(now, seq, time, payload);
        self.until = Some(now);
        if let Some(came) = self.came.replace(now).filter(|_| self.ahead > 0) {
            self.pause = self.pause.max(now - came);
        }
        self.decode_due(now);
    }

    /// Frame `n` of the agent's voice goes out: its echo is not the caller's voice.
    pub fn played(&mut self, n: u64, frame: &Frame) {
        self.echo.played(n, frame);
    }

    /// Samples of a caller without packets (a socket): its clock is what it appends.
    pub fn hear(&mut self, pcm: &[i16]) {
        for frame in pcm.chunks(EAR_FRAME) {
            self.take(frame.to_vec(), false);
        }
    }

    /// A step of a caller who has no sound: silence that is to count as `voice`.
    pub fn imagine(&mut self, voice: Voice) {
        let (at, pcm) = (self.at, vec![0; STEP]);
        self.at += STEP as u64;
        let speech = self.vad.imagine(voice);
        self.events.push_back(Event::Step(voice));
        self.events
            .extend(speech.map(|speech| Event::Speech(speech, None)));
        self.events.push_back(Event::Audio { at, pcm });
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.decode_due(now);
        let Some(mut until) = self.until else {
            return;
        };
        if now < until + self.patience.wait() {
            return;
        }
        while until + 2 * FRAME <= now {
            self.conceal(EAR_FRAME);
            self.ahead += EAR_FRAME as u64 * TICKS;
            until += FRAME;
        }
        self.until = Some(until);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let silence = self.until.map(|until| until + self.patience.wait());
        [self.jitter.deadline(), silence]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn decode_due(&mut self, now: Instant) {
        let ticks_of = |p: &[u8]| packet_samples(p).unwrap_or(EAR_FRAME) as u64 * TICKS;
        while let Some(next) = self.jitter.next(now, ticks_of) {
            match next {
                Next::Packet { time, payload } => self.packet(time, &payload),
                Next::Gap { time, ticks, next } => self.gap(time, ticks, &next),
            }
        }
    }

    fn packet(&mut self, time: u64, payload: &[u8]) {
        let missing = self.missing(time);
        self.silence(missing);
        let Some(decoder) = decoder(&mut self.decoder) else {
            return;
        };
        let pcm = decoder.decode(payload);
        let ticks = pcm.len() as u64 * TICKS;
        self.next_time = Some(time + ticks);
        self.concealed = 0;
        if self.debt >= ticks && !self.vad.speaking() {
            self.debt -= ticks;
            return;
        }
        let pcm = pcm.to_vec();
        self.take(pcm, false);
    }

    fn gap(&mut self, time: u64, ticks: u64, next: &[u8]) {
        let missing = self.missing(time + ticks);
        // The next packet has a copy of the frame before it, and of no other.
        let copied = missing.min(EAR_FRAME);
        self.conceal(missing - copied);
        self.next_time = Some(time + ticks);
        let Some(decoder) = decoder(&mut self.decoder).filter(|_| copied > 0) else {
            return;
        };
        let mut pcm = decoder.recover(next, copied).to_vec();
        pcm.resize(copied, 0);
        self.take(pcm, false);
    }

    /// 16 kHz samples between what was heard and RTP `time`.
    fn missing(&mut self, time: u64) -> usize {
        let Some(next) = self.next_time else {
            return 0;
        };
        let ticks = time.saturating_sub(next);
        let covered = ticks.min(self.ahead);
        if covered < self.ahead {
            // The sender was not silent: its packets were late.
            self.patience.late(self.pause);
            self.debt += self.ahead - covered;
        } else {
            self.patience.punctual();
        }
        (self.ahead, self.pause) = (0, Duration::ZERO);
        let samples = ((ticks - covered) / TICKS) as usize;
        if samples > MOST_SILENCE { 0 } else { samples }
    }

    /// Makes up `samples` of a gap: sound that fades, and silence after it.
    fn conceal(&mut self, mut samples: usize) {
        while samples > 0 && self.concealed < MOST_CONCEALED {
            let Some(decoder) = self.decoder.as_mut() else {
                break;
            };
            let part = samples.min(EAR_FRAME);
            let mut pcm = decoder.conceal(part).to_vec();
            pcm.resize(part, 0);
            fade(&mut pcm, self.concealed);
            samples -= part;
            self.concealed += part;
            self.take(pcm, true);
        }
        self.silence(samples);
    }

    fn silence(&mut self, mut samples: usize) {
        while samples > 0 {
            let part = samples.min(EAR_FRAME);
            self.take(vec![0; part], false);
            samples -= part;
        }
    }

    /// Hears samples that came, or that were `made` up.
    fn take(&mut self, pcm: Vec<i16>, made: bool) {
        let events = &mut self.events;
        let at = self.at;
        self.at += pcm.len() as u64;
        self.vad
            .hear(&pcm, made, &mut self.echo, |voice, speech, echo_db| {
                events.push_back(Event::Step(voice));
                events.extend(speech.map(|speech| Event::Speech(speech, echo_db)));
            });
        events.push_back(Event::Audio { at, pcm });
    }
}

/// libopus fades by 9 dB only in that time. `from` samples into a gap, the rest of the way to silence
/// is gone evenly, after what a short gap needs.
fn fade(pcm: &mut [i16], from: usize) {
    for (n, sample) in pcm.iter_mut().enumerate() {
        let left = MOST_CONCEALED.saturating_sub(from + n);
        let level = left as f32 / (MOST_CONCEALED - UNFADED) as f32;
        *sample = (f32::from(*sample) * level.min(1.0)) as i16;
    }
}

/// Made when the first packet comes: a call that never speaks costs no decoder.
fn decoder(slot: &mut Option<Decoder>) -> Option<&mut Decoder> {
    if slot.is_none() {
        *slot = Decoder::new().ok();
    }
    slot.as_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, VOICE_FRAME};

    fn packet(level: i16) -> Arc<[u8]> {
        let mut encoder = Encoder::new(24_000).unwrap();
        encoder.encode(&[level; VOICE_FRAME]).unwrap().into()
    }

    /// Samples heard so far, checking that they are numbered without a hole.
    fn samples(ear: &mut Ear, from: u64) -> u64 {
        let mut next = from;
        while let Some(event) = ear.poll() {
            if let Event::Audio { at, pcm } = event {
                assert_eq!(at, next);
                next += pcm.len() as u64;
            }
        }
        next
    }

    #[test]
    fn what_came_late_and_whole_leaves_the_clock_as_the_packets_have_it() {
        let (mut ear, start, packet) = (Ear::default(), Instant::now(), packet(0));
        let arrive = |ear: &mut Ear, n: u32, at: u32| {
            ear.handle_timeout(start + FRAME * at);
            let time = u64::from(n) * 960;
            ear.receive(start + FRAME * at, n.into(), time, &packet);
        };
        // The tenth to the nineteenth are held up, and all come with the twentieth.
        for n in (0..10)
            .map(|n| (n, n))
            .chain((10..100).map(|n| (n, n.max(20))))
        {
            arrive(&mut ear, n.0, n.1);
        }
        assert_eq!(samples(&mut ear, 0), 100 * EAR_FRAME as u64);
    }

    #[test]
    fn the_clock_counts_lost_packets() {
        let (mut ear, start, packet) = (Ear::default(), Instant::now(), packet(1000));
        for n in [0, 1, 2, 5, 6, 7, 8] {
            ear.receive(start + n * FRAME, u64::from(n), u64::from(n) * 960, &packet);
        }
        ear.handle_timeout(start + 9 * FRAME);
        assert_eq!(samples(&mut ear, 0), 9 * EAR_FRAME as u64);
    }

    /// What is heard of a second of voice, as browsers send it, of which so many packets from the
    /// middle on are lost: the level of each 20 ms, and the steps and speech that are told.
    fn with_a_gap(lost: u32) -> (Vec<f32>, Vec<Event>) {
        let mut encoder = Encoder::as_browsers(20_000, true).unwrap();
        let (mut ear, start) = (Ear::default(), Instant::now());
        for n in 0..50 {
            let frame: [i16; VOICE_FRAME] = std::array::from_fn(|i| buzz(n, i));
            let packet: Arc<[u8]> = encoder.encode(&frame).unwrap().into();
            ear.handle_timeout(start + n * FRAME);
            if !(25..25 + lost).contains(&n) {
                ear.receive(start + n * FRAME, n.into(), u64::from(n) * 960, &packet);
            }
        }
        ear.handle_timeout(start + 53 * FRAME);
        let (mut pcm, mut told) = (Vec::new(), Vec::new());
        while let Some(event) = ear.poll() {
            match event {
                Event::Audio { pcm: heard, .. } => pcm.extend(heard),
                other => told.push(other),
            }
        }
        let energy = |frame: &[i16]| frame.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>();
        let level = |frame: &[i16]| (energy(frame) / frame.len() as f32).sqrt();
        (pcm.chunks_exact(EAR_FRAME).map(level).collect(), told)
    }

    /// Sample `i` of frame `n` of something like a vowel.
    fn buzz(n: u32, i: usize) -> i16 {
        let at = (n as usize * VOICE_FRAME + i) as f32 / 24_000.0;
        let part = |k: u8| (at * 120.0 * f32::from(k) * std::f32::consts::TAU).sin() / f32::from(k);
        ((1..6).map(part).sum::<f32>() * 6000.0) as i16
    }

    #[test]
    fn a_gap_of_four_packets_is_sound_without_a_hole() {
        let (levels, _) = with_a_gap(4);
        assert!(
            levels[2..50].iter().all(|level| *level > 400.0),
            "{levels:?}"
        );
    }

    #[test]
    fn a_long_gap_fades_within_a_tenth_of_a_second() {
        let (levels, _) = with_a_gap(15);
        assert!(
            levels[25..28].iter().all(|level| *level > 400.0),
            "{levels:?}"
        );
        assert!(levels[29] < levels[26] / 2.0, "{levels:?}");
        assert!(
            levels[30..39].iter().all(|level| *level < 1.0),
            "{levels:?}"
        );
        assert!(
            levels[40..50].iter().all(|level| *level > 400.0),
            "{levels:?}"
        );
    }

    #[test]
    fn made_up_sound_is_neither_voice_nor_silence() {
        let steps = |lost| {
            let told = with_a_gap(lost).1;
            told.iter().filter(|e| matches!(e, Event::Step(_))).count()
        };
        assert!((5..=8).contains(&(steps(0) - steps(6))));
        assert_eq!(steps(6), steps(15), "what follows it is silence");
    }

    #[test]
    fn silence_is_heard_while_nothing_comes_and_not_again_when_it_does() {
        let (mut ear, start, packet) = (Ear::default(), Instant::now(), packet(1000));
        ear.receive(start, 0, 0, &packet);
        for n in 1..=50 {
            ear.handle_timeout(start + n * FRAME);
        }
        let heard = samples(&mut ear, 0);
        assert!((48..=51).contains(&(heard / EAR_FRAME as u64)), "{heard}");
        ear.receive(start + 51 * FRAME, 1, 51 * 960, &packet);
        assert_eq!(samples(&mut ear, heard), 52 * EAR_FRAME as u64);
    }

    #[test]
    fn a_pause_of_the_sender_is_silence_by_its_clock() {
        let (mut ear, start, packet) = (Ear::default(), Instant::now(), packet(1000));
        ear.receive(start, 0, 0, &packet);
        ear.receive(start + FRAME, 1, 100 * 960, &packet);
        assert_eq!(samples(&mut ear, 0), 101 * EAR_FRAME as u64);
    }

    #[test]
    fn a_new_clock_of_the_sender_adds_no_hours() {
        let (mut ear, start, packet) = (Ear::default(), Instant::now(), packet(1000));
        ear.receive(start, 0, 0, &packet);
        ear.receive(start + FRAME, 1, 1 << 31, &packet);
        assert_eq!(samples(&mut ear, 0), 2 * EAR_FRAME as u64);
    }
}
