//! What a runner keeps of the prompts it has read: one that begins alike is read from where it differs.
//!
//! Ollama keeps the last prompt of each slot and takes the slot whose prompt shares most with the new one.

/// Bytes from one fingerprint to the next at the beginning of a text.
const STEP_BYTES: usize = 256;
/// The share that a model is taken to keep before it has been seen; those with a sliding window keep less.
const KEPT: f64 = 0.9;
/// The share of prompts that another one is taken to continue, before anything is seen.
const CONTINUED: f64 = 0.3;
/// Bytes of text that one token stands for, about.
const BYTES_PER_TOKEN: f64 = 4.0;
/// Weight of the newest observation.
const NEWEST: f64 = 0.3;
/// The share of common tokens from which a prompt counts as the continuation of an earlier one, and takes over its slot.
const SAME: f64 = 0.5;

#[derive(Clone, Debug)]
pub(crate) struct PromptCache {
    /// Fingerprints of the prompts in the slots, the latest last.
    prompts: Vec<Vec<u32>>,
    /// The share of a common beginning that was indeed not read again.
    kept: f64,
    /// The share of prompts that another went on from before they were pushed out.
    continued: f64,
}

impl Default for PromptCache {
    fn default() -> Self {
        Self { prompts: Vec::new(), kept: KEPT, continued: CONTINUED }
    }
}

impl PromptCache {
    /// The share of a prompt that need not be read where this share of it was read before.
    pub(crate) fn kept(&self, share: f64) -> f64 {
        self.kept * share
    }

    /// The share of a prompt that was read before, 0 to 1.
    pub(crate) fn share(&self, prefix: &[u32]) -> f64 {
        self.prompts.iter().map(|read| shared(prefix, read)).fold(0.0, f64::max)
    }

    /// The place of the prompt that makes way for this one, and whether this one goes on from it; none while a slot is free.
    fn successor(&self, prefix: &[u32], slots: u32) -> Option<(usize, bool)> {
        let same = self.prompts.iter().position(|read| shared(prefix, read) >= SAME);
        let full = self.prompts.len() >= slots as usize;
        same.map(|place| (place, true)).or(full.then_some((0, false)))
    }

    /// A slot now holds this prompt; there are `slots` of them.
    pub(crate) fn remember(&mut self, prefix: &[u32], slots: u32) {
        if let Some((place, goes_on)) = self.successor(prefix, slots) {
            let pushed_out = self.prompts.remove(place);
            if !pushed_out.is_empty() {
                self.continued += NEWEST * (f64::from(u8::from(goes_on)) - self.continued);
            }
        }
        self.prompts.push(prefix.to_vec());
    }

    /// Tokens that others will have to read again if this prompt comes, as far as can be expected.
    pub(crate) fn displaced_tokens(&self, prefix: &[u32], slots: u32) -> f64 {
        let Some((place, false)) = self.successor(prefix, slots) else { return 0.0 };
        let steps = self.prompts.get(place).map_or(0, Vec::len);
        let bytes = if steps == 0 { 0 } else { covered(steps - 1) };
        self.continued * self.kept * bytes as f64 / BYTES_PER_TOKEN
    }

    /// This share of what was read before was indeed kept.
    pub(crate) fn observe(&mut self, kept: f64) {
        self.kept += NEWEST * (kept - self.kept);
    }

    /// The runner is gone.
    pub(crate) fn clear(&mut self) {
        self.prompts.clear();
    }
}

/// Bytes of text that the fingerprint at this position covers: 256, 512 … 2 K, then four to each doubling.
fn covered(position: usize) -> usize {
    let nth = position + 1;
    let doublings = (nth / 4).max(1) - 1;
    ((nth - 4 * doublings) << doublings) * STEP_BYTES
}

/// One number for each beginning of a text, longer and longer; equal ones mean equal beginnings. FNV-1a, folded to half.
pub(crate) fn fingerprints<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let (mut hash, mut length, mut all) = (0xcbf2_9ce4_8422_2325_u64, 0, Vec::new());
    let mut next = covered(0);
    for text in texts {
        // No text has this byte: where one ends is part of what is compared.
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            length += 1;
            if length == next {
                all.push((hash ^ (hash >> 32)) as u32);
                next = covered(all.len());
            }
        }
    }
    all
}

/// The share of a text that another begins with too, 0 to 1.
fn shared(text: &[u32], other: &[u32]) -> f64 {
    let same = text.iter().zip(other).take_while(|(one, other)| one == other).count();
    if same == 0 {
        return 0.0;
    }
    // The text ends somewhere between its last fingerprint and the next one.
    let length = (covered(text.len() - 1) + covered(text.len())) as f64 / 2.0;
    covered(same - 1) as f64 / length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: usize) -> String {
        (0..words).map(|word| format!("word {word} ")).collect::<Vec<_>>().concat()
    }

    fn prefix(text: &str) -> Vec<u32> {
        fingerprints(std::iter::once(text))
    }

    #[test]
    fn each_fingerprint_covers_more_than_the_one_before() {
        assert_eq!([0, 1, 6, 7, 8, 11, 12].map(covered), [256, 512, 1_792, 2_048, 2_560, 4_096, 5_120]);
        assert!((0..60).all(|position| covered(position) < covered(position + 1)));
    }

    #[test]
    fn a_conversation_that_goes_on_shares_most_of_its_text() {
        let before = text(400);
        let after = format!("{before} and then some more words to answer");
        let share = shared(&prefix(&after), &prefix(&before));
        assert!(share > 0.8 && share <= 1.0, "{share}");
        assert!(shared(&prefix(&format!("Other: {before}")), &prefix(&before)) < 1e-9);
    }

    #[test]
    fn where_a_text_ends_is_part_of_it() {
        let (one, other) = ("a".repeat(300), "a".repeat(200));
        let both = [one.as_str(), other.as_str()];
        let swapped = [other.as_str(), one.as_str()];
        assert_ne!(fingerprints(both.into_iter()), fingerprints(swapped.into_iter()));
    }

    #[test]
    fn prompts_that_nobody_goes_on_from_are_no_loss() {
        let mut cache = PromptCache::default();
        let other = |nth: usize| prefix(&format!("{nth} {}", text(300)));
        for nth in 0..20 {
            cache.remember(&other(nth), 1);
        }
        assert!(cache.displaced_tokens(&other(99), 1) < 2.0);
    }

    #[test]
    fn a_prompt_goes_on_in_its_own_slot_and_a_new_one_takes_the_oldest() {
        let (first, second, third) = (text(300), format!("B {}", text(300)), format!("C {}", text(300)));
        let mut cache = PromptCache::default();
        cache.remember(&prefix(&first), 2);
        cache.remember(&prefix(&second), 2);
        cache.remember(&prefix(&format!("{first} more")), 2);
        assert!(cache.share(&prefix(&second)) > 0.8);
        assert!(cache.displaced_tokens(&prefix(&first), 2) < 1e-9);
        assert!(
            cache.displaced_tokens(&prefix(&third), 2) > 100.0
                && cache.displaced_tokens(&prefix(&third), 3) < 1e-9
        );
        cache.remember(&prefix(&third), 2);
        assert!(cache.share(&prefix(&second)) < 1e-9 && cache.share(&prefix(&first)) > 0.8);
        cache.clear();
        assert!(cache.share(&prefix(&first)) < 1e-9);
    }
}
