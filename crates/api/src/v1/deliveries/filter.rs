//! The filter of the report: which deliveries, as a query or as a body says it.

use std::collections::BTreeSet;

use bocau_domain::{Catalogue, EventPattern, EventType, Status, Timestamp};
use bocau_store::DeliveryFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Kind, Problem, text};
use crate::query::invalid;
use crate::time::from_rfc3339;

/// Which deliveries; what is left out does not narrow.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[schema(as = DeliveryFilter)]
pub struct FilterParams {
    /// Loại: a type (`order.created`) or a group (`order.*`).
    pub r#type: Option<String>,
    /// Trạng thái.
    #[param(value_type = Option<crate::v1::words::DeliveryStatus>)]
    #[schema(value_type = Option<crate::v1::words::DeliveryStatus>)]
    pub status: Option<String>,
    /// ID đối tượng.
    pub object_id: Option<String>,
    /// Webhook.
    pub webhook_id: Option<String>,
    /// Made at or after this moment (RFC 3339).
    pub from: Option<String>,
    /// Made before this moment (RFC 3339).
    pub to: Option<String>,
}

impl FilterParams {
    /// Checked.
    pub fn filter(&self, catalogue: &Catalogue) -> Result<DeliveryFilter, Problem> {
        let status = |text: &str| {
            let hint = "status là pending, retrying, succeeded, failed hoặc skipped.";
            Status::parse(text).ok_or_else(|| {
                invalid("status", hint, "status is pending, retrying, succeeded, failed or skipped.")
            })
        };
        let object = |text: &str| {
            text.parse()
                .map_err(|_| invalid("object_id", "object_id không hợp lệ.", "object_id does not fit."))
        };
        let webhook = |text: &str| {
            text.parse()
                .map_err(|_| invalid("webhook_id", "webhook_id có dạng wh_….", "webhook_id looks like wh_…."))
        };
        Ok(DeliveryFilter {
            types: self.r#type.as_deref().map(|text| types(text, catalogue)).transpose()?.flatten(),
            status: self.status.as_deref().map(status).transpose()?,
            object_id: self.object_id.as_deref().map(object).transpose()?,
            webhook_id: self.webhook_id.as_deref().map(webhook).transpose()?,
            from: self.from.as_deref().map(|text| moment("from", text)).transpose()?,
            to: self.to.as_deref().map(|text| moment("to", text)).transpose()?,
        })
    }
}

/// The types that a filter means; `None` for all. A type that has left the catalogue still has its rows.
fn types(asked: &str, catalogue: &Catalogue) -> Result<Option<Vec<EventType>>, Problem> {
    match EventPattern::from_stored(asked) {
        Some(EventPattern::All) => Ok(None),
        Some(EventPattern::One(name)) => Ok(Some(vec![name])),
        Some(group) if !catalogue.matching(&group).is_empty() => Ok(Some(catalogue.matching(&group))),
        Some(EventPattern::Group(group)) => {
            let groups = groups(catalogue);
            let detail = text(
                format!("Không có nhóm “{group}”. Các nhóm: {groups}."),
                format!("There is no group “{group}”. The groups: {groups}."),
            );
            Err(Problem::field(Kind::InvalidQuery, "type", detail))
        }
        None => Err(invalid(
            "type",
            "type là tên một loại sự kiện (order.created) hoặc một nhóm (order.*).",
            "type is an event type (order.created) or a group (order.*).",
        )),
    }
}

/// The groups there are, as one writes them.
fn groups(catalogue: &Catalogue) -> String {
    let groups: BTreeSet<&str> = catalogue.iter().map(|entry| &*entry.group).collect();
    groups.into_iter().map(|group| format!("{group}.*")).collect::<Vec<_>>().join(", ")
}

fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    // A “+” that was not percent-encoded in the offset arrives as a space.
    from_rfc3339(&text.replace(' ', "+")).ok_or_else(|| {
        let en = "A moment is RFC 3339, such as 2026-06-10T00:00:00+07:00 (the + percent-encoded as %2B).";
        invalid(
            name,
            "Thời điểm theo RFC 3339, ví dụ 2026-06-10T00:00:00+07:00 (dấu + mã hóa thành %2B).",
            en,
        )
    })
}
