//! Pictures between two real peers over a simulated network.

mod h264;
mod line;
mod loss;

use std::time::Duration;

use line::{Line, key_frame};
use talkover_media::notice::Notice;

const MS: Duration = Duration::from_millis(1);

fn pictures(notices: &[(Duration, Notice)]) -> Vec<(Duration, Vec<u8>)> {
    let found = notices.iter().filter_map(|(at, notice)| match notice {
        Notice::Picture { webp, .. } => Some((*at, webp.clone())),
        _ => None,
    });
    found.collect()
}

/// The caller's camera comes on, with a picture of `length` bytes.
fn filming(line: &mut Line, length: usize) -> Vec<u8> {
    line.run(3000 * MS);
    let frame = key_frame(640, 480, length);
    let now = line.now;
    line.caller.show(frame.clone().into(), now);
    line.run(2000 * MS);
    frame
}

fn holds(webp: &[u8], frame: &[u8]) -> bool {
    webp.windows(frame.len()).any(|part| part == frame)
}

#[test]
fn a_look_gets_the_cameras_picture_within_a_round_trip() {
    let mut line = Line::new(true, 20 * MS, 0);
    let frame = filming(&mut line, 20_000);
    assert!(pictures(&line.server_told).is_empty(), "nobody looked");
    let (asked, now) = (line.elapsed(), line.now);
    line.server.look(now, 1000 * MS);
    line.run(1000 * MS);
    let found = pictures(&line.server_told);
    assert_eq!(found.len(), 1);
    assert!(holds(&found[0].1, &frame));
    assert!(found[0].0 - asked < 150 * MS, "{:?}", found[0].0 - asked);
}

#[test]
fn lost_packets_are_sent_again_and_a_look_still_succeeds() {
    for seed in 1..=10 {
        let mut line = Line::new(true, 20 * MS, seed);
        let frame = filming(&mut line, 30_000);
        line.loss = 10;
        for _ in 0..3 {
            let before = pictures(&line.server_told).len();
            let now = line.now;
            line.server.look(now, 2000 * MS);
            line.run(2000 * MS);
            let found = pictures(&line.server_told);
            assert_eq!(found.len(), before + 1, "seed {seed}");
            assert!(holds(&found[before].1, &frame));
        }
    }
}

#[test]
fn the_agents_picture_reaches_the_caller_and_is_sent_again_when_it_is_asked_for() {
    let mut line = Line::new(true, 20 * MS, 0);
    line.run(500 * MS);
    let frame = key_frame(320, 240, 9000);
    let now = line.now;
    line.server.show(frame.clone().into(), now);
    line.run(3000 * MS);
    let now = line.now;
    line.caller.look(now, 1000 * MS);
    line.run(1000 * MS);
    let found = pictures(&line.caller_told);
    assert_eq!(found.len(), 1);
    assert!(holds(&found[0].1, &frame));
}

#[test]
fn a_camera_is_told_when_it_comes_and_when_it_is_off() {
    let mut line = Line::new(true, 20 * MS, 0);
    filming(&mut line, 500);
    line.run(6000 * MS);
    let told: Vec<bool> = line
        .server_told
        .iter()
        .filter_map(|(_, notice)| match notice {
            Notice::Video { comes, goes: true } => Some(*comes),
            _ => None,
        })
        .collect();
    assert_eq!(told, [false, true, false]);
}

#[test]
fn a_call_by_voice_alone_has_no_video_at_all() {
    let mut line = Line::new(false, 20 * MS, 0);
    line.run(500 * MS);
    let now = line.now;
    line.server.look(now, 500 * MS);
    line.server.show(key_frame(64, 48, 100).into(), now);
    line.run(1000 * MS);
    let told = line.server_told.iter().chain(&line.caller_told);
    let about_video =
        |notice: &Notice| matches!(notice, Notice::Video { .. } | Notice::Picture { .. });
    assert!(!told.into_iter().any(|(_, notice)| about_video(notice)));
}

#[test]
fn vp8_is_agreed_on_where_it_is_offered_and_h264_only_where_it_is_not() {
    let vp8 = Line::offer(true);
    let h264 =
        "a=rtpmap:125 H264/90000\r\na=fmtp:125 packetization-mode=1;profile-level-id=42e01f\r\n";
    let both = vp8
        .replace("UDP/TLS/RTP/SAVPF 96", "UDP/TLS/RTP/SAVPF 125 96")
        .replace("VP8/90000\r\n", &format!("VP8/90000\r\n{h264}"));
    assert!(both.contains("SAVPF 125 96 ") && both.contains("H264"));
    let answer = Line::answer(&both);
    assert!(
        answer.contains("VP8/90000") && !answer.contains("H264"),
        "{answer}"
    );
    for other in ["H265", "AV1"] {
        let answer = Line::answer(&vp8.replace("VP8/90000", &format!("{other}/90000")));
        assert!(answer.contains("m=video 0 "), "{answer}");
        assert!(answer.contains("m=audio 9 "), "{answer}");
    }
}
