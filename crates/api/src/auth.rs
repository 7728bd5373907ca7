//! Who calls, and what they may do: a program by its API key, or a person by the cookie of their session.
//!
//! Of keys and sessions only keyed hashes are kept, so a database that leaks gives none away, and looking one
//! up takes no time that depends on a stored one. Known ones are remembered for [`REMEMBER`]: that is also how
//! long one that another process takes away may still work.
//!
//! - [`keys`]: API keys
//! - [`sessions`]: the sessions of people, and how long they last
//! - [`client`]: from which machine a request comes
//! - [`cookies`]: the cookies that carry them
//! - [`origin`]: where a request comes from: other people's pages may not act with a person's cookie
//! - [`notices`]: that a session or key may be no more, for those who answer it for long
//! - [`passwords`]: hashing, and how much of it goes on at once
//! - [`throttle`]: how often somebody may be wrong

pub mod client;
pub mod cookies;
pub mod keys;
pub mod notices;
pub mod origin;
pub mod passwords;
mod remembered;
pub mod sessions;
pub mod throttle;

use std::time::Duration;

use axum::extract::FromRequestParts;
use bocau_domain::{Actor, ApiKey, Owner, Role, Scope, Scopes, StoreId, Timestamp, User};
use bocau_store::{Session, SignedIn};
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use cookies::CookieName;
use notices::Notice;

/// How long a key or a session is remembered before it is looked up again.
pub const REMEMBER: Duration = Duration::from_secs(5);

/// The one who calls.
#[derive(Debug, Clone)]
pub struct Caller(Who);

#[derive(Debug, Clone)]
enum Who {
    Key(Box<CallerKey>),
    Session(Box<CallerSession>),
}

/// The key that a program calls with.
#[derive(Debug, Clone)]
struct CallerKey {
    /// The keyed hash of it; none for the key of the environment, which is in no database.
    hash: Option<[u8; 32]>,
    key: ApiKey,
}

/// The session that a person calls with.
#[derive(Debug, Clone)]
pub struct CallerSession {
    /// The keyed hash of its token.
    pub hash: [u8; 32],
    /// Whose it is.
    pub session: Session,
}

impl CallerSession {
    /// The user; none where the person came through a portal link.
    pub fn user(&self) -> Option<&User> {
        match &self.session.who {
            SignedIn::User(user) => Some(user),
            SignedIn::Portal { .. } => None,
        }
    }

    /// The user, refused where there is none.
    pub fn require_user(&self) -> Result<&User, Problem> {
        self.user().ok_or_else(|| {
            let detail = text(
                "Phiên mở từ liên kết của nền tảng không có tài khoản riêng.",
                "A session that was opened by a portal link has no account of its own.",
            );
            Problem::new(Kind::Forbidden, detail)
        })
    }
}

impl Caller {
    fn with_key(hash: Option<[u8; 32]>, key: ApiKey) -> Self {
        Self(Who::Key(Box::new(CallerKey { hash, key })))
    }

    fn with_session(hash: [u8; 32], session: Session) -> Self {
        Self(Who::Session(Box::new(CallerSession { hash, session })))
    }

    /// The caller as they stand now, not as they are remembered; an `unauthorized` problem where they are nobody
    /// any more.
    pub(crate) async fn anew(&self, api: &Api) -> Result<Self, Problem> {
        match &self.0 {
            Who::Key(own) => match own.hash {
                Some(hash) => keys::look_up(api, hash).await,
                None => Ok(self.clone()),
            },
            Who::Session(signed) => sessions::look_up(api, signed.hash).await,
        }
    }

    /// When what the caller may do ends for good: a key's own end, or a portal session's. People who have an account sign
    /// in again.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match &self.0 {
            Who::Key(own) => own.key.expires_at,
            Who::Session(signed) => signed.user().is_none().then_some(signed.session.expires_at),
        }
    }

    /// Whether the caller's time is over, as far as is known of them.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        match &self.0 {
            Who::Key(own) => own.key.is_expired(now),
            Who::Session(signed) => signed.session.expires_at <= now,
        }
    }

    /// Whether a notice is about the caller's own key, session or user.
    pub(crate) fn is_meant_by(&self, notice: &Notice) -> bool {
        match (notice, &self.0) {
            (Notice::Key(id), Who::Key(own)) => own.key.id == *id,
            (Notice::Session(hash), Who::Session(signed)) => signed.hash == *hash,
            (Notice::User(id), Who::Session(signed)) => signed.user().is_some_and(|user| user.id == *id),
            _ => false,
        }
    }

    /// The store of a path, where the caller reaches it and may do `scope` there. Another's store is not
    /// found, whether it exists or not.
    pub fn store(&self, id: &str, scope: Scope) -> Result<StoreId, Problem> {
        let store: StoreId = id.parse().map_err(|_| Problem::no_store())?;
        if self.own_stores().is_some_and(|own| !own.contains(&store)) {
            return Err(Problem::no_store());
        }
        self.require(scope)?;
        Ok(store)
    }

    /// What the caller may do in the stores it reaches.
    pub fn scopes(&self) -> Scopes {
        match &self.0 {
            Who::Key(own) => own.key.scopes,
            Who::Session(signed) => match &signed.session.who {
                SignedIn::User(user) => scopes_of(user.role),
                SignedIn::Portal { role, .. } => scopes_of(*role),
            },
        }
    }

    /// Whether the caller may do `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes().has(scope)
    }

    /// Refuses where the caller may not do `scope`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            return Ok(());
        }
        let detail = match &self.0 {
            Who::Key(_) => text(
                format!("Khóa API này không có quyền “{scope}”."),
                format!("This API key does not have the scope “{scope}”."),
            ),
            Who::Session(_) => text(
                "Bạn chỉ có quyền xem. Hãy nhờ quản trị viên cấp thêm quyền.",
                "You may only look. Ask an admin for more rights.",
            ),
        };
        Err(Problem::new(Kind::Forbidden, detail))
    }

    /// Refuses where the caller is neither an admin nor a platform key.
    pub fn require_platform(&self, scope: Scope) -> Result<(), Problem> {
        self.require_platform_or(scope, || {
            let detail = text(
                "Chỉ quản trị viên hoặc khóa API của nền tảng mới được làm việc này.",
                "Only an admin or an API key of the platform may do this.",
            );
            Problem::new(Kind::Forbidden, detail)
        })
    }

    /// The same where the path names one thing of the platform: for whoever is confined to stores, it is not there.
    pub fn require_platform_or(&self, scope: Scope, not_found: fn() -> Problem) -> Result<(), Problem> {
        if self.own_stores().is_some() { Err(not_found()) } else { self.require(scope) }
    }

    /// As whom the audit log knows the caller.
    pub fn actor(&self) -> Actor {
        match &self.0 {
            Who::Key(own) => Actor::Key { id: own.key.id, name: own.key.name.clone() },
            Who::Session(signed) => match &signed.session.who {
                SignedIn::User(user) => Actor::User { id: user.id, email: user.email.clone() },
                SignedIn::Portal { store, .. } => Actor::Portal { store: store.id.clone() },
            },
        }
    }

    /// The stores that the caller is confined to; none where it reaches all.
    pub fn own_stores(&self) -> Option<&[StoreId]> {
        match &self.0 {
            Who::Key(own) => match &own.key.owner {
                Owner::Platform => None,
                Owner::Store(store) => Some(std::slice::from_ref(store)),
            },
            Who::Session(signed) => match &signed.session.who {
                SignedIn::User(user) if user.role == Role::Admin => None,
                SignedIn::User(user) => Some(&user.stores),
                SignedIn::Portal { store, .. } => Some(std::slice::from_ref(&store.id)),
            },
        }
    }

    /// The session that the caller came with; a key has none.
    pub fn session(&self) -> Option<&CallerSession> {
        match &self.0 {
            Who::Key(_) => None,
            Who::Session(signed) => Some(signed),
        }
    }

    /// The session that the caller came with, refused where it is a key.
    pub fn require_session(&self) -> Result<&CallerSession, Problem> {
        self.session().ok_or_else(|| {
            let detail = text(
                "Khóa API không có phiên đăng nhập; đường dẫn này dành cho người dùng.",
                "An API key has no session; this path is for people who signed in.",
            );
            Problem::new(Kind::Unauthorized, detail)
        })
    }
}

/// What a role may do in the stores that it reaches.
fn scopes_of(role: Role) -> Scopes {
    match role {
        Role::Admin | Role::Member => Scopes::ALL,
        Role::Viewer => [Scope::Read].into_iter().collect(),
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    /// A key is what counts where there is one. A page inside another site says so in a header and counts as
    /// its portal session alone, so that it never acts as the person who has signed in beside it.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if let Some(value) = parts.headers.get(AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(nobody)?;
            return api.keys().caller(api, token).await;
        }
        let names: &[CookieName] = if origin::is_portal_page(parts) {
            &[CookieName::Portal]
        } else {
            &[CookieName::Session, CookieName::Portal]
        };
        let token = names.iter().find_map(|name| cookies::read(&parts.headers, *name));
        let token = token.ok_or_else(nobody)?;
        if !parts.method.is_safe() {
            origin::require_own_page(api, parts)?;
        }
        api.sessions().caller(api, &token).await
    }
}

fn nobody() -> Problem {
    let detail = text(
        "Hãy đăng nhập, hoặc gửi khóa API trong header: Authorization: Bearer bck_….",
        "Sign in, or send an API key in the header: Authorization: Bearer bck_….",
    );
    Problem::new(Kind::Unauthorized, detail)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
