//! `DELETE /members/{id}`

use axum::extract::State;
use bocau_domain::Scope;
use http::StatusCode;

use super::view::{id, refused};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::{ProblemRef, to_the_end};

/// Deletes a member, which ends their sessions. Needs an admin, or a platform key with `manage`. Nobody deletes
/// themselves, nor the last admin who can sign in.
#[utoipa::path(delete, path = "/members/{id}", tag = "members", params(("id" = String, Path, description = "The member's id")), responses(
    (status = 204, description = "Gone."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn delete_member(
    State(api): State<Api>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require_platform_or(Scope::Manage, Problem::no_member)?;
    let (id, by) = (id(&path)?, caller.actor());
    if caller.session().and_then(|own| own.user()).is_some_and(|user| user.id == id) {
        let detail = text(
            "Bạn không thể xóa chính mình. Hãy nhờ quản trị viên khác.",
            "Nobody can delete themselves. Ask another admin.",
        );
        return Err(Problem::new(Kind::LastAdmin, detail).because("own_account"));
    }
    to_the_end(async move {
        let deleted = api.engine().store().delete_user(id, &by, api.engine().clock().now()).await;
        api.sessions().forget_user(id);
        deleted?.map_err(refused)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
