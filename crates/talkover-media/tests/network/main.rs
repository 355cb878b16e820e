//! Calls over bad networks: whole peers (ICE, DTLS, SRTP) in simulated time.

use std::time::Duration;

use talkover_media::notice::Notice;
use talkover_media::playout;
use talkover_media::reflex::Policy;

mod due;
mod link;
mod sound;
mod world;

use link::Weather;
use sound::{sample, share, tone};
use world::{At, World};

const CALM: Weather = Weather {
    loss: 0.0,
    delay: Duration::from_millis(20),
    jitter: Duration::ZERO,
    kbps: None,
};
/// What the caller says, Hz.
const VOICE: f32 = 440.0;
const EPOCH: u32 = 1;
/// The agent's words: 400 ms each, of which 300 sound, and each a tone of its own.
const WORD_MS: usize = 400;

fn word_hz(n: usize) -> f32 {
    400.0 + 75.0 * n as f32
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A call in which the caller has spoken for a second.
fn talking(up: Weather, down: Weather, seed: u64) -> World {
    let mut world = World::new(up, down, seed);
    world.connect();
    let now = world.now();
    world.caller.play_packets(tone(VOICE, 60), true, false, now);
    world.run(ms(1000));
    world
}

/// The agent begins to say so many words, whatever the caller says.
fn speak(world: &mut World, words: usize) {
    let pcm: Vec<i16> = (0..words * WORD_MS * 24)
        .map(|n| match n % (WORD_MS * 24) {
            at if at < 300 * 24 => sample(word_hz(n / (WORD_MS * 24)), n),
            _ => 0,
        })
        .collect();
    let marks: Vec<usize> = (0..words).map(|n| n * WORD_MS * 24).collect();
    let now = world.now();
    let deaf = Policy {
        duck: false,
        hold: false,
        ..Policy::default()
    };
    world.server.with_voice(now, |voice| {
        voice.set_policy(deaf);
        voice.playout.play(EPOCH, &pcm, &marks, false);
        voice.playout.finish(EPOCH);
        voice.playout.release(EPOCH);
        voice.wake(now);
    });
}

/// The words that the caller heard since then, each with how long it sounded.
fn words_heard(world: &World, from: Duration, words: usize) -> Vec<(usize, u64)> {
    let mut heard: Vec<(usize, u64)> = Vec::new();
    for frame in world.heard(At::Caller, from).chunks(320) {
        let word = (0..words).find(|n| share(frame, word_hz(*n)) > 0.5);
        match (word, heard.last_mut()) {
            (Some(word), Some((last, long))) if word == *last => *long += 20,
            (Some(word), _) => heard.push((word, 20)),
            (None, _) => {}
        }
    }
    heard.retain(|(_, long)| *long >= 60);
    heard
}

/// The share of the caller's voice, in percent, that the server heard since then.
fn voice_heard(world: &World, from: Duration) -> usize {
    let pcm = world.heard(At::Server, from);
    let frames: Vec<&[i16]> = pcm.chunks_exact(320).collect();
    let whole = frames.iter().filter(|frame| share(frame, VOICE) > 0.6);
    100 * whole.count() / frames.len()
}

/// The share of what the server heard since then, in thousandths, that is not the caller's voice.
fn voice_gone(world: &World, from: Duration) -> usize {
    let pcm = world.heard(At::Server, from);
    let frames: Vec<&[i16]> = pcm.chunks_exact(320).collect();
    let gone = frames.iter().filter(|frame| share(frame, VOICE) <= 0.6);
    1000 * gone.count() / frames.len()
}

/// Milliseconds, as the server tells them from then on.
fn round_trips(world: &World, from: Duration) -> Vec<f32> {
    let told = world
        .told
        .iter()
        .filter(|(when, at, _)| *at == At::Server && *when >= from);
    told.filter_map(|(_, _, notice)| match notice {
        Notice::Rtt { ms, .. } => Some(*ms),
        _ => None,
    })
    .collect()
}

#[test]
fn a_tenth_of_the_packets_lost_both_ways_connects_and_both_sides_hear_each_other() {
    let rain = Weather {
        loss: 0.1,
        jitter: ms(15),
        ..CALM
    };
    let mut world = talking(rain, rain, 1);
    let from = world.elapsed();
    speak(&mut world, 10);
    world.run(ms(5000));
    let heard: Vec<usize> = words_heard(&world, from, 10)
        .iter()
        .map(|(n, _)| *n)
        .collect();
    assert_eq!(heard, (0..10).collect::<Vec<_>>());
    assert!(
        voice_heard(&world, from) >= 85,
        "{}",
        voice_heard(&world, from)
    );
}

/// When a call was connected, on both sides, and its channel open; none: not within 20 s.
fn connected(weather: Weather, seed: u64) -> Option<Duration> {
    let mut world = World::new(weather, weather, seed);
    for _ in 0..200 {
        world.run(ms(100));
        let open = |side| world.count(side, |n| matches!(n, Notice::Open)) > 0;
        if open(At::Server) && open(At::Caller) {
            return Some(world.elapsed());
        }
    }
    None
}

#[test]
fn with_a_third_of_the_packets_lost_a_call_connects_within_seconds() {
    let stormy = Weather { loss: 0.3, ..CALM };
    // Handshakes roll dice of their own: no two runs are the same.
    let took = (0..200).filter_map(|n| connected(stormy, 2 * n));
    let mut took: Vec<_> = took.collect();
    took.sort();
    assert!(took.len() >= 176 && took[100] <= ms(4000), "{took:?}");
}

#[test]
fn packets_that_overtake_each_other_are_put_right_without_a_gap() {
    let gusts = Weather {
        jitter: ms(35),
        ..CALM
    };
    let mut world = talking(gusts, CALM, 2);
    let from = world.elapsed();
    world.run(ms(5000));
    assert!(
        voice_heard(&world, from) >= 99,
        "{}",
        voice_heard(&world, from)
    );
}

#[test]
fn a_storm_is_learnt_within_seconds() {
    let storm = Weather {
        jitter: ms(180),
        ..CALM
    };
    let mut world = talking(storm, CALM, 8);
    world.run(ms(3000));
    let from = world.elapsed();
    world.run(ms(10_000));
    assert!(
        voice_heard(&world, from) >= 97,
        "{}",
        voice_heard(&world, from)
    );
}

#[test]
fn a_storm_that_is_learnt_takes_next_to_nothing() {
    for seed in 20..24 {
        let storm = Weather {
            jitter: ms(200),
            ..CALM
        };
        let mut world = talking(storm, CALM, seed);
        world.run(ms(6000));
        let from = world.elapsed();
        world.run(ms(30_000));
        let gone = voice_gone(&world, from);
        assert!(gone <= 8, "{gone} thousandths");
    }
}

#[test]
fn a_storm_that_comes_back_is_remembered() {
    let mut world = talking(CALM, CALM, 8);
    let mut from = Duration::ZERO;
    for n in 0..6 {
        world.up.weather.jitter = ms(200);
        world.run(ms(4000));
        world.up.weather.jitter = ms(0);
        world.run(ms(12_000));
        if n == 0 {
            from = world.elapsed();
        }
    }
    let gone = voice_gone(&world, from);
    assert!(gone <= 8, "{gone} thousandths");
}

#[test]
fn a_round_trip_is_the_way_alone() {
    let mut world = talking(CALM, CALM, 9);
    speak(&mut world, 20);
    world.run(ms(8000));
    let told = round_trips(&world, Duration::ZERO);
    assert!(!told.is_empty());
    assert!(told.iter().all(|ms| (39.9..41.0).contains(ms)), "{told:?}");
}

#[test]
fn a_voice_fits_itself_to_a_link_that_becomes_narrow() {
    let mut world = talking(CALM, CALM, 10);
    speak(&mut world, 70);
    world.run(ms(5000));
    world.down.weather.kbps = Some(56);
    world.run(ms(12_000));
    let from = world.elapsed();
    world.run(ms(10_000));
    let (before, after) = (
        round_trips(&world, Duration::ZERO),
        round_trips(&world, from),
    );
    let most = before.iter().copied().fold(0.0, f32::max);
    let last = after.last().copied().unwrap_or(f32::MAX);
    assert!(most > 150.0 && last < 120.0, "{before:?}");
    let heard = words_heard(&world, from, 70).len();
    assert!(heard >= 20, "{heard}");
}

/// 75 words are said in those 30 s.
#[test]
fn a_link_that_is_narrow_from_the_start_carries_the_words_after_three_seconds() {
    for kbps in [24, 32, 40] {
        let narrow = Weather {
            kbps: Some(kbps),
            ..CALM
        };
        let mut world = World::new(CALM, narrow, 12);
        world.connect();
        speak(&mut world, 100);
        world.run(ms(3000));
        let from = world.elapsed();
        world.run(ms(30_000));
        let heard = words_heard(&world, from, 100);
        let whole = heard.iter().filter(|(_, long)| *long >= 240).count();
        assert!(whole >= 72, "{kbps} kb/s: {heard:?}");
    }
}

#[test]
fn an_answer_goes_on_at_the_word_where_the_link_broke() {
    for lasts in [5, 15] {
        let mut world = talking(CALM, CALM, 3);
        let from = world.elapsed();
        speak(&mut world, 12);
        world.run(ms(2000 + 150));
        world.black_out(ms(1000 * lasts));
        world.run(ms(1000 * lasts + 6000));
        assert_eq!(world.count(At::Server, |n| *n == Notice::Quiet), 1);
        assert_eq!(world.count(At::Server, |n| *n == Notice::Back), 1);
        let heard = words_heard(&world, from, 12);
        let order: Vec<usize> = heard.iter().map(|(n, _)| *n).collect();
        // The fifth word was cut, and is said again from its start.
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "{heard:?}");
        assert!(
            heard.iter().all(|(n, long)| *n == 5 || *long <= 320),
            "{heard:?}"
        );
        let stopped = |n: &Notice| matches!(n, Notice::Voice(playout::Event::Stopped { .. }));
        assert_eq!(world.count(At::Server, stopped), 1);
    }
}

#[test]
fn what_was_said_into_the_void_was_not_heard() {
    let mut world = talking(CALM, CALM, 4);
    speak(&mut world, 12);
    world.run(ms(1000));
    world.black_out(ms(30_000));
    world.run(ms(3000));
    let now = world.now();
    world
        .server
        .with_voice(now, |voice| voice.flush(EPOCH, now));
    world.run(ms(100));
    let played = world.told.iter().find_map(|(_, at, notice)| match notice {
        Notice::Voice(playout::Event::Flushed { played_ms, .. }) if *at == At::Server => {
            Some(*played_ms)
        }
        _ => None,
    });
    assert!((920..=1020).contains(&played.unwrap()), "{played:?}");
}

#[test]
fn a_caller_whose_microphone_is_off_hears_each_word_once() {
    let mut world = talking(CALM, CALM, 5);
    let from = world.elapsed();
    speak(&mut world, 12);
    world.run(ms(600));
    let now = world.now();
    world.caller.play_packets(Vec::new(), false, false, now);
    world.run(ms(12_000));
    let heard = words_heard(&world, from, 12);
    assert_eq!(heard.len(), 12, "{heard:?}");
}

#[test]
fn a_call_outlives_a_nat_that_forgets_it() {
    let mut world = talking(CALM, CALM, 6);
    world.rebind();
    world.run(ms(6000));
    let from = world.elapsed();
    world.run(ms(2000));
    assert!(
        voice_heard(&world, from) >= 99,
        "{}",
        voice_heard(&world, from)
    );
    assert!(!world.server.is_closed());
}

#[test]
fn a_caller_who_comes_into_another_network_goes_on_there() {
    let mut world = talking(CALM, CALM, 9);
    speak(&mut world, 12);
    world.run(ms(1000));
    world.roam();
    world.run(ms(1500));
    let from = world.elapsed();
    world.run(ms(1000));
    assert!(
        voice_heard(&world, from) >= 99,
        "{}",
        voice_heard(&world, from)
    );
    let words = words_heard(&world, from, 12);
    assert!(words.len() >= 2, "{words:?}");
    let connected = |n: &Notice| matches!(n, Notice::Connected(_));
    assert_eq!(
        world.count(At::Server, connected),
        1,
        "the handshake was made once"
    );
}

#[test]
fn who_is_never_heard_of_again_is_freed_after_twenty_seconds() {
    let mut world = talking(CALM, CALM, 7);
    world.black_out(ms(60_000));
    world.run(ms(19_000));
    assert!(!world.server.is_closed());
    world.run(ms(1500));
    assert_eq!(
        world.count(At::Server, |n| *n == Notice::Closed("timeout")),
        1
    );
}

#[test]
fn a_text_that_is_too_long_for_the_caller_is_refused_and_a_later_one_is_not() {
    let mut world = talking(CALM, CALM, 10);
    let refused: Vec<usize> = [200_000, 1, 300_000, 2]
        .into_iter()
        .filter(|length| !world.tell("x".repeat(*length)))
        .collect();
    world.run(ms(5000));
    let told = world.told.iter();
    let came: Vec<usize> = told
        .filter_map(|(_, at, notice)| match notice {
            Notice::Text(text) if *at == At::Caller => Some(text.len()),
            _ => None,
        })
        .collect();
    assert_eq!((came, refused), (vec![200_000, 1, 2], vec![300_000]));
}

#[test]
fn a_full_channel_refuses_texts_until_the_caller_takes_them_again() {
    let mut world = talking(CALM, CALM, 13);
    world.black_out(ms(4000));
    let mut sent = 0;
    while world.tell("x".repeat(50_000)) {
        sent += 1;
    }
    assert!(
        (40..=44).contains(&sent),
        "two buffers of a megabyte: {sent}"
    );
    world.run(ms(15_000));
    assert!(world.tell("y".to_owned()));
    world.run(ms(1000));
    let came = world.count(At::Caller, |n| matches!(n, Notice::Text(_)));
    assert_eq!(came, sent + 1);
}
