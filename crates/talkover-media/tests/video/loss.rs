//! How long a picture takes over a line that loses packets, with and without asking for them again.

use std::time::Duration;

use crate::line::{Line, key_frame};
use crate::{filming, holds, pictures};

const MS: Duration = Duration::from_millis(1);
const CALLS: u64 = 60;
const LONG: Duration = Duration::from_secs(5);
/// Bytes of a sharp key frame of a camera: 28 packets.
const PICTURE: usize = 30_000;

type Make = fn(Duration, u64) -> Line;

fn with_rtx(delay: Duration, seed: u64) -> Line {
    Line::new(true, delay, seed)
}

/// From `look` to a whole key frame of the caller's camera.
fn looked_for(mut line: Line, loss: u64) -> Duration {
    let frame = filming(&mut line, PICTURE);
    line.loss = loss;
    let (asked, now) = (line.elapsed(), line.now);
    line.server.look(now, LONG);
    line.run(LONG);
    let found = pictures(&line.server_told);
    found.first().map_or(LONG, |(at, webp)| {
        assert!(holds(webp, &frame));
        *at - asked
    })
}

/// From `show` to the whole picture at a caller who waits for it.
fn shown(mut line: Line, loss: u64) -> Duration {
    line.run(3000 * MS);
    let frame = key_frame(640, 480, PICTURE);
    line.loss = loss;
    let (began, now) = (line.elapsed(), line.now);
    line.caller.look(now, LONG);
    line.server.show(frame.clone().into(), now);
    line.run(LONG);
    let found = pictures(&line.caller_told);
    found.first().map_or(LONG, |(at, webp)| {
        assert!(holds(webp, &frame));
        *at - began
    })
}

/// Median, and what nineteen of twenty calls do not exceed.
fn typical(make: Make, delay: Duration, take: impl Fn(Line) -> Duration) -> [Duration; 2] {
    let mut all: Vec<Duration> = (1..=CALLS).map(|seed| take(make(delay, seed))).collect();
    all.sort();
    [all[all.len() / 2], all[all.len() * 19 / 20]]
}

/// Shows the table with `--nocapture`.
#[test]
fn what_is_lost_of_a_picture_comes_again_long_before_a_new_one_would() {
    for (delay, loss) in [(20, 5), (20, 10), (75, 10)] {
        let [alone, helped] = [Line::without_rtx, with_rtx].map(|make: Make| {
            let look = typical(make, delay * MS, |line| looked_for(line, loss));
            let show = typical(make, delay * MS, |line| shown(line, loss));
            [look, show]
        });
        println!("round trip {} ms, loss {loss} %", 2 * delay);
        println!("  [look, show] as [p50, p95]: {alone:?} without, {helped:?} with NACK and RTX");
        for (alone, helped) in alone.iter().zip(helped) {
            assert!(helped[0] < 3 * delay * MS + 200 * MS, "{helped:?}");
            assert!(helped[1] < 1000 * MS, "{helped:?}");
            assert!(2 * helped[0] < alone[0], "{helped:?}, {alone:?}");
        }
    }
}
