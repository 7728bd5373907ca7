//! API keys: who may call, and for what. The key itself is never kept, only a keyed hash of it.

use crate::attempt::wire_enum;
pub use crate::ids::ApiKeyId;
use crate::store::StoreId;
use crate::time::Timestamp;

/// What a key begins with, so that secret scanners find one that leaked.
pub const KEY_PREFIX: &str = "bck_";
/// Characters after the prefix at least.
pub const KEY_LENGTH_MIN: usize = 32;
/// Characters of a key at most.
pub const KEY_LENGTH_MAX: usize = 256;

/// Whether a text has the form of a key: [`KEY_PREFIX`], then [`KEY_LENGTH_MIN`] or more of `A-Z a-z 0-9 _ -`.
pub fn is_well_formed(text: &str) -> bool {
    text.len() <= KEY_LENGTH_MAX
        && text.strip_prefix(KEY_PREFIX).is_some_and(|rest| {
            rest.len() >= KEY_LENGTH_MIN
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        })
}

wire_enum! {
    /// What a key may be used for.
    Scope {
        /// Send events.
        Publish = "publish",
        /// Look things up.
        Read = "read",
        /// Change settings, see secrets, send again.
        Manage = "manage",
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All three.
    pub const ALL: Self = Self(0b111);

    /// Whether the set has `scope`.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The scopes of the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | (1 << scope as u8)))
    }
}

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The platform's: every store.
    Platform,
    /// One store's: only what lies under it.
    Store(StoreId),
}

/// An API key without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether the key may do `scope` at all.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }

    /// Whether the key reaches `store`.
    pub fn reaches(&self, store: &StoreId) -> bool {
        match &self.owner {
            Owner::Platform => true,
            Owner::Store(own) => own == store,
        }
    }

    /// Whether the key is over at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_hold_what_was_put_in() {
        let scopes: Scopes = [Scope::Publish, Scope::Manage, Scope::Publish].into_iter().collect();
        assert!(scopes.has(Scope::Publish) && scopes.has(Scope::Manage) && !scopes.has(Scope::Read));
        assert_eq!(Scopes::ALL.iter().collect::<Vec<_>>(), Scope::ALL);
    }

    #[test]
    fn a_stores_key_reaches_its_store_alone_for_its_scopes_until_it_expires() {
        let (own, other): (StoreId, StoreId) = ("552".parse().expect("an id"), "553".parse().expect("an id"));
        let end = Timestamp::from_millis(1_000);
        let key = ApiKey {
            id: ApiKeyId::from_bytes([1; 16]),
            name: "kho".into(),
            owner: Owner::Store(own.clone()),
            scopes: [Scope::Read].into_iter().collect(),
            created_at: Timestamp::from_millis(0),
            expires_at: Some(end),
            last_used_at: None,
        };
        assert!(key.reaches(&own) && !key.reaches(&other));
        assert!(key.allows(Scope::Read) && !key.allows(Scope::Publish) && !key.allows(Scope::Manage));
        assert!(!key.is_expired(Timestamp::from_millis(999)) && key.is_expired(end));
        let platforms = ApiKey { owner: Owner::Platform, expires_at: None, ..key };
        assert!(platforms.reaches(&own) && platforms.reaches(&other));
        assert!(!platforms.is_expired(Timestamp::from_millis(i64::MAX)));
    }

    #[test]
    fn a_key_is_well_formed_from_32_characters_to_256_in_all() {
        for rest in ["a".repeat(32), "a".repeat(252), format!("A9_-{}", "z".repeat(28))] {
            assert!(is_well_formed(&format!("bck_{rest}")), "{rest}");
        }
        for text in [
            String::new(),
            format!("bck_{}", "a".repeat(31)),
            format!("bck_{}", "a".repeat(253)),
            "a".repeat(40),
            format!("bck_{} ", "a".repeat(32)),
        ] {
            assert!(!is_well_formed(&text), "{text}");
        }
    }
}
