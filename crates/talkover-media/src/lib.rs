//! Real-time media: WebRTC peers on one port, voice detection, reflex and playout.
//!
//! Everything but `driver` is sans-IO: it takes `(input, now)`, returns outputs, and never reads a
//! clock, opens a socket or starts a thread.
#![forbid(unsafe_code)]

pub mod codec;
pub mod ear;
pub mod jitter;
pub mod playout;
pub mod reflex;
pub mod resample;
pub mod vad;
