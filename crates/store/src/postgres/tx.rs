//! What a verb works with: a connection, and the transaction on it.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bocau_domain::{AuditIds, StoreId};
use deadpool_postgres::{Object, Pool};
use futures_util::FutureExt as _;
use futures_util::future::{join as in_turn, join_all};
use parking_lot::{Mutex, MutexGuard};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::connection::in_time;
use super::errors::Failed;
use super::rows::to_u64;
use super::tally;
use crate::StoreError;
use crate::seal::Sealer;
use crate::tally::Tally;

/// The result of a step of a verb.
pub(super) type Result<T> = std::result::Result<T, Failed>;

/// Values of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement that changes rows, and its values.
pub(super) struct Write<'a> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

/// The first word of all notices between nodes.
pub(super) const CHANNEL: &str = "bocau";

/// Spreads the locks of stores over so many: a commit for many stores must not use up the server's table of locks.
const STORE_LOCKS: u32 = 256;
/// The kinds of locks, which are the first half of their numbers.
const STORE_LOCK: i32 = 0x626f_0001;
const PEOPLE_LOCK: i32 = 0x626f_0002;
const DAYS_LOCK: i32 = 0x626f_0003;
const FIGURES_LOCK: i32 = 0x626f_0004;
const RETENTION_LOCK: i32 = 0x626f_0005;
/// Of whoever drops the parts of days; held by a connection, not by a transaction.
pub(super) const DAYS_DROP_LOCK: i32 = 0x626f_0006;
const DIRECTORY_LOCK: i32 = 0x626f_0007;

/// A connection of a pool, with short ways to ask. One that is dropped while it waits for an answer, or had none in
/// time, goes to nobody else: whatever was asked next would wait behind.
pub(super) struct Connection {
    /// There until it is dropped.
    object: Option<Object>,
    /// How long the server may take for one answer.
    answer_max: Duration,
    /// A transaction is to begin: `BEGIN` leaves together with the first statement, which saves a way there and back.
    begins: AtomicBool,
    /// What was asked and is not answered.
    unanswered: AtomicUsize,
}

impl Connection {
    pub(super) async fn of(pool: &Pool, answer_max: Duration) -> Result<Self> {
        let object = Some(pool.get().await?);
        Ok(Self { object, answer_max, begins: AtomicBool::new(false), unanswered: AtomicUsize::new(0) })
    }

    fn object(&self) -> &Object {
        self.object.as_ref().expect("it is there until it is dropped")
    }

    /// For what takes as long as it takes, or has no short way.
    pub(super) async fn client(&self) -> Result<&Client> {
        self.begun(async { Ok(()) }).await?;
        Ok(self.object())
    }

    /// Waits for an answer for as long as one may take. Whatever has lost it may have lost those of the connections that
    /// nobody uses at the moment as well: they are made anew, so that nobody waits so long for each of them.
    async fn answered<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        let answer = in_time(self.answer_max, answer).await.inspect_err(|_| {
            if let Some(pool) = Object::pool(self.object()) {
                pool.retain(|_, _| false);
            }
        })?;
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    async fn prepare(&self, sql: &str) -> Result<Statement> {
        self.answered(async { Ok(self.object().prepare_cached(sql).await?) }).await
    }

    /// Runs statements that are not prepared.
    pub(super) async fn run(&self, sql: &str) -> Result<()> {
        self.begun(self.object().batch_execute(sql)).await
    }

    /// Sends a statement, after `BEGIN` where that has not been sent.
    async fn begun<T>(
        &self,
        statement: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let begins = self.begins.swap(false, Ordering::Relaxed);
        // Else it would be copied into each future around it.
        let statement = pin!(statement);
        self.answered(async {
            if begins {
                let (begun, answer) = in_turn(self.object().batch_execute("BEGIN"), statement).await;
                begun?;
                return Ok(answer?);
            }
            Ok(statement.await?)
        })
        .await
    }

    /// Every row that a query answers.
    pub(super) async fn all<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        read: impl Fn(&Row) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let statement = self.prepare(sql).await?;
        self.begun(self.object().query(&statement, params)).await?.iter().map(read).collect()
    }

    /// The same for a statement that is not prepared, as it is another each time.
    pub(super) async fn all_of<T>(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
        read: impl Fn(&Row) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.begun(self.object().query_typed(sql, values)).await?.iter().map(read).collect()
    }

    /// The first row that a query answers.
    pub(super) async fn first<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        read: impl Fn(&Row) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        let statement = self.prepare(sql).await?;
        self.begun(self.object().query(&statement, params)).await?.first().map(read).transpose()
    }

    /// Whether a query answers any row.
    pub(super) async fn exists(&self, sql: &str, params: Params<'_>) -> Result<bool> {
        Ok(self.first(sql, params, |_| Ok(())).await?.is_some())
    }

    /// Runs a statement that changes rows; answers how many.
    pub(super) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<usize> {
        let statement = self.prepare(sql).await?;
        let changed = self.begun(self.object().execute(&statement, params)).await?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if *self.unanswered.get_mut() > 0
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

/// One transaction; it ends with [`Tx::commit`] or [`Tx::roll_back`]. One that is dropped before takes its
/// connection with it, and the server rolls it back.
pub(super) struct Tx {
    connection: Option<Connection>,
    pub(super) sealer: Arc<Sealer>,
    /// The ids of the entries that it writes into the audit log.
    pub(super) audit_ids: Arc<AuditIds>,
    /// What it has changed and not counted yet.
    tally: Mutex<Tally>,
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until the end")
    }
}

impl Tx {
    pub(super) fn begin(connection: Connection, sealer: &Arc<Sealer>, audit_ids: &Arc<AuditIds>) -> Self {
        connection.begins.store(true, Ordering::Relaxed);
        Self {
            connection: Some(connection),
            sealer: sealer.clone(),
            audit_ids: audit_ids.clone(),
            tally: Mutex::default(),
        }
    }

    /// Where it is counted what the transaction changes.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock()
    }

    /// Makes all durable.
    pub(super) async fn commit(mut self) -> Result<()> {
        let is_open = !self.begins.load(Ordering::Relaxed);
        if is_open || !self.tally().is_empty() {
            self.write_and_commit(Vec::new()).await?;
        }
        self.connection.take();
        Ok(())
    }

    /// Runs the last statements of a transaction, which are few, writes what it has counted and makes all durable, on one
    /// way there and back. Where one of them fails, the server takes the `COMMIT` behind it for a `ROLLBACK`.
    pub(super) async fn write_and_commit(&self, writes: Vec<Write<'_>>) -> Result<()> {
        let tally = std::mem::take(&mut *self.tally.lock());
        let mut writes = writes;
        writes.extend(tally::write(&tally));
        let mut prepared = Vec::with_capacity(writes.len());
        for Write { sql, values } in &writes {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
            prepared.push((self.prepare(sql).await?, values));
        }
        self.client().await?;
        let mut sent = Vec::with_capacity(prepared.len());
        for (sql, values) in &prepared {
            let mut write = Box::pin(self.begun(self.object().execute(sql, values)));
            match (&mut write).now_or_never() {
                // Such as values that cannot be sent: a `COMMIT` behind it would keep the others.
                Some(end) => drop(end?),
                None => sent.push(write),
            }
        }
        let (written, ended) = in_turn(join_all(sent), self.run("COMMIT")).await;
        // There is no transaction any more, however it ended.
        self.begins.store(true, Ordering::Relaxed);
        for written in written {
            written?;
        }
        ended
    }

    /// Undoes all, so that the connection can be used again; the server does it by itself where it owes an answer.
    pub(super) async fn roll_back(mut self) {
        if self.unanswered.load(Ordering::Relaxed) > 0 {
            return;
        }
        let is_open = !self.begins.load(Ordering::Relaxed);
        if !is_open || self.run("ROLLBACK").await.is_ok() {
            self.connection.take();
        }
    }

    /// The version of the store's configuration; `None` where the store is not there. Whoever is about to write
    /// something of the store asks for it: that is refused while the store moves to another database.
    pub(super) async fn config_version(&self, store: &StoreId) -> Result<Option<u64>> {
        let sql =
            "SELECT config_version, standing IS NOT NULL FROM stores WHERE id = $1 AND deleted_at IS NULL";
        let found = self
            .first(sql, &[&store.as_str()], |row| Ok((to_u64(row.try_get(0)?), row.try_get::<_, bool>(1)?)))
            .await?;
        match found {
            Some((_, true)) => Err(StoreError::Moving.into()),
            found => Ok(found.map(|(version, _)| version)),
        }
    }

    /// Makes whatever was routed by the store's configuration so far stale, and tells the other nodes.
    pub(super) async fn bump_config(&self, store: &StoreId) -> Result<()> {
        let sql = "UPDATE stores SET config_version = config_version + 1 WHERE id = $1";
        self.execute(sql, &[&store.as_str()]).await?;
        self.tell(&format!("config {store}")).await
    }

    /// Sends a notice to every node, this one too, when the transaction is committed.
    pub(super) async fn tell(&self, notice: &str) -> Result<()> {
        self.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &notice]).await.map(drop)
    }

    /// Held to the end by whoever changes the store's configuration: nobody else does, and no events come in
    /// by what was before. A verb takes it before it looks at what it changes.
    pub(super) async fn lock_store(&self, store: &StoreId) -> Result<()> {
        let sql = "SELECT pg_advisory_xact_lock($1, $2)";
        self.execute(sql, &[&STORE_LOCK, &lock_of(store)]).await.map(drop)
    }

    /// Held to the end by whoever writes events of these stores: their configuration stays as it is. Answers its
    /// version: of the stores that are there; none of one that moves to another database.
    pub(super) async fn share_stores(
        &self,
        stores: &HashSet<&StoreId>,
    ) -> Result<HashMap<String, Option<u64>>> {
        let share = "SELECT pg_advisory_xact_lock_shared($1, n) FROM unnest($2::int[]) AS n";
        // Not `deleted_at IS NULL`: the index of the stores that are there, which begins with their time, would be walked
        // from end to end for each batch, as a plan for any number of stores takes that for cheaper than to look for some.
        let look = "SELECT id, CASE WHEN standing IS NULL THEN config_version END FROM stores \
                    WHERE id = ANY($1) AND coalesce(deleted_at, 0) = 0";
        let (share, look) = (self.prepare(share).await?, self.prepare(look).await?);
        let (locks, ids) = (locks_of(stores), stores.iter().map(|store| store.as_str()).collect::<Vec<_>>());
        // Two statements, as each sees what was there when it began: the look begins once the locks are held.
        let (shared, looked) = in_turn(
            self.begun(self.object().execute(&share, &[&STORE_LOCK, &locks])),
            self.begun(self.object().query(&look, &[&ids])),
        )
        .await;
        shared?;
        let version = |row: &Row| Ok((row.try_get(0)?, row.try_get::<_, Option<i64>>(1)?.map(to_u64)));
        looked?.iter().map(version).collect()
    }

    /// [`Tx::lock_store`] of several.
    pub(super) async fn lock_stores(&self, stores: &HashSet<&StoreId>) -> Result<()> {
        if stores.is_empty() {
            return Ok(());
        }
        let sql = "SELECT pg_advisory_xact_lock($1, n) FROM unnest($2::int[]) AS n";
        self.execute(sql, &[&STORE_LOCK, &locks_of(stores)]).await.map(drop)
    }

    /// Held to the end by whoever changes people, links or the platform's keys.
    pub(super) async fn lock_people(&self) -> Result<()> {
        self.execute("SELECT pg_advisory_xact_lock($1, 0)", &[&PEOPLE_LOCK]).await.map(drop)
    }

    /// Held to the end by whoever gives a store its shard.
    pub(super) async fn lock_directory(&self) -> Result<()> {
        self.execute("SELECT pg_advisory_xact_lock($1, 0)", &[&DIRECTORY_LOCK]).await.map(drop)
    }

    /// Held to the end by whoever makes the parts of days.
    pub(super) async fn lock_days(&self) -> Result<()> {
        self.execute("SELECT pg_advisory_xact_lock($1, 0)", &[&DAYS_LOCK]).await.map(drop)
    }

    /// Held to the end by whoever folds the counters; false where another does.
    pub(super) async fn try_lock_figures(&self) -> Result<bool> {
        let sql = "SELECT pg_try_advisory_xact_lock($1, 0)";
        Ok(self.first(sql, &[&FIGURES_LOCK], |row| Ok(row.try_get(0)?)).await?.unwrap_or(false))
    }

    /// Held to the end by whoever removes old rows; false where another does.
    pub(super) async fn try_lock_retention(&self) -> Result<bool> {
        let sql = "SELECT pg_try_advisory_xact_lock($1, 0)";
        Ok(self.first(sql, &[&RETENTION_LOCK], |row| Ok(row.try_get(0)?)).await?.unwrap_or(false))
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            *connection.unanswered.get_mut() += 1;
        }
    }
}

/// In the order in which everybody takes them, so that no two wait for one another.
fn locks_of(stores: &HashSet<&StoreId>) -> Vec<i32> {
    let mut locks: Vec<i32> = stores.iter().map(|store| lock_of(store)).collect();
    locks.sort_unstable();
    locks.dedup();
    locks
}

/// FNV-1a: the same on every node, whatever it is built with.
fn lock_of(store: &StoreId) -> i32 {
    let hash = store
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i32::try_from(hash % STORE_LOCKS).expect("it is below the number of locks")
}

#[cfg(test)]
mod tests {
    use bocau_testkit::{Fault, FaultProxy, TestDatabase};

    use super::super::connection::{Use, pool};
    use super::*;
    use crate::conformance::world::Dice;
    use crate::seal::MasterKey;

    /// A transaction on the only connection of a pool, behind a proxy.
    async fn begin(database: &TestDatabase) -> (Tx, Pool, FaultProxy) {
        let (proxy, url) = database.through_proxy().await;
        let pool = pool(&url.parse().expect("a URL"), 1, Use::Work).expect("a pool");
        let connection = Connection::of(&pool, Duration::from_millis(500)).await.expect("it connects");
        let rng = Arc::new(Dice::new(1));
        let sealer = Arc::new(Sealer::new(&MasterKey::generate(&*rng), rng.clone()));
        (Tx::begin(connection, &sealer, &Arc::new(AuditIds::new(rng))), pool, proxy)
    }

    #[tokio::test]
    async fn nobody_waits_for_the_answer_to_a_rollback_where_another_is_owed() {
        let database = TestDatabase::make().await;
        let (tx, pool, proxy) = begin(&database).await;
        proxy.set(Fault::BlackHole);
        tx.run("SELECT 1").await.expect_err("no answer");
        tx.roll_back().now_or_never().expect("it does not wait");
        assert_eq!(pool.status().size, 0, "the connection is gone");
    }

    fn insert<'a>(value: impl ToSql + Sync + Send + 'a) -> Write<'a> {
        Write { sql: "INSERT INTO notes VALUES ($1)", values: vec![Box::new(value)] }
    }

    #[tokio::test]
    async fn of_statements_that_leave_with_their_commit_all_are_kept_or_none() {
        let database = TestDatabase::make().await;
        database.run("CREATE TABLE notes (number int PRIMARY KEY)");
        let (tx, pool, _proxy) = begin(&database).await;
        tx.write_and_commit(vec![insert(1), insert(2)]).await.expect("both are kept");
        // The server refuses the second, and what goes with the third cannot be sent to it.
        tx.write_and_commit(vec![insert(3), insert(1)]).await.expect_err("it is there");
        tx.write_and_commit(vec![insert("4"), insert(5)]).await.expect_err("that is no number");
        tx.roll_back().await;
        assert_eq!(pool.status().size, 1, "the connection can be used");
        let (tx, pool, _proxy) = begin(&database).await;
        tx.write_and_commit(vec![insert(6), insert("7")]).await.expect_err("that is no number");
        tx.roll_back().await;
        assert_eq!(pool.status().size, 0, "nobody knows what the first was answered");
        let kept = database.run("SELECT string_agg(number::text, ' ' ORDER BY number) FROM notes");
        assert_eq!(kept.trim(), "1 2");
    }
}
