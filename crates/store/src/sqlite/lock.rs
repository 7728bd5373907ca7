//! The lock that keeps a second server out of a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::{Result, StoreError, files};

const LOCK_FILE: &str = "serve.lock";

/// Held while a server runs on a data directory; the operating system lets go of it however the process ends.
/// Commands beside the server (`bocau key create`, `bocau backup`) open the store without it.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock of this directory, which is made where it is not there. `Unavailable` where another
    /// process holds it.
    pub fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join(LOCK_FILE);
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        files::create_private_dir(dir).map_err(failed)?;
        let file = open_lock_file(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Unavailable(format!("another server runs on {}", dir.display())))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Opens a file that exists to be locked.
pub(super) fn open_lock_file(path: &Path) -> io::Result<File> {
    match files::create_private_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)
        }
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_kept_out_until_the_first_has_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = DataDirLock::acquire(dir.path()).expect("free");
        assert!(matches!(DataDirLock::acquire(dir.path()), Err(StoreError::Unavailable(_))));
        drop(first);
        DataDirLock::acquire(dir.path()).expect("free again");
    }
}
