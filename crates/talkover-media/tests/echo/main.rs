//! The agent's voice comes back through the caller's microphone: it is not the caller.

mod sim;
mod speech;

use sim::{Outcome, Room, Scene, at_level, run};
use speech::speech;

const AGENT_DB: f32 = -20.0;
const REPLIES: [usize; 2] = [600, 6600];
const REPLY_MS: usize = 5000;
const LEVELS: [f32; 3] = [-6.0, -18.0, -30.0];
const LAGS: [f32; 5] = [20.0, 90.0, 210.0, 350.0, 500.0];

fn scene(seed: u64, room: Option<Room>) -> Scene {
    let reply = |n| at_level(&speech(seed * 10 + n, REPLY_MS), AGENT_DB);
    Scene {
        seed,
        duration_ms: 12_600,
        replies: vec![(REPLIES[0], reply(0)), (REPLIES[1], reply(1))],
        caller: Vec::new(),
        noise_db: -70.0,
        room,
        aware: true,
    }
}

fn room(lag_ms: f32, level_db: f32) -> Room {
    Room {
        lag_ms,
        level_db,
        distorts: false,
        change: None,
    }
}

/// One call for each lag and level.
fn speakerphones() -> impl Iterator<Item = Scene> {
    let rooms = LAGS
        .iter()
        .flat_map(|lag| LEVELS.map(|level| room(*lag, level)));
    rooms
        .enumerate()
        .map(|(n, room)| scene(n as u64, Some(room)))
}

fn ducks_in(outcome: &Outcome, reply: usize) -> usize {
    let until = REPLIES.get(reply + 1).copied().unwrap_or(usize::MAX);
    let span = REPLIES[reply]..until;
    outcome.ducks.iter().filter(|at| span.contains(at)).count()
}

fn assert_left_alone(scenes: impl Iterator<Item = Scene>) {
    let (mut replies, mut ducked_again) = (0, 0);
    for scene in scenes {
        let outcome = run(&scene);
        assert!(outcome.holds.is_empty(), "{:?}: {outcome:?}", scene.room);
        assert!(outcome.began.is_empty(), "{:?}: {outcome:?}", scene.room);
        replies += REPLIES.len();
        ducked_again += (0..REPLIES.len())
            .filter(|reply| ducks_in(&outcome, *reply) > 1)
            .count();
    }
    assert!(ducked_again * 20 <= replies, "{ducked_again} of {replies}");
}

#[test]
fn an_echo_opens_no_speech_holds_nothing_and_ducks_once() {
    assert_left_alone(speakerphones());
}

#[test]
fn without_being_told_what_was_played_the_same_echo_interrupts() {
    let mut scene = scene(0, Some(room(90.0, -6.0)));
    scene.aware = false;
    let outcome = run(&scene);
    assert!(outcome.holds.len() > 1 && outcome.began.len() > 1);
}

#[test]
fn in_noise_an_echo_is_nobody_either() {
    assert_left_alone(speakerphones().step_by(2).map(|mut scene| {
        scene.noise_db = -50.0;
        scene
    }));
}

#[test]
fn an_echo_from_a_loudspeaker_that_distorts_is_nobody_either() {
    assert_left_alone(speakerphones().skip(1).step_by(3).map(|mut scene| {
        scene.room.as_mut().unwrap().distorts = true;
        scene
    }));
}

#[test]
fn an_echo_that_moves_or_grows_louder_is_found_again_before_it_holds() {
    for (n, (later, louder)) in [(80.0, 0.0), (-60.0, 0.0), (0.0, 6.0)].iter().enumerate() {
        let mut changing = room(210.0, -18.0);
        changing.change = Some((3000, *later, *louder));
        let outcome = run(&scene(n as u64, Some(changing)));
        assert!(outcome.holds.is_empty(), "{later} {louder}: {outcome:?}");
        assert!(outcome.began.len() <= 1, "{later} {louder}: {outcome:?}");
        assert_eq!(ducks_in(&outcome, 1), 0, "{later} {louder}: {outcome:?}");
    }
}

/// From the onset of a voice: ms until the duck, until speech, until the hold.
type Waits = [Option<usize>; 3];

/// Callers who talk over an echo, `over` dB louder than it, or (none) with a headset.
fn callers(over: Option<f32>) -> Vec<Waits> {
    let mut found = Vec::new();
    for (n, mut scene) in speakerphones().enumerate() {
        let echo = AGENT_DB + scene.room.as_ref().unwrap().level_db;
        if over.is_none() {
            scene.room = None;
        }
        let onsets = [3200 + n * 37, 9000 + n * 41];
        for (k, at) in onsets.iter().enumerate() {
            let voice = speech(1000 + (n * 2 + k) as u64, 1500);
            let level = echo + over.unwrap_or(0.0);
            scene.caller.push((*at, at_level(&voice, level)));
        }
        let outcome = run(&scene);
        for at in onsets {
            let first = |times: &[usize]| {
                let mut waits = times.iter().filter_map(|time| time.checked_sub(at));
                waits.find(|wait| *wait < 1500)
            };
            found.push([&outcome.ducks, &outcome.began, &outcome.holds].map(|times| first(times)));
        }
    }
    found
}

/// Of the voices that hold within 350 ms with a headset, those that duck, begin and hold over an
/// echo not more than 200 ms later; and all of them.
fn caught(over: f32) -> (usize, usize) {
    let pairs = callers(None).into_iter().zip(callers(Some(over)));
    let clear: Vec<(Waits, Waits)> = pairs
        .filter(|(headset, _)| headset[2].is_some_and(|held| held <= 350))
        .collect();
    let in_time = |(headset, echo): &&(Waits, Waits)| {
        let mut waits = headset.iter().zip(echo);
        waits.all(|(headset, echo)| match (headset, echo) {
            (Some(headset), Some(echo)) => *echo <= headset + 200,
            _ => false,
        })
    };
    (clear.iter().filter(in_time).count(), clear.len())
}

#[test]
fn a_caller_louder_than_the_echo_is_caught() {
    for (over, share) in [(12.0, 0.9), (6.0, 0.75)] {
        let (caught, of) = caught(over);
        assert!(of >= 12, "too few are clear with a headset: {of}");
        assert!(
            caught as f32 >= share * of as f32,
            "{over} dB: {caught} of {of}"
        );
    }
}

#[test]
fn with_a_headset_nothing_changes() {
    for seed in 0..6 {
        let mut told = scene(seed, None);
        for (k, at) in [2200, 4100, 5900, 7200, 11_900].iter().enumerate() {
            let voice = speech(500 + seed * 10 + k as u64, 900);
            let level = -20.0 - 5.0 * (seed as f32 % 4.0);
            told.caller.push((*at, at_level(&voice, level)));
        }
        let untold = Scene {
            aware: false,
            ..told.clone()
        };
        let outcome = run(&told);
        assert!(outcome.holds.len() > 2 && outcome.began.len() > 3);
        assert!(outcome.echo_db.iter().all(Option::is_none));
        assert_eq!(outcome, run(&untold));
    }
}

#[test]
fn a_headset_that_is_unplugged_in_mid_reply_holds_next_to_nothing() {
    let unplugged = speakerphones().map(|mut scene| {
        let room = scene.room.as_mut().unwrap();
        room.change = Some((3000, 0.0, room.level_db + 90.0));
        room.level_db = -90.0;
        run(&scene)
    });
    let (mut holds, mut began) = (0, 0);
    for outcome in unplugged {
        holds += outcome.holds.len();
        began += usize::from(!outcome.began.is_empty());
    }
    assert!(holds <= 2, "{holds}");
    assert!(began <= 8, "{began} of 15");
}
