//! The statements that walk over a store's deliveries, put together from the filters in use. There are few
//! combinations, so the prepared ones are kept like all others.

use std::fmt::Write as _;

use bocau_domain::{DeliveryId, EventType, Status, StoreId};
use rusqlite::types::Value;

use super::rows::{delivery_columns, from_count, json_text};
use crate::Result;
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
            Self::Page(_) => concat!("SELECT ", delivery_columns!(), " FROM "),
            Self::Count { .. } => "SELECT COUNT(*) FROM (SELECT 1 FROM ",
            Self::Resendable { .. } => "SELECT d.id FROM ",
            Self::CountResendable { .. } => "SELECT COUNT(*) FROM ",
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

    fn is_of_resendable(self) -> bool {
        matches!(self, Self::Resendable { .. } | Self::CountResendable { .. })
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
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Query {
    pub(super) fn of(store: &StoreId, filter: &DeliveryFilter, walk: Walk) -> Result<Self> {
        let mut query = Self { sql: walk.select().into(), values: Vec::new() };
        let is_walk_over_waiting = filter.status == Some(Status::Pending) && filter.object_id.is_none();
        if is_walk_over_waiting {
            query.push_waiting(store, filter, walk);
        } else {
            query.sql.push_str(source(filter));
        }
        query.sql.push_str(match walk {
            Walk::Page(_) => " LEFT JOIN webhooks w ON w.id = d.webhook_id",
            Walk::Count { .. } => "",
            // A cross join, so that the deliveries are walked over and each one's webhook is looked up.
            _ => " CROSS JOIN webhooks w ON w.id = d.webhook_id AND w.deleted_at IS NULL",
        });
        query.sql.push_str(" WHERE d.store_id = ");
        query.bind(store.as_str().to_owned());
        query.push_bounds("d.id", filter, walk);
        query.push_filter(filter)?;
        let (order, limit) = walk.end();
        if let Some(limit) = limit {
            let _ = write!(query.sql, " ORDER BY d.id{order} LIMIT ");
            query.bind(from_count(limit));
        }
        if matches!(walk, Walk::Count { .. }) {
            query.sql.push(')');
        }
        Ok(query)
    }

    fn push_filter(&mut self, filter: &DeliveryFilter) -> Result<()> {
        if let Some(types) = &filter.types {
            self.sql.push_str(" AND d.event_type IN (SELECT value FROM json_each(");
            self.bind(json_text(&types.iter().map(EventType::as_str).collect::<Vec<_>>())?);
            self.sql.push_str("))");
        }
        if let Some(object) = &filter.object_id {
            self.sql.push_str(" AND d.object_id = ");
            self.bind(object.as_str().to_owned());
        }
        if let Some(webhook) = filter.webhook_id {
            self.sql.push_str(" AND d.webhook_id = ");
            self.bind(webhook.as_bytes().to_vec());
        }
        if let Some(status) = filter.status {
            // As a literal: the planner must see that the partial index has this status.
            let _ = write!(self.sql, " AND d.status = '{}'", status.as_str());
            if is_indexed(status) {
                self.sql
                    .push_str(" AND (d.status = 'retrying' OR d.status = 'failed' OR d.status = 'skipped')");
            }
        }
        Ok(())
    }

    /// What is not tried yet is found among the unfinished, which are few beside all that ever was.
    fn push_waiting(&mut self, store: &StoreId, filter: &DeliveryFilter, walk: Walk) {
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
        self.push_bounds("p.id", filter, walk);
        // The types stand in the rows only, and the webhook in its own: with them, the first ids may not be
        // the ones that are wanted.
        if let (order, Some(limit)) = walk.end()
            && filter.types.is_none()
            && !walk.is_of_resendable()
        {
            let _ = write!(self.sql, " ORDER BY p.id{order} LIMIT ");
            self.bind(from_count(limit));
        }
        self.sql.push_str(") CROSS JOIN deliveries d ON d.id = waiting");
    }

    /// The times of the filter are bounds of the id, which begins with its millisecond.
    fn push_bounds(&mut self, column: &str, filter: &DeliveryFilter, walk: Walk) {
        let (from, to) = (filter.from.map(DeliveryId::first_of), filter.to.map(DeliveryId::first_of));
        for (comparison, bound) in walk.bounds().into_iter().chain([("<", to), (">=", from)]) {
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
    use bocau_domain::{Timestamp, WebhookId};
    use rusqlite::{Connection, Row, params_from_iter};

    use super::*;
    use crate::sqlite::migrate::migrate;
    use crate::sqlite::rows::all;

    fn plan(filter: &DeliveryFilter, walk: Walk) -> String {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("a schema");
        let store = "552".parse().expect("a store id");
        let Query { sql, values } = Query::of(&store, filter, walk).expect("a query");
        let read = |row: &Row<'_>| Ok(row.get::<_, String>(3)?);
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        all(&connection, &sql, params_from_iter(values), read).expect("a plan").join("; ")
    }

    /// A page costs what it shows, not what there is.
    #[test]
    fn a_page_is_a_walk_over_an_index_without_sorting() {
        let after = DeliveryId::first_of(Timestamp::from_millis(1));
        let page = Walk::Page(Page { after: Some(after), limit: 50 });
        let batch = Walk::Resendable { after: Some(after), up_to: after, limit: 50 };
        let none = DeliveryFilter::default;
        let object_id = Some("o".parse().expect("an object id"));
        for (filter, index, columns) in [
            (none(), "PRIMARY KEY", "store_id=?"),
            (DeliveryFilter { types: Some(vec![]), ..none() }, "PRIMARY KEY", "store_id=?"),
            (DeliveryFilter { object_id, ..none() }, "INDEX deliveries_object", "store_id=? AND object_id=?"),
            (
                DeliveryFilter { status: Some(Status::Failed), ..none() },
                "INDEX deliveries_status",
                "store_id=? AND status=?",
            ),
        ] {
            for (walk, bound) in [(page, "id<?"), (batch, "id>? AND id<?")] {
                let plan = plan(&filter, walk);
                let expected = format!("{index} ({columns} AND {bound})");
                assert!(plan.contains(&expected) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
            }
        }
    }

    #[test]
    fn what_is_pending_is_found_in_the_index_of_the_unfinished_alone() {
        let webhook_id = Some(WebhookId::from_bytes([1; 16]));
        for filter in [DeliveryFilter::default(), DeliveryFilter { webhook_id, ..DeliveryFilter::default() }]
        {
            let filter = DeliveryFilter { status: Some(Status::Pending), ..filter };
            let plan = plan(&filter, Walk::Page(Page { after: None, limit: 50 }));
            assert!(
                plan.contains("SEARCH p USING COVERING INDEX deliveries_due (webhook_id=? AND due_at>?)"),
                "{plan}"
            );
            assert!(plan.contains("SEARCH d USING PRIMARY KEY (store_id=? AND id=?)"), "{plan}");
        }
    }
}
