//! A disk that fails, fills up or forgets, under the real program: `disk_faults.c` stands between it and the system
//! (`LD_PRELOAD`) and writes down what the program changes and what it makes durable. From that, an [`Image`] of the
//! directory is made as a power cut would have left it.
//!
//! What is taken for granted of a disk: what was synced stays, and nothing else does. What was not synced is kept or
//! lost by sectors of 512 bytes, in any order; new, renamed and removed names are kept in their order, as a file
//! system's journal does, from the last sync of the directory on as far as the dice say. A sync that failed may have
//! dropped what it was to make durable, and no later one brings it back.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::clock::SeededRng;

const SOURCE: &str = include_str!("disk_faults.c");
const SECTOR_BYTES: usize = 512;
const RECORD_BYTES: usize = 32;

/// What the disk does from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// What it should.
    None = 0,
    /// It is full: nothing grows (ENOSPC).
    Full = 1,
    /// Writes fail (EIO).
    WriteError = 2,
    /// Syncs fail (EIO).
    SyncError = 3,
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCut {
    /// Nothing.
    LosesAll,
    /// Some sectors, by these dice.
    LosesSome(u64),
    /// A disk that lies: of the last half of what was done, not even what it said was durable.
    Lies,
}

/// The layer. Dropping it removes its files.
pub struct DiskFaults {
    dir: TempDir,
}

impl DiskFaults {
    /// Compiles it; the C compiler is the one that the bundled `SQLite` needs.
    ///
    /// # Panics
    ///
    /// Without a C compiler: a test that did not run has shown nothing.
    pub fn make() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (source, library) = (dir.path().join("disk_faults.c"), dir.path().join("disk_faults.so"));
        fs::write(&source, SOURCE).expect("written");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let ended = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
            .args([&library, &source])
            .output()
            .expect("there is a C compiler");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        fs::write(dir.path().join("control"), [0]).expect("written");
        Self { dir }
    }

    /// What a program's environment needs for it; `root` is the directory that is watched, as an absolute path.
    pub fn variables(&self, root: &Path) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.dir.path().join(name).display().to_string();
        vec![
            ("LD_PRELOAD", file("disk_faults.so")),
            ("DISK_FAULTS_ROOT", root.display().to_string()),
            ("DISK_FAULTS_LOG", file("log")),
            ("DISK_FAULTS_CONTROL", file("control")),
        ]
    }

    /// From now on this happens, to a program that runs as well.
    pub fn set(&self, fault: DiskFault) {
        let control = File::options().write(true).open(self.dir.path().join("control")).expect("it is there");
        control.write_all_at(&[fault as u8], 0).expect("written");
    }

    /// What a power cut leaves of a directory that was like `before` when the program started. The program has
    /// ended.
    ///
    /// # Panics
    ///
    /// Where the log cannot be read.
    pub fn after(&self, before: &Image, cut: PowerCut) -> Image {
        let log = fs::read(self.dir.path().join("log")).expect("the program wrote it");
        let records = records(&log);
        let mut disk = Disk::of(before, cut);
        let honest = if cut == PowerCut::Lies { records.len() / 2 } else { records.len() };
        for (number, record) in records.iter().enumerate() {
            disk.take(record, number < honest);
        }
        disk.cut()
    }

    /// Forgets what was written down, before a program is started anew.
    ///
    /// # Panics
    ///
    /// Where the log cannot be emptied.
    pub fn forget(&self) {
        File::create(self.dir.path().join("log")).expect("it can be emptied");
    }
}

/// The files of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image(BTreeMap<String, Vec<u8>>);

/// What no power cut leaves, or none matters to: memory that processes share, and locks.
fn is_passing(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "lock") || name.ends_with("-shm")
}

impl Image {
    /// The directory as it is, without directories in it; empty where there is none.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        if !dir.exists() {
            return Ok(Self(files));
        }
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !is_passing(&name) {
                files.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(Self(files))
    }

    /// Makes the directory like this.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
        for (name, bytes) in &self.0 {
            let file = File::options().create_new(true).write(true).mode(0o600).open(dir.join(name));
            file?.write_all(bytes)?;
        }
        Ok(())
    }

    /// How many bytes are in it.
    pub fn bytes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// What was done, in its order; the numbers are those of `disk_faults.c`.
enum Record<'a> {
    Opened { file: u64, name: &'a str },
    Created { file: u64, name: &'a str },
    Written { file: u64, offset: usize, bytes: &'a [u8] },
    Cut { file: u64, length: usize },
    Synced { file: u64 },
    SyncFailed { file: u64 },
    Removed { name: &'a str },
    Renamed { from: &'a str, to: &'a str },
    DirSynced,
    Linked { from: &'a str, to: &'a str },
}

/// A record that the kill cut short is none.
fn records(mut log: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((head, rest)) = log.split_at_checked(RECORD_BYTES) {
        let number = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let size = |at: usize| usize::try_from(number(at)).expect("the log is of this machine");
        let (file, offset) = (number(8), size(16));
        let Some((data, rest)) = rest.split_at_checked(size(24)) else { break };
        let name = || std::str::from_utf8(data).expect("the program's names are text");
        records.push(match number(0) {
            1 => Record::Opened { file, name: name() },
            2 => Record::Created { file, name: name() },
            3 => Record::Written { file, offset, bytes: data },
            4 => Record::Cut { file, length: offset },
            5 => Record::Synced { file },
            6 => Record::SyncFailed { file },
            7 => Record::Removed { name: name() },
            op @ (8 | 10) => {
                let (from, to) = name().split_once('\0').expect("two names");
                if op == 8 { Record::Renamed { from, to } } else { Record::Linked { from, to } }
            }
            9 => Record::DirSynced,
            other => panic!("{other} is no record"),
        });
        log = rest;
    }
    records
}

enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// One file: what is durable of it, and what is not yet.
#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl Change {
    fn apply(self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(to, offset, &bytes),
            Self::Cut(length) => to.resize(length, 0),
        }
    }
}

fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[offset..end].copy_from_slice(bytes);
}

enum Naming {
    Created(String, usize),
    Removed(String),
    Renamed(String, String),
    Linked(String, String),
}

/// The disk as the records move it on.
struct Disk {
    contents: Vec<Content>,
    /// The content of a file by the system's number, which is given anew when a file is gone.
    by_number: HashMap<u64, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    dice: Option<SeededRng>,
}

impl Disk {
    fn of(before: &Image, cut: PowerCut) -> Self {
        let mut disk = Self {
            contents: Vec::new(),
            by_number: HashMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            dice: match cut {
                PowerCut::LosesSome(seed) => Some(SeededRng::new(seed)),
                PowerCut::LosesAll | PowerCut::Lies => None,
            },
        };
        for (name, bytes) in &before.0 {
            disk.durable_names.insert(name.clone(), disk.contents.len());
            disk.contents.push(Content { durable: bytes.clone(), pending: Vec::new() });
        }
        disk
    }

    fn take(&mut self, record: &Record<'_>, is_honest: bool) {
        match *record {
            Record::Opened { file, name } => {
                if !self.by_number.contains_key(&file) {
                    // Of before, or one that the program does not tell of making.
                    let content = self.durable_names.get(name).copied();
                    let content = content.unwrap_or_else(|| self.make(name));
                    self.by_number.insert(file, content);
                }
            }
            Record::Created { file, name } => {
                let content = self.make(name);
                self.by_number.insert(file, content);
            }
            Record::Written { file, offset, bytes } => {
                self.content(file).pending.push(Change::Write { offset, bytes: bytes.to_vec() });
            }
            Record::Cut { file, length } => self.content(file).pending.push(Change::Cut(length)),
            Record::Synced { file } if is_honest => {
                let content = self.content(file);
                for change in content.pending.drain(..) {
                    change.apply(&mut content.durable);
                }
            }
            Record::SyncFailed { file } => self.forget_some(file),
            Record::Removed { name } => self.pending_names.push(Naming::Removed(name.to_owned())),
            Record::Renamed { from, to } => {
                self.pending_names.push(Naming::Renamed(from.to_owned(), to.to_owned()));
            }
            Record::Linked { from, to } => {
                self.pending_names.push(Naming::Linked(from.to_owned(), to.to_owned()));
            }
            Record::DirSynced if is_honest => {
                for naming in std::mem::take(&mut self.pending_names) {
                    self.rename(naming);
                }
            }
            Record::Synced { .. } | Record::DirSynced => {}
        }
    }

    fn make(&mut self, name: &str) -> usize {
        self.contents.push(Content::default());
        self.pending_names.push(Naming::Created(name.to_owned(), self.contents.len() - 1));
        self.contents.len() - 1
    }

    fn content(&mut self, file: u64) -> &mut Content {
        &mut self.contents[self.by_number[&file]]
    }

    /// Whether this is lost.
    fn is_lost(dice: Option<&SeededRng>) -> bool {
        dice.is_none_or(|dice| dice.next_u64() & 1 == 0)
    }

    fn forget_some(&mut self, file: u64) {
        let content = &mut self.contents[self.by_number[&file]];
        content.pending.retain(|_| !Self::is_lost(self.dice.as_ref()));
    }

    fn rename(&mut self, naming: Naming) {
        match naming {
            Naming::Created(name, content) => drop(self.durable_names.insert(name, content)),
            Naming::Removed(name) => drop(self.durable_names.remove(&name)),
            Naming::Linked(from, to) => {
                if let Some(content) = self.durable_names.get(&from) {
                    self.durable_names.insert(to, *content);
                }
            }
            Naming::Renamed(from, to) => {
                if let Some(content) = self.durable_names.remove(&from) {
                    self.durable_names.insert(to, content);
                }
            }
        }
    }

    /// The power goes.
    fn cut(mut self) -> Image {
        for naming in std::mem::take(&mut self.pending_names) {
            if Self::is_lost(self.dice.as_ref()) {
                break;
            }
            self.rename(naming);
        }
        let (dice, mut contents) = (self.dice, self.contents);
        let mut image = Image::default();
        for (name, place) in self.durable_names {
            let Content { durable, pending } = &mut contents[place];
            for change in pending.drain(..) {
                match change {
                    Change::Write { offset, bytes } => keep_sectors(durable, offset, &bytes, dice.as_ref()),
                    Change::Cut(length) if !Self::is_lost(dice.as_ref()) => durable.resize(length, 0),
                    Change::Cut(_) => {}
                }
            }
            image.0.insert(name, durable.clone());
        }
        image
    }
}

/// A write is torn where sectors meet.
fn keep_sectors(to: &mut Vec<u8>, offset: usize, bytes: &[u8], dice: Option<&SeededRng>) {
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min((offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset);
        if !Disk::is_lost(dice) {
            put(to, offset + at, &bytes[at..end]);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of the system that writes with and without syncs, and is asked what a power cut leaves of it.
    fn written(faults: &DiskFaults, dir: &Path, script: &str) -> std::process::Output {
        let mut command = Command::new("python3");
        command.args(["-c", script]).current_dir(dir).envs(faults.variables(dir));
        command.output().expect("python3 is installed")
    }

    const TWO_WRITES: &str = "import os\n\
        fd = os.open('a', os.O_RDWR | os.O_CREAT, 0o600)\n\
        os.write(fd, b'x' * 1024)\n\
        os.fsync(fd)\n\
        d = os.open(os.getcwd(), os.O_RDONLY)\n\
        os.fsync(d)\n\
        os.pwrite(fd, b'y' * 1024, 512)\n";

    #[test]
    fn what_was_synced_stays_and_what_was_not_is_lost_or_torn() {
        let (faults, dir) = (DiskFaults::make(), tempfile::tempdir().expect("a directory"));
        let dir = dir.path().canonicalize().expect("it is there");
        assert!(written(&faults, &dir, TWO_WRITES).status.success());
        let before = Image::default();
        let Image(all) = faults.after(&before, PowerCut::LosesAll);
        assert_eq!(all, BTreeMap::from([("a".to_owned(), vec![b'x'; 1024])]));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let Image(files) = faults.after(&before, PowerCut::LosesSome(seed));
            assert_eq!(files["a"][..512], [b'x'; 512]);
            seen.insert(files["a"][512..].to_vec());
        }
        assert_eq!(seen.len(), 4, "each of the two sectors is kept or not");
        let Image(lied) = faults.after(&before, PowerCut::Lies);
        assert!(lied.is_empty() || lied["a"].len() < 1024, "{lied:?}");
    }

    #[test]
    fn calls_fail_as_they_are_told_to() {
        let (faults, dir) = (DiskFaults::make(), tempfile::tempdir().expect("a directory"));
        let dir = dir.path().canonicalize().expect("it is there");
        for (fault, said) in [
            (DiskFault::Full, "No space left on device"),
            (DiskFault::WriteError, "Input/output error"),
            (DiskFault::SyncError, "Input/output error"),
        ] {
            faults.set(fault);
            let ended = written(&faults, &dir, TWO_WRITES);
            let said_it = String::from_utf8_lossy(&ended.stderr).contains(said);
            assert!(!ended.status.success() && said_it, "{fault:?}: {ended:?}");
        }
        faults.set(DiskFault::None);
        assert!(written(&faults, &dir, TWO_WRITES).status.success());
    }
}
