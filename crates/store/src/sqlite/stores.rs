//! The stores themselves.

use bocau_domain::{Actor, AuditAction, RetentionDays, StoreChange, StoreId, StoreInfo, Timestamp};
use rusqlite::{Connection, Row, params};
use serde_json::json;

use super::audit;
use super::rows::{all, first, from_count, only, store_id, time};
use super::tx::Tx;
use crate::change::Change;
use crate::listing::{Page, StorePlace};
use crate::{NotChanged, Result, store_audit};

pub(super) fn create(
    tx: &Tx<'_>,
    store: &StoreInfo,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let is_being_deleted = first(
        tx.connection,
        "SELECT deleted_at IS NOT NULL FROM stores WHERE id = ?1",
        [store.id.as_str()],
        only::<bool>,
    )?;
    match is_being_deleted {
        Some(true) => return Ok(Err(NotChanged::BeingDeleted)),
        Some(false) => return Ok(Err(NotChanged::Taken)),
        None => {}
    }
    tx.forget(&store.id);
    let created_at = store.created_at.as_millis();
    tx.execute(
        "INSERT INTO stores (id, name, retention_days, created_at, config_version) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            store.id.as_str(),
            store.name,
            store.retention.map(RetentionDays::days),
            created_at,
            Tx::first_config_version(created_at)
        ],
    )?;
    audit::write(
        tx,
        Change {
            to: Some(store_audit::made(store)),
            ..Change::new(AuditAction::StoreCreated, Some(&store.id), &store.id, by, store.created_at)
        },
    )?;
    Ok(Ok(()))
}

const LIST: &str = "SELECT id, name, retention_days, created_at FROM stores WHERE (created_at, id) < (?1, ?2) AND deleted_at IS NULL \
                    ORDER BY created_at DESC, id DESC LIMIT ?3";

pub(super) fn list(connection: &Connection, page: &Page<StorePlace>) -> Result<Vec<StoreInfo>> {
    // Nothing is made later than this.
    let (created_at, id) =
        page.after.as_ref().map_or((i64::MAX, ""), |after| (after.created_at.as_millis(), after.id.as_str()));
    all(connection, LIST, params![created_at, id, from_count(page.limit)], info)
}

pub(super) fn find(connection: &Connection, id: &StoreId) -> Result<Option<StoreInfo>> {
    first(
        connection,
        "SELECT id, name, retention_days, created_at FROM stores WHERE id = ?1 AND deleted_at IS NULL",
        [id.as_str()],
        info,
    )
}

/// Whether the store is there, for lookups of what lies under it.
pub(super) fn is_there(connection: &Connection, id: &StoreId) -> Result<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM stores WHERE id = ?1 AND deleted_at IS NULL")?
        .exists([id.as_str()])?)
}

pub(super) fn change(
    tx: &Tx<'_>,
    id: &StoreId,
    change: &StoreChange,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<StoreInfo>> {
    let Some(store) = find(tx.connection, id)? else { return Ok(None) };
    let changed = store.changed(change);
    if changed == store {
        return Ok(Some(store));
    }
    tx.execute(
        "UPDATE stores SET name = ?2, retention_days = ?3 WHERE id = ?1",
        params![id.as_str(), changed.name, changed.retention.map(RetentionDays::days)],
    )?;
    for change in store_audit::changes(&store, &changed, by, now) {
        audit::write(tx, change)?;
    }
    Ok(Some(changed))
}

/// Only marks it: every verb looks at the mark, and sweeping removes the rows in small steps.
pub(super) fn delete(tx: &Tx<'_>, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
    let Some(store) = find(tx.connection, id)? else { return Ok(false) };
    tx.forget(id);
    tx.execute(
        "UPDATE stores SET deleted_at = ?2, config_version = config_version + 1 WHERE id = ?1",
        params![id.as_str(), now.as_millis()],
    )?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "name": store.name })),
            ..Change::new(AuditAction::StoreDeleted, Some(id), id, by, now)
        },
    )?;
    Ok(true)
}

fn info(row: &Row<'_>) -> Result<StoreInfo> {
    Ok(StoreInfo {
        id: store_id(row, 0)?,
        name: row.get(1)?,
        retention: row.get::<_, Option<u32>>(2)?.and_then(RetentionDays::new),
        created_at: time(row, 3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::migrate;

    /// A page costs what it shows, however many stores there are.
    #[test]
    fn a_page_is_a_walk_over_an_index_without_sorting() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("a schema");
        let sql = format!("EXPLAIN QUERY PLAN {LIST}");
        let plan = all(&connection, &sql, params![i64::MAX, "", 50], |row| Ok(row.get::<_, String>(3)?));
        let plan = plan.expect("a plan").join("; ");
        assert_eq!(plan, "SEARCH stores USING INDEX stores_made ((created_at,id)<(?,?))");
    }
}
