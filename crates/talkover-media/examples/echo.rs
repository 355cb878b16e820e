//! How often is the agent's echo taken for the caller, and how soon is the caller heard over it?
//!
//! `cargo run --release -p talkover-media --example echo [ROUNDS]` prints a table for made speech,
//! or for recordings: `TALKOVER_SPEECH` names a folder with `agent/*.raw` and `caller/*.raw`
//! (16 kHz mono s16le).

use std::path::Path;
use std::time::Instant;

use talkover_media::codec::VOICE_FRAME;
use talkover_media::echo::Echo;
use talkover_media::vad::{STEP, Voice};

#[path = "../tests/echo/sim.rs"]
mod sim;
#[path = "../tests/echo/speech.rs"]
mod speech;

use sim::{Dice, Room, Scene, at_level, run};

const AGENT_DB: f32 = -20.0;
const REPLIES: [usize; 2] = [600, 8600];
const REPLY_MS: usize = 6500;
const CALLS: usize = 15;

/// Recordings, or made speech where there are none.
struct Voices {
    agents: Vec<Vec<f32>>,
    callers: Vec<Vec<f32>>,
}

impl Voices {
    fn load() -> Self {
        let folder = std::env::var("TALKOVER_SPEECH").ok();
        let read = |name| {
            folder
                .as_ref()
                .map(|f| recordings(&Path::new(f).join(name)))
        };
        let make = |from: u64, count: u64, ms| {
            (from..from + count)
                .map(|n| speech::speech(n, ms))
                .collect()
        };
        Self {
            agents: read("agent").unwrap_or_else(|| make(0, 15, 2 * REPLY_MS)),
            callers: read("caller").unwrap_or_else(|| make(1000, 40, 1500)),
        }
    }

    fn scene(&self, n: usize, dice: &mut Dice) -> Scene {
        let agent = at_level(&self.agents[n % self.agents.len()], AGENT_DB);
        let middle = agent.len() / 2;
        let reply = |from: usize| agent[from..middle.min(REPLY_MS * 16) + from].to_vec();
        let room = Room {
            lag_ms: dice.between(20.0, 500.0),
            level_db: dice.between(-30.0, -6.0),
            distorts: false,
            change: None,
        };
        Scene {
            seed: n as u64,
            duration_ms: 16_000,
            replies: vec![(REPLIES[0], reply(0)), (REPLIES[1], reply(middle))],
            caller: Vec::new(),
            noise_db: -70.0,
            room: Some(room),
            aware: true,
        }
    }
}

fn recordings(folder: &Path) -> Vec<Vec<f32>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of *.raw")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let bytes = std::fs::read(file).expect("a readable file");
            let (pairs, _) = bytes.as_chunks::<2>();
            let pcm: Vec<f32> = pairs
                .iter()
                .map(|pair| f32::from(i16::from_le_bytes(*pair)))
                .collect();
            from_onset(&pcm)
        })
        .collect()
}

/// Without the silence before it: from the first 10 ms within 30 dB of the loudest.
fn from_onset(pcm: &[f32]) -> Vec<f32> {
    let power = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>();
    let most = pcm.chunks(160).map(power).fold(0.0, f32::max);
    let first = pcm
        .chunks(160)
        .position(|part| power(part) > most / 1000.0)
        .unwrap_or(0);
    pcm[first * 160..].to_vec()
}

type Change = fn(&mut Scene, &mut Dice);

fn echo_alone(name: &str, voices: &Voices, rounds: usize, change: Change) {
    let (mut replies, mut again, mut ducks, mut began, mut holds) = (0, 0, 0, 0, 0);
    for n in 0..CALLS * rounds {
        let mut dice = Dice::new(n as u64);
        let mut scene = voices.scene(n, &mut dice);
        change(&mut scene, &mut dice);
        let found = run(&scene);
        for (first, last) in [(0, REPLIES[1]), (REPLIES[1], usize::MAX)] {
            let count =
                |times: &[usize]| times.iter().filter(|t| (first..last).contains(t)).count();
            replies += 1;
            again += usize::from(count(&found.ducks) > 1);
        }
        ducks += found.ducks.len();
        began += found.began.len();
        holds += found.holds.len();
    }
    println!(
        "{name:22} {replies:4} replies: {ducks:3} ducks ({again} with more than one), \
         {began} speech, {holds} holds"
    );
}

/// `over`: the caller's level against the echo; none: a headset, with the room told or not.
fn callers(name: &str, voices: &Voices, rounds: usize, over: Option<f32>, aware: bool) {
    let mut waits = (Vec::new(), Vec::new(), Vec::new());
    let mut total = 0;
    for n in 0..CALLS * rounds {
        let mut dice = Dice::new(n as u64);
        let mut scene = voices.scene(n, &mut dice);
        scene.aware = aware;
        let echo = scene.room.as_ref().map_or(0.0, |room| room.level_db);
        if over.is_none() {
            scene.room = None;
        }
        for first in REPLIES {
            let at = first + dice.between(2400.0, 4400.0) as usize;
            let pick = dice.unit() * voices.callers.len() as f32;
            let voice = &voices.callers[pick as usize];
            let voice = &voice[..voice.len().min(1500 * 16)];
            let level = AGENT_DB + echo + over.unwrap_or(0.0);
            scene.caller.push((at, at_level(voice, level)));
        }
        let found = run(&scene);
        for (at, _) in &scene.caller {
            total += 1;
            let first = |times: &[usize]| {
                let mut after = times.iter().filter_map(|t| t.checked_sub(*at));
                after.find(|wait| *wait < 1600)
            };
            waits.0.extend(first(&found.ducks));
            waits.1.extend(first(&found.began));
            waits.2.extend(first(&found.holds));
        }
    }
    println!(
        "{name:22} {total:4}: ducked {}, speech {}, held {}",
        spread(waits.0),
        spread(waits.1),
        spread(waits.2)
    );
}

/// How many, p50, p95, and how many within 300 ms.
fn spread(mut waits: Vec<usize>) -> String {
    waits.sort_unstable();
    let quantile = |share: f32| {
        let index = (waits.len().saturating_sub(1) as f32 * share) as usize;
        waits.get(index).copied().unwrap_or(0)
    };
    let soon = waits.iter().filter(|wait| **wait <= 300).count();
    let (p50, p95) = (quantile(0.5), quantile(0.95));
    format!("{:3} {p50:4} {p95:4} ({soon:3} in 300)", waits.len())
}

/// Milliseconds of a core per second in which the agent speaks, with so much `echo` of it.
fn cost(name: &str, echo: f32, voiced: Voice) {
    let pcm = at_level(&speech::speech(7, 60_000), AGENT_DB);
    let mut room = Echo::default();
    let mut spent = std::time::Duration::ZERO;
    for n in 0..pcm.len() / 1280 * 4 {
        let mut frame = [0; VOICE_FRAME];
        for (k, slot) in frame.iter_mut().enumerate() {
            *slot = pcm[(n * 320 + k * 2 / 3) % pcm.len()] as i16;
        }
        let began = Instant::now();
        room.played(n as u64, &frame);
        spent += began.elapsed();
        if n % 4 != 3 {
            continue;
        }
        // 80 ms sent: five steps heard.
        for step in 0..5 {
            let end = (n + 1) / 4 * 5 * STEP - (4 - step) * STEP;
            let heard: Vec<i16> = (end - STEP..end)
                .map(|at| (pcm.get(at.wrapping_sub(2000)).unwrap_or(&0.0) * echo) as i16)
                .collect();
            let began = Instant::now();
            std::hint::black_box(room.judge(&heard, end as u64, voiced));
            spent += began.elapsed();
        }
    }
    let seconds = pcm.len() as f64 / 16_000.0;
    println!(
        "{name:22} {:.3} ms a second",
        spent.as_secs_f64() * 1000.0 / seconds
    );
}

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let voices = Voices::load();
    echo_alone("echo alone", &voices, rounds, |_, _| {});
    echo_alone("in noise (-48 dB)", &voices, rounds, |scene, _| {
        scene.noise_db = -48.0
    });
    echo_alone("distorted", &voices, rounds, |scene, _| {
        if let Some(room) = &mut scene.room {
            room.distorts = true;
        }
    });
    echo_alone("lag moves 20 to 120 ms", &voices, rounds, |scene, dice| {
        if let Some(room) = &mut scene.room {
            let by = dice.between(20.0, 120.0);
            let by = if room.lag_ms > 150.0 && dice.unit() < 0.5 {
                -by
            } else {
                by
            };
            room.change = Some((4000, by, 0.0));
        }
    });
    echo_alone("6 dB louder", &voices, rounds, |scene, _| {
        if let Some(room) = &mut scene.room {
            room.change = Some((4000, 0.0, 6.0));
        }
    });
    callers("headset, before", &voices, rounds, None, false);
    callers("headset", &voices, rounds, None, true);
    callers("caller +6 dB", &voices, rounds, Some(6.0), true);
    callers("caller 0 dB", &voices, rounds, Some(0.0), true);
    callers("caller -6 dB", &voices, rounds, Some(-6.0), true);
    cost("silent microphone", 0.0, Voice::None);
    cost("headset, caller speaks", 0.0, Voice::Sure);
    cost("echo", 0.25, Voice::Sure);
}
