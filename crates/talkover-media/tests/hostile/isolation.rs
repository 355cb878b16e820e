//! What goes wrong in one session ends that session.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use talkover_media::driver::{Action, Media};
use talkover_media::notice::Notice;
use talkover_media::peer::Peer;
use talkover_media::vad::Voice;

/// Far beyond what it takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

#[test]
fn a_panic_in_one_session_ends_it_and_the_next_on_its_thread_goes_on() {
    let media = Media::bind(IpAddr::V4(Ipv4Addr::LOCALHOST), 0, None, 1).expect("a port");
    let ((broken, _), (other, _)) = (media.attach(), media.attach());
    let (done, wait) = channel();
    media.run(broken, Box::new(|_, _| panic!("as a bug would")));
    media.run(
        other,
        Box::new(move |peer, now| {
            peer.hear(&[0; 640], now);
            done.send(peer.is_closed()).expect("the test waits");
        }),
    );
    assert_eq!(wait.recv_timeout(LONGEST), Ok(false));
    let (done, wait) = channel();
    media.run(broken, Box::new(|_, _| panic!("nothing runs in it again")));
    media.run(
        other,
        Box::new(move |_, _| done.send(()).expect("the test waits")),
    );
    assert_eq!(wait.recv_timeout(LONGEST), Ok(()));
    let told = media.inbox().drain();
    let ends: Vec<_> = told
        .iter()
        .filter(|(_, notice)| matches!(notice, Notice::Closed(_)))
        .collect();
    assert_eq!(ends, [&(broken, Notice::Closed("internal error"))]);
    let heard =
        |(id, notice): &(u64, Notice)| *id == other && matches!(notice, Notice::Audio { .. });
    assert!(told.iter().any(heard));
}

/// A caller whose messages nobody takes, because Python stands still.
#[test]
fn who_floods_a_reader_that_stands_still_ends_its_own_call_alone() {
    let media = Media::bind(IpAddr::V4(Ipv4Addr::LOCALHOST), 0, None, 1).expect("a port");
    let ((flooder, _), (other, _)) = (media.attach(), media.attach());
    let closed = |notice: &Notice| matches!(notice, Notice::Closed(_));
    let speech = |rounds: usize| -> Action {
        Box::new(move |peer, now| {
            for voice in [Voice::Sure, Voice::None].iter().cycle().take(2 * rounds) {
                (0..4).for_each(|_| peer.imagine(*voice, now));
            }
        })
    };
    media.run(flooder, speech(10_000));
    media.run(other, speech(1));
    let (done, wait) = channel();
    let (mut told, began) = (Vec::new(), Instant::now());
    let ended = |told: &[(u64, Notice)]| told.iter().any(|(id, n)| *id == flooder && closed(n));
    while !ended(&told) && began.elapsed() < LONGEST {
        let done = done.clone();
        let alive = move |peer: &mut Peer, _| done.send(!peer.is_closed()).expect("waited for");
        media.run(other, Box::new(alive));
        assert_eq!(wait.recv_timeout(LONGEST), Ok(true));
        told.extend(media.inbox().drain());
    }
    let of = |peer, wanted: fn(&Notice) -> bool| {
        let his = told
            .iter()
            .filter(|(id, notice)| *id == peer && wanted(notice));
        his.count()
    };
    let spoke = |notice: &Notice| matches!(notice, Notice::Speech { .. });
    assert!(of(flooder, spoke) < 5000, "{}", of(flooder, spoke));
    assert_eq!(of(flooder, closed), 1);
    assert_eq!((of(other, spoke), of(other, closed)), (2, 0));
}
