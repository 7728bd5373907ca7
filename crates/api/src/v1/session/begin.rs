//! `POST /session`

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Email, User, UserId};
use bocau_store::SessionOwner;
use http::HeaderMap;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{SessionView, answer, secret};
use crate::auth::client::Client;
use crate::auth::origin::NotCrossSite;
use crate::auth::sessions::Begun;
use crate::body::read_json;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::ProblemRef;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub struct SignIn {
    /// The e-mail address.
    email: String,
    /// The password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Signs in. The answer sets the cookie `bocau_session`. After five failures at one e-mail address within 15
/// minutes, or fifty at any, a client must wait. What others get wrong at an e-mail address slows its owner down
/// by two seconds and never keeps them out.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignIn, responses(
    (status = 200, description = "Signed in.", body = SessionView, headers(("set-cookie" = String, description = "The session."))),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn sign_in(
    State(api): State<Api>,
    _: NotCrossSite,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: SignIn = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let clock = api.engine().clock();
    let wait = api.throttle().begin(client, &asked.email, clock.monotonic())?;
    if !wait.is_zero() {
        clock.sleep(wait).await;
    }
    match checked(&api, &asked).await {
        Ok(Some(user)) => {
            api.throttle().succeeded(client, &asked.email);
            let begun = begin_for(&api, user.id).await?.ok_or_else(wrong_credentials)?;
            Ok(answer(&api, &begun))
        }
        Ok(None) => Err(wrong_credentials()),
        Err(problem) => {
            api.throttle().withdraw(client, &asked.email);
            Err(problem)
        }
    }
}

/// The user whom e-mail and password belong to. It takes as long where there is none.
async fn checked(api: &Api, asked: &SignIn) -> Result<Option<User>, Problem> {
    let found = match asked.email.parse::<Email>() {
        Ok(email) => api.engine().store().find_user_by_email(&email).await?,
        Err(_) => None,
    };
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    let is_right = api.passwords().verify(api, &asked.password, hash).await?;
    Ok(user.filter(|_| is_right))
}

/// Begins a user's session. `None` where they are gone.
pub(super) async fn begin_for(api: &Api, user: UserId) -> Result<Option<Begun>, Problem> {
    api.sessions().begin(api, SessionOwner::User(user), None).await
}

fn wrong_credentials() -> Problem {
    let detail = text(
        "E-mail hoặc mật khẩu không đúng. Hãy kiểm tra lại, kể cả phím Caps Lock và bộ gõ tiếng Việt.",
        "E-mail and password do not belong together. Check them, and Caps Lock.",
    );
    Problem::new(Kind::WrongCredentials, detail)
}
