//! `POST /stores/{store}/portal-links`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Role, Scope};
use bocau_store::{LinkPurpose, SignInLink};
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::auth::origin::BaseUrl;
use crate::auth::sessions::{PORTAL_SESSION, new_token};
use crate::body;
use crate::path::Path;
use crate::problem::Problem;
use crate::refusals::invalid;
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::{ProblemRef, revealed, words};

/// Minutes that a link may be used, unless the request says otherwise.
const VALID_MINUTES_DEFAULT: u64 = 15;
/// Minutes that a link may be used at most.
const VALID_MINUTES_MAX: u64 = 60;

/// A link to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPortalLink)]
pub struct NewPortalLink {
    /// Minutes within which the link must be opened: 1 to 60.
    #[schema(default = 15, minimum = 1, maximum = 60)]
    valid_minutes: Option<u64>,
    /// What whoever opens it may do in the store.
    #[schema(value_type = Option<words::PortalRole>)]
    role: Option<String>,
}

/// A link that opens once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PortalLink)]
pub struct PortalLinkView {
    /// Where to send the person's browser, or the address of a frame.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    url: SecretString,
    /// From when on it does not open any more.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Makes a link that opens the pages of one store, once, for eight hours. Needs an admin, or a platform key
/// with `manage`.
#[utoipa::path(post, path = "/stores/{store}/portal-links", tag = "session", params(("store" = String, Path, description = "The store's id")), request_body(content = NewPortalLink, description = "May be left out"), responses(
    (status = 201, description = "The link.", body = PortalLinkView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_portal_link(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    BaseUrl(base_url): BaseUrl,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PortalLinkView>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    caller.require_platform(Scope::Manage)?;
    let bytes = body::read(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let asked = if bytes.is_empty() { NewPortalLink::default() } else { body::parse(&bytes)? };
    let (valid, role) = (valid(asked.valid_minutes)?, role(asked.role.as_deref())?);
    let base_url = base_url.ok_or_else(|| {
        invalid(
            "Host",
            "Không rõ địa chỉ của máy chủ này: hãy cấu hình public_url hoặc gửi header Host.",
            "This server's address is unknown: configure public_url or send the header Host.",
        )
    })?;
    let engine = api.engine();
    let (token, now) = (new_token(&**engine.rng()), engine.clock().now());
    let link = SignInLink {
        hash: api.master_key().hash_sign_in_link(token.expose_secret()),
        purpose: LinkPurpose::Portal { store, role },
        created_at: now,
        expires_at: now + valid,
        // No longer than the right of who makes it.
        session_until: caller.ends_at().map_or(now + PORTAL_SESSION, |end| end.min(now + PORTAL_SESSION)),
    };
    let view = PortalLinkView {
        url: format!("{base_url}/portal#token={}", token.expose_secret()).into(),
        expires_at: to_rfc3339(link.expires_at),
    };
    let made = engine.store().create_sign_in_link(link, &caller.actor()).await?;
    made.map_err(|_| Problem::no_store())?;
    Ok((StatusCode::CREATED, Json(view)))
}

fn valid(minutes: Option<u64>) -> Result<Duration, Problem> {
    let minutes = minutes.unwrap_or(VALID_MINUTES_DEFAULT);
    if (1..=VALID_MINUTES_MAX).contains(&minutes) {
        return Ok(Duration::from_mins(minutes));
    }
    Err(invalid("/valid_minutes", "valid_minutes từ 1 đến 60.", "valid_minutes is 1 to 60."))
}

fn role(word: Option<&str>) -> Result<Role, Problem> {
    let role = word.map_or(Some(Role::Member), Role::parse).filter(|role| *role != Role::Admin);
    role.ok_or_else(|| invalid("/role", "role là member hoặc viewer.", "role is member or viewer."))
}
