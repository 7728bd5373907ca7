//! `GET /members`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;

use super::view::MemberView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::{PageView, ProblemRef};

/// All members, the oldest first. Needs an admin, or a platform key with `manage`.
#[utoipa::path(get, path = "/members", tag = "members", responses(
    (status = 200, description = "All members.", body = PageView<MemberView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_members(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<PageView<MemberView>>, Problem> {
    caller.require_platform(Scope::Manage)?;
    let users = api.engine().store().list_users().await?;
    Ok(Json(PageView { data: users.into_iter().map(MemberView::from).collect(), next_cursor: None }))
}
