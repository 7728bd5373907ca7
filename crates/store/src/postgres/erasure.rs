//! Blanking what is kept of an object.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bocau_domain::{
    Actor, AuditAction, DeliveryId, EventId, Input, Reason, Refusal, StoreId, Timestamp, transition,
};
use serde_json::json;
use uuid::Uuid;

use super::results::{Held, hold, impossible};
use super::rows::{from_count, id, only, update_states, uuid};
use super::tx::{Result, Tx};
use super::{PostgresStore, audit, inboxes, transact};
use crate::change::Change;
use crate::erasure::{ERASE_BATCH, ERASED_PAYLOAD, Erased, Erasure, ObjectName};

const OF_OBJECT: &str = "SELECT id, event_id, event_type FROM deliveries \
                         WHERE store_id = $1 AND object_id = $2 AND id > $3 ORDER BY id LIMIT $4";

#[async_trait]
impl Erasure for PostgresStore {
    async fn erase_object(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
        now: Timestamp,
    ) -> crate::Result<Option<Erased>> {
        transact!(self, |tx| erase(&tx, store, object, after, by, now).await)
    }
}

async fn erase(
    tx: &Tx,
    store: &StoreId,
    object: &ObjectName,
    after: Option<DeliveryId>,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Erased>> {
    if tx.config_version(store).await?.is_none() {
        return Ok(None);
    }
    let erased = erase_some(tx, store, object, after).await?;
    if after.is_none() && (erased.deliveries > 0 || erased.next.is_some()) {
        let change = Change::new(AuditAction::ObjectErased, Some(store), object.subject(), by, now);
        let to = Some(json!({ "group": object.group, "id": object.id.as_str() }));
        audit::write(tx, Change { to, ..change }).await?;
    }
    Ok(Some(erased))
}

async fn erase_some(
    tx: &Tx,
    store: &StoreId,
    object: &ObjectName,
    after: Option<DeliveryId>,
) -> Result<Erased> {
    let from = uuid(after.unwrap_or(DeliveryId::from_bytes([0; 16])).as_bytes());
    let found = tx
        .all(OF_OBJECT, &[&store.as_str(), &object.id.as_str(), &from, &from_count(ERASE_BATCH)], |row| {
            let delivery = id(row, 0, DeliveryId::from_bytes)?;
            Ok((delivery, id(row, 1, EventId::from_bytes)?, row.try_get::<_, String>(2)?))
        })
        .await?;
    let mut erased = Erased::default();
    if found.len() == ERASE_BATCH {
        erased.next = found.last().map(|(id, ..)| *id);
    }
    let meant: Vec<_> = found.iter().filter(|(.., event_type)| object.has_type(event_type)).collect();
    erased.deliveries = meant.len();
    skip(tx, store, meant.iter().map(|(id, ..)| *id), &mut erased).await?;
    let deliveries: BTreeSet<Uuid> = meant.iter().map(|(id, ..)| uuid(id.as_bytes())).collect();
    let events: BTreeSet<Uuid> = meant.iter().map(|(_, event, _)| uuid(event.as_bytes())).collect();
    let sql = "UPDATE events SET payload = $4 WHERE id = ANY($1) AND id BETWEEN $2 AND $3 AND payload <> $4";
    blank(tx, sql, events, ERASED_PAYLOAD).await?;
    let sql = "UPDATE attempts SET response_body = $4 \
               WHERE delivery_id = ANY($1) AND delivery_id BETWEEN $2 AND $3 AND response_body <> $4";
    blank(tx, sql, deliveries, b"").await?;
    if erased.next.is_none() {
        inboxes::erase(tx, store, object).await?;
    }
    Ok(erased)
}

/// The bounds tell the server which days to look at.
async fn blank(tx: &Tx, sql: &str, ids: BTreeSet<Uuid>, with: &[u8]) -> Result<()> {
    let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else { return Ok(()) };
    let ids: Vec<Uuid> = ids.into_iter().collect();
    tx.execute(sql, &[&ids, &first, &last, &with]).await.map(drop)
}

/// What waits is not sent any more.
async fn skip(
    tx: &Tx,
    store: &StoreId,
    ids: impl Iterator<Item = DeliveryId>,
    erased: &mut Erased,
) -> Result<()> {
    let wanted: Vec<(&StoreId, DeliveryId)> = ids.map(|id| (store, id)).collect();
    let mut changed = Vec::new();
    for mut held in hold(tx, &wanted).await?.into_values() {
        let state = &mut held.delivery.state;
        erased.in_flight += usize::from(state.claimed_until.is_some());
        match transition(state, &Input::Skip(Reason::ObjectErased)) {
            Ok(skipped) => *state = skipped,
            Err(Refusal::NotWaiting) => continue,
            Err(refusal) => return Err(impossible(refusal).into()),
        }
        erased.skipped.push(held.delivery.id);
        changed.push(held);
    }
    erased.skipped.sort_unstable();
    update_states(tx, &changed.iter().map(Held::changed).collect::<Vec<_>>()).await
}

/// Of these events those of which nothing is left to be sent.
pub(super) async fn erased_of(tx: &Tx, events: BTreeSet<EventId>) -> Result<BTreeSet<EventId>> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(events) };
    let bounds = (uuid(first.as_bytes()), uuid(last.as_bytes()));
    let ids: Vec<Uuid> = events.iter().map(|id| uuid(id.as_bytes())).collect();
    let sql = "SELECT id FROM events WHERE id = ANY($1) AND id BETWEEN $2 AND $3 AND payload = $4";
    let found = tx.all(sql, &[&ids, &bounds.0, &bounds.1, &ERASED_PAYLOAD], only::<Uuid>).await?;
    Ok(found.into_iter().map(|id| EventId::from_bytes(id.into_bytes())).collect())
}
