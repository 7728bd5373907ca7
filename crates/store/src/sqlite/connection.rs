//! How the database file is opened, and what is set on a connection and why.

use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{LOCK_WAIT_MAX, Result, StoreError, files};

/// Older versions of `SQLite` can lose commits in WAL mode.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// More than there are statements in this crate, so that none is ever prepared twice.
const STATEMENTS_KEPT: usize = 256;
/// Pages of the write-ahead log before a commit carries them over: rare enough that the pages at the right
/// edge of each tree are copied once for many commits, often enough that the pause is short.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What is left of the log file after a flood.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// The right edges of all trees. A commit that moved pages makes SQLite walk its whole cache, so a bigger one costs each
/// commit more than it saves: 64 MiB took an eighth of the writer's time.
const WRITER_CACHE_KIB: u32 = 16 * 1024;
const READER_CACHE_KIB: u32 = 16 * 1024;

/// Refuses to work on a `SQLite` that can lose what was committed.
pub(super) fn check_version() -> Result<()> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(StoreError::Refused(format!(
            "SQLite {} can lose commits; 3.51.3 or newer is needed",
            rusqlite::version()
        )));
    }
    Ok(())
}

/// Makes the file where there is none; the log files beside it take its mode over.
pub(super) fn create_file(path: &Path) -> Result<()> {
    let made = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => files::create_private_dir(dir),
        _ => Ok(()),
    };
    match made.and_then(|()| files::create_private_file(path)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
    }
}

/// A connection that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    // Readers and the writer do not wait for one another. The mode is a property of the file and lasts.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Refused(format!(
            "{} lies where SQLite cannot share memory between connections (journal mode {mode}); use a local disk",
            path.display()
        )));
    }
    // Every commit is on the disk before it is answered: the 202 is a promise.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -i64::from(WRITER_CACHE_KIB))?;
    Ok(connection)
}

/// The path of a database without a file.
#[cfg(feature = "in-memory")]
pub(super) const IN_MEMORY: &str = ":memory:";

/// A connection to an empty database without a file.
#[cfg(feature = "in-memory")]
pub(super) fn open_in_memory() -> Result<Connection> {
    open(Path::new(IN_MEMORY))
}

/// A connection that reads and cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "cache_size", -i64::from(READER_CACHE_KIB))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Carries the write-ahead log over into the file and empties it, so that nothing of what was overwritten is left in it.
pub(super) fn empty_log(path: &Path) -> Result<()> {
    let connection = open(path)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn open(path: &Path) -> Result<Connection> {
    // No mutex: each connection belongs to one thread at a time. No URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT_MAX)?;
    // The verbs keep the rows consistent; checks would cost each event a search per reference.
    connection.pragma_update(None, "foreign_keys", false)?;
    // Sorting a page of rows is no reason to touch the disk, which may be full.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A file that was tampered with cannot run functions through its schema.
    connection.pragma_update(None, "trusted_schema", false)?;
    // No mmap: an I/O error would be a signal that kills the process instead of an error that is answered.
    connection.pragma_update(None, "mmap_size", 0)?;
    // One plan for a statement, whatever is bound to it: else SQLite prepares the hottest ones anew for every
    // row, which was a third of the writer's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}
