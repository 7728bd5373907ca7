//! `GET /stores/{store}/events/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::EventView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::ProblemRef;
use crate::v1::deliveries::view::{DeliveryView, payload};

/// One event with its payload and its deliveries.
#[utoipa::path(get, path = "/stores/{store}/events/{id}", tag = "events", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The event's id")), responses(
    (status = 200, description = "The event.", body = EventView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_event(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<EventView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| Problem::no_event())?;
    let db = api.engine().store();
    let event = db.find_event(&store, id).await?.ok_or_else(Problem::no_event)?;
    let deliveries = db.deliveries_of_event(&store, id).await?;
    Ok(Json(EventView {
        id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        object_id: event.object_id.to_string(),
        occurred_at: event.occurred_at.map(to_rfc3339),
        created_at: to_rfc3339(event.created_at),
        payload: payload(event.payload, &api.masks_for(&caller))?,
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
    }))
}
