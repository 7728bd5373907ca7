//! `DELETE /keys/{id}` and `DELETE /stores/{store}/keys/{id}`

use axum::extract::State;
use bocau_domain::{ApiKeyId, Scope, StoreId};
use http::StatusCode;

use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{ProblemRef, to_the_end};

/// Takes a key of the platform away, at once. Needs an admin, or a platform key with `manage`.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "The key's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn revoke_key(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require_platform_or(Scope::Manage, Problem::no_key)?;
    revoke(api, caller, None, &id).await
}

/// Takes a key of a store away, at once. Needs `manage`.
#[utoipa::path(delete, path = "/stores/{store}/keys/{id}", tag = "keys", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The key's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn revoke_store_key(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    revoke(api, caller, Some(store), &id).await
}

async fn revoke(api: Api, caller: Caller, store: Option<StoreId>, id: &str) -> Result<StatusCode, Problem> {
    let id: ApiKeyId = id.parse().map_err(|_| Problem::no_key())?;
    to_the_end(async move {
        let (engine, by) = (api.engine(), caller.actor());
        let revoked = engine.store().revoke_api_key(store.as_ref(), id, &by, engine.clock().now()).await;
        // It may be gone even where that went wrong.
        api.keys().forget(id);
        if revoked? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::no_key()) }
    })
    .await
}
