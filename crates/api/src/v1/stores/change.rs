//! `PATCH /stores/{store}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{StoreView, name};
use crate::auth::Caller;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// What changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StoreChange)]
pub struct StoreChange {
    /// A new name: 1 to 200 characters.
    name: String,
}

/// Gives a store another name. Needs a platform key with `manage`.
#[utoipa::path(patch, path = "/stores/{store}", tag = "stores", params(("store" = String, Path, description = "The store's id")), request_body = StoreChange, responses(
    (status = 200, description = "The store.", body = StoreView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_store(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<StoreView>, Problem> {
    let id = caller.store(&store, Scope::Manage)?;
    caller.require_platform(Scope::Manage)?;
    let change: StoreChange = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let now = engine.clock().now();
    let renamed = engine.store().rename_store(&id, name(&change.name)?, &caller.actor(), now).await?;
    Ok(Json(renamed.ok_or_else(Problem::no_store)?.into()))
}
