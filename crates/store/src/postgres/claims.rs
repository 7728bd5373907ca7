//! Claiming what is due, giving claims back, and voiding those of a process that died.
//!
//! Nodes that claim at the same moment pass over one another's rows (`SKIP LOCKED`) and wait for nothing.

use std::collections::HashMap;

use bocau_domain::{
    Attempt, Delivery, DeliveryId, EventId, Input, StoreId, Timestamp, WebhookId, transition,
};
use bytes::Bytes;
use tokio_postgres::Row;
use uuid::Uuid;

use super::results::{Held, hold, impossible, lapse};
use super::rows::{
    Changed, DELIVERY_COLUMN_COUNT, delivery, delivery_columns, from_count, id, insert_attempts, store_id,
    time, update_states, uuid,
};
use super::tx::{Connection, Result, Tx};
use crate::StoreError;
use crate::claims::{ClaimRef, ClaimRequest, Claimed, DueWebhook};

/// Lapsed claims that one call records for a webhook beside what it claims, so that no transaction is long.
const LAPSED_MAX: usize = 500;
/// Claims that one transaction voids.
const VOID_BATCH: usize = 1_000;

/// What of a webhook may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claimable {
    All,
    /// The webhook is disabled: only what a person asked for.
    AskedFor,
    /// It or its store is deleted, or the store moves to another database.
    Nothing,
}

/// What is still wanted for a webhook.
struct Want {
    webhook: WebhookId,
    claimable: Claimable,
    count: usize,
    lapsed: usize,
    is_over: bool,
}

/// What a call has found so far.
struct Haul<'a> {
    request: &'a ClaimRequest,
    bytes_left: usize,
    /// Claimed, and written.
    taken: Vec<Held>,
    /// Claimed, and to be written.
    fresh: Vec<Held>,
    /// Lapsed, not to be claimed again, and to be written.
    ended: Vec<Held>,
    /// To be written.
    history: Vec<(DeliveryId, Attempt)>,
}

/// Claims up to what is wanted.
pub(super) async fn claim(tx: &Tx, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    let mut wants = wants(tx, request).await?;
    let mut haul = Haul {
        request,
        bytes_left: request.bytes_max,
        taken: Vec::new(),
        fresh: Vec::new(),
        ended: Vec::new(),
        history: Vec::new(),
    };
    while !wants.is_empty() {
        let mut found = due(tx, wants.iter(), request.now, Kind::Asked).await?;
        let others = wants.iter().filter(|want| !found.contains_key(&want.webhook));
        let waiting = due(tx, others, request.now, Kind::Waiting).await?;
        for want in &mut wants {
            // Fewer than were wanted are all that there are.
            want.is_over = waiting.get(&want.webhook).map_or(0, Vec::len) < want.count
                && !found.contains_key(&want.webhook);
        }
        found.extend(waiting);
        for want in &mut wants {
            haul.take(tx, want, found.remove(&want.webhook).unwrap_or_default())?;
        }
        // What is taken leaves the rows that are due only when it is written, so it is before the next look.
        haul.write(tx).await?;
        wants.retain(|want| !want.is_over && want.count > 0 && want.lapsed < LAPSED_MAX);
    }
    claimed(tx, haul).await
}

async fn wants(tx: &Tx, request: &ClaimRequest) -> Result<Vec<Want>> {
    let ids: Vec<Uuid> = request.wants.iter().map(|(webhook, _)| uuid(webhook.as_bytes())).collect();
    let standing = tx
        .all(
            "SELECT w.id, w.enabled, w.deleted_at IS NULL AND s.id IS NOT NULL, \
             EXISTS (SELECT 1 FROM stores a WHERE a.id = w.store_id AND a.standing = 'away') FROM webhooks w \
             LEFT JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL AND s.standing IS NULL \
             WHERE w.id = ANY($1)",
            &[&ids],
            |row| {
                Ok((
                    id(row, 0, WebhookId::from_bytes)?,
                    match (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?) {
                        // What is here of it is a copy: nothing is written to it.
                        (_, _, true) => None,
                        (true, true, false) => Some(Claimable::All),
                        (false, true, false) => Some(Claimable::AskedFor),
                        (_, false, false) => Some(Claimable::Nothing),
                    },
                ))
            },
        )
        .await?;
    let standing: HashMap<WebhookId, Option<Claimable>> = standing.into_iter().collect();
    let want = |(webhook, count): &(WebhookId, usize)| {
        let claimable = standing.get(webhook).copied().unwrap_or(Some(Claimable::Nothing))?;
        Some(Want { webhook: *webhook, claimable, count: *count, lapsed: 0, is_over: false })
    };
    Ok(request.wants.iter().filter(|(_, count)| *count > 0).filter_map(want).collect())
}

/// A row that is due, held to the end.
struct Due {
    store: StoreId,
    delivery: Delivery,
    payload_bytes: usize,
}

/// Which rows of a webhook are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What is due because a person asked for it; it goes before all else of the webhook.
    Asked,
    /// What is due and may be claimed, and what is due because its claim has lapsed.
    Waiting,
}

/// What is due of each of these webhooks, in one statement: for each a walk over its part of the index.
async fn due(
    tx: &Tx,
    wants: impl Iterator<Item = &Want> + Send,
    now: Timestamp,
    kind: Kind,
) -> Result<HashMap<WebhookId, Vec<Due>>> {
    let may = |want: &&Want| kind == Kind::Waiting || want.claimable != Claimable::Nothing;
    let wants: Vec<&Want> = wants.filter(may).collect();
    if wants.is_empty() {
        return Ok(HashMap::new());
    }
    let webhooks: Vec<Uuid> = wants.iter().map(|want| uuid(want.webhook.as_bytes())).collect();
    let counts: Vec<i64> = wants.iter().map(|want| from_count(want.count)).collect();
    let any: Vec<bool> = wants.iter().map(|want| want.claimable == Claimable::All).collect();
    macro_rules! walk {
        ($which:literal) => {
            concat!(
                "SELECT ",
                delivery_columns!(),
                ", d.store_id, octet_length(e.payload) \
                 FROM unnest($1::uuid[], $2::bigint[], $3::bool[]) WITH ORDINALITY AS n (id, count, is_any, place) \
                 CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE webhook_id = n.id AND due_at <= $4 AND ",
                $which,
                " ORDER BY due_at LIMIT n.count FOR UPDATE SKIP LOCKED) d \
                 JOIN events e ON e.id = d.event_id LEFT JOIN webhooks w ON w.id = d.webhook_id \
                 ORDER BY n.place, d.due_at, d.id"
            )
        };
    }
    let sql = match kind {
        Kind::Asked => walk!("(resend_at IS NOT NULL OR is_test)"),
        Kind::Waiting => walk!("(n.is_any OR claimed_until IS NOT NULL)"),
    };
    let rows = tx
        .all(sql, &[&webhooks, &counts, &any, &now.as_millis()], |row| {
            let payload_bytes =
                usize::try_from(row.try_get::<_, i32>(DELIVERY_COLUMN_COUNT + 1)?).unwrap_or(0);
            Ok(Due { store: store_id(row, DELIVERY_COLUMN_COUNT)?, delivery: delivery(row)?, payload_bytes })
        })
        .await?;
    let mut found: HashMap<WebhookId, Vec<Due>> = HashMap::new();
    for due in rows {
        if let Some(webhook) = due.delivery.webhook_id {
            found.entry(webhook).or_default().push(due);
        }
    }
    Ok(found)
}

impl Haul<'_> {
    /// Every row that is looked at leaves the set of those to look at, claimed or with its lapse recorded, so the
    /// rows that may not be claimed never stand before those that may.
    fn take(&mut self, tx: &Tx, want: &mut Want, rows: Vec<Due>) -> Result<()> {
        for Due { store, delivery, payload_bytes } in rows {
            let has_lapsed = delivery.state.claimed_until.is_some();
            let mut held = Held::new(store, delivery);
            if has_lapsed {
                self.history.push(lapse(tx, &mut held, self.request.now)?);
                want.lapsed += 1;
            }
            if !may_claim(want.claimable, &held.delivery, self.request.now) {
                self.ended.push(held);
                continue;
            }
            if payload_bytes > self.bytes_left && !(self.taken.is_empty() && self.fresh.is_empty()) {
                self.ended.extend(has_lapsed.then_some(held));
                want.is_over = true;
                return Ok(());
            }
            self.bytes_left = self.bytes_left.saturating_sub(payload_bytes);
            let input = Input::Claim { now: self.request.now, lease: self.request.lease };
            held.delivery.state = transition(&held.delivery.state, &input).map_err(impossible)?;
            self.fresh.push(held);
            want.count -= 1;
        }
        Ok(())
    }

    async fn write(&mut self, tx: &Tx) -> Result<()> {
        let changed: Vec<Changed<'_>> = self.fresh.iter().chain(&self.ended).map(Held::changed).collect();
        update_states(tx, &changed).await?;
        insert_attempts(tx, &self.history).await?;
        self.taken.append(&mut self.fresh);
        self.ended.clear();
        self.history.clear();
        Ok(())
    }
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

/// Looks each event up by its id, as [`super::results::HOLD`] does.
pub(super) const PAYLOADS: &str = "SELECT e.id, e.payload FROM unnest($1::uuid[]) AS n (id) \
     CROSS JOIN LATERAL (SELECT id, payload FROM events WHERE id = n.id AND id BETWEEN $2 AND $3 LIMIT 1) e";

/// What was taken, with the payloads.
async fn claimed(tx: &Tx, haul: Haul<'_>) -> Result<Vec<Claimed>> {
    let Haul { request, taken, .. } = haul;
    let ids: Vec<Uuid> = taken.iter().map(|held| uuid(held.delivery.event_id.as_bytes())).collect();
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(Vec::new()) };
    let payloads = tx
        .all(PAYLOADS, &[&ids, first, last], |row| {
            Ok((id(row, 0, EventId::from_bytes)?, Bytes::from(row.try_get::<_, Vec<u8>>(1)?)))
        })
        .await?;
    let payloads: HashMap<EventId, Bytes> = payloads.into_iter().collect();
    let claimed = |held: Held| {
        let Held { store, delivery, .. } = held;
        let state = delivery.state;
        let webhook = delivery
            .webhook_id
            .ok_or_else(|| StoreError::Corrupt(format!("{} is due and has no webhook", delivery.id)))?;
        let payload = payloads
            .get(&delivery.event_id)
            .cloned()
            .ok_or_else(|| StoreError::Corrupt(format!("{} has no event", delivery.id)))?;
        Ok(Claimed {
            claim: ClaimRef { store, delivery: delivery.id, claim: state.claim },
            lease_until: state.claimed_until.unwrap_or(request.now + request.lease),
            webhook,
            event: delivery.event_id,
            event_type: delivery.event_type,
            object_id: delivery.object_id,
            payload,
            trigger: state.next_trigger(delivery.is_test, request.now),
            number: state.last_number + 1,
        })
    };
    taken.into_iter().map(claimed).collect()
}

/// Gives claims back that are still held.
pub(super) async fn release(tx: &Tx, claims: &[ClaimRef]) -> Result<()> {
    let wanted: Vec<(&StoreId, DeliveryId)> =
        claims.iter().map(|claim| (&claim.store, claim.delivery)).collect();
    let mut held = hold(tx, &wanted).await?;
    let mut released = Vec::new();
    for ClaimRef { store, delivery, claim } in claims {
        let Some(mut found) = held.remove(delivery) else { continue };
        let state = &mut found.delivery.state;
        if found.store == *store && state.claim == *claim && state.claimed_until.is_some() {
            *state = transition(state, &Input::Release).map_err(impossible)?;
            released.push(found);
        }
    }
    update_states(tx, &released.iter().map(Held::changed).collect::<Vec<_>>()).await
}

/// Voids a batch of open claims. Answers how many.
pub(super) async fn void_some(tx: &Tx, now: Timestamp) -> Result<usize> {
    let open = tx
        .all(
            "SELECT store_id, id FROM deliveries WHERE due_at IS NOT NULL AND claimed_until IS NOT NULL \
             ORDER BY webhook_id, due_at LIMIT $1",
            &[&from_count(VOID_BATCH)],
            |row| Ok((store_id(row, 0)?, id(row, 1, DeliveryId::from_bytes)?)),
        )
        .await?;
    let wanted: Vec<(&StoreId, DeliveryId)> = open.iter().map(|(store, id)| (store, *id)).collect();
    let mut held: Vec<Held> = hold(tx, &wanted).await?.into_values().collect();
    held.retain(|held| held.delivery.state.claimed_until.is_some());
    let history = held.iter_mut().map(|held| lapse(tx, held, now)).collect::<Result<Vec<_>>>()?;
    update_states(tx, &held.iter().map(Held::changed).collect::<Vec<_>>()).await?;
    insert_attempts(tx, &history).await?;
    Ok(held.len())
}

/// The webhooks of stores that are there and have not left, with the moment the first waiting delivery of each is due.
pub(super) async fn due_webhooks(connection: &Connection) -> Result<Vec<DueWebhook>> {
    // One step into the index per webhook with something waiting, instead of a walk over all that waits.
    connection
        .all(
            "WITH RECURSIVE first AS (\
               (SELECT webhook_id, due_at FROM deliveries WHERE due_at IS NOT NULL \
                ORDER BY webhook_id, due_at LIMIT 1) \
               UNION ALL \
               SELECT next.webhook_id, next.due_at FROM first CROSS JOIN LATERAL (\
                 SELECT webhook_id, due_at FROM deliveries \
                 WHERE due_at IS NOT NULL AND webhook_id > first.webhook_id \
                 ORDER BY webhook_id, due_at LIMIT 1) next) \
             SELECT f.webhook_id, f.due_at FROM first f JOIN webhooks w ON w.id = f.webhook_id \
             JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL AND s.standing IS DISTINCT FROM 'away'",
            &[],
            due_webhook,
        )
        .await
}

/// The same of these webhooks.
pub(super) async fn next_due(connection: &Connection, webhooks: &[WebhookId]) -> Result<Vec<DueWebhook>> {
    let ids: Vec<Uuid> = webhooks.iter().map(|webhook| uuid(webhook.as_bytes())).collect();
    connection
        .all(
            "SELECT w.id, d.due_at FROM unnest($1::uuid[]) AS n (id) JOIN webhooks w ON w.id = n.id \
             JOIN stores s ON s.id = w.store_id AND s.deleted_at IS NULL AND s.standing IS DISTINCT FROM 'away' \
             CROSS JOIN LATERAL (SELECT due_at FROM deliveries WHERE webhook_id = n.id AND due_at IS NOT NULL \
             ORDER BY due_at LIMIT 1) d",
            &[&ids],
            due_webhook,
        )
        .await
}

fn due_webhook(row: &Row) -> Result<DueWebhook> {
    Ok(DueWebhook { webhook: id(row, 0, WebhookId::from_bytes)?, due_at: time(row, 1)? })
}
