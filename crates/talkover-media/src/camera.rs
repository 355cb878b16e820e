//! What a caller's camera or screen shows: a key frame when one is wanted, and its time.
//!
//! While nobody looks, a packet costs its decryption and one comparison, and nothing is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::assembler::{Assembler, Codec, KeyFrame};

/// A key frame of which nothing came for this long is asked for again: what is lost of one that
/// comes is asked for by itself (NACK).
const ASK_AGAIN: Duration = Duration::from_millis(350);
/// What a sender may take to make one; over a long line a round trip comes to it.
const MAKING: Duration = Duration::from_millis(250);
/// A request may be lost like anything else, and each is made twice: senders take no second one
/// within 300 ms.
const TWICE: Duration = Duration::from_millis(20);
/// Without a packet for this long the camera is off. A still screen is sent about once a second.
const OFF: Duration = Duration::from_secs(4);
/// How much faster than ours a caller's clock may be thought to run: 1 ms in each second.
const DRIFT: u32 = 1000;
/// A clock that is so far off began anew.
const JUMP: Duration = Duration::from_secs(10);

/// A packet of the stream, with numbers that do not wrap around.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub ssrc: u32,
    pub seq: u64,
    /// 90 kHz.
    pub ticks: u64,
    pub marker: bool,
    pub payload: &'a Arc<[u8]>,
}

/// A whole picture, and when it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub taken: Instant,
    pub frame: KeyFrame,
}

#[derive(Debug)]
struct Wanted {
    until: Instant,
    ask: Instant,
    /// The next request is the second of two.
    second: bool,
    assembler: Assembler,
}

#[derive(Debug, Default)]
pub struct Camera {
    codec: Codec,
    source: Option<u32>,
    last: Option<Instant>,
    clock: Option<Clock>,
    wanted: Option<Box<Wanted>>,
    /// As last measured.
    pub round_trip: Duration,
}

impl Camera {
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            ..Self::default()
        }
    }

    pub fn is_on(&self) -> bool {
        self.last.is_some()
    }

    /// Wants the next whole key frame, for at most `patience`.
    pub fn look(&mut self, now: Instant, patience: Duration) {
        let until = now + patience;
        match &mut self.wanted {
            Some(wanted) => wanted.until = wanted.until.max(until),
            empty => {
                *empty = Some(Box::new(Wanted {
                    until,
                    ask: now,
                    second: false,
                    assembler: Assembler::new(self.codec),
                }));
            }
        }
    }

    pub fn receive(&mut self, now: Instant, packet: Packet) -> Option<Picture> {
        let patience = self.patience();
        if packet.payload.is_empty() {
            // It fills the line and says nothing.
            return None;
        }
        let on = self.last.replace(now).is_some();
        if !on || self.wanted.is_none() {
            self.source = Some(packet.ssrc);
        }
        if self.source != Some(packet.ssrc) {
            // Another size of the same picture.
            return None;
        }
        let fresh = || Clock::new(packet.ticks, now);
        let clock = self.clock.get_or_insert_with(fresh);
        let taken = clock.taken(packet.ticks, now);
        let wanted = self.wanted.as_mut()?;
        let before = wanted.assembler.len();
        let frame = wanted
            .assembler
            .push(packet.seq, packet.ticks, packet.marker, packet.payload);
        if wanted.assembler.len() > before {
            wanted.ask = wanted.ask.max(now + patience);
            wanted.second = false;
        }
        let frame = frame?;
        self.wanted = None;
        Some(Picture { taken, frame })
    }

    /// The stream of which a key frame is to be asked for now.
    pub fn ask(&mut self, now: Instant) -> Option<u32> {
        let patience = self.patience();
        let wanted = self.wanted.as_mut()?;
        if now >= wanted.until {
            self.wanted = None;
            return None;
        }
        if now < wanted.ask {
            return None;
        }
        wanted.ask = now
            + if wanted.second {
                patience - TWICE
            } else {
                TWICE
            };
        wanted.second = !wanted.second;
        self.source
    }

    fn patience(&self) -> Duration {
        ASK_AGAIN.max(MAKING + self.round_trip)
    }

    /// True: the camera has just been found to be off.
    pub fn goes_off(&mut self, now: Instant) -> bool {
        let off = self.last.is_some_and(|last| now >= last + OFF);
        if off {
            *self = Self {
                codec: self.codec,
                round_trip: self.round_trip,
                ..Self::default()
            };
        }
        off
    }

    pub fn deadline(&self) -> Option<Instant> {
        let wanted = self.wanted.as_ref();
        let wanted = wanted.map(|wanted| wanted.until.min(wanted.ask));
        let off = self.last.map(|last| last + OFF);
        [wanted, off].into_iter().flatten().min()
    }
}

/// The caller's picture clock on ours. A picture is never early: the one that took least time to
/// come tells how the two relate, as with the caller's sound.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ticks: u64,
    at: Instant,
    seen: Instant,
}

impl Clock {
    fn new(ticks: u64, now: Instant) -> Self {
        Self {
            ticks,
            at: now,
            seen: now,
        }
    }

    fn taken(&mut self, ticks: u64, now: Instant) -> Instant {
        let apart = |ticks: u64| Duration::from_micros(ticks * 100 / 9);
        let taken = if ticks >= self.ticks {
            self.at.checked_add(apart(ticks - self.ticks))
        } else {
            self.at.checked_sub(apart(self.ticks - ticks))
        };
        let taken = taken.filter(|taken| *taken <= now && now.duration_since(*taken) < JUMP);
        let Some(taken) = taken else {
            *self = Self::new(ticks, now);
            return now;
        };
        let drifted = now.saturating_duration_since(self.seen) / DRIFT;
        self.at += drifted.min(now.duration_since(taken));
        self.seen = now;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp8::{packets, tests::key};

    const MS: Duration = Duration::from_millis(1);

    /// Packets of a frame of `length` bytes, the first numbered `seq`, taken at `ms`.
    fn frame(seq: u64, ms: u64, length: usize) -> Vec<(u64, u64, bool, Arc<[u8]>)> {
        let parts = packets(&key(64, 48, length), 0);
        let last = parts.len() - 1;
        let parts = parts.into_iter().enumerate();
        parts
            .map(|(n, part)| (seq + n as u64, ms * 90, n == last, part))
            .collect()
    }

    fn give(
        camera: &mut Camera,
        now: Instant,
        packets: &[(u64, u64, bool, Arc<[u8]>)],
    ) -> Option<Picture> {
        let mut found = None;
        for (seq, ticks, marker, payload) in packets {
            let packet = Packet {
                ssrc: 1,
                seq: *seq,
                ticks: *ticks,
                marker: *marker,
                payload,
            };
            found = camera.receive(now, packet).or(found);
        }
        found
    }

    #[test]
    fn nothing_is_kept_or_told_while_nobody_looks() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        assert_eq!(give(&mut camera, now, &frame(0, 0, 5000)), None);
        assert!(camera.wanted.is_none() && camera.is_on());
        assert_eq!(camera.ask(now), None);
    }

    #[test]
    fn a_look_asks_at_once_and_again_only_while_nothing_comes() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        give(&mut camera, now, &frame(0, 0, 500));
        camera.look(now, 1000 * MS);
        for asked in [0, 20, 350, 370] {
            assert_eq!(camera.ask(now + asked * MS), Some(1));
            assert_eq!(camera.ask(now + (asked + 19) * MS), None);
        }
        // The frame is on its way, one packet lost: the lost one is waited for.
        let mut coming = frame(10, 600, 5000);
        let lost = coming.remove(2);
        assert_eq!(give(&mut camera, now + 600 * MS, &coming), None);
        assert_eq!(camera.ask(now + 900 * MS), None);
        assert!(give(&mut camera, now + 920 * MS, &[lost]).is_some());
        assert_eq!(
            camera.ask(now + 990 * MS),
            None,
            "nobody wants one any more"
        );
    }

    #[test]
    fn over_a_long_line_a_look_waits_longer_before_it_asks_again() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        camera.round_trip = 600 * MS;
        give(&mut camera, now, &frame(0, 0, 500));
        camera.look(now, 3000 * MS);
        assert!(camera.ask(now).is_some() && camera.ask(now + 20 * MS).is_some());
        assert_eq!(camera.ask(now + 849 * MS), None);
        assert_eq!(camera.ask(now + 850 * MS), Some(1));
    }

    #[test]
    fn a_look_ends_with_its_patience() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        give(&mut camera, now, &frame(0, 0, 500));
        camera.look(now, 200 * MS);
        camera.ask(now);
        camera.ask(now + 20 * MS);
        assert_eq!(camera.deadline(), Some(now + 200 * MS));
        assert_eq!(camera.ask(now + 200 * MS), None);
        assert_eq!(give(&mut camera, now + 201 * MS, &frame(9, 201, 500)), None);
    }

    #[test]
    fn a_picture_that_was_held_up_is_dated_to_when_it_was_taken() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        give(&mut camera, now, &frame(0, 5000, 500));
        camera.look(now, 1000 * MS);
        let found = give(&mut camera, now + 400 * MS, &frame(1, 5100, 500)).unwrap();
        assert_eq!(found.taken, now + 100 * MS);
    }

    #[test]
    fn a_clock_that_runs_slower_than_ours_is_followed() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        // 0.01 % slower, for half an hour.
        for n in 0..1800_u32 {
            let ms = u64::from(n) * 1000;
            give(
                &mut camera,
                now + n * 1000 * MS,
                &frame(u64::from(n), ms - ms / 10_000, 20),
            );
        }
        camera.look(now + 1_800_000 * MS, 1000 * MS);
        let at = now + 1_800_000 * MS;
        let found = give(&mut camera, at, &frame(9000, 1_800_000 - 180, 20)).unwrap();
        assert!(at - found.taken < 2 * MS, "{:?}", at - found.taken);
    }

    #[test]
    fn a_camera_that_sends_nothing_is_off_and_may_come_back() {
        let (mut camera, now) = (Camera::default(), Instant::now());
        give(&mut camera, now, &frame(0, 0, 500));
        assert_eq!(camera.deadline(), Some(now + OFF));
        assert!(!camera.goes_off(now + OFF - MS));
        assert!(camera.goes_off(now + OFF) && !camera.is_on());
        assert_eq!(camera.deadline(), None);
        give(&mut camera, now + 2 * OFF, &frame(1, 9000, 500));
        assert!(camera.is_on());
    }
}
