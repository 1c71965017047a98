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

/// Moves the item at `root` below every greater one under it: its way down goes by the greater child, and it mostly ends near
/// the bottom, so the place is looked for from there. That takes half the comparisons of asking at every step.
fn sift_down<T>(heap: &mut [T], root: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    let is_less = |heap: &[T], left: usize, right: usize| match (heap.get(left), heap.get(right)) {
        (Some(left), Some(right)) => compare(left, right).is_lt(),
        _ => false,
    };
    let mut place = root;
    while 2 * place + 1 < heap.len() {
        let child = 2 * place + 1;
        place = child + usize::from(is_less(heap, child, child + 1));
    }
    while is_less(heap, place, root) {
        place = (place - 1) / 2;
    }
    while place > root {
        heap.swap(place, root);
        place = (place - 1) / 2;
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
