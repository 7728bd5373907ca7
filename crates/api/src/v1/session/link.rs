//! `POST /session/link`

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_store::{LinkPurpose, SessionOwner};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::begin::begin_for;
use super::view::{SessionView, answer, secret};
use crate::auth::origin::NotCrossSite;
use crate::auth::sessions::{Begun, is_token};
use crate::body::read_json;
use crate::people::first_admin;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::ProblemRef;

/// The link that is used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkUse)]
pub struct UseLink {
    /// What stands behind `#token=` in the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    token: SecretString,
}

/// Signs in by a link, which works once: the one printed at the first start, or a portal link. A portal
/// session has a cookie of its own, `bocau_portal`.
#[utoipa::path(post, path = "/session/link", tag = "session", security(()), request_body = UseLink, responses(
    (status = 200, description = "Signed in.", body = SessionView, headers(("set-cookie" = String, description = "The session."))),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn use_link(
    State(api): State<Api>,
    _: NotCrossSite,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: UseLink = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let token = asked.token.expose_secret();
    if !is_token(token) {
        return Err(expired());
    }
    let hash = api.master_key().hash_sign_in_link(token);
    let begun = begin(&api, hash).await?.ok_or_else(expired)?;
    Ok(answer(&api, &begun))
}

async fn begin(api: &Api, hash: [u8; 32]) -> Result<Option<Begun>, Problem> {
    let engine = api.engine();
    let link = engine.store().redeem_sign_in_link(hash, engine.clock().now()).await?;
    let Some(link) = link else { return Ok(None) };
    match link.purpose {
        LinkPurpose::Portal { store, role } => {
            let owner = SessionOwner::Portal { store, role };
            api.sessions().begin(api, owner, Some(link.session_until)).await
        }
        LinkPurpose::FirstAdmin => {
            let Some(id) = first_admin(engine).await? else { return Ok(None) };
            begin_for(api, id).await
        }
    }
}

fn expired() -> Problem {
    let detail = text(
        "Liên kết này đã được dùng hoặc đã hết hạn. Hãy mở lại trang từ nơi đã đưa liên kết.",
        "This link was used already, or its time is over. Open the page again from where the link came.",
    );
    Problem::new(Kind::LinkExpired, detail)
}
