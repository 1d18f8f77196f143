//! A large hash or set: elements in buckets by the hash of their key, each bucket one packed block (linear hashing).
//!
//! ```text
//!   buckets   0 … split … 2^level … 2^level + split
//!             those before `split`, and their other halves behind 2^level, are told apart by one bit of the hash more
//!   element   │ hash's first byte │ key's length │ value's length, if there are values │ key │ value │
//! ```
//!
//! It grows and shrinks by one bucket at a time, so no change costs more than a few buckets, whatever the number of elements. An
//! element has a *position*, the bits of its hash in reverse: a bucket's elements are all those of one range of positions, and
//! splitting it cuts its range in two. So a walk by positions meets whatever is there all the time exactly once.
//! W. Litwin: Linear hashing, VLDB 1980. Left out: what keys and values are.

use super::allocated;
use super::packed::{length_at, length_bytes, put_length};
use crate::Hasher;
use std::ops::Range;

/// Elements a bucket has on average, at most and at least, and bytes.
const ELEMENTS_MAX: usize = 8;
const ELEMENTS_MIN: usize = 2;
const BYTES_MAX: usize = 1024;
const BYTES_MIN: usize = 128;

/// Buckets in one piece of the list of them.
const CHUNK: usize = 256;

/// Elements looked at for one that is drawn.
const DRAWS: usize = 64;

type Bucket = Box<[u8]>;

#[derive(Clone, Debug)]
pub struct Buckets {
    hasher: Hasher,
    chunks: Vec<Vec<Bucket>>,
    level: u32,
    split: usize,
    has_values: bool,
    items: usize,
    /// Of all elements.
    bytes: usize,
    /// As the allocator gives them.
    heap: usize,
}

/// Where an element is.
#[derive(Clone, Debug)]
struct Found {
    bucket: usize,
    element: Range<usize>,
    value: Range<usize>,
}

struct Element<'a> {
    place: Range<usize>,
    tag: u8,
    key: &'a [u8],
    value: Range<usize>,
}

fn elements(bucket: &[u8], has_values: bool) -> impl Iterator<Item = Element<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bucket.len() {
            return None;
        }
        let start = at;
        let (key_len, mut key_at) = length_at(bucket, start + 1);
        let mut value_len = 0;
        if has_values {
            (value_len, key_at) = length_at(bucket, key_at);
        }
        let value_at = key_at + key_len;
        at = value_at + value_len;
        Some(Element { place: start..at, tag: bucket[start], key: &bucket[key_at..value_at], value: value_at..at })
    })
}

impl Buckets {
    pub fn new(hasher: &Hasher, has_values: bool) -> Buckets {
        let chunks = vec![vec![Bucket::default()]];
        let mut new =
            Buckets { hasher: hasher.clone(), chunks, level: 0, split: 0, has_values, items: 0, bytes: 0, heap: 0 };
        new.heap = new.directory_bytes();
        new
    }

    pub fn len(&self) -> usize {
        self.items
    }

    /// Bytes of memory, as the allocator gives them.
    pub fn heap_bytes(&self) -> usize {
        self.heap
    }

    fn count(&self) -> usize {
        (1 << self.level) + self.split
    }

    fn directory_bytes(&self) -> usize {
        let last = self.chunks.last().map_or(0, |chunk| allocated(chunk.capacity() * size_of::<Bucket>()));
        allocated(self.chunks.capacity() * size_of::<Vec<Bucket>>())
            + (self.chunks.len() - 1) * allocated(CHUNK * size_of::<Bucket>())
            + last
    }

    #[inline]
    fn bucket(&self, number: usize) -> &Bucket {
        &self.chunks[number / CHUNK][number % CHUNK]
    }

    fn set_bucket(&mut self, number: usize, bucket: Vec<u8>) {
        let bucket = bucket.into_boxed_slice();
        self.heap += allocated(bucket.len());
        let old = std::mem::replace(&mut self.chunks[number / CHUNK][number % CHUNK], bucket);
        self.heap -= allocated(old.len());
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(0, key)
    }

    #[inline]
    fn number_of(&self, hash: u64) -> usize {
        let number = (hash & ((1 << self.level) - 1)) as usize;
        if number < self.split { (hash & ((2 << self.level) - 1)) as usize } else { number }
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<Found> {
        let bucket = self.number_of(hash);
        let tag = (hash >> 56) as u8;
        let is_it = |element: &Element<'_>| element.tag == tag && element.key == key;
        let found = elements(self.bucket(bucket), self.has_values).find(is_it)?;
        Some(Found { bucket, element: found.place, value: found.value })
    }

    /// The value of a key; empty where there are none.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let found = self.find(self.hash(key), key)?;
        Some(&self.bucket(found.bucket)[found.value])
    }

    /// Puts a value; true: there was none before.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = self.hash(key);
        let found = self.find(hash, key);
        if let Some(found) = &found
            && found.value.len() == value.len()
        {
            self.chunks[found.bucket / CHUNK][found.bucket % CHUNK][found.value.clone()].copy_from_slice(value);
            return false;
        }
        let lengths = length_bytes(key.len()) + if self.has_values { length_bytes(value.len()) } else { 0 };
        let length = 1 + lengths + key.len() + value.len();
        let number = found.as_ref().map_or_else(|| self.number_of(hash), |found| found.bucket);
        let bucket = self.bucket(number);
        let place = found.as_ref().map_or(bucket.len()..bucket.len(), |found| found.element.clone());
        let mut new = Vec::with_capacity(bucket.len() - place.len() + length);
        new.extend_from_slice(&bucket[..place.start]);
        new.push((hash >> 56) as u8);
        put_length(key.len(), &mut new);
        if self.has_values {
            put_length(value.len(), &mut new);
        }
        new.extend_from_slice(key);
        new.extend_from_slice(value);
        new.extend_from_slice(&bucket[place.end..]);
        self.bytes = self.bytes + length - place.len();
        self.set_bucket(number, new);
        if found.is_none() {
            self.items += 1;
        }
        for _ in 0..2 {
            let count = self.count();
            if self.items > count * ELEMENTS_MAX || (self.items > count && self.bytes > count * BYTES_MAX) {
                self.split_one();
            }
        }
        found.is_none()
    }

    /// False: there is none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some(found) = self.find(self.hash(key), key) else { return false };
        let bucket = self.bucket(found.bucket);
        let new = [&bucket[..found.element.start], &bucket[found.element.end..]].concat();
        self.bytes -= found.element.len();
        self.items -= 1;
        self.set_bucket(found.bucket, new);
        let count = self.count();
        let is_sparse = self.items < count * ELEMENTS_MIN && self.bytes < count * BYTES_MIN;
        if count > 1 && (is_sparse || self.items * 2 < count) {
            self.merge_one();
        }
        true
    }

    fn split_one(&mut self) {
        // One that can have no more buckets than hashes tell apart goes on with fuller ones.
        if self.level >= 47 {
            return;
        }
        let bit = 1u64 << self.level;
        let (low, number) = (self.split, self.count());
        let bucket = std::mem::take(&mut self.chunks[low / CHUNK][low % CHUNK]);
        self.heap -= allocated(bucket.len());
        let (mut stays, mut goes) = (Vec::with_capacity(bucket.len()), Vec::new());
        for element in elements(&bucket, self.has_values) {
            let to = if self.hash(element.key) & bit == 0 { &mut stays } else { &mut goes };
            to.extend_from_slice(&bucket[element.place]);
        }
        let before = self.directory_bytes();
        if number.is_multiple_of(CHUNK) {
            // The first chunk grew by itself; each further one is made whole.
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[number / CHUNK].push(Bucket::default());
        self.heap = self.heap + self.directory_bytes() - before;
        self.set_bucket(low, stays);
        self.set_bucket(number, goes);
        self.split += 1;
        if self.split == 1 << self.level {
            (self.level, self.split) = (self.level + 1, 0);
        }
    }

    fn merge_one(&mut self) {
        if self.split == 0 {
            (self.level, self.split) = (self.level - 1, 1 << (self.level - 1));
        }
        self.split -= 1;
        let number = self.count();
        let before = self.directory_bytes();
        let last = self.chunks[number / CHUNK].pop().unwrap_or_default();
        if self.chunks[number / CHUNK].is_empty() {
            self.chunks.pop();
        }
        self.heap = self.heap + self.directory_bytes() - before - allocated(last.len());
        let joined = [&self.bucket(self.split)[..], &last].concat();
        self.set_bucket(self.split, joined);
    }

    /// Shows every element: key and value.
    pub fn each<'a>(&'a self, mut visit: impl FnMut(&'a [u8], &'a [u8])) {
        for bucket in self.chunks.iter().flatten() {
            elements(bucket, self.has_values).for_each(|element| visit(element.key, &bucket[element.value]));
        }
    }

    /// Shows the elements from a position on to the end of their bucket; the position behind it, 0 at the end of all.
    pub fn walk<'a>(&'a self, position: u64, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        let hash = position.reverse_bits();
        let number = self.number_of(hash);
        let bits = if number < self.split || number >= 1 << self.level { self.level + 1 } else { self.level };
        let bucket = self.bucket(number);
        for element in elements(bucket, self.has_values) {
            if self.hash(element.key).reverse_bits() >= position {
                visit(element.key, &bucket[element.value]);
            }
        }
        if bits == 0 {
            return 0;
        }
        let width = 1u64 << (64 - bits);
        (position & !(width - 1)).wrapping_add(width)
    }

    /// An element chosen by dice; none when there is none.
    pub fn draw(&self, dice: &mut dyn FnMut() -> u64) -> Option<(&[u8], &[u8])> {
        if self.items == 0 {
            return None;
        }
        // Of every bucket as many places, most of them empty: so each element is as likely as any other.
        const PLACES: u64 = 4 * ELEMENTS_MAX as u64;
        let count = self.count() as u64;
        for _ in 0..DRAWS {
            let (number, place) = (dice() % count, dice() % PLACES);
            let bucket = self.bucket(number as usize);
            if let Some(element) = elements(bucket, self.has_values).nth(place as usize) {
                return Some((element.key, &bucket[element.value]));
            }
        }
        let first = dice() % count;
        (0..count).find_map(|offset| {
            let bucket = self.bucket(((first + offset) % count) as usize);
            let element = elements(bucket, self.has_values).next()?;
            Some((element.key, &bucket[element.value]))
        })
    }

    /// Frees about `max` buckets: the bytes they had; none when nothing is left. It holds nothing that makes sense from then on.
    pub fn free_step(&mut self, max: usize) -> Option<usize> {
        let mut freed = None;
        for _ in 0..max.div_ceil(CHUNK) {
            let Some(chunk) = self.chunks.pop() else { break };
            let bytes: usize = chunk.iter().map(|bucket| allocated(bucket.len())).sum();
            freed = Some(freed.unwrap_or(0) + bytes + allocated(chunk.capacity() * size_of::<Bucket>()));
        }
        freed
    }
}
