//! What a verb works with inside the writer's transaction.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;

use bocau_domain::{AuditIds, StoreId};
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::rows::{first, first_of, from_u64, only, to_u64};
use super::tally;
use crate::Result;
use crate::seal::Sealer;
use crate::tally::Tally;

/// One transaction of the writer. It does not commit: the writer does, for all that share it.
pub(super) struct Tx<'c> {
    pub(super) connection: &'c Connection,
    pub(super) sealer: &'c Sealer,
    /// The ids of the entries that it writes into the audit log.
    pub(super) audit_ids: &'c AuditIds,
    /// The config versions read so far; `None` for a store that is not there.
    versions: RefCell<HashMap<StoreId, Option<u64>>>,
    /// What it has changed and not counted yet.
    tally: RefCell<Tally>,
    /// What it runs once for each event or result, by its text's address: looking a text up among all that the
    /// connection keeps hashes it, twice.
    repeated: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, sealer: &'c Sealer, audit_ids: &'c AuditIds) -> Self {
        Self {
            connection,
            sealer,
            audit_ids,
            versions: RefCell::default(),
            tally: RefCell::default(),
            repeated: RefCell::default(),
        }
    }

    /// Where it is counted what the transaction changes.
    pub(super) fn tally(&self) -> RefMut<'_, Tally> {
        self.tally.borrow_mut()
    }

    /// Writes what was counted so far; before a commit, and before the end of a part that may be rolled back
    /// alone.
    pub(super) fn write_tally(&self) -> Result<()> {
        let tally = self.tally.take();
        tally::write(self, tally)
    }

    /// Runs a statement that changes rows; answers how many.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Runs a statement that changes rows and that a transaction runs many times; answers how many.
    pub(super) fn execute_again(&self, sql: &'static str, params: impl Params) -> Result<usize> {
        Ok(self.repeated(sql)?.execute(params)?)
    }

    /// The first row that a query answers which a transaction runs many times. `read` uses no transaction.
    pub(super) fn first_again<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        first_of(&mut *self.repeated(sql)?, params, read)
    }

    fn repeated(&self, sql: &'static str) -> Result<RefMut<'_, CachedStatement<'c>>> {
        let mut repeated = self.repeated.borrow_mut();
        let known = repeated.iter().position(|(known, _)| std::ptr::eq(*known, sql));
        if known.is_none() {
            repeated.push((sql, self.connection.prepare_cached(sql)?));
        }
        let place = known.unwrap_or(repeated.len() - 1);
        Ok(RefMut::map(repeated, |repeated| &mut repeated[place].1))
    }

    /// The version of the store's configuration; `None` where the store is not there. Read once for all the
    /// events of a transaction.
    pub(super) fn config_version(&self, store: &StoreId) -> Result<Option<u64>> {
        if let Some(version) = self.versions.borrow().get(store) {
            return Ok(*version);
        }
        let version = first(
            self.connection,
            "SELECT config_version FROM stores WHERE id = ?1 AND deleted_at IS NULL",
            [store.as_str()],
            only::<i64>,
        )?
        .map(to_u64);
        self.versions.borrow_mut().insert(store.clone(), version);
        Ok(version)
    }

    /// Makes whatever was routed by the store's configuration so far stale.
    pub(super) fn bump_config(&self, store: &StoreId) -> Result<()> {
        self.forget(store);
        self.execute(
            "UPDATE stores SET config_version = config_version + 1 WHERE id = ?1",
            [store.as_str()],
        )?;
        Ok(())
    }

    /// The first version of a store made at this moment. It is the moment itself and not 1, so that no
    /// version of a store of the same id that was deleted before ever comes back.
    pub(super) fn first_config_version(created_at_millis: i64) -> i64 {
        from_u64(to_u64(created_at_millis).max(1))
    }

    /// After the store was made or deleted.
    pub(super) fn forget(&self, store: &StoreId) {
        self.versions.borrow_mut().remove(store);
    }

    /// After a part was rolled back.
    pub(super) fn forget_all(&self) {
        self.tally.take();
        self.versions.borrow_mut().clear();
    }
}
