//! What is owed, on disk: a process that dies leaves it to the next one.
//!
//! One file per cache, locked for as long as the cache lives. A file that can be locked belongs to a process that
//! is gone; who finds it takes its names over and removes it. Records are a length, a check and a name, so that one
//! that was cut off by the crash is noticed: it stands for everything, because nobody knows what it named. Written
//! without `fsync`: the file survives the process, not the machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::entry;

/// In place of a name: everything in the namespace.
pub(super) const EVERYTHING: &str = "";

pub(crate) struct Journal {
    directory: PathBuf,
    /// What the files of this namespace begin with.
    ours: String,
    path: PathBuf,
    file: File,
    /// Whether the last write failed; said once.
    failing: bool,
}

impl Journal {
    /// A file of this process in `directory`, and the names that dead processes of the namespace owe. They are on
    /// this process's account when this returns.
    pub(crate) fn open(directory: &Path, namespace: &str) -> io::Result<(Self, Vec<String>)> {
        fs::create_dir_all(directory)?;
        let ours = format!("owed-{:016x}-", xxh3_64(namespace.as_bytes()));
        let (path, file) = begin(directory, &ours, &[])?;
        let mut journal = Self { directory: directory.to_owned(), ours, path, file, failing: false };
        let (mut names, mut dead) = (Vec::new(), Vec::new());
        for found in fs::read_dir(directory)? {
            let found = found?;
            let name = found.file_name();
            if !name.to_string_lossy().starts_with(&journal.ours) || found.path() == journal.path {
                continue;
            }
            // Gone meanwhile, or a living process's.
            let Ok(mut file) = OpenOptions::new().read(true).append(true).open(found.path()) else { continue };
            if file.try_lock().is_err() {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            names.extend(read(&bytes));
            dead.push((found.path(), file));
        }
        journal.file.write_all(&records(&names))?;
        for (path, locked) in dead {
            match fs::remove_file(path) {
                // Somebody else took it over between our look and our lock, and delivers as we do.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
            drop(locked);
        }
        Ok((journal, names))
    }

    /// Adds names.
    pub(super) fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        let written = self.file.write_all(&records(names));
        self.noted(written);
    }

    /// Writes down what is still owed, and only that. At every moment one file or the other has it.
    pub(super) fn keep<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        let records = records(names);
        let written = if records.is_empty() {
            self.file.set_len(0)
        } else {
            begin(&self.directory, &self.ours, &records).and_then(|(path, file)| {
                // Before its lock is given up: nobody is to take it over.
                let removed = fs::remove_file(&self.path);
                (self.path, self.file) = (path, file);
                removed
            })
        };
        self.noted(written);
    }

    fn noted(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(path = %self.path.display(), %error, "what is owed cannot be written down; it is kept in memory");
                }
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Left where something is owed: for the next process.
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A new file with these records. It gets its name when it is locked: nobody finds it before.
fn begin(directory: &Path, ours: &str, records: &[u8]) -> io::Result<(PathBuf, File)> {
    let own = format!("{ours}{}-{:016x}.log", std::process::id(), u64::from_le_bytes(entry::random8()));
    let (path, unnamed) = (directory.join(&own), directory.join(format!("new-{own}")));
    let mut file = OpenOptions::new().create_new(true).read(true).append(true).open(&unnamed)?;
    let begun = file.try_lock().map_err(io::Error::from);
    let begun = begun.and_then(|()| file.write_all(records)).and_then(|()| fs::rename(&unnamed, &path));
    if begun.is_err() {
        let _ = fs::remove_file(&unnamed);
    }
    begun.map(|()| (path, file))
}

fn records<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let mut records = Vec::new();
    for name in names {
        records.extend_from_slice(&(name.len() as u32).to_le_bytes());
        records.extend_from_slice(&xxh3_64(name.as_bytes()).to_le_bytes());
        records.extend_from_slice(name.as_bytes());
    }
    records
}

/// The names in a file; everything, if a record is not whole.
fn read(mut bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>()
        && let Some((check, rest)) = rest.split_first_chunk::<8>()
        && let Some((name, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
        && xxh3_64(name) == u64::from_le_bytes(*check)
        && let Ok(name) = str::from_utf8(name)
    {
        names.push(name.to_owned());
        bytes = rest;
    }
    if !bytes.is_empty() {
        names.push(EVERYTHING.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_not_whole_stands_for_everything() {
        let names = ["shop:t:a\nb", "shop:t:c", "shop:e:x"].map(str::to_owned);
        let bytes = records(&names);
        assert_eq!(read(&bytes), names);
        assert_eq!(read(&[]), Vec::<String>::new());
        let ends: Vec<usize> = (0..=names.len()).map(|whole| records(&names[..whole]).len()).collect();
        for length in 0..bytes.len() {
            let whole = ends.iter().rposition(|end| *end <= length).expect("the first one is 0");
            let mut expected = names[..whole].to_vec();
            if length > ends[whole] {
                expected.push(EVERYTHING.to_owned());
            }
            assert_eq!(read(&bytes[..length]), expected, "length {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&damaged).last().map(String::as_str), Some(EVERYTHING), "bit {bit}");
        }
        assert_eq!(read(&[0; 64]), [EVERYTHING], "what a crash of the machine may leave");
    }
}
