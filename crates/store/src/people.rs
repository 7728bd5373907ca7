//! People who sign in: users, sessions, and links that sign in once.
//!
//! Of a session's and a link's token only the keyed hash is kept ([`crate::MasterKey::hash_session`],
//! [`crate::MasterKey::hash_sign_in_link`]). A password is hashed outside the store, and the hash is sealed
//! inside, so that a copy of the database is no list to try passwords on.

use async_trait::async_trait;
use bocau_domain::{Actor, Email, Role, StoreId, StoreInfo, Timestamp, User, UserChange, UserId};
use secrecy::SecretString;

use crate::{NotChanged, Result};

/// Whose a session is, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOwner {
    /// A user's.
    User(UserId),
    /// Of somebody who came through a portal link.
    Portal {
        /// The one store it reaches.
        store: StoreId,
        /// What it may do there; never admin.
        role: Role,
    },
}

/// A session to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The keyed hash of its token.
    pub hash: [u8; 32],
    /// Whose it is.
    pub owner: SessionOwner,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it is no more.
    pub expires_at: Timestamp,
}

/// Who is signed in, as they stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// A user.
    User(User),
    /// Somebody who came through a portal link.
    Portal {
        /// The one store they reach.
        store: StoreInfo,
        /// What they may do there.
        role: Role,
    },
}

/// A session that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub who: SignedIn,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it is no more.
    pub expires_at: Timestamp,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To sign in as the first admin of a new installation.
    FirstAdmin,
    /// To open the pages of one store from inside the platform's own.
    Portal {
        /// The store.
        store: StoreId,
        /// As what; never admin.
        role: Role,
    },
}

/// A link that signs in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// The keyed hash of its token.
    pub hash: [u8; 32],
    /// What it is for.
    pub purpose: LinkPurpose,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is of no use.
    pub expires_at: Timestamp,
    /// When the session ends that it begins.
    pub session_until: Timestamp,
}

/// The verbs about people.
#[async_trait]
pub trait People: Send + Sync {
    // --- users --------------------------------------------------------------------------------------------

    /// Makes a user. What `user` says of a password and of signing in is not looked at. `Taken`: the address
    /// or the id; `NoStore`: one of the stores is not there; `TooMany`.
    async fn create_user(
        &self,
        user: User,
        password_hash: Option<SecretString>,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>>;

    /// One user.
    async fn find_user(&self, id: UserId) -> Result<Option<User>>;

    /// The user of this address, with the hash of their password.
    async fn find_user_by_email(&self, email: &Email) -> Result<Option<(User, Option<SecretString>)>>;

    /// All users, the oldest first; [`bocau_domain::limits::USERS_MAX`] at most.
    async fn list_users(&self) -> Result<Vec<User>>;

    /// How many users there are.
    async fn count_users(&self) -> Result<usize>;

    /// Changes a user; who becomes an admin has no stores of their own any more. `NotFound`; `Taken`: the
    /// address; `NoStore`: one of the stores is not there; `LastAdmin`: nobody else is an admin who can sign
    /// in (has a password, or has signed in before). A new password ends all sessions of the user but `keep`,
    /// in the same transaction.
    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        keep: Option<[u8; 32]>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<User, NotChanged>>;

    /// Deletes a user with their sessions. `NotFound`, or `LastAdmin` as above.
    async fn delete_user(
        &self,
        id: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<(), NotChanged>>;

    // --- sessions -----------------------------------------------------------------------------------------

    /// Begins a session; a user's counts as signing in, and leaves an entry `user.signed_in` by themselves.
    /// `NotFound`: there is no such user or store.
    async fn create_session(&self, session: SessionRecord) -> Result<std::result::Result<(), NotChanged>>;

    /// The session of this hash, where it has not ended, with its owner as they now stand.
    async fn find_session(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<Session>>;

    /// Puts a user's session's end off to `expires_at`, once in
    /// [`bocau_domain::limits::SESSION_TOUCH_INTERVAL`] at most; a portal's ends when its link said. Answers
    /// whether it did.
    async fn touch_session(&self, hash: [u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool>;

    /// Ends a session; false where there was none.
    async fn delete_session(&self, hash: [u8; 32]) -> Result<bool>;

    // --- links --------------------------------------------------------------------------------------------

    /// Keeps a link that signs in once. `NotFound`: there is no such store.
    async fn create_sign_in_link(
        &self,
        link: SignInLink,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>>;

    /// Uses up the link of this hash; `None` where there is none, or its time is over, or its store is not
    /// there. Of two that use it at once, one gets it.
    async fn redeem_sign_in_link(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<SignInLink>>;
}
