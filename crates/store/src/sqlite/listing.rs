//! Looking up events, deliveries and histories. What lies under another store, or one being deleted, is not
//! there.

use bocau_domain::{Attempt, Delivery, DeliveryId, Event, EventId, StoreId, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};

use super::query::{Query, Walk};
use super::rows::{
    all, attempt, delivery, delivery_columns, event_id, event_type, first, from_count, object_id, store_id,
    time, time_or_none,
};
use super::{results, stores};
use crate::listing::{DeliveryFilter, Page};
use crate::{ATTEMPTS_SHOWN_MAX, Result};

pub(super) fn find_event(connection: &Connection, store: &StoreId, id: EventId) -> Result<Option<Event>> {
    if !stores::is_there(connection, store)? {
        return Ok(None);
    }
    first(
        connection,
        "SELECT id, store_id, event_type, object_id, occurred_at, created_at, payload FROM events \
             WHERE id = ?1 AND store_id = ?2",
        params![id.as_bytes(), store.as_str()],
        event,
    )
}

fn event(row: &Row<'_>) -> Result<Event> {
    Ok(Event {
        id: event_id(row, 0)?,
        store: store_id(row, 1)?,
        event_type: event_type(row, 2)?,
        object_id: object_id(row, 3)?,
        occurred_at: time_or_none(row, 4)?,
        created_at: time(row, 5)?,
        payload: row.get(6)?,
    })
}

/// A delivery's id is of its event's millisecond, so they lie close together and need no index of their own.
pub(super) fn deliveries_of_event(
    connection: &Connection,
    store: &StoreId,
    id: EventId,
) -> Result<Vec<Delivery>> {
    if !stores::is_there(connection, store)? {
        return Ok(Vec::new());
    }
    let from = DeliveryId::first_of(id.made_at());
    let to = DeliveryId::first_of(Timestamp::from_millis(id.made_at().as_millis() + 1));
    all(
        connection,
        concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries d LEFT JOIN webhooks w ON w.id = d.webhook_id \
             WHERE d.store_id = ?1 AND d.id >= ?2 AND d.id < ?3 AND d.event_id = ?4 ORDER BY d.id"
        ),
        params![store.as_str(), from.as_bytes(), to.as_bytes(), id.as_bytes()],
        delivery,
    )
}

pub(super) fn find_delivery(
    connection: &Connection,
    store: &StoreId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    if stores::is_there(connection, store)? { results::find(connection, store, id) } else { Ok(None) }
}

pub(super) fn attempts(connection: &Connection, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>> {
    if find_delivery(connection, store, id)?.is_none() {
        return Ok(Vec::new());
    }
    all(
        connection,
        "SELECT number, trigger, started_at, duration_ms, outcome, status_code, error, request_headers, \
             response_headers, response_truncated, response_body FROM (\
             SELECT * FROM attempts WHERE delivery_id = ?1 ORDER BY number DESC LIMIT ?2) ORDER BY number",
        params![id.as_bytes(), from_count(ATTEMPTS_SHOWN_MAX)],
        attempt,
    )
}

pub(super) fn list_deliveries(
    connection: &Connection,
    store: &StoreId,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<Delivery>> {
    if !stores::is_there(connection, store)? {
        return Ok(Vec::new());
    }
    let Query { sql, values } = Query::of(store, filter, Walk::Page(page))?;
    all(connection, &sql, params_from_iter(values), delivery)
}
