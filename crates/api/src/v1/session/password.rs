//! `PUT /session/password`

use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{User, UserChange};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{secret, secret_or_none};
use crate::auth::Caller;
use crate::auth::client::Client;
use crate::body::read_json;
use crate::problem::Problem;
use crate::refusals::invalid;
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::members::change::change_user;

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub struct ChangePassword {
    /// The present password, where there is one.
    #[serde(default, deserialize_with = "secret_or_none")]
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<SecretString>,
    /// The new one: 12 to 200 characters.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Gives the user who is signed in another password, and ends their other sessions.
#[utoipa::path(put, path = "/session/password", tag = "session", security(("session" = [])), request_body = ChangePassword, responses(
    (status = 204, description = "Changed."),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let signed = caller.require_session()?;
    let user = signed.require_user()?;
    let asked: ChangePassword = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    check_current(&api, client, user, asked.current_password).await?;
    let hash = api.passwords().hash(&api, "/new_password", &asked.new_password).await?;
    let change = UserChange { password_hash: Some(hash), ..UserChange::default() };
    change_user(&api, user.id, change, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever finds an open session must not make it theirs for good. Looked up anew: what is remembered of the
/// user may be older than their password.
async fn check_current(
    api: &Api,
    client: Client,
    user: &User,
    given: Option<SecretString>,
) -> Result<(), Problem> {
    let (engine, address) = (api.engine(), user.email.as_str());
    let found = engine.store().find_user_by_email(&user.email).await?;
    let Some(hash) = found.filter(|(found, _)| found.id == user.id).and_then(|(_, hash)| hash) else {
        return Ok(());
    };
    let Some(given) = given else {
        return Err(invalid(
            "/current_password",
            "Hãy nhập mật khẩu hiện tại.",
            "Give the present password.",
        ));
    };
    let wait = api.throttle().begin(client, address, engine.clock().monotonic())?;
    if !wait.is_zero() {
        engine.clock().sleep(wait).await;
    }
    match api.passwords().verify(api, &given, Some(hash)).await {
        Ok(true) => {
            api.throttle().succeeded(client, address);
            Ok(())
        }
        Ok(false) => Err(invalid(
            "/current_password",
            "Mật khẩu hiện tại không đúng.",
            "The present password is another one.",
        )
        .because("wrong_password")),
        Err(problem) => {
            api.throttle().withdraw(client, address);
            Err(problem)
        }
    }
}
