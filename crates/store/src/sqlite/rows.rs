//! Rows to domain types and back. A row that does not read is [`StoreError::Corrupt`].

use std::time::Duration;

use bocau_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, EventId, EventType, ObjectId, Outcome, Reason, Status,
    StoreId, Timestamp, Trigger, WebhookId,
};
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Params, Row, Statement, params};

use super::tx::Tx;
use crate::{Result, StoreError};

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

/// Every row that a query answers.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row that a query answers.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    first_of(&mut *connection.prepare_cached(sql)?, params, read)
}

/// The first row that a prepared query answers.
pub(super) fn first_of<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// The only column of a row.
pub(super) fn only<T: FromSql>(row: &Row<'_>) -> Result<T> {
    Ok(row.get(0)?)
}

pub(super) fn unreadable(what: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("{value:?} is no {what}"))
}

/// Milliseconds and versions are never negative; `SQLite` has no unsigned integers.
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

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(super) fn time_or_none(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn duration(row: &Row<'_>, column: usize) -> Result<Duration> {
    Ok(Duration::from_millis(to_u64(row.get(column)?)))
}

/// A column whose text is read by `parse`.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    parse(text).ok_or_else(|| unreadable(what, text))
}

pub(super) fn word_or_none<T>(
    row: &Row<'_>,
    column: usize,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    text.map(|text| parse(text).ok_or_else(|| unreadable(what, text))).transpose()
}

/// A column that may be empty, read by `read` where it is not.
pub(super) fn some<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&Row<'_>, usize) -> Result<T>,
) -> Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => read(row, column).map(Some),
    }
}

pub(super) fn store_id(row: &Row<'_>, column: usize) -> Result<StoreId> {
    word(row, column, "store id", |text| text.parse().ok())
}

pub(super) fn event_type(row: &Row<'_>, column: usize) -> Result<EventType> {
    word(row, column, "event type", |text| text.parse().ok())
}

pub(super) fn object_id(row: &Row<'_>, column: usize) -> Result<ObjectId> {
    word(row, column, "object id", |text| text.parse().ok())
}

pub(super) fn delivery_id(row: &Row<'_>, column: usize) -> Result<DeliveryId> {
    Ok(DeliveryId::from_bytes(row.get(column)?))
}

pub(super) fn event_id(row: &Row<'_>, column: usize) -> Result<EventId> {
    Ok(EventId::from_bytes(row.get(column)?))
}

/// Reads [`delivery_columns`].
pub(super) fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: delivery_id(row, 0)?,
        event_id: event_id(row, 1)?,
        webhook_id: row.get::<_, Option<[u8; 16]>>(2)?.map(WebhookId::from_bytes),
        url: row.get(3)?,
        event_type: event_type(row, 4)?,
        object_id: object_id(row, 5)?,
        is_test: row.get(6)?,
        created_at: time(row, 7)?,
        last_error: row.get(8)?,
        last_outcome: word_or_none(row, 9, "outcome", Outcome::parse)?,
        last_duration: some(row, 10, duration)?,
        state: state(row)?,
    })
}

fn state(row: &Row<'_>) -> Result<DeliveryState> {
    let first = FIRST_OF_STATE;
    Ok(DeliveryState {
        status: word(row, first, "status", Status::parse)?,
        reason: word_or_none(row, first + 1, "reason", Reason::parse)?,
        next_attempt_at: time_or_none(row, first + 2)?,
        resend_at: time_or_none(row, first + 3)?,
        claim: row.get(first + 4)?,
        claimed_until: time_or_none(row, first + 5)?,
        auto_attempts: row.get(first + 6)?,
        interruptions: row.get(first + 7)?,
        last_number: row.get(first + 8)?,
        attempts: row.get(first + 9)?,
        responses: row.get(first + 10)?,
        last_status_code: row.get(first + 11)?,
    })
}

/// Writes the state of a delivery that is there, and how its last attempt ended; it was in `was` before.
pub(super) fn update_state(tx: &Tx<'_>, store: &StoreId, was: Status, delivery: &Delivery) -> Result<()> {
    let state = &delivery.state;
    tx.execute_again(
        "UPDATE deliveries SET status = ?3, reason = ?4, next_attempt_at = ?5, resend_at = ?6, claim = ?7, \
         claimed_until = ?8, auto_attempts = ?9, interruptions = ?10, last_number = ?11, attempts = ?12, \
         responses = ?13, last_status_code = ?14, due_at = ?15, last_error = ?16, last_outcome = ?17, \
         last_duration_ms = ?18 WHERE store_id = ?1 AND id = ?2",
        params![
            store.as_str(),
            delivery.id.as_bytes(),
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
            delivery.last_error,
            delivery.last_outcome.map(Outcome::as_str),
            delivery.last_duration.map(millis),
        ],
    )?;
    tx.tally().moved(store, delivery.id, delivery.webhook_id, (was, state.status));
    Ok(())
}

/// A row of the history that is to be written.
pub(super) struct NewAttempt<'a> {
    pub(super) number: u32,
    pub(super) trigger: Trigger,
    pub(super) started_at: Timestamp,
    pub(super) duration: Duration,
    pub(super) outcome: Outcome,
    pub(super) status_code: Option<u16>,
    pub(super) error: Option<&'a str>,
    pub(super) request_headers: &'a [(String, String)],
    pub(super) response_headers: &'a [(String, String)],
    pub(super) response_body: &'a [u8],
    pub(super) response_truncated: bool,
}

pub(super) fn insert_attempt(tx: &Tx<'_>, delivery: DeliveryId, attempt: &NewAttempt<'_>) -> Result<()> {
    tx.execute_again(
        "INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, error, \
         request_headers, response_headers, response_truncated, response_body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            delivery.as_bytes(),
            attempt.number,
            attempt.trigger.as_str(),
            attempt.started_at.as_millis(),
            millis(attempt.duration),
            attempt.outcome.as_str(),
            attempt.status_code,
            attempt.error,
            headers_text(attempt.request_headers)?,
            headers_text(attempt.response_headers)?,
            attempt.response_truncated,
            attempt.response_body,
        ],
    )?;
    Ok(())
}

/// Reads `number, trigger, started_at, duration_ms, outcome, status_code, error, request_headers,
/// response_headers, response_truncated, response_body`.
pub(super) fn attempt(row: &Row<'_>) -> Result<Attempt> {
    let headers = |text: &str| serde_json::from_str(text).ok();
    Ok(Attempt {
        number: row.get(0)?,
        trigger: word(row, 1, "trigger", Trigger::parse)?,
        started_at: time(row, 2)?,
        duration: duration(row, 3)?,
        outcome: word(row, 4, "outcome", Outcome::parse)?,
        status_code: row.get(5)?,
        error: row.get(6)?,
        request_headers: word(row, 7, "list of headers", headers)?,
        response_headers: word(row, 8, "list of headers", headers)?,
        response_truncated: row.get(9)?,
        response_body: row.get(10)?,
    })
}

fn headers_text(headers: &[(String, String)]) -> Result<String> {
    json_text(headers)
}

/// A list as JSON text.
pub(super) fn json_text<T: serde::Serialize + ?Sized>(list: &T) -> Result<String> {
    serde_json::to_string(list).map_err(|error| StoreError::Refused(format!("no JSON: {error}")))
}
