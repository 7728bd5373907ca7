//! Who calls, and what they may do.
//!
//! A key is looked up by its keyed hash, so a database that leaks gives no key away, and looking up takes
//! no time that depends on a stored key. Known keys are remembered for [`REMEMBER`]: that is also how long a
//! key that another process takes away may still work.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::FromRequestParts;
use bocau_domain::api_key::is_well_formed;
use bocau_domain::{ApiKey, Owner, Scope, Scopes, StoreId, Timestamp};
use http::header::AUTHORIZATION;
use http::request::Parts;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// How long a key is remembered before it is looked up again.
pub const REMEMBER: Duration = Duration::from_secs(5);
/// Keys remembered at most.
const REMEMBERED_MAX: usize = 10_000;

/// The one who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    key: ApiKey,
}

impl Caller {
    /// The store of a path, where the caller reaches it and may do `scope` there. Another's store is not
    /// found, whether it exists or not.
    pub fn store(&self, id: &str, scope: Scope) -> Result<StoreId, Problem> {
        let store: StoreId = id.parse().map_err(|_| Problem::no_store())?;
        if !self.key.reaches(&store) {
            return Err(Problem::no_store());
        }
        self.require(scope)?;
        Ok(store)
    }

    /// Whether the caller may do `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.key.allows(scope)
    }

    /// Refuses where the caller may not do `scope`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            return Ok(());
        }
        let detail = text(
            format!("Khóa API này không có quyền “{scope}”."),
            format!("This API key does not have the scope “{scope}”."),
        );
        Err(Problem::new(Kind::Forbidden, detail))
    }

    /// Refuses where the caller's key is not the platform's.
    pub fn require_platform(&self, scope: Scope) -> Result<(), Problem> {
        if self.key.owner == Owner::Platform {
            return self.require(scope);
        }
        let detail = text(
            "Chỉ khóa API của nền tảng mới được làm việc này.",
            "Only an API key of the platform may do this.",
        );
        Err(Problem::new(Kind::Forbidden, detail))
    }

    /// The one store that the caller is confined to.
    pub fn own_store(&self) -> Option<&StoreId> {
        match &self.key.owner {
            Owner::Platform => None,
            Owner::Store(store) => Some(store),
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let Some(token) = token else {
            let detail = text(
                "Hãy gửi khóa API trong header: Authorization: Bearer bck_….",
                "Send an API key in the header: Authorization: Bearer bck_….",
            );
            return Err(Problem::new(Kind::Unauthorized, detail));
        };
        api.keys().caller(api, token).await
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The keys that were seen of late, and the one from the environment.
pub struct Keys {
    bootstrap: Option<SecretString>,
    remembered: Mutex<HashMap<[u8; 32], (ApiKey, Duration)>>,
}

impl Keys {
    /// With the platform key of the environment, if there is one.
    pub fn new(bootstrap: Option<SecretString>) -> Self {
        Self { bootstrap, remembered: Mutex::default() }
    }

    async fn caller(&self, api: &Api, token: &str) -> Result<Caller, Problem> {
        if !is_well_formed(token) {
            return Err(unknown_key());
        }
        if self.is_bootstrap(token) {
            return Ok(Caller { key: bootstrap_key() });
        }
        let engine = api.engine();
        let hash = api.master_key().hash_api_key(token);
        let now = engine.clock().monotonic();
        let known = self
            .remembered
            .lock()
            .get(&hash)
            .filter(|(_, seen)| now.saturating_sub(*seen) < REMEMBER)
            .cloned();
        let key = if let Some((key, _)) = known {
            key
        } else {
            let key = engine.store().find_api_key(hash).await?.ok_or_else(unknown_key)?;
            self.remember(hash, key.clone(), now);
            key
        };
        if key.is_expired(engine.clock().now()) {
            return Err(unknown_key());
        }
        Ok(Caller { key })
    }

    fn remember(&self, hash: [u8; 32], key: ApiKey, now: Duration) {
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, (_, seen)| now.saturating_sub(*seen) < REMEMBER);
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
        }
        remembered.insert(hash, (key, now));
    }

    fn is_bootstrap(&self, token: &str) -> bool {
        let expected = self.bootstrap.as_ref().map(|key| key.expose_secret().as_bytes());
        expected.is_some_and(|expected| expected.ct_eq(token.as_bytes()).into())
    }
}

/// The key of `BOCAU_BOOTSTRAP_API_KEY`; it is in no database.
fn bootstrap_key() -> ApiKey {
    ApiKey {
        id: bocau_domain::ApiKeyId::from_bytes([0; 16]),
        name: "bootstrap".to_owned(),
        owner: Owner::Platform,
        scopes: Scopes::ALL,
        created_at: Timestamp::default(),
        expires_at: None,
    }
}

fn unknown_key() -> Problem {
    let detail = text(
        "Khóa API không đúng, đã hết hạn hoặc đã bị thu hồi.",
        "The API key is wrong, expired or revoked.",
    );
    Problem::new(Kind::Unauthorized, detail)
}
