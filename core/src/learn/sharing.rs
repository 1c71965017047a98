//! How much the busy runners of a host take from one another: all share one processor, or each has a GPU of its own.

use crate::number::Between as _;

/// The least and the most that runners are believed to take from one another. At 0 no call would be slowed, so none could teach;
/// above 1 they thrash.
const BOUNDS: (f64, f64) = (0.1, 1.5);
/// The least share by which a call must have been slowed, as expected, before it teaches how much runners take from one another.
const TELLING: f64 = 0.3;
/// The least weight of the newest call in the belief, once many have taught.
const LEARNED: f64 = 0.1;
/// Calls that the belief is worth before any call has taught, so that the first one counts for half.
const FIRST: u32 = 1;
/// Calls after which it counts as known.
const KNOWN: u32 = 4;

/// With `b` runners busy each is `1 + taken × (b − 1)` times slower than alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Sharing {
    /// What was learned here; `None` while nothing was.
    own: Option<f64>,
    /// What is usual, while nothing was learned here.
    usual: f64,
    /// Calls that told of it.
    told: u32,
}

/// What is believed of a host before anything was measured.
pub(crate) fn all_shared() -> f64 {
    1.0
}

impl Default for Sharing {
    fn default() -> Self {
        Self { own: None, usual: all_shared(), told: 0 }
    }
}

impl Sharing {
    /// What was believed before, within bounds.
    pub(crate) fn believed(taken: f64) -> Self {
        let own = (taken - all_shared()).abs() > f64::EPSILON;
        Self { own: own.then(|| taken.between(BOUNDS.0, BOUNDS.1)), ..Self::default() }
    }

    /// 1 where runners share all of the host, towards 0 where each has a part of its own.
    pub(crate) fn taken(self) -> f64 {
        self.own.unwrap_or(self.usual)
    }

    /// What was learned here; what is usual where nothing was.
    pub(crate) fn learned(self) -> f64 {
        self.own.unwrap_or_else(all_shared)
    }

    /// What other hosts of its kind have shown.
    pub(crate) fn suppose(&mut self, usual: Option<f64>) {
        self.usual = usual.unwrap_or_else(all_shared);
    }

    /// Adds what other programs have learned of it.
    pub(crate) fn move_by(&mut self, by: f64) {
        if by != 0.0 {
            self.own = Some((self.learned() + by).between(BOUNDS.0, BOUNDS.1));
        }
    }

    /// Whether enough calls have told of it.
    pub(crate) fn is_known(self) -> bool {
        self.told >= KNOWN
    }

    /// Takes in a call that took `slower` times as long as it would have alone, and had `share` of the host by what was believed.
    pub(crate) fn observe(&mut self, slower: f64, share: f64) {
        let believed = 1.0 / share - 1.0;
        let taken = self.taken();
        if believed >= TELLING * taken {
            let told = taken * (slower - 1.0) / believed;
            self.told = self.told.saturating_add(1);
            let new = LEARNED.max(1.0 / f64::from(self.told.saturating_add(FIRST)));
            self.own = Some(taken + new * (told.between(BOUNDS.0, BOUNDS.1) - taken));
        }
    }
}

/// How much runners take from one another on the hosts of one kind where that is known, on average; `None` if it is known of none.
pub(crate) fn usual(of_kind: impl Iterator<Item = Sharing>) -> Option<f64> {
    let (mut sum, mut known) = (0.0, 0.0);
    for sharing in of_kind.filter(|sharing| sharing.is_known()) {
        sum += sharing.taken();
        known += 1.0;
    }
    (known > 0.0).then(|| sum / known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_taken_for_a_usual_one_of_its_kind_until_it_tells_itself() {
        let (mut known, mut other) = (Sharing::default(), Sharing::default());
        assert_eq!(usual([known, other].into_iter()), None);
        for _ in 0..KNOWN {
            known.observe(1.0, 1.0 / (1.0 + known.taken()));
        }
        other.suppose(usual([known, other].into_iter()));
        assert!((other.taken() - known.taken()).abs() < 1e-9 && other.taken() < 0.5, "{other:?}");
        assert!((other.learned() - all_shared()).abs() < 1e-9, "it has learned nothing itself: {other:?}");
        for _ in 0..20 {
            other.observe(2.0, 1.0 / (1.0 + other.taken()));
        }
        assert!(other.taken() > 0.8, "{other:?}");
    }

    #[test]
    fn runners_that_do_not_slow_each_other_are_found_out_and_those_that_do_too() {
        let mut sharing = Sharing::default();
        for _ in 0..60 {
            sharing.observe(1.0, 1.0 / (1.0 + sharing.taken()));
        }
        assert!(sharing.taken() < 0.2, "{sharing:?}");
        for _ in 0..60 {
            sharing.observe(2.0, 1.0 / (1.0 + sharing.taken()));
        }
        assert!((sharing.taken() - 1.0).abs() < 0.05, "{sharing:?}");
        let before = sharing;
        sharing.observe(9.0, 1.0);
        assert_eq!(sharing, before, "a call that was alone tells nothing of it");
        sharing.move_by(-0.2);
        let moved = sharing.taken();
        sharing.observe(2.0, 0.5);
        assert!(
            (sharing.taken() - moved).abs() < 0.2,
            "what others tell leaves it as sure as it was: {sharing:?}"
        );
        let before = sharing;
        sharing.observe(9.0, 1.0);
        assert_eq!(sharing, before);
        for absurd in [f64::NAN, f64::INFINITY, -1e300] {
            sharing.observe(absurd, 0.5);
            assert!(sharing.taken() >= BOUNDS.0 && sharing.taken() <= BOUNDS.1, "{absurd}: {sharing:?}");
        }
    }
}
