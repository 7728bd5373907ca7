//! Removing what is over, a few rows at a time, and making the parts of the days to come.

use std::time::Duration;

use bocau_domain::Timestamp;
use uuid::Uuid;

use super::rows::{from_count, only};
use super::tx::{Result, Tx};
use super::{figures, nodes, resend_jobs};
use crate::SWEEP_BATCH;

/// Counters folded by one call; they are many and small.
const FOLD_BATCH: usize = 5_000;

/// Removes a batch. Answers whether there may be more.
pub(super) async fn sweep(tx: &Tx, now: Timestamp) -> Result<bool> {
    let folded = figures::fold(tx, FOLD_BATCH).await?;
    nodes::sweep(tx).await?;
    let mut left = SWEEP_BATCH;
    for sql in [
        "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM idempotency_keys WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
        "DELETE FROM sessions WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM sessions WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
        "DELETE FROM sign_in_links WHERE ctid = ANY(ARRAY(\
         SELECT ctid FROM sign_in_links WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ] {
        left -= tx.execute(sql, &[&now.as_millis(), &from_count(left)]).await?.min(left);
    }
    left -= figures::sweep(tx, now, left).await?.min(left);
    left -= resend_jobs::sweep(tx, now, left).await?.min(left);
    sweep_leftover(tx, now, &mut left).await?;
    while left > 0 {
        // Nodes that sweep at the same moment take different stores.
        let sql = "SELECT id FROM stores WHERE deleted_at IS NOT NULL LIMIT 1 FOR UPDATE SKIP LOCKED";
        let Some(store) = tx.first(sql, &[], only::<String>).await? else { return Ok(folded >= FOLD_BATCH) };
        sweep_store(tx, &store, &mut left).await?;
    }
    Ok(true)
}

/// How long a store that has moved away may be looked for here still; its rows stay as long.
const LEFT_FOR: Duration = Duration::from_mins(1);

/// The rows of a store that has moved to another database. In the home its row stays for the lists.
async fn sweep_leftover(tx: &Tx, now: Timestamp, left: &mut usize) -> Result<()> {
    let sql = "SELECT l.store_id FROM leftovers l JOIN stores s ON s.id = l.store_id \
               WHERE s.standing = 'away' AND l.since <= $1 LIMIT 1 FOR UPDATE OF l SKIP LOCKED";
    let before = now - LEFT_FOR;
    let Some(store) = tx.first(sql, &[&before.as_millis()], only::<String>).await? else { return Ok(()) };
    sweep_rows(tx, &store, left).await?;
    if *left > 0 {
        tx.execute("DELETE FROM leftovers WHERE store_id = $1", &[&store]).await?;
        let sql = "DELETE FROM stores WHERE id = $1 AND standing = 'away' AND NOT EXISTS (SELECT 1 FROM meta \
                   WHERE key = 'shard' AND convert_from(value, 'UTF8') LIKE '% home')";
        tx.execute(sql, &[&store]).await?;
    }
    Ok(())
}

/// The store's row goes last: until then its id is not free.
async fn sweep_store(tx: &Tx, store: &str, left: &mut usize) -> Result<()> {
    sweep_rows(tx, store, left).await?;
    sweep_by(tx, store, left, &OF_HOME).await
}

/// What lies in a store's own database, save its row.
pub(super) async fn sweep_rows(tx: &Tx, store: &str, left: &mut usize) -> Result<()> {
    sweep_deliveries(tx, store, left).await?;
    sweep_by(tx, store, left, &OF_STORE).await
}

async fn sweep_by(tx: &Tx, store: &str, left: &mut usize, statements: &[&str]) -> Result<()> {
    for sql in statements {
        if *left == 0 {
            return Ok(());
        }
        let removed = tx.execute(sql, &[&store, &from_count(*left)]).await?;
        *left -= removed.min(*left);
    }
    Ok(())
}
/// What a store has besides deliveries, by the store and how much may go.
const OF_STORE: [&str; 7] = [
    "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(\
     SELECT ctid FROM idempotency_keys WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM resend_jobs WHERE ctid = ANY(ARRAY(SELECT ctid FROM resend_jobs WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM inbox_requests WHERE ctid = ANY(ARRAY(\
     SELECT r.ctid FROM inboxes i JOIN inbox_requests r ON r.inbox_id = i.id WHERE i.store_id = $1 LIMIT $2))",
    "DELETE FROM inboxes WHERE ctid = ANY(ARRAY(SELECT ctid FROM inboxes WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM hourly_deliveries WHERE ctid = ANY(ARRAY(\
     SELECT ctid FROM hourly_deliveries WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM hourly_durations WHERE ctid = ANY(ARRAY(\
     SELECT ctid FROM hourly_durations WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM webhooks WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhooks WHERE store_id = $1 LIMIT $2))",
];

/// What people and lists have of a store.
const OF_HOME: [&str; 7] = [
    "DELETE FROM api_keys WHERE ctid = ANY(ARRAY(SELECT ctid FROM api_keys WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM user_stores WHERE ctid = ANY(ARRAY(SELECT ctid FROM user_stores WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM sessions WHERE ctid = ANY(ARRAY(SELECT ctid FROM sessions WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM sign_in_links WHERE ctid = ANY(ARRAY(\
     SELECT ctid FROM sign_in_links WHERE store_id = $1 LIMIT $2))",
    "DELETE FROM directory WHERE store_id IN (SELECT $1 LIMIT $2)",
    "DELETE FROM leftovers WHERE store_id IN (SELECT $1 LIMIT $2)",
    "DELETE FROM stores WHERE id IN (SELECT $1 LIMIT $2)",
];

/// Each delivery with its history before it, and its event, which others of the same event leave nothing of.
async fn sweep_deliveries(tx: &Tx, store: &str, left: &mut usize) -> Result<()> {
    let found = tx
        .all(
            "SELECT id, event_id FROM deliveries WHERE store_id = $1 ORDER BY id LIMIT $2",
            &[&store, &from_count(*left)],
            |row| Ok((row.try_get::<_, Uuid>(0)?, row.try_get::<_, Uuid>(1)?)),
        )
        .await?;
    let (deliveries, events): (Vec<Uuid>, Vec<Uuid>) = found.into_iter().unzip();
    let (Some(first), Some(last)) = (deliveries.first(), deliveries.last()) else { return Ok(()) };
    let removed = tx
        .execute(
            "DELETE FROM attempts WHERE delivery_id = ANY($1) AND delivery_id BETWEEN $2 AND $3",
            &[&deliveries, first, last],
        )
        .await?;
    *left -= removed.min(*left);
    tx.execute("DELETE FROM events WHERE id = ANY($1)", &[&events]).await?;
    let removed = tx
        .execute(
            "DELETE FROM deliveries WHERE store_id = $1 AND id = ANY($2) AND id BETWEEN $3 AND $4",
            &[&store, &deliveries, first, last],
        )
        .await?;
    *left -= removed.min(*left);
    Ok(())
}
