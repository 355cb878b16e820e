//! What anybody may send to the media port, and what must hold whatever that is.

#[path = "../network/due.rs"]
mod due;
#[path = "../network/link.rs"]
#[expect(
    dead_code,
    reason = "of the network's link only its dice are used here"
)]
mod link;
#[path = "../network/sound.rs"]
mod sound;

mod call;
mod framing;
mod fuzz;
mod isolation;
mod packets;
mod table;
