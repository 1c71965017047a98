//! Sorting in little code: the standard library's adds 4 KB of WASM for each type.

use std::cmp::Ordering;

/// Fewer items than this are put in their places one by one, which takes the fewest comparisons.
const FEW: usize = 64;

/// Sorts in place. Items the order calls equal end up in any order: compare them to the last name.
pub(crate) fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let length = items.len();
    sort(length, &mut Items { items, compare });
}

/// What a sort does with items, whatever they are: so there is one sort for all types.
trait Sorted {
    fn is_less(&self, left: usize, right: usize) -> bool;
    fn swap(&mut self, left: usize, right: usize);
}

struct Items<'a, T, F> {
    items: &'a mut [T],
    compare: F,
}

impl<T, F: Fn(&T, &T) -> Ordering> Sorted for Items<'_, T, F> {
    fn is_less(&self, left: usize, right: usize) -> bool {
        match (self.items.get(left), self.items.get(right)) {
            (Some(left), Some(right)) => (self.compare)(left, right).is_lt(),
            _ => false,
        }
    }

    fn swap(&mut self, left: usize, right: usize) {
        self.items.swap(left, right);
    }
}

#[inline(never)]
fn sort(length: usize, items: &mut dyn Sorted) {
    if length < FEW {
        insertion_sort(length, items);
    } else {
        heap_sort(length, items);
    }
}

/// Looks the place of each item up by halves among those before it.
fn insertion_sort(length: usize, items: &mut dyn Sorted) {
    for last in 1..length {
        let (mut first, mut end) = (0, last);
        while first < end {
            let middle = usize::midpoint(first, end);
            if items.is_less(last, middle) {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        for place in (first..last).rev() {
            items.swap(place, place + 1);
        }
    }
}

fn heap_sort(length: usize, items: &mut dyn Sorted) {
    let mut end = length;
    let mut root = end / 2;
    while end > 1 {
        if root > 0 {
            root -= 1;
        } else {
            end -= 1;
            items.swap(0, end);
        }
        sift_down(items, root, end);
    }
}

/// Moves the item at `root` below every greater one under it: its way down goes by the greater child, and it mostly ends near
/// the bottom, so the place is looked for from there. That takes half the comparisons of asking at every step.
fn sift_down(heap: &mut dyn Sorted, root: usize, end: usize) {
    let mut place = root;
    while 2 * place + 1 < end {
        let child = 2 * place + 1;
        place = child + usize::from(child + 1 < end && heap.is_less(child, child + 1));
    }
    while place > root && heap.is_less(place, root) {
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
        fn sorts_as_the_standard_library_does(mut items in prop::collection::vec(any::<u8>(), 0..2 * FEW)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_by(&mut items, u8::cmp);
            prop_assert_eq!(items, expected);
        }
    }
}
