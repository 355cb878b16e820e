//! Is it the caller, or the agent's voice come back through loudspeaker and microphone?
//!
//! What was sent is kept; where the microphone's sound was found in it (`lag`), the echo is
//! expected there from then on (`bands`), and voice that it explains is not the caller's. Nothing
//! is computed unless the agent was audible a moment ago, and without an echo nothing changes,
//! but for the first second of the first reply: a voice in it may be the echo, and only ducks
//! until that is known.

mod bands;
mod lag;
mod past;

use crate::playout::Frame;
use crate::vad::{STEP, Voice};
use bands::{BANDS, Path, Powers};
use lag::Match;
use past::Past;

/// 8 kHz samples of a frame sent and of a step heard.
const SENT_FRAME: u64 = 160;
const HEARD_STEP: i64 = STEP as i64 / 2;
/// Samples kept: 2 s of what was sent, half a second of what was heard.
const KEPT_SENT: usize = 16_384;
const KEPT_HEARD: usize = 4096;
/// Steps after the agent's last sound in which an echo may still come: 0.8 s.
const ECHOES: u32 = 50;
/// A frame with no louder sample is silence.
const SILENT: u16 = 8;
/// Likeness from which a match is evidence, and the sum of it over matches that is enough.
const LIKELY: f32 = 0.18;
const SURE: f32 = 1.0;
/// Two matches agree within this many samples: 1.5 ms.
const SAME: i64 = 12;
/// Voiced steps for which a voice may be an echo that was not found yet: 0.2 s.
const DOUBT: u32 = 14;
/// Voiced steps with which a voice can be told from one that was sent.
const FIRST: u32 = 5;
/// Quiet steps over the agent's voice after which no echo is suspected: 1 s.
const CLEAR: u32 = 64;
/// Frames of the agent's voice, 1 s, after which a microphone that sends nothing has no echo.
const UNHEARD: u32 = 50;
/// Quiet steps within a voice (a resume follows them), and those that end it.
const GAP: u32 = 2;
const PAUSE: u32 = 12;
/// Steps between looks while no voice is heard: 0.5 s at first, then 4 s.
const OFTEN: u32 = 32;
const SELDOM: u32 = 256;
/// Unexplained dB in two steps running that are the caller's, and until the echo is known well.
const CALLER: f32 = 0.6;
const CALLER_AT_FIRST: f32 = 2.0;
/// Steps for which a step of the caller's speaks.
const TRUST: u32 = 10;
/// Share of all that was sent which is little for a band.
const LITTLE: f32 = 0.001;
/// Share of an echo's likeness that an echo with a caller over it does not reach.
const ALONE: f32 = 0.85;

/// Compares a caller's microphone with the agent's voice.
#[derive(Debug, Default)]
pub struct Echo {
    /// Made when the agent first speaks.
    sides: Option<Box<Sides>>,
    state: State,
    /// Steps since the agent's last sound was sent.
    silent: u32,
    /// Frames sent since the microphone last sent anything.
    unheard: u32,
    level: Option<f32>,
}

impl Echo {
    /// Frame `n` of the agent's voice goes out, as it is sent (ducked and faded).
    pub fn played(&mut self, n: u64, frame: &Frame) {
        if frame.iter().all(|sample| sample.unsigned_abs() <= SILENT) {
            return;
        }
        let sides = self.sides.get_or_insert_with(Box::default);
        sides.sent.push(n * SENT_FRAME, frame);
        self.silent = 0;
        self.unheard += 1;
        if let State::Searching(search) = &mut self.state {
            search.clear |= self.unheard > UNHEARD;
        }
    }

    /// What of the `voice` found in a step that ended at sample `end` (16 kHz) is the caller's.
    pub fn judge(&mut self, step: &[i16], end: u64, voice: Voice) -> Voice {
        let Some(sides) = self.sides.as_mut().filter(|_| self.silent < ECHOES) else {
            self.level = None;
            return voice;
        };
        self.silent += 1;
        self.unheard = 0;
        sides.heard.push(end / 2 - HEARD_STEP as u64, step);
        sides.now = sides.sent.end() + i64::from(self.silent) * HEARD_STEP;
        match &mut self.state {
            State::Searching(search) => {
                let found = search.step(sides, voice);
                if let Some(found) = found.filter(|_| search.evidence >= SURE) {
                    self.state = State::Locked(Box::new(Lock::new(sides, found)));
                    return Voice::None;
                }
                voice.min(search.most())
            }
            State::Locked(lock) => {
                let voice = lock.step(sides, voice);
                self.level = Some(bands::db(lock.echo) - bands::db(lock.heard));
                voice
            }
        }
    }

    /// Level of the expected echo against all that is heard, dB; none where no echo is known.
    pub fn level(&self) -> Option<f32> {
        self.level
    }
}

/// Both sounds at 8 kHz.
#[derive(Debug)]
struct Sides {
    sent: Past,
    heard: Past,
    /// The number of the sample that is being sent now, silence included.
    now: i64,
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            sent: Past::new(KEPT_SENT, 3),
            heard: Past::new(KEPT_HEARD, 2),
            now: 0,
        }
    }
}

impl Sides {
    /// The spectra heard in the last 256 ms, oldest first, with those sent `offset` before.
    fn spectra(&self, offset: i64) -> impl Iterator<Item = (Powers, Powers)> {
        let steps = lag::WINDOW as i64 / HEARD_STEP - 1;
        (0..steps)
            .rev()
            .map(move |back| self.spectrum(offset, back))
    }

    /// The bands of 32 ms that ended `back` steps ago.
    fn spectrum(&self, offset: i64, back: i64) -> (Powers, Powers) {
        let first = self.heard.end() - back * HEARD_STEP - bands::WINDOW as i64;
        bands::powers(
            self.heard.range(first, bands::WINDOW),
            self.sent.range(first - offset, bands::WINDOW),
        )
    }
}

#[derive(Debug)]
enum State {
    Searching(Search),
    Locked(Box<Lock>),
}

impl Default for State {
    fn default() -> Self {
        Self::Searching(Search::default())
    }
}

/// Looks for what is heard in what was sent: often while a voice begins, else now and then.
#[derive(Debug, Default)]
struct Search {
    steps: u32,
    /// Voiced steps since the voice began, and steps since the last of them.
    voiced: u32,
    quiet: u32,
    /// Offset of the last match, and the sum of the likeness of those that agree with it.
    last: Option<i64>,
    evidence: f32,
    /// A first voice came and went, and may have been an echo.
    doubted: bool,
    /// No echo is suspected any more.
    clear: bool,
    /// An echo is known; it may have moved.
    known: bool,
}

impl Search {
    fn step(&mut self, sides: &Sides, voice: Voice) -> Option<Match> {
        self.steps += 1;
        if voice > Voice::None {
            self.voiced += 1;
            self.quiet = 0;
        } else {
            self.quiet += 1;
            self.doubted |= self.voiced > 0 && self.quiet > GAP;
            if self.quiet > PAUSE {
                self.voiced = 0;
            }
        }
        self.clear |= self.voiced > DOUBT || self.quiet > CLEAR;
        self.due(voice).then(|| self.look(sides))
    }

    fn due(&self, voice: Voice) -> bool {
        match (self.voiced, voice) {
            (0, _) => self
                .steps
                .is_multiple_of(if self.clear { SELDOM } else { OFTEN }),
            (_, Voice::None) => false,
            (voiced @ ..=DOUBT, _) if self.keen() => voiced % 2 == 1,
            // Where no echo was before, one look tells; more are only to be sure of what it found.
            (voiced @ ..=DOUBT, _) => voiced == FIRST || (voiced % 4 == 1 && self.evidence > 0.0),
            (voiced, _) => voiced.is_multiple_of(if self.keen() { 16 } else { 64 }),
        }
    }

    /// A voice that begins is probably an echo: one is known, or none was ruled out yet.
    fn keen(&self) -> bool {
        self.known || !self.clear
    }

    fn look(&mut self, sides: &Sides) -> Match {
        let found = lag::find(&sides.heard, &sides.sent, sides.now);
        let agrees = |last: i64| (last - found.offset).abs() <= SAME;
        if !self.last.is_some_and(agrees) {
            self.evidence = 0.0;
        }
        if found.likeness >= LIKELY {
            self.evidence += found.likeness;
        }
        self.last = Some(found.offset);
        found
    }

    /// Until it is clear that there is no echo, a first voice may duck, and no more.
    fn most(&self) -> Voice {
        match (self.clear, self.doubted) {
            (true, _) => Voice::Sure,
            (false, false) => Voice::Maybe,
            (false, true) => Voice::None,
        }
    }
}

/// The lag is known: what the microphone should carry is compared with what it does.
#[derive(Debug)]
struct Lock {
    offset: i64,
    /// Of the echo alone.
    likeness: f32,
    path: Path,
    /// In the last step.
    unexplained: f32,
    /// Steps for which voice is still taken for the caller's.
    trust: u32,
    /// Smoothed power heard and expected.
    heard: f32,
    echo: f32,
    search: Search,
}

impl Lock {
    fn new(sides: &Sides, found: Match) -> Self {
        let mut path = Path::new(mean_gains(sides.spectra(found.offset)));
        for (heard, sent) in sides.spectra(found.offset) {
            path.step(&heard, &sent, false);
        }
        Self {
            offset: found.offset,
            likeness: found.likeness,
            path,
            unexplained: 0.0,
            trust: 0,
            heard: 0.0,
            echo: 0.0,
            search: Search {
                clear: true,
                known: true,
                ..Search::default()
            },
        }
    }

    fn step(&mut self, sides: &Sides, voice: Voice) -> Voice {
        let (heard, sent) = sides.spectrum(self.offset, 0);
        let found = self.path.step(&heard, &sent, self.trust > 0);
        let unexplained = found.unexplained.min(self.unexplained);
        self.unexplained = found.unexplained;
        self.heard += (found.heard - self.heard) / 8.0;
        self.echo += (found.echo - self.echo) / 8.0;
        let needed = if self.path.is_settled() {
            CALLER
        } else {
            CALLER_AT_FIRST
        };
        self.trust = if unexplained >= needed {
            TRUST
        } else {
            self.trust.saturating_sub(1)
        };
        let voice = if self.trust > 0 { voice } else { Voice::None };
        if let Some(found) = self.search.step(sides, voice) {
            if self.has_changed(found) {
                *self = Self::new(sides, found);
                return Voice::None;
            }
            if self.search.voiced == 0 && found.likeness >= LIKELY {
                self.likeness += (found.likeness - self.likeness) / 2.0;
            }
        }
        voice
    }

    /// The echo comes at another time now, or it is what seemed to be the caller: as like to what
    /// was sent as it is alone, only louder.
    fn has_changed(&self, found: Match) -> bool {
        if (found.offset - self.offset).abs() > SAME {
            return self.search.evidence >= SURE;
        }
        self.search.voiced >= DOUBT - 1 && found.likeness >= ALONE * self.likeness
    }
}

/// Mean gain of each band, dB; where little was sent, nearly that of all bands.
fn mean_gains(spectra: impl Iterator<Item = (Powers, Powers)>) -> Powers {
    let mut sums = ([0.0; BANDS], [0.0; BANDS]);
    for (heard, sent) in spectra {
        for band in 0..BANDS {
            sums.0[band] += heard[band];
            sums.1[band] += sent[band];
        }
    }
    let sent: f32 = sums.1.iter().sum();
    let gain = sums.0.iter().sum::<f32>() / (sent + 1.0);
    let little = LITTLE * sent;
    // The room's tail will be added to what was sent: about 3 dB.
    std::array::from_fn(|band| {
        bands::db(sums.0[band] + gain * little) - bands::db(sums.1[band] + little) - 3.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::VOICE_FRAME;

    /// The first voice heard after so many frames of the agent's, the microphone silent.
    fn first_voice(frames: u64) -> Voice {
        let mut echo = Echo::default();
        for n in 0..frames {
            let sound = |k: usize| ((n as usize * 31 + k * k * 7) % 4001) as i16 - 2000;
            echo.played(n, &std::array::from_fn::<_, VOICE_FRAME, _>(sound));
        }
        let heard: Vec<i16> = (0..STEP).map(|k| ((k * k * 13) % 3001) as i16).collect();
        echo.judge(&heard, STEP as u64, Voice::Sure)
    }

    #[test]
    fn a_microphone_that_sent_nothing_over_the_agents_voice_has_no_echo() {
        assert_eq!(first_voice(20), Voice::Maybe, "nobody knows yet");
        assert_eq!(first_voice(60), Voice::Sure);
    }
}
