//! Asking for a manual attempt.

use bocau_domain::{Delivery, DeliveryId, Input, StoreId, Timestamp, WebhookId, transition};

use super::erasure::is_erased;
use super::results::{find_in, impossible};
use super::rows::{first, only, update_state};
use super::tx::Tx;
use crate::{Resend, Result};

/// Notes the wish; the attempt is made as soon as the delivery can be claimed.
pub(super) fn request_resend(tx: &Tx<'_>, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend> {
    if tx.config_version(store)?.is_none() {
        return Ok(Resend::NotFound);
    }
    let Some(mut delivery) = find_in(tx, store, id)? else {
        return Ok(Resend::NotFound);
    };
    let Some(webhook) = delivery.webhook_id else {
        return Ok(Resend::NoWebhook);
    };
    if is_deleted(tx, webhook)? {
        return Ok(Resend::WebhookDeleted);
    }
    if is_erased(tx, delivery.event_id)? {
        return Ok(Resend::Erased);
    }
    ask(tx, store, &mut delivery, now)?;
    Ok(Resend::Accepted { delivery, webhook })
}

/// Notes the wish for a delivery that can be sent again.
pub(super) fn ask(tx: &Tx<'_>, store: &StoreId, delivery: &mut Delivery, now: Timestamp) -> Result<()> {
    let was = delivery.state.status;
    delivery.state = transition(&delivery.state, &Input::Resend { now }).map_err(impossible)?;
    update_state(tx, store, was, delivery)
}

pub(super) fn is_deleted(tx: &Tx<'_>, webhook: WebhookId) -> Result<bool> {
    let deleted = first(
        tx.connection,
        "SELECT deleted_at IS NOT NULL FROM webhooks WHERE id = ?1",
        [webhook.as_bytes()],
        only,
    )?;
    Ok(deleted.unwrap_or(true))
}
