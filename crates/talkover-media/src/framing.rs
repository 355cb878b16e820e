//! RTP, STUN and DTLS over TCP: two bytes of length before each packet (RFC 4571 §2).

/// The longest packet taken from a stream; what browsers send stays under 1500 bytes.
const MOST: usize = 4096;

/// The stream is not what it should be: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFrame;

/// Cuts one direction of a stream into packets.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    used: usize,
}

impl Deframer {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub fn packet(&mut self) -> Result<Option<&[u8]>, BadFrame> {
        let rest = &self.buffer[self.used..];
        let [high, low, body @ ..] = rest else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 || length > MOST {
            return Err(BadFrame);
        }
        if body.len() < length {
            return Ok(None);
        }
        let start = self.used + 2;
        self.used = start + length;
        Ok(Some(&self.buffer[start..self.used]))
    }
}

/// Appends `packet` with its length; longer ones than 65535 bytes do not exist.
pub fn frame(packet: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(packet.len()) else {
        return;
    };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(packet);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_survive_any_cut_of_the_stream() {
        let mut stream = Vec::new();
        for n in 1..50_u8 {
            frame(&vec![n; usize::from(n) * 20], &mut stream);
        }
        for cut in [1, 2, 3, 7, 1000, 100_000] {
            let mut deframer = Deframer::default();
            let mut seen = 0;
            for part in stream.chunks(cut) {
                deframer.push(part);
                while let Some(packet) = deframer.packet().unwrap() {
                    seen += 1;
                    assert_eq!(packet, vec![seen; usize::from(seen) * 20]);
                }
            }
            assert_eq!(seen, 49);
        }
    }

    #[test]
    fn impossible_lengths_end_the_stream() {
        for bytes in [[0, 0, 1], [0xff, 0xff, 1]] {
            let mut deframer = Deframer::default();
            deframer.push(&bytes);
            assert_eq!(deframer.packet(), Err(BadFrame));
        }
    }
}
