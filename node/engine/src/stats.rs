//! What happened in each namespace. Counted by the stripes under their locks, so counting costs no shared memory, and
//! summed when somebody asks.

/// Figures of one namespace; counts are since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFigures {
    /// Entries held, expired ones not dropped yet included.
    pub items: u64,
    /// Bytes of memory taken for them: the segments they lie in, dead and unfilled space included.
    pub bytes: u64,
    /// Bytes of their keys and values alone.
    pub stored_bytes: u64,
    pub hits: u64,
    pub misses: u64,
    /// Values written, overwrites included.
    pub sets: u64,
    /// Entries removed on request; clearing a slot or a database does not count.
    pub deletes: u64,
    /// Entries removed for space.
    pub evictions: u64,
    /// Entries removed because their time had come.
    pub expirations: u64,
    /// Writes that were refused because no room could be made.
    pub refused: u64,
}

impl NamespaceFigures {
    pub(crate) fn add(&mut self, other: &NamespaceFigures) {
        self.items += other.items;
        self.bytes += other.bytes;
        self.stored_bytes += other.stored_bytes;
        self.hits += other.hits;
        self.misses += other.misses;
        self.sets += other.sets;
        self.deletes += other.deletes;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.refused += other.refused;
    }
}
