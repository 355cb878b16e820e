//! What comes next in simulated time.

use std::time::Instant;

use talkover_media::peer::Peer;

/// When the next packet arrives or the next timer is due, until `end`; none: nothing more.
pub(crate) fn next(arrival: Option<Instant>, peers: [&Peer; 2], end: Instant) -> Option<Instant> {
    let timers = peers.into_iter().filter_map(deadline);
    arrival
        .into_iter()
        .chain(timers)
        .min()
        .filter(|at| *at <= end)
}

/// Tells the peers whose time has come.
pub(crate) fn time_out(peers: [&mut Peer; 2], now: Instant) {
    for peer in peers {
        if deadline(peer).is_some_and(|at| at <= now) {
            peer.handle_timeout(now);
        }
    }
}

fn deadline(peer: &Peer) -> Option<Instant> {
    peer.deadline().filter(|_| !peer.is_closed())
}
