//! What is looked up: the report page's filters and pages.

use bocau_domain::{
    Delivery, DeliveryId, EventType, ObjectId, Status, StoreId, StoreInfo, Timestamp, WebhookId,
};

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

impl DeliveryFilter {
    /// Whether a delivery is one of them.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        let made_at = delivery.id.made_at();
        self.types.as_ref().is_none_or(|types| types.contains(&delivery.event_type))
            && self.status.is_none_or(|status| delivery.state.status == status)
            && self.object_id.as_ref().is_none_or(|object| delivery.object_id == *object)
            && self.webhook_id.is_none_or(|webhook| delivery.webhook_id == Some(webhook))
            && self.from.is_none_or(|from| made_at >= from)
            && self.to.is_none_or(|to| made_at < to)
    }
}

/// A page of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<I = DeliveryId> {
    /// The last row of the page before.
    pub after: Option<I>,
    /// Rows at most.
    pub limit: usize,
}

/// A store's place in the list of stores. The later one comes first; of those made in one millisecond, the one
/// whose id is greater byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorePlace {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: StoreId,
}

impl From<&StoreInfo> for StorePlace {
    fn from(store: &StoreInfo) -> Self {
        Self { created_at: store.created_at, id: store.id.clone() }
    }
}
