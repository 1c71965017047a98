//! Sorting in little code: the standard library's adds 4 KB of WASM for each type.

use std::cmp::Ordering;

/// Sorts in place by heap. Items the order calls equal end up in any order: compare them to the last name.
pub(crate) fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut end = items.len();
    let mut root = end / 2;
    while end > 1 {
        if root > 0 {
            root -= 1;
        } else {
            end -= 1;
            items.swap(0, end);
        }
        sift_down(items.get_mut(..end).unwrap_or_default(), root, &compare);
    }
}

/// Moves the item at `at` below every greater one under it.
fn sift_down<T>(heap: &mut [T], mut at: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    let is_less = |heap: &[T], left: usize, right: usize| match (heap.get(left), heap.get(right)) {
        (Some(left), Some(right)) => compare(left, right).is_lt(),
        _ => false,
    };
    loop {
        let mut child = 2 * at + 1;
        if is_less(heap, child, child + 1) {
            child += 1;
        }
        if !is_less(heap, at, child) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(mut items: Vec<u8>) {
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_by(&mut items, u8::cmp);
            prop_assert_eq!(items, expected);
        }
    }
}
