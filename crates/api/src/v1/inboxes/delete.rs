//! `DELETE /stores/{store}/inboxes/{id}`

use axum::extract::State;
use bocau_domain::Scope;
use http::StatusCode;

use super::view::no_inbox;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Deletes a test inbox with what it received. Needs `manage`. Webhooks that point at it fail from now on.
#[utoipa::path(delete, path = "/stores/{store}/inboxes/{id}", tag = "inboxes", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The inbox's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn delete_inbox(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| no_inbox())?;
    let engine = api.engine();
    let deleted = engine.store().delete_inbox(&store, id, &caller.actor(), engine.clock().now()).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(no_inbox()) }
}
