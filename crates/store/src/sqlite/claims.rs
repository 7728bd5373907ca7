//! Claiming what is due, giving claims back, and voiding those of a process that died.

use bocau_domain::{Delivery, DeliveryId, Input, StoreId, Timestamp, WebhookId, transition};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::results::{find_in, impossible, lapse};
use super::rows::{
    DELIVERY_COLUMN_COUNT, all, delivery, delivery_columns, delivery_id, first, from_count, store_id, time,
    update_state,
};
use super::tx::Tx;
use crate::Result;
use crate::claims::{ClaimRef, ClaimRequest, Claimed, DueWebhook};

/// Lapsed claims that one call records for a webhook beside what it claims, so that no transaction is long.
const LAPSED_MAX: usize = 500;
/// Claims that one transaction voids.
pub(super) const VOID_BATCH: usize = 1_000;

/// What of a webhook may be claimed.
#[derive(Clone, Copy, PartialEq)]
enum Claimable {
    All,
    /// The webhook is disabled: only what a person asked for.
    AskedFor,
    /// It or its store is deleted.
    Nothing,
}

/// Claims up to what is wanted.
pub(super) fn claim(tx: &Tx<'_>, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    let mut claimed = Vec::new();
    let mut bytes_left = request.bytes_max;
    for (webhook, count) in &request.wants {
        claim_for(tx, request, *webhook, *count, &mut bytes_left, &mut claimed)?;
    }
    Ok(claimed)
}

/// Every row that is looked at leaves the set of those to look at, claimed or with its lapse recorded, so the
/// rows that may not be claimed never stand before those that may.
fn claim_for(
    tx: &Tx<'_>,
    request: &ClaimRequest,
    webhook: WebhookId,
    count: usize,
    bytes_left: &mut usize,
    claimed: &mut Vec<Claimed>,
) -> Result<()> {
    let claimable = claimable(tx, webhook)?;
    let (mut wanted, mut lapsed) = (count, 0);
    while wanted > 0 && lapsed < LAPSED_MAX {
        let asked_for = asked_for(tx, webhook, claimable, request.now, wanted)?;
        let due = if asked_for.is_empty() {
            due_of(tx, webhook, claimable, request.now, wanted)?
        } else {
            asked_for
        };
        if due.is_empty() {
            return Ok(());
        }
        for Due { store, mut delivery, payload_bytes } in due {
            if delivery.state.claimed_until.is_some() {
                delivery = lapse(tx, &store, delivery, request.now)?;
                lapsed += 1;
            }
            if !may_claim(claimable, &delivery, request.now) {
                continue;
            }
            if payload_bytes > *bytes_left && !claimed.is_empty() {
                return Ok(());
            }
            *bytes_left = bytes_left.saturating_sub(payload_bytes);
            claimed.push(claim_one(tx, request, webhook, store, delivery)?);
            wanted -= 1;
        }
    }
    Ok(())
}

fn claimable(tx: &Tx<'_>, webhook: WebhookId) -> Result<Claimable> {
    let standing = first(
        tx.connection,
        "SELECT w.enabled, w.deleted_at IS NULL AND s.id IS NOT NULL FROM webhooks w \
             LEFT JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL WHERE w.id = ?1",
        [webhook.as_bytes()],
        |row| Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?)),
    )?;
    Ok(match standing {
        Some((true, true)) => Claimable::All,
        Some((false, true)) => Claimable::AskedFor,
        Some((_, false)) | None => Claimable::Nothing,
    })
}

fn may_claim(claimable: Claimable, delivery: &Delivery, now: Timestamp) -> bool {
    let is_due = delivery.state.due_at().is_some_and(|due| due <= now);
    is_due
        && match claimable {
            Claimable::All => true,
            Claimable::AskedFor => delivery.is_test || delivery.state.resend_at.is_some(),
            Claimable::Nothing => false,
        }
}

struct Due {
    store: StoreId,
    delivery: Delivery,
    payload_bytes: usize,
}

fn due(row: &Row<'_>) -> Result<Due> {
    Ok(Due {
        store: store_id(row, DELIVERY_COLUMN_COUNT)?,
        delivery: delivery(row)?,
        payload_bytes: usize::try_from(row.get::<_, i64>(DELIVERY_COLUMN_COUNT + 1)?).unwrap_or(0),
    })
}

/// What is due because a person asked for it; it goes before all else of the webhook.
fn asked_for(
    tx: &Tx<'_>,
    webhook: WebhookId,
    claimable: Claimable,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Due>> {
    if claimable == Claimable::Nothing {
        return Ok(Vec::new());
    }
    all(
        tx.connection,
        concat!(
            "SELECT ",
            delivery_columns!(),
            ", d.store_id, length(e.payload) FROM deliveries d INDEXED BY deliveries_asked \
             CROSS JOIN events e ON e.id = d.event_id LEFT JOIN webhooks w ON w.id = d.webhook_id \
             WHERE d.webhook_id = ?1 AND d.due_at IS NOT NULL AND d.due_at <= ?2 \
             AND (d.resend_at IS NOT NULL OR d.is_test = 1) ORDER BY d.due_at LIMIT ?3"
        ),
        params![webhook.as_bytes(), now.as_millis(), from_count(limit)],
        due,
    )
}

/// What is due and may be claimed, and what is due because its claim has lapsed.
fn due_of(
    tx: &Tx<'_>,
    webhook: WebhookId,
    claimable: Claimable,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Due>> {
    // The inner query is answered by the index alone; the rows are fetched for what it found.
    let sql = concat!(
        "WITH due AS MATERIALIZED (\
           SELECT store_id, id, due_at FROM deliveries INDEXED BY deliveries_due \
           WHERE webhook_id = ?1 AND due_at IS NOT NULL AND due_at <= ?2 AND (\
             ?3 OR claimed_until IS NOT NULL OR (?4 AND (resend_at IS NOT NULL OR is_test = 1))) \
           ORDER BY due_at LIMIT ?5) \
         SELECT ",
        delivery_columns!(),
        ", d.store_id, length(e.payload) FROM due \
         CROSS JOIN deliveries d ON d.store_id = due.store_id AND d.id = due.id \
         CROSS JOIN events e ON e.id = d.event_id \
         LEFT JOIN webhooks w ON w.id = d.webhook_id ORDER BY due.due_at, d.id"
    );
    let (any, asked_for) = (claimable == Claimable::All, claimable == Claimable::AskedFor);
    all(
        tx.connection,
        sql,
        params![webhook.as_bytes(), now.as_millis(), any, asked_for, from_count(limit)],
        due,
    )
}

fn claim_one(
    tx: &Tx<'_>,
    request: &ClaimRequest,
    webhook: WebhookId,
    store: StoreId,
    mut delivery: Delivery,
) -> Result<Claimed> {
    let input = Input::Claim { now: request.now, lease: request.lease };
    let was = delivery.state.status;
    let state = transition(&delivery.state, &input).map_err(impossible)?;
    delivery.state = state;
    update_state(tx, &store, was, &delivery)?;
    let payload: Vec<u8> = tx
        .connection
        .prepare_cached("SELECT payload FROM events WHERE id = ?1")?
        .query_row([delivery.event_id.as_bytes()], |row| row.get(0))?;
    Ok(Claimed {
        claim: ClaimRef { store, delivery: delivery.id, claim: state.claim },
        lease_until: state.claimed_until.unwrap_or(request.now + request.lease),
        webhook,
        event: delivery.event_id,
        event_type: delivery.event_type,
        object_id: delivery.object_id,
        payload: Bytes::from(payload),
        trigger: state.next_trigger(delivery.is_test, request.now),
        number: state.last_number + 1,
    })
}

/// Gives claims back that are still held.
pub(super) fn release(tx: &Tx<'_>, claims: &[ClaimRef]) -> Result<()> {
    for ClaimRef { store, delivery, claim } in claims {
        let Some(mut found) = find_in(tx, store, *delivery)? else { continue };
        if found.state.claim == *claim && found.state.claimed_until.is_some() {
            let was = found.state.status;
            found.state = transition(&found.state, &Input::Release).map_err(impossible)?;
            update_state(tx, store, was, &found)?;
        }
    }
    Ok(())
}

/// Where voiding goes on: the place in the index of what is due.
pub(super) type VoidedUpTo = (WebhookId, i64);

/// Voids the next batch of open claims after `after`. Answers how many, and where to go on.
pub(super) fn void_some(
    tx: &Tx<'_>,
    after: Option<VoidedUpTo>,
    now: Timestamp,
) -> Result<(usize, Option<VoidedUpTo>)> {
    let held = held_after(tx, after)?;
    for (_, store, id) in &held {
        if let Some(delivery) = find_in(tx, store, *id)? {
            lapse(tx, store, delivery, now)?;
        }
    }
    let is_full = held.len() == VOID_BATCH;
    Ok((held.len(), held.last().map(|(place, _, _)| *place).filter(|_| is_full)))
}

/// Open claims in the order of the index, which alone answers this.
fn held_after(tx: &Tx<'_>, after: Option<VoidedUpTo>) -> Result<Vec<(VoidedUpTo, StoreId, DeliveryId)>> {
    let read = |row: &Row<'_>| {
        let place = (WebhookId::from_bytes(row.get(0)?), row.get(1)?);
        Ok((place, store_id(row, 2)?, delivery_id(row, 3)?))
    };
    // From the same moment on and not after it: others may share it. What was voided is no longer held, so
    // no row is met twice.
    let (webhook, due_at) = after.unwrap_or((WebhookId::from_bytes([0; 16]), i64::MIN));
    all(
        tx.connection,
        "SELECT webhook_id, due_at, store_id, id FROM deliveries INDEXED BY deliveries_due \
             WHERE (webhook_id, due_at) >= (?1, ?2) AND due_at IS NOT NULL AND claimed_until IS NOT NULL \
             ORDER BY webhook_id, due_at LIMIT ?3",
        params![webhook.as_bytes(), due_at, from_count(VOID_BATCH)],
        read,
    )
}

/// The webhooks of stores that are there, with the moment the first waiting delivery of each is due.
pub(super) fn due_webhooks(connection: &Connection) -> Result<Vec<DueWebhook>> {
    // One step into the index per webhook, instead of a walk over all that waits.
    all(
        connection,
        "SELECT id, due_at FROM (\
               SELECT w.id, (SELECT MIN(d.due_at) FROM deliveries d INDEXED BY deliveries_due \
                             WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL) AS due_at \
               FROM webhooks w JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL) \
             WHERE due_at IS NOT NULL",
        [],
        due_webhook,
    )
}

/// The same of these webhooks.
pub(super) fn next_due(connection: &Connection, webhooks: &[WebhookId]) -> Result<Vec<DueWebhook>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, due_at FROM (\
           SELECT w.id, (SELECT MIN(d.due_at) FROM deliveries d INDEXED BY deliveries_due \
                         WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL) AS due_at \
           FROM webhooks w JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL WHERE w.id = ?1) \
         WHERE due_at IS NOT NULL",
    )?;
    let mut found = Vec::new();
    for webhook in webhooks {
        found.extend(
            statement.query_row([webhook.as_bytes()], |row| Ok(due_webhook(row))).optional()?.transpose()?,
        );
    }
    Ok(found)
}

fn due_webhook(row: &Row<'_>) -> Result<DueWebhook> {
    Ok(DueWebhook { webhook: WebhookId::from_bytes(row.get(0)?), due_at: time(row, 1)? })
}
