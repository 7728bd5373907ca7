//! Writing what came in: events, their deliveries and the idempotency key.

use bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME;
use bocau_domain::{Reason, Timestamp};
use rusqlite::params;

use super::rows::first;
use super::tx::Tx;
use crate::journal::{Appended, IdempotencyKey, NewDelivery, NewEvent, Submission};
use crate::{Result, key_results};

/// About how much the submissions write.
pub(super) fn bytes_of(submissions: &[Submission]) -> usize {
    submissions.iter().flat_map(|submission| &submission.events).map(|event| event.payload.len()).sum()
}

/// Writes one submission whole, or says why not.
///
/// The key is looked at before the version: who repeats a request hears what the first one made, whatever
/// was configured since.
pub(super) fn append(tx: &Tx<'_>, submission: &Submission) -> Result<Appended> {
    let Some(config_version) = tx.config_version(&submission.store)? else {
        return Ok(Appended::NoStore);
    };
    if let Some(idempotency) = &submission.idempotency
        && let Some(known) = look_up_key(tx, submission, idempotency)?
    {
        return Ok(known);
    }
    if config_version != submission.config_version {
        return Ok(Appended::Stale);
    }
    for event in &submission.events {
        insert_event(tx, submission, event)?;
        for delivery in &event.deliveries {
            insert_delivery(tx, submission, event, delivery)?;
        }
    }
    if let Some(idempotency) = &submission.idempotency {
        keep_key(tx, submission, idempotency)?;
    }
    Ok(Appended::Accepted)
}

fn insert_event(tx: &Tx<'_>, submission: &Submission, event: &NewEvent) -> Result<()> {
    tx.execute_again(
        "INSERT INTO events (id, store_id, event_type, object_id, occurred_at, created_at, is_test, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            event.id.as_bytes(),
            submission.store.as_str(),
            event.event_type.as_str(),
            event.object_id.as_str(),
            event.occurred_at.map(Timestamp::as_millis),
            submission.now.as_millis(),
            event.is_test,
            &event.payload[..],
        ],
    )?;
    tx.tally().event(&submission.store, event.id);
    Ok(())
}

fn insert_delivery(
    tx: &Tx<'_>,
    submission: &Submission,
    event: &NewEvent,
    delivery: &NewDelivery,
) -> Result<()> {
    let state = &delivery.state;
    tx.execute_again(
        "INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, created_at, \
         status, reason, next_attempt_at, resend_at, claim, claimed_until, auto_attempts, interruptions, \
         last_number, attempts, responses, last_status_code, due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        params![
            submission.store.as_str(),
            delivery.id.as_bytes(),
            event.id.as_bytes(),
            delivery.webhook_id.as_ref().map(|id| *id.as_bytes()),
            event.event_type.as_str(),
            event.object_id.as_str(),
            event.is_test,
            submission.now.as_millis(),
            state.status.as_str(),
            state.reason.map(Reason::as_str),
            state.next_attempt_at.map(Timestamp::as_millis),
            state.resend_at.map(Timestamp::as_millis),
            state.claim,
            state.claimed_until.map(Timestamp::as_millis),
            state.auto_attempts,
            state.interruptions,
            state.last_number,
            state.attempts,
            state.responses,
            state.last_status_code,
            state.due_at().map(Timestamp::as_millis),
        ],
    )?;
    tx.tally().made(&submission.store, delivery.id, delivery.webhook_id, state.status);
    Ok(())
}

/// What the key says about this submission; `None` where it is free or its time is over.
fn look_up_key(
    tx: &Tx<'_>,
    submission: &Submission,
    idempotency: &IdempotencyKey,
) -> Result<Option<Appended>> {
    let known = first(
        tx.connection,
        "SELECT body_hash, results FROM idempotency_keys WHERE store_id = ?1 AND key = ?2 AND expires_at > ?3",
        params![submission.store.as_str(), idempotency.key, submission.now.as_millis()],
        |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?)),
    )?;
    match known {
        None => Ok(None),
        Some((hash, _)) if hash != idempotency.body_hash => Ok(Some(Appended::KeyReused)),
        Some((_, results)) => Ok(Some(Appended::Duplicate(key_results::read(&results)?))),
    }
}

/// Keeps the key with what its request made, in place of one whose time is over.
fn keep_key(tx: &Tx<'_>, submission: &Submission, idempotency: &IdempotencyKey) -> Result<()> {
    let expires_at = submission.now + IDEMPOTENCY_KEY_LIFETIME;
    tx.execute(
        "INSERT INTO idempotency_keys (store_id, key, body_hash, expires_at, results) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (store_id, key) DO UPDATE SET \
         body_hash = excluded.body_hash, expires_at = excluded.expires_at, results = excluded.results",
        params![
            submission.store.as_str(),
            idempotency.key,
            idempotency.body_hash,
            expires_at.as_millis(),
            key_results::write(&submission.events),
        ],
    )?;
    Ok(())
}
