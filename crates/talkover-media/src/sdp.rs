//! Session descriptions: bounds before parsing, and errors that a client may read.

use str0m::change::{SdpAnswer, SdpOffer};

use crate::assembler;

/// Far above what any browser sends (about 6 KiB), far below what costs anything to look at.
pub const MOST_BYTES: usize = 64 * 1024;
const MOST_LINES: usize = 2000;
const MOST_MEDIA: usize = 16;
const MOST_CANDIDATES: usize = 200;

/// Why a description was refused. The text says what to do and holds nothing internal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    #[error("The SDP is larger than 64 KiB; send the offer as the browser made it.")]
    TooLarge,
    #[error("The SDP has too many {0}; offer one audio line and one data channel.")]
    TooMany(&'static str),
    #[error("This is not SDP that can be read; send the text of the offer with its line ends.")]
    Malformed,
    #[error("The offer has no audio; add an audio track or transceiver before creating it.")]
    NoAudio,
    #[error("The offer has no Opus; offer audio with the codec opus/48000/2.")]
    NoOpus,
    #[error("The offer cannot be answered; it needs ICE credentials and a SHA-256 fingerprint.")]
    Refused,
}

/// Reads an offer that was checked for size, audio and Opus.
pub fn read_offer(text: &str) -> Result<SdpOffer, SdpError> {
    check_bounds(text)?;
    let offer = SdpOffer::from_sdp_string(text).map_err(|_| SdpError::Malformed)?;
    let mut lines = text.lines().map(str::trim_end);
    if !lines.clone().any(|line| line.starts_with("m=audio ")) {
        return Err(SdpError::NoAudio);
    }
    let opus = |line: &str| {
        line.strip_prefix("a=rtpmap:")
            .is_some_and(|rest| rest.to_ascii_lowercase().contains(" opus/48000"))
    };
    if !lines.any(opus) {
        return Err(SdpError::NoOpus);
    }
    Ok(offer)
}

/// What its caller can film with, of what a picture can be made of: VP8 first, for a picture of it
/// needs no decoder.
pub(crate) fn filmed(offer: &str) -> assembler::Codec {
    let names = |codec: &str| {
        let mut lines = offer.lines();
        lines.any(|line| line.starts_with("a=rtpmap:") && line.to_ascii_uppercase().contains(codec))
    };
    if names(" H264/90000") && !names(" VP8/90000") {
        assembler::Codec::H264
    } else {
        assembler::Codec::Vp8
    }
}

pub fn read_answer(text: &str) -> Result<SdpAnswer, SdpError> {
    check_bounds(text)?;
    SdpAnswer::from_sdp_string(text).map_err(|_| SdpError::Malformed)
}

fn check_bounds(text: &str) -> Result<(), SdpError> {
    if text.len() > MOST_BYTES {
        return Err(SdpError::TooLarge);
    }
    let count = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
    if count("") > MOST_LINES {
        return Err(SdpError::TooMany("lines"));
    }
    if count("m=") > MOST_MEDIA {
        return Err(SdpError::TooMany("media lines"));
    }
    if count("a=candidate:") > MOST_CANDIDATES {
        return Err(SdpError::TooMany("candidates"));
    }
    Ok(())
}

/// An answer with what str0m leaves out.
pub(crate) fn completed(answer: &str) -> String {
    with_bandwidth(&with_playback_rate(&with_msid(answer)))
}

/// Enough for a sharp key frame; a stream of which nobody looks at most is worth no more.
fn with_bandwidth(answer: &str) -> String {
    let Some(video) = answer.find("m=video ") else {
        return answer.to_owned();
    };
    let (before, video) = answer.split_at(video);
    let connection = "c=IN IP4 0.0.0.0\r\n";
    // Its place is after the connection (RFC 8866 §5).
    let limited = video.replacen(connection, &format!("{connection}b=AS:1000\r\n"), 1);
    format!("{before}{limited}")
}

/// Clients read `event.streams[0]`: without a stream id the answer plays nothing.
fn with_msid(answer: &str) -> String {
    if answer.contains("a=msid:") {
        return answer.to_owned();
    }
    answer.replace("a=sendrecv\r\n", "a=sendrecv\r\na=msid:talkover voice\r\n")
}

/// The caller is decoded at 16 kHz: what lies above is worth neither its bits nor the time to take
/// it apart, and senders that are told spend them on the rest (RFC 7587 §6.1).
fn with_playback_rate(answer: &str) -> String {
    let mut maps = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let Some(pt) = maps.find_map(|map| map.strip_suffix(" opus/48000/2")) else {
        return answer.to_owned();
    };
    let fmtp = format!("a=fmtp:{pt} ");
    answer.replace(&fmtp, &format!("{fmtp}maxplaybackrate=16000;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_before_it_is_parsed() {
        assert_eq!(
            read_offer(&"x".repeat(MOST_BYTES + 1)),
            Err(SdpError::TooLarge)
        );
        let media = "v=0\r\n".to_owned() + &"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(17);
        assert_eq!(read_offer(&media), Err(SdpError::TooMany("media lines")));
        let many = "a=candidate:1 1 udp 1 1.1.1.1 1 typ host\r\n".repeat(201);
        assert_eq!(read_offer(&many), Err(SdpError::TooMany("candidates")));
    }

    #[test]
    fn garbage_is_malformed_and_its_error_has_no_internals() {
        for garbage in [
            "",
            "hello",
            "v=0\r\n\0",
            "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio",
        ] {
            let error = read_offer(garbage).unwrap_err();
            assert!(!error.to_string().contains("0x"), "{error}");
        }
    }

    #[test]
    fn an_answer_names_its_stream_and_asks_for_what_is_decoded() {
        let answer = "a=rtpmap:63 red/48000/2\r\na=rtpmap:111 opus/48000/2\r\n\
                      a=fmtp:111 minptime=10;useinbandfec=1\r\na=sendrecv\r\n";
        let text = completed(answer);
        assert!(text.contains("a=fmtp:111 maxplaybackrate=16000;minptime=10;useinbandfec=1\r\n"));
        assert!(text.contains("a=sendrecv\r\na=msid:talkover voice\r\n"));
    }

    #[test]
    fn an_answer_bounds_what_a_camera_sends_and_nothing_else() {
        let line = "c=IN IP4 0.0.0.0\r\na=x\r\n";
        let answer = format!("m=audio 9\r\n{line}m=video 9\r\n{line}m=application 9\r\n{line}");
        let text = with_bandwidth(&answer);
        assert_eq!(text.matches("b=AS:1000\r\n").count(), 1);
        assert!(text.contains("m=video 9\r\nc=IN IP4 0.0.0.0\r\nb=AS:1000\r\na=x\r\n"));
        assert_eq!(with_bandwidth(line), line);
    }
}
