//! Packets that a caller made beforehand, sent one every 20 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Tape {
    pub(super) packets: Vec<Arc<[u8]>>,
    pub(super) origin: Instant,
    pub(super) next: u64,
    pub(super) looped: bool,
    pub(super) deaf: bool,
}

impl Tape {
    pub(super) fn due(&self) -> Instant {
        self.origin + Duration::from_millis(20 * self.next)
    }
}
