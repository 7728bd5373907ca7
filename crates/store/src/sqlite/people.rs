//! The verbs about people: see `users` and `sessions`.

use async_trait::async_trait;
use bocau_domain::{Actor, Email, Timestamp, User, UserChange, UserId};
use secrecy::SecretString;

use super::{SqliteStore, sessions, users};
use crate::people::{People, Session, SessionRecord, SignInLink};
use crate::{NotChanged, Result};

#[async_trait]
impl People for SqliteStore {
    async fn create_user(
        &self,
        user: User,
        password_hash: Option<SecretString>,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| users::create(tx, &user, password_hash.as_ref(), &by)).await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        self.readers.run(move |connection| users::find(connection, id)).await
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<(User, Option<SecretString>)>> {
        let (email, sealer) = (email.clone(), self.sealer.clone());
        self.readers.run(move |connection| users::find_by_email(connection, &sealer, &email)).await
    }

    async fn list_users(&self) -> Result<Vec<User>> {
        self.readers.run(users::list).await
    }

    async fn count_users(&self) -> Result<usize> {
        self.readers.run(users::count).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        keep: Option<[u8; 32]>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<User, NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| users::change(tx, id, &change, keep.as_ref(), (&by, now))).await
    }

    async fn delete_user(
        &self,
        id: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| users::delete(tx, id, &by, now)).await
    }

    async fn create_session(&self, session: SessionRecord) -> Result<std::result::Result<(), NotChanged>> {
        self.writer.run(move |tx| sessions::create(tx, &session)).await
    }

    async fn find_session(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<Session>> {
        self.urgent.run(move |connection| sessions::find(connection, &hash, now)).await
    }

    async fn touch_session(&self, hash: [u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool> {
        if !self.urgent.run(move |connection| sessions::is_stale(connection, &hash, now)).await? {
            return Ok(false);
        }
        self.writer.run(move |tx| sessions::touch(tx, &hash, now, expires_at)).await
    }

    async fn delete_session(&self, hash: [u8; 32]) -> Result<bool> {
        self.writer.run(move |tx| sessions::delete(tx, &hash)).await
    }

    async fn create_sign_in_link(
        &self,
        link: SignInLink,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| sessions::create_link(tx, &link, &by)).await
    }

    async fn redeem_sign_in_link(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<SignInLink>> {
        self.writer.run(move |tx| sessions::redeem_link(tx, &hash, now)).await
    }
}
