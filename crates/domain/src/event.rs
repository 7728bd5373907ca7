//! Events: something that happened to one object, with the payload bytes as the platform sent them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::ids::EventId;
use crate::limits::{EVENT_TYPE_LENGTH_MAX, OBJECT_ID_LENGTH_MAX};
use crate::store::StoreId;
use crate::time::Timestamp;

/// The name of an event type: two or more parts of `a-z 0-9 _` joined by dots (`order.created`).
/// That a name is well formed says nothing about whether the catalogue has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Arc<str>);

/// Why a text is no event type's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event type is two or more parts of a-z 0-9 _ joined by dots, such as order.created")]
pub struct EventTypeError;

impl EventType {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventType {
    type Err = EventTypeError;

    fn from_str(text: &str) -> Result<Self, EventTypeError> {
        let part_fits = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let fits =
            text.len() <= EVENT_TYPE_LENGTH_MAX && text.contains('.') && text.split('.').all(part_fits);
        if fits { Ok(Self(text.into())) } else { Err(EventTypeError) }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The platform's id of the order, product or customer that an event is about. Printable ASCII without
/// spaces, because it also travels as a header.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Arc<str>);

/// Why a text is no object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object id is 1 to {OBJECT_ID_LENGTH_MAX} printable ASCII characters without spaces")]
pub struct ObjectIdError;

impl ObjectId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectId {
    type Err = ObjectIdError;

    fn from_str(text: &str) -> Result<Self, ObjectIdError> {
        if (1..=OBJECT_ID_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            Ok(Self(text.into()))
        } else {
            Err(ObjectIdError)
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event as the store keeps it. The payload is text because it was checked to be JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// The store it belongs to.
    pub store: StoreId,
    /// What happened.
    pub event_type: EventType,
    /// To which object.
    pub object_id: ObjectId,
    /// When it happened, where the publisher said so.
    pub occurred_at: Option<Timestamp>,
    /// When it was taken in.
    pub created_at: Timestamp,
    /// The object, in the very bytes that were received.
    pub payload: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_type_has_two_or_more_lower_case_parts() {
        for text in ["order.created", "a.b.c", "order.status_changed", "x1.y2"] {
            let name: EventType = text.parse().expect(text);
            assert_eq!((name.as_str(), &*name.to_string(), &*format!("{name:?}")), (text, text, text));
        }
        for text in [
            "",
            "order",
            "order.",
            ".created",
            "Order.created",
            "order..x",
            "order.*",
            "1a.b",
            "a b.c",
            &format!("a.{}", "b".repeat(99)),
        ] {
            assert!(text.parse::<EventType>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_id_can_travel_as_a_header() {
        for text in ["208610", "DH-1/2", "~", &"9".repeat(128)] {
            let id: ObjectId = text.parse().expect(text);
            assert_eq!((id.as_str(), &*id.to_string(), &*format!("{id:?}")), (text, text, text));
        }
        for text in ["", "a b", "a\nb", "đơn", &"9".repeat(129)] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }
}
