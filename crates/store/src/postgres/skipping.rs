//! Skipping what waits for a webhook that is disabled or deleted.

use bocau_domain::{DeliveryId, Input, Reason, StoreId, WebhookId, transition};

use super::results::{Held, hold, impossible};
use super::rows::{from_count, id, store_id, update_states, uuid, word_or_none};
use super::tx::{Result, Tx};
use crate::SKIP_BATCH;

/// Why, and with that what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// What no person asked for: resends and tests still go to a webhook that is only disabled.
    Disabled(Reason),
    /// All.
    Deleted,
}

/// Skips a batch of what waits for the webhook, as its row says. Answers how many.
pub(super) async fn skip_waiting(tx: &Tx, webhook: WebhookId) -> Result<usize> {
    let standing = tx
        .first(
            "SELECT enabled, deleted_at IS NOT NULL, disabled_reason FROM webhooks WHERE id = $1",
            &[&uuid(webhook.as_bytes())],
            |row| {
                let reason = word_or_none(row, 2, "reason", Reason::parse)?;
                Ok((row.try_get::<_, bool>(0)?, row.try_get::<_, bool>(1)?, reason))
            },
        )
        .await?;
    let skip = match standing {
        None | Some((true, false, _)) => return Ok(0),
        Some((_, true, _)) => Skip::Deleted,
        Some((false, false, reason)) => Skip::Disabled(reason.unwrap_or(Reason::WebhookDisabled)),
    };
    skip_some(tx, webhook, skip, SKIP_BATCH).await
}

/// Skips up to `limit` waiting deliveries, the first due first. What somebody else works on at this moment is
/// passed over: it comes back when they are done.
///
/// One with an open claim keeps it, and stays in the index of what is due until the claim ends; that it was
/// skipped shows in its status, so it is not counted again.
pub(super) async fn skip_some(tx: &Tx, webhook: WebhookId, skip: Skip, limit: usize) -> Result<usize> {
    let (sql, reason) = match skip {
        Skip::Disabled(reason) => (
            "SELECT store_id, id FROM deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL \
             AND status IN ('pending', 'retrying') AND resend_at IS NULL AND NOT is_test \
             ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
            reason,
        ),
        Skip::Deleted => (
            "SELECT store_id, id FROM deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL \
             AND (status IN ('pending', 'retrying') OR resend_at IS NOT NULL) \
             ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
            Reason::WebhookDeleted,
        ),
    };
    let waiting = tx
        .all(sql, &[&uuid(webhook.as_bytes()), &from_count(limit)], |row| {
            Ok((store_id(row, 0)?, id(row, 1, DeliveryId::from_bytes)?))
        })
        .await?;
    let wanted: Vec<(&StoreId, DeliveryId)> = waiting.iter().map(|(store, id)| (store, *id)).collect();
    let mut held: Vec<Held> = hold(tx, &wanted).await?.into_values().collect();
    for held in &mut held {
        let state = &mut held.delivery.state;
        *state = transition(state, &Input::Skip(reason)).map_err(impossible)?;
    }
    update_states(tx, &held.iter().map(Held::changed).collect::<Vec<_>>()).await?;
    Ok(held.len())
}
