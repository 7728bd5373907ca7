//! Blanking what is kept of an object.

use async_trait::async_trait;
use bocau_domain::{
    Actor, AuditAction, DeliveryId, EventId, Input, Reason, Refusal, Status, StoreId, Timestamp, transition,
};
use rusqlite::params;
use serde_json::json;

use super::results::{find_in, impossible};
use super::rows::{all, delivery_id, event_id, first, from_count, update_state};
use super::tx::Tx;
use super::{SqliteStore, audit, connection, inboxes};
use crate::change::Change;
use crate::erasure::{ERASE_BATCH, ERASED_PAYLOAD, Erased, Erasure, ObjectName};
use crate::{Result, StoreError};

const OF_OBJECT: &str = "SELECT id, event_id, event_type FROM deliveries INDEXED BY deliveries_object \
                         WHERE store_id = ?1 AND object_id = ?2 AND id > ?3 ORDER BY id LIMIT ?4";

#[async_trait]
impl Erasure for SqliteStore {
    async fn erase_object(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Erased>> {
        let (store, object, by) = (store.clone(), object.clone(), by.clone());
        let erased = self.writer.run(move |tx| erase(tx, &store, &object, after, &by, now)).await?;
        if erased.as_ref().is_some_and(|erased| erased.next.is_none()) {
            self.empty_log().await;
        }
        Ok(erased)
    }
}

impl SqliteStore {
    /// The write-ahead log has pages as they were before: it is carried over and emptied. Where a reader holds it up,
    /// the writer does so within its next few thousand pages.
    async fn empty_log(&self) {
        let path = self.path.clone();
        let emptied = tokio::task::spawn_blocking(move || connection::empty_log(&path)).await;
        match emptied {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the write-ahead log was not emptied"),
            Err(error) => tracing::debug!(%error, "the write-ahead log was not emptied"),
        }
    }
}

fn erase(
    tx: &Tx<'_>,
    store: &StoreId,
    object: &ObjectName,
    after: Option<DeliveryId>,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Erased>> {
    if tx.config_version(store)?.is_none() {
        return Ok(None);
    }
    // What a row had is overwritten, not only given free.
    tx.connection.pragma_update(None, "secure_delete", true)?;
    let erased = erase_some(tx, store, object, after);
    tx.connection.pragma_update(None, "secure_delete", false)?;
    let erased = erased?;
    if after.is_none() && (erased.deliveries > 0 || erased.next.is_some()) {
        let change = Change::new(AuditAction::ObjectErased, Some(store), object.subject(), by, now);
        audit::write(
            tx,
            Change { to: Some(json!({ "group": object.group, "id": object.id.as_str() })), ..change },
        )?;
    }
    Ok(Some(erased))
}

fn erase_some(
    tx: &Tx<'_>,
    store: &StoreId,
    object: &ObjectName,
    after: Option<DeliveryId>,
) -> Result<Erased> {
    let from = after.unwrap_or(DeliveryId::from_bytes([0; 16]));
    let values = params![store.as_str(), object.id.as_str(), from.as_bytes(), from_count(ERASE_BATCH)];
    let found = all(tx.connection, OF_OBJECT, values, |row| {
        Ok((delivery_id(row, 0)?, event_id(row, 1)?, row.get::<_, String>(2)?))
    })?;
    let mut erased = Erased::default();
    if found.len() == ERASE_BATCH {
        erased.next = found.last().map(|(id, ..)| *id);
    }
    for (id, event, _) in found.iter().filter(|(.., event_type)| object.has_type(event_type)) {
        erased.deliveries += 1;
        skip(tx, store, *id, &mut erased)?;
        tx.execute(
            "UPDATE events SET payload = ?2 WHERE id = ?1 AND payload <> ?2",
            params![event.as_bytes(), ERASED_PAYLOAD],
        )?;
        tx.execute(
            "UPDATE attempts SET response_body = x'' WHERE delivery_id = ?1 AND response_body <> x''",
            [id.as_bytes()],
        )?;
    }
    if erased.next.is_none() {
        inboxes::erase(tx, store, object)?;
    }
    Ok(erased)
}

/// What waits is not sent any more.
fn skip(tx: &Tx<'_>, store: &StoreId, id: DeliveryId, erased: &mut Erased) -> Result<()> {
    let Some(mut delivery) = find_in(tx, store, id)? else { return Ok(()) };
    erased.in_flight += usize::from(delivery.state.claimed_until.is_some());
    let was: Status = delivery.state.status;
    match transition(&delivery.state, &Input::Skip(Reason::ObjectErased)) {
        Ok(state) => {
            delivery.state = state;
            erased.skipped.push(id);
            update_state(tx, store, was, &delivery)
        }
        Err(Refusal::NotWaiting) => Ok(()),
        Err(refusal) => Err(impossible(refusal)),
    }
}

/// Whether there is nothing left of the event to be sent.
pub(super) fn is_erased(tx: &Tx<'_>, event: EventId) -> Result<bool> {
    let sql = "SELECT payload = ?2 FROM events WHERE id = ?1";
    let found = first(tx.connection, sql, params![event.as_bytes(), ERASED_PAYLOAD], |row| {
        row.get::<_, bool>(0).map_err(StoreError::from)
    })?;
    Ok(found.unwrap_or(false))
}
