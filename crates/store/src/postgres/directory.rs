//! The directory: which database has which store. It stands in the home, beside a row of `stores` for each store
//! wherever it is, which lists, keys and people go by.

use bocau_domain::{StoreId, StoreInfo, Timestamp};

use super::identity::HOME;
use super::rows::{only, store_id, to_u64};
use super::tx::{Result, Tx};
use super::{PostgresStore, stores, transact};
use crate::{NotChanged, StoreError};

/// How far a store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// Its row in the shard is about to be made, or is there already; nobody sees it.
    Making,
    /// It is there.
    Made,
    /// It is there, and being moved.
    Moving,
    /// It is there, and its old place does not know yet that it may let go.
    Moved,
}

impl EntryState {
    const ALL: [Self; 4] = [Self::Making, Self::Made, Self::Moving, Self::Moved];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Made => "made",
            Self::Moving => "moving",
            Self::Moved => "moved",
        }
    }
}

/// What the directory says of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) shard: String,
    pub(crate) state: EntryState,
    /// Where it is moving to, or has just moved from.
    pub(crate) other: Option<String>,
}

impl PostgresStore {
    /// The shard of a store that is there.
    pub(crate) async fn shard_of(&self, store: &StoreId) -> crate::Result<Option<String>> {
        let sql = "SELECT coalesce(d.shard, $2) FROM stores s LEFT JOIN directory d ON d.store_id = s.id \
                   WHERE s.id = $1 AND s.deleted_at IS NULL";
        Ok(self.urgent().await?.first(sql, &[&store.as_str(), &HOME], only::<String>).await?)
    }

    /// The shards that the directory names.
    pub(crate) async fn shards_named(&self) -> crate::Result<Vec<String>> {
        let sql = "SELECT DISTINCT shard FROM directory UNION SELECT other FROM directory \
                   WHERE other IS NOT NULL";
        Ok(self.urgent().await?.all(sql, &[], only::<String>).await?)
    }

    /// How many stores each shard has.
    pub(crate) async fn stores_per_shard(&self) -> crate::Result<Vec<(String, u64)>> {
        let sql = "SELECT coalesce(d.shard, $1), count(*) FROM stores s \
                   LEFT JOIN directory d ON d.store_id = s.id WHERE s.deleted_at IS NULL GROUP BY 1";
        let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, to_u64(row.try_get(1)?)));
        Ok(self.lookup().await?.all(sql, &[&HOME], read).await?)
    }

    /// Notes that a store is about to be made on the shard that has the fewest of these; where that was noted
    /// before and not ended, on the same as then. Answers which.
    pub(crate) async fn begin_store(
        &self,
        store: &StoreId,
        shards: &[String],
        now: Timestamp,
    ) -> crate::Result<std::result::Result<String, NotChanged>> {
        transact!(self, |tx| begin_store(&tx, store, shards, now).await)
    }

    /// Notes that a store is there that was begun on this shard.
    pub(crate) async fn finish_store(&self, store: &StoreInfo, shard: &str) -> crate::Result<()> {
        transact!(self, |tx| finish_store(&tx, store, shard).await)
    }

    /// Forgets a store that was begun on this shard and has not been made.
    pub(crate) async fn unmake_store(&self, store: &StoreId, shard: &str) -> crate::Result<()> {
        let sql = "DELETE FROM directory WHERE store_id = $1 AND shard = $2 AND state = 'making'";
        transact!(self, |tx| {
            tx.lock_store(store).await?;
            tx.execute(sql, &[&store.as_str(), &shard]).await.map(drop)
        })
    }

    /// The stores that were begun before this moment and are not there.
    pub(crate) async fn half_made(&self, before: Timestamp) -> crate::Result<Vec<(StoreId, String)>> {
        let sql = "SELECT store_id, shard FROM directory WHERE state = 'making' AND since < $1 \
                   ORDER BY since LIMIT 100";
        let read = |row: &tokio_postgres::Row| Ok((store_id(row, 0)?, row.try_get(1)?));
        Ok(self.urgent().await?.all(sql, &[&before.as_millis()], read).await?)
    }

    /// Has the lists say of a store that is elsewhere what it says there.
    pub(crate) async fn change_mirror(&self, store: &StoreInfo) -> crate::Result<()> {
        let sql = "UPDATE stores SET name = $2, retention_days = $3 WHERE id = $1 AND deleted_at IS NULL";
        let days = stores::days(store.retention);
        transact!(self, |tx| {
            tx.lock_store(&store.id).await?;
            tx.execute(sql, &[&store.id.as_str(), &store.name, &days]).await.map(drop)
        })
    }

    /// Takes a store that was elsewhere out of the lists; false where it is not in them. Sweeping removes its keys.
    pub(crate) async fn delete_mirror(&self, store: &StoreId, now: Timestamp) -> crate::Result<bool> {
        transact!(self, |tx| delete_mirror(&tx, store, now).await)
    }

    /// What the directory says of a store; `None` where it says nothing.
    pub(crate) async fn entry(&self, store: &StoreId) -> crate::Result<Option<Entry>> {
        let sql = "SELECT shard, state, other FROM directory WHERE store_id = $1";
        let read = |row: &tokio_postgres::Row| {
            let state = super::rows::word(row, 1, "state of a store", |text| {
                EntryState::ALL.into_iter().find(|state| state.as_str() == text)
            })?;
            Ok(Entry { shard: row.try_get(0)?, state, other: row.try_get(2)? })
        };
        Ok(self.urgent().await?.first(sql, &[&store.as_str()], read).await?)
    }

    /// Notes that a store is moving; what was noted of a move before stays.
    pub(crate) async fn begin_move(&self, store: &StoreId, from: &str, to: &str) -> crate::Result<()> {
        let sql = "INSERT INTO directory (store_id, shard, state, since, other) \
                   SELECT id, $2, 'moving', (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $3 FROM stores \
                   WHERE id = $1 AND deleted_at IS NULL \
                   ON CONFLICT (store_id) DO UPDATE SET state = 'moving', other = excluded.other \
                   WHERE directory.shard = $2 AND directory.state = 'made'";
        transact!(self, |tx| {
            tx.lock_store(store).await?;
            match tx.execute(sql, &[&store.as_str(), &from, &to]).await? {
                0 => Err(StoreError::Refused(format!("{store} is not on {from} any more")).into()),
                _ => Ok(()),
            }
        })
    }

    /// Notes that a store that was moving is at its new place, or stays at the old one; tells every node.
    pub(crate) async fn end_move(
        &self,
        store: &StoreId,
        shard: &str,
        (state, other): (EntryState, Option<&str>),
    ) -> crate::Result<()> {
        let sql = "UPDATE directory SET shard = $2, state = $3, other = $4 WHERE store_id = $1 AND state = 'moving'";
        transact!(self, |tx| {
            tx.lock_store(store).await?;
            tx.execute(sql, &[&store.as_str(), &shard, &state.as_str(), &other]).await?;
            tx.tell(&format!("config {store}")).await
        })
    }

    /// The stores whose old places do not know yet that they may let go; with these places.
    pub(crate) async fn moved(&self) -> crate::Result<Vec<(StoreId, String)>> {
        let sql =
            "SELECT store_id, other FROM directory WHERE state = 'moved' AND other IS NOT NULL LIMIT 100";
        let read = |row: &tokio_postgres::Row| Ok((store_id(row, 0)?, row.try_get(1)?));
        Ok(self.urgent().await?.all(sql, &[], read).await?)
    }

    /// The stores that are moving, with the database they are in and the one they move to.
    pub(crate) async fn moving(&self) -> crate::Result<Vec<(StoreId, String, String)>> {
        let sql = "SELECT store_id, shard, other FROM directory WHERE state = 'moving' AND other IS NOT NULL";
        let read = |row: &tokio_postgres::Row| Ok((store_id(row, 0)?, row.try_get(1)?, row.try_get(2)?));
        Ok(self.urgent().await?.all(sql, &[], read).await?)
    }

    /// Notes that the old place knows.
    pub(crate) async fn forget_moved(&self, store: &StoreId) -> crate::Result<()> {
        let sql = "UPDATE directory SET state = 'made', other = NULL WHERE store_id = $1 AND state = 'moved'";
        transact!(self, |tx| tx.execute(sql, &[&store.as_str()]).await.map(drop))
    }

    /// A place for a store that is about to come; where it has been before, what is left of it goes first.
    pub(crate) async fn expect_store(&self, store: &StoreInfo) -> crate::Result<()> {
        let left = "SELECT 1 FROM leftovers WHERE store_id = $1";
        if self.urgent().await?.exists(left, &[&store.id.as_str()]).await? {
            self.remove_left(&store.id).await?;
        }
        let sql = "INSERT INTO stores (id, name, created_at, config_version, standing) \
                   VALUES ($1, $2, $3, 0, 'away') ON CONFLICT DO NOTHING";
        let created_at = store.created_at.as_millis();
        transact!(self, |tx| {
            tx.lock_store(&store.id).await?;
            tx.execute(sql, &[&store.id.as_str(), &store.name, &created_at]).await.map(drop)
        })
    }

    /// Holds off every other move of a store for as long as the answer lives; `None` where there is one.
    pub(crate) async fn lock_move(&self, store: &StoreId) -> crate::Result<Option<tokio_postgres::Client>> {
        let client = self.url.connect().await?;
        let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        let name = format!("bocau move {store}");
        let is_held: bool = client.query_one(sql, &[&name]).await?.try_get(0)?;
        Ok(is_held.then_some(client))
    }
}

async fn begin_store(
    tx: &Tx,
    store: &StoreId,
    shards: &[String],
    now: Timestamp,
) -> Result<std::result::Result<String, NotChanged>> {
    // Of two stores that are made at once, the second sees where the first went.
    tx.lock_directory().await?;
    tx.lock_store(store).await?;
    let sql = "SELECT deleted_at IS NOT NULL FROM stores WHERE id = $1";
    match tx.first(sql, &[&store.as_str()], only::<bool>).await? {
        Some(true) => return Ok(Err(NotChanged::BeingDeleted)),
        Some(false) => return Ok(Err(NotChanged::Taken)),
        None => {}
    }
    let sql = "SELECT shard FROM directory WHERE store_id = $1";
    if let Some(shard) = tx.first(sql, &[&store.as_str()], only::<String>).await? {
        return Ok(Ok(shard));
    }
    let sql = "INSERT INTO directory (store_id, shard, state, since) \
               SELECT $1, n.name, 'making', $3 FROM unnest($2::text[]) WITH ORDINALITY AS n (name, place) \
               ORDER BY (SELECT count(*) FROM directory d WHERE d.shard = n.name), n.place LIMIT 1 RETURNING shard";
    let shard = tx.first(sql, &[&store.as_str(), &shards, &now.as_millis()], only::<String>).await?;
    shard.map(Ok).ok_or_else(|| StoreError::Unavailable("no shard for a new store answers".into()).into())
}

async fn finish_store(tx: &Tx, store: &StoreInfo, shard: &str) -> Result<()> {
    tx.lock_store(&store.id).await?;
    let sql = "UPDATE directory SET state = 'made' WHERE store_id = $1 AND shard = $2 AND state = 'making'";
    if tx.execute(sql, &[&store.id.as_str(), &shard]).await? == 0 {
        // Somebody else has ended it, one way or the other; who asks again hears which.
        return Err(StoreError::Unavailable(format!("the store {} was made by another", store.id)).into());
    }
    let sql = "INSERT INTO stores (id, name, retention_days, created_at, config_version, standing) \
               VALUES ($1, $2, $3, $4, 0, 'away')";
    let (days, created_at) = (stores::days(store.retention), store.created_at.as_millis());
    tx.execute(sql, &[&store.id.as_str(), &store.name, &days, &created_at]).await?;
    // A node may remember that it was not there.
    tx.tell(&format!("config {}", store.id)).await
}

async fn delete_mirror(tx: &Tx, store: &StoreId, now: Timestamp) -> Result<bool> {
    tx.lock_store(store).await?;
    let sql = "UPDATE stores SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL AND standing = 'away'";
    if tx.execute(sql, &[&store.as_str(), &now.as_millis()]).await? == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM directory WHERE store_id = $1", &[&store.as_str()]).await?;
    tx.tell(&format!("config {store}")).await?;
    Ok(true)
}
