//! Writing what a transaction has counted.

use bocau_domain::{StoreId, WebhookId};
use rusqlite::params;

use super::tx::Tx;
use crate::Result;
use crate::tally::{Deltas, Tally};

/// Writes what was counted.
pub(super) fn write(tx: &Tx<'_>, tally: Tally) -> Result<()> {
    for ((store, hour, webhook), deltas) in tally.deliveries {
        write_deliveries(tx, &store, hour, webhook, &deltas)?;
    }
    for ((store, hour, class), attempts) in tally.durations {
        tx.execute(
            "INSERT INTO hourly_durations (store_id, hour, class, attempts) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (store_id, hour, class) DO UPDATE SET attempts = attempts + excluded.attempts",
            params![store.as_str(), hour, class, attempts],
        )?;
    }
    Ok(())
}

fn write_deliveries(
    tx: &Tx<'_>,
    store: &StoreId,
    hour: i64,
    webhook: Option<WebhookId>,
    deltas: &Deltas,
) -> Result<()> {
    let [pending, retrying, succeeded, failed, skipped] = deltas.by_status;
    let failure = deltas.last_failure.as_ref();
    tx.execute(
        "INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, \
         skipped, last_failed_at, last_error, last_status_code, last_outcome) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (store_id, hour, webhook_id) DO UPDATE SET events = events + excluded.events, \
         pending = pending + excluded.pending, retrying = retrying + excluded.retrying, \
         succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed, \
         skipped = skipped + excluded.skipped, \
         last_error = iif(excluded.last_failed_at IS NULL, last_error, excluded.last_error), \
         last_status_code = iif(excluded.last_failed_at IS NULL, last_status_code, excluded.last_status_code), \
         last_outcome = iif(excluded.last_failed_at IS NULL, last_outcome, excluded.last_outcome), \
         last_failed_at = coalesce(excluded.last_failed_at, last_failed_at)",
        params![
            store.as_str(),
            hour,
            webhook.as_ref().map_or(&[][..], |id| &id.as_bytes()[..]),
            deltas.events,
            pending,
            retrying,
            succeeded,
            failed,
            skipped,
            failure.map(|failure| failure.at.as_millis()),
            failure.and_then(|failure| failure.error.as_deref()),
            failure.and_then(|failure| failure.status_code),
            failure.map(|failure| failure.outcome.as_str()),
        ],
    )?;
    Ok(())
}
