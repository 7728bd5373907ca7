//! Passwords: argon2id (RFC 9106) with the parameters that OWASP names first: 19 MiB, two passes, one lane.
//! Each hash takes that memory and tens of milliseconds, so only a few go on at once, on threads that may wait.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use bocau_domain::Rng;
use bocau_engine::EngineClock;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Kind, Problem, text};
use crate::refusals::invalid;
use crate::router::Api;

/// Characters of a password at least.
pub const PASSWORD_LENGTH_MIN: usize = 12;
/// Characters of a password at most.
pub const PASSWORD_LENGTH_MAX: usize = 200;

/// Passwords that are hashed at once; that alone bounds what everybody together may try.
const AT_ONCE_MAX: usize = 4;
/// How long one may wait for its turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Of no password. What is compared with it takes as long as with a real one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether a password has a length that passwords may have.
pub fn is_fit(password: &str) -> bool {
    (PASSWORD_LENGTH_MIN..=PASSWORD_LENGTH_MAX).contains(&password.chars().count())
}

/// The hash of a password, as a PHC string. Takes a while.
pub fn hash_password(password: &str, rng: &dyn Rng) -> SecretString {
    let mut salt = [0; SALT_BYTES];
    rng.fill(&mut salt);
    let hash: PasswordHash = argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("argon2 takes passwords of any length below 4 GiB and salts of 16 bytes");
    SecretString::from(hash.to_string())
}

fn argon2() -> Argon2<'static> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are allowed").into()
}

/// Hashes and compares passwords, a few at once.
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }
}

impl Passwords {
    /// Refuses a password that is too short or too long; where it is fit, its hash.
    pub(crate) async fn hash(
        &self,
        api: &Api,
        pointer: &str,
        password: &SecretString,
    ) -> Result<SecretString, Problem> {
        if !is_fit(password.expose_secret()) {
            return Err(invalid(
                pointer,
                "Mật khẩu dài từ 12 đến 200 ký tự.",
                "A password has 12 to 200 characters.",
            ));
        }
        let (password, rng) = (password.clone(), api.engine().rng().clone());
        self.run(api, move || hash_password(password.expose_secret(), &*rng)).await
    }

    /// Whether a password is the one of this hash. Where there is no hash it is not, and that takes as long.
    pub(crate) async fn verify(
        &self,
        api: &Api,
        password: &SecretString,
        hash: Option<SecretString>,
    ) -> Result<bool, Problem> {
        let password = password.clone();
        self.run(api, move || {
            let kept = hash.as_ref().map_or(NOBODYS, |hash| hash.expose_secret());
            let parsed = PasswordHash::new(kept);
            let is_same = parsed.is_ok_and(|parsed| {
                argon2().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok()
            });
            is_same && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        api: &Api,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.permit(&**api.engine().clock()).await?;
        let work = tokio::task::spawn_blocking(move || {
            // Kept here, so that it is given back when the work is done and not when its caller has hung up.
            let _permit = permit;
            work()
        });
        work.await.map_err(|_| Problem::internal())
    }

    async fn permit(&self, clock: &dyn EngineClock) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(permit) = self.0.clone().try_acquire_owned() {
            return Ok(permit);
        }
        tokio::select! {
            permit = self.0.clone().acquire_owned() => permit.map_err(|_| Problem::internal()),
            () = clock.sleep(WAIT_MAX) => Err(too_many_at_once()),
        }
    }
}

fn too_many_at_once() -> Problem {
    let detail = text(
        "Quá nhiều người đang đăng nhập cùng lúc. Hãy thử lại sau ít giây.",
        "Too many people are signing in at once. Try again in a few seconds.",
    );
    Problem::new(Kind::Overloaded, detail).retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Rng for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_hash_names_its_parameters_and_fits_its_password_alone() {
        let hash = hash_password("mật khẩu của tôi", &Sevens);
        let text = hash.expose_secret();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let parsed = PasswordHash::new(text).expect("a PHC string");
        assert!(argon2().verify_password("mật khẩu của tôi".as_bytes(), &parsed).is_ok());
        assert!(argon2().verify_password("mật khẩu của ai".as_bytes(), &parsed).is_err());
    }

    #[test]
    fn nobodys_hash_is_compared_with_the_same_effort() {
        let [nobodys, real] = [NOBODYS.to_owned(), hash_password("x", &Sevens).expose_secret().to_owned()];
        let head = |text: &str| text.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(head(&nobodys), head(&real));
        assert_eq!(nobodys.len(), real.len());
        assert!(PasswordHash::new(&nobodys).is_ok());
    }

    #[tokio::test]
    async fn only_a_few_are_hashed_at_once_and_nobody_waits_long_for_a_turn() {
        let (passwords, clock) = (Passwords::default(), bocau_testkit::SimClock::new());
        let mut held = Vec::new();
        for _ in 0..AT_ONCE_MAX {
            held.push(passwords.permit(&clock).await.expect("a turn"));
        }
        let waiting = async {
            clock.someone_lies_down_for(WAIT_MAX).await;
            clock.advance(WAIT_MAX);
        };
        let (refused, ()) = tokio::join!(passwords.permit(&clock), waiting);
        assert_eq!(refused.expect_err("no turn").kind, Kind::Overloaded);
        held.pop();
        held.push(passwords.permit(&clock).await.expect("a turn again"));
    }

    #[test]
    fn a_password_has_12_to_200_characters() {
        for (length, fits) in [(11, false), (12, true), (200, true), (201, false)] {
            assert_eq!(is_fit(&"ố".repeat(length)), fits, "{length}");
        }
    }
}
