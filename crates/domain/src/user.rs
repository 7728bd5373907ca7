//! People who sign in, and what they may do.

use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

use crate::attempt::wire_enum;
pub use crate::ids::UserId;
use crate::limits::{EMAIL_LENGTH_MAX, EMAIL_LOCAL_LENGTH_MAX};
use crate::store::StoreId;
use crate::time::Timestamp;

/// An e-mail address in lower case: how a person is known when signing in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// Why a text is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is of the form name@example.com, at most {EMAIL_LENGTH_MAX} characters")]
pub struct EmailError;

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Signs that a local part may have without quotes (RFC 5322, 3.2.3).
const LOCAL_SIGNS: &[u8] = b".!#$%&'*+/=?^_`{|}~-";

impl FromStr for Email {
    type Err = EmailError;

    /// Space around it is a mistake of typing and is dropped; case means nothing.
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let local_fits = (1..=EMAIL_LOCAL_LENGTH_MAX).contains(&local.len())
            && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || LOCAL_SIGNS.contains(&byte));
        let label_fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= EMAIL_LENGTH_MAX && local_fits && domain.split('.').all(label_fits) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(EmailError)
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

wire_enum! {
    /// What a person may do.
    Role {
        /// Everything, in every store.
        Admin = "admin",
        /// Publish, read and manage in their own stores.
        Member = "member",
        /// Read in their own stores.
        Viewer = "viewer",
    }
}

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// How they are known.
    pub email: Email,
    /// What they may do.
    pub role: Role,
    /// Where, in the order of the ids; an admin's list is empty and means nothing.
    pub stores: Vec<StoreId>,
    /// Whether they can sign in with a password; else they came by a link.
    pub has_password: bool,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they signed in last.
    pub last_sign_in_at: Option<Timestamp>,
}

impl User {
    /// Whether the user's role reaches `store`.
    pub fn reaches(&self, store: &StoreId) -> bool {
        self.role == Role::Admin || self.stores.contains(store)
    }
}

/// What a change of a user sets; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// A new address.
    pub email: Option<Email>,
    /// A new role.
    pub role: Option<Role>,
    /// New stores, all of them.
    pub stores: Option<Vec<StoreId>>,
    /// The hash of a new password.
    pub password_hash: Option<SecretString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case_without_space_around_it() {
        for (text, kept) in [
            (" Lan.Nguyen+kho@Example.VN ", "lan.nguyen+kho@example.vn"),
            ("admin@bocau.local", "admin@bocau.local"),
            ("a@b", "a@b"),
        ] {
            let email: Email = text.parse().expect("an address");
            assert_eq!((email.as_str(), &*email.to_string(), &*format!("{email:?}")), (kept, kept, kept));
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused() {
        let long =
            format!("{}@{}.vn", "a".repeat(64), ["b".repeat(63), "c".repeat(63), "d".repeat(63)].join("."));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a b@c",
            "a@b c",
            "a@b..c",
            "a@-b",
            "a@b\r\nBcc: c@d",
            "<a@b>",
            "a@b@c",
            "điểm@b",
            &format!("{}@b", "a".repeat(65)),
            &long,
        ] {
            assert_eq!(text.parse::<Email>(), Err(EmailError), "{text}");
        }
    }

    #[test]
    fn an_admin_reaches_every_store_and_others_their_own() {
        let [own, other]: [StoreId; 2] = ["552", "600"].map(|id| id.parse().expect("a store id"));
        let user = |role, stores| User {
            id: UserId::from_bytes([1; 16]),
            email: "a@b".parse().expect("an address"),
            role,
            stores,
            has_password: true,
            created_at: Timestamp::default(),
            last_sign_in_at: None,
        };
        assert!(user(Role::Admin, vec![]).reaches(&other));
        let member = user(Role::Member, vec![own.clone()]);
        assert!(member.reaches(&own) && !member.reaches(&other));
    }
}
