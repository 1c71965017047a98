//! How much memory a host has for models, as the sets of models that are in it together tell.

use crate::names::{Millis, ModelName};

/// Ollama loads a model beside others only into this share of what is free (0.30, `server/sched.go`).
pub(crate) const USABLE_SHARE: f64 = 0.8;
/// Milliseconds for which a set of models that did not fit is believed not to fit: other programs end, and memory may be added.
const BELIEVED_MS: u64 = 1_800_000;

/// A model that a look showed in memory.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SeenModel {
    pub(crate) name: ModelName,
    /// Bytes it takes.
    pub(crate) bytes: f64,
    /// Bytes of those on a GPU.
    pub(crate) gpu_bytes: f64,
    /// It could have left for idleness from then on; `None` where it never would.
    pub(crate) expires: Option<Millis>,
}

/// Bounds of a host's memory for models, in bytes.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Room {
    /// What the last look showed.
    seen: Vec<SeenModel>,
    looked: Millis,
    /// Bytes of the largest set seen in memory together, with what Ollama leaves free beside it.
    at_least: f64,
    /// Bytes of the smallest set that did not fit together, and when that was seen.
    below: Option<(f64, Millis)>,
}

impl Room {
    /// Bytes: between the largest set that was there together and the smallest that could not be; `prior` where no set was
    /// too large so far.
    pub(crate) fn bytes(&self, now: Millis, prior: f64) -> f64 {
        match self.below {
            Some((below, at)) if now.since(at) < BELIEVED_MS => {
                (below * self.at_least.max(0.25 * below).min(below)).sqrt()
            }
            Some(_) | None => prior.max(self.at_least),
        }
    }

    /// When a look last told.
    pub(crate) fn looked(&self) -> Millis {
        self.looked
    }

    /// Whether the last look showed this model.
    pub(crate) fn showed(&self, name: &ModelName) -> bool {
        self.seen.iter().any(|seen| seen.name == *name)
    }

    /// Takes in what a look shows. `most_loaded` models may be there whatever they take; `hidden`: other models that have
    /// come and gone since the last look.
    pub(crate) fn observe(
        &mut self,
        now: Millis,
        current: Vec<SeenModel>,
        most_loaded: usize,
        hidden: &[SeenModel],
    ) {
        let before = std::mem::replace(&mut self.seen, current);
        self.looked = now;
        let is_in = |models: &[SeenModel], name: &ModelName| models.iter().any(|seen| seen.name == *name);
        let arrived: Vec<SeenModel> =
            self.seen.iter().filter(|model| !is_in(&before, &model.name)).cloned().collect();
        let sum: f64 = self.seen.iter().map(|model| model.bytes).sum();
        let on_gpu: f64 = self.seen.iter().map(|model| model.gpu_bytes).sum();
        // Part of it is in main memory: the GPU's own is full.
        if on_gpu > 0.5 * sum && on_gpu < 0.98 * sum {
            self.is_full(now, on_gpu, sum);
            return;
        }
        let left = before.iter().filter(|model| !is_in(&self.seen, &model.name));
        let gone: Vec<&SeenModel> = left.chain(hidden).collect();
        let stayed = |model: &&SeenModel| model.expires.is_none_or(|expires| now < expires);
        let pushed = !gone.is_empty() && gone.iter().all(stayed);
        match arrived.as_slice() {
            [newcomer] if hidden.is_empty() => {
                let rest = sum - newcomer.bytes;
                let needed = newcomer.bytes / USABLE_SHARE;
                if pushed && before.len() < most_loaded {
                    let largest_gone = gone.iter().map(|model| model.bytes).fold(0.0, f64::max);
                    self.below(now, rest + largest_gone + needed);
                }
                // A model that is alone is loaded without a test.
                let together = rest > 0.0;
                self.held(if together { rest + needed } else { sum }, together);
            }
            [] if hidden.is_empty() => self.held(sum, self.seen.len() > 1),
            // Nobody can tell which one pushed out which; all of them together were too much in any case.
            several => {
                let count = before.len() + several.len() + hidden.len();
                let newcomers = several.iter().chain(hidden).map(|model| model.bytes);
                let largest = newcomers.fold(0.0, f64::max);
                if pushed && count <= most_loaded {
                    let gone: f64 = gone.iter().map(|model| model.bytes).sum();
                    self.below(now, sum + gone + largest * (1.0 / USABLE_SHARE - 1.0));
                }
                self.held(sum, self.seen.len() > 1);
            }
        }
    }

    /// So much was there; a single model says nothing against what is known of sets.
    fn held(&mut self, bytes: f64, together: bool) {
        let contradicted = self.below.filter(|(below, _)| bytes >= *below);
        if contradicted.is_none() || together {
            self.at_least = self.at_least.max(bytes);
        }
        // It has been full, with a little more than this.
        if let Some((_, at)) = contradicted.filter(|_| together) {
            self.below = Some((bytes / USABLE_SHARE, at));
        }
    }

    fn below(&mut self, now: Millis, bytes: f64) {
        let known = self.below.filter(|(_, at)| now.since(*at) < BELIEVED_MS);
        self.below = Some((known.map_or(bytes, |(below, _)| below.min(bytes)), now));
        if self.at_least >= bytes {
            // The host has less than it had: what is there now is all that is known to fit.
            self.at_least = self.seen.iter().map(|model| model.bytes).sum::<f64>().min(bytes);
            self.below = Some((bytes, now));
        }
    }

    fn is_full(&mut self, now: Millis, fits: f64, needed: f64) {
        self.at_least = fits;
        self.below = Some((needed, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(names: &[(&str, f64)]) -> Vec<SeenModel> {
        let one = |(name, gb): &(&str, f64)| SeenModel {
            name: (*name).into(),
            bytes: gb * 1e9,
            gpu_bytes: gb * 1e9,
            expires: Some(Millis(300_000)),
        };
        names.iter().map(one).collect()
    }

    fn gb(room: &Room, now: u64) -> f64 {
        room.bytes(Millis(now), 24e9) / 1e9
    }

    #[test]
    fn sets_that_fit_and_sets_that_do_not_close_in_on_the_memory() {
        let mut room = Room::default();
        assert!((gb(&room, 0) - 24.0).abs() < 1e-9, "what is usual, while nothing tells");
        room.observe(Millis(0), seen(&[("a", 4.0), ("b", 5.0)]), 3, &[]);
        room.observe(Millis(1_000), seen(&[("b", 5.0), ("c", 5.0)]), 3, &[]);
        // 5 + 5 ÷ 0.8 fits, 4 + 5 + 5 ÷ 0.8 does not.
        assert!(gb(&room, 1_000) > 11.2 && gb(&room, 1_000) < 15.3, "{room:?}");
        let narrow = gb(&room, 1_000);
        room.observe(Millis(2_000), seen(&[("b", 5.0), ("c", 5.0), ("d", 2.0)]), 3, &[]);
        assert!(gb(&room, 2_000) > narrow && gb(&room, 2_000) < 15.3, "{room:?}");
        assert!((gb(&room, 10_000_000) - 24.0).abs() < 1e-9, "and a while later it is tried again");
    }

    #[test]
    fn what_left_for_idleness_or_by_number_tells_nothing() {
        for (now, most, hidden) in [(400_000, 3, vec![]), (1_000, 1, vec![]), (1_000, 2, seen(&[("c", 3.0)]))]
        {
            let mut room = Room::default();
            room.observe(Millis(0), seen(&[("a", 4.0)]), most, &[]);
            room.observe(Millis(now), seen(&[("b", 5.0)]), most, &hidden);
            assert_eq!(room.below, None, "{now} {most} {hidden:?}");
        }
    }

    #[test]
    fn where_several_came_between_two_looks_all_of_them_together_were_too_much() {
        let mut room = Room::default();
        room.observe(Millis(0), seen(&[("a", 4.5), ("b", 8.0)]), 3, &[]);
        // The third has come and gone meanwhile, or is there with one that came back.
        room.observe(Millis(1_000), seen(&[("a", 4.5)]), 3, &seen(&[("c", 2.0)]));
        assert!(gb(&room, 1_000) > 12.0 && gb(&room, 1_000) < 16.6, "{room:?}");
    }

    #[test]
    fn a_set_that_was_thought_too_large_moves_the_bound_and_does_not_remove_it() {
        let mut room = Room::default();
        room.observe(Millis(0), seen(&[("a", 8.0)]), 3, &[]);
        room.observe(Millis(1_000), seen(&[("b", 4.5)]), 3, &[]);
        assert!(gb(&room, 1_000) < 13.6, "{room:?}");
        room.observe(Millis(2_000), seen(&[("b", 4.5), ("a", 8.0)]), 3, &[]);
        assert!(gb(&room, 2_000) > 14.0 && gb(&room, 2_000) < 17.0, "{room:?}");
    }

    #[test]
    fn a_model_partly_in_main_memory_shows_what_the_gpu_holds() {
        let mut room = Room::default();
        let mut large = seen(&[("large", 20.0)]);
        for model in &mut large {
            model.gpu_bytes = 15e9;
        }
        room.observe(Millis(0), large, 3, &[]);
        assert!(gb(&room, 0) > 15.0 && gb(&room, 0) < 20.0, "{room:?}");
    }

    #[test]
    fn the_latest_evidence_stands_where_the_memory_has_changed() {
        let mut room = Room::default();
        room.observe(Millis(0), seen(&[("a", 4.0), ("b", 5.0)]), 3, &[]);
        room.observe(Millis(1_000), seen(&[("a", 4.0), ("b", 5.0), ("c", 5.0)]), 4, &[]);
        room.observe(Millis(2_000), seen(&[("d", 3.0)]), 4, &[]);
        assert!(gb(&room, 2_000) < 9.0, "{room:?}");
        room.observe(Millis(3_000), seen(&[("d", 3.0), ("a", 4.0), ("b", 5.0)]), 4, &[]);
        assert!(gb(&room, 3_000) >= 12.0, "{room:?}");
    }
}
