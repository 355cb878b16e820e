//! What goes wrong in one session ends that session.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::channel;
use std::time::Duration;

use talkover_media::driver::Media;
use talkover_media::notice::Notice;

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
