//! A doubly linked queue through the entries themselves: entering, leaving and moving cost the same however long it is.
//!
//! An entry has two links: one for the queue of its policy ([`Order`]), one for the entries of its slot ([`SlotEntries`]).

use crate::entries::{Entries, Link, NIL};

/// A queue in the order of a policy.
pub(crate) type Order = Queue<0>;

/// The entries of one slot, in no meaningful order.
pub(crate) type SlotEntries = Queue<1>;

/// A queue through the entries' link number `LINK`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue<const LINK: usize> {
    front: u32,
    back: u32,
}

impl<const LINK: usize> Default for Queue<LINK> {
    fn default() -> Queue<LINK> {
        Queue { front: NIL, back: NIL }
    }
}

impl<const LINK: usize> Queue<LINK> {
    pub fn is_empty(&self) -> bool {
        self.front == NIL
    }

    pub fn front(&self) -> Option<u32> {
        (self.front != NIL).then_some(self.front)
    }

    /// Appends an entry that is not in it.
    pub fn push_back(&mut self, entries: &mut Entries, index: u32) {
        entries[index].links[LINK] = Link { previous: self.back, next: NIL };
        match self.back {
            NIL => self.front = index,
            back => entries[back].links[LINK].next = index,
        }
        self.back = index;
    }

    /// Takes out an entry that is in it.
    pub fn remove(&mut self, entries: &mut Entries, index: u32) {
        let link = std::mem::replace(&mut entries[index].links[LINK], Link::NONE);
        match link.previous {
            NIL => self.front = link.next,
            previous => entries[previous].links[LINK].next = link.next,
        }
        match link.next {
            NIL => self.back = link.previous,
            next => entries[next].links[LINK].previous = link.previous,
        }
    }

    pub fn move_to_back(&mut self, entries: &mut Entries, index: u32) {
        if self.back != index {
            self.remove(entries, index);
            self.push_back(entries, index);
        }
    }

    /// From front to back.
    pub fn iter<'a>(&self, entries: &'a Entries) -> impl Iterator<Item = u32> + use<'a, LINK> {
        let first = self.front();
        std::iter::successors(first, |index| {
            let next = entries[*index].links[LINK].next;
            (next != NIL).then_some(next)
        })
    }
}
