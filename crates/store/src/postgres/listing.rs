//! Looking up events, deliveries and histories. What lies under another store, or one being deleted, is not
//! there.

use bocau_domain::{Attempt, Delivery, DeliveryId, Event, EventId, StoreId, Timestamp};
use tokio_postgres::Row;

use super::query::{Query, Walk};
use super::rows::{
    attempt, delivery, delivery_columns, event_type, from_count, id, object_id, store_id, time, time_or_none,
    uuid,
};
use super::stores;
use super::tx::{Connection, Result};
use crate::ATTEMPTS_SHOWN_MAX;
use crate::listing::{DeliveryFilter, Page};

pub(super) async fn find_event(
    connection: &Connection,
    store: &StoreId,
    id: EventId,
) -> Result<Option<Event>> {
    if !stores::is_there(connection, store).await? {
        return Ok(None);
    }
    connection
        .first(
            "SELECT id, store_id, event_type, object_id, occurred_at, created_at, payload FROM events \
             WHERE id = $1 AND store_id = $2",
            &[&uuid(id.as_bytes()), &store.as_str()],
            event,
        )
        .await
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        id: id(row, 0, EventId::from_bytes)?,
        store: store_id(row, 1)?,
        event_type: event_type(row, 2)?,
        object_id: object_id(row, 3)?,
        occurred_at: time_or_none(row, 4)?,
        created_at: time(row, 5)?,
        payload: row.try_get(6)?,
    })
}

/// A delivery's id is of its event's millisecond, so they lie close together and need no index of their own.
pub(super) async fn deliveries_of_event(
    connection: &Connection,
    store: &StoreId,
    id: EventId,
) -> Result<Vec<Delivery>> {
    if !stores::is_there(connection, store).await? {
        return Ok(Vec::new());
    }
    let from = DeliveryId::first_of(id.made_at());
    let to = DeliveryId::first_of(Timestamp::from_millis(id.made_at().as_millis() + 1));
    connection
        .all(
            concat!(
                "SELECT ",
                delivery_columns!(),
                " FROM deliveries d LEFT JOIN webhooks w ON w.id = d.webhook_id \
                 WHERE d.store_id = $1 AND d.id >= $2 AND d.id < $3 AND d.event_id = $4 ORDER BY d.id"
            ),
            &[&store.as_str(), &uuid(from.as_bytes()), &uuid(to.as_bytes()), &uuid(id.as_bytes())],
            delivery,
        )
        .await
}

pub(super) async fn find_delivery(
    connection: &Connection,
    store: &StoreId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    if !stores::is_there(connection, store).await? {
        return Ok(None);
    }
    connection
        .first(
            concat!(
                "SELECT ",
                delivery_columns!(),
                " FROM deliveries d LEFT JOIN webhooks w ON w.id = d.webhook_id WHERE d.store_id = $1 AND d.id = $2"
            ),
            &[&store.as_str(), &uuid(id.as_bytes())],
            delivery,
        )
        .await
}

pub(super) async fn attempts(
    connection: &Connection,
    store: &StoreId,
    id: DeliveryId,
) -> Result<Vec<Attempt>> {
    if find_delivery(connection, store, id).await?.is_none() {
        return Ok(Vec::new());
    }
    connection
        .all(
            "SELECT number, trigger, started_at, duration_ms, outcome, status_code, error, request_headers, \
             response_headers, response_truncated, response_body FROM (\
             SELECT * FROM attempts WHERE delivery_id = $1 ORDER BY number DESC LIMIT $2) AS last ORDER BY number",
            &[&uuid(id.as_bytes()), &from_count(ATTEMPTS_SHOWN_MAX)],
            attempt,
        )
        .await
}

pub(super) async fn list_deliveries(
    connection: &Connection,
    store: &StoreId,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<Delivery>> {
    if !stores::is_there(connection, store).await? {
        return Ok(Vec::new());
    }
    Query::of(store, filter, Walk::Page(page)).all(connection, delivery).await
}
