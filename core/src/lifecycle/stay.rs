//! One model's coming and going on one host: who used it when, how long it has been there, what its absence saves.

use crate::event::ResidentModel;
use crate::lifecycle::gaps::Gaps;
use crate::names::Millis;
use crate::number::Between as _;

/// Milliseconds below which a pause counts as continued use.
const LEAST_GAP_MS: u64 = 1_000;
/// Milliseconds by which an expiry must have moved to count as moved: hosts tell it to the second.
const MOVED_MS: u64 = 2_500;
/// Milliseconds within which a use after an unload shows that the unload came too soon.
const REGRET_MS: u64 = 300_000;
/// The most times the break-even that a model is held after unloads that came too soon.
const PATIENCE_MOST: f64 = 4.0;

/// A model that was unloaded, or would have been.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Absence {
    pub(crate) since: Millis,
    pub(crate) gb: f64,
    /// Without us it would have stayed until then.
    pub(crate) kept_until: Millis,
}

impl Absence {
    /// Gigabyte-seconds saved until `now`: against a host that keeps every model, and against what the host does by itself.
    fn saved(&self, now: Millis) -> (f64, f64) {
        let held = |until: Millis| self.gb * until.since(self.since) as f64 / 1e3;
        (held(now), held(now.min(self.kept_until)))
    }
}

/// What is known of a model's uses on a host.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Stay {
    /// When anybody was last seen to use it.
    pub(crate) used: Option<Millis>,
    /// In memory since then, as far as it was seen.
    pub(crate) since: Option<Millis>,
    /// When it would leave by itself, as of the last look.
    pub(crate) expires: Option<Millis>,
    pub(crate) gaps: Gaps,
    /// How many times longer than the break-even it is held.
    pub(crate) patience: f64,
    /// It is kept until then for a use that is expected.
    pub(crate) reserved_until: Millis,
    pub(crate) absence: Option<Absence>,
    /// `expires` as of its last known use: where looks follow each other closely, each sees it move by too little to tell.
    marked: Option<Millis>,
    /// Gigabyte-seconds saved by absences that are over.
    saved: (f64, f64),
    seen: Option<Millis>,
}

impl Default for Stay {
    fn default() -> Self {
        Self {
            used: None,
            since: None,
            expires: None,
            gaps: Gaps::default(),
            patience: 1.0,
            reserved_until: Millis(0),
            absence: None,
            marked: None,
            saved: (0.0, 0.0),
            seen: None,
        }
    }
}

impl Stay {
    /// Somebody begins to use it.
    pub(crate) fn begin_use(&mut self, now: Millis) {
        if let Some(used) = self.used
            && now.since(used) >= LEAST_GAP_MS
        {
            self.gaps.observe(now.since(used) as f64 / 1e3);
        }
        // What it was kept for has come; where it has not, it is expected on.
        self.reserved_until = Millis(0);
        self.occupy(now);
    }

    /// It is in use, or was until now.
    pub(crate) fn occupy(&mut self, now: Millis) {
        self.used = Some(now);
        let Some(absence) = self.absence.take() else { return };
        let (always, kept) = absence.saved(now);
        self.saved = (self.saved.0 + always, self.saved.1 + kept);
        let factor = if now.since(absence.since) < REGRET_MS { 1.5 } else { 0.9 };
        self.patience = (self.patience * factor).between(1.0, PATIENCE_MOST);
    }

    /// A call or a load shows it in memory.
    pub(crate) fn hold(&mut self, now: Millis) {
        self.since.get_or_insert(now);
    }

    /// A look at its host shows it, or does not. Whatever we have not done ourselves was done by somebody else: it was loaded, its
    /// expiry has moved, or has passed, which means that it is at work.
    pub(crate) fn look(&mut self, now: Millis, resident: Option<&ResidentModel>) {
        let looked = self.seen.replace(now);
        let Some(resident) = resident else {
            (self.since, self.expires, self.marked) = (None, None, None);
            return;
        };
        let left_s = resident.expires_in_s.filter(|_| !resident.pinned);
        let expires = left_s.map(|left_s| now.plus((left_s.max(0.0) * 1e3) as u64));
        let ours = looked.is_some_and(|looked| self.used.is_some_and(|used| used > looked));
        let moved = self.marked.zip(expires).is_some_and(|(before, after)| after.since(before) > MOVED_MS);
        let at_work = left_s.is_some_and(|left_s| left_s < -1.0);
        if self.since.is_none() || (moved && !ours) || at_work {
            self.begin_use(now);
            self.marked = expires;
        }
        if ours || self.marked.is_none() {
            self.marked = expires;
        }
        self.since.get_or_insert(now);
        self.expires = expires;
    }

    /// Seconds that it stays after its last use, as far as the host tells.
    pub(crate) fn session_s(&self) -> Option<f64> {
        let (expires, used) = self.expires.zip(self.used)?;
        Some(expires.since(used) as f64 / 1e3)
    }

    /// Gigabyte-seconds saved until now: against a host that keeps every model, and against what the host does by itself.
    pub(crate) fn saved(&self, now: Millis) -> (f64, f64) {
        let open = self.absence.map_or((0.0, 0.0), |absence| absence.saved(now));
        (self.saved.0 + open.0, self.saved.1 + open.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(expires_in_s: f64) -> ResidentModel {
        ResidentModel { expires_in_s: Some(expires_in_s), ..ResidentModel::default() }
    }

    #[test]
    fn an_expiry_that_moves_without_us_is_somebody_elses_use() {
        let mut stay = Stay::default();
        stay.look(Millis(0), Some(&resident(300.0)));
        stay.look(Millis(60_000), Some(&resident(240.4)));
        assert_eq!(stay.used, Some(Millis(0)), "loaded by somebody");
        stay.look(Millis(120_000), Some(&resident(290.0)));
        assert_eq!(stay.used, Some(Millis(120_000)));
        stay.occupy(Millis(150_000));
        stay.look(Millis(180_000), Some(&resident(270.0)));
        assert_eq!(stay.used, Some(Millis(150_000)), "our own use moved it");
        stay.look(Millis(500_000), Some(&resident(-20.0)));
        assert_eq!(stay.used, Some(Millis(500_000)), "still there after its expiry: at work");
    }

    #[test]
    fn an_expiry_that_moves_a_little_at_each_look_has_moved() {
        let mut stay = Stay::default();
        for tenth in 0..100_u64 {
            // Somebody asks all the time, and its host is looked at ten times a second.
            stay.look(Millis(tenth * 100), Some(&resident(300.0)));
        }
        assert!(stay.used.is_some_and(|used| used.0 > 7_000), "{stay:?}");
    }

    #[test]
    fn an_absence_saves_until_the_next_use_and_against_the_host_until_it_would_have_left() {
        let absence = Absence { since: Millis(100_000), gb: 2.0, kept_until: Millis(150_000) };
        let mut stay = Stay { absence: Some(absence), ..Stay::default() };
        assert_eq!(stay.saved(Millis(110_000)), (20.0, 20.0));
        stay.begin_use(Millis(1_100_000));
        assert_eq!(stay.saved(Millis(9_999_999)), (2_000.0, 100.0));
    }
}
