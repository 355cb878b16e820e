//! The table: who sends what, and when. After each row the call lives and both sides hear each
//! other, nothing was heard twice, and nobody who had not proven an address was sent a byte.

use std::net::SocketAddr;
use std::time::Duration;

use crate::call::{Call, caller_address, stranger};
use crate::packets::{
    Kind, binding_request, flips, foreign_rtp, goodbyes, junk, kind, of, records, truncations,
    username, usurpers,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// The call was answered; the caller has not sent anything yet.
    Answered,
    /// The caller's first check is known, its first handshake packet is on its way.
    Handshake,
    Talking,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// Each packet from another address.
    Strangers,
    /// With the caller's own address as its source: somebody on the path.
    Caller,
}

struct Row {
    name: &'static str,
    when: When,
    source: Source,
    /// Made from what the caller of this call was seen to send.
    packets: fn(&[Vec<u8>]) -> Vec<Vec<u8>>,
}

const fn row(
    name: &'static str,
    when: When,
    source: Source,
    packets: fn(&[Vec<u8>]) -> Vec<Vec<u8>>,
) -> Row {
    Row {
        name,
        when,
        source,
        packets,
    }
}

use Source::{Caller, Strangers};
use When::{Answered, Handshake, Talking};

const ROWS: &[Row] = &[
    row("junk before any check", Answered, Strangers, |_| junk()),
    row("junk in the handshake", Handshake, Strangers, |_| junk()),
    row("junk in the call", Talking, Strangers, |_| junk()),
    row("junk on the path", Talking, Caller, |_| junk()),
    row("unknown names", Answered, Strangers, unknown_names),
    row(
        "unknown names in the call",
        Talking,
        Strangers,
        unknown_names,
    ),
    row("bad integrity", Handshake, Strangers, bad_integrity),
    row(
        "bad integrity in the call",
        Talking,
        Strangers,
        bad_integrity,
    ),
    row("bad integrity on the path", Talking, Caller, bad_integrity),
    row("truncated checks", Talking, Strangers, truncated_checks),
    row(
        "truncated checks on the path",
        Talking,
        Caller,
        truncated_checks,
    ),
    row("flipped checks", Talking, Strangers, flipped_checks),
    row(
        "flipped checks on the path",
        Talking,
        Caller,
        flipped_checks,
    ),
    row("handshake race", Handshake, Strangers, handshakes),
    row("handshake race by records", Handshake, Strangers, |_| {
        many(&records(), 1000)
    }),
    row("handshake replayed", Talking, Caller, handshakes),
    row(
        "handshake replayed elsewhere",
        Talking,
        Strangers,
        handshakes,
    ),
    row("forged records", Talking, Caller, |_| {
        many(&records(), 1000)
    }),
    row("voice replayed", Talking, Caller, |seen| {
        many(&of(Kind::Rtp, seen), 10_000)
    }),
    row("voice replayed elsewhere", Talking, Strangers, |seen| {
        of(Kind::Rtp, seen)
    }),
    row("reports replayed", Talking, Caller, |seen| {
        many(&of(Kind::Rtcp, seen), 10_000)
    }),
    row("flipped voice", Talking, Caller, |seen| {
        flipped(Kind::Rtp, seen)
    }),
    row("flipped reports", Talking, Caller, |seen| {
        flipped(Kind::Rtcp, seen)
    }),
    row("flipped data", Talking, Caller, |seen| {
        flipped(Kind::Dtls, seen)
    }),
    row("cut voice", Talking, Caller, |seen| cut(Kind::Rtp, seen)),
    row("cut reports", Talking, Caller, |seen| cut(Kind::Rtcp, seen)),
    row("cut data", Talking, Caller, |seen| cut(Kind::Dtls, seen)),
    row("foreign senders", Talking, Caller, foreign_rtp),
    row("usurpers of the voice", Talking, Caller, usurpers),
    row("forged goodbyes", Talking, Caller, goodbyes),
    row("forged goodbyes elsewhere", Talking, Strangers, goodbyes),
    row("everything replayed", Talking, Caller, |seen| seen.to_vec()),
];

fn many(packets: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    packets.iter().cycle().take(count).cloned().collect()
}

fn unknown_names(_: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let name = |n: usize| format!("u{n:04}:them").into_bytes();
    (0..5000).map(|n| binding_request(&name(n), n)).collect()
}

fn bad_integrity(seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let name = username(seen);
    (0..5000).map(|n| binding_request(&name, n)).collect()
}

fn last_check(seen: &[Vec<u8>]) -> Vec<u8> {
    let checks = of(Kind::Stun, seen);
    let check = checks.iter().rfind(|packet| packet.starts_with(&[0, 1]));
    check.expect("the caller made a check").clone()
}

fn truncated_checks(seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    truncations(&last_check(seen))
}

/// All but the fingerprint (RFC 8489 §14.7), which follows the integrity and which needs no secret.
fn flipped_checks(seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let check = last_check(seen);
    let signed = check.len() - 8;
    flips(&check).into_iter().take(signed).collect()
}

/// The handshake of this caller, and that of another.
fn handshakes(seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut foreign = Call::new();
    foreign.run_until(|call| call.connected);
    let mut all = of(Kind::Dtls, &foreign.captured);
    all.extend(of(Kind::Dtls, seen));
    many(&all, 1000)
}

fn flipped(of_: Kind, seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    last(of_, seen)
        .iter()
        .flat_map(|packet| flips(packet))
        .collect()
}

fn cut(of_: Kind, seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    last(of_, seen)
        .iter()
        .flat_map(|packet| truncations(packet))
        .collect()
}

/// The last three of a kind.
fn last(of_: Kind, seen: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let all = of(of_, seen);
    assert!(!all.is_empty(), "the caller sent {of_:?}");
    all.into_iter().rev().take(3).collect()
}

fn address(source: Source, n: usize) -> SocketAddr {
    match source {
        Source::Strangers => stranger(n),
        Source::Caller => caller_address(),
    }
}

/// A call at that point.
fn call(when: When) -> Call {
    match when {
        When::Answered => Call::new(),
        When::Handshake => {
            let mut call = Call::new();
            call.run_until(|call| call.captured.iter().any(|p| kind(p) == Kind::Dtls));
            assert!(!call.connected);
            call
        }
        When::Talking => Call::talking(),
    }
}

fn run(row: &Row) {
    let mut call = call(row.when);
    let packets = (row.packets)(&call.captured);
    assert!(!packets.is_empty(), "{}: nothing to send", row.name);
    let (before, began) = (call.samples(), call.elapsed());
    for (n, packet) in packets.iter().enumerate() {
        call.inject(address(row.source, n), packet);
        if n % 64 == 0 {
            call.run(Duration::from_millis(1));
        }
    }
    if row.when != When::Talking {
        call.connect();
    }
    check(row, &mut call);
    if row.when == When::Talking {
        let lasted = (call.elapsed() - began).as_millis() as usize * 16;
        let heard = call.samples() - before;
        assert!(
            heard.abs_diff(lasted) <= 1280,
            "{}: {heard} samples heard in {lasted}",
            row.name
        );
    }
    for n in 0..packets.len() {
        let known = row.source == Source::Strangers && call.knows(stranger(n));
        assert!(!known, "{}: something is kept for a stranger", row.name);
    }
}

fn check(row: &Row, call: &mut Call) {
    let (server, caller) = call.next_second();
    let name = row.name;
    assert!(!call.is_closed(), "{name}: the call has ended");
    assert!(server >= 95, "{name}: the server hears {server} %");
    assert!(caller >= 95, "{name}: the caller hears {caller} %");
    assert_eq!(call.unasked, 0, "{name}: bytes to who proved nothing");
    assert_eq!(
        call.strayed, 0,
        "{name}: packets to another than the caller"
    );
}

#[test]
fn no_row_of_the_table_harms_a_call_or_is_answered() {
    ROWS.iter().for_each(run);
}

/// A check has no nonce, so who saw one may repeat it from elsewhere, and is answered there. That
/// is all: what the agent says stays with the caller.
#[test]
fn a_check_that_is_repeated_elsewhere_takes_no_voice_away() {
    let mut call = Call::talking();
    let checks = of(Kind::Stun, &call.captured);
    for (n, check) in checks.iter().cycle().take(1000).enumerate() {
        call.inject(stranger(n), check);
    }
    let answered = call.strayed;
    assert!(answered <= 1000, "{answered}");
    let known = (0..1000).filter(|n| call.knows(stranger(*n))).count();
    assert!(known <= 9, "{known} addresses are kept");
    let (server, caller) = call.next_second();
    assert!(server >= 95 && caller >= 95, "{server} %, {caller} %");
    assert_eq!((call.unasked, call.strayed), (0, answered));
}

/// Somebody who may call, and then sends what no honest page does.
#[test]
fn a_caller_who_floods_the_data_channel_is_still_heard() {
    let mut call = Call::talking();
    assert!(call.say("x".repeat(100_000)), "a long one");
    call.run(Duration::from_secs(2));
    for n in 0..2000 {
        call.say("\0\u{fffd}{".repeat(1 + n % 100));
    }
    call.run(Duration::from_secs(2));
    assert!(call.texts >= 1000, "{} texts came", call.texts);
    let (server, caller) = call.next_second();
    assert!(server >= 95 && caller >= 95, "{server} %, {caller} %");
}
