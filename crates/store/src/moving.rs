//! Moving an installation from `SQLite` to `PostgreSQL`: all rows as they are, sealed values sealed.
//!
//! [`move_ahead`] copies beside a running server, [`finish`] what has changed since, once that server has stopped. Both
//! compare before they copy, so that either may be broken off and begun again. Until the end the new database
//! bears a mark, and no server starts on it; from the end on, the old one does.
//!
//! - `tables`: what there is to copy, and how
//! - `value`: a value of a row, in the words of both backends
//! - the reading side stands in `sqlite/moving.rs`, the writing side in `postgres/moving.rs`

pub(crate) mod tables;
pub(crate) mod value;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use bocau_domain::Rng;

use crate::postgres::PostgresUrl;
use crate::postgres::moving::Target;
use crate::seal::{MasterKey, Sealer};
use crate::sqlite::moving::Source;
use crate::{Result, StoreError};
use tables::{How, TABLES, Table};
use value::Row;

/// Rows that are compared at a time.
const PART_ROWS: usize = 2_000;

/// What is moved, and where to.
pub struct Move {
    /// The file of the `SQLite` database.
    pub from: PathBuf,
    /// The database that takes its place.
    pub to: PostgresUrl,
    /// What both are sealed with.
    pub master_key: MasterKey,
    /// Dice.
    pub rng: Arc<dyn Rng>,
}

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The table that is being copied.
    pub table: &'static str,
    /// Rows that are there, of all tables.
    pub done: u64,
    /// Rows in all, as they were counted at the beginning.
    pub total: u64,
}

/// How many rows of a table there are on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The table.
    pub table: &'static str,
    /// In `SQLite`.
    pub from: u64,
    /// In `PostgreSQL`.
    pub to: u64,
}

/// Copies what is there, beside a server that may go on changing it. Answers how many rows were written.
///
/// # Errors
///
/// [`StoreError::Refused`] where the target holds anything but the beginnings of this very move, or is in use.
pub async fn move_ahead(what: &Move, progress: impl FnMut(Progress) + Send) -> Result<u64> {
    let mut moving = Moving::begin(what).await?;
    moving.copy_all(progress).await
}

/// Copies what is missing or has changed, counts both sides, and marks the old database as left. Nobody may change
/// that meanwhile: the caller holds its lock.
///
/// # Errors
///
/// As [`move_ahead`]; and [`StoreError::Corrupt`] where the two sides differ in the end, which then are not marked.
pub async fn finish(what: &Move, progress: impl FnMut(Progress) + Send) -> Result<Vec<Counted>> {
    let mut moving = Moving::begin(what).await?;
    moving.copy_all(progress).await?;
    let mut counts = Vec::with_capacity(TABLES.len());
    for Table { name: table, .. } in &TABLES {
        let (from, to) = (moving.source.count(table).await?, moving.target.count(table).await?);
        counts.push(Counted { table, from, to });
    }
    if let Some(Counted { table, from, to }) = counts.iter().find(|count| count.from != count.to) {
        return Err(StoreError::Corrupt(format!(
            "{table} has {from} rows in SQLite and {to} in PostgreSQL after the move; nothing is switched over"
        )));
    }
    // In this order: broken off between the two, the move can be finished again, and no server starts on either.
    moving.source.mark_as_left(&what.to.to_string()).await?;
    moving.target.end().await?;
    Ok(counts)
}

struct Moving {
    source: Source,
    target: Target,
}

impl Moving {
    async fn begin(what: &Move) -> Result<Self> {
        let sealer = Arc::new(Sealer::new(&what.master_key, what.rng.clone()));
        let source = Source::open(&what.from, &sealer)?;
        let mut name = [0; 16];
        what.rng.fill(&mut name);
        let name = source.name(name).await?;
        let target = Target::open(&what.to, sealer, &name).await?;
        Ok(Self { source, target })
    }

    async fn copy_all(&mut self, mut progress: impl FnMut(Progress) + Send) -> Result<u64> {
        let (mut done, mut total, mut written) = (0, 0, 0);
        for table in &TABLES {
            total += self.source.count(table.name).await?;
        }
        for table in &TABLES {
            let mut more = |rows: u64| {
                done += rows;
                progress(Progress { table: table.name, done, total });
            };
            more(0);
            written += match table.how {
                How::Whole => self.replace(table, more).await?,
                How::InParts => self.even_out(table, more).await?,
            };
        }
        Ok(written)
    }

    /// A table that is small, or has no key, is written anew.
    async fn replace(&mut self, table: &Table, mut more: impl FnMut(u64)) -> Result<u64> {
        let columns = self.target.columns_of(table, self.source.columns(table.name).await?).await?;
        let rows = self.source.rows(table, &columns, None, None);
        let written = self.target.replace(table, &columns, rows).await?;
        more(written);
        Ok(written)
    }

    /// Goes along the key on both sides, and copies what differs.
    async fn even_out(&mut self, table: &Table, mut more: impl FnMut(u64)) -> Result<u64> {
        let columns = self.target.columns_of(table, self.source.columns(table.name).await?).await?;
        let mut written = 0;
        let mut after: Option<Row> = None;
        loop {
            let mut part = self.source.outlines(table, &columns, after.as_ref(), PART_ROWS).await?;
            let is_last = part.len() < PART_ROWS;
            let up_to = if is_last { None } else { part.last().map(|row| key_of(row, table)) };
            let seen = part.len() as u64;
            let there = self.target.outlines(table, &columns, after.as_ref(), up_to.as_ref()).await?;
            let mut there: HashMap<Row, Row> =
                there.into_iter().map(|row| (key_of(&row, table), row)).collect();
            part.retain(|row| there.remove(&key_of(row, table)).is_none_or(|same| same != *row));
            if !part.is_empty() || !there.is_empty() {
                let differing: HashSet<Row> = part.iter().map(|row| key_of(row, table)).collect();
                let rows = self.source.rows(table, &columns, after.as_ref(), up_to.as_ref());
                let gone: Vec<Row> = there.into_keys().collect();
                written += self.target.even_out(table, &columns, rows, &differing, &gone).await?;
            }
            more(seen);
            let Some(next) = up_to else { return Ok(written) };
            after = Some(next);
        }
    }
}

/// The columns of a key come first in each row.
pub(crate) fn key_of(row: &Row, table: &Table) -> Row {
    row[..table.key.len()].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_moved() {
        let mut database = rusqlite::Connection::open_in_memory().expect("memory");
        crate::sqlite::moving::make_schema(&mut database).expect("the schema");
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut statement = database.prepare(sql).expect("a statement");
        let there = statement.query_map([], |row| row.get(0)).expect("rows");
        let there: Vec<String> = there.collect::<rusqlite::Result<_>>().expect("names");
        let mut moved: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        // Each database has its own.
        moved.extend(["meta", "refinery_schema_history"]);
        moved.sort_unstable();
        assert_eq!(there, moved);
    }
}
