//! Skipping what waits for a webhook that is disabled or deleted.

use bocau_domain::{DeliveryId, Input, Reason, StoreId, WebhookId, transition};
use rusqlite::params;

use super::results::{find, impossible};
use super::rows::{all, delivery_id, first, from_count, store_id, update_state, word_or_none};
use super::tx::Tx;
use crate::{Result, SKIP_BATCH};

/// Why, and with that what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// What no person asked for: resends and tests still go to a webhook that is only disabled.
    Disabled(Reason),
    /// All.
    Deleted,
}

/// Skips a batch of what waits for the webhook, as its row says. Answers how many.
pub(super) fn skip_waiting(tx: &Tx<'_>, webhook: WebhookId) -> Result<usize> {
    let standing = first(
        tx.connection,
        "SELECT enabled, deleted_at IS NOT NULL, disabled_reason FROM webhooks WHERE id = ?1",
        [webhook.as_bytes()],
        |row| {
            let reason = word_or_none(row, 2, "reason", Reason::parse)?;
            Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?, reason))
        },
    )?;
    let skip = match standing {
        None | Some((true, false, _)) => return Ok(0),
        Some((_, true, _)) => Skip::Deleted,
        Some((false, false, reason)) => Skip::Disabled(reason.unwrap_or(Reason::WebhookDisabled)),
    };
    skip_some(tx, webhook, skip, SKIP_BATCH)
}

/// Skips up to `limit` waiting deliveries, the first due first.
///
/// One with an open claim keeps it, and stays in the index of what is due until the claim ends; that it was
/// skipped shows in its status, so it is not counted again.
pub(super) fn skip_some(tx: &Tx<'_>, webhook: WebhookId, skip: Skip, limit: usize) -> Result<usize> {
    let (sql, reason) = match skip {
        Skip::Disabled(reason) => (
            "SELECT store_id, id FROM deliveries INDEXED BY deliveries_due \
             WHERE webhook_id = ?1 AND due_at IS NOT NULL \
             AND status IN ('pending', 'retrying') AND resend_at IS NULL AND is_test = 0 \
             ORDER BY due_at LIMIT ?2",
            reason,
        ),
        Skip::Deleted => (
            "SELECT store_id, id FROM deliveries INDEXED BY deliveries_due \
             WHERE webhook_id = ?1 AND due_at IS NOT NULL \
             AND (status IN ('pending', 'retrying') OR resend_at IS NOT NULL) \
             ORDER BY due_at LIMIT ?2",
            Reason::WebhookDeleted,
        ),
    };
    let waiting = all(tx.connection, sql, params![webhook.as_bytes(), from_count(limit)], |row| {
        Ok((store_id(row, 0)?, delivery_id(row, 1)?))
    })?;
    for (store, id) in &waiting {
        skip_one(tx, store, *id, reason)?;
    }
    Ok(waiting.len())
}

fn skip_one(tx: &Tx<'_>, store: &StoreId, id: DeliveryId, reason: Reason) -> Result<()> {
    let Some(mut delivery) = find(tx.connection, store, id)? else {
        return Ok(());
    };
    let was = delivery.state.status;
    delivery.state = transition(&delivery.state, &Input::Skip(reason)).map_err(impossible)?;
    update_state(tx, store, was, &delivery)
}
