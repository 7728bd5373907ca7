//! `GET /stores/{store}/resends`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_domain::limits::PAGE_LIMIT_DEFAULT;

use super::view::ResendJobView;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// The last 50 bulk resends, newest first.
#[utoipa::path(get, path = "/stores/{store}/resends", tag = "deliveries", params(("store" = String, Path, description = "The store's id")), responses(
    (status = 200, description = "The bulk resends.", body = PageView<ResendJobView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_resends(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
) -> Result<Json<PageView<ResendJobView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let db = api.engine().store();
    let jobs = db.list_resend_jobs(&store, PAGE_LIMIT_DEFAULT).await?;
    if jobs.is_empty() && db.find_store(&store).await?.is_none() {
        return Err(Problem::no_store());
    }
    Ok(Json(PageView { data: jobs.into_iter().map(ResendJobView::from).collect(), next_cursor: None }))
}
