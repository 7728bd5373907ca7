//! `POST /keys` and `POST /stores/{store}/keys`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::{API_KEYS_PER_OWNER_MAX, CONFIG_REQUEST_BYTES_MAX};
use bocau_domain::{ApiKey, Owner, Scope, Scopes, Timestamp};
use bocau_store::NotChanged;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::KeyView;
use crate::auth::Caller;
use crate::auth::keys::new_key;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::refusals::invalid;
use crate::router::Api;
use crate::time::from_rfc3339;
use crate::v1::{ProblemRef, revealed, words};

/// Characters of a key's name at most.
const NAME_LENGTH_MAX: usize = 200;

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub struct NewKey {
    /// What people call it: 1 to 200 characters.
    name: String,
    /// What it may be used for: nothing that its maker may not do.
    #[schema(value_type = Vec<words::KeyScope>)]
    scopes: Vec<String>,
    /// From when on it is refused. Where it is left out, never, or when its maker's own right ends: that of a key that
    /// expires, or of a portal session.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// The new key, with the key itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub struct CreatedKey {
    #[serde(flatten)]
    view: KeyView,
    /// `bck_…`. It is kept nowhere and cannot be shown again.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    key: SecretString,
}

/// Makes a key of the platform, for every store. Needs an admin, or a platform key with `manage`.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = NewKey, responses(
    (status = 201, description = "The key, shown this once.", body = CreatedKey),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_key(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    caller.require_platform(Scope::Manage)?;
    let new: NewKey = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    create(&api, &caller, Owner::Platform, new).await
}

/// Makes a key of a store. Needs `manage`.
#[utoipa::path(post, path = "/stores/{store}/keys", tag = "keys", params(("store" = String, Path, description = "The store's id")), request_body = NewKey, responses(
    (status = 201, description = "The key, shown this once.", body = CreatedKey),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_store_key(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let new: NewKey = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    create(&api, &caller, Owner::Store(store), new).await
}

async fn create(
    api: &Api,
    caller: &Caller,
    owner: Owner,
    new: NewKey,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let engine = api.engine();
    let now = engine.clock().now();
    let key = ApiKey {
        id: engine.ids().api_key_id(),
        name: name(&new.name)?,
        owner,
        scopes: scopes(&new.scopes, caller)?,
        created_at: now,
        expires_at: end(new.expires_at.as_deref(), now, caller)?,
        last_used_at: None,
    };
    let token = new_key(&**engine.rng());
    let hash = api.master_key().hash_api_key(token.expose_secret());
    match engine.store().create_api_key(key.clone(), hash, &caller.actor()).await? {
        Ok(()) => {
            let created = CreatedKey { view: key.into(), key: token.clone() };
            Ok((StatusCode::CREATED, Json(created)))
        }
        Err(NotChanged::TooMany) => {
            let detail = text(
                format!("Tối đa {API_KEYS_PER_OWNER_MAX} khóa API. Hãy thu hồi bớt trước."),
                format!("There are at most {API_KEYS_PER_OWNER_MAX} API keys. Revoke one first."),
            );
            Err(Problem::new(Kind::TooManyKeys, detail))
        }
        Err(_) => Err(Problem::no_store()),
    }
}

fn name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if (1..=NAME_LENGTH_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(invalid(
        "/name",
        "Tên khóa từ 1 đến 200 ký tự, không có ký tự điều khiển.",
        "A key's name has 1 to 200 characters, no control characters.",
    ))
}

/// Nobody makes a key that may do more than they may themselves.
fn scopes(words: &[String], caller: &Caller) -> Result<Scopes, Problem> {
    let mut scopes = Vec::with_capacity(Scope::ALL.len());
    for (place, word) in words.iter().enumerate() {
        let scope = Scope::parse(word).ok_or_else(|| {
            invalid(
                format!("/scopes/{place}"),
                "Quyền là publish, read hoặc manage.",
                "A scope is publish, read or manage.",
            )
        })?;
        caller.require(scope)?;
        scopes.push(scope);
    }
    if scopes.is_empty() {
        return Err(invalid("/scopes", "Chọn ít nhất một quyền.", "Name one scope at least."));
    }
    Ok(scopes.into_iter().collect())
}

/// Nobody makes a key that lasts longer than what they may do themselves.
fn end(given: Option<&str>, now: Timestamp, caller: &Caller) -> Result<Option<Timestamp>, Problem> {
    let given = given.map(|text| expiry(text, now)).transpose()?;
    match (given, caller.ends_at()) {
        (Some(end), Some(own)) if end > own => Err(invalid(
            "/expires_at",
            "Khóa không thể dùng lâu hơn quyền của chính bạn. Hãy bỏ trống expires_at, hoặc chọn thời điểm sớm hơn.",
            "A key cannot outlast your own right to make it. Leave expires_at out, or name an earlier moment.",
        )),
        (given, own) => Ok(given.or(own)),
    }
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    from_rfc3339(text).filter(|end| *end > now).ok_or_else(|| {
        invalid(
            "/expires_at",
            "Ngày hết hạn là thời điểm RFC 3339 trong tương lai, ví dụ 2030-01-31T00:00:00+07:00.",
            "The end is an RFC 3339 moment in the future, such as 2030-01-31T00:00:00+07:00.",
        )
    })
}
