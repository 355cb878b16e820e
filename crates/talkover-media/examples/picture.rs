//! What a picture costs: a key frame put together of its packets, as WebP, and taken apart again.
//!
//! `cargo run --release -p talkover-media --example picture`; prints JSON, microseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use talkover_media::assembler::{Assembler, KeyFrame};
use talkover_media::vp8::packets;
use talkover_media::webp;

const ROUNDS: usize = 2000;
/// Of a picture of 1280 × 720, from coarse to as fine as a camera sends.
const KILOBYTES: [usize; 3] = [20, 50, 150];
const GOAL_US: f64 = 50.0;

fn main() {
    let mut lines = Vec::new();
    let mut met = true;
    for kilobytes in KILOBYTES {
        let frame = key_frame(kilobytes * 1024);
        let (mut whole, mut last, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let began = Instant::now();
            let parts = packets(&frame, round as u16);
            apart.push(began.elapsed());
            let (all, final_one) = put_together(&parts, &frame);
            whole.push(all);
            last.push(final_one);
        }
        let (webp_us, all_us) = (percentile(&mut last, 95), percentile(&mut whole, 95));
        met &= kilobytes > 50 || webp_us <= GOAL_US;
        lines.push(format!(
            "{{\"kilobytes\": {kilobytes}, \"webp_p50_us\": {:.1}, \"webp_p95_us\": {webp_us:.1}, \
             \"all_packets_p95_us\": {all_us:.1}, \"taken_apart_p95_us\": {:.1}}}",
            percentile(&mut last, 50),
            percentile(&mut apart, 95),
        ));
    }
    println!(
        "{{\"rounds\": {ROUNDS}, \"goal_webp_us\": {GOAL_US}, \"met\": {met}, \"pictures\": [{}]}}",
        lines.join(", ")
    );
}

/// Time of all packets, and of the last one, with which the WebP is made.
fn put_together(parts: &[Arc<[u8]>], frame: &[u8]) -> (Duration, Duration) {
    let mut assembler = Assembler::default();
    let began = Instant::now();
    let mut final_one = began;
    let mut found = None;
    for (n, part) in parts.iter().enumerate() {
        final_one = Instant::now();
        found = assembler.push(n as u64, 0, n + 1 == parts.len(), part);
    }
    let took = (began.elapsed(), final_one.elapsed());
    let Some(KeyFrame::WebP(whole)) = found else {
        panic!("the picture is not whole");
    };
    assert_eq!(webp::to_send(&whole.webp), Ok(frame));
    took
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6
}

fn key_frame(length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
    frame[..10].copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
    frame
}
