//! The overview, from the counters that `tally` writes, and counting what a filter finds.

use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::limits::{OVERVIEW_FAILING_MAX, OVERVIEW_SPAN_MAX};
use bocau_domain::{Outcome, Reason, StoreId, Timestamp, WebhookId};
use rusqlite::{Connection, Row, params, params_from_iter};

use super::query::{Query, Walk};
use super::rows::{all, first, from_count, only, time_or_none, to_u64, word_or_none};
use super::tx::Tx;
use super::{SqliteStore, stores};
use crate::figures::{FailingWebhook, Figures, Overview, OverviewSpan, StatusCounts};
use crate::overview::{self, Hourly, Hours};
use crate::tally::hour_of;
use crate::{DeliveryFilter, Result};

#[async_trait]
impl Figures for SqliteStore {
    async fn count_deliveries(&self, store: &StoreId, filter: DeliveryFilter, cap: usize) -> Result<usize> {
        let store = store.clone();
        self.readers.run(move |connection| count(connection, &store, &filter, cap)).await
    }

    async fn overview(&self, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>> {
        let store = store.clone();
        self.readers.run(move |connection| overview(connection, &store, span)).await
    }

    async fn webhook_figures(
        &self,
        store: &StoreId,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, StatusCounts)>> {
        let store = store.clone();
        self.readers.run(move |connection| webhook_figures(connection, &store, since)).await
    }
}

fn count(connection: &Connection, store: &StoreId, filter: &DeliveryFilter, cap: usize) -> Result<usize> {
    if !stores::is_there(connection, store)? {
        return Ok(0);
    }
    let Query { sql, values } = Query::of(store, filter, Walk::Count { cap })?;
    let count: Option<i64> = first(connection, &sql, params_from_iter(values), only)?;
    Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
}

fn overview(connection: &Connection, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>> {
    let snapshot = connection.unchecked_transaction()?;
    if !stores::is_there(&snapshot, store)? {
        return Ok(None);
    }
    let hours = Hours::of(span);
    let (p95, failing) = (p95(&snapshot, store, hours)?, failing(&snapshot, store, hours)?);
    Ok(Some(overview::overview(hours, span.step, hourly(&snapshot, store, hours)?, p95, failing)))
}

fn hourly(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Vec<Hourly>> {
    all(
        connection,
        "SELECT hour, SUM(events), SUM(pending), SUM(retrying), SUM(succeeded), SUM(failed), SUM(skipped) \
         FROM hourly_deliveries WHERE store_id = ?1 AND hour >= ?2 AND hour < ?3 GROUP BY hour",
        params![store.as_str(), hours.first, hours.end],
        |row| Ok((row.get(0)?, to_u64(row.get(1)?), counts(row, 2)?)),
    )
}

fn p95(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Option<Duration>> {
    // Added up here: sorting some thousand rows by class takes the database four times as long.
    let rows = all(
        connection,
        "SELECT class, attempts FROM hourly_durations WHERE store_id = ?1 AND hour >= ?2 AND hour < ?3",
        params![store.as_str(), hours.first, hours.end],
        |row| Ok((row.get(0)?, to_u64(row.get(1)?))),
    )?;
    Ok(overview::p95(rows))
}

fn failing(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Vec<FailingWebhook>> {
    // The error, the code and the outcome stand in the row that max() picks.
    all(
        connection,
        "SELECT w.id, w.url, w.enabled, w.disabled_reason, f.failures, f.last_error, f.last_status_code, \
         f.last_failed_at, f.last_outcome FROM (\
           SELECT webhook_id, SUM(failed + retrying) AS failures, max(last_failed_at) AS last_failed_at, \
           last_error, last_status_code, last_outcome FROM hourly_deliveries \
           WHERE store_id = ?1 AND hour >= ?2 AND hour < ?3 GROUP BY webhook_id) f \
         JOIN webhooks w ON w.id = f.webhook_id AND w.deleted_at IS NULL \
         WHERE f.failures > 0 ORDER BY f.failures DESC, w.id LIMIT ?4",
        params![store.as_str(), hours.first, hours.end, from_count(OVERVIEW_FAILING_MAX)],
        |row| {
            Ok(FailingWebhook {
                webhook: WebhookId::from_bytes(row.get(0)?),
                url: row.get(1)?,
                enabled: row.get(2)?,
                disabled_reason: word_or_none(row, 3, "reason", Reason::parse)?,
                failures: to_u64(row.get(4)?),
                last_error: row.get(5)?,
                last_status_code: row.get(6)?,
                last_failed_at: time_or_none(row, 7)?,
                last_outcome: word_or_none(row, 8, "outcome", Outcome::parse)?,
            })
        },
    )
}

fn webhook_figures(
    connection: &Connection,
    store: &StoreId,
    since: Timestamp,
) -> Result<Vec<(WebhookId, StatusCounts)>> {
    if !stores::is_there(connection, store)? {
        return Ok(Vec::new());
    }
    all(
        connection,
        "SELECT webhook_id, SUM(pending), SUM(retrying), SUM(succeeded), SUM(failed), SUM(skipped) \
         FROM hourly_deliveries WHERE store_id = ?1 AND hour >= ?2 AND webhook_id <> x'' GROUP BY webhook_id",
        params![store.as_str(), hour_of(since)],
        |row| Ok((WebhookId::from_bytes(row.get(0)?), counts(row, 1)?)),
    )
}

/// Five columns from `first` on. A counter below zero was begun too late: an older version of the program
/// has written rows without counting them.
fn counts(row: &Row<'_>, first: usize) -> Result<StatusCounts> {
    let count = |place: usize| -> Result<u64> { Ok(to_u64(row.get(first + place)?)) };
    Ok(StatusCounts {
        pending: count(0)?,
        retrying: count(1)?,
        succeeded: count(2)?,
        failed: count(3)?,
        skipped: count(4)?,
    })
}

/// Removes up to `limit` counters that no overview reaches any more; answers how many.
pub(super) fn sweep(tx: &Tx<'_>, now: Timestamp, limit: usize) -> Result<usize> {
    // One hour more, for an overview that began before this one.
    let end = hour_of(now - OVERVIEW_SPAN_MAX) - 1;
    let mut removed = 0;
    for sql in [
        "DELETE FROM hourly_deliveries WHERE (store_id, hour, webhook_id) IN \
         (SELECT store_id, hour, webhook_id FROM hourly_deliveries WHERE hour < ?1 LIMIT ?2)",
        "DELETE FROM hourly_durations WHERE (store_id, hour, class) IN \
         (SELECT store_id, hour, class FROM hourly_durations WHERE hour < ?1 LIMIT ?2)",
    ] {
        removed += tx.execute(sql, params![end, from_count(limit.saturating_sub(removed))])?;
    }
    Ok(removed)
}
