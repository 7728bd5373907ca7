//! `GET /stores/{store}/inboxes`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::InboxView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The test inboxes of a store, newest first.
#[utoipa::path(get, path = "/stores/{store}/inboxes", tag = "inboxes", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 200, description = "All of them.", body = PageView<InboxView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_inboxes(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Json<PageView<InboxView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let db = api.engine().store();
    let inboxes = db.list_inboxes(&store).await?;
    if inboxes.is_empty() && db.find_store(&store).await?.is_none() {
        return Err(Problem::no_store());
    }
    let data = inboxes.into_iter().rev().map(InboxView::from).collect();
    Ok(Json(PageView { data, next_cursor: None }))
}
