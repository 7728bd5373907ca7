//! What is written for events that come in: each event with its deliveries, and the idempotency key.

use bocau_domain::{DeliveryId, DeliveryState, EventId, EventType, ObjectId, StoreId, Timestamp, WebhookId};
use bytes::Bytes;

/// The events of one request: written whole or not at all.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose they are.
    pub store: StoreId,
    /// The version of the store's configuration they were routed by.
    pub config_version: u64,
    /// The events, with where they go.
    pub events: Vec<NewEvent>,
    /// The request's `Idempotency-Key`.
    pub idempotency: Option<IdempotencyKey>,
    /// When they were taken in.
    pub now: Timestamp,
}

/// A request's `Idempotency-Key`, remembered per store for
/// [`bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What the publisher sent.
    pub key: String,
    /// The SHA-256 of what was asked: the same key with another hash is an error.
    pub body_hash: [u8; 32],
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// To which object.
    pub object_id: ObjectId,
    /// When, where the publisher said so.
    pub occurred_at: Option<Timestamp>,
    /// The payload in the very bytes that were received.
    pub payload: Bytes,
    /// Whether it comes from “gửi thử”.
    pub is_test: bool,
    /// Where it goes; never empty, for an event that nobody takes has one that is `skipped`.
    pub deliveries: Vec<NewDelivery>,
}

/// A delivery to be written.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id, of its event's millisecond.
    pub id: DeliveryId,
    /// Where it goes.
    pub webhook_id: Option<WebhookId>,
    /// `pending`, claimed already where a lane has room for it; or `skipped`.
    pub state: DeliveryState,
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Accepted,
    /// The same request came before under its key; nothing was written. What the first one made: each
    /// event's id and its number of deliveries that were to be sent.
    Duplicate(Vec<(EventId, u32)>),
    /// Its key was used for another request; nothing was written.
    KeyReused,
    /// The store is not there; nothing was written.
    NoStore,
    /// The store is moving to another database, or has moved; nothing was written.
    Moved,
    /// The store's webhooks have changed since it was routed; nothing was written, and it must be routed
    /// again.
    Stale,
}
