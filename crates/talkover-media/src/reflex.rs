//! What the agent's voice does by itself when the caller makes a sound: duck, hold, go on.
//!
//! Pure policy over 16 ms steps of the caller's audio. It decides nothing about the conversation:
//! Python cancels or resumes with the words in hand, and this only bridges the time until then.

use crate::vad::Voice;

/// Milliseconds of a step.
const STEP_MS: u32 = 16;
/// A duck lingers longer than a hold: quiet within a word (a stop consonant) must not end it.
const LINGER_MS: u32 = 32;

/// The orders that Python gives beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub duck: bool,
    pub hold: bool,
    /// Sustained voice before a hold, ms.
    pub hold_after_ms: u32,
    /// Quiet before going on, ms.
    pub resume_after_ms: u32,
    /// The longest hold without a decision, ms of the caller's clock.
    pub max_hold_ms: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            duck: true,
            hold: true,
            hold_after_ms: 200,
            resume_after_ms: 48,
            max_hold_ms: 3000,
        }
    }
}

/// What to do with the voice now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Duck,
    Hold,
    /// Back to full level, from where it was held if it was.
    Resume,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Ducked,
    Held,
}

#[derive(Debug, Default)]
pub struct Reflex {
    policy: Policy,
    state: State,
    voiced_ms: u32,
    quiet_ms: u32,
    held_ms: u32,
    /// After a hold ran out the same voice may not hold again.
    spent: bool,
}

impl Reflex {
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// The voice ended, was flushed or was set by Python: start afresh.
    pub fn reset(&mut self) {
        *self = Self {
            policy: self.policy,
            ..Self::default()
        };
    }

    /// One step of the caller's audio while the agent is audible (or held).
    pub fn step(&mut self, voice: Voice) -> Option<Action> {
        match voice {
            Voice::Sure => {
                self.voiced_ms += STEP_MS;
                self.quiet_ms = 0;
            }
            Voice::Maybe => {
                // Half a proof: some voices are never sure for long.
                self.voiced_ms += STEP_MS / 2;
                self.quiet_ms = 0;
            }
            Voice::None => {
                self.quiet_ms += STEP_MS;
                if self.quiet_ms >= self.policy.resume_after_ms + LINGER_MS {
                    self.voiced_ms = 0;
                    self.spent = false;
                }
            }
        }
        match self.state {
            State::Idle if voice >= Voice::Maybe && self.policy.duck && !self.spent => {
                self.state = State::Ducked;
                Some(Action::Duck)
            }
            State::Idle => None,
            State::Ducked if self.quiet_ms >= self.policy.resume_after_ms + LINGER_MS => {
                self.resume()
            }
            State::Ducked if self.policy.hold && self.voiced_ms >= self.policy.hold_after_ms => {
                self.state = State::Held;
                self.held_ms = 0;
                Some(Action::Hold)
            }
            State::Ducked => None,
            State::Held => {
                self.held_ms += STEP_MS;
                if self.quiet_ms >= self.policy.resume_after_ms {
                    return self.resume();
                }
                if self.held_ms >= self.policy.max_hold_ms {
                    self.spent = true;
                    return self.resume();
                }
                None
            }
        }
    }

    fn resume(&mut self) -> Option<Action> {
        self.state = State::Idle;
        self.voiced_ms = 0;
        Some(Action::Resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(reflex: &mut Reflex, parts: &[(u32, Voice)]) -> Vec<(u32, Action)> {
        let mut at = 0;
        let mut done = Vec::new();
        for (steps, voice) in parts {
            for _ in 0..*steps {
                at += STEP_MS;
                done.extend(reflex.step(*voice).map(|action| (at, action)));
            }
        }
        done
    }

    #[test]
    fn a_cough_ducks_and_goes_on() {
        let done = run(
            &mut Reflex::default(),
            &[(4, Voice::Maybe), (10, Voice::None)],
        );
        assert_eq!(done, [(16, Action::Duck), (144, Action::Resume)]);
    }

    #[test]
    fn a_closure_within_a_word_neither_ends_the_duck_nor_starts_the_count_anew() {
        let done = run(
            &mut Reflex::default(),
            &[(8, Voice::Sure), (4, Voice::None), (8, Voice::Sure)],
        );
        assert_eq!(done, [(16, Action::Duck), (272, Action::Hold)]);
    }

    #[test]
    fn a_voice_that_is_never_sure_holds_after_twice_the_time() {
        let done = run(&mut Reflex::default(), &[(30, Voice::Maybe)]);
        assert_eq!(done, [(16, Action::Duck), (400, Action::Hold)]);
    }

    #[test]
    fn sustained_voice_holds_until_it_ends() {
        let done = run(
            &mut Reflex::default(),
            &[(30, Voice::Sure), (10, Voice::None)],
        );
        assert_eq!(
            done,
            [
                (16, Action::Duck),
                (208, Action::Hold),
                (528, Action::Resume)
            ]
        );
    }

    #[test]
    fn a_hold_ends_by_itself_and_the_same_voice_cannot_hold_again() {
        let done = run(&mut Reflex::default(), &[(600, Voice::Sure)]);
        assert_eq!(done.len(), 3);
        assert_eq!(done[2].1, Action::Resume);
        assert!((3190..=3230).contains(&done[2].0), "{done:?}");
    }

    #[test]
    fn without_orders_nothing_happens() {
        let mut reflex = Reflex::default();
        reflex.set_policy(Policy {
            duck: false,
            hold: false,
            ..Policy::default()
        });
        assert!(run(&mut reflex, &[(100, Voice::Sure)]).is_empty());
    }
}
