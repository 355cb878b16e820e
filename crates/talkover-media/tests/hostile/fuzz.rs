//! Packets of a whole call, changed at random and sent into it at every stage.
//!
//! A case is a call with a seed of its own. `FUZZ_SECONDS` tries new ones for so long, from
//! `FUZZ_SEED` on; that alone tries the one again. Keys and certificates are fresh in each run, so
//! the packet after which it failed is told too.

use std::env::var;
use std::time::{Duration, Instant};

use talkover_media::framing::{Deframer, frame};

use crate::call::{Call, caller_address, stranger};
use crate::link::Dice;
use crate::packets::repeats_a_check;

/// Without `FUZZ_SECONDS`.
const CASES: u64 = 60;
/// Changed packets for each 5 ms.
const MOST_AT_ONCE: usize = 8;
const LONGEST: usize = 2048;

/// Says what was tried when a test fails.
struct Case {
    seed: u64,
    last: Vec<u8>,
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.last.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("FUZZ_SEED={} failed after {hex}", self.seed);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    var(name).ok()?.parse().ok()
}

/// Runs `case` with seed after seed.
fn try_all(mut case: impl FnMut(&mut Case)) {
    let (seconds, only) = (number("FUZZ_SECONDS"), number("FUZZ_SEED"));
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut seed = only.unwrap_or(0);
    let last = only.unwrap_or(CASES - 1);
    while match end {
        Some(end) => Instant::now() < end,
        None => seed <= last,
    } {
        let last = Vec::new();
        case(&mut Case { seed, last });
        seed += 1;
    }
}

fn below(dice: &mut Dice, limit: usize) -> usize {
    (dice.roll() * limit as f64) as usize
}

/// One of the packets that were seen, or what became of it.
fn mutated(seen: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut packet = seen[below(dice, seen.len())].clone();
    for _ in 0..below(dice, 4) {
        change(&mut packet, seen, dice);
    }
    packet.truncate(LONGEST);
    packet
}

fn change(packet: &mut Vec<u8>, seen: &[Vec<u8>], dice: &mut Dice) {
    let at = below(dice, packet.len() + 1);
    match below(dice, 8) {
        0 => packet.truncate(at),
        1 => packet.extend_from_within(at..),
        2 => {
            let other = &seen[below(dice, seen.len())];
            packet.truncate(at);
            packet.extend_from_slice(&other[below(dice, other.len() + 1)..]);
        }
        3 => drop(packet.drain(at..(at + below(dice, 5)).min(packet.len()))),
        4 => {
            let end = (at + below(dice, 5)).min(packet.len());
            packet[at..end].fill([0, 0xff, 0x7f, 0x80][below(dice, 4)]);
        }
        5 => packet.insert(at, below(dice, 256) as u8),
        kind => {
            // The headers are where lengths and types are.
            let last = if kind == 6 { 32 } else { LONGEST };
            let at = below(dice, packet.len().min(last) + 1);
            if let Some(byte) = packet.get_mut(at) {
                *byte ^= 1 << below(dice, 8);
            }
        }
    }
}

/// Sends changed packets for so long; `elsewhere`: from addresses that are not the caller's.
fn harass(call: &mut Call, case: &mut Case, dice: &mut Dice, time: Duration, elsewhere: bool) {
    let end = call.elapsed() + time;
    while call.elapsed() < end {
        call.run(Duration::from_millis(5));
        for _ in 0..below(dice, MOST_AT_ONCE) {
            if call.captured.is_empty() {
                continue;
            }
            case.last = mutated(&call.captured, dice);
            if elsewhere && repeats_a_check(&case.last, &call.captured) {
                continue;
            }
            let source = if elsewhere {
                stranger(below(dice, 4096))
            } else {
                caller_address()
            };
            call.inject(source, &case.last);
        }
        assert_eq!(call.unasked, 0, "bytes to who proved nothing");
    }
}

fn hears_well(call: &mut Call) {
    assert!(!call.is_closed());
    let (server, caller) = call.next_second();
    assert!(server >= 95 && caller >= 95, "{server} %, {caller} %");
}

#[test]
fn changed_packets_from_elsewhere_keep_nobody_from_a_call() {
    try_all(|case| {
        let mut dice = Dice::new(case.seed);
        let mut call = Call::new();
        harass(&mut call, case, &mut dice, Duration::from_millis(500), true);
        call.connect();
        harass(&mut call, case, &mut dice, Duration::from_millis(500), true);
        hears_well(&mut call);
    });
}

#[test]
fn changed_packets_on_the_path_do_not_end_a_call() {
    try_all(|case| {
        let mut dice = Dice::new(case.seed);
        let mut call = Call::talking();
        harass(
            &mut call,
            case,
            &mut dice,
            Duration::from_millis(1000),
            false,
        );
        hears_well(&mut call);
    });
}

/// Nobody signs a handshake until it is done: on the path it can be broken, and no more than that.
#[test]
fn changed_packets_on_the_path_into_a_handshake_break_that_call_alone() {
    try_all(|case| {
        let mut dice = Dice::new(case.seed);
        let mut call = Call::new();
        harass(
            &mut call,
            case,
            &mut dice,
            Duration::from_millis(1000),
            false,
        );
        call.run(Duration::from_secs(15));
        assert!(
            call.connected || call.is_closed(),
            "it ends, one way or the other"
        );
    });
}

#[test]
fn a_changed_stream_is_cut_into_packets_or_refused() {
    let mut call = Call::new();
    call.run_until(|call| call.connected);
    let mut whole = Vec::new();
    for packet in &call.captured {
        frame(packet, &mut whole);
    }
    try_all(|case| {
        let mut dice = Dice::new(case.seed);
        for _ in 0..200 {
            case.last.clone_from(&whole);
            change(&mut case.last, &call.captured, &mut dice);
            let (mut deframer, mut cut) = (Deframer::default(), 0);
            for part in case.last.chunks(1 + below(&mut dice, 3000)) {
                deframer.push(part);
                while let Ok(Some(packet)) = deframer.packet() {
                    assert!(!packet.is_empty());
                    cut += 2 + packet.len();
                }
            }
            assert!(cut <= case.last.len());
        }
    });
}
