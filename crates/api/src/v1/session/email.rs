//! `PUT /session/email`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::UserChange;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{SessionView, of_user};
use crate::auth::Caller;
use crate::body::read_json;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::members::change::change_user;
use crate::v1::members::view::email;

/// A new address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmailChange)]
pub struct ChangeEmail {
    /// The address to sign in with from now on.
    email: String,
}

/// Gives the user who is signed in another e-mail address.
#[utoipa::path(put, path = "/session/email", tag = "session", security(("session" = [])), request_body = ChangeEmail, responses(
    (status = 200, description = "The session.", body = SessionView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_email(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SessionView>, Problem> {
    let signed = caller.require_session()?;
    let user = signed.require_user()?;
    let asked: ChangeEmail = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let change = UserChange { email: Some(email(&asked.email)?), ..UserChange::default() };
    let user = change_user(&api, user.id, change, &caller).await?;
    Ok(Json(of_user(&user, signed.session.expires_at)))
}
