//! Erasure: what is kept of one order, product or customer is blanked, because somebody has a right to it.
//!
//! The rows stay, so that the report still tells what was sent when. What goes are the contents: the payloads of the
//! object's events, the bodies that receivers answered, and what the test inboxes received of it. What still waits is
//! not sent any more, and nothing of it can be sent again.

use async_trait::async_trait;
use bocau_domain::{Actor, DeliveryId, EventType, ObjectId, StoreId, Timestamp};

use crate::Result;

/// Deliveries that one call looks at.
pub const ERASE_BATCH: usize = 200;

/// What stands in the place of an erased payload. No event has it otherwise: a payload is an object.
pub const ERASED_PAYLOAD: &[u8] = b"null";

/// An order, a product, a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The group of its event types: `order`.
    pub group: String,
    /// Every type of the catalogue in that group.
    pub types: Vec<EventType>,
    /// Its id.
    pub id: ObjectId,
}

impl ObjectName {
    /// Whether an event of this type is about the object's group: by the catalogue, or by its name where the catalogue
    /// does not have it any more.
    pub(crate) fn has_type(&self, event_type: &str) -> bool {
        self.types.iter().any(|known| known.as_str() == event_type)
            || event_type.split_once('.').is_some_and(|(group, _)| group == self.group)
    }

    /// As the audit log names it.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.group, self.id)
    }

    /// Whether a request of ours with these headers was about the object. The prefix of their names is configured.
    pub(crate) fn is_in(&self, headers: &[(String, String)]) -> bool {
        let has = |ending: &str, is_meant: &dyn Fn(&str) -> bool| {
            headers.iter().any(|(name, value)| name.to_ascii_lowercase().ends_with(ending) && is_meant(value))
        };
        has("-object-id", &|id| id == self.id.as_str()) && has("-event", &|name| self.has_type(name))
    }
}

/// What a call has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Deliveries of the object that were looked at.
    pub deliveries: usize,
    /// Those of them that an attempt may be in flight for: what is answered to it is erased by a later call.
    pub in_flight: usize,
    /// Those that waited and are skipped now.
    pub skipped: Vec<DeliveryId>,
    /// Where the next call goes on; `None` where this was the last.
    pub next: Option<DeliveryId>,
}

/// The verb about erasing.
#[async_trait]
pub trait Erasure: Send + Sync {
    /// Blanks what is kept of an object in up to [`ERASE_BATCH`] of its deliveries, those after `after`. The first
    /// call (`after` is `None`) writes the entry of the audit log, with what it does. `None` where the store is not
    /// there.
    async fn erase_object(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Erased>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_known_by_its_group_and_id() {
        let object = ObjectName {
            group: "order".into(),
            types: vec!["invoice.sent".parse().expect("a type")],
            id: "1".parse().expect("an id"),
        };
        for (name, is_of) in [
            ("order.created", true),
            ("invoice.sent", true),
            ("orders.created", false),
            ("customer.created", false),
        ] {
            assert_eq!(object.has_type(name), is_of, "{name}");
            let headers = |id: &str| {
                [("Shop-Object-Id".to_owned(), id.to_owned()), ("Shop-Event".to_owned(), name.to_owned())]
            };
            assert_eq!(object.is_in(&headers("1")), is_of, "{name}");
            assert!(!object.is_in(&headers("2")) && !object.is_in(&[]));
        }
    }
}
