//! API keys, kept by their keyed hash.

use bocau_domain::limits::{API_KEYS_PER_OWNER_MAX, KEY_USE_RESOLUTION};
use bocau_domain::{Actor, ApiKey, ApiKeyId, Owner, StoreId, Timestamp};
use rusqlite::{Connection, Row, params};

use super::audit;
use super::rows::{all, first, from_count, only, some, store_id, time, time_or_none, word};
use super::{stores, tx::Tx};
use crate::key_kept::{read_scopes, scopes_text};
use crate::{NotChanged, Result, key_kept};

/// For [`read`].
macro_rules! key_columns {
    () => {
        "k.id, k.name, k.store_id, k.scopes, k.created_at, k.expires_at, k.last_used_at"
    };
}

pub(super) fn create(
    tx: &Tx<'_>,
    key: &ApiKey,
    hash: &[u8; 32],
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let store = match &key.owner {
        Owner::Platform => None,
        Owner::Store(store) if tx.config_version(store)?.is_none() => return Ok(Err(NotChanged::NotFound)),
        Owner::Store(store) => Some(store),
    };
    let count: Option<i64> = first(
        tx.connection,
        "SELECT COUNT(*) FROM api_keys WHERE store_id IS ?1",
        [store.map(StoreId::as_str)],
        only,
    )?;
    if count.unwrap_or(0) >= from_count(API_KEYS_PER_OWNER_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let made = tx.execute(
        "INSERT INTO api_keys (hash, id, name, store_id, scopes, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        params![
            hash,
            key.id.as_bytes(),
            key.name,
            store.map(StoreId::as_str),
            scopes_text(key.scopes),
            key.created_at.as_millis(),
            key.expires_at.map(Timestamp::as_millis),
        ],
    )?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    audit::write(tx, key_kept::created(key, by))?;
    Ok(Ok(()))
}

/// A key of a store that is being deleted is not there.
pub(super) fn find(connection: &Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    first(
        connection,
        concat!(
            "SELECT ",
            key_columns!(),
            " FROM api_keys k LEFT JOIN stores s ON s.id = k.store_id AND s.deleted_at IS NULL \
             WHERE k.hash = ?1 AND (k.store_id IS NULL OR s.id IS NOT NULL)"
        ),
        [hash],
        read,
    )
}

pub(super) fn list(connection: &Connection, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
    if let Some(store) = store
        && !stores::is_there(connection, store)?
    {
        return Ok(Vec::new());
    }
    all(
        connection,
        concat!("SELECT ", key_columns!(), " FROM api_keys k WHERE k.store_id IS ?1 ORDER BY k.id DESC"),
        [store.map(StoreId::as_str)],
        read,
    )
}

pub(super) fn revoke(
    tx: &Tx<'_>,
    store: Option<&StoreId>,
    id: ApiKeyId,
    by: &Actor,
    now: Timestamp,
) -> Result<bool> {
    if let Some(store) = store
        && tx.config_version(store)?.is_none()
    {
        return Ok(false);
    }
    let key = first(
        tx.connection,
        concat!("SELECT ", key_columns!(), " FROM api_keys k WHERE k.id = ?1 AND k.store_id IS ?2"),
        params![id.as_bytes(), store.map(StoreId::as_str)],
        read,
    )?;
    let Some(key) = key else { return Ok(false) };
    tx.execute("DELETE FROM api_keys WHERE id = ?1", [id.as_bytes()])?;
    audit::write(tx, key_kept::revoked(&key, by, now))?;
    Ok(true)
}

/// Whether the time the key was used last is to be written again. Looked at before the writer is asked, for
/// most of the time it is not.
pub(super) fn is_stale(connection: &Connection, id: ApiKeyId, now: Timestamp) -> Result<bool> {
    let before = now - KEY_USE_RESOLUTION;
    let sql = "SELECT 1 FROM api_keys WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?2)";
    Ok(connection.prepare_cached(sql)?.exists(params![id.as_bytes(), before.as_millis()])?)
}

pub(super) fn touch(tx: &Tx<'_>, id: ApiKeyId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE api_keys SET last_used_at = ?2 \
               WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
    tx.execute(sql, params![id.as_bytes(), now.as_millis()]).map(drop)
}

fn read(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        id: ApiKeyId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        owner: some(row, 2, store_id)?.map_or(Owner::Platform, Owner::Store),
        scopes: word(row, 3, "list of scopes", read_scopes)?,
        created_at: time(row, 4)?,
        expires_at: time_or_none(row, 5)?,
        last_used_at: time_or_none(row, 6)?,
    })
}
