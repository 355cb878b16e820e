//! How much of the agent's pictures is sent again: a caller may ask for a lost packet (NACK) as
//! often as it likes, and gets no more than was sent anyway.

/// Bytes that may be asked for again at once: what a bad second loses of a picture.
const MOST: usize = 128 * 1024;
/// Packets that were not sent again, in a row, after which nothing is kept for who asks for them.
const PATIENCE: u32 = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Send,
    Refuse,
    /// No receiver that wants a picture asks so: it would ask for a new one.
    Forget,
}

/// What was sent earns what may be sent again.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The payload type of what is sent again (RFC 4588), where that was agreed on.
    pub(super) pt: Option<u8>,
    credit: usize,
    refused: u32,
}

impl Repeats {
    /// So much of a picture is sent.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.credit = (self.credit + bytes).min(MOST);
        self.refused = 0;
    }

    /// A packet is on its way out; of those that are none of these nothing is said.
    pub(super) fn judge(&mut self, packet: &[u8]) -> Again {
        let [128..=191, kind, ..] = *packet else {
            return Again::Send;
        };
        if self.pt != Some(kind & 0x7f) {
            return Again::Send;
        }
        if let Some(left) = self.credit.checked_sub(packet.len()) {
            self.credit = left;
            return Again::Send;
        }
        self.refused += 1;
        if self.refused < PATIENCE {
            Again::Refuse
        } else {
            self.refused = 0;
            Again::Forget
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PT: u8 = 97;

    fn repeats() -> Repeats {
        Repeats {
            pt: Some(PT),
            ..Repeats::default()
        }
    }

    fn packet(pt: u8) -> Vec<u8> {
        let mut packet = vec![0; 1000];
        packet[..2].copy_from_slice(&[0x90, pt]);
        packet
    }

    fn sent(repeats: &mut Repeats, asked: usize) -> usize {
        let packet = packet(PT);
        (0..asked)
            .filter(|_| repeats.judge(&packet) == Again::Send)
            .count()
    }

    #[test]
    fn who_asks_for_the_same_packet_over_and_over_gets_what_was_sent_once_more_and_no_more() {
        let mut repeats = repeats();
        repeats.earn(20_000);
        assert_eq!(sent(&mut repeats, 10_000), 20);
        assert_eq!(sent(&mut repeats, 10_000), 0);
        repeats.earn(10 * MOST);
        assert_eq!(sent(&mut repeats, 10_000), MOST / 1000);
    }

    #[test]
    fn what_is_kept_is_forgotten_once_enough_was_refused() {
        let mut repeats = repeats();
        let packet = packet(PT);
        let told: Vec<Again> = (0..PATIENCE).map(|_| repeats.judge(&packet)).collect();
        assert_eq!(
            told.iter().position(|told| *told == Again::Forget),
            Some(511)
        );
        repeats.earn(1000);
        assert_eq!(repeats.judge(&packet), Again::Send);
        assert_eq!(repeats.judge(&packet), Again::Refuse);
    }

    #[test]
    fn the_voice_a_first_sending_and_reports_are_none_of_it() {
        let mut repeats = repeats();
        for pt in [111, 96, 200, 205] {
            assert_eq!(repeats.judge(&packet(pt)), Again::Send);
        }
    }
}
