//! `PATCH /members/{id}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Scope, User, UserChange, UserId};
use http::HeaderMap;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{MemberView, id, refused, role, stores};
use crate::auth::Caller;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::session::view::secret_or_none;
use crate::v1::{ProblemRef, to_the_end, words};

/// What changes; a field left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange)]
pub struct ChangeMember {
    /// What they may do.
    #[schema(value_type = Option<words::MemberRole>)]
    role: Option<String>,
    /// The ids of their stores, all of them.
    stores: Option<Vec<String>>,
    /// A new password, which ends their sessions: 12 to 200 characters.
    #[serde(default, deserialize_with = "secret_or_none")]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// Changes a member. Needs an admin, or a platform key with `manage`. It holds at once, in sessions too.
#[utoipa::path(patch, path = "/members/{id}", tag = "members", params(("id" = String, Path, description = "The member's id")), request_body = ChangeMember, responses(
    (status = 200, description = "The member.", body = MemberView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_member(
    State(api): State<Api>,
    caller: Caller,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<MemberView>, Problem> {
    caller.require_platform_or(Scope::Manage, Problem::no_member)?;
    let id = id(&path)?;
    let asked: ChangeMember = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let mut change = UserChange {
        role: asked.role.as_deref().map(role).transpose()?,
        stores: asked.stores.as_deref().map(stores).transpose()?,
        ..UserChange::default()
    };
    if let Some(password) = &asked.password {
        change.password_hash = Some(api.passwords().hash(&api, "/password", password).await?);
    }
    Ok(Json(change_user(&api, id, change, &caller).await?.into()))
}

/// Changes a user, and lets every session know. A new password ends all sessions of the user but the caller's
/// own. Goes on to its end when the caller hangs up.
pub(crate) async fn change_user(
    api: &Api,
    id: UserId,
    change: UserChange,
    caller: &Caller,
) -> Result<User, Problem> {
    let (api, by) = (api.clone(), caller.actor());
    let own = caller.session().filter(|own| own.user().is_some_and(|user| user.id == id));
    let own = own.map(|own| own.hash);
    to_the_end(async move {
        let (store, now) = (api.engine().store(), api.engine().clock().now());
        let changed = store.change_user(id, change, own, &by, now).await;
        api.sessions().forget_user(id);
        changed?.map_err(refused)
    })
    .await
}
