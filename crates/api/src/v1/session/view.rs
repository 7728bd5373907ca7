//! A session on the wire.

use axum::Json;
use axum::response::{AppendHeaders, IntoResponse, Response};
use bocau_domain::{Role, Timestamp, User};
use bocau_store::{Session, SignedIn};
use secrecy::SecretString;
use serde::{Deserialize as _, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::auth::cookies;
use crate::auth::sessions::Begun;
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::words;

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// Whether a user signed in, or somebody came through a portal link.
    #[schema(value_type = words::SessionKind)]
    pub kind: &'static str,
    /// The user; `null` in a portal session.
    #[schema(required)]
    pub user: Option<SessionUserView>,
    /// The one store of a portal session; `null` for a user.
    #[schema(required)]
    pub store: Option<SessionStoreView>,
    /// What the session may do in the stores that it reaches.
    #[schema(value_type = words::MemberRole)]
    pub role: &'static str,
    /// When it ends, unless it is used before.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// Whose session it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionUser)]
pub struct SessionUserView {
    /// The user's id.
    pub id: String,
    /// The user's e-mail address.
    pub email: String,
    /// What they may do.
    #[schema(value_type = words::MemberRole)]
    pub role: &'static str,
    /// Where; `null` for an admin, who has every store.
    #[schema(required)]
    pub stores: Option<Vec<String>>,
    /// Whether they have a password to sign in with again.
    pub has_password: bool,
}

/// The store of a portal session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionStore)]
pub struct SessionStoreView {
    /// The platform's id of it.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// The session of a user.
pub(super) fn of_user(user: &User, expires_at: Timestamp) -> SessionView {
    let stores = || user.stores.iter().map(ToString::to_string).collect();
    SessionView {
        kind: words::USER_SESSION,
        user: Some(SessionUserView {
            id: user.id.to_string(),
            email: user.email.to_string(),
            role: user.role.as_str(),
            stores: (user.role != Role::Admin).then(stores),
            has_password: user.has_password,
        }),
        store: None,
        role: user.role.as_str(),
        expires_at: to_rfc3339(expires_at),
    }
}

/// Any session.
pub(super) fn view(session: &Session) -> SessionView {
    match &session.who {
        SignedIn::User(user) => of_user(user, session.expires_at),
        SignedIn::Portal { store, role } => SessionView {
            kind: words::PORTAL_SESSION,
            user: None,
            store: Some(SessionStoreView { id: store.id.to_string(), name: store.name.clone() }),
            role: role.as_str(),
            expires_at: to_rfc3339(session.expires_at),
        },
    }
}

/// The answer that begins a session: what it is, and its cookie.
pub(super) fn answer(api: &Api, begun: &Begun) -> Response {
    let cookie = cookies::give(begun, api.engine().clock().now(), api.has_secure_cookies());
    (AppendHeaders([cookie]), Json(view(&begun.session))).into_response()
}

/// Reads a password or token, which shows in no output.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Reads one that may be left out.
pub(crate) fn secret_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(SecretString::from))
}
