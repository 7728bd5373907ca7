//! The stores themselves.

use bocau_domain::{Actor, AuditAction, RetentionDays, StoreChange, StoreId, StoreInfo, Timestamp};
use serde_json::json;
use tokio_postgres::Row;

use super::audit;
use super::rows::{from_count, from_u64, only, store_id, time, to_u32, to_u64};
use super::tx::{Connection, Result, Tx};
use crate::change::Change;
use crate::listing::{Page, StorePlace};
use crate::{NotChanged, store_audit};

pub(super) async fn create(
    tx: &Tx,
    store: &StoreInfo,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    tx.lock_store(&store.id).await?;
    let sql = "SELECT deleted_at IS NOT NULL FROM stores WHERE id = $1";
    match tx.first(sql, &[&store.id.as_str()], only::<bool>).await? {
        Some(true) => return Ok(Err(NotChanged::BeingDeleted)),
        Some(false) => return Ok(Err(NotChanged::Taken)),
        None => {}
    }
    let created_at = store.created_at.as_millis();
    tx.execute(
        "INSERT INTO stores (id, name, retention_days, created_at, config_version) VALUES ($1, $2, $3, $4, $5)",
        &[
            &store.id.as_str(),
            &store.name,
            &days(store.retention),
            &created_at,
            &first_config_version(created_at),
        ],
    )
    .await?;
    // A node may remember that it was not there.
    tx.tell(&format!("config {}", store.id)).await?;
    let change = Change {
        to: Some(store_audit::made(store)),
        ..Change::new(AuditAction::StoreCreated, Some(&store.id), &store.id, by, store.created_at)
    };
    audit::write(tx, change).await?;
    Ok(Ok(()))
}

/// The first version of a store made at this moment. It is the moment itself and not 1, so that no version of a
/// store of the same id that was deleted before ever comes back.
fn first_config_version(created_at_millis: i64) -> i64 {
    from_u64(to_u64(created_at_millis).max(1))
}

pub(super) async fn list(connection: &Connection, page: &Page<StorePlace>) -> Result<Vec<StoreInfo>> {
    // Nothing is made later than this.
    let (created_at, id) =
        page.after.as_ref().map_or((i64::MAX, ""), |after| (after.created_at.as_millis(), after.id.as_str()));
    let sql = "SELECT id, name, retention_days, created_at FROM stores WHERE (created_at, id) < ($1, $2) AND deleted_at IS NULL \
               ORDER BY created_at DESC, id DESC LIMIT $3";
    connection.all(sql, &[&created_at, &id, &from_count(page.limit)], info).await
}

pub(super) async fn find(connection: &Connection, id: &StoreId) -> Result<Option<StoreInfo>> {
    let sql = "SELECT id, name, retention_days, created_at FROM stores WHERE id = $1 AND deleted_at IS NULL";
    connection.first(sql, &[&id.as_str()], info).await
}

/// The same for whoever is about to change it.
async fn find_here(tx: &Tx, id: &StoreId) -> Result<Option<StoreInfo>> {
    if tx.config_version(id).await?.is_none() {
        return Ok(None);
    }
    find(tx, id).await
}

/// Whether the store is there, for lookups of what lies under it.
pub(super) async fn is_there(connection: &Connection, id: &StoreId) -> Result<bool> {
    connection.exists("SELECT 1 FROM stores WHERE id = $1 AND deleted_at IS NULL", &[&id.as_str()]).await
}

pub(super) async fn change(
    tx: &Tx,
    id: &StoreId,
    change: &StoreChange,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<StoreInfo>> {
    tx.lock_store(id).await?;
    let Some(store) = find_here(tx, id).await? else { return Ok(None) };
    let changed = store.changed(change);
    if changed == store {
        return Ok(Some(store));
    }
    let sql = "UPDATE stores SET name = $2, retention_days = $3 WHERE id = $1";
    tx.execute(sql, &[&id.as_str(), &changed.name, &days(changed.retention)]).await?;
    for change in store_audit::changes(&store, &changed, by, now) {
        audit::write(tx, change).await?;
    }
    Ok(Some(changed))
}

/// Only marks it: every verb looks at the mark, and sweeping removes the rows in small steps.
pub(super) async fn delete(tx: &Tx, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
    tx.lock_store(id).await?;
    let Some(store) = find_here(tx, id).await? else { return Ok(false) };
    tx.execute("UPDATE stores SET deleted_at = $2 WHERE id = $1", &[&id.as_str(), &now.as_millis()]).await?;
    tx.bump_config(id).await?;
    let change = Change {
        from: Some(json!({ "name": store.name })),
        ..Change::new(AuditAction::StoreDeleted, Some(id), id, by, now)
    };
    audit::write(tx, change).await?;
    Ok(true)
}

fn info(row: &Row) -> Result<StoreInfo> {
    Ok(StoreInfo {
        id: store_id(row, 0)?,
        name: row.try_get(1)?,
        retention: row.try_get::<_, Option<i32>>(2)?.and_then(|days| RetentionDays::new(to_u32(days))),
        created_at: time(row, 3)?,
    })
}

pub(super) fn days(retention: Option<RetentionDays>) -> Option<i32> {
    retention.map(|retention| retention.days().into())
}
