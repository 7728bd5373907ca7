//! `POST /members`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{MemberView, email, refused, role, stores};
use crate::auth::Caller;
use crate::body::read_json;
use crate::people::{NewUser, create_user};
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::session::view::secret;
use crate::v1::{ProblemRef, words};

/// A member to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMember)]
pub struct NewMember {
    /// The e-mail address to sign in with.
    email: String,
    /// What they may do.
    #[schema(value_type = words::MemberRole)]
    role: String,
    /// The ids of their stores; an admin has every store and needs none.
    #[serde(default)]
    stores: Vec<String>,
    /// The password to begin with: 12 to 200 characters.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Makes a member. Needs an admin, or a platform key with `manage`.
#[utoipa::path(post, path = "/members", tag = "members", request_body = NewMember, responses(
    (status = 201, description = "The member.", body = MemberView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_member(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<MemberView>), Problem> {
    caller.require_platform(Scope::Manage)?;
    let new: NewMember = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let (email, role, stores) = (email(&new.email)?, role(&new.role)?, stores(&new.stores)?);
    let user = NewUser {
        id: engine.ids().user_id(),
        email,
        role,
        stores,
        password_hash: api.passwords().hash(&api, "/password", &new.password).await?,
        created_at: engine.clock().now(),
    };
    let user = create_user(&**engine.store(), user, &caller.actor()).await?.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(user.into())))
}
