//! Elements in an order, found by their index: a tree whose leaves are packed blocks and whose nodes count what is below them.
//! The elements of a large list, and of a large sorted set in the order of their scores.
//!
//! ```text
//!   node │ count │ children …           at most CHILDREN_MAX
//!   leaf │ count │ item │ item │ …      at most LEAF_BYTES, and one item more
//! ```
//!
//! All leaves are equally deep. What is appended at either end fills leaves; in the middle a full leaf is cut in two. A node that
//! has become small is joined with the one beside it. Every change costs the height, two or three, and one leaf. Left out: what
//! the order is; a search is told by a predicate.

use super::allocated;
use super::packed::{item_at, length_bytes, put_item, splice};
use std::ops::Range;

const CHILDREN_MAX: usize = 64;
const LEAF_BYTES: usize = 2048;
const LEAF_ITEMS: usize = 128;

#[derive(Clone, Debug)]
enum Node {
    Leaf { bytes: Vec<u8>, count: usize },
    Inner { children: Vec<Node>, count: usize },
}

#[derive(Clone, Debug)]
pub struct Sequence {
    root: Node,
    /// As the allocator gives them.
    heap: usize,
}

impl Default for Sequence {
    fn default() -> Sequence {
        Sequence { root: Node::Leaf { bytes: Vec::new(), count: 0 }, heap: 0 }
    }
}

/// Where the item at an index of a leaf begins; the end for the index behind the last.
fn offset_of(bytes: &[u8], index: usize) -> usize {
    (0..index).fold(0, |at, _| item_at(bytes, at).end)
}

impl Node {
    fn count(&self) -> usize {
        match self {
            Node::Leaf { count, .. } | Node::Inner { count, .. } => *count,
        }
    }

    /// Of this node alone.
    fn own_heap(&self) -> usize {
        match self {
            Node::Leaf { bytes, .. } => allocated(bytes.capacity()),
            Node::Inner { children, .. } => allocated(children.capacity() * size_of::<Node>()),
        }
    }

    fn first(&self) -> &[u8] {
        match self {
            Node::Leaf { bytes, .. } => &bytes[item_at(bytes, 0)],
            Node::Inner { children, .. } => children[0].first(),
        }
    }

    fn get(&self, index: usize) -> &[u8] {
        match self {
            Node::Leaf { bytes, .. } => &bytes[item_at(bytes, offset_of(bytes, index))],
            Node::Inner { children, .. } => {
                let (child, index) = place(children, index);
                children[child].get(index)
            }
        }
    }

    /// Items from the first on of which `is_before` holds.
    fn partition_point(&self, is_before: &mut dyn FnMut(&[u8]) -> bool) -> usize {
        match self {
            Node::Leaf { bytes, count } => {
                let mut at = 0;
                (0..*count)
                    .position(|_| {
                        let item = item_at(bytes, at);
                        at = item.end;
                        !is_before(&bytes[item])
                    })
                    .unwrap_or(*count)
            }
            Node::Inner { children, .. } => {
                let child = children.partition_point(|child| is_before(child.first())).saturating_sub(1);
                let before: usize = children[..child].iter().map(Node::count).sum();
                before + children[child].partition_point(is_before)
            }
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Node::Leaf { bytes, .. } => bytes.len() < LEAF_BYTES / 4,
            Node::Inner { children, .. } => children.len() < CHILDREN_MAX / 4,
        }
    }

    fn fits_with(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Leaf { bytes: a, count: c }, Node::Leaf { bytes: b, count: d }) => {
                a.len() + b.len() <= LEAF_BYTES / 2 && c + d <= LEAF_ITEMS / 2
            }
            (Node::Inner { children: a, .. }, Node::Inner { children: b, .. }) => a.len() + b.len() <= CHILDREN_MAX / 2,
            _ => false,
        }
    }

    fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Whether this is a leaf with room for one item more.
    fn has_room(&self, length: usize) -> bool {
        matches!(self, Node::Leaf { bytes, count } if bytes.len() + length <= LEAF_BYTES && *count < LEAF_ITEMS)
    }

    /// Inserts an item; answers the right half of a node that was cut.
    fn insert(&mut self, index: usize, item: &[u8], heap: &mut usize) -> Option<Node> {
        match self {
            Node::Leaf { bytes, count } => {
                let length = length_bytes(item.len()) + item.len();
                if *count > 0 && (bytes.len() + length > LEAF_BYTES || *count >= LEAF_ITEMS) {
                    return Some(self.insert_cutting(index, item, heap));
                }
                let before = allocated(bytes.capacity());
                let at = if index == *count { bytes.len() } else { offset_of(bytes, index) };
                // Not doubled at every turn: leaves are many.
                if bytes.capacity() < bytes.len() + length {
                    bytes.reserve_exact(length.max(bytes.len() / 2).max(16));
                }
                insert_at(bytes, at, item);
                *count += 1;
                *heap = *heap + allocated(bytes.capacity()) - before;
                None
            }
            Node::Inner { children, count } => {
                *count += 1;
                let (mut child, mut index) = place_to_insert(children, index);
                // Between two leaves it goes to the one with room, or each insert there would cut one.
                let length = length_bytes(item.len()) + item.len();
                if index == children[child].count()
                    && !children[child].has_room(length)
                    && children.get(child + 1).is_some_and(|next| next.has_room(length))
                {
                    (child, index) = (child + 1, 0);
                }
                let right = children[child].insert(index, item, heap)?;
                let before = allocated(children.capacity() * size_of::<Node>());
                children.insert(child + 1, right);
                let cut = (children.len() > CHILDREN_MAX).then(|| {
                    // What grows at its end keeps full nodes behind it.
                    let at = if child + 2 == children.len() { children.len() - 2 } else { children.len() / 2 };
                    let right = children.split_off(at);
                    children.shrink_to_fit();
                    let moved = right.iter().map(Node::count).sum();
                    *count -= moved;
                    Node::Inner { children: right, count: moved }
                });
                *heap = *heap + allocated(children.capacity() * size_of::<Node>()) - before;
                *heap += cut.as_ref().map_or(0, Node::own_heap);
                cut
            }
        }
    }

    /// Inserts into a full leaf; answers what is to its right from now on.
    fn insert_cutting(&mut self, index: usize, item: &[u8], heap: &mut usize) -> Node {
        let Node::Leaf { bytes, count } = self else { unreachable!("only leaves have items") };
        let before = allocated(bytes.capacity());
        let mut cut = match index {
            _ if index == *count => *count,
            0 => 0,
            _ => (*count / 2).max(1),
        };
        let mut goes_right = index > cut || (index == cut && cut > 0);
        let mut at = offset_of(bytes, cut);
        if LEAF_BYTES < if goes_right { bytes.len() - at } else { at } {
            // A long item is there already: cut where the new one goes, which joins what is shorter.
            (cut, at) = (index, offset_of(bytes, index));
            goes_right = bytes.len() - at < at;
        }
        let mut right = bytes[at..].to_vec();
        bytes.truncate(at);
        bytes.shrink_to_fit();
        let mut right_count = *count - cut;
        *count = cut;
        let (to, to_count, index) =
            if goes_right { (&mut right, &mut right_count, index - cut) } else { (bytes, count, index) };
        let at = offset_of(to, index);
        to.reserve_exact(length_bytes(item.len()) + item.len());
        insert_at(to, at, item);
        *to_count += 1;
        let right = Node::Leaf { bytes: right, count: right_count };
        *heap = *heap + self.own_heap() + right.own_heap() - before;
        right
    }

    /// Takes out a range, showing each item; nodes below may be left empty or small only as far as their parent allows.
    fn remove(&mut self, range: Range<usize>, removed: &mut dyn FnMut(&[u8]), heap: &mut usize) {
        match self {
            Node::Leaf { bytes, count } => {
                let start = offset_of(bytes, range.start);
                let mut end = start;
                for _ in range.clone() {
                    let item = item_at(bytes, end);
                    end = item.end;
                    removed(&bytes[item]);
                }
                bytes.drain(start..end);
                *count -= range.len();
                if bytes.capacity() > 64 && bytes.len() * 4 < bytes.capacity() {
                    let before = allocated(bytes.capacity());
                    bytes.shrink_to(bytes.len() * 2);
                    *heap = *heap + allocated(bytes.capacity()) - before;
                }
            }
            Node::Inner { children, count } => {
                *count -= range.len();
                let mut start = 0;
                let mut touched = None;
                let mut child = 0;
                let mut left = range;
                while !left.is_empty() {
                    let of_child = children[child].count();
                    if left.start < start + of_child {
                        let part = left.start - start..(left.end - start).min(of_child);
                        left.start += part.len();
                        children[child].remove(part, removed, heap);
                        touched.get_or_insert(child);
                    }
                    start += of_child;
                    child += 1;
                }
                let Some(first) = touched else { return };
                let before = allocated(children.capacity() * size_of::<Node>());
                let freed: usize = children[first..child].iter().filter(|c| c.is_empty()).map(Node::own_heap).sum();
                *heap -= freed;
                let mut number = 0;
                children.retain(|node| {
                    let stays = number < first || number >= child || !node.is_empty();
                    number += 1;
                    stays
                });
                for at in [first, first.saturating_sub(1)] {
                    join_at(children, at, heap);
                }
                if children.capacity() > 8 && children.len() * 4 < children.capacity() {
                    children.shrink_to(children.len() * 2);
                }
                *heap = *heap + allocated(children.capacity() * size_of::<Node>()) - before;
            }
        }
    }

    fn each(&self, range: Range<usize>, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match self {
            Node::Leaf { bytes, .. } => {
                let mut at = offset_of(bytes, range.start);
                range.into_iter().all(|_| {
                    let item = item_at(bytes, at);
                    at = item.end;
                    visit(&bytes[item])
                })
            }
            Node::Inner { children, .. } => {
                let mut start = 0;
                children.iter().all(|child| {
                    let count = child.count();
                    let part =
                        range.start.clamp(start, start + count) - start..range.end.clamp(start, start + count) - start;
                    start += count;
                    part.is_empty() || child.each(part, visit)
                })
            }
        }
    }

    fn each_back(&self, range: Range<usize>, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match self {
            Node::Leaf { bytes, .. } => {
                let mut places = [(0u32, 0u32); LEAF_ITEMS];
                let mut at = offset_of(bytes, range.start);
                let count = range.len();
                for place in &mut places[..count] {
                    let item = item_at(bytes, at);
                    *place = (item.start as u32, item.end as u32);
                    at = item.end;
                }
                places[..count].iter().rev().all(|(start, end)| visit(&bytes[*start as usize..*end as usize]))
            }
            Node::Inner { children, count } => {
                let mut end = *count;
                children.iter().rev().all(|child| {
                    let start = end - child.count();
                    let part = range.start.clamp(start, end) - start..range.end.clamp(start, end) - start;
                    end = start;
                    part.is_empty() || child.each_back(part, visit)
                })
            }
        }
    }

    /// Takes out the last leaf; none: this was one.
    fn pop_leaf(&mut self) -> Option<Node> {
        let Node::Inner { children, .. } = self else { return None };
        let last = children.last_mut()?;
        match last.pop_leaf() {
            Some(leaf) => {
                if matches!(last, Node::Inner { children, .. } if children.is_empty()) {
                    children.pop();
                }
                Some(leaf)
            }
            None => children.pop(),
        }
    }

    #[cfg(test)]
    fn check(&self, heap: &mut usize) -> usize {
        *heap += self.own_heap();
        match self {
            Node::Leaf { bytes, count } => {
                assert_eq!(offset_of(bytes, *count), bytes.len());
                assert!(*count <= LEAF_ITEMS && bytes.len() <= LEAF_BYTES + 3003);
                0
            }
            Node::Inner { children, count } => {
                assert_eq!(children.iter().map(Node::count).sum::<usize>(), *count);
                assert!(!children.is_empty() && children.len() <= CHILDREN_MAX);
                let depths: Vec<usize> = children
                    .iter()
                    .map(|child| {
                        assert!(!child.is_empty());
                        child.check(heap)
                    })
                    .collect();
                assert!(depths.windows(2).all(|pair| pair[0] == pair[1]));
                depths[0] + 1
            }
        }
    }
}

fn insert_at(bytes: &mut Vec<u8>, at: usize, item: &[u8]) {
    if at == bytes.len() {
        return put_item(item, bytes);
    }
    let length = length_bytes(item.len());
    let mut head = Vec::with_capacity(5);
    super::packed::put_length(item.len(), &mut head);
    let tail = bytes.len() - at;
    bytes.resize(bytes.len() + length + item.len(), 0);
    bytes.copy_within(at..at + tail, at + length + item.len());
    bytes[at..at + length].copy_from_slice(&head);
    bytes[at + length..at + length + item.len()].copy_from_slice(item);
}

/// Joins the node at a place with the one behind it where one of them is small.
fn join_at(children: &mut Vec<Node>, at: usize, heap: &mut usize) {
    if at + 1 >= children.len() {
        return;
    }
    let (one, other) = (&children[at], &children[at + 1]);
    if !(one.is_small() || other.is_small()) || !one.fits_with(other) {
        return;
    }
    let right = children.remove(at + 1);
    *heap -= right.own_heap() + children[at].own_heap();
    match (&mut children[at], right) {
        (Node::Leaf { bytes, count }, Node::Leaf { bytes: more, count: added }) => {
            bytes.extend_from_slice(&more);
            *count += added;
        }
        (Node::Inner { children, count }, Node::Inner { children: more, count: added }) => {
            children.extend(more);
            *count += added;
        }
        _ => unreachable!("all leaves are equally deep"),
    }
    *heap += children[at].own_heap();
}

/// The child with an index, and the index in it.
fn place(children: &[Node], mut index: usize) -> (usize, usize) {
    for (number, child) in children.iter().enumerate() {
        let count = child.count();
        if index < count {
            return (number, index);
        }
        index -= count;
    }
    unreachable!("an index is below the count")
}

/// The same for an item that goes before an index; at the end of a child rather than at the beginning of the next.
fn place_to_insert(children: &[Node], mut index: usize) -> (usize, usize) {
    for (number, child) in children.iter().enumerate() {
        let count = child.count();
        if index <= count {
            return (number, index);
        }
        index -= count;
    }
    unreachable!("an index is at most the count")
}

impl Sequence {
    pub fn len(&self) -> usize {
        self.root.count()
    }

    /// Bytes of memory, as the allocator gives them.
    pub fn heap_bytes(&self) -> usize {
        self.heap
    }

    /// The item at an index that there is.
    pub fn get(&self, index: usize) -> &[u8] {
        self.root.get(index)
    }

    pub fn insert(&mut self, index: usize, item: &[u8]) {
        if let Some(right) = self.root.insert(index, item, &mut self.heap) {
            let count = self.root.count() + right.count();
            let left = std::mem::replace(&mut self.root, Node::Leaf { bytes: Vec::new(), count: 0 });
            self.root = Node::Inner { children: vec![left, right], count };
            self.heap += self.root.own_heap();
        }
    }

    /// Puts another item in the place of one.
    pub fn set(&mut self, index: usize, item: &[u8]) {
        if !self.root.overwrite(index, item) {
            self.remove(index..index + 1, &mut |_| {});
            self.insert(index, item);
        }
    }

    /// Takes out a range, showing each item.
    pub fn remove(&mut self, range: Range<usize>, removed: &mut dyn FnMut(&[u8])) {
        self.root.remove(range, removed, &mut self.heap);
        loop {
            match &mut self.root {
                Node::Inner { children, .. } if children.len() == 1 => {
                    let only = children.remove(0);
                    self.heap -= self.root.own_heap();
                    self.root = only;
                }
                Node::Inner { children, .. } if children.is_empty() => {
                    self.heap -= self.root.own_heap();
                    self.root = Node::Leaf { bytes: Vec::new(), count: 0 };
                }
                _ => return,
            }
        }
    }

    /// Items from the first on of which `is_before` holds, which must hold of none behind one of which it does not.
    pub fn partition_point(&self, mut is_before: impl FnMut(&[u8]) -> bool) -> usize {
        self.root.partition_point(&mut is_before)
    }

    /// Shows the items of a range until one is answered with false.
    pub fn each(&self, range: Range<usize>, mut visit: impl FnMut(&[u8]) -> bool) {
        self.root.each(range, &mut visit);
    }

    /// The same from the last one on.
    pub fn each_back(&self, range: Range<usize>, mut visit: impl FnMut(&[u8]) -> bool) {
        self.root.each_back(range, &mut visit);
    }

    /// Frees about `max` leaves: the bytes they had; none when nothing is left. It holds nothing that makes sense from then on.
    pub fn free_step(&mut self, max: usize) -> Option<usize> {
        let mut freed = None;
        for _ in 0..max {
            let Some(leaf) = self.root.pop_leaf() else { break };
            freed = Some(freed.unwrap_or(0) + leaf.own_heap());
        }
        freed
    }
}

impl Node {
    /// Writes an item of the same length over another; false if it has another length.
    fn overwrite(&mut self, index: usize, item: &[u8]) -> bool {
        match self {
            Node::Leaf { bytes, .. } => {
                let place = item_at(bytes, offset_of(bytes, index));
                let fits = place.len() == item.len();
                if fits {
                    splice(bytes, place, item);
                }
                fits
            }
            Node::Inner { children, .. } => {
                let (child, index) = place(children, index);
                children[child].overwrite(index, item)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, usize),
        Append(usize),
        Prepend(usize),
        Set(usize, usize),
        Remove(usize, usize),
        Look(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let any = 0usize..10_000;
        let length = prop_oneof![6 => 0usize..40, 1 => 200usize..3000];
        prop_oneof![
            6 => (any.clone(), length.clone()).prop_map(|(at, length)| Step::Insert(at, length)),
            4 => length.clone().prop_map(Step::Append),
            4 => length.clone().prop_map(Step::Prepend),
            2 => (any.clone(), length).prop_map(|(at, length)| Step::Set(at, length)),
            4 => (any.clone(), prop_oneof![4 => 1usize..3, 1 => 1usize..200]).prop_map(|(at, count)| Step::Remove(at, count)),
            2 => (any.clone(), any).prop_map(|(at, end)| Step::Look(at, end)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn it_is_a_vec(steps in proptest::collection::vec(step(), 1..1500)) {
            let mut model: Vec<Vec<u8>> = Vec::new();
            let mut sequence = Sequence::default();
            for (number, step) in steps.into_iter().enumerate() {
                let item = |length: usize| vec![number as u8; length];
                match step {
                    Step::Insert(at, length) => {
                        let at = at % (model.len() + 1);
                        model.insert(at, item(length));
                        sequence.insert(at, &item(length));
                    }
                    Step::Append(length) => {
                        model.push(item(length));
                        sequence.insert(sequence.len(), &item(length));
                    }
                    Step::Prepend(length) => {
                        model.insert(0, item(length));
                        sequence.insert(0, &item(length));
                    }
                    Step::Set(at, length) if !model.is_empty() => {
                        let at = at % model.len();
                        model[at] = item(length);
                        sequence.set(at, &item(length));
                    }
                    Step::Remove(at, count) if !model.is_empty() => {
                        let at = at % model.len();
                        let end = (at + count).min(model.len());
                        let expected: Vec<_> = model.drain(at..end).collect();
                        let mut seen = Vec::new();
                        sequence.remove(at..end, &mut |item| seen.push(item.to_vec()));
                        prop_assert_eq!(seen, expected);
                    }
                    Step::Look(at, end) if !model.is_empty() => {
                        let (at, end) = (at % model.len(), end % model.len());
                        prop_assert_eq!(sequence.get(at), &model[at][..]);
                        let range = at.min(end)..at.max(end);
                        let mut seen = Vec::new();
                        sequence.each(range.clone(), |item| { seen.push(item.to_vec()); true });
                        prop_assert_eq!(&seen[..], &model[range.clone()]);
                        seen.clear();
                        sequence.each_back(range.clone(), |item| { seen.push(item.to_vec()); true });
                        seen.reverse();
                        prop_assert_eq!(&seen[..], &model[range]);
                    }
                    _ => {}
                }
                prop_assert_eq!(sequence.len(), model.len());
            }
            let mut heap = 0;
            sequence.root.check(&mut heap);
            prop_assert_eq!(heap, sequence.heap_bytes());
            let mut left = model.len();
            while sequence.free_step(3).is_some() {
                left -= 1;
                prop_assert!(left > 0);
            }
        }
    }

    #[test]
    fn what_is_ordered_is_found_and_appending_fills_leaves() {
        let mut sequence = Sequence::default();
        for number in 0u64..20_000 {
            sequence.insert(sequence.len(), &number.to_be_bytes());
        }
        for number in (0u64..20_001).step_by(77) {
            assert_eq!(sequence.partition_point(|item| item < &number.to_be_bytes()[..]), number as usize);
        }
        assert!(sequence.heap_bytes() < 20_000 * 12, "{}", sequence.heap_bytes());
    }
}
