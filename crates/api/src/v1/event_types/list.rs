//! `GET /event-types`

use axum::Json;
use axum::extract::State;
use bocau_domain::{CatalogueEntry, Scope};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// An event type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventType)]
pub struct EventTypeView {
    /// Its name, such as `order.created`.
    name: String,
    /// What it is called.
    label: LabelView,
    /// `order`, `product`, `customer` or an operator's own; `order.*` subscribes to all of one.
    group: String,
    /// A payload as the receiver gets it.
    #[schema(value_type = Object)]
    sample: Box<RawValue>,
    /// The JSON Schema (2020-12) of its payloads.
    #[schema(value_type = Object)]
    schema: Box<RawValue>,
}

/// A label in both languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Label)]
pub struct LabelView {
    /// Vietnamese.
    vi: String,
    /// English.
    en: String,
}

fn view(entry: &CatalogueEntry) -> Result<EventTypeView, Problem> {
    // The catalogue's texts were checked to be JSON when the server started.
    let raw = |text: &str| RawValue::from_string(text.to_owned()).map_err(|_| Problem::internal());
    Ok(EventTypeView {
        name: entry.name.to_string(),
        label: LabelView { vi: entry.label_vi.clone(), en: entry.label_en.clone() },
        group: entry.group.to_string(),
        sample: raw(entry.sample.trim())?,
        schema: raw(entry.schema.trim())?,
    })
}

/// All event types, by name.
#[utoipa::path(get, path = "/event-types", tag = "event types", responses(
    (status = 200, description = "The event types.", body = PageView<EventTypeView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_event_types(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<PageView<EventTypeView>>, Problem> {
    caller.require(Scope::Read)?;
    let data = api.engine().catalogue().iter().map(view).collect::<Result<_, _>>()?;
    Ok(Json(PageView { data, next_cursor: None }))
}
