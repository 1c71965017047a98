//! How many requests a server's models answer at a time, as its answers tell.

use crate::names::Millis;

/// Milliseconds for which an upper bound of slots is believed: a server may be started anew with more.
const BELIEVED_MS: u64 = 1_800_000;
/// Milliseconds that pieces of two answers must alternate before both count as written at the same time: the end of a call may be
/// told late, but by less.
pub(crate) const TELLING_MS: u64 = 100;
/// Seconds beyond the time of its prompt that a call must have waited when a slot became free, to count as having waited for it.
const WAITED_S: f64 = 0.5;
/// Calls in a row that waited though fewer were being answered than there are slots, after which the server has fewer slots.
const FEWER: u32 = 3;
/// The most times slower than expected that a prompt is read.
const PATIENCE: f64 = 2.0;

/// Bounds of the number of slots.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Slots {
    /// Slots at least: this many answers were seen to be written by one model at the same time.
    at_least: u32,
    /// Slots at most, since one more call had to wait; and when that was seen.
    at_most: Option<(u32, Millis)>,
    /// Calls in a row that waited while fewer were answered.
    fewer: u32,
}

impl Default for Slots {
    /// One, which is Ollama's own.
    fn default() -> Self {
        Self { at_least: 1, at_most: None, fewer: 0 }
    }
}

/// What a call saw while it waited for its first piece: when another call of its runner ended last, and the most that were being
/// answered when one did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Freed {
    pub(crate) at: Millis,
    pub(crate) answering: u32,
}

impl Slots {
    /// Slots that are there for certain.
    pub(crate) fn known(self) -> u32 {
        self.at_least
    }

    /// Calls that one model may be sent at a time: those that are known to fit, and while none had to wait, as many again, which
    /// finds out.
    pub(crate) fn open(self, now: Millis) -> u32 {
        match self.at_most {
            Some((most, at)) if now.since(at) < BELIEVED_MS => most,
            Some(_) | None => self.at_least.saturating_mul(2),
        }
    }

    /// Takes in that this many answers of one model are being written at the same time.
    pub(crate) fn overlap(&mut self, answers: u32) {
        if answers >= self.at_least {
            self.fewer = 0;
        }
        self.at_least = self.at_least.max(answers);
        if self.at_most.is_some_and(|(most, _)| most < answers) {
            self.at_most = None;
        }
    }

    /// The first piece of a call that was sent at `sent` comes now; its prompt takes `prefill_s` where it has the host to itself.
    pub(crate) fn first_piece(&mut self, now: Millis, sent: Millis, prefill_s: f64, freed: Freed) {
        let (before_s, after_s) = (freed.at.since(sent) as f64 / 1e3, now.since(freed.at) as f64 / 1e3);
        let waited = before_s > PATIENCE * prefill_s + WAITED_S;
        let since = after_s < PATIENCE * prefill_s + WAITED_S;
        if !(waited && since) {
            return;
        }
        // One whose prompt was being read held a slot, too, and was not counted.
        self.fewer = if freed.answering < self.at_least { self.fewer + 1 } else { 0 };
        if self.fewer >= FEWER {
            (self.at_least, self.fewer) = (freed.answering.max(1), 0);
        }
        self.at_most = Some((freed.answering.max(self.at_least), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_by_twice_as_many_until_one_has_to_wait() {
        let mut slots = Slots::default();
        let mut tried = Vec::new();
        // A server of six.
        for _ in 0..4 {
            let open = slots.open(Millis(0));
            tried.push(open);
            slots.overlap(open.min(6));
            if open > 6 {
                let freed = Freed { at: Millis(9_000), answering: 6 };
                slots.first_piece(Millis(9_200), Millis(1_000), 0.2, freed);
            }
        }
        assert_eq!((tried, slots.known()), (vec![2, 4, 8, 6], 6));
        assert_eq!(slots.open(Millis(10_000 + BELIEVED_MS)), 12, "and later it is tried again");
    }

    #[test]
    fn a_call_that_was_read_while_others_were_answered_did_not_wait() {
        for (sent, now, prefill_s) in [(0, 9_100, 8.0), (8_700, 9_100, 0.2), (0, 12_000, 0.2)] {
            let mut slots = Slots::default();
            let freed = Freed { at: Millis(9_000), answering: 1 };
            slots.first_piece(Millis(now), Millis(sent), prefill_s, freed);
            assert_eq!(slots, Slots::default(), "{sent} {now}");
        }
    }

    #[test]
    fn a_server_that_has_fewer_than_it_had_is_found_out() {
        let mut slots = Slots::default();
        slots.overlap(8);
        let mut waited = || {
            slots.first_piece(Millis(9_200), Millis(1_000), 0.2, Freed { at: Millis(9_000), answering: 2 });
            (slots.known(), slots.open(Millis(9_200)))
        };
        assert_eq!([waited(), waited(), waited()], [(8, 8), (8, 8), (2, 2)]);
        slots.overlap(3);
        assert_eq!((slots.known(), slots.open(Millis(9_300))), (3, 6));
    }
}
