//! `GET /stores/{store}/deliveries/{id}/attempts`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::AttemptView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The history (Lịch sử) of a delivery, oldest first, all of it.
#[utoipa::path(get, path = "/stores/{store}/deliveries/{id}/attempts", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The delivery's id")), responses(
    (status = 200, description = "The attempts.", body = PageView<AttemptView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_attempts(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<PageView<AttemptView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let id = id.parse().map_err(|_| Problem::no_delivery())?;
    let db = api.engine().store();
    let rows = db.attempts(&store, id).await?;
    if rows.is_empty() && db.find_delivery(&store, id).await?.is_none() {
        return Err(Problem::no_delivery());
    }
    let masks = api.masks_for(&caller);
    let data = rows.into_iter().map(|attempt| AttemptView::masked(attempt, &masks)).collect();
    Ok(Json(PageView { data, next_cursor: None }))
}
