//! API keys, kept by their keyed hash.

use bocau_domain::limits::{API_KEYS_PER_OWNER_MAX, KEY_USE_RESOLUTION};
use bocau_domain::{Actor, ApiKey, ApiKeyId, Owner, StoreId, Timestamp};
use tokio_postgres::Row;

use super::audit;
use super::rows::{from_count, id, only, store_id, time, time_or_none, uuid, word};
use super::stores;
use super::tx::{Connection, Result, Tx};
use crate::key_kept::{read_scopes, scopes_text};
use crate::{NotChanged, key_kept};

/// For [`read`].
macro_rules! key_columns {
    () => {
        "k.id, k.name, k.store_id, k.scopes, k.created_at, k.expires_at, k.last_used_at"
    };
}

pub(super) async fn create(
    tx: &Tx,
    key: &ApiKey,
    hash: &[u8; 32],
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let store = match &key.owner {
        Owner::Platform => None,
        Owner::Store(store) => Some(store),
    };
    if !lock_owner(tx, store).await? {
        return Ok(Err(NotChanged::NotFound));
    }
    let count: Option<i64> = match store {
        None => tx.first("SELECT COUNT(*) FROM api_keys WHERE store_id IS NULL", &[], only).await?,
        Some(store) => {
            let sql = "SELECT COUNT(*) FROM api_keys WHERE store_id = $1";
            tx.first(sql, &[&store.as_str()], only).await?
        }
    };
    if count.unwrap_or(0) >= from_count(API_KEYS_PER_OWNER_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let made = tx
        .execute(
            "INSERT INTO api_keys (hash, id, name, store_id, scopes, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            &[
                &hash.as_slice(),
                &uuid(key.id.as_bytes()),
                &key.name,
                &store.map(StoreId::as_str),
                &scopes_text(key.scopes),
                &key.created_at.as_millis(),
                &key.expires_at.map(Timestamp::as_millis),
            ],
        )
        .await?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    audit::write(tx, key_kept::created(key, by)).await?;
    Ok(Ok(()))
}

/// A key of a store that is being deleted is not there.
pub(super) async fn find(connection: &Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    let sql = concat!(
        "SELECT ",
        key_columns!(),
        " FROM api_keys k LEFT JOIN stores s ON s.id = k.store_id AND s.deleted_at IS NULL \
         WHERE k.hash = $1 AND (k.store_id IS NULL OR s.id IS NOT NULL)"
    );
    connection.first(sql, &[&hash.as_slice()], read).await
}

pub(super) async fn list(connection: &Connection, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
    let Some(store) = store else {
        let sql = concat!(
            "SELECT ",
            key_columns!(),
            " FROM api_keys k WHERE k.store_id IS NULL ORDER BY k.id DESC"
        );
        return connection.all(sql, &[], read).await;
    };
    let sql = concat!(
        "SELECT ",
        key_columns!(),
        " FROM stores s JOIN api_keys k ON k.store_id = s.id \
         WHERE s.id = $1 AND s.deleted_at IS NULL ORDER BY k.id DESC"
    );
    connection.all(sql, &[&store.as_str()], read).await
}

pub(super) async fn revoke(
    tx: &Tx,
    store: Option<&StoreId>,
    id: ApiKeyId,
    by: &Actor,
    now: Timestamp,
) -> Result<bool> {
    if !lock_owner(tx, store).await? {
        return Ok(false);
    }
    let sql = concat!(
        "DELETE FROM api_keys k WHERE k.id = $1 AND k.store_id IS NOT DISTINCT FROM $2 RETURNING ",
        key_columns!()
    );
    let key = tx.first(sql, &[&uuid(id.as_bytes()), &store.map(StoreId::as_str)], read).await?;
    let Some(key) = key else { return Ok(false) };
    audit::write(tx, key_kept::revoked(&key, by, now)).await?;
    Ok(true)
}

/// Whether the time the key was used last is to be written again. Looked at before a transaction is begun, for
/// most of the time it is not.
pub(super) async fn is_stale(connection: &Connection, id: ApiKeyId, now: Timestamp) -> Result<bool> {
    let before = now - KEY_USE_RESOLUTION;
    let sql = "SELECT 1 FROM api_keys WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2)";
    connection.exists(sql, &[&uuid(id.as_bytes()), &before.as_millis()]).await
}

pub(super) async fn touch(tx: &Tx, id: ApiKeyId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE api_keys SET last_used_at = $2 \
               WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    tx.execute(sql, &[&uuid(id.as_bytes()), &now.as_millis()]).await.map(drop)
}

/// Keeps the keys of a store, or of the platform, as they are for others; false where the store is not there.
async fn lock_owner(tx: &Tx, store: Option<&StoreId>) -> Result<bool> {
    let Some(store) = store else {
        tx.lock_people().await?;
        return Ok(true);
    };
    tx.lock_store(store).await?;
    stores::is_there(tx, store).await
}

fn read(row: &Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: id(row, 0, ApiKeyId::from_bytes)?,
        name: row.try_get(1)?,
        owner: match row.try_get::<_, Option<&str>>(2)? {
            None => Owner::Platform,
            Some(_) => Owner::Store(store_id(row, 2)?),
        },
        scopes: word(row, 3, "list of scopes", read_scopes)?,
        created_at: time(row, 4)?,
        expires_at: time_or_none(row, 5)?,
        last_used_at: time_or_none(row, 6)?,
    })
}
