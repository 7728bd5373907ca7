//! Writing how attempts ended: rows of the history, and the deliveries' new states where the claims hold.

use std::collections::HashMap;
use std::time::Duration;

use bocau_domain::transition::AttemptEnd;
use bocau_domain::{
    Actor, Attempt, AuditAction, Delivery, DeliveryId, Input, Outcome, Reason, Refusal, Status, StoreId,
    Timestamp, WebhookId, transition,
};
use futures_util::future::join;
use serde_json::json;
use uuid::Uuid;

use super::audit;
use super::rows::{
    Changed, DELIVERY_COLUMN_COUNT, delivery, delivery_columns, id, insert_attempts, millis, only, store_id,
    to_u32, update_states, uuid,
};
use super::skipping::{Skip, skip_some};
use super::tx::{Result, Tx};
use crate::change::Change;
use crate::results::{AttemptRecord, Recorded};
use crate::tally::Failure;
use crate::{SKIP_BATCH, StoreError};

/// What the history says of an attempt whose end nobody knows.
const INTERRUPTED_TEXT: &str =
    "the server stopped before the end was recorded: it may or may not have been sent";

/// A delivery as it was found and as it now stands.
pub(super) struct Held {
    pub(super) store: StoreId,
    was: Status,
    pub(super) delivery: Delivery,
}

impl Held {
    pub(super) fn new(store: StoreId, delivery: Delivery) -> Self {
        Self { store, was: delivery.state.status, delivery }
    }

    pub(super) fn changed(&self) -> Changed<'_> {
        Changed { store: &self.store, was: self.was, delivery: &self.delivery }
    }
}

/// Records attempts, one after the other.
pub(super) async fn record(tx: &Tx, records: &[AttemptRecord]) -> Result<Vec<Recorded>> {
    // Before any row is held, in the order of everybody who changes a store's configuration.
    let gone = records.iter().filter(|record| record.gone.is_some());
    tx.lock_stores(&gone.map(|record| &record.claim.store).collect()).await?;
    let wanted: Vec<(&StoreId, DeliveryId)> =
        records.iter().map(|record| (&record.claim.store, record.claim.delivery)).collect();
    let mut held = hold(tx, &wanted).await?;
    let noted = noted_before(tx, records, &held).await?;
    let mut history = Vec::with_capacity(records.len());
    let mut answers = Vec::with_capacity(records.len());
    for record in records {
        answers.push(match held.get_mut(&record.claim.delivery) {
            Some(held) if held.store == record.claim.store => match noted.get(&Noted::of(record)) {
                Some(number) if !is_held(&held.delivery, record) => moved_before(held, record, *number),
                _ => record_one(tx, held, record, &mut history)?,
            },
            _ => Recorded::Vanished,
        });
    }
    let changed: Vec<Changed<'_>> = held.values().map(Held::changed).collect();
    let (updated, inserted) = join(update_states(tx, &changed), insert_attempts(tx, &history)).await;
    updated?;
    inserted?;
    for (record, answer) in records.iter().zip(&mut answers) {
        if let (Recorded::Moved { webhook_disabled, delivery, .. }, Some(url)) = (answer, &record.gone)
            && let Some(webhook) = delivery.webhook_id
            && !noted.contains_key(&Noted::of(record))
        {
            *webhook_disabled =
                disable_gone(tx, &record.claim.store, webhook, url, record.ended_at()).await?;
        }
    }
    Ok(answers)
}

fn record_one(
    tx: &Tx,
    held: &mut Held,
    record: &AttemptRecord,
    history: &mut Vec<(DeliveryId, Attempt)>,
) -> Result<Recorded> {
    let Held { store, delivery, .. } = held;
    let holds = is_held(delivery, record);
    let input = if holds {
        Input::AttemptEnded(AttemptEnd {
            trigger: record.trigger,
            started_at: record.started_at,
            ended_at: record.ended_at(),
            outcome: record.outcome,
            status_code: record.status_code,
            gone: record.gone.is_some(),
            retry_after: record.retry_after,
            policy: &record.policy,
        })
    } else {
        Input::StaleAttempt
    };
    delivery.state = transition(&delivery.state, &input).map_err(impossible)?;
    let number = delivery.state.last_number;
    history.push((delivery.id, history_row(record, number)));
    tx.tally().attempt(record);
    if !holds {
        return Ok(Recorded::Stale { number });
    }
    delivery.last_error.clone_from(&record.error);
    delivery.last_outcome = Some(record.outcome);
    delivery.last_duration = Some(record.duration);
    if record.outcome != Outcome::Success {
        let failure = Failure {
            at: record.ended_at(),
            outcome: record.outcome,
            error: record.error.clone(),
            status_code: record.status_code,
        };
        tx.tally().failure(store, delivery.id, delivery.webhook_id, failure);
    }
    Ok(Recorded::Moved { delivery: Box::new(delivery.clone()), number, webhook_disabled: false })
}

/// Whether the claim that an attempt was made under holds.
fn is_held(delivery: &Delivery, record: &AttemptRecord) -> bool {
    delivery.state.claim == record.claim.claim && delivery.state.claimed_until.is_some()
}

/// What tells one attempt of a delivery from another, whichever claim it was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Noted {
    delivery: DeliveryId,
    started_at: i64,
    took: i64,
}

impl Noted {
    fn of(record: &AttemptRecord) -> Self {
        let (started_at, took) = (record.started_at.as_millis(), millis(record.duration));
        Self { delivery: record.claim.delivery, started_at, took }
    }
}

/// Looks each attempt up by its delivery, as [`HOLD`] does.
pub(super) const NOTED: &str = "SELECT a.delivery_id, a.number, r.started_at, r.took \
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[]) AS r (id, started_at, took, outcome) \
     CROSS JOIN LATERAL (SELECT * FROM attempts WHERE delivery_id = r.id AND delivery_id BETWEEN $5 AND $6 \
       AND started_at = r.started_at AND duration_ms = r.took AND outcome = r.outcome LIMIT 1) a";

/// Of those whose claim does not hold, the ones that are in the history already, with their numbers.
async fn noted_before(
    tx: &Tx,
    records: &[AttemptRecord],
    held: &HashMap<DeliveryId, Held>,
) -> Result<HashMap<Noted, u32>> {
    let is_stale = |record: &&AttemptRecord| {
        held.get(&record.claim.delivery).is_some_and(|held| !is_held(&held.delivery, record))
    };
    let stale: Vec<&AttemptRecord> = records.iter().filter(is_stale).collect();
    let ids: Vec<Uuid> = stale.iter().map(|record| uuid(record.claim.delivery.as_bytes())).collect();
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(HashMap::new()) };
    let started: Vec<i64> = stale.iter().map(|record| record.started_at.as_millis()).collect();
    let took: Vec<i64> = stale.iter().map(|record| millis(record.duration)).collect();
    let outcomes: Vec<&str> = stale.iter().map(|record| record.outcome.as_str()).collect();
    let noted = tx
        .all(NOTED, &[&ids, &started, &took, &outcomes, first, last], |row| {
            let delivery = id(row, 0, DeliveryId::from_bytes)?;
            let noted = Noted { delivery, started_at: row.try_get(2)?, took: row.try_get(3)? };
            Ok((noted, to_u32(row.try_get(1)?)))
        })
        .await?;
    Ok(noted.into_iter().collect())
}

/// What whoever recorded it before was not told.
fn moved_before(held: &Held, record: &AttemptRecord, number: u32) -> Recorded {
    let delivery = Box::new(held.delivery.clone());
    Recorded::Moved { delivery, number, webhook_disabled: record.gone.is_some() }
}

/// Notes that a claim ended without a result; the row of the history is to be written.
pub(super) fn lapse(tx: &Tx, held: &mut Held, now: Timestamp) -> Result<(DeliveryId, Attempt)> {
    let Held { store, delivery, .. } = held;
    let trigger = delivery.state.next_trigger(delivery.is_test, now);
    delivery.state = transition(&delivery.state, &Input::ClaimLapsed).map_err(impossible)?;
    let attempt = Attempt {
        number: delivery.state.last_number,
        trigger,
        // When it began, if it did, died with whoever held the claim.
        started_at: now,
        duration: Duration::ZERO,
        outcome: Outcome::Interrupted,
        status_code: None,
        error: Some(INTERRUPTED_TEXT.into()),
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        response_body: Vec::new(),
        response_truncated: false,
    };
    delivery.last_error.clone_from(&attempt.error);
    delivery.last_outcome = Some(attempt.outcome);
    delivery.last_duration = None;
    let error = delivery.last_error.clone();
    let failure = Failure { at: now, outcome: attempt.outcome, error, status_code: None };
    tx.tally().failure(store, delivery.id, delivery.webhook_id, failure);
    Ok((delivery.id, attempt))
}

/// The bounds tell the server which days to look at. LATERAL and LIMIT leave it no choice but to look each row up by its
/// id, in the order given: it keeps the plan of when the tables were empty, and that one walked over all rows between the
/// bounds and compared each with each.
pub(super) const HOLD: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    ", d.store_id FROM (SELECT store_id, id FROM unnest($1::text[], $2::uuid[]) \
       WITH ORDINALITY AS given (store_id, id, place) ORDER BY place OFFSET 0) n \
     CROSS JOIN LATERAL (SELECT 1 FROM stores WHERE id = n.store_id AND coalesce(deleted_at, 0) = 0 \
       AND standing IS DISTINCT FROM 'away' LIMIT 1) s \
     CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE store_id = n.store_id AND id = n.id \
       AND id BETWEEN $3 AND $4 LIMIT 1 FOR UPDATE) d \
     LEFT JOIN webhooks w ON w.id = d.webhook_id"
);

/// These deliveries as they stand, of stores that are there and have not left, held to the end of the transaction.
pub(super) async fn hold(tx: &Tx, wanted: &[(&StoreId, DeliveryId)]) -> Result<HashMap<DeliveryId, Held>> {
    // Everybody holds rows in the order of their ids, so that nobody waits for one another.
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable_by_key(|(_, id)| *id);
    wanted.dedup();
    let (Some((_, first)), Some((_, last))) = (wanted.first(), wanted.last()) else {
        return Ok(HashMap::new());
    };
    let stores: Vec<&str> = wanted.iter().map(|(store, _)| store.as_str()).collect();
    let ids: Vec<Uuid> = wanted.iter().map(|(_, id)| uuid(id.as_bytes())).collect();
    let bounds = (uuid(first.as_bytes()), uuid(last.as_bytes()));
    let found = tx
        .all(HOLD, &[&stores, &ids, &bounds.0, &bounds.1], |row| {
            let delivery = delivery(row)?;
            Ok((delivery.id, Held::new(store_id(row, DELIVERY_COLUMN_COUNT)?, delivery)))
        })
        .await?;
    Ok(found.into_iter().collect())
}

/// One delivery as it stands, held to the end; `None` where it or its store is not there.
pub(super) async fn hold_one(tx: &Tx, store: &StoreId, id: DeliveryId) -> Result<Option<Held>> {
    Ok(hold(tx, &[(store, id)]).await?.remove(&id))
}

/// A transition that the code around it has ruled out.
pub(super) fn impossible(refusal: Refusal) -> StoreError {
    StoreError::Corrupt(format!("the columns of a delivery contradict one another: {refusal}"))
}

fn history_row(record: &AttemptRecord, number: u32) -> Attempt {
    Attempt {
        number,
        trigger: record.trigger,
        started_at: record.started_at,
        duration: record.duration,
        outcome: record.outcome,
        status_code: record.status_code,
        error: record.error.clone(),
        request_headers: record.request_headers.clone(),
        response_headers: record.response_headers.clone(),
        response_body: record.response_body.clone(),
        response_truncated: record.response_truncated,
    }
}

/// The receiver wants no more. Answers whether that disabled the webhook, which may be so already.
async fn disable_gone(
    tx: &Tx,
    store: &StoreId,
    webhook: WebhookId,
    url: &str,
    now: Timestamp,
) -> Result<bool> {
    let disabled = tx
        .first(
            "UPDATE webhooks SET enabled = FALSE, disabled_reason = $3, updated_at = $4 \
             WHERE id = $1 AND store_id = $2 AND url = $5 AND enabled AND deleted_at IS NULL RETURNING id",
            &[
                &uuid(webhook.as_bytes()),
                &store.as_str(),
                &Reason::WebhookGone.as_str(),
                &now.as_millis(),
                &url,
            ],
            only::<Uuid>,
        )
        .await?;
    if disabled.is_none() {
        return Ok(false);
    }
    tx.bump_config(store).await?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "enabled": true })),
            to: Some(json!({ "enabled": false, "disabled_reason": Reason::WebhookGone.as_str() })),
            ..Change::new(AuditAction::WebhookDisabledByReceiver, Some(store), webhook, &Actor::System, now)
        },
    )
    .await?;
    skip_some(tx, webhook, Skip::Disabled(Reason::WebhookGone), SKIP_BATCH).await?;
    Ok(true)
}
