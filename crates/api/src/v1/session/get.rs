//! `GET /session`

use axum::Json;

use super::view::{SessionView, view};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::v1::ProblemRef;

/// The session of the cookie that the request brings.
#[utoipa::path(get, path = "/session", tag = "session", security(("session" = [])), responses(
    (status = 200, description = "The session.", body = SessionView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_session(caller: Caller) -> Result<Json<SessionView>, Problem> {
    Ok(Json(view(&caller.require_session()?.session)))
}
