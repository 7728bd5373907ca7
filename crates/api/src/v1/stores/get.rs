//! `GET /stores/{store}`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::StoreView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// One store.
#[utoipa::path(get, path = "/stores/{store}", tag = "stores", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 200, description = "The store.", body = StoreView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_store(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Json<StoreView>, Problem> {
    let id = caller.store(&store, Scope::Read)?;
    let store = api.engine().store().find_store(&id).await?.ok_or_else(Problem::no_store)?;
    Ok(Json(store.into()))
}
