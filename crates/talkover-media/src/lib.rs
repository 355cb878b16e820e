//! Real-time media: WebRTC peers on one port, voice detection, reflex and playout.
//!
//! Everything but `driver` is sans-IO: it takes `(input, now)`, returns outputs, and never reads a
//! clock, opens a socket or starts a thread.
#![forbid(unsafe_code)]

pub mod assembler;
pub mod camera;
pub mod codec;
mod congestion;
pub mod denoise;
pub mod driver;
pub mod ear;
pub mod echo;
mod effort;
mod fft;
pub mod framing;
mod h264;
pub mod inbox;
pub mod jitter;
pub mod notice;
mod patience;
pub mod peer;
pub mod playout;
pub mod presence;
pub mod record;
pub mod reflex;
pub mod resample;
pub mod router;
pub mod screen;
pub mod sdp;
pub mod simulation;
pub mod stats;
pub mod vad;
pub mod voice;
pub mod vp8;
pub mod webp;
