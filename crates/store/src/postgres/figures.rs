//! The overview, from the counters that `tally` writes, and counting what a filter finds.

use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::limits::{OVERVIEW_FAILING_MAX, OVERVIEW_SPAN_MAX};
use bocau_domain::{Outcome, Reason, StoreId, Timestamp, WebhookId};
use tokio_postgres::Row;

use super::query::{Query, Walk};
use super::rows::{from_count, id, only, status_code, time_or_none, to_u64, word_or_none};
use super::tx::{Connection, Result, Tx};
use super::{PostgresStore, stores};
use crate::DeliveryFilter;
use crate::figures::{FailingWebhook, Figures, Overview, OverviewSpan, StatusCounts};
use crate::overview::{self, Hourly, Hours};
use crate::tally::hour_of;

#[async_trait]
impl Figures for PostgresStore {
    async fn count_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        cap: usize,
    ) -> crate::Result<usize> {
        Ok(count(&self.lookup().await?, store, &filter, cap).await?)
    }

    async fn overview(&self, store: &StoreId, span: OverviewSpan) -> crate::Result<Option<Overview>> {
        Ok(overview(&self.lookup().await?, store, span).await?)
    }

    async fn webhook_figures(
        &self,
        store: &StoreId,
        since: Timestamp,
    ) -> crate::Result<Vec<(WebhookId, StatusCounts)>> {
        Ok(webhook_figures(&self.lookup().await?, store, since).await?)
    }
}

async fn count(
    connection: &Connection,
    store: &StoreId,
    filter: &DeliveryFilter,
    cap: usize,
) -> Result<usize> {
    if !stores::is_there(connection, store).await? {
        return Ok(0);
    }
    let count = Query::of(store, filter, Walk::Count { cap }).count(connection).await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Each part as of the moment it is looked up: they are figures of a system that goes on.
async fn overview(connection: &Connection, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>> {
    if !stores::is_there(connection, store).await? {
        return Ok(None);
    }
    let hours = Hours::of(span);
    let hourly = hourly(connection, store, hours).await?;
    let p95 = p95(connection, store, hours).await?;
    let failing = failing(connection, store, hours).await?;
    Ok(Some(overview::overview(hours, span.step, hourly, p95, failing)))
}

async fn hourly(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Vec<Hourly>> {
    connection
        .all(
            "SELECT hour, SUM(events)::bigint, SUM(pending)::bigint, SUM(retrying)::bigint, \
             SUM(succeeded)::bigint, SUM(failed)::bigint, SUM(skipped)::bigint \
             FROM hourly_deliveries WHERE store_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour",
            &[&store.as_str(), &hours.first, &hours.end],
            |row| Ok((row.try_get(0)?, to_u64(row.try_get(1)?), counts(row, 2)?)),
        )
        .await
}

async fn p95(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Option<Duration>> {
    let rows = connection
        .all(
            "SELECT class, SUM(attempts)::bigint FROM hourly_durations \
             WHERE store_id = $1 AND hour >= $2 AND hour < $3 GROUP BY class",
            &[&store.as_str(), &hours.first, &hours.end],
            |row| Ok((row.try_get(0)?, to_u64(row.try_get(1)?))),
        )
        .await?;
    Ok(overview::p95(rows))
}

async fn failing(connection: &Connection, store: &StoreId, hours: Hours) -> Result<Vec<FailingWebhook>> {
    // Of failures of one moment, that of the row behind: usually it was written later.
    connection
        .all(
            "WITH failing AS MATERIALIZED (\
               SELECT w.id, w.url, w.enabled, w.disabled_reason, f.failures FROM (\
                 SELECT webhook_id, SUM(failed + retrying)::bigint AS failures FROM hourly_deliveries \
                 WHERE store_id = $1 AND hour >= $2 AND hour < $3 GROUP BY webhook_id) f \
               JOIN webhooks w ON w.id = f.webhook_id AND w.deleted_at IS NULL \
               WHERE f.failures > 0 ORDER BY f.failures DESC, w.id LIMIT $4), \
             last AS (\
               SELECT DISTINCT ON (webhook_id) webhook_id, last_error, last_status_code, last_failed_at, \
               last_outcome FROM hourly_deliveries \
               WHERE store_id = $1 AND hour >= $2 AND hour < $3 AND last_failed_at IS NOT NULL \
               AND webhook_id IN (SELECT id FROM failing) \
               ORDER BY webhook_id, last_failed_at DESC, is_folded, ctid DESC) \
             SELECT f.id, f.url, f.enabled, f.disabled_reason, f.failures, l.last_error, l.last_status_code, \
             l.last_failed_at, l.last_outcome FROM failing f LEFT JOIN last l ON l.webhook_id = f.id \
             ORDER BY f.failures DESC, f.id",
            &[&store.as_str(), &hours.first, &hours.end, &from_count(OVERVIEW_FAILING_MAX)],
            |row| {
                Ok(FailingWebhook {
                    webhook: id(row, 0, WebhookId::from_bytes)?,
                    url: row.try_get(1)?,
                    enabled: row.try_get(2)?,
                    disabled_reason: word_or_none(row, 3, "reason", Reason::parse)?,
                    failures: to_u64(row.try_get(4)?),
                    last_error: row.try_get(5)?,
                    last_status_code: status_code(row, 6)?,
                    last_failed_at: time_or_none(row, 7)?,
                    last_outcome: word_or_none(row, 8, "outcome", Outcome::parse)?,
                })
            },
        )
        .await
}

async fn webhook_figures(
    connection: &Connection,
    store: &StoreId,
    since: Timestamp,
) -> Result<Vec<(WebhookId, StatusCounts)>> {
    if !stores::is_there(connection, store).await? {
        return Ok(Vec::new());
    }
    connection
        .all(
            "SELECT webhook_id, SUM(pending)::bigint, SUM(retrying)::bigint, SUM(succeeded)::bigint, \
             SUM(failed)::bigint, SUM(skipped)::bigint FROM hourly_deliveries \
             WHERE store_id = $1 AND hour >= $2 AND webhook_id IS NOT NULL GROUP BY webhook_id",
            &[&store.as_str(), &hour_of(since)],
            |row| Ok((id(row, 0, WebhookId::from_bytes)?, counts(row, 1)?)),
        )
        .await
}

/// Five columns from `first` on.
fn counts(row: &Row, first: usize) -> Result<StatusCounts> {
    let count = |place: usize| -> Result<u64> { Ok(to_u64(row.try_get(first + place)?)) };
    Ok(StatusCounts {
        pending: count(0)?,
        retrying: count(1)?,
        succeeded: count(2)?,
        failed: count(3)?,
        skipped: count(4)?,
    })
}

/// Removes up to `limit` counters that no overview reaches any more; answers how many.
pub(super) async fn sweep(tx: &Tx, now: Timestamp, limit: usize) -> Result<usize> {
    // One hour more, for an overview that began before this one.
    let end = hour_of(now - OVERVIEW_SPAN_MAX) - 1;
    let mut removed = 0;
    for sql in [
        "DELETE FROM hourly_deliveries WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM hourly_deliveries WHERE hour < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
        "DELETE FROM hourly_durations WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM hourly_durations WHERE hour < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ] {
        removed += tx.execute(sql, &[&end, &from_count(limit.saturating_sub(removed))]).await?;
    }
    Ok(removed)
}

/// Folds up to `limit` counters that commits have added into one each of their hour and webhook, or class;
/// answers how many. Rows add up, so at every moment the sums are the same.
///
/// One node does it at a time; another has nothing to fold meanwhile.
pub(super) async fn fold(tx: &Tx, limit: usize) -> Result<usize> {
    if !tx.try_lock_figures().await? {
        return Ok(0);
    }
    let mut folded = 0;
    for sql in [FOLD_DELIVERIES, FOLD_DURATIONS] {
        if folded < limit {
            let some = tx.first(sql, &[&from_count(limit - folded)], only::<i64>).await?;
            folded += usize::try_from(some.unwrap_or(0)).unwrap_or(0);
        }
    }
    Ok(folded)
}

/// Takes the rows out, with those that their groups were folded into before, and puts the sums in. What is
/// said of the last failure is said of one and the same, as [`failing`] picks it.
const FOLD_DELIVERIES: &str = "WITH added AS MATERIALIZED (\
       SELECT ctid, store_id, hour, webhook_id FROM hourly_deliveries WHERE NOT is_folded \
       ORDER BY store_id, hour, webhook_id LIMIT $1 FOR UPDATE SKIP LOCKED), \
     groups AS MATERIALIZED (SELECT DISTINCT store_id, hour, webhook_id FROM added), \
     taken AS (\
       DELETE FROM hourly_deliveries WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM added UNION ALL \
         SELECT h.ctid FROM groups g JOIN hourly_deliveries h ON h.store_id = g.store_id AND h.hour = g.hour \
         AND h.webhook_id IS NOT DISTINCT FROM g.webhook_id AND h.is_folded)) \
       RETURNING *, ctid AS place), \
     folded AS (\
       INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, \
       skipped, last_failed_at, last_error, last_outcome, last_status_code, is_folded) \
       SELECT store_id, hour, webhook_id, SUM(events)::bigint, SUM(pending)::bigint, SUM(retrying)::bigint, \
       SUM(succeeded)::bigint, SUM(failed)::bigint, SUM(skipped)::bigint, max(last_failed_at), \
       (array_agg(last_error ORDER BY last_failed_at DESC NULLS LAST, is_folded, place DESC))[1], \
       (array_agg(last_outcome ORDER BY last_failed_at DESC NULLS LAST, is_folded, place DESC))[1], \
       (array_agg(last_status_code ORDER BY last_failed_at DESC NULLS LAST, is_folded, place DESC))[1], TRUE \
       FROM taken GROUP BY store_id, hour, webhook_id) \
     SELECT COUNT(*) FROM added";

const FOLD_DURATIONS: &str = "WITH added AS MATERIALIZED (\
       SELECT ctid, store_id, hour, class FROM hourly_durations WHERE NOT is_folded \
       ORDER BY store_id, hour, class LIMIT $1 FOR UPDATE SKIP LOCKED), \
     groups AS MATERIALIZED (SELECT DISTINCT store_id, hour, class FROM added), \
     taken AS (\
       DELETE FROM hourly_durations WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM added UNION ALL \
         SELECT h.ctid FROM groups g JOIN hourly_durations h ON h.store_id = g.store_id AND h.hour = g.hour \
         AND h.class = g.class AND h.is_folded)) \
       RETURNING *), \
     folded AS (\
       INSERT INTO hourly_durations (store_id, hour, class, attempts, is_folded) \
       SELECT store_id, hour, class, SUM(attempts)::bigint, TRUE FROM taken GROUP BY store_id, hour, class) \
     SELECT COUNT(*) FROM added";
