//! A filter of deliveries as JSON: how a job of resends keeps it, and how the audit log tells of it.

use bocau_domain::{EventType, Status};
use serde::{Deserialize, Serialize};

use crate::DeliveryFilter;
use crate::change::{moment, read_moment};

/// A filter as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FilterText {
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl From<&DeliveryFilter> for FilterText {
    fn from(filter: &DeliveryFilter) -> Self {
        Self {
            types: filter.types.as_ref().map(|types| types.iter().map(EventType::to_string).collect()),
            status: filter.status.map(|status| status.to_string()),
            object_id: filter.object_id.as_ref().map(ToString::to_string),
            webhook_id: filter.webhook_id.map(|id| id.to_string()),
            from: filter.from.map(moment),
            to: filter.to.map(moment),
        }
    }
}

/// Reads the JSON of a [`FilterText`].
pub(crate) fn read_filter(text: &str) -> Option<DeliveryFilter> {
    let text: FilterText = serde_json::from_str(text).ok()?;
    Some(DeliveryFilter {
        types: optional(text.types, |types| types.iter().map(|name| name.parse().ok()).collect())?,
        status: optional(text.status, |status| Status::parse(&status))?,
        object_id: optional(text.object_id, |id| id.parse().ok())?,
        webhook_id: optional(text.webhook_id, |id| id.parse().ok())?,
        from: optional(text.from, |at| read_moment(&at))?,
        to: optional(text.to, |at| read_moment(&at))?,
    })
}

/// What is there must be readable.
fn optional<T, U>(value: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}
