//! A consistent copy while the server goes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::open_reader;
use super::migrate::schema_version;
use crate::{LOCK_WAIT_MAX, Result, StoreError, files};

/// Pages copied between two calls of `progress`: 4 MiB.
const PAGES_PER_STEP: i32 = 1_024;

/// Copies the database at `source` to `target`, which must not exist.
pub(super) fn back_up(source: &Path, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let file = files::create_private_file(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            StoreError::Refused(format!("{} exists; a backup never overwrites", target.display()))
        }
        _ => unwritten(target, &error),
    })?;
    // From here on the file is ours: whatever goes wrong, no half of a copy stays behind.
    let partial = Partial(target.into());
    copy(source, target, progress)?;
    file.sync_all().and_then(|()| files::sync_dir_of(target)).map_err(|error| unwritten(target, &error))?;
    partial.keep();
    Ok(())
}

/// Refuses a file that is no database of ours, or one with damage in it: `Corrupt`. The file must not be in
/// use; reads all of it.
pub fn check_backup(path: &Path) -> Result<()> {
    let broken = |what: &str| StoreError::Corrupt(format!("{}: {what}", path.display()));
    let connection = open_reader(path)?;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(broken(&found));
    }
    drop(connection);
    schema_version(path)?.map(drop).ok_or_else(|| broken("a database, but not one of bocau"))
}

fn copy(source: &Path, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let reader = open_reader(source)?;
    // The copy is of the moment of this snapshot. Without it, every commit of the writer would make the
    // copying begin anew, and beside a busy server it would never end.
    let snapshot = reader.unchecked_transaction()?;
    snapshot.query_row("SELECT COUNT(*) FROM meta", [], |row| row.get::<_, i64>(0))?;
    let mut copy = Connection::open(target)?;
    copy.busy_timeout(LOCK_WAIT_MAX)?;
    // The file is synced once at the end and removed where that is not reached.
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(&snapshot, &mut copy)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        let pages = backup.progress();
        let (total, left) =
            (u64::from(pages.pagecount.unsigned_abs()), u64::from(pages.remaining.unsigned_abs()));
        progress(total.saturating_sub(left), total);
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => return Err(StoreError::Unavailable("the database is locked".into())),
        }
    }
}

fn unwritten(target: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", target.display()))
}

/// A file that is removed unless it is kept.
struct Partial(PathBuf);

impl Partial {
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.0.as_os_str().is_empty() {
            return;
        }
        let mut journal = self.0.clone().into_os_string();
        journal.push("-journal");
        // Nothing more can be done about either.
        drop(fs::remove_file(&self.0));
        drop(fs::remove_file(journal));
    }
}
