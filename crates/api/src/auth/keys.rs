//! API keys: programs call with them.

use bocau_domain::api_key::{KEY_PREFIX, is_well_formed};
use bocau_domain::{ApiKey, ApiKeyId, Owner, Rng, Scopes, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::notices::{Notice, Notices};
use super::remembered::Remembered;
use super::{Caller, sessions};
use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// The keys that were seen of late, and the one from the environment.
pub struct Keys {
    bootstrap: Option<SecretString>,
    remembered: Remembered<ApiKey>,
    notices: Notices,
}

/// A new key: the prefix and the base64url of 32 random bytes.
pub fn new_key(rng: &dyn Rng) -> SecretString {
    SecretString::from(format!("{KEY_PREFIX}{}", sessions::new_token(rng).expose_secret()))
}

impl Keys {
    /// With the platform key of the environment, if there is one.
    pub fn new(bootstrap: Option<SecretString>, notices: Notices) -> Self {
        Self { bootstrap, remembered: Remembered::default(), notices }
    }

    /// Who calls with this key.
    pub(super) async fn caller(&self, api: &Api, token: &str) -> Result<Caller, Problem> {
        if !is_well_formed(token) {
            return Err(unknown_key());
        }
        let engine = api.engine();
        let hash = api.master_key().hash_api_key(token);
        let now = engine.clock().monotonic();
        if self.is_bootstrap(token) {
            api.rate_limiter().count_key(hash, now)?;
            return Ok(Caller::with_key(None, bootstrap_key()));
        }
        let key = if let Some(key) = self.remembered.get(&hash, now) {
            key
        } else {
            let epoch = self.remembered.epoch();
            let key = engine.store().find_api_key(hash).await?.ok_or_else(unknown_key)?;
            self.remembered.put(hash, key.clone(), now, epoch);
            note_use(api, key.id);
            key
        };
        if key.is_expired(engine.clock().now()) {
            return Err(unknown_key());
        }
        // Only keys that are known: others are no one's, and the limit of machines is for those.
        api.rate_limiter().count_key(hash, now)?;
        Ok(Caller::with_key(Some(hash), key))
    }

    /// Looks a key up anew when it is shown next.
    pub fn forget(&self, id: ApiKeyId) {
        self.remembered.forget(|key| key.id == id);
        self.notices.give(Notice::Key(id));
    }

    fn is_bootstrap(&self, token: &str) -> bool {
        let expected = self.bootstrap.as_ref().map(|key| key.expose_secret().as_bytes());
        expected.is_some_and(|expected| expected.ct_eq(token.as_bytes()).into())
    }
}

/// The key of this hash, as it stands now.
pub(super) async fn look_up(api: &Api, hash: [u8; 32]) -> Result<Caller, Problem> {
    let key = api.engine().store().find_api_key(hash).await?.ok_or_else(unknown_key)?;
    if key.is_expired(api.engine().clock().now()) {
        return Err(unknown_key());
    }
    Ok(Caller::with_key(Some(hash), key))
}

/// Nobody waits for it, and a request does not fail by it.
fn note_use(api: &Api, id: ApiKeyId) {
    let engine = api.engine().clone();
    tokio::spawn(async move {
        if let Err(error) = engine.store().touch_api_key(id, engine.clock().now()).await {
            tracing::debug!(%error, %id, "the last use of a key was not noted");
        }
    });
}

/// The key of `BOCAU_BOOTSTRAP_API_KEY`; it is in no database.
fn bootstrap_key() -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_bytes([0; 16]),
        name: "bootstrap".to_owned(),
        owner: Owner::Platform,
        scopes: Scopes::ALL,
        created_at: Timestamp::default(),
        expires_at: None,
        last_used_at: None,
    }
}

fn unknown_key() -> Problem {
    let detail = text(
        "Khóa API không đúng, đã hết hạn hoặc đã bị thu hồi.",
        "The API key is wrong, expired or revoked.",
    );
    Problem::new(Kind::Unauthorized, detail)
}

#[cfg(test)]
mod tests {
    use bocau_engine::SystemRng;

    use super::*;

    #[test]
    fn a_new_key_is_well_formed_and_has_256_bits() {
        let key = new_key(&SystemRng);
        let text = key.expose_secret();
        assert!(is_well_formed(text));
        assert_eq!(text.len(), KEY_PREFIX.len() + 43);
        assert_ne!(text, new_key(&SystemRng).expose_secret());
    }
}
