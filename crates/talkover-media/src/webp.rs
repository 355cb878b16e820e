//! Lossy WebP: a VP8 key frame with 20 bytes before it (RFC 9649 §2.5), and so the way of a picture
//! between a camera and whoever opens WebP, with no decoder and no encoder.

use crate::vp8;

const HEADER: usize = 20;

/// Why bytes are no picture that can be sent as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebpError {
    #[error("This is not a WebP picture.")]
    NotWebp,
    #[error("This WebP is lossless or animated; a picture to show is a lossy, still one.")]
    NotLossy,
    #[error("This WebP is broken or larger than 512 KiB or 16 megapixels; make it smaller.")]
    Unusable,
}

/// The file of a key frame.
pub fn from_key_frame<'a>(parts: impl Iterator<Item = &'a [u8]>, length: usize) -> Vec<u8> {
    let padded = length + length % 2;
    let mut file = Vec::with_capacity(HEADER + padded);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&((HEADER - 8 + padded) as u32).to_le_bytes());
    file.extend_from_slice(b"WEBPVP8 ");
    file.extend_from_slice(&(length as u32).to_le_bytes());
    for part in parts {
        file.extend_from_slice(part);
    }
    file.resize(HEADER + padded, 0);
    file
}

/// The key frame of a file that can be sent as it is.
pub fn to_send(file: &[u8]) -> Result<&[u8], WebpError> {
    let frame = key_frame(file)?;
    vp8::size(frame).map_or(Err(WebpError::Unusable), |_| Ok(frame))
}

/// The key frame in a file; its transparency and its metadata, where it has them, are left behind.
pub(crate) fn key_frame(file: &[u8]) -> Result<&[u8], WebpError> {
    let (b"RIFF", rest) = split(file, 4)? else {
        return Err(WebpError::NotWebp);
    };
    let (b"WEBP", mut chunks) = split(split(rest, 4)?.1, 4)? else {
        return Err(WebpError::NotWebp);
    };
    while !chunks.is_empty() {
        let (kind, rest) = split(chunks, 4)?;
        let (length, rest) = split(rest, 4)?;
        let length = length.try_into().map_or(0, u32::from_le_bytes) as usize;
        let body = rest.get(..length).ok_or(WebpError::Unusable)?;
        match kind {
            b"VP8 " => return Ok(body),
            b"VP8L" | b"ANIM" | b"ANMF" => return Err(WebpError::NotLossy),
            _ => chunks = rest.get(length + length % 2..).unwrap_or_default(),
        }
    }
    Err(WebpError::Unusable)
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), WebpError> {
    bytes.split_at_checked(at).ok_or(WebpError::NotWebp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(frame: &[u8]) -> Vec<u8> {
        from_key_frame(std::iter::once(frame), frame.len())
    }

    #[test]
    fn a_frame_comes_back_out_of_its_file_whatever_its_length() {
        for length in [1, 2, 999, 1000] {
            let frame = vec![7; length];
            assert_eq!(key_frame(&file(&frame)), Ok(&frame[..]));
            assert_eq!(file(&frame).len() % 2, 0, "chunks are padded");
        }
    }

    #[test]
    fn an_extended_file_gives_its_picture_and_leaves_the_rest() {
        let mut extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
        extended.extend_from_slice(&[0; 10]);
        extended.extend_from_slice(b"ICCP\x03\0\0\0abc\0");
        extended.extend_from_slice(&file(&[1, 2, 3])[12..]);
        assert_eq!(key_frame(&extended), Ok(&[1, 2, 3][..]));
    }

    #[test]
    fn what_is_no_lossy_still_picture_says_so() {
        assert_eq!(key_frame(b""), Err(WebpError::NotWebp));
        assert_eq!(key_frame(b"\x89PNG\r\n\x1a\n...."), Err(WebpError::NotWebp));
        for kind in [b"VP8L", b"ANIM"] {
            let mut other = file(&[0; 8]);
            other[12..16].copy_from_slice(kind);
            assert_eq!(key_frame(&other), Err(WebpError::NotLossy));
        }
        let mut short = file(&[0; 100]);
        short.truncate(60);
        assert_eq!(key_frame(&short), Err(WebpError::Unusable));
    }
}
