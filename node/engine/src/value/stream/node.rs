//! Some neighbouring entries of a stream as one block. Entries with the names of fields of the first one do not repeat them.
//!
//! ```text
//!   block   │ length of the names │ name │ name │ … │ entry │ entry │ …
//!   entry   │ ms since the first's │ sequence │ 0: names of the first │ value │ value │ …
//!                                             │ else so many fields   │ name │ value │ …
//! ```
//!
//! Numbers of an ID are seven bits a byte, low ones first; names and values `packed` items. A sequence of the first's millisecond
//! counts from the first's. When a node is full is Redis's rule, as trimming to about a length takes whole nodes and clients see
//! how many entries stay: so a node knows the bytes its entries would take in a listpack, and what was deleted from it still
//! counts. Left out: which node an entry is in.

use super::StreamId;
use crate::value::packed::{integer_of, length_at, put_item, put_length, take_item};
use std::ops::Range;

/// Redis's `stream-node-max-bytes` and `stream-node-max-entries`.
const LISTPACK_BYTES_MAX: usize = 4096;
const ENTRIES_MAX: u32 = 100;

/// The head of a listpack, its last byte, and the four numbers of a master entry: live, deleted, fields, terminator.
const LISTPACK_EMPTY_BYTES: usize = 6 + 1 + 4 * 2;

#[derive(Clone, Debug)]
pub(in crate::value) struct Node {
    /// Of the entry it began with, which may be gone.
    pub first: StreamId,
    /// Of the entry that came last, which may be gone.
    pub last: StreamId,
    pub live: u32,
    deleted: u32,
    listpack_bytes: usize,
    bytes: Vec<u8>,
}

/// An entry where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub id: StreamId,
    /// The names, when they are the node's.
    names: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Names and values of its fields, as they were given.
    pub fn fields(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let (mut names, mut rest) = (self.names, self.rest);
        std::iter::from_fn(move || {
            let name = match &mut names {
                Some(names) => take_item(names)?,
                None => take_item(&mut rest)?,
            };
            Some((name, take_item(&mut rest)?))
        })
    }
}

/// Bytes of an element of a listpack whose own encoding takes so many.
fn with_back_length(encoded: usize) -> usize {
    encoded
        + match encoded {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        }
}

fn listpack_integer(number: i64) -> usize {
    with_back_length(match number {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    })
}

fn listpack_text(text: &[u8]) -> usize {
    match integer_of(text) {
        Some(number) => listpack_integer(number),
        None => with_back_length(match text.len() {
            length @ 0..64 => 1 + length,
            length @ 64..4096 => 2 + length,
            length => 5 + length,
        }),
    }
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number_at(bytes: &[u8], mut at: usize) -> (u64, usize) {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        number |= u64::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte & 0x80 == 0 {
            return (number, at);
        }
    }
}

impl Node {
    /// A node of one entry.
    pub fn new(id: StreamId, fields: &[(&[u8], &[u8])]) -> Node {
        let mut names = Vec::new();
        fields.iter().for_each(|(name, _)| put_item(name, &mut names));
        let mut bytes = Vec::new();
        put_length(names.len(), &mut bytes);
        bytes.extend_from_slice(&names);
        // The number of fields may take more than one byte.
        let listpack_bytes = LISTPACK_EMPTY_BYTES - 2
            + listpack_integer(fields.len() as i64)
            + fields.iter().map(|(name, _)| listpack_text(name)).sum::<usize>();
        let mut node = Node { first: id, last: id, live: 0, deleted: 0, listpack_bytes, bytes };
        node.push(id, fields);
        node
    }

    /// Whether one more entry belongs in the next node.
    pub fn is_full_for(&self, fields: &[(&[u8], &[u8])]) -> bool {
        let texts: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.listpack_bytes + texts >= LISTPACK_BYTES_MAX || self.live + self.deleted >= ENTRIES_MAX
    }

    fn names(&self) -> Range<usize> {
        let (length, start) = length_at(&self.bytes, 0);
        start..start + length
    }

    /// Adds an entry behind all others.
    pub fn push(&mut self, id: StreamId, fields: &[(&[u8], &[u8])]) {
        let mut names = &self.bytes[self.names()];
        let has_names = fields.iter().all(|(name, _)| take_item(&mut names) == Some(*name)) && names.is_empty();
        let length: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        if self.bytes.capacity() < self.bytes.len() + length + 8 {
            self.bytes.reserve_exact((length + 24).max(self.bytes.len() / 2));
        }
        put_number(id.ms - self.first.ms, &mut self.bytes);
        put_number(
            if id.ms == self.first.ms { id.sequence - self.first.sequence } else { id.sequence },
            &mut self.bytes,
        );
        put_length(if has_names { 0 } else { fields.len() }, &mut self.bytes);
        for (name, value) in fields {
            if !has_names {
                put_item(name, &mut self.bytes);
            }
            put_item(value, &mut self.bytes);
        }
        self.listpack_bytes += listpack_entry(self.first, id, fields, has_names);
        self.live += 1;
        self.last = id;
    }

    /// The entry at a place, and where the next one is.
    fn at<'a>(&'a self, names: &'a [u8], place: usize) -> (Entry<'a>, usize) {
        let (ms, at) = number_at(&self.bytes, place);
        let (sequence, at) = number_at(&self.bytes, at);
        let (count, start) = length_at(&self.bytes, at);
        let id = match ms {
            0 => StreamId::new(self.first.ms, self.first.sequence + sequence),
            _ => StreamId::new(self.first.ms + ms, sequence),
        };
        let (mut left, mut end) = (names, start);
        let mut pass = || end = crate::value::packed::item_at(&self.bytes, end).end;
        match count {
            0 => {
                while take_item(&mut left).is_some() {
                    pass();
                }
            }
            _ => (0..2 * count).for_each(|_| pass()),
        }
        (Entry { id, names: (count == 0).then_some(names), rest: &self.bytes[start..end] }, end)
    }

    fn places(&self) -> impl Iterator<Item = (Entry<'_>, Range<usize>)> {
        let names = self.names();
        let (mut place, names) = (names.end, &self.bytes[names]);
        std::iter::from_fn(move || {
            if place >= self.bytes.len() {
                return None;
            }
            let start = place;
            let (entry, end) = self.at(names, start);
            place = end;
            Some((entry, start..end))
        })
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.places().map(|(entry, _)| entry)
    }

    /// Deletes an entry; false: it is not there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(place) = self.places().find(|(entry, _)| entry.id == id).map(|(_, place)| place) else { return false };
        self.bytes.drain(place);
        self.deleted_some(1);
        true
    }

    /// Deletes entries from the front for as long as it is said; how many.
    pub fn delete_front(&mut self, mut is_gone: impl FnMut(StreamId) -> bool) -> u32 {
        let start = self.names().end;
        let (mut end, mut count) = (start, 0);
        for (entry, place) in self.places() {
            if !is_gone(entry.id) {
                break;
            }
            (end, count) = (place.end, count + 1);
        }
        self.bytes.drain(start..end);
        self.deleted_some(count);
        count
    }

    fn deleted_some(&mut self, count: u32) {
        self.live -= count;
        self.deleted += count;
        if self.bytes.capacity() > 2 * self.bytes.len() + 64 {
            self.bytes.shrink_to_fit();
        }
    }

    /// A node of some of its entries; none of none.
    pub fn part(&self, is_in: impl Fn(StreamId) -> bool) -> Option<Node> {
        let mut part: Option<Node> = None;
        for entry in self.entries().filter(|entry| is_in(entry.id)) {
            let fields: Vec<(&[u8], &[u8])> = entry.fields().collect();
            match &mut part {
                Some(part) => part.push(entry.id, &fields),
                None => part = Some(Node::new(entry.id, &fields)),
            }
        }
        part
    }

    /// Bytes that were asked of the allocator.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Bytes that an entry takes in a listpack that began with `first`.
fn listpack_entry(first: StreamId, id: StreamId, fields: &[(&[u8], &[u8])], has_names: bool) -> usize {
    let texts = |(name, value): &(&[u8], &[u8])| listpack_text(value) + if has_names { 0 } else { listpack_text(name) };
    let count = fields.len() as i64;
    let (numbers, elements) = match has_names {
        true => (0, count + 3),
        false => (listpack_integer(count), 2 * count + 4),
    };
    // Flags are one byte; the last number is how many elements there are, to go back by.
    listpack_integer(2)
        + listpack_integer(id.ms.wrapping_sub(first.ms) as i64)
        + listpack_integer(id.sequence.wrapping_sub(first.sequence) as i64)
        + numbers
        + fields.iter().map(texts).sum::<usize>()
        + listpack_integer(elements)
}
