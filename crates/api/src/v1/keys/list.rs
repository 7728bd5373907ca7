//! `GET /keys` and `GET /stores/{store}/keys`

use axum::Json;
use axum::extract::State;
use bocau_domain::{Scope, StoreId};

use super::view::KeyView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The keys of the platform, newest first. Needs an admin, or a platform key with `manage`.
#[utoipa::path(get, path = "/keys", tag = "keys", responses(
    (status = 200, description = "All of them.", body = PageView<KeyView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_keys(State(api): State<Api>, caller: Caller) -> Result<Json<PageView<KeyView>>, Problem> {
    caller.require_platform(Scope::Manage)?;
    list(&api, None).await
}

/// The keys of a store, newest first. Needs `manage`.
#[utoipa::path(get, path = "/stores/{store}/keys", tag = "keys", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 200, description = "All of them.", body = PageView<KeyView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_store_keys(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Json<PageView<KeyView>>, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    api.engine().store().find_store(&store).await?.ok_or_else(Problem::no_store)?;
    list(&api, Some(&store)).await
}

async fn list(api: &Api, store: Option<&StoreId>) -> Result<Json<PageView<KeyView>>, Problem> {
    let keys = api.engine().store().list_api_keys(store).await?;
    Ok(Json(PageView { data: keys.into_iter().map(KeyView::from).collect(), next_cursor: None }))
}
