//! The side that an installation moves away from.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use tokio::sync::mpsc;

use super::{connection, migrate, stopped};
use crate::moving::tables::{Dialect, Table};
use crate::moving::value::Row;
use crate::seal::Sealer;
use crate::{Result, StoreError};

/// What a database is known by to the one that it moves to.
const NAME: &str = "moving_name";
/// Where an installation has moved to.
const LEFT_FOR: &str = "moved_to";
const DIALECT: Dialect = Dialect { mark: '?', length: "length" };
/// Rows on their way to the other side.
const ROWS_AHEAD: usize = 64;

/// The database that is read.
pub(crate) struct Source {
    /// For what is looked up.
    connection: Arc<Mutex<Connection>>,
    /// For rows on their way.
    sending: Arc<Mutex<Connection>>,
}

impl Source {
    /// Opens it and brings its schema up to date; blocks while it does.
    pub(crate) fn open(path: &Path, sealer: &Sealer) -> Result<Self> {
        connection::check_version()?;
        let lock = migrate::lock(path)?;
        let mut connection = connection::open_writer(path)?;
        migrate::migrate(&mut connection)?;
        migrate::check_master_key(&connection, sealer)?;
        drop(lock);
        let sending = connection::open_reader(path)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), sending: Arc::new(Mutex::new(sending)) })
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.connection.clone();
        let looked = tokio::task::spawn_blocking(move || look(&connection.lock())).await;
        looked.unwrap_or_else(|error| Err(stopped(&error)))
    }

    /// Its name, which is this one where it has none yet.
    pub(crate) async fn name(&self, new: [u8; 16]) -> Result<Vec<u8>> {
        self.look(move |connection| {
            let write = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            connection.execute(write, (NAME, new))?;
            Ok(connection.query_row("SELECT value FROM meta WHERE key = ?1", [NAME], |row| row.get(0))?)
        })
        .await
    }

    /// From now on no server starts on it.
    pub(crate) async fn mark_as_left(&self, target: &str) -> Result<()> {
        let target = target.as_bytes().to_vec();
        self.look(move |connection| {
            let write = "INSERT INTO meta (key, value) VALUES (?1, ?2) \
                         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(write, (LEFT_FOR, target))?;
            Ok(())
        })
        .await
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &'static str) -> Result<u64> {
        self.look(move |connection| {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
        })
        .await
    }

    /// The columns of a table.
    pub(crate) async fn columns(&self, table: &'static str) -> Result<Vec<String>> {
        self.look(move |connection| {
            let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
            let columns = statement.query_map([table], |row| row.get(0))?;
            Ok(columns.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The next rows along the key, with lengths in place of what is long.
    pub(crate) async fn outlines(
        &self,
        table: &Table,
        columns: &[String],
        after: Option<&Row>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        let outlined = table.outlined(DIALECT, columns);
        let (sql, values) = table.select(DIALECT, &outlined, after, None);
        let values: Row = values.into_iter().cloned().collect();
        let sql = format!("{sql} LIMIT {limit}");
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(found)
        })
        .await
    }

    /// The rows along the key after one and up to another, whole; without a key, all rows.
    pub(crate) fn rows(
        &self,
        table: &Table,
        columns: &[String],
        after: Option<&Row>,
        up_to: Option<&Row>,
    ) -> mpsc::Receiver<Result<Row>> {
        let (sql, values) = table.select(DIALECT, columns, after, up_to);
        let values: Row = values.into_iter().cloned().collect();
        let (sender, receiver) = mpsc::channel(ROWS_AHEAD);
        let connection = self.sending.clone();
        tokio::task::spawn_blocking(move || {
            let send = || -> Result<()> {
                let connection = connection.lock();
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    if sender.blocking_send(Ok(read(row)?)).is_err() {
                        break;
                    }
                }
                Ok(())
            };
            if let Err(error) = send() {
                // Nobody is there where the other side has failed first.
                drop(sender.blocking_send(Err(error)));
            }
        });
        receiver
    }
}

fn read(row: &rusqlite::Row<'_>) -> Result<Row> {
    let columns = row.as_ref().column_count();
    Ok((0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()?)
}

/// Where the installation whose database lies at `path` has moved to; `None` where it has not, or nothing lies there.
/// Changes nothing, and may run beside servers.
///
/// # Errors
///
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`] where it cannot be read.
pub fn moved_to(path: &Path) -> Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = connection::open_reader(path)?;
    if !connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'meta'")?.exists([])? {
        return Ok(None);
    }
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let target: Option<Vec<u8>> = connection.query_row(sql, [LEFT_FOR], |row| row.get(0)).optional()?;
    Ok(target.map(|target| String::from_utf8_lossy(&target).into_owned()))
}

/// Takes a move back: servers start on the database at `path` again, which is as it was when they left it. Answers
/// whether it had moved.
///
/// # Errors
///
/// [`StoreError::Unavailable`] where it cannot be written.
pub fn take_move_back(path: &Path) -> Result<bool> {
    if !path.exists() {
        return Err(StoreError::Refused(format!("{} is not there", path.display())));
    }
    let connection = connection::open_writer(path)?;
    Ok(connection.execute("DELETE FROM meta WHERE key = ?1", [LEFT_FOR])? > 0)
}

/// The tables that there are to move, in an empty database.
#[cfg(test)]
pub(crate) fn make_schema(connection: &mut Connection) -> Result<()> {
    migrate::migrate(connection)
}
