//! The agent's picture as a video track: a key frame, sent when it is shown and when it is asked
//! for. Nothing is encoded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::vp8;

/// So many packets go out together, then a pause: 3.5 Mbit/s, which no access line drops.
const BURST: usize = 4;
const PAUSE: Duration = Duration::from_millis(10);
/// A picture is sent again no sooner than this, however often it is asked for.
const REFRESH: Duration = Duration::from_millis(300);
/// After the last packet empty ones follow at these distances: nobody misses a last packet before
/// something comes behind it, and then it is asked for again (NACK). One goes before the first of
/// all, for nobody misses what came before all that is known.
const TAIL: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(40)];
/// All of that may be lost too, so each new picture is sent a second time.
const REPEAT: Duration = Duration::from_secs(1);

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Empty behind a picture.
    pub payload: Arc<[u8]>,
    pub last: bool,
    /// When the picture began to be sent: the time of all its packets.
    pub began: Instant,
}

#[derive(Debug, Default)]
pub struct Screen {
    frame: Option<Arc<[u8]>>,
    picture: u16,
    packets: Vec<Arc<[u8]>>,
    sent: usize,
    began: Option<Instant>,
    next: Option<Instant>,
    /// Of `TAIL`, how many are still to be sent.
    tail: usize,
    repeat: bool,
}

impl Screen {
    /// Shows a key frame in place of whatever is shown.
    pub fn show(&mut self, frame: Arc<[u8]>, now: Instant) {
        self.frame = Some(frame);
        self.packets.clear();
        self.sent = 0;
        self.tail = 0;
        self.repeat = true;
        self.next = Some(now);
    }

    /// The receiver has lost the picture (PLI or FIR).
    pub fn asked(&mut self, now: Instant) {
        let (true, 0, Some(began)) = (self.packets.is_empty(), self.tail, self.began) else {
            // It is on its way.
            return;
        };
        let at = now.max(began + REFRESH);
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The next packet, if its time has come.
    pub fn poll(&mut self, now: Instant) -> Option<Piece> {
        self.next.filter(|next| *next <= now)?;
        if self.tail > 0 {
            return self.end(now);
        }
        if self.began.is_none() {
            self.began = Some(now);
            return self.blank();
        }
        if self.packets.is_empty() {
            self.picture = self.picture.wrapping_add(1);
            self.packets = vp8::packets(self.frame.as_ref()?, self.picture);
            self.began = Some(now);
        }
        let (payload, began) = (self.packets.get(self.sent)?.clone(), self.began?);
        self.sent += 1;
        let last = self.sent == self.packets.len();
        if last {
            self.packets.clear();
            self.sent = 0;
            self.tail = TAIL.len();
            self.next = Some(now + TAIL[0]);
        } else if self.sent.is_multiple_of(BURST) {
            self.next = Some(now + PAUSE);
        }
        Some(Piece {
            payload,
            last,
            began,
        })
    }

    fn end(&mut self, now: Instant) -> Option<Piece> {
        let began = self.began?;
        self.tail -= 1;
        self.next = match TAIL.get(TAIL.len() - self.tail) {
            Some(pause) => Some(now + *pause),
            None => std::mem::take(&mut self.repeat).then_some(began + REPEAT),
        };
        self.blank()
    }

    fn blank(&self) -> Option<Piece> {
        Some(Piece {
            payload: Arc::default(),
            last: false,
            began: self.began?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembler::{Assembler, KeyFrame};
    use crate::vp8::tests::key;

    const MS: Duration = Duration::from_millis(1);

    /// What is sent until `until`, with the time of each.
    fn all_sent(screen: &mut Screen, until: Instant) -> Vec<(Instant, Piece)> {
        let mut found = Vec::new();
        while let Some(at) = screen.deadline().filter(|at| *at <= until) {
            while let Some(piece) = screen.poll(at) {
                found.push((at, piece));
            }
        }
        found
    }

    /// The same, without the empty ones.
    fn sent(screen: &mut Screen, until: Instant) -> Vec<(Instant, Piece)> {
        let mut found = all_sent(screen, until);
        found.retain(|(_, piece)| !piece.payload.is_empty());
        found
    }

    #[test]
    fn a_big_picture_does_not_burst_and_arrives_whole() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.show(key(640, 480, 50_000).into(), now);
        let pieces = sent(&mut screen, now + 900 * MS);
        assert_eq!(pieces.len(), 46);
        for window in pieces.windows(BURST + 1) {
            assert!(window[BURST].0 - window[0].0 >= PAUSE);
        }
        let mut assembler = Assembler::default();
        let whole = pieces
            .iter()
            .enumerate()
            .find_map(|(n, (_, piece))| assembler.push(n as u64, 0, piece.last, &piece.payload));
        assert!(matches!(whole, Some(KeyFrame::WebP(frame)) if frame.width == 640));
    }

    #[test]
    fn a_lost_first_or_last_packet_is_missed_because_of_what_surrounds_it() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.show(key(64, 48, 100).into(), now);
        let pieces = all_sent(&mut screen, now + 900 * MS);
        let empty = |(at, piece): &(Instant, Piece)| (*at, piece.payload.is_empty());
        let found: Vec<_> = pieces.iter().map(empty).collect();
        let (first, second) = (now + 20 * MS, now + 60 * MS);
        assert_eq!(
            found,
            [(now, true), (now, false), (first, true), (second, true)]
        );
    }

    #[test]
    fn a_picture_is_sent_twice_and_then_only_when_it_is_asked_for() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.show(key(64, 48, 100).into(), now);
        let times: Vec<Instant> = sent(&mut screen, now + 9000 * MS)
            .into_iter()
            .map(|(at, _)| at)
            .collect();
        assert_eq!(times, [now, now + REPEAT]);
        let later = now + 9000 * MS;
        for _ in 0..50 {
            screen.asked(later);
        }
        assert_eq!(sent(&mut screen, later + 5000 * MS).len(), 1);
    }

    #[test]
    fn a_flood_of_requests_is_answered_a_few_times_a_second() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.show(key(64, 48, 100).into(), now);
        let mut count = 0;
        for ms in 0..3000 {
            screen.asked(now + ms * MS);
            while let Some(piece) = screen.poll(now + ms * MS) {
                count += usize::from(piece.last);
            }
        }
        assert!((9..=11).contains(&count), "{count}");
    }

    #[test]
    fn a_newer_picture_takes_the_place_of_one_on_its_way() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.show(key(640, 480, 50_000).into(), now);
        sent(&mut screen, now + 20 * MS);
        screen.show(key(64, 48, 100).into(), now + 20 * MS);
        let pieces = sent(&mut screen, now + 500 * MS);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].1.last);
    }

    #[test]
    fn nothing_is_sent_before_there_is_a_picture() {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.asked(now);
        assert_eq!((screen.deadline(), screen.poll(now)), (None, None));
    }
}
