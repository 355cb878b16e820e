//! Who is speaking: earshot's score, a level gate over the running noise floor, two thresholds.
//!
//! One step is 16 ms (256 samples at 16 kHz). The lower threshold reacts (duck), the upper one with
//! the gate convinces (hold, onset of a turn). An offset is dated to the last voiced sample, so
//! waits counted from it do not carry the detector's own tail.

use earshot::Detector;

use crate::echo::Echo;

/// Samples of a step.
pub const STEP: usize = 256;
/// Score from which a step may be voice.
const MAYBE: f32 = 0.5;
/// Score from which a step is voice, where the level agrees.
const SURE: f32 = 0.7;
/// Sure voice stands this far over the noise floor, possible voice half of it.
const GATE_DB: f32 = 6.0;
/// Steps in the window whose low percentile is the floor: 1.5 s.
const FLOOR_STEPS: usize = 94;
/// Steps after which it is looked at again: it moves slowly, and to find it costs as much as to
/// score a step.
const FLOOR_EVERY: usize = 4;
/// Below this nothing is voice: a muted microphone's rounding noise scores high now and then.
const SILENCE_DB: f32 = -65.0;
/// Sure steps that open speech: with one, a click opens it.
const OPEN_STEPS: u32 = 3;
/// Steps without voice that end speech: shorter than any pause that matters, longer than a stop
/// consonant's closure.
const CLOSE_STEPS: u32 = 4;

/// What one step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    None,
    /// Enough to duck, not to hold.
    Maybe,
    Sure,
}

/// A change of state, dated in 16 kHz samples of the caller's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Voice began at this sample.
    Began(u64),
    /// The last voiced sample was this one.
    Ended(u64),
}

/// Turns scores and levels into voice and speech; separate from the scorer, so that its rules can
/// be tested with numbers.
#[derive(Debug)]
pub struct Gate {
    levels: [f32; FLOOR_STEPS],
    floor: Option<f32>,
    seen: usize,
    sure_run: u32,
    quiet_run: u32,
    speaking: bool,
    began: u64,
    last_voiced: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            levels: [0.0; FLOOR_STEPS],
            floor: None,
            seen: 0,
            sure_run: 0,
            quiet_run: 0,
            speaking: false,
            began: 0,
            last_voiced: 0,
        }
    }
}

impl Gate {
    /// What a step that was judged already and ended at sample `end` changes.
    pub fn follow(&mut self, voice: Voice, end: u64) -> Option<Speech> {
        let start = end - STEP as u64;
        match voice {
            Voice::Sure => {
                if self.sure_run == 0 && !self.speaking {
                    self.began = start;
                }
                self.sure_run += 1;
                self.quiet_run = 0;
                self.last_voiced = end;
                if !self.speaking && self.sure_run >= OPEN_STEPS {
                    self.speaking = true;
                    return Some(Speech::Began(self.began));
                }
            }
            Voice::Maybe if self.speaking => {
                // Within speech the lower threshold suffices: word ends fade.
                self.quiet_run = 0;
                self.last_voiced = end;
            }
            _ => {
                self.sure_run = 0;
                self.quiet_run += 1;
                if self.speaking && self.quiet_run >= CLOSE_STEPS {
                    self.speaking = false;
                    return Some(Speech::Ended(self.last_voiced));
                }
            }
        }
        None
    }

    /// What a step is: score 0..=1, level in dB of full scale.
    pub fn judge(&mut self, score: f32, level: f32) -> Voice {
        if self.seen.is_multiple_of(FLOOR_EVERY) {
            self.floor = self.floor();
        }
        let floor = self.floor;
        self.levels[self.seen % FLOOR_STEPS] = level;
        self.seen += 1;
        let stands = |gate| level > SILENCE_DB && floor.is_none_or(|floor| level >= floor + gate);
        match score {
            s if s >= SURE && stands(GATE_DB) => Voice::Sure,
            s if s >= MAYBE && stands(GATE_DB / 2.0) => Voice::Maybe,
            _ => Voice::None,
        }
    }

    /// The 20th percentile of the last 1.5 s; none before a quarter of that was heard.
    fn floor(&self) -> Option<f32> {
        let known = self.seen.min(FLOOR_STEPS);
        if known < FLOOR_STEPS / 4 {
            return None;
        }
        let mut sorted = self.levels;
        let slice = &mut sorted[..known];
        let (_, floor, _) = slice.select_nth_unstable_by(known / 5, f32::total_cmp);
        Some(*floor)
    }
}

/// The detector of one caller.
pub struct Vad {
    scorer: Box<Detector>,
    gate: Gate,
    pending: Vec<i16>,
    /// Part of what is pending was made up.
    doubtful: bool,
    /// Samples judged so far.
    at: u64,
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Default for Vad {
    fn default() -> Self {
        Self {
            scorer: Detector::default_boxed(),
            gate: Gate::default(),
            pending: Vec::with_capacity(2 * STEP + 320),
            doubtful: false,
            at: 0,
        }
    }
}

impl Vad {
    /// True from the beginning of speech to its end.
    pub fn speaking(&self) -> bool {
        self.gate.speaking
    }

    /// Hears 16 kHz samples and calls `found` for each full step, with the level of the echo in
    /// it; voice that is an echo is none. A step with sound that was `made` up where none came says
    /// neither voice nor silence, and is not told.
    pub fn hear(
        &mut self,
        pcm: &[i16],
        made: bool,
        echo: &mut Echo,
        mut found: impl FnMut(Voice, Option<Speech>, Option<f32>),
    ) {
        self.pending.extend_from_slice(pcm);
        self.doubtful |= made;
        let mut used = 0;
        while self.pending.len() - used >= STEP {
            let step = &self.pending[used..used + STEP];
            used += STEP;
            let score = self.scorer.predict_i16(step);
            self.at += STEP as u64;
            if std::mem::replace(&mut self.doubtful, made) {
                echo.judge(step, self.at, Voice::None);
                continue;
            }
            let voice = self.gate.judge(score, level_db(step));
            let voice = echo.judge(step, self.at, voice);
            found(voice, self.gate.follow(voice, self.at), echo.level());
        }
        self.pending.drain(..used);
    }

    /// A step of silence that is to count as `voice`.
    pub fn imagine(&mut self, voice: Voice) -> Option<Speech> {
        self.at += STEP as u64;
        self.gate.follow(voice, self.at)
    }
}

/// RMS level in dB of full scale.
fn level_db(pcm: &[i16]) -> f32 {
    let sum: f32 = pcm.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
    10.0 * (sum / pcm.len() as f32 / (32768.0 * 32768.0) + 1e-12).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: &[(f32, f32)]) -> Vec<Speech> {
        let mut gate = Gate::default();
        let mut found = Vec::new();
        for (n, (score, level)) in steps.iter().enumerate() {
            let end = ((n + 1) * STEP) as u64;
            let voice = gate.judge(*score, *level);
            found.extend(gate.follow(voice, end));
        }
        found
    }

    fn steps(parts: &[(usize, f32, f32)]) -> Vec<(f32, f32)> {
        parts
            .iter()
            .flat_map(|(n, s, l)| vec![(*s, *l); *n])
            .collect()
    }

    #[test]
    fn speech_is_dated_to_its_first_and_last_voiced_step() {
        let found = run(&steps(&[
            (40, 0.0, -60.0),
            (20, 0.9, -25.0),
            (10, 0.1, -60.0),
        ]));
        assert_eq!(found, [Speech::Began(40 * 256), Speech::Ended(60 * 256)]);
    }

    #[test]
    fn a_click_opens_nothing() {
        assert!(
            run(&steps(&[
                (40, 0.0, -60.0),
                (2, 0.95, -10.0),
                (40, 0.0, -60.0)
            ]))
            .is_empty()
        );
    }

    #[test]
    fn a_stop_consonant_does_not_end_speech() {
        let parts = [
            (40, 0.0, -60.0),
            (10, 0.9, -25.0),
            (3, 0.1, -50.0),
            (10, 0.9, -25.0),
        ];
        assert_eq!(run(&steps(&parts)).len(), 1);
    }

    #[test]
    fn babble_at_the_floor_is_not_sure_and_a_voice_over_it_is() {
        let babble = [(200, 0.8, -40.0)];
        let found = run(&steps(&babble));
        assert!(
            found.len() <= 2,
            "the floor is learnt within its window: {found:?}"
        );
        let over = run(&steps(&[(200, 0.8, -40.0), (10, 0.9, -25.0)]));
        assert_eq!(over.last(), Some(&Speech::Began(200 * 256)));
    }

    #[test]
    fn digital_silence_is_never_voice() {
        assert!(run(&steps(&[(100, 0.99, -90.0)])).is_empty());
    }
}
