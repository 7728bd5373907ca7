//! `DELETE /session`

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use http::StatusCode;

use crate::auth::Caller;
use crate::auth::cookies::{self, CookieName};
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Signs out: the session is no more, and its cookie is taken away.
#[utoipa::path(delete, path = "/session", tag = "session", security(("session" = [])), responses(
    (status = 204, description = "Signed out."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn sign_out(State(api): State<Api>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let signed = caller.require_session()?;
    api.engine().store().delete_session(signed.hash).await?;
    api.sessions().forget(&signed.hash);
    let cookie = cookies::take_away(CookieName::of(&signed.session.who), api.has_secure_cookies());
    Ok((StatusCode::NO_CONTENT, AppendHeaders([cookie])))
}
