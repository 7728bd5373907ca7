//! Rows to domain types and back. A row that does not read is [`StoreError::Corrupt`].

use std::time::Duration;

use bocau_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, EventId, EventType, ObjectId, Outcome, Reason, Status,
    StoreId, Timestamp, Trigger, WebhookId,
};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;
use uuid::Uuid;

use super::errors::Failed;
use super::tx::{Result, Tx};
use crate::StoreError;

/// The columns of a [`Delivery`] of `deliveries d LEFT JOIN webhooks w`, for [`delivery`].
macro_rules! delivery_columns {
    () => {
        "d.id, d.event_id, d.webhook_id, w.url, d.event_type, d.object_id, d.is_test, d.created_at, d.last_error, \
         d.last_outcome, d.last_duration_ms, d.status, d.reason, d.next_attempt_at, d.resend_at, d.claim, d.claimed_until, d.auto_attempts, \
         d.interruptions, d.last_number, d.attempts, d.responses, d.last_status_code"
    };
}
pub(super) use delivery_columns;

/// Where the columns of the state begin among [`delivery_columns`].
const FIRST_OF_STATE: usize = 11;
/// How many columns [`delivery_columns`] are.
pub(super) const DELIVERY_COLUMN_COUNT: usize = 23;

/// The only column of a row.
pub(super) fn only<T: FromSqlOwned>(row: &Row) -> Result<T> {
    Ok(row.try_get(0)?)
}

pub(super) fn unreadable(what: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("{value:?} is no {what}"))
}

/// Milliseconds and versions are never negative; SQL has no unsigned integers.
pub(super) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn from_u64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn from_count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counts of a delivery, which stay far below the limit of their column.
pub(super) fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn to_u32(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

pub(super) fn time_or_none(row: &Row, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A column whose text is read by `parse`.
pub(super) fn word<T>(
    row: &Row,
    column: usize,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    let text: &str = row.try_get(column)?;
    Ok(parse(text).ok_or_else(|| unreadable(what, text))?)
}

pub(super) fn word_or_none<T>(
    row: &Row,
    column: usize,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    Ok(text.map(|text| parse(text).ok_or_else(|| unreadable(what, text))).transpose()?)
}

/// A column that holds an id.
pub(super) fn id<T>(row: &Row, column: usize, from_bytes: impl FnOnce([u8; 16]) -> T) -> Result<T> {
    Ok(from_bytes(row.try_get::<_, Uuid>(column)?.into_bytes()))
}

pub(super) fn id_or_none<T>(
    row: &Row,
    column: usize,
    from_bytes: impl FnOnce([u8; 16]) -> T,
) -> Result<Option<T>> {
    Ok(row.try_get::<_, Option<Uuid>>(column)?.map(|id| from_bytes(id.into_bytes())))
}

pub(super) fn status_code(row: &Row, column: usize) -> Result<Option<u16>> {
    Ok(row.try_get::<_, Option<i32>>(column)?.and_then(|code| u16::try_from(code).ok()))
}

pub(super) fn store_id(row: &Row, column: usize) -> Result<StoreId> {
    word(row, column, "store id", |text| text.parse().ok())
}

pub(super) fn event_type(row: &Row, column: usize) -> Result<EventType> {
    word(row, column, "event type", |text| text.parse().ok())
}

pub(super) fn object_id(row: &Row, column: usize) -> Result<ObjectId> {
    word(row, column, "object id", |text| text.parse().ok())
}

/// Reads [`delivery_columns`].
pub(super) fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: id(row, 0, DeliveryId::from_bytes)?,
        event_id: id(row, 1, EventId::from_bytes)?,
        webhook_id: id_or_none(row, 2, WebhookId::from_bytes)?,
        url: row.try_get(3)?,
        event_type: event_type(row, 4)?,
        object_id: object_id(row, 5)?,
        is_test: row.try_get(6)?,
        created_at: time(row, 7)?,
        last_error: row.try_get(8)?,
        last_outcome: word_or_none(row, 9, "outcome", Outcome::parse)?,
        last_duration: row.try_get::<_, Option<i64>>(10)?.map(|ms| Duration::from_millis(to_u64(ms))),
        state: state(row)?,
    })
}

fn state(row: &Row) -> Result<DeliveryState> {
    let first = FIRST_OF_STATE;
    let count = |place: usize| -> Result<u32> { Ok(to_u32(row.try_get(first + place)?)) };
    let claim: i64 = row.try_get(first + 4)?;
    Ok(DeliveryState {
        status: word(row, first, "status", Status::parse)?,
        reason: word_or_none(row, first + 1, "reason", Reason::parse)?,
        next_attempt_at: time_or_none(row, first + 2)?,
        resend_at: time_or_none(row, first + 3)?,
        claim: u32::try_from(claim).map_err(|_| unreadable("number of a claim", &claim.to_string()))?,
        claimed_until: time_or_none(row, first + 5)?,
        auto_attempts: count(6)?,
        interruptions: count(7)?,
        last_number: count(8)?,
        attempts: count(9)?,
        responses: count(10)?,
        last_status_code: status_code(row, first + 11)?,
    })
}

/// A delivery that has changed, of its store, and the state it was in before.
pub(super) struct Changed<'a> {
    pub(super) store: &'a StoreId,
    pub(super) was: Status,
    pub(super) delivery: &'a Delivery,
}

/// Writes the states of deliveries that are there, and what went wrong last: in one statement, however many.
pub(super) async fn update_states(tx: &Tx, changed: &[Changed<'_>]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        (|$each:ident| $value:expr) => {
            changed.iter().map(|$each| $value).collect::<Vec<_>>()
        };
    }
    let moment = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
    let updated = tx.execute(
        "UPDATE deliveries d SET status = n.status, reason = n.reason, next_attempt_at = n.next_attempt_at, \
         resend_at = n.resend_at, claim = n.claim, claimed_until = n.claimed_until, auto_attempts = n.auto_attempts, \
         interruptions = n.interruptions, last_number = n.last_number, attempts = n.attempts, \
         responses = n.responses, last_status_code = n.last_status_code, due_at = n.due_at, \
         last_error = n.last_error, last_outcome = n.last_outcome, last_duration_ms = n.last_duration_ms \
         FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], \
         $8::bigint[], $9::int[], $10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::bigint[], \
         $16::text[], $17::text[], $18::bigint[]) \
         AS n (store_id, id, status, reason, next_attempt_at, resend_at, claim, claimed_until, auto_attempts, \
         interruptions, last_number, attempts, responses, last_status_code, due_at, last_error, \
         last_outcome, last_duration_ms) \
         WHERE d.store_id = n.store_id AND d.id = n.id",
        &[
            &column!(|each| each.store.as_str()),
            &column!(|each| uuid(each.delivery.id.as_bytes())),
            &column!(|each| each.delivery.state.status.as_str()),
            &column!(|each| each.delivery.state.reason.map(Reason::as_str)),
            &column!(|each| moment(each.delivery.state.next_attempt_at)),
            &column!(|each| moment(each.delivery.state.resend_at)),
            &column!(|each| i64::from(each.delivery.state.claim)),
            &column!(|each| moment(each.delivery.state.claimed_until)),
            &column!(|each| to_i32(each.delivery.state.auto_attempts)),
            &column!(|each| to_i32(each.delivery.state.interruptions)),
            &column!(|each| to_i32(each.delivery.state.last_number)),
            &column!(|each| to_i32(each.delivery.state.attempts)),
            &column!(|each| to_i32(each.delivery.state.responses)),
            &column!(|each| each.delivery.state.last_status_code.map(i32::from)),
            &column!(|each| moment(each.delivery.state.due_at())),
            &column!(|each| each.delivery.last_error.as_deref().map(without_nul)),
            &column!(|each| each.delivery.last_outcome.map(Outcome::as_str)),
            &column!(|each| each.delivery.last_duration.map(millis)),
        ],
    )
    .await?;
    if updated != changed.len() {
        // Their day was taken off between looking and writing.
        return Err(Failed::Conflict("deliveries went while they were written".into()));
    }
    let mut tally = tx.tally();
    for Changed { store, was, delivery } in changed {
        tally.moved(store, delivery.id, delivery.webhook_id, (*was, delivery.state.status));
    }
    Ok(())
}

/// Writes rows of the history: in one statement, however many.
pub(super) async fn insert_attempts(tx: &Tx, attempts: &[(DeliveryId, Attempt)]) -> Result<()> {
    if attempts.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        (|$delivery:pat_param, $each:pat_param| $value:expr) => {
            attempts.iter().map(|($delivery, $each)| $value).collect::<Vec<_>>()
        };
    }
    let headers = |of: fn(&Attempt) -> &[(String, String)]| {
        attempts.iter().map(|(_, attempt)| json_text(of(attempt))).collect::<Result<Vec<String>>>()
    };
    tx.execute(
        "INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, error, \
         request_headers, response_headers, response_truncated, response_body) \
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], \
         $7::int[], $8::text[], $9::text[], $10::text[], $11::bool[], $12::bytea[])",
        &[
            &column!(|delivery, _| uuid(delivery.as_bytes())),
            &column!(|_, attempt| to_i32(attempt.number)),
            &column!(|_, attempt| attempt.trigger.as_str()),
            &column!(|_, attempt| attempt.started_at.as_millis()),
            &column!(|_, attempt| millis(attempt.duration)),
            &column!(|_, attempt| attempt.outcome.as_str()),
            &column!(|_, attempt| attempt.status_code.map(i32::from)),
            &column!(|_, attempt| attempt.error.as_deref().map(without_nul)),
            &headers(|attempt| &attempt.request_headers)?,
            &headers(|attempt| &attempt.response_headers)?,
            &column!(|_, attempt| attempt.response_truncated),
            &column!(|_, attempt| attempt.response_body.as_slice()),
        ],
    )
    .await
    .map(drop)
}

/// Reads `number, trigger, started_at, duration_ms, outcome, status_code, error, request_headers,
/// response_headers, response_truncated, response_body`.
pub(super) fn attempt(row: &Row) -> Result<Attempt> {
    let headers = |text: &str| serde_json::from_str(text).ok();
    Ok(Attempt {
        number: to_u32(row.try_get(0)?),
        trigger: word(row, 1, "trigger", Trigger::parse)?,
        started_at: time(row, 2)?,
        duration: Duration::from_millis(to_u64(row.try_get(3)?)),
        outcome: word(row, 4, "outcome", Outcome::parse)?,
        status_code: status_code(row, 5)?,
        error: row.try_get(6)?,
        request_headers: word(row, 7, "list of headers", headers)?,
        response_headers: word(row, 8, "list of headers", headers)?,
        response_truncated: row.try_get(9)?,
        response_body: row.try_get(10)?,
    })
}

/// A list as JSON text.
pub(super) fn json_text<T: serde::Serialize + ?Sized>(list: &T) -> Result<String> {
    Ok(serde_json::to_string(list).map_err(|error| StoreError::Refused(format!("no JSON: {error}")))?)
}

/// `PostgreSQL`'s texts hold every character but this one.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
