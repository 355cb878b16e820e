//! Whether the caller is there, and whether what was sent meanwhile reached it. Pure.
//!
//! An ICE-lite agent makes no checks of its own (RFC 8445 §2.5): only authenticated packets prove
//! that somebody is there. A microphone that streams and then says nothing for a second is missed;
//! one that sends nothing is believed to be there for as long as consent checks may take (RFC 7675
//! §5.1). Where the link broke, the numbers of the caller's packets go on beyond the gap; where the
//! microphone was merely switched off they follow on.

use std::time::{Duration, Instant};

/// A streaming voice is missed after this long; DTX sends every 400 ms at least.
const MISSED: Duration = Duration::from_secs(1);
/// Without any packet for so long the caller is away.
const QUIET: Duration = Duration::from_secs(6);
/// And for this long, gone.
pub const GONE: Duration = Duration::from_secs(20);
/// After a sign of life: the wait for the voice, whose numbers tell what was lost.
const SETTLED: Duration = Duration::from_millis(200);
/// Video that comes so soon after the last packet of voice broke off with it.
const TOGETHER: Duration = Duration::from_millis(100);
/// Packets in a row that make a streaming voice.
const STREAMING: u32 = 25;
const PACKET: Duration = Duration::from_millis(20);

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nobody is known to listen: say nothing more.
    Away,
    /// Somebody listens. `lost`: what was sent since the last sign of life was not heard.
    Back {
        lost: bool,
    },
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Here,
    Away,
    /// A sign of life came then, and no voice yet.
    Doubt(Instant),
    Gone,
}

#[derive(Debug)]
pub struct Presence {
    state: State,
    last: Instant,
    /// When the last packet of voice came, its number, and how many came without a pause.
    voice: Option<(Instant, u64)>,
    run: u32,
}

impl Presence {
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Here,
            last: now,
            voice: None,
            run: 0,
        }
    }

    /// False while the caller is away.
    pub fn is_here(&self) -> bool {
        self.state == State::Here
    }

    /// An authenticated packet that is not voice came.
    pub fn alive(&mut self, now: Instant) {
        if self.state == State::Away {
            self.state = State::Doubt(now);
        }
        if self.state == State::Here {
            self.last = now;
        }
    }

    /// A packet of voice came; `seq` is extended (never wraps).
    pub fn voice(&mut self, now: Instant, seq: u64) -> Option<Change> {
        let before = self.voice.replace((now, seq));
        let paused = before.is_none_or(|(at, _)| now > at + MISSED);
        self.run = if paused { 1 } else { self.run + 1 };
        let away = matches!(self.state, State::Away | State::Doubt(_));
        self.state = State::Here;
        let since = std::mem::replace(&mut self.last, now);
        away.then(|| {
            let lost = before.map_or(now > since + QUIET, |(at, last)| {
                let missing = u32::try_from(seq.saturating_sub(last + 1)).unwrap_or(u32::MAX);
                PACKET.saturating_mul(missing).saturating_mul(2) >= now - at
            });
            Change::Back { lost }
        })
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        if now < self.deadline()? {
            return None;
        }
        match self.state {
            State::Here => {
                self.state = State::Away;
                Some(Change::Away)
            }
            State::Doubt(at) => {
                let lost = at > self.last + QUIET;
                (self.state, self.last, self.run) = (State::Here, at, 0);
                Some(Change::Back { lost })
            }
            State::Away => {
                self.state = State::Gone;
                Some(Change::Gone)
            }
            State::Gone => None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Here if self.streams() => Some(self.last + MISSED),
            State::Here => Some(self.last + QUIET),
            State::Doubt(at) => Some(at + SETTLED),
            State::Away => Some(self.last + GONE),
            State::Gone => None,
        }
    }

    /// A voice streams, and nothing that came after its last packet says that the link still holds.
    fn streams(&self) -> bool {
        let together = |(at, _)| self.last <= at + TOGETHER;
        self.run >= STREAMING && self.voice.is_some_and(together)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Somebody whose voice has streamed for two seconds; when the last packet came, and its number.
    fn streaming() -> (Presence, Instant, u64) {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        for n in 0..=100 {
            assert_eq!(presence.voice(start + PACKET * n, n.into()), None);
        }
        (presence, start + PACKET * 100, 100)
    }

    #[test]
    fn a_voice_that_breaks_off_is_missed_after_a_second_and_what_it_missed_was_lost() {
        let (mut presence, end, seq) = streaming();
        assert_eq!(presence.handle_timeout(end + ms(999)), None);
        assert_eq!(presence.handle_timeout(end + ms(1000)), Some(Change::Away));
        let back = presence.voice(end + ms(5000), seq + 250);
        assert_eq!(back, Some(Change::Back { lost: true }));
        assert!(presence.is_here());
    }

    #[test]
    fn a_camera_that_breaks_off_with_the_voice_does_not_vouch_for_it() {
        let (mut presence, end, _) = streaming();
        presence.alive(end + ms(15));
        assert_eq!(presence.handle_timeout(end + ms(1015)), Some(Change::Away));
    }

    #[test]
    fn a_microphone_that_was_switched_off_lost_nothing() {
        let (mut presence, end, seq) = streaming();
        assert_eq!(presence.handle_timeout(end + ms(1000)), Some(Change::Away));
        presence.alive(end + ms(1500));
        let back = presence.handle_timeout(end + ms(1700));
        assert_eq!(back, Some(Change::Back { lost: false }));
        // And from then on its silence is not missed.
        presence.alive(end + ms(4000));
        assert_eq!(presence.handle_timeout(end + ms(6000)), None);
        assert_eq!(presence.voice(end + ms(6500), seq + 1), None);
    }

    #[test]
    fn a_microphone_that_comes_back_on_before_any_check_lost_nothing() {
        let (mut presence, end, seq) = streaming();
        presence.handle_timeout(end + ms(1000));
        let back = presence.voice(end + ms(2200), seq + 1);
        assert_eq!(back, Some(Change::Back { lost: false }));
    }

    #[test]
    fn a_check_from_a_new_address_waits_for_the_voice_to_tell_what_was_lost() {
        let (mut presence, end, seq) = streaming();
        presence.handle_timeout(end + ms(1000));
        presence.alive(end + ms(3000));
        assert_eq!(presence.handle_timeout(end + ms(3100)), None);
        let back = presence.voice(end + ms(3150), seq + 158);
        assert_eq!(back, Some(Change::Back { lost: true }));
    }

    #[test]
    fn who_sends_no_voice_is_away_after_six_seconds_and_gone_after_twenty() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.alive(start + ms(2500));
        assert_eq!(presence.deadline(), Some(start + ms(8500)));
        let away = presence.handle_timeout(start + ms(8500));
        assert_eq!(away, Some(Change::Away));
        let gone = presence.handle_timeout(start + ms(22_500));
        assert_eq!(gone, Some(Change::Gone));
        assert_eq!(presence.deadline(), None);
    }

    #[test]
    fn who_sends_no_voice_and_was_not_heard_of_for_so_long_did_not_hear_either() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.handle_timeout(start + ms(6000));
        presence.alive(start + ms(9000));
        let back = presence.handle_timeout(start + ms(9200));
        assert_eq!(back, Some(Change::Back { lost: true }));
    }
}
