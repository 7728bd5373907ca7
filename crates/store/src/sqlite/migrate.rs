//! The schema's steps, forward only. This program runs on its own schema and on newer ones.

use std::fs::File;
use std::path::Path;

use refinery::{Runner, embed_migrations};
use rusqlite::{Connection, params};

use super::connection::open_reader;
use super::lock::open_lock_file;
use crate::seal::Sealer;
use crate::{Result, StoreError, schema};

embed_migrations!("migrations/sqlite");

/// The sealed value that tells which master key a database belongs to.
pub(super) const CANARY: &str = "master_key";
const CANARY_TEXT: &[u8] = b"bocau";

/// Held while a process opens the database: two that start at once would both see the same step missing.
pub(super) fn lock(path: &Path) -> Result<File> {
    let lock = open_lock_file(&path.with_extension("migrate.lock")).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    lock.map_err(|error| StoreError::Unavailable(format!("the migration lock: {error}")))
}

/// Refuses a database whose schema is older than this program needs; changes nothing.
pub(super) fn check_is_current(path: &Path) -> Result<()> {
    schema::check_is_current(schema_version(path)?, &migrations::runner())
}

/// Brings the schema up to what this program knows.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    // Steps of a newer version are in the database and not here: that is no reason to abort.
    let runner = migrations::runner().set_abort_missing(false).set_abort_divergent(true);
    runner.run(connection).map_err(|error| refused(&error))?;
    check_all_applied(&runner, connection)
}

/// A database that has gone another way, without one of our steps, is not ours.
fn check_all_applied(runner: &Runner, connection: &mut Connection) -> Result<()> {
    let applied = runner.get_applied_migrations(connection).map_err(|error| refused(&error))?;
    match runner.get_migrations().iter().find(|known| !applied.contains(known)) {
        None => Ok(()),
        Some(missing) => Err(StoreError::Refused(format!("the database lacks the migration {missing}"))),
    }
}

/// The schema version of the database at `path`; `None` where there is none, or none of ours. Changes nothing,
/// and may run beside a server.
pub fn schema_version(path: &Path) -> Result<Option<i32>> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = open_reader(path)?;
    let history = "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    if !connection.prepare(history)?.exists([])? {
        return Ok(None);
    }
    Ok(connection.query_row("SELECT MAX(version) FROM refinery_schema_history", [], |row| row.get(0))?)
}

fn refused(error: &refinery::Error) -> StoreError {
    StoreError::Refused(format!("the schema could not be migrated: {error}"))
}

/// Ties a new database to its master key, and refuses one that is tied to another: better at the start than
/// with the first delivery, or as API keys that no longer work.
pub(super) fn check_master_key(connection: &Connection, sealer: &Sealer) -> Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    let is_there = connection.prepare("SELECT 1 FROM meta WHERE key = ?1")?.exists([CANARY])?;
    if !is_there {
        connection.execute(sql, params![CANARY, sealer.seal(CANARY, CANARY_TEXT)])?;
    }
    // Read back in any case: of two that write it at once, the first has written it.
    let read = "SELECT value FROM meta WHERE key = ?1";
    let value: Vec<u8> = connection.query_row(read, [CANARY], |row| row.get(0))?;
    sealer.open(CANARY, &value).map(drop)
}
