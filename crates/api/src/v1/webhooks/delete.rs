//! `DELETE /stores/{store}/webhooks/{id}`

use axum::extract::State;
use bocau_domain::Scope;
use http::StatusCode;

use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Deletes a webhook. Needs `manage`. Its waiting deliveries are skipped; its history stays.
#[utoipa::path(delete, path = "/stores/{store}/webhooks/{id}", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn delete_webhook(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| Problem::no_webhook())?;
    if !api.engine().delete_webhook(store, id, caller.actor()).await? {
        return Err(Problem::no_webhook());
    }
    Ok(StatusCode::NO_CONTENT)
}
