//! `DELETE /stores/{store}`

use axum::extract::State;
use bocau_domain::Scope;
use http::StatusCode;

use crate::auth::Caller;
use crate::auth::notices::Notice;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Deletes a store with everything below it: webhooks, keys, events, history. Needs a platform key with
/// `manage`. It is gone at once; its rows are removed in the background.
#[utoipa::path(delete, path = "/stores/{store}", tag = "stores", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn delete_store(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = caller.store(&store, Scope::Manage)?;
    caller.require_platform(Scope::Manage)?;
    let deleted = api.engine().delete_store(id.clone(), caller.actor()).await;
    // It may be gone even where that went wrong.
    api.notices().give(Notice::Store(id));
    if !deleted? {
        return Err(Problem::no_store());
    }
    Ok(StatusCode::NO_CONTENT)
}
