//! `GET /stores/{store}/inboxes/{id}/requests`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::{InboxRequestView, no_inbox, request_view};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The last 100 requests that a test inbox received, newest first.
#[utoipa::path(get, path = "/stores/{store}/inboxes/{id}/requests", tag = "inboxes", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The inbox's id")), responses(
    (status = 200, description = "The requests.", body = PageView<InboxRequestView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_inbox_requests(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<PageView<InboxRequestView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| no_inbox())?;
    let (engine, shows_values) = (api.engine(), caller.may(Scope::Manage));
    let requests = engine.store().list_inbox_requests(&store, id).await?;
    if requests.is_empty() && engine.store().find_inbox(&store, id).await?.is_none() {
        return Err(no_inbox());
    }
    let (prefix, masks) = (engine.header_prefix(), api.masks_for(&caller));
    let view = |request| request_view(request, prefix, shows_values, &masks);
    let data = requests.into_iter().map(view).collect();
    Ok(Json(PageView { data, next_cursor: None }))
}
