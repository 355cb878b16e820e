//! What the media thread tells the other side of the seam.

use std::sync::Arc;
use std::time::Instant;

use crate::playout;
use crate::sdp::SdpError;

/// Whose sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    User,
    Agent,
}

/// Something that happened to a peer. Samples are 16 kHz of the caller's audio; positions are in
/// milliseconds of the audio of that epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// ICE and DTLS are up, over "udp" or "tcp".
    Connected(&'static str),
    /// The data channel is open.
    Open,
    Text(String),
    Audio {
        at: u64,
        pcm: Vec<i16>,
    },
    Speech {
        on: bool,
        at: u64,
        /// Level of the agent's echo against all that is heard, dB; none where no echo is known.
        echo_db: Option<f32>,
    },
    Voice(playout::Event),
    /// First audible frame of an epoch, with its RTP time, and when it went.
    Started {
        epoch: u32,
        rtp: u32,
        at: Instant,
    },
    /// A frame for the client of a peer without transport.
    Output {
        epoch: u32,
        pcm: Vec<i16>,
    },
    /// 20 ms (mostly) of a call that is recorded. `ticks` count 48 kHz on that side's own clock;
    /// `began` is when its sound did.
    Packet {
        side: Side,
        ticks: u64,
        began: Instant,
        opus: Arc<[u8]>,
    },
    /// The answer to a later offer, or a later offer of ours.
    Described(Result<String, SdpError>),
    /// Whether the caller's camera sends (`comes`), and whether the caller takes pictures (`goes`);
    /// told where video was agreed on, and when it changes.
    Video {
        comes: bool,
        goes: bool,
    },
    /// The picture that somebody wanted to see, and when it was taken.
    Picture {
        taken: Instant,
        width: u16,
        height: u16,
        webp: Vec<u8>,
    },
    /// The same of a caller who films with H.264: what is still to be decoded (Annex B).
    KeyFrame {
        taken: Instant,
        h264: Vec<u8>,
    },
    /// Nobody is known to listen (see `presence`): the voice waits where it was last heard.
    Quiet,
    /// The caller is heard of again, and the voice goes on.
    Back,
    Rtt {
        ms: f32,
        loss: f32,
    },
    Closed(&'static str),
}

impl Notice {
    /// Audio may be dropped when the inbox is full; nothing else may.
    pub fn droppable(&self) -> bool {
        matches!(
            self,
            Self::Audio { .. } | Self::Output { .. } | Self::Packet { .. }
        )
    }

    /// What it holds of a size that others choose.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Picture { webp, .. } => webp.len(),
            Self::KeyFrame { h264, .. } => h264.len(),
            _ => 0,
        }
    }
}
