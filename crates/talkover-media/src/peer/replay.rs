//! SRTCP packets that came before (RFC 3711 §3.3.2): str0m keeps a list for RTP only.
//!
//! Known by all their bytes, not by their index: whether a packet is authentic is not told, and a
//! list that moves with the index would be moved on by a forged one, past all that is real.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

/// Minutes of a call, and four times what RFC 3711 asks for.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Reports {
    key: RandomState,
    seen: VecDeque<u64>,
}

impl Reports {
    /// True: these bytes came before. What is no RTCP (RFC 5761 §4) never did.
    pub(super) fn repeats(&mut self, packet: &[u8]) -> bool {
        if !matches!(packet, [128..=191, 192..=223, ..]) {
            return false;
        }
        let print = self.key.hash_one(packet);
        if self.seen.contains(&print) {
            return true;
        }
        self.seen.truncate(MOST - 1);
        self.seen.push_front(print);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(n: u16) -> Vec<u8> {
        [&[0x80, 200, 0, 6], &n.to_be_bytes()[..]].concat()
    }

    #[test]
    fn a_report_counts_once_however_often_it_comes() {
        let mut reports = Reports::default();
        assert!((0..MOST as u16).all(|n| !reports.repeats(&report(n))));
        assert!((0..MOST as u16).all(|n| reports.repeats(&report(n))));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reports = Reports::default();
        assert!((0..10_000).all(|n| !reports.repeats(&report(n))));
        assert_eq!(reports.seen.len(), MOST);
    }

    #[test]
    fn voice_and_checks_are_left_to_others() {
        let mut reports = Reports::default();
        for packet in [&[0x80, 111, 0, 1][..], &[0, 1, 0, 0], &[22, 254], &[]] {
            assert!(!reports.repeats(packet) && !reports.repeats(packet));
        }
    }
}
