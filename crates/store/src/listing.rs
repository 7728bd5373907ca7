//! What is looked up: the report page's filters and pages.

use bocau_domain::{DeliveryId, EventType, ObjectId, Status, Timestamp, WebhookId};

/// Which deliveries; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of one of these types.
    pub types: Option<Vec<EventType>>,
    /// In this state.
    pub status: Option<Status>,
    /// About this object.
    pub object_id: Option<ObjectId>,
    /// To this webhook.
    pub webhook_id: Option<WebhookId>,
    /// Made at or after this moment.
    pub from: Option<Timestamp>,
    /// Made before this moment.
    pub to: Option<Timestamp>,
}

/// A page of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The last row of the page before.
    pub after: Option<DeliveryId>,
    /// Rows at most.
    pub limit: usize,
}
