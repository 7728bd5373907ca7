//! The first admin of a new installation, and users made at the command line.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Actor, Email, Role, StoreId, Timestamp, User, UserId};
use bocau_engine::Engine;
use bocau_store::{LinkPurpose, MasterKey, NotChanged, Result, SignInLink, Store};
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::sessions::{SESSION_IDLE_MAX, new_token};

/// How long the link of the first admin may be used.
pub const FIRST_LINK_LIFETIME: Duration = Duration::from_hours(24);
/// As what the first admin begins.
const FIRST_ADMIN: &str = "admin@bocau.local";

/// Somebody who is to sign in.
pub struct NewUser {
    /// Their id.
    pub id: UserId,
    /// How they are known.
    pub email: Email,
    /// What they may do.
    pub role: Role,
    /// Where; an admin has every store.
    pub stores: Vec<StoreId>,
    /// The hash of their password; see [`crate::hash_password`].
    pub password_hash: SecretString,
    /// When they are made.
    pub created_at: Timestamp,
}

/// Makes a user.
pub async fn create_user(
    store: &dyn Store,
    new: NewUser,
    by: &Actor,
) -> Result<std::result::Result<User, NotChanged>> {
    let mut stores = if new.role == Role::Admin { Vec::new() } else { new.stores };
    stores.sort();
    stores.dedup();
    let user = User {
        id: new.id,
        email: new.email,
        role: new.role,
        stores,
        has_password: true,
        created_at: new.created_at,
        last_sign_in_at: None,
    };
    let created = store.create_user(user.clone(), Some(new.password_hash), by).await?;
    Ok(created.map(|()| user))
}

/// A link that signs in once as an admin, as long as no admin has a password: a new installation, or one whose
/// first admin never set one. The admin is made when the link is used.
pub async fn first_sign_in_link(
    engine: &Engine,
    master_key: &MasterKey,
    base_url: &str,
) -> Result<Option<String>> {
    let store = engine.store();
    if has_admin_with_password(&**store).await? {
        return Ok(None);
    }
    let (token, now) = (new_token(&**engine.rng()), engine.clock().now());
    let link = SignInLink {
        hash: master_key.hash_sign_in_link(token.expose_secret()),
        purpose: LinkPurpose::FirstAdmin,
        created_at: now,
        expires_at: now + FIRST_LINK_LIFETIME,
        session_until: now + FIRST_LINK_LIFETIME + SESSION_IDLE_MAX,
    };
    let made = store.create_sign_in_link(link, &Actor::System).await?;
    let base_url = base_url.trim_end_matches('/');
    Ok(made.is_ok().then(|| format!("{base_url}/sign-in#token={}", token.expose_secret())))
}

/// The admin as whom the first link signs in; `None` where an admin has a password by now.
pub(crate) async fn first_admin(engine: &Arc<Engine>) -> Result<Option<UserId>> {
    let store = engine.store();
    let users = store.list_users().await?;
    let mut admins = users.iter().filter(|user| user.role == Role::Admin);
    if admins.clone().any(|admin| admin.has_password) {
        return Ok(None);
    }
    if let Some(admin) = admins.next() {
        return Ok(Some(admin.id));
    }
    let user = User {
        id: engine.ids().user_id(),
        email: FIRST_ADMIN.parse().expect("it is an address"),
        role: Role::Admin,
        stores: Vec::new(),
        has_password: false,
        created_at: engine.clock().now(),
        last_sign_in_at: None,
    };
    let id = user.id;
    // Where somebody else has the address already, the link is of no use.
    Ok(store.create_user(user, None, &Actor::System).await?.is_ok().then_some(id))
}

async fn has_admin_with_password(store: &dyn Store) -> Result<bool> {
    let users = store.list_users().await?;
    Ok(users.iter().any(|user| user.role == Role::Admin && user.has_password))
}
