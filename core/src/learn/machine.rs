//! Which servers are on one machine: their answers slow one another.

use crate::number::Between as _;

/// The weight of the newest call in the belief.
const LEARNED: f64 = 0.15;
/// The least share of a call's time that another server must have worked for the call to teach about it.
const TELLING: f64 = 0.05;
/// Two servers that each slow the other by more than this are believed to be on one machine. Both must, since a server that has become
/// slower by itself slows no other.
const TOGETHER: f64 = 0.4;
/// Two servers that slow each other by less than this are no longer believed to be on one machine. It is lower than [`TOGETHER`], so
/// that the belief does not flip to and fro.
const APART: f64 = 0.2;

/// What another server did while an answer was written.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Beside {
    /// The share of that time it worked, 0 to 1.
    pub(crate) share: f64,
    /// It is believed to be on the same machine, so that its work counts already.
    pub(crate) counted: bool,
    /// By how much the two are known to slow each other, both ways.
    pub(crate) mutual: f64,
}

/// How much slower a server's answers are while another one works, by the other's position: 0 where it does not matter, 1
/// where it takes half of the machine.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Slowing {
    by: Vec<f64>,
}

impl Slowing {
    pub(crate) fn by(&self, other: usize) -> f64 {
        self.by.get(other).copied().unwrap_or(0.0)
    }

    /// Adds what somebody else has learned of the other server at this position.
    pub(crate) fn move_by(&mut self, position: usize, by: f64) {
        if by.is_finite() && by != 0.0 {
            self.by.resize(self.by.len().max(position + 1), 0.0);
            if let Some(own) = self.by.get_mut(position) {
                *own = (*own + by).between(0.0, 1.5);
            }
        }
    }

    /// Takes in an answer that was written `slower` times as slow as it would have been alone, by what was believed, while each
    /// other server worked for the given share of it. What it cannot explain is laid to those who worked, each by its share:
    /// over many answers, to those who cause it.
    pub(crate) fn observe(&mut self, slower: f64, others: &[Beside]) {
        let squares: f64 = others.iter().map(|other| other.share * other.share).sum();
        if !slower.is_finite() || squares < TELLING {
            return;
        }
        self.by.resize(others.len(), 0.0);
        let uncounted = self.by.iter().zip(others).filter(|(_, other)| !other.counted);
        let expected: f64 = uncounted.map(|(by, other)| by * other.share).sum();
        let error = (slower - 1.0 - expected).between(-1.0, 1.0);
        for (by, other) in self.by.iter_mut().zip(others) {
            *by = (*by + LEARNED * error * other.share / squares.max(1.0)).between(0.0, 1.5);
        }
    }
}

/// How many times slower an answer was for servers that slow it, and are not believed to be on its machine yet.
pub(crate) fn slower_beside(others: &[Beside]) -> f64 {
    let telling = others.iter().filter(|other| !other.counted && other.mutual > APART);
    1.0 + telling.map(|other| other.mutual * other.share).sum::<f64>()
}

/// Whether two servers are on one machine, by how much they slow each other; `before`: whether they were thought to be.
pub(crate) fn are_together(mutual: f64, before: bool) -> bool {
    mutual > if before { APART } else { TOGETHER }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn beside(share: f64, counted: bool) -> Beside {
        Beside { share, counted, mutual: 0.0 }
    }

    /// Answers of a server that the first of two others slows by half, or not at all.
    fn learned(slows: f64) -> Slowing {
        let (mut slowing, mut random) = (Slowing::default(), Random::new(3));
        for _ in 0..120 {
            let busy = |random: &mut Random| if random.unit() < 0.6 { random.unit() } else { 0.0 };
            let (first, second) = (busy(&mut random), busy(&mut random));
            let noise = 1.0 + 0.3 * (random.unit() - 0.5);
            slowing.observe((1.0 + slows * first) * noise, &[beside(first, false), beside(second, false)]);
        }
        slowing
    }

    #[test]
    fn who_slows_an_answer_is_told_from_who_only_works_at_the_same_time() {
        let shared = learned(1.0);
        assert!(shared.by(0) > TOGETHER && shared.by(1) < APART, "{shared:?}");
        let apart = learned(0.0);
        assert!(apart.by(0) < APART && apart.by(1) < APART, "{apart:?}");
    }

    #[test]
    fn a_belief_that_explains_too_much_is_taken_back() {
        let mut slowing = learned(1.0);
        for _ in 0..60 {
            slowing.observe(0.5, &[beside(1.0, true), beside(0.0, false)]);
        }
        assert!(!are_together(slowing.by(0), true), "{slowing:?}");
    }

    #[test]
    fn absurd_times_teach_nothing() {
        let mut slowing = Slowing::default();
        slowing.observe(f64::NAN, &[beside(1.0, false)]);
        slowing.observe(f64::INFINITY, &[beside(1.0, false)]);
        assert_eq!(slowing, Slowing::default());
    }
}
