//! Hostile streams of framed packets (RFC 4571 §2).

use talkover_media::framing::{BadFrame, Deframer, frame};

use crate::call::Call;

fn cut(stream: &[&[u8]]) -> Result<Vec<Vec<u8>>, BadFrame> {
    let (mut deframer, mut found) = (Deframer::default(), Vec::new());
    for part in stream {
        deframer.push(part);
        while let Some(packet) = deframer.packet()? {
            found.push(packet.to_vec());
        }
    }
    Ok(found)
}

#[test]
fn the_packets_of_a_call_survive_a_cut_at_any_byte() {
    let mut call = Call::new();
    call.run_until(|call| call.connected);
    let mut stream = Vec::new();
    for packet in &call.captured {
        frame(packet, &mut stream);
    }
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(cut(&[head, tail]).as_ref(), Ok(&call.captured));
    }
}

#[test]
fn a_length_that_no_packet_has_ends_the_stream_before_its_bytes_are_kept() {
    for length in [0, 4097, 65_535_u16] {
        let [high, low] = length.to_be_bytes();
        assert_eq!(cut(&[&[high], &[low]]), Err(BadFrame), "{length}");
    }
}

#[test]
fn a_packet_that_never_ends_is_waited_for_and_no_other_is_made_of_it() {
    let body = [&[0x10, 0x00][..], &[7; 4095]].concat();
    let parts: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(cut(&parts), Ok(Vec::new()));
}
