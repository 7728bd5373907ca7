//! Looking up events, deliveries and histories. What lies under another store, or one being deleted, is not
//! there.

use std::fmt::Write as _;

use bocau_domain::{Attempt, Delivery, DeliveryId, Event, EventId, EventType, Status, StoreId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::rows::{
    all, attempt, delivery, delivery_columns, event_id, event_type, first, from_count, json_text, object_id,
    store_id, time, time_or_none,
};
use super::{results, stores};
use crate::Result;
use crate::listing::{DeliveryFilter, Page};

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
             response_headers, response_truncated, response_body FROM attempts WHERE delivery_id = ?1 \
             ORDER BY number",
        [id.as_bytes()],
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
    let Query { sql, values } = Query::of(store, filter, page)?;
    all(connection, &sql, params_from_iter(values), delivery)
}

/// A statement that is put together from the filters in use; there are few of them, so the prepared ones
/// are kept like all others.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn of(store: &StoreId, filter: &DeliveryFilter, page: Page) -> Result<Self> {
        let mut query =
            Self { sql: concat!("SELECT ", delivery_columns!(), " FROM ").into(), values: Vec::new() };
        let is_walk_over_waiting = filter.status == Some(Status::Pending) && filter.object_id.is_none();
        if is_walk_over_waiting {
            query.push_waiting(store, filter, page);
        } else {
            query.sql.push_str(source(filter));
        }
        query.sql.push_str(" LEFT JOIN webhooks w ON w.id = d.webhook_id WHERE d.store_id = ");
        query.bind(store.as_str().to_owned());
        query.push_bounds("d.id", filter, page);
        if let Some(types) = &filter.types {
            query.sql.push_str(" AND d.event_type IN (SELECT value FROM json_each(");
            query.bind(json_text(&types.iter().map(EventType::as_str).collect::<Vec<_>>())?);
            query.sql.push_str("))");
        }
        if let Some(object) = &filter.object_id {
            query.sql.push_str(" AND d.object_id = ");
            query.bind(object.as_str().to_owned());
        }
        if let Some(webhook) = filter.webhook_id {
            query.sql.push_str(" AND d.webhook_id = ");
            query.bind(webhook.as_bytes().to_vec());
        }
        if let Some(status) = filter.status {
            // As a literal: the planner must see that the partial index has this status.
            let _ = write!(query.sql, " AND d.status = '{}'", status.as_str());
            if is_indexed(status) {
                query.sql.push_str(" AND d.status IN ('retrying', 'failed', 'skipped')");
            }
        }
        query.sql.push_str(" ORDER BY d.id DESC LIMIT ");
        query.bind(from_count(page.limit));
        Ok(query)
    }

    /// What is not tried yet is found among the unfinished, which are few beside all that ever was.
    fn push_waiting(&mut self, store: &StoreId, filter: &DeliveryFilter, page: Page) {
        self.sql.push_str(
            "(SELECT p.id AS waiting FROM deliveries p INDEXED BY deliveries_due \
             WHERE p.due_at IS NOT NULL AND p.status = 'pending' AND p.webhook_id ",
        );
        if let Some(webhook) = filter.webhook_id {
            self.sql.push_str("= ");
            self.bind(webhook.as_bytes().to_vec());
        } else {
            self.sql.push_str("IN (SELECT id FROM webhooks WHERE store_id = ");
            self.bind(store.as_str().to_owned());
            self.sql.push(')');
        }
        self.sql.push_str(" AND p.store_id = ");
        self.bind(store.as_str().to_owned());
        self.push_bounds("p.id", filter, page);
        self.sql.push_str(" ORDER BY p.id DESC");
        // The types stand in the rows only: with them, the first ids may not be the ones that are wanted.
        if filter.types.is_none() {
            self.sql.push_str(" LIMIT ");
            self.bind(from_count(page.limit));
        }
        self.sql.push_str(") CROSS JOIN deliveries d ON d.id = waiting");
    }

    /// The times of the filter are bounds of the id, which begins with its millisecond.
    fn push_bounds(&mut self, column: &str, filter: &DeliveryFilter, page: Page) {
        let to = filter.to.map(DeliveryId::first_of);
        let bounds = [("<", page.after), ("<", to), (">=", filter.from.map(DeliveryId::first_of))];
        for (comparison, bound) in bounds {
            if let Some(bound) = bound {
                let _ = write!(self.sql, " AND {column} {comparison} ");
                self.bind(bound.as_bytes().to_vec());
            }
        }
    }

    fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        let _ = write!(self.sql, "?{}", self.values.len());
    }
}

/// The tree in which the fewest rows that are not wanted stand between those that are.
fn source(filter: &DeliveryFilter) -> &'static str {
    if filter.object_id.is_some() {
        "deliveries d INDEXED BY deliveries_object"
    } else if filter.status.is_some_and(is_indexed) {
        "deliveries d INDEXED BY deliveries_status"
    } else {
        "deliveries d NOT INDEXED"
    }
}

/// Whether `deliveries_status` has the deliveries of this status.
fn is_indexed(status: Status) -> bool {
    matches!(status, Status::Retrying | Status::Failed | Status::Skipped)
}

#[cfg(test)]
mod tests {
    use bocau_domain::WebhookId;

    use super::*;

    fn plan(filter: &DeliveryFilter, after: Option<DeliveryId>) -> String {
        let connection = Connection::open_in_memory().expect("opens");
        let schema = include_str!("../../migrations/sqlite/V1__first_schema.sql");
        connection.execute_batch(schema).expect("a schema");
        let store = "552".parse().expect("a store id");
        let Query { sql, values } = Query::of(&store, filter, Page { after, limit: 50 }).expect("a query");
        let read = |row: &Row<'_>| Ok(row.get::<_, String>(3)?);
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        all(&connection, &sql, params_from_iter(values), read).expect("a plan").join("; ")
    }

    /// A page costs what it shows, not what there is.
    #[test]
    fn a_page_is_a_walk_over_an_index_without_sorting() {
        let after = DeliveryId::first_of(Timestamp::from_millis(1));
        let none = DeliveryFilter::default;
        let object_id = Some("o".parse().expect("an object id"));
        for (filter, walk) in [
            (none(), "USING PRIMARY KEY (store_id=? AND id<?)"),
            (DeliveryFilter { types: Some(vec![]), ..none() }, "USING PRIMARY KEY (store_id=? AND id<?)"),
            (
                DeliveryFilter { object_id, ..none() },
                "deliveries_object (store_id=? AND object_id=? AND id<?)",
            ),
            (
                DeliveryFilter { status: Some(Status::Failed), ..none() },
                "deliveries_status (store_id=? AND status=? AND id<?)",
            ),
        ] {
            let plan = plan(&filter, Some(after));
            assert!(plan.contains(walk) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }

    #[test]
    fn what_is_pending_is_found_in_the_index_of_the_unfinished_alone() {
        let webhook_id = Some(WebhookId::from_bytes([1; 16]));
        for filter in [DeliveryFilter::default(), DeliveryFilter { webhook_id, ..DeliveryFilter::default() }]
        {
            let plan = plan(&DeliveryFilter { status: Some(Status::Pending), ..filter }, None);
            assert!(
                plan.contains("SEARCH p USING COVERING INDEX deliveries_due (webhook_id=? AND due_at>?)"),
                "{plan}"
            );
            assert!(plan.contains("SEARCH d USING PRIMARY KEY (store_id=? AND id=?)"), "{plan}");
        }
    }
}
