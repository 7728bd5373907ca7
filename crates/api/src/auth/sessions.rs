//! The sessions of people. A user's lasts [`SESSION_IDLE_MAX`] after it was used last, and
//! [`SESSION_AGE_MAX`] in all; that of a portal link ends when the link said.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bocau_domain::{Rng, Timestamp, UserId};
use bocau_store::{Session, SessionOwner, SessionRecord, SignedIn};
use secrecy::{ExposeSecret as _, SecretString};

use super::Caller;
use super::notices::{Notice, Notices};
use super::remembered::Remembered;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// How long a user's session lasts that nobody uses.
pub const SESSION_IDLE_MAX: Duration = Duration::from_hours(14 * 24);
/// How long a user's session lasts at most.
pub const SESSION_AGE_MAX: Duration = Duration::from_hours(90 * 24);
/// How long a session lasts that a portal link begins.
pub const PORTAL_SESSION: Duration = Duration::from_hours(8);

/// 256 bits, so that nobody finds a token by trying.
const TOKEN_BYTES: usize = 32;
/// Their base64url.
const TOKEN_LENGTH: usize = 43;

/// A new token of a session, a link or a key.
pub(crate) fn new_token(rng: &dyn Rng) -> SecretString {
    let mut bytes = [0; TOKEN_BYTES];
    rng.fill(&mut bytes);
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a text has the form of a token, so that others are not looked up.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The sessions that were seen of late.
pub struct Sessions {
    remembered: Remembered<Session>,
    notices: Notices,
}

/// A session that has just begun, with the token that its cookie carries.
pub struct Begun {
    /// What the cookie carries.
    pub token: SecretString,
    /// The session.
    pub session: Session,
}

impl Sessions {
    /// That tells of those that end.
    pub fn new(notices: Notices) -> Self {
        Self { remembered: Remembered::default(), notices }
    }

    /// Who calls with the token of this cookie.
    pub(super) async fn caller(&self, api: &Api, token: &str) -> Result<Caller, Problem> {
        if !is_token(token) {
            return Err(no_session());
        }
        let (store, clock) = (api.engine().store(), api.engine().clock());
        let hash = api.master_key().hash_session(token);
        let (seen, now) = (clock.monotonic(), clock.now());
        let session = if let Some(session) = self.remembered.get(&hash, seen) {
            session
        } else {
            let epoch = self.remembered.epoch();
            let found = store.find_session(hash, now).await?.ok_or_else(no_session)?;
            let session = put_off(api, hash, found, now).await;
            self.remembered.put(hash, session.clone(), seen, epoch);
            session
        };
        if session.expires_at <= now {
            return Err(no_session());
        }
        Ok(Caller::with_session(hash, session))
    }

    /// Begins a session. `None` where its user or store is gone.
    pub(crate) async fn begin(
        &self,
        api: &Api,
        owner: SessionOwner,
        until: Option<Timestamp>,
    ) -> Result<Option<Begun>, Problem> {
        let (store, now) = (api.engine().store(), api.engine().clock().now());
        let token = new_token(&**api.engine().rng());
        let hash = api.master_key().hash_session(token.expose_secret());
        let expires_at = until.unwrap_or(now + SESSION_IDLE_MAX);
        let record = SessionRecord { hash, owner, created_at: now, expires_at };
        if store.create_session(record).await?.is_err() {
            return Ok(None);
        }
        let session = store.find_session(hash, now).await?;
        Ok(session.map(|session| Begun { token, session }))
    }

    /// Looks the sessions of a user up anew, with the user as they then stand.
    pub fn forget_user(&self, id: UserId) {
        self.remembered.forget(|session| matches!(&session.who, SignedIn::User(user) if user.id == id));
        self.notices.give(Notice::User(id));
    }

    /// Looks one session up anew.
    pub fn forget(&self, hash: &[u8; 32]) {
        self.remembered.forget_hash(hash);
        self.notices.give(Notice::Session(*hash));
    }
}

/// The session of this hash, as it stands now. That is no use of it: its end is not put off.
pub(super) async fn look_up(api: &Api, hash: [u8; 32]) -> Result<Caller, Problem> {
    let engine = api.engine();
    let session = engine.store().find_session(hash, engine.clock().now()).await?.ok_or_else(no_session)?;
    Ok(Caller::with_session(hash, session))
}

/// A user's session that is used lasts longer. One whose end cannot be put off now is as good as before.
async fn put_off(api: &Api, hash: [u8; 32], session: Session, now: Timestamp) -> Session {
    if !matches!(session.who, SignedIn::User(_)) {
        return session;
    }
    let expires_at = (now + SESSION_IDLE_MAX).min(session.created_at + SESSION_AGE_MAX);
    match api.engine().store().touch_session(hash, now, expires_at).await {
        Ok(true) => Session { expires_at: session.expires_at.max(expires_at), ..session },
        Ok(false) => session,
        Err(error) => {
            tracing::debug!(%error, "the end of a session was not put off");
            session
        }
    }
}

fn no_session() -> Problem {
    let detail = text("Phiên đăng nhập đã hết. Hãy đăng nhập lại.", "The session is over. Sign in again.");
    Problem::new(Kind::Unauthorized, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;

    impl Rng for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    #[test]
    fn a_token_has_256_bits_and_the_form_of_one() {
        let token = new_token(&Ones);
        assert!(is_token(token.expose_secret()));
        assert_eq!(URL_SAFE_NO_PAD.decode(token.expose_secret()).expect("base64url"), [0xff; TOKEN_BYTES]);
        for text in ["", "a", &"é".repeat(43), &"a".repeat(42), &"a".repeat(44), &"=".repeat(43)] {
            assert!(!is_token(text), "{text}");
        }
    }
}
