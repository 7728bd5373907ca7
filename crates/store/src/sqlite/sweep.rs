//! Removing what is over, a few rows at a time, so that the writer is never held up for long.

use bocau_domain::Timestamp;
use rusqlite::params;

use super::rows::{all, first, from_count, only};
use super::tx::Tx;
use super::{figures, resend_jobs};
use crate::{Result, SWEEP_BATCH};

/// Removes a batch. Answers whether there may be more.
pub(super) fn sweep(tx: &Tx<'_>, now: Timestamp) -> Result<bool> {
    let mut left = SWEEP_BATCH;
    let expired = "DELETE FROM idempotency_keys WHERE (store_id, key) IN \
                   (SELECT store_id, key FROM idempotency_keys WHERE expires_at <= ?1 LIMIT ?2)";
    left -= tx.execute(expired, params![now.as_millis(), from_count(left)])?.min(left);
    for sql in [
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM sign_in_links WHERE hash IN \
         (SELECT hash FROM sign_in_links WHERE expires_at <= ?1 LIMIT ?2)",
    ] {
        left -= tx.execute(sql, params![now.as_millis(), from_count(left)])?.min(left);
    }
    left -= figures::sweep(tx, now, left)?.min(left);
    left -= resend_jobs::sweep(tx, now, left)?.min(left);
    while left > 0 {
        let deleted: Option<String> =
            first(tx.connection, "SELECT id FROM stores WHERE deleted_at IS NOT NULL LIMIT 1", [], only)?;
        let Some(store) = deleted else { return Ok(false) };
        sweep_store(tx, &store, &mut left)?;
    }
    Ok(true)
}

/// The store's row goes last: until then its id is not free.
fn sweep_store(tx: &Tx<'_>, store: &str, left: &mut usize) -> Result<()> {
    sweep_deliveries(tx, store, left)?;
    for sql in [
        "DELETE FROM idempotency_keys WHERE store_id = ?1 AND key IN \
         (SELECT key FROM idempotency_keys WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM api_keys WHERE hash IN (SELECT hash FROM api_keys WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM user_stores WHERE (user_id, store_id) IN \
         (SELECT user_id, store_id FROM user_stores WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM sign_in_links WHERE hash IN (SELECT hash FROM sign_in_links WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM resend_jobs WHERE id IN (SELECT id FROM resend_jobs WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM inbox_requests WHERE (inbox_id, id) IN \
         (SELECT r.inbox_id, r.id FROM inboxes i JOIN inbox_requests r ON r.inbox_id = i.id \
          WHERE i.store_id = ?1 LIMIT ?2)",
        "DELETE FROM inboxes WHERE id IN (SELECT id FROM inboxes WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM hourly_deliveries WHERE store_id = ?1 AND (hour, webhook_id) IN \
         (SELECT hour, webhook_id FROM hourly_deliveries WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM hourly_durations WHERE store_id = ?1 AND (hour, class) IN \
         (SELECT hour, class FROM hourly_durations WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks WHERE store_id = ?1 LIMIT ?2)",
        "DELETE FROM stores WHERE id IN (SELECT ?1 LIMIT ?2)",
    ] {
        if *left == 0 {
            return Ok(());
        }
        let removed = tx.execute(sql, params![store, from_count(*left)])?;
        *left -= removed.min(*left);
    }
    Ok(())
}

/// Each delivery with its history before it, and its event, which others of the same event leave nothing of.
fn sweep_deliveries(tx: &Tx<'_>, store: &str, left: &mut usize) -> Result<()> {
    let ids: Vec<([u8; 16], [u8; 16])> = all(
        tx.connection,
        "SELECT id, event_id FROM deliveries WHERE store_id = ?1 ORDER BY id LIMIT ?2",
        params![store, from_count(*left)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (id, event) in ids {
        if *left == 0 {
            return Ok(());
        }
        let removed = tx.execute(
            "DELETE FROM attempts WHERE delivery_id = ?1 AND number IN \
             (SELECT number FROM attempts WHERE delivery_id = ?1 LIMIT ?2)",
            params![id, from_count(*left)],
        )?;
        *left -= removed.min(*left);
        if *left == 0 {
            return Ok(());
        }
        let removed = tx.execute("DELETE FROM events WHERE id = ?1", [event])?
            + tx.execute("DELETE FROM deliveries WHERE store_id = ?1 AND id = ?2", params![store, id])?;
        *left -= removed.min(*left);
    }
    Ok(())
}
