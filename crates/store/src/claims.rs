//! How what is due comes back into the lanes: claims with a number and a lease.
//!
//! A claim pushes a delivery's `due_at` to the end of its lease. What is due although a claim is open has
//! lapsed: it is first recorded as `interrupted` ([`bocau_domain::Input::ClaimLapsed`], with a row in the
//! history), then claimed anew where it is still waiting.

use std::time::Duration;

use bocau_domain::delivery::ClaimNumber;
use bocau_domain::{DeliveryId, EventId, EventType, ObjectId, StoreId, Timestamp, Trigger, WebhookId};
use bytes::Bytes;

/// What to claim.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Now.
    pub now: Timestamp,
    /// How long the claims hold.
    pub lease: Duration,
    /// For which webhooks, and how many of each at most; the due ones of a webhook in the order of their
    /// `due_at`.
    pub wants: Vec<(WebhookId, usize)>,
    /// Bytes of payload at most over all; one delivery is claimed even where it alone is larger.
    pub bytes_max: usize,
}

/// Names a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimRef {
    /// The store.
    pub store: StoreId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The claim's number.
    pub claim: ClaimNumber,
}

/// A delivery that was claimed, with all that an attempt needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The claim.
    pub claim: ClaimRef,
    /// When its lease ends.
    pub lease_until: Timestamp,
    /// Where it goes.
    pub webhook: WebhookId,
    /// The event.
    pub event: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Its object.
    pub object_id: ObjectId,
    /// Its payload.
    pub payload: Bytes,
    /// What sets the attempt off.
    pub trigger: Trigger,
    /// The number the attempt will have in the history.
    pub number: u32,
}

/// A webhook with waiting deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueWebhook {
    /// The webhook.
    pub webhook: WebhookId,
    /// The moment its first waiting delivery is due.
    pub due_at: Timestamp,
}
