//! The statements that walk over a store's deliveries, put together from the filters in use.
//!
//! They are planned for their values each time, and not kept: which index leads to a page soonest depends on how
//! many deliveries of that state, object, webhook or type there are, and that is what the server knows of its
//! tables. `SQLite`, which knows nothing, is told.

use std::fmt::Write as _;

use bocau_domain::{DeliveryId, EventType, Status, StoreId};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::rows::{delivery_columns, from_count, only, to_u64, uuid};
use super::tx::{Connection, Result};
use crate::listing::{DeliveryFilter, Page};

/// What a walk is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Walk {
    /// The rows of a page, newest first.
    Page(Page),
    /// How many there are, up to a number.
    Count {
        /// The number.
        cap: usize,
    },
    /// The ids of those that can be sent again, oldest first.
    Resendable {
        /// Those after this one.
        after: Option<DeliveryId>,
        /// This one is the last.
        up_to: DeliveryId,
        /// So many at most.
        limit: usize,
    },
    /// How many can be sent again.
    CountResendable {
        /// This one is the last.
        up_to: DeliveryId,
    },
}

impl Walk {
    fn select(self) -> &'static str {
        match self {
            Self::Page(_) => concat!("SELECT ", delivery_columns!(), " FROM deliveries d"),
            Self::Count { .. } => "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d",
            Self::Resendable { .. } => "SELECT d.id FROM deliveries d",
            Self::CountResendable { .. } => "SELECT COUNT(*) FROM deliveries d",
        }
    }

    /// Its order and how many rows it wants.
    fn end(self) -> (&'static str, Option<usize>) {
        match self {
            Self::Page(page) => (" DESC", Some(page.limit)),
            Self::Count { cap } => (" DESC", Some(cap)),
            Self::Resendable { limit, .. } => ("", Some(limit)),
            Self::CountResendable { .. } => ("", None),
        }
    }

    /// Its own bounds of the id.
    fn bounds(self) -> [(&'static str, Option<DeliveryId>); 2] {
        match self {
            Self::Page(page) => [("<", page.after), ("<=", None)],
            Self::Count { .. } => [("<", None), ("<=", None)],
            Self::Resendable { after, up_to, .. } => [(">", after), ("<=", Some(up_to))],
            Self::CountResendable { up_to } => [(">", None), ("<=", Some(up_to))],
        }
    }
}

/// A statement with its values.
pub(super) struct Query {
    sql: String,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Query {
    pub(super) fn of(store: &StoreId, filter: &DeliveryFilter, walk: Walk) -> Self {
        let mut query = Self { sql: walk.select().into(), values: Vec::new() };
        query.sql.push_str(match walk {
            Walk::Page(_) => " LEFT JOIN webhooks w ON w.id = d.webhook_id",
            Walk::Count { .. } => "",
            _ => " JOIN webhooks w ON w.id = d.webhook_id AND w.deleted_at IS NULL",
        });
        query.sql.push_str(" WHERE d.store_id = ");
        query.bind_text(store.as_str());
        query.push_bounds(filter, walk);
        query.push_filter(store, filter);
        let (order, limit) = walk.end();
        if let Some(limit) = limit {
            let _ = write!(query.sql, " ORDER BY d.id{order} LIMIT ");
            query.bind(from_count(limit), Type::INT8);
        }
        if matches!(walk, Walk::Count { .. }) {
            query.sql.push_str(") AS found");
        }
        query
    }

    /// Every row that it answers.
    pub(super) async fn all<T>(
        &self,
        connection: &Connection,
        read: impl Fn(&Row) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            self.values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect();
        connection.all_of(&self.sql, &values, read).await
    }

    /// The number that it answers.
    pub(super) async fn count(&self, connection: &Connection) -> Result<u64> {
        let counted = self.all(connection, only::<i64>).await?;
        Ok(counted.first().copied().map_or(0, to_u64))
    }

    fn push_filter(&mut self, store: &StoreId, filter: &DeliveryFilter) {
        if let Some(types) = &filter.types {
            self.sql.push_str(" AND d.event_type = ANY(");
            let types: Vec<String> = types.iter().map(EventType::to_string).collect();
            self.bind(types, Type::TEXT_ARRAY);
            self.sql.push(')');
        }
        if let Some(object) = &filter.object_id {
            self.sql.push_str(" AND d.object_id = ");
            self.bind_text(object.as_str());
        }
        if let Some(webhook) = filter.webhook_id {
            self.sql.push_str(" AND d.webhook_id = ");
            self.bind_uuid(uuid(webhook.as_bytes()));
        }
        match filter.status {
            None => {}
            Some(Status::Pending) => self.push_waiting(store, filter),
            Some(status) => {
                let _ = write!(self.sql, " AND d.status = '{}'", status.as_str());
                if is_indexed(status) {
                    self.sql.push_str(" AND d.status IN ('retrying', 'failed', 'skipped')");
                }
            }
        }
    }

    /// What is not tried yet is found among the unfinished, which are few beside all that ever was: each of them
    /// is due some time, to one of the store's webhooks.
    fn push_waiting(&mut self, store: &StoreId, filter: &DeliveryFilter) {
        self.sql.push_str(" AND d.status = 'pending' AND d.due_at IS NOT NULL");
        if filter.webhook_id.is_none() && filter.object_id.is_none() {
            self.sql.push_str(" AND d.webhook_id = ANY(ARRAY(SELECT id FROM webhooks WHERE store_id = ");
            self.bind_text(store.as_str());
            self.sql.push_str("))");
        }
    }

    /// The times of the filter are bounds of the id, which begins with its millisecond.
    fn push_bounds(&mut self, filter: &DeliveryFilter, walk: Walk) {
        let (from, to) = (filter.from.map(DeliveryId::first_of), filter.to.map(DeliveryId::first_of));
        for (comparison, bound) in walk.bounds().into_iter().chain([("<", to), (">=", from)]) {
            if let Some(bound) = bound {
                let _ = write!(self.sql, " AND d.id {comparison} ");
                self.bind_uuid(uuid(bound.as_bytes()));
            }
        }
    }

    fn bind_text(&mut self, text: &str) {
        self.bind(text.to_owned(), Type::TEXT);
    }

    fn bind_uuid(&mut self, id: Uuid) {
        self.bind(id, Type::UUID);
    }

    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) {
        self.values.push((Box::new(value), kind));
        let _ = write!(self.sql, "${}", self.values.len());
    }
}

/// Whether `deliveries_status` has the deliveries of this status.
fn is_indexed(status: Status) -> bool {
    matches!(status, Status::Retrying | Status::Failed | Status::Skipped)
}
