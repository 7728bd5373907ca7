//! `GET /stores/{store}/deliveries/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::{AttemptView, DeliveryView, DeliveryWithHistory, payload};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// One delivery with its payload and history.
#[utoipa::path(get, path = "/stores/{store}/deliveries/{id}", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The delivery's id")), responses(
    (status = 200, description = "The delivery.", body = DeliveryWithHistory),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_delivery(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<DeliveryWithHistory>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| Problem::no_delivery())?;
    let db = api.engine().store();
    let delivery = db.find_delivery(&store, id).await?.ok_or_else(Problem::no_delivery)?;
    let event = db.find_event(&store, delivery.event_id).await?.ok_or_else(Problem::no_delivery)?;
    let history = db.attempts(&store, id).await?;
    let masks = api.masks_for(&caller);
    Ok(Json(DeliveryWithHistory {
        delivery: DeliveryView::from(delivery),
        payload: payload(event.payload, &masks)?,
        history: history.into_iter().map(|attempt| AttemptView::masked(attempt, &masks)).collect(),
    }))
}
