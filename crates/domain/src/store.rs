//! The store: the tenant that owns everything below it.

use std::fmt;
use std::str::FromStr;

use crate::limits::STORE_ID_LENGTH_MAX;
use crate::retention::RetentionDays;
use crate::time::Timestamp;

/// A store's id as the platform gives it: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(std::sync::Arc<str>);

/// Why a text is no store id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a store id is 1 to {STORE_ID_LENGTH_MAX} of A-Z a-z 0-9 _ -")]
pub struct StoreIdError;

impl StoreId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoreId {
    type Err = StoreIdError;

    fn from_str(text: &str) -> Result<Self, StoreIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=STORE_ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(StoreIdError)
        }
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInfo {
    /// The platform's id of it.
    pub id: StoreId,
    /// What people call it.
    pub name: String,
    /// How long its events are kept, where it has said so; see [`RetentionDays::within`].
    pub retention: Option<RetentionDays>,
    /// When it was made here.
    pub created_at: Timestamp,
}

/// What changes of a store; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreChange {
    /// What people call it.
    pub name: Option<String>,
    /// How long its events are kept; `Some(None)`: as long as the server says.
    pub retention: Option<Option<RetentionDays>>,
}

impl StoreInfo {
    /// After this change.
    #[must_use]
    pub fn changed(&self, change: &StoreChange) -> Self {
        Self {
            name: change.name.clone().unwrap_or_else(|| self.name.clone()),
            retention: change.retention.unwrap_or(self.retention),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_id_is_1_to_64_of_the_allowed_characters() {
        for text in ["552", "a", "A_b-9", &"x".repeat(64)] {
            assert!(text.parse::<StoreId>().is_ok(), "{text}");
        }
        for text in ["", " 552", "a/b", "điểm", "a.b", &"x".repeat(65)] {
            assert!(text.parse::<StoreId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_change_of_a_store_sets_what_it_names_and_leaves_the_rest() {
        let days = RetentionDays::new;
        let store = StoreInfo {
            id: "552".parse().expect("a store id"),
            name: "Kho".into(),
            retention: days(7),
            created_at: Timestamp::from_millis(1),
        };
        assert_eq!(store.changed(&StoreChange::default()), store);
        let renamed = store.changed(&StoreChange { name: Some("Chợ".into()), retention: None });
        assert_eq!(renamed, StoreInfo { name: "Chợ".into(), ..store.clone() });
        let kept_as_the_server_says = store.changed(&StoreChange { name: None, retention: Some(None) });
        assert_eq!(kept_as_the_server_says, StoreInfo { retention: None, ..store });
    }

    #[test]
    fn a_store_id_prints_as_it_is_written() {
        let id: StoreId = "552".parse().expect("a store id");
        assert_eq!((id.to_string(), format!("{id:?}")), ("552".to_owned(), "552".to_owned()));
    }
}
