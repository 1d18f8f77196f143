//! A file of records, one behind another, each synced before the next is begun. What a record says is its writer's business.
//!
//! ```text
//! file     header, records
//! header   "dcache-log 1\n"
//! record   u32 length | u32 crc32 of the length | u32 crc32 of the body | body          little-endian
//! ```
//!
//! Since a record is on disk before the next is begun, a crash can leave at most the last one unfinished: that one was not
//! acknowledged and is dropped. Damage anywhere else means that something acknowledged is lost, and the file is refused: a
//! voter with a hole in its log would vote for what it does not know. The length has a checksum of its own because a wrong
//! length would otherwise make the rest of the file look like one unfinished record.
//!
//! After a write failed nobody knows what is on disk, and a second sync may say well what the first lost (Rebello et al., "Can
//! Applications Recover from fsync Failures?", USENIX ATC 2020), so the file takes no more writes.

use super::disk::Disk;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HEADER: &[u8] = b"dcache-log 1\n";

const HEAD_BYTES: usize = 12;

/// Largest body: the first entry of a cluster of 1000 nodes has some 400 KB.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Why a file of the metadata log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is damaged at byte {at} ({why}); a node must not vote with part of its log: move its whole data directory away and let it join as a new node",
        path.display()
    )]
    Damaged { path: PathBuf, at: usize, why: String },
}

impl StoreError {
    pub fn io(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
        |source| StoreError::Io { path: path.to_path_buf(), source }
    }
}

/// An open file, at its end.
#[derive(Debug)]
pub struct Wal {
    disk: Arc<dyn Disk>,
    name: &'static str,
    is_broken: bool,
}

impl Wal {
    /// Opens the file, or makes it, and shows every record's body to `read` in order.
    pub fn open(
        disk: Arc<dyn Disk>,
        name: &'static str,
        mut read: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<Wal, StoreError> {
        let path = disk.path(name);
        let bytes = match disk.read(name).map_err(StoreError::io(&path))? {
            Some(bytes) => bytes,
            None => {
                disk.replace(name, &[HEADER]).map_err(StoreError::io(&path))?;
                HEADER.to_vec()
            }
        };
        let damaged = |at: usize, why: String| StoreError::Damaged { path: path.clone(), at, why };
        let Some(mut rest) = bytes.strip_prefix(HEADER) else {
            return Err(damaged(0, "it does not begin as a log this version can read".into()));
        };
        let mut at = HEADER.len();
        while let Some((body, after)) = next_record(rest).map_err(|why| damaged(at, why))? {
            read(body).map_err(|why| damaged(at, why))?;
            at += rest.len() - after.len();
            rest = after;
        }
        if !rest.is_empty() {
            tracing::warn!(path = %path.display(), bytes = rest.len(), "dropped a record that was not written to its end");
            disk.truncate(name, at as u64).map_err(StoreError::io(&path))?;
        }
        Ok(Wal { disk, name, is_broken: false })
    }

    /// Writes one record; it is on disk when this returns.
    pub fn append(&mut self, body: &[u8]) -> io::Result<()> {
        self.change(|wal| {
            let mut record = Vec::with_capacity(HEAD_BYTES + body.len());
            push(body, &mut record)?;
            wal.disk.append(wal.name, &record)
        })
    }

    /// Puts a file with only these records in the old one's place.
    pub fn replace<'a>(&mut self, bodies: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        self.change(|wal| {
            let mut content = HEADER.to_vec();
            bodies.into_iter().try_for_each(|body| push(body, &mut content))?;
            wal.disk.replace(wal.name, &[&content])
        })
    }

    fn change(&mut self, write: impl FnOnce(&mut Wal) -> io::Result<()>) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier write to this file failed"));
        }
        let result = write(self);
        self.is_broken = result.is_err();
        result
    }
}

fn push(body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if body.is_empty() || body.len() > BODY_BYTES_MAX {
        let why = format!("a record of {} bytes is not within 1 and {BODY_BYTES_MAX}", body.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let length = (body.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc32(&length).to_le_bytes());
    out.extend_from_slice(&crc32(body).to_le_bytes());
    out.extend_from_slice(body);
    Ok(())
}

/// A record's body and what follows the record.
type BodyAndRest<'a> = (&'a [u8], &'a [u8]);

/// The first record; `None` at the end of the file and at an unfinished last record.
fn next_record(bytes: &[u8]) -> Result<Option<BodyAndRest<'_>>, String> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else { return Ok(None) };
    // Some file systems make a file longer before they write what is in it.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = word(0) as usize;
    if crc32(&head[..4]) != word(4) || !(1..=BODY_BYTES_MAX).contains(&length) {
        return Err("what should be a record's length is something else".into());
    }
    let Some((body, after)) = rest.split_at_checked(length) else { return Ok(None) };
    if crc32(body) != word(8) {
        return if after.is_empty() { Ok(None) } else { Err("wrong checksum".into()) };
    }
    Ok(Some((body, after)))
}

/// CRC-32 (IEEE 802.3), as in gzip.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| (crc >> 8) ^ CRC32_TABLE[usize::from(crc as u8 ^ byte)])
}

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::disk::Files;
    use super::*;
    use std::fs;

    const BODIES: [&[u8]; 3] = [b"first", b"the second", b"3"];

    fn path(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("log")
    }

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().expect("temporary directory")
    }

    fn open(path: &Path, read: impl FnMut(&[u8]) -> Result<(), String>) -> Result<Wal, StoreError> {
        let disk = Files::open(path.parent().expect("in a directory")).expect("opens");
        Wal::open(disk, "log", read)
    }

    /// A file of [`BODIES`] and where each record ends.
    fn written(path: &Path) -> (Vec<u8>, Vec<usize>) {
        let mut wal = open(path, |_| Ok(())).expect("opens");
        let ends = BODIES.iter().map(|body| {
            wal.append(body).expect("writes");
            fs::metadata(path).expect("exists").len() as usize
        });
        let ends = ends.collect();
        (fs::read(path).expect("reads"), ends)
    }

    fn bodies(path: &Path) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut bodies = Vec::new();
        open(path, |body| {
            bodies.push(body.to_vec());
            Ok(())
        })?;
        Ok(bodies)
    }

    #[test]
    fn an_unfinished_last_record_is_dropped_wherever_it_ends_and_the_file_goes_on() {
        let dir = dir();
        let path = path(&dir);
        let (bytes, ends) = written(&path);
        for cut in HEADER.len()..=bytes.len() {
            fs::write(&path, &bytes[..cut]).expect("writes");
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(bodies(&path).expect("opens"), BODIES[..whole], "cut at {cut}");
            open(&path, |_| Ok(())).expect("opens").append(b"next").expect("writes");
            let read = bodies(&path).expect("opens");
            assert_eq!((read.len(), read.last().map(Vec::as_slice)), (whole + 1, Some(&b"next"[..])));
        }
    }

    #[test]
    fn every_flipped_bit_before_the_last_record_is_refused_and_nothing_is_lost() {
        let dir = dir();
        let path = path(&dir);
        let (bytes, ends) = written(&path);
        for bit in 0..ends[1] * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).expect("writes");
            let error = bodies(&path).expect_err("is damaged").to_string();
            assert!(error.contains("is damaged at byte") && error.contains("join as a new node"), "{error}");
            assert_eq!(fs::read(&path).expect("reads"), damaged);
        }
    }

    #[test]
    fn a_last_record_with_a_wrong_checksum_or_of_zeros_is_unfinished() {
        let dir = dir();
        let path = path(&dir);
        let (mut bytes, ends) = written(&path);
        fs::write(&path, [&bytes[..ends[1]], &[0; 40][..]].concat()).expect("writes");
        assert_eq!(bodies(&path).expect("opens"), BODIES[..2]);
        *bytes.last_mut().expect("has bytes") ^= 1;
        fs::write(&path, &bytes).expect("writes");
        assert_eq!(bodies(&path).expect("opens"), BODIES[..2]);
    }

    #[test]
    fn a_replaced_file_has_only_the_new_records_and_takes_more() {
        let dir = dir();
        let path = path(&dir);
        written(&path);
        let mut wal = open(&path, |_| Ok(())).expect("opens");
        wal.replace([&b"kept"[..], b"too"]).expect("replaces");
        wal.append(b"more").expect("writes");
        assert_eq!(bodies(&path).expect("opens"), [&b"kept"[..], b"too", b"more"]);
    }

    #[test]
    fn after_a_failed_write_nothing_more_is_written() {
        let dir = dir();
        let path = path(&dir);
        let mut wal = open(&path, |_| Ok(())).expect("opens");
        wal.append(b"").expect_err("no record is empty");
        wal.append(b"next").expect_err("the file is broken");
        assert_eq!(fs::read(&path).expect("reads"), HEADER);
    }

    #[test]
    fn crc32_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
