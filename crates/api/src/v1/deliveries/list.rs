//! `GET /stores/{store}/deliveries`

use axum::Json;
use axum::extract::{Path, State};
use bocau_domain::{Catalogue, EventPattern, EventType, Scope, Status, Timestamp};
use bocau_store::{DeliveryFilter, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::DeliveryView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, invalid, limit};
use crate::router::Api;
use crate::time::from_rfc3339;
use crate::v1::{PageView, ProblemRef, page};

/// The filter and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Loại: a type (`order.created`) or a group (`order.*`).
    r#type: Option<String>,
    /// Trạng thái: `pending`, `retrying`, `succeeded`, `failed` or `skipped`.
    status: Option<String>,
    /// ID đối tượng.
    object_id: Option<String>,
    /// Webhook.
    webhook_id: Option<String>,
    /// Made at or after this moment (RFC 3339).
    from: Option<String>,
    /// Made before this moment (RFC 3339).
    to: Option<String>,
    /// Rows of the page: 1 to 200.
    #[param(default = 50)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Params {
    fn filter(&self, catalogue: &Catalogue) -> Result<DeliveryFilter, Problem> {
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
fn types(text: &str, catalogue: &Catalogue) -> Result<Option<Vec<EventType>>, Problem> {
    match EventPattern::from_stored(text) {
        Some(EventPattern::All) => Ok(None),
        Some(EventPattern::One(name)) => Ok(Some(vec![name])),
        Some(group) if !catalogue.matching(&group).is_empty() => Ok(Some(catalogue.matching(&group))),
        _ => Err(invalid(
            "type",
            "type là tên một loại sự kiện (order.created) hoặc một nhóm (order.*).",
            "type is an event type (order.created) or a group (order.*).",
        )),
    }
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

/// A store's deliveries, newest first.
#[utoipa::path(get, path = "/stores/{store}/deliveries", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), Params), responses(
    (status = 200, description = "A page of deliveries.", body = PageView<DeliveryView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<PageView<DeliveryView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let filter = params.filter(api.engine().catalogue())?;
    let limit = limit(params.limit)?;
    let after = from_cursor(params.cursor.as_deref())?;
    let db = api.engine().store();
    let rows = db.list_deliveries(&store, filter, Page { after, limit: limit + 1 }).await?;
    if rows.is_empty() && db.find_store(&store).await?.is_none() {
        return Err(Problem::no_store());
    }
    Ok(Json(page(rows, limit, |row| row.id.to_string(), DeliveryView::from)))
}
