//! The tables of one stripe: for each slot a small hash table of 8-byte words, one word an entry.
//!
//! ```text
//!   word:    tag, 16 bits │ uses, 8 │ segment, 20 │ offset in it, 20          0: empty
//!   bucket:  8 words, one cache line, filled from the front
//!   table:   B buckets; an entry's home is bucket ⌊tag · B / 2¹⁶⌋; a full bucket passes on to the next, around the end.
//!            Up to 4 entries: half a bucket
//! ```
//!
//! A lookup ends at the first bucket with an empty word. The home follows from the tag, so tables grow, and holes are closed
//! after a removal, without a look at any key. A table of whole buckets is filled to 7/8 at most and grows by about an
//! eighth: tables of [`SIZES`] words stand side by side in chunks of 32 KiB. When one is given up, the last of its size moves
//! into the gap, so that all chunks but the last of each size are full.
//!
//! A slot with more entries than the largest table holds is split by further bits of the hash ([`order_of`]), the directory
//! doubling as often as it must; no rehash ever moves more than one table of at most 170 buckets.
//!
//! What the words refer to is in `stripe.rs`.

use crate::pages::{Arena, Need, Run, pages_for};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Words in a bucket: a cache line.
pub const BUCKET: usize = 8;
pub const BUCKET_BYTES: usize = BUCKET * 8;
const CHUNK_BYTES: usize = 32 << 10;
const CHUNK_BUCKETS: usize = CHUNK_BYTES / BUCKET_BYTES;
const CHUNK_WORDS: usize = CHUNK_BYTES / 8;

/// Words of the smallest table: half a bucket, all of which may be used.
const HALF: usize = BUCKET / 2;

/// Words by size class: half a bucket, then as many buckets as go into a chunk 512, 256, 170, … times; class 0 is no table.
const SIZES: [u16; 44] = sizes();

const fn sizes() -> [u16; 44] {
    let mut sizes = [0u16; 44];
    sizes[1] = HALF as u16;
    let (mut class, mut per_chunk) = (2, CHUNK_BUCKETS);
    while per_chunk >= 3 {
        let words = (CHUNK_BUCKETS / per_chunk * BUCKET) as u16;
        if words != sizes[class - 1] {
            sizes[class] = words;
            class += 1;
        }
        per_chunk -= 1;
    }
    assert!(class == sizes.len());
    sizes
}

/// The class marking a slot that is split over several tables.
const SPLIT: u8 = u8::MAX;

/// Directory bits a slot can have.
const DEPTH_MAX: u8 = 16;

const OFFSET_BITS: u32 = 20;
const SEGMENT_BITS: u32 = 20;
const LOCATION_BITS: u32 = OFFSET_BITS + SEGMENT_BITS;

/// Segments a stripe can number; 0 is none.
pub const SEGMENTS_MAX: u32 = 1 << SEGMENT_BITS;

/// Bytes a segment with more than one entry can have.
pub const SEGMENT_BYTES_MAX: usize = 1 << OFFSET_BITS;

/// One word of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub u64);

impl Word {
    pub fn new(hash: u64, uses: u8, segment: u32, offset: u32) -> Word {
        debug_assert!(segment > 0 && segment < SEGMENTS_MAX && offset < SEGMENT_BYTES_MAX as u32);
        let location = u64::from(segment) << OFFSET_BITS | u64::from(offset);
        Word(u64::from(tag_of(hash)) << 48 | u64::from(uses) << LOCATION_BITS | location)
    }

    pub fn tag(self) -> u16 {
        (self.0 >> 48) as u16
    }

    pub fn uses(self) -> u8 {
        (self.0 >> LOCATION_BITS) as u8
    }

    pub fn with_uses(self, uses: u8) -> Word {
        Word(self.0 & !(0xff << LOCATION_BITS) | u64::from(uses) << LOCATION_BITS)
    }

    pub fn segment(self) -> u32 {
        (self.0 >> OFFSET_BITS) as u32 & (SEGMENTS_MAX - 1)
    }

    pub fn offset(self) -> u32 {
        self.0 as u32 & (SEGMENT_BYTES_MAX as u32 - 1)
    }

    fn is_at(self, segment: u32, offset: u32) -> bool {
        self.0 & ((1 << LOCATION_BITS) - 1) == u64::from(segment) << OFFSET_BITS | u64::from(offset)
    }
}

/// The bits of a hash that stand in the word.
#[inline]
pub fn tag_of(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// The bits of a hash that choose among the tables of a slot that is split.
pub fn order_of(hash: u64) -> u16 {
    (hash >> 32) as u16
}

fn home(tag: u16, buckets: usize) -> usize {
    (usize::from(tag) * buckets) >> 16
}

fn words_of_class(class: u8) -> usize {
    usize::from(SIZES[usize::from(class)])
}

/// Entries a table of so many words holds before it grows.
fn entries_max(words: usize) -> usize {
    if words == HALF { HALF } else { words * 7 / 8 }
}

/// The words of a bucket; the half one is the only one of its table.
fn line(words: &mut [u64], bucket: usize) -> &mut [u64] {
    let end = words.len().min((bucket + 1) * BUCKET);
    &mut words[bucket * BUCKET..end]
}

/// Where a word stands. Good until the next change of the stripe's tables.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    table: u32,
    index: u32,
}

/// One table.
#[derive(Clone, Copy, Debug, Default)]
struct Table {
    chunk: u32,
    /// First word within the chunk; of a split slot, its directory.
    first: u32,
    /// Which one of its class.
    position: u32,
    used: u16,
    class: u8,
}

impl Table {
    fn buckets(&self) -> usize {
        self.words().div_ceil(BUCKET)
    }

    fn words(&self) -> usize {
        words_of_class(self.class)
    }
}

#[derive(Debug)]
struct Directory {
    depth: u8,
    tables: Vec<u32>,
}

/// All tables of one size.
#[derive(Debug, Default)]
struct Class {
    chunks: Vec<u32>,
    /// Which table each block belongs to, by position.
    owners: Vec<u32>,
}

/// The tables of a stripe's slots.
#[derive(Debug)]
pub struct Tables {
    arena: Arc<Arena>,
    /// The first ones are the slots', by the slot's number within the stripe.
    tables: Vec<Table>,
    free_tables: Vec<u32>,
    slots: u32,
    directories: Vec<Option<Directory>>,
    chunks: Vec<Option<Run>>,
    free_chunks: Vec<u32>,
    classes: Vec<Class>,
    /// By slot of the engine: where its table begins, for prefetching without a lock. Stripe `offset` of `stride`.
    hints: Arc<[AtomicU64]>,
    offset: usize,
    stride: usize,
}

/// No table could be made or grown: the limit is reached.
#[derive(Debug)]
pub struct Full;

impl Tables {
    pub fn new(arena: Arc<Arena>, hints: Arc<[AtomicU64]>, slots: u32, offset: usize, stride: usize) -> Tables {
        Tables {
            arena,
            tables: vec![Table::default(); slots as usize],
            free_tables: Vec::new(),
            slots,
            directories: Vec::new(),
            chunks: Vec::new(),
            free_chunks: Vec::new(),
            classes: SIZES.iter().map(|_| Class::default()).collect(),
            hints,
            offset,
            stride,
        }
    }

    /// The word of an entry: the first with this tag that `is_it` recognizes.
    #[inline]
    pub fn find(&self, slot: u32, hash: u64, mut is_it: impl FnMut(Word) -> bool) -> Option<(Place, Word)> {
        let number = self.table_of(slot, hash);
        let table = &self.tables[number as usize];
        let words = self.words_of(table);
        let tag = tag_of(hash);
        if words.len() == HALF {
            let found = words.iter().position(|word| (word >> 48) as u16 == tag && *word != 0 && is_it(Word(*word)))?;
            return Some((Place { table: number, index: found as u32 }, Word(words[found])));
        }
        let buckets = words.len() / BUCKET;
        let mut bucket = home(tag, buckets);
        for _ in 0..buckets {
            let line = &words[bucket * BUCKET..(bucket + 1) * BUCKET];
            for (index, word) in line.iter().enumerate() {
                if (word >> 48) as u16 == tag && *word != 0 && is_it(Word(*word)) {
                    return Some((Place { table: number, index: (bucket * BUCKET + index) as u32 }, Word(*word)));
                }
            }
            if line[BUCKET - 1] == 0 {
                return None;
            }
            bucket = if bucket + 1 == buckets { 0 } else { bucket + 1 };
        }
        None
    }

    /// The word of the entry at a location.
    pub fn find_at(&self, slot: u32, hash: u64, segment: u32, offset: u32) -> Option<(Place, Word)> {
        self.find(slot, hash, |word| word.is_at(segment, offset))
    }

    /// The first word with the tag, for prefetching what it refers to.
    #[inline]
    pub fn guess(&self, slot: u32, hash: u64) -> Option<Word> {
        self.find(slot, hash, |_| true).map(|found| found.1)
    }

    /// Any word near where a hash leads.
    pub fn guess_any(&self, slot: u32, hash: u64) -> Option<(Place, Word)> {
        let table = self.table_of(slot, hash);
        let words = self.words_of(&self.tables[table as usize]);
        let from = home(tag_of(hash), words.len() / BUCKET) * BUCKET;
        let index = (from..words.len()).chain(0..from).find(|index| words[*index] != 0)?;
        Some((Place { table, index: index as u32 }, Word(words[index])))
    }

    /// Asks for the bucket a hash leads to.
    pub fn prefetch(&self, slot: u32, hash: u64) {
        let table = &self.tables[self.table_of(slot, hash) as usize];
        if let Some(Some(chunk)) = self.chunks.get(table.chunk as usize) {
            let bucket = table.first as usize / BUCKET + home(tag_of(hash), table.buckets());
            crate::pages::prefetch(chunk.address() + bucket * BUCKET_BYTES);
        }
    }

    #[inline]
    pub fn set(&mut self, place: Place, word: Word) {
        let table = self.tables[place.table as usize];
        self.words_of_mut(&table)[place.index as usize] = word.0;
    }

    /// Adds a word. A table that may not grow is filled to the last word; only then it refuses. `hash_of` knows the hash
    /// behind a word, which a slot that is split needs.
    pub fn insert(&mut self, slot: u32, hash: u64, word: Word, hash_of: impl Fn(Word) -> u64) -> Result<(), Full> {
        let number = loop {
            let number = self.table_of(slot, hash);
            let table = self.tables[number as usize];
            if usize::from(table.used) < entries_max(table.words()) {
                break number;
            }
            if self.grow(slot, number, &hash_of).is_err() {
                if usize::from(table.used) < table.words() {
                    break number;
                }
                return Err(Full);
            }
        };
        let table = self.tables[number as usize];
        put(self.words_of_mut(&table), word.0);
        self.tables[number as usize].used += 1;
        Ok(())
    }

    /// Takes a word out.
    pub fn remove(&mut self, slot: u32, place: Place) {
        let table = self.tables[place.table as usize];
        take(self.words_of_mut(&table), place.index as usize);
        let used = usize::from(table.used) - 1;
        self.tables[place.table as usize].used = used as u16;
        // Half empty: one smaller by a quarter comes to two thirds.
        if used == 0 || used * 2 < table.words() {
            self.shrink(slot, place.table);
        }
    }

    /// All words of a slot, in no order, to `visit`.
    pub fn each(&self, slot: u32, mut visit: impl FnMut(Word)) {
        let mut all = |number: u32| {
            let words = self.words_of(&self.tables[number as usize]);
            words.iter().filter(|word| **word != 0).for_each(|word| visit(Word(*word)));
        };
        match self.directory(slot) {
            None => all(slot),
            Some(directory) => {
                let mut last = u32::MAX;
                for number in &directory.tables {
                    if *number != last {
                        all(*number);
                    }
                    last = *number;
                }
            }
        }
    }

    /// Words whose order begins with these 8 bits, to `visit`: all of a slot that is not split, whatever `order8` says.
    /// Returns how many distinct orders of 8 bits the slot knows: 1 or 256.
    pub fn each_of_order(&self, slot: u32, order8: u8, mut visit: impl FnMut(Word)) -> u32 {
        let Some(directory) = self.directory(slot) else {
            self.each(slot, visit);
            return 1;
        };
        // The directory's index is the order's upper bits: one eighth-bit prefix covers several tables, or a part of one.
        let shift = 16 - directory.depth;
        let first = usize::from((u16::from(order8) << 8) >> shift);
        let last = usize::from((u16::from(order8) << 8 | 0xff) >> shift);
        let mut before = u32::MAX;
        for number in &directory.tables[first..=last] {
            if *number != before {
                let words = self.words_of(&self.tables[*number as usize]);
                words.iter().filter(|word| **word != 0).for_each(|word| visit(Word(*word)));
            }
            before = *number;
        }
        256
    }

    /// Bytes of chunks.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.chunks.iter().flatten().count() * CHUNK_BYTES
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        for slot in 0..self.slots {
            self.hint(slot, 0);
        }
        *self = Tables::new(Arc::clone(&self.arena), Arc::clone(&self.hints), self.slots, self.offset, self.stride);
    }

    #[inline]
    fn table_of(&self, slot: u32, hash: u64) -> u32 {
        if self.tables[slot as usize].class != SPLIT {
            return slot;
        }
        let directory = self.directory(slot).expect("a split slot has a directory");
        directory.tables[usize::from(order_of(hash) >> (16 - directory.depth))]
    }

    fn directory(&self, slot: u32) -> Option<&Directory> {
        let table = &self.tables[slot as usize];
        if table.class == SPLIT { self.directories[table.first as usize].as_ref() } else { None }
    }

    #[inline]
    fn words_of(&self, table: &Table) -> &[u64] {
        match self.chunks.get(table.chunk as usize) {
            Some(Some(chunk)) => &chunk.words()[table.first as usize..table.first as usize + table.words()],
            _ => &[],
        }
    }

    #[inline]
    fn words_of_mut(&mut self, table: &Table) -> &mut [u64] {
        match self.chunks.get_mut(table.chunk as usize) {
            Some(Some(chunk)) => &mut chunk.words_mut()[table.first as usize..table.first as usize + table.words()],
            _ => &mut [],
        }
    }

    fn grow(&mut self, slot: u32, number: u32, hash_of: &impl Fn(Word) -> u64) -> Result<(), Full> {
        let class = self.tables[number as usize].class;
        if usize::from(class) + 1 < SIZES.len() {
            let words = self.tables[number as usize].words();
            let wanted = |class: &u8| words_of_class(*class) * 16 >= words * 17;
            let next = (class + 1..SIZES.len() as u8).find(wanted).unwrap_or(SIZES.len() as u8 - 1);
            return self.resize(slot, number, next);
        }
        self.split(slot, number, hash_of)
    }

    fn shrink(&mut self, slot: u32, number: u32) {
        let table = self.tables[number as usize];
        if table.used == 0 {
            self.release(number);
            if number == slot {
                self.hint(slot, 0);
            }
            return;
        }
        let needed = usize::from(table.used) * 3 / 2;
        let smaller = (1..table.class).find(|class| words_of_class(*class) >= needed);
        if let Some(smaller) = smaller {
            // Without room for the smaller one beside it, it stays as it is.
            let _ = self.resize(slot, number, smaller);
        }
    }

    /// Moves a table into a block of another class.
    fn resize(&mut self, slot: u32, number: u32, class: u8) -> Result<(), Full> {
        let old = self.tables[number as usize];
        let new = Table { used: old.used, ..self.block(number, class)? };
        // The new block may lie in the chunk of the old one only if the classes were the same.
        let mut to = self.chunks[new.chunk as usize].take().expect("a block's chunk exists");
        let words = &mut to.words_mut()[new.first as usize..new.first as usize + new.words()];
        words.fill(0);
        self.words_of(&old).iter().filter(|word| **word != 0).for_each(|word| put(words, *word));
        self.chunks[new.chunk as usize] = Some(to);
        self.release(number);
        self.tables[number as usize] = new;
        if number == slot {
            self.publish(slot);
        }
        Ok(())
    }

    /// Splits a full table of the largest class in two, by the next bit of the order.
    fn split(&mut self, slot: u32, number: u32, hash_of: &impl Fn(Word) -> u64) -> Result<(), Full> {
        let (number, directory) = match self.directory(slot) {
            Some(_) => (number, self.tables[slot as usize].first as usize),
            None => self.begin_directory(slot),
        };
        let Some(of_slot) = self.directories[directory].as_mut() else { return Err(Full) };
        let mut sharing = of_slot.tables.iter().filter(|table| **table == number).count();
        if sharing == 1 {
            if of_slot.depth == DEPTH_MAX {
                return Err(Full);
            }
            of_slot.depth += 1;
            of_slot.tables = of_slot.tables.iter().flat_map(|table| [*table, *table]).collect();
            sharing = 2;
        }
        let depth = of_slot.depth;
        let first = of_slot.tables.iter().position(|table| *table == number).unwrap_or(0);
        let middle = first + sharing / 2;
        let old = self.tables[number as usize];
        let is_upper = |word: u64| usize::from(order_of(hash_of(Word(word))) >> (16 - depth)) >= middle;
        let (upper, lower): (Vec<u64>, Vec<u64>) =
            self.words_of(&old).iter().copied().filter(|word| *word != 0).partition(|word| is_upper(*word));
        let class_for = |words: &[u64]| {
            let fits = |class: &u8| entries_max(words_of_class(*class)) > words.len();
            (1..SIZES.len() as u8).find(fits).unwrap_or(SIZES.len() as u8 - 1)
        };
        let other = self.new_table();
        let low = Table { used: lower.len() as u16, ..self.block(number, class_for(&lower))? };
        let high = match self.block(other, class_for(&upper)) {
            Ok(block) => Table { used: upper.len() as u16, ..block },
            Err(full) => {
                self.free_block(low, number);
                return Err(full);
            }
        };
        for (table, words) in [(low, &lower), (high, &upper)] {
            let to = self.words_of_mut(&table);
            to.fill(0);
            words.iter().for_each(|word| put(to, *word));
        }
        // The owners of the new blocks are named already; giving the old one up moves whoever was last of its class, which
        // may be `low` itself.
        self.tables[other as usize] = high;
        let old = std::mem::replace(&mut self.tables[number as usize], low);
        self.free_block(old, number);
        if let Some(of_slot) = self.directories[directory].as_mut() {
            of_slot.tables[middle..first + sharing].fill(other);
        }
        Ok(())
    }

    /// Makes a slot's table one that a directory names. Returns its new number and the directory's.
    fn begin_directory(&mut self, slot: u32) -> (u32, usize) {
        let number = self.new_table();
        let table = self.tables[slot as usize];
        self.tables[number as usize] = table;
        self.classes[usize::from(table.class)].owners[table.position as usize] = number;
        let directory = Some(Directory { depth: 0, tables: vec![number] });
        let at = match self.directories.iter().position(Option::is_none) {
            Some(at) => {
                self.directories[at] = directory;
                at
            }
            None => {
                self.directories.push(directory);
                self.directories.len() - 1
            }
        };
        self.tables[slot as usize] = Table { class: SPLIT, first: at as u32, ..Table::default() };
        self.hint(slot, SPLIT_HINT);
        (number, at)
    }

    fn new_table(&mut self) -> u32 {
        self.free_tables.pop().unwrap_or_else(|| {
            self.tables.push(Table::default());
            self.tables.len() as u32 - 1
        })
    }

    /// A block of a class for a table, which is named its owner but does not know it yet. What is in it is left over.
    fn block(&mut self, owner: u32, class: u8) -> Result<Table, Full> {
        let per_chunk = CHUNK_WORDS / words_of_class(class);
        let of_class = &mut self.classes[usize::from(class)];
        let position = of_class.owners.len();
        if position == of_class.chunks.len() * per_chunk {
            let run = self.arena.take(pages_for(CHUNK_BYTES), Need::Reclaim).ok_or(Full)?;
            let number = match self.free_chunks.pop() {
                Some(number) => {
                    self.chunks[number as usize] = Some(run);
                    number
                }
                None => {
                    self.chunks.push(Some(run));
                    self.chunks.len() as u32 - 1
                }
            };
            of_class.chunks.push(number);
        }
        of_class.owners.push(owner);
        Ok(place_of(of_class, class, position))
    }

    /// Gives the block of a table up, and with it the table, which is none from now on.
    fn release(&mut self, number: u32) {
        let old = std::mem::take(&mut self.tables[number as usize]);
        self.free_block(old, number);
    }

    /// Gives a block up: the last of its class moves into its place.
    fn free_block(&mut self, block: Table, owner: u32) {
        if block.class == 0 {
            return;
        }
        let class = &mut self.classes[usize::from(block.class)];
        let last = class.owners.len() - 1;
        let position = block.position as usize;
        debug_assert_eq!(class.owners[position], owner);
        let from = place_of(class, block.class, last);
        let moved = class.owners[last];
        class.owners.swap_remove(position);
        if position != last {
            self.copy_block(&from, &block);
            let used = self.tables[moved as usize].used;
            self.tables[moved as usize] = Table { used, ..block };
            if moved < self.slots {
                self.publish(moved);
            }
        }
        let class = &mut self.classes[usize::from(block.class)];
        let per_chunk = CHUNK_WORDS / words_of_class(block.class);
        if class.owners.len() <= (class.chunks.len() - 1) * per_chunk
            && let Some(chunk) = class.chunks.pop()
        {
            self.chunks[chunk as usize] = None;
            self.free_chunks.push(chunk);
        }
    }

    fn copy_block(&mut self, from: &Table, to: &Table) {
        if from.chunk == to.chunk {
            let range = from.first as usize..from.first as usize + from.words();
            if let Some(chunk) = &mut self.chunks[to.chunk as usize] {
                chunk.words_mut().copy_within(range, to.first as usize);
            }
        } else if let Some(mut target) = self.chunks[to.chunk as usize].take() {
            let words = self.words_of(from);
            target.words_mut()[to.first as usize..to.first as usize + words.len()].copy_from_slice(words);
            self.chunks[to.chunk as usize] = Some(target);
        }
    }

    fn publish(&self, slot: u32) {
        let table = &self.tables[slot as usize];
        let Some(Some(chunk)) = self.chunks.get(table.chunk as usize) else { return };
        let line = (chunk.address() / BUCKET_BYTES + table.first as usize / BUCKET) as u64;
        self.hint(slot, line << HINT_BITS | table.buckets() as u64);
    }

    fn hint(&self, slot: u32, hint: u64) {
        self.hints[slot as usize * self.stride + self.offset].store(hint, Relaxed);
    }
}

const HINT_BITS: u32 = 8;

/// The hint of a slot that is split: not empty, and nothing to prefetch.
const SPLIT_HINT: u64 = 0xff;

/// The address of the bucket a slot's hint leads to; `None` when there is nothing to prefetch. May be out of date.
#[inline]
pub fn bucket_address(hint: u64, hash: u64) -> Option<usize> {
    let buckets = (hint & ((1 << HINT_BITS) - 1)) as usize;
    let line = (hint >> HINT_BITS) as usize;
    (line != 0).then(|| (line + home(tag_of(hash), buckets)) * BUCKET_BYTES)
}

fn place_of(of_class: &Class, class: u8, position: usize) -> Table {
    let words = words_of_class(class);
    let per_chunk = CHUNK_WORDS / words;
    let first = (position % per_chunk) * words;
    Table {
        chunk: of_class.chunks[position / per_chunk],
        first: first as u32,
        position: position as u32,
        used: 0,
        class,
    }
}

/// Puts a word into a table that has room.
fn put(words: &mut [u64], word: u64) {
    let buckets = words.len().div_ceil(BUCKET);
    let mut bucket = home(Word(word).tag(), buckets);
    loop {
        let line = line(words, bucket);
        if let Some(empty) = line.iter_mut().find(|word| **word == 0) {
            *empty = word;
            return;
        }
        bucket = if bucket + 1 == buckets { 0 } else { bucket + 1 };
    }
}

/// Takes the word at an index out, and closes the hole with words that were passed on for lack of it.
fn take(words: &mut [u64], index: usize) {
    let buckets = words.len().div_ceil(BUCKET);
    let mut bucket = index / BUCKET;
    let mut index = index % BUCKET;
    loop {
        let line = line(words, bucket);
        let was_full = line[line.len() - 1] != 0;
        let last = line.iter().rposition(|word| *word != 0).unwrap_or(index);
        line[index] = line[last];
        line[last] = 0;
        if !was_full {
            return;
        }
        // The next word that came by here: its home is not after this bucket. Lookups go no further than the first bucket
        // that is not full, so neither need this.
        let mut found = None;
        for distance in 1..buckets {
            let at = (bucket + distance) % buckets;
            let line = &words[at * BUCKET..(at + 1) * BUCKET];
            let came_by =
                |word: &u64| *word != 0 && (at + buckets - home(Word(*word).tag(), buckets)) % buckets >= distance;
            if let Some(position) = line.iter().position(came_by) {
                found = Some((at, position));
                break;
            }
            if line[BUCKET - 1] == 0 {
                break;
            }
        }
        let Some((at, position)) = found else { return };
        words[bucket * BUCKET + BUCKET - 1] = words[at * BUCKET + position];
        (bucket, index) = (at, position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn tables(slots: u32) -> Tables {
        let hints = (0..slots).map(|_| AtomicU64::new(0)).collect();
        Tables::new(Arena::new(64 << 20, 0), hints, slots, 0, 1)
    }

    fn mix(n: u64) -> u64 {
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    }

    /// A word whose location is the number it was made of.
    fn word(n: u64) -> Word {
        Word::new(mix(n), 7, (n >> 20) as u32 + 1, n as u32 & 0xf_ffff)
    }

    fn number(word: Word) -> u64 {
        u64::from(word.segment() - 1) << 20 | u64::from(word.offset())
    }

    fn find(tables: &Tables, slot: u32, n: u64) -> Option<(Place, Word)> {
        tables.find(slot, mix(n), |word| number(word) == n)
    }

    #[test]
    fn a_word_lies_as_drawn() {
        let word = Word::new(0xabcd_0000_0000_0000, 0x12, 0x3_4567, 0x8_9abc);
        assert_eq!(word.0, 0xabcd_1234_5678_9abc);
        assert_eq!((word.tag(), word.uses(), word.segment(), word.offset()), (0xabcd, 0x12, 0x3_4567, 0x8_9abc));
        assert_eq!(word.with_uses(0xff).0, 0xabcd_ff34_5678_9abc);
        assert_eq!(std::mem::size_of::<[Word; BUCKET]>(), 64);
        assert!(SIZES[SIZES.len() - 1] < 0xff * BUCKET as u16, "a hint has 8 bits for the buckets");
    }

    /// Against a map, over tables that grow, shrink, split, and take each other's blocks.
    #[test]
    fn tables_hold_what_a_map_holds() {
        let slots = 6;
        let mut tables = tables(u32::from(slots as u8));
        let mut map: BTreeMap<(u32, u64), ()> = BTreeMap::new();
        let steps: u64 = if cfg!(miri) { 3_000 } else { 200_000 };
        for step in 0..steps {
            let random = mix(step ^ 0x55);
            // Slot 0 grows far beyond one table; the others stay small; phases of growth and of shrinking.
            let slot = if random % 4 < 2 { 0 } else { (random >> 8) as u32 % slots };
            let n = (random >> 16) % if slot == 0 { 30_000 } else { 300 };
            let grows = (step / (steps / 8)).is_multiple_of(2);
            let removes = if grows { 1 } else { 3 };
            let found = find(&tables, slot, n);
            assert_eq!(found.is_some(), map.contains_key(&(slot, n)), "step {step}");
            match found {
                Some((place, _)) if (random >> 50) % 4 < removes => {
                    tables.remove(slot, place);
                    map.remove(&(slot, n));
                }
                Some((place, found)) => {
                    tables.set(place, found.with_uses(step as u8));
                    assert_eq!(find(&tables, slot, n).map(|found| found.1.uses()), Some(step as u8));
                }
                None if (random >> 50) % 4 >= removes - 1 => {
                    tables.insert(slot, mix(n), word(n), |word| mix(number(word))).expect("room");
                    map.insert((slot, n), ());
                }
                None => {}
            }
        }
        for slot in 0..slots {
            let expected: Vec<u64> = map.range((slot, 0)..(slot + 1, 0)).map(|entry| entry.0.1).collect();
            let mut held = Vec::new();
            tables.each(slot, |word| held.push(number(word)));
            held.sort_unstable();
            assert_eq!(held, expected, "slot {slot}");
            let mut by_order = Vec::new();
            let orders = tables.each_of_order(slot, 0, |_| {});
            for order in 0..orders {
                let of_order = |word: Word| orders == 1 || u32::from(order_of(mix(number(word))) >> 8) == order;
                tables.each_of_order(slot, order as u8, |word| by_order.extend(of_order(word).then(|| number(word))));
            }
            by_order.sort_unstable();
            assert_eq!(by_order, expected, "slot {slot} by order");
        }
        let all: Vec<(u32, u64)> = map.keys().copied().collect();
        for (slot, n) in all {
            let (place, _) = find(&tables, slot, n).expect("held");
            tables.remove(slot, place);
        }
        assert!(tables.bytes() <= 2 * CHUNK_BYTES, "{} bytes for nothing", tables.bytes());
    }

    #[test]
    fn tables_are_well_filled_at_any_size() {
        for per_slot in [3, 4, 20, 61, 122, 250, 610, 1100] {
            if cfg!(miri) && per_slot > 4 {
                continue;
            }
            let slots = 2000;
            let mut tables = tables(slots);
            let mut n = 0;
            for _ in 0..per_slot {
                for slot in 0..slots {
                    tables.insert(slot, mix(n), word(n), |word| mix(number(word))).expect("room");
                    n += 1;
                }
            }
            let per_entry = tables.bytes() as f64 / n as f64;
            assert!(per_entry < 11.0 || per_slot == 20, "{per_slot} a slot: {per_entry} bytes an entry");
        }
    }

    #[test]
    fn slots_of_few_entries_that_come_and_go_take_half_buckets() {
        let slots = if cfg!(miri) { 100 } else { 16_000 };
        let mut tables = tables(slots);
        let slot_of = |n: u64| (mix(n ^ 0xaa) % u64::from(slots)) as u32;
        let held = u64::from(slots) * 5 / 2;
        for n in 0..held * 5 {
            tables.insert(slot_of(n), mix(n), word(n), |word| mix(number(word))).expect("room");
            if let Some(old) = n.checked_sub(held) {
                let (place, _) = find(&tables, slot_of(old), old).expect("held");
                tables.remove(slot_of(old), place);
            }
        }
        let per_slot = tables.bytes() as f64 / f64::from(slots);
        assert!(per_slot < 40.0 || slots < 1000, "{per_slot} bytes a slot");
    }

    #[test]
    fn a_table_that_may_not_grow_is_filled_to_the_last_word_and_then_refuses() {
        let hints = (0..1).map(|_| AtomicU64::new(0)).collect();
        let mut tables = Tables::new(Arena::new(CHUNK_BYTES as u64, 0), hints, 1, 0, 1);
        let held =
            (0u64..).take_while(|n| tables.insert(0, mix(*n), word(*n), |w| mix(number(w))).is_ok()).count() as u64;
        assert_eq!(held, HALF as u64, "half a bucket: another class would need a second chunk");
        assert!((0..held).all(|n| find(&tables, 0, n).is_some()) && find(&tables, 0, held).is_none());
    }
}
