//! Writing how attempts ended: a row of the history, and the delivery's new state where the claim holds.

use std::time::Duration;

use bocau_domain::transition::AttemptEnd;
use bocau_domain::{
    Actor, AuditAction, Delivery, DeliveryId, Input, Outcome, Reason, Refusal, StoreId, Timestamp, WebhookId,
    transition,
};
use rusqlite::{Connection, params};
use serde_json::json;

use super::audit;
use super::rows::{
    NewAttempt, delivery, delivery_columns, first, insert_attempt, millis, only, update_state,
};
use super::skipping::{Skip, skip_some};
use super::tx::Tx;
use crate::change::Change;
use crate::results::{AttemptRecord, Recorded};
use crate::tally::Failure;
use crate::{Result, SKIP_BATCH, StoreError};

/// What the history says of an attempt whose end nobody knows.
const INTERRUPTED_TEXT: &str =
    "the server stopped before the end was recorded: it may or may not have been sent";

/// Records one attempt.
pub(super) fn record(tx: &Tx<'_>, record: &AttemptRecord) -> Result<Recorded> {
    let store = &record.claim.store;
    if tx.config_version(store)?.is_none() {
        return Ok(Recorded::Vanished);
    }
    let Some(mut delivery) = find_in(tx, store, record.claim.delivery)? else {
        return Ok(Recorded::Vanished);
    };
    let was = delivery.state.status;
    let holds = delivery.state.claim == record.claim.claim && delivery.state.claimed_until.is_some();
    if !holds && let Some(number) = noted_before(tx.connection, record)? {
        // What whoever recorded it before was not told.
        let webhook_disabled = record.gone.is_some();
        return Ok(Recorded::Moved { delivery: Box::new(delivery), number, webhook_disabled });
    }
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
    insert_attempt(tx, delivery.id, &history_row(record, number))?;
    if holds {
        delivery.last_error.clone_from(&record.error);
        delivery.last_outcome = Some(record.outcome);
        delivery.last_duration = Some(record.duration);
    }
    update_state(tx, store, was, &delivery)?;
    tx.tally().attempt(record);
    if !holds {
        return Ok(Recorded::Stale { number });
    }
    if record.outcome != Outcome::Success {
        let failure = Failure {
            at: record.ended_at(),
            outcome: record.outcome,
            error: record.error.clone(),
            status_code: record.status_code,
        };
        tx.tally().failure(store, delivery.id, delivery.webhook_id, failure);
    }
    let webhook_disabled = match (delivery.webhook_id, &record.gone) {
        (Some(webhook), Some(url)) => disable_gone(tx, store, webhook, url, record.ended_at())?,
        _ => false,
    };
    Ok(Recorded::Moved { delivery: Box::new(delivery), number, webhook_disabled })
}

/// The number that a result has in the history already.
fn noted_before(connection: &Connection, record: &AttemptRecord) -> Result<Option<u32>> {
    let sql = "SELECT number FROM attempts \
               WHERE delivery_id = ?1 AND started_at = ?2 AND duration_ms = ?3 AND outcome = ?4";
    let id = record.claim.delivery;
    let (started_at, took) = (record.started_at.as_millis(), millis(record.duration));
    first(connection, sql, params![id.as_bytes(), started_at, took, record.outcome.as_str()], only)
}

/// Records that a claim ended without a result. Answers the delivery as it then stands.
pub(super) fn lapse(
    tx: &Tx<'_>,
    store: &StoreId,
    mut delivery: Delivery,
    now: Timestamp,
) -> Result<Delivery> {
    let (was, trigger) = (delivery.state.status, delivery.state.next_trigger(delivery.is_test, now));
    delivery.state = transition(&delivery.state, &Input::ClaimLapsed).map_err(impossible)?;
    let attempt = NewAttempt {
        number: delivery.state.last_number,
        trigger,
        // When it began, if it did, died with whoever held the claim.
        started_at: now,
        duration: Duration::ZERO,
        outcome: Outcome::Interrupted,
        status_code: None,
        error: Some(INTERRUPTED_TEXT),
        request_headers: &[],
        response_headers: &[],
        response_body: &[],
        response_truncated: false,
    };
    insert_attempt(tx, delivery.id, &attempt)?;
    delivery.last_error = Some(INTERRUPTED_TEXT.into());
    delivery.last_outcome = Some(attempt.outcome);
    delivery.last_duration = None;
    update_state(tx, store, was, &delivery)?;
    let error = delivery.last_error.clone();
    let failure = Failure { at: now, outcome: attempt.outcome, error, status_code: None };
    tx.tally().failure(store, delivery.id, delivery.webhook_id, failure);
    Ok(delivery)
}

const FIND: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM deliveries d LEFT JOIN webhooks w ON w.id = d.webhook_id WHERE d.store_id = ?1 AND d.id = ?2"
);

/// One delivery as it stands, whether or not its store is being deleted.
pub(super) fn find(connection: &Connection, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
    first(connection, FIND, params![store.as_str(), id.as_bytes()], delivery)
}

/// The same within a transaction.
pub(super) fn find_in(tx: &Tx<'_>, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
    tx.first_again(FIND, params![store.as_str(), id.as_bytes()], delivery)
}

/// A transition that the code around it has ruled out.
pub(super) fn impossible(refusal: Refusal) -> StoreError {
    StoreError::Corrupt(format!("the columns of a delivery contradict one another: {refusal}"))
}

fn history_row(record: &AttemptRecord, number: u32) -> NewAttempt<'_> {
    NewAttempt {
        number,
        trigger: record.trigger,
        started_at: record.started_at,
        duration: record.duration,
        outcome: record.outcome,
        status_code: record.status_code,
        error: record.error.as_deref(),
        request_headers: &record.request_headers,
        response_headers: &record.response_headers,
        response_body: &record.response_body,
        response_truncated: record.response_truncated,
    }
}

/// The receiver wants no more. Answers whether that disabled the webhook, which may be so already.
fn disable_gone(tx: &Tx<'_>, store: &StoreId, webhook: WebhookId, url: &str, now: Timestamp) -> Result<bool> {
    let disabled = tx.execute(
        "UPDATE webhooks SET enabled = 0, disabled_reason = ?3, updated_at = ?4 \
         WHERE id = ?1 AND store_id = ?2 AND url = ?5 AND enabled = 1 AND deleted_at IS NULL",
        params![webhook.as_bytes(), store.as_str(), Reason::WebhookGone.as_str(), now.as_millis(), url],
    )?;
    if disabled == 0 {
        return Ok(false);
    }
    tx.bump_config(store)?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "enabled": true })),
            to: Some(json!({ "enabled": false, "disabled_reason": Reason::WebhookGone.as_str() })),
            ..Change::new(AuditAction::WebhookDisabledByReceiver, Some(store), webhook, &Actor::System, now)
        },
    )?;
    skip_some(tx, webhook, Skip::Disabled(Reason::WebhookGone), SKIP_BATCH)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::sqlite::connection;
    use crate::sqlite::migrate::migrate;

    /// It is run for every attempt; being prepared anew each time took a third of the writer's time.
    #[test]
    fn finding_a_delivery_is_prepared_once_whatever_its_id_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bocau.db");
        connection::create_file(&path).expect("made");
        let mut connection = connection::open_writer(&path).expect("opens");
        migrate(&mut connection).expect("a schema");
        let store = "552".parse().expect("a store id");
        for id in 0..10 {
            find(&connection, &store, DeliveryId::from_bytes([id; 16])).expect("runs");
        }
        let statement = connection.prepare_cached(FIND).expect("is kept");
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        assert_eq!(statement.get_status(StatementStatus::Run), 10);
    }
}
