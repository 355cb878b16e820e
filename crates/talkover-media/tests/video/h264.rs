//! A caller whose software films with H.264 and nothing else: str0m with its own packetizer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpAnswer;
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output as RtcOutput, Rtc, RtcConfig};
use talkover_media::notice::Notice;
use talkover_media::peer::{Identity, Output, Peer};

use crate::line::key_frame;

const MS: Duration = Duration::from_millis(1);
const CALLER: ([u8; 4], u16) = ([127, 0, 0, 1], 5000);
const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 4000);
const START: [u8; 4] = [0, 0, 0, 1];

fn host(address: ([u8; 4], u16)) -> Candidate {
    Candidate::host(SocketAddr::from(address), "udp").unwrap()
}

/// Looks like a key frame, a picture of `length` bytes, to whoever does not decode it.
fn picture(length: usize) -> Vec<u8> {
    let mut slice: Vec<u8> = (0..length).map(|n| (n % 251) as u8 | 2).collect();
    slice[..2].copy_from_slice(&[0x65, 0x88]);
    let sets: [&[u8]; 2] = [&[0x67, 0x42, 0xc0, 0x1f, 9], &[0x68, 0xce, 9]];
    [&START, sets[0], &START, sets[1], &START, &slice].concat()
}

struct Call {
    caller: Rtc,
    due: Instant,
    mid: Mid,
    server: Peer,
    now: Instant,
    began: Instant,
    told: Vec<Notice>,
    /// Of the server's for a key frame.
    requests: usize,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let identity = Identity::new().unwrap();
        let mut caller = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&identity.provider))
            .clear_codecs()
            .enable_opus(true, false)
            .enable_h264(true)
            .build(now);
        caller.add_local_candidate(host(CALLER));
        let mut api = caller.sdp_api();
        api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let mid = api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        let (server, answer) = Peer::answer(
            &identity,
            &offer.to_sdp_string(),
            &[host(SERVER)],
            now,
            now,
            Arc::default(),
        )
        .unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        caller.sdp_api().accept_answer(pending, answer).unwrap();
        Self {
            caller,
            due: now,
            mid,
            server,
            now,
            began: now,
            told: Vec::new(),
            requests: 0,
        }
    }

    /// Nothing is lost and nothing takes time.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.exchange();
            let next = self
                .server
                .deadline()
                .map_or(self.due, |at| at.min(self.due));
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            self.caller.handle_input(Input::Timeout(self.now)).unwrap();
        }
    }

    fn exchange(&mut self) {
        loop {
            match self.caller.poll_output().unwrap() {
                RtcOutput::Timeout(at) => {
                    self.due = at;
                    if !self.answer() {
                        return;
                    }
                }
                RtcOutput::Transmit(sent) => {
                    let (from, to) = (sent.source, sent.destination);
                    self.server
                        .receive(self.now, Protocol::Udp, from, to, &sent.contents);
                }
                RtcOutput::Event(Event::KeyframeRequest(_)) => self.requests += 1,
                RtcOutput::Event(_) => {}
            }
        }
    }

    /// True: the server had something to say.
    fn answer(&mut self) -> bool {
        let mut spoke = false;
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit(sent) => {
                    spoke = true;
                    let to = CALLER.into();
                    let packet =
                        Receive::new(Protocol::Udp, SERVER.into(), to, &sent.contents).unwrap();
                    self.caller
                        .handle_input(Input::Receive(self.now, packet))
                        .unwrap();
                }
                Output::Notice(notice) => self.told.push(notice),
                _ => {}
            }
        }
        spoke
    }

    fn film(&mut self, frame: Vec<u8>) {
        let since = (self.now - self.began).as_millis() as u64;
        let writer = self.caller.writer(self.mid).unwrap();
        let pt = writer.payload_params().next().unwrap().pt();
        let time = MediaTime::new(since * 90, Frequency::NINETY_KHZ);
        writer.write(pt, self.now, time, frame).unwrap();
        self.run(20 * MS);
    }

    fn key_frames(&self) -> Vec<&Vec<u8>> {
        let found = self.told.iter().filter_map(|notice| match notice {
            Notice::KeyFrame { h264, .. } => Some(h264),
            _ => None,
        });
        found.collect()
    }
}

#[test]
fn a_caller_with_h264_alone_is_seen_and_its_key_frame_told_as_it_came() {
    let mut call = Call::new();
    call.run(1000 * MS);
    let (first, second) = (picture(300), picture(20_000));
    call.film(first);
    assert!(call.key_frames().is_empty(), "nobody looked");
    let agreed = |comes| Notice::Video { comes, goes: false };
    assert!(call.told.contains(&agreed(true)), "{:?}", call.told);
    let now = call.now;
    call.server.look(now, 1000 * MS);
    call.run(20 * MS);
    assert!(call.requests > 0, "a key frame is asked for");
    call.film(second.clone());
    assert_eq!(call.key_frames(), [&second]);
}

#[test]
fn the_agents_picture_is_not_sent_to_who_takes_h264_alone() {
    let mut call = Call::new();
    call.run(1000 * MS);
    let now = call.now;
    call.server.show(key_frame(64, 48, 900).into(), now);
    call.run(100 * MS);
    let pictures = call
        .told
        .iter()
        .any(|told| matches!(told, Notice::Video { goes: true, .. }));
    assert!(!pictures && call.server.deadline().is_some_and(|at| at > call.now));
}
