//! `DELETE /stores/{store}/resends/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::{ResendJobView, no_job};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Stops a bulk resend. Needs `manage`. What was asked for before is still sent.
#[utoipa::path(delete, path = "/stores/{store}/resends/{id}", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The bulk resend's id")), responses(
    (status = 200, description = "The bulk resend as it now stands.", body = ResendJobView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn stop_resend(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<ResendJobView>, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| no_job())?;
    let engine = api.engine();
    let stopped = engine.store().stop_resend_job(&store, id, &caller.actor(), engine.clock().now()).await?;
    Ok(Json(stopped.ok_or_else(no_job)?.into()))
}
