//! `GET /stores/{store}/resends/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::{ResendJobView, no_job};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// How a bulk resend stands.
#[utoipa::path(get, path = "/stores/{store}/resends/{id}", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The bulk resend's id")), responses(
    (status = 200, description = "The bulk resend.", body = ResendJobView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_resend(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<ResendJobView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| no_job())?;
    let job = api.engine().store().find_resend_job(&store, id).await?.ok_or_else(no_job)?;
    Ok(Json(job.into()))
}
