//! Where the metadata log's files are: a directory, or whatever else keeps what it acknowledged (the simulator's disk loses and
//! tears the rest).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

/// A few files, by name.
pub trait Disk: std::fmt::Debug + Send + Sync + 'static {
    /// Where a file is, for messages.
    fn path(&self, name: &str) -> PathBuf;

    fn names(&self) -> io::Result<Vec<String>>;

    /// A whole file; none when there is none.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Adds to the end of a file that is there; it is durable when this returns. After an error any part of it may be there.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Takes everything from a place on away, durably.
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;

    /// Makes a file or puts a new one in its place: after a crash there is all of the one or of the other.
    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()>;

    /// Overwrites the beginning of a file, made when missing; a crash may leave anything in these bytes.
    fn overwrite(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether it may take long, so that it is not to be used on a thread with other work.
    fn is_slow(&self) -> bool;
}

/// A directory.
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
    open: Mutex<BTreeMap<String, Arc<File>>>,
}

impl Files {
    /// Made when missing.
    pub fn open(dir: &Path) -> io::Result<Arc<Files>> {
        fs::create_dir_all(dir)?;
        Ok(Arc::new(Files { dir: dir.into(), open: Mutex::default() }))
    }

    fn file(&self, name: &str, options: &fs::OpenOptions) -> io::Result<Arc<File>> {
        let mut open = self.open.lock();
        if let Some(file) = open.get(name) {
            return Ok(file.clone());
        }
        let file = Arc::new(options.open(self.dir.join(name))?);
        open.insert(name.into(), file.clone());
        Ok(file)
    }
}

impl Disk for Files {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(&self.dir)?.map(name).collect()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.dir.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(name, File::options().append(true))?;
        (&*file).write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let file = self.file(name, File::options().append(true))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let path = self.dir.join(name);
        let temporary = path.with_extension("new");
        let mut file = File::create(&temporary)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        self.open.lock().remove(name);
        File::open(&self.dir)?.sync_all()
    }

    fn overwrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(name, File::options().create(true).truncate(false).write(true))?;
        file.write_all_at(bytes, 0)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.open.lock().remove(name);
        fs::remove_file(self.dir.join(name))
    }

    fn is_slow(&self) -> bool {
        true
    }
}

/// Uses the disk where that holds nothing else up.
pub async fn on<T: Send + 'static>(
    disk: &Arc<dyn Disk>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match disk.is_slow() {
        true => tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?,
        false => work(),
    }
}
