//! `GET /stores/{store}/inboxes/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::{InboxView, no_inbox};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// One test inbox.
#[utoipa::path(get, path = "/stores/{store}/inboxes/{id}", tag = "inboxes", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The inbox's id")), responses(
    (status = 200, description = "The inbox.", body = InboxView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_inbox(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<InboxView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| no_inbox())?;
    let inbox = api.engine().store().find_inbox(&store, id).await?.ok_or_else(no_inbox)?;
    Ok(Json(inbox.into()))
}
