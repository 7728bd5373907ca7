//! `PATCH /stores/{store}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Scope, StoreChange};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{StoreView, name, retention};
use crate::auth::Caller;
use crate::body::{given, not_null, read_json};
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// What changes; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StoreChange)]
pub struct ChangeStore {
    /// A new name: 1 to 200 characters.
    #[serde(default, deserialize_with = "not_null")]
    name: Option<String>,
    /// Days that its events are kept: 1 to 3650; `null` goes back to the server's setting, which is never exceeded.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3650)]
    retention_days: Option<Option<u32>>,
}

/// Gives a store another name, or keeps its events for another time. Needs a platform key with `manage`. What a
/// shorter time leaves out is removed in the background.
#[utoipa::path(patch, path = "/stores/{store}", tag = "stores", params(("store" = String, Path, description = "The store's id")), request_body = ChangeStore, responses(
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
    let change: ChangeStore = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let change = StoreChange {
        name: change.name.as_deref().map(name).transpose()?,
        retention: change.retention_days.map(|days| days.map(retention).transpose()).transpose()?,
    };
    let engine = api.engine();
    let now = engine.clock().now();
    let changed = engine.store().change_store(&id, change, &caller.actor(), now).await?;
    Ok(Json(changed.ok_or_else(Problem::no_store)?.into()))
}
