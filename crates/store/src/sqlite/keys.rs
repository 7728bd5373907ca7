//! API keys, kept by their keyed hash.

use bocau_domain::{ApiKey, ApiKeyId, Owner, Scope, Scopes, Timestamp};
use rusqlite::{Connection, Row, params};

use super::rows::{first, store_id, time, time_or_none, word};
use super::tx::Tx;
use crate::{NotChanged, Result};

pub(super) fn create(
    tx: &Tx<'_>,
    key: &ApiKey,
    hash: &[u8; 32],
) -> Result<std::result::Result<(), NotChanged>> {
    let store = match &key.owner {
        Owner::Platform => None,
        Owner::Store(store) if tx.config_version(store)?.is_none() => return Ok(Err(NotChanged::NotFound)),
        Owner::Store(store) => Some(store.as_str()),
    };
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    let made = tx.execute(
        "INSERT INTO api_keys (hash, id, name, store_id, scopes, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        params![
            hash,
            key.id.as_bytes(),
            key.name,
            store,
            scopes.join(" "),
            key.created_at.as_millis(),
            key.expires_at.map(Timestamp::as_millis),
        ],
    )?;
    Ok(if made == 0 { Err(NotChanged::Taken) } else { Ok(()) })
}

/// A key of a store that is being deleted is not there.
pub(super) fn find(connection: &Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    first(
        connection,
        "SELECT k.id, k.name, k.store_id, k.scopes, k.created_at, k.expires_at FROM api_keys k \
             LEFT JOIN stores s ON s.id = k.store_id AND s.deleted_at IS NULL \
             WHERE k.hash = ?1 AND (k.store_id IS NULL OR s.id IS NOT NULL)",
        [hash],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<ApiKey> {
    let owner = match row.get_ref(2)? {
        rusqlite::types::ValueRef::Null => Owner::Platform,
        _ => Owner::Store(store_id(row, 2)?),
    };
    Ok(ApiKey {
        id: ApiKeyId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        owner,
        scopes: word(row, 3, "list of scopes", read_scopes)?,
        created_at: time(row, 4)?,
        expires_at: time_or_none(row, 5)?,
    })
}

fn read_scopes(text: &str) -> Option<Scopes> {
    text.split_whitespace().map(Scope::parse).collect()
}
