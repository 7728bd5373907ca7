//! Asking for a manual attempt.

use std::collections::{BTreeSet, HashSet};

use bocau_domain::{DeliveryId, Input, StoreId, Timestamp, WebhookId, transition};

use super::erasure::erased_of;
use super::results::{Held, hold_one, impossible};
use super::rows::{only, update_states, uuid};
use super::tx::{Result, Tx};
use crate::Resend;

/// Notes the wish; the attempt is made as soon as the delivery can be claimed.
pub(super) async fn request_resend(
    tx: &Tx,
    store: &StoreId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<Resend> {
    // So that the webhook is not deleted under it.
    tx.share_stores(&HashSet::from([store])).await?;
    if tx.config_version(store).await?.is_none() {
        return Ok(Resend::NotFound);
    }
    let Some(mut held) = hold_one(tx, store, id).await? else {
        return Ok(Resend::NotFound);
    };
    let Some(webhook) = held.delivery.webhook_id else {
        return Ok(Resend::NoWebhook);
    };
    if is_deleted(tx, webhook).await? {
        return Ok(Resend::WebhookDeleted);
    }
    let event = BTreeSet::from([held.delivery.event_id]);
    if !erased_of(tx, event).await?.is_empty() {
        return Ok(Resend::Erased);
    }
    ask(&mut held, now)?;
    update_states(tx, &[held.changed()]).await?;
    // Any node may have room for it.
    tx.tell(&format!("due {webhook}")).await?;
    Ok(Resend::Accepted { delivery: held.delivery, webhook })
}

/// Notes the wish for a delivery that can be sent again; it is to be written.
pub(super) fn ask(held: &mut Held, now: Timestamp) -> Result<()> {
    let state = &mut held.delivery.state;
    *state = transition(state, &Input::Resend { now }).map_err(impossible)?;
    Ok(())
}

async fn is_deleted(tx: &Tx, webhook: WebhookId) -> Result<bool> {
    let sql = "SELECT deleted_at IS NOT NULL FROM webhooks WHERE id = $1";
    Ok(tx.first(sql, &[&uuid(webhook.as_bytes())], only).await?.unwrap_or(true))
}
