//! The cookies that carry sessions (RFC 6265). A portal session has a cookie of its own, so that opening a link
//! never signs a person out of their account.

use std::fmt::Write as _;
use std::time::Duration;

use bocau_domain::Timestamp;
use bocau_store::SignedIn;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;

use super::sessions::{Begun, SESSION_AGE_MAX};

/// One of our cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieName {
    /// Of a user who signed in.
    Session,
    /// Of a page inside another site, opened by a portal link.
    Portal,
}

impl CookieName {
    /// The cookie of such a session.
    pub fn of(who: &SignedIn) -> Self {
        match who {
            SignedIn::User(_) => Self::Session,
            SignedIn::Portal { .. } => Self::Portal,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "bocau_session",
            Self::Portal => "bocau_portal",
        }
    }
}

/// The value of a cookie, where the request has it with one.
pub fn read(headers: &HeaderMap, name: CookieName) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name.as_str()).map(|(_, value)| value);
    values.find(|value| !value.is_empty()).map(str::to_owned)
}

/// The header that gives a browser the cookie of a session. The server knows when the session ends; the
/// browser keeps a user's cookie for as long as it could last.
pub fn give(begun: &Begun, now: Timestamp, is_secure: bool) -> (HeaderName, HeaderValue) {
    let name = CookieName::of(&begun.session.who);
    let kept = match name {
        CookieName::Session => SESSION_AGE_MAX,
        CookieName::Portal => begun.session.expires_at.since(now),
    };
    set(name, begun.token.expose_secret(), kept, is_secure)
}

/// The header that takes a cookie away.
pub fn take_away(name: CookieName, is_secure: bool) -> (HeaderName, HeaderValue) {
    set(name, "", Duration::ZERO, is_secure)
}

fn set(name: CookieName, value: &str, kept: Duration, is_secure: bool) -> (HeaderName, HeaderValue) {
    let mut text = format!("{}={value}; Path=/; Max-Age={}; HttpOnly", name.as_str(), kept.as_secs());
    // A frame in another site gets a cookie only with all three, and then one for that site alone.
    let site = match (name, is_secure) {
        (CookieName::Portal, true) => "; SameSite=None; Secure; Partitioned",
        (CookieName::Session, true) => "; SameSite=Lax; Secure",
        (_, false) => "; SameSite=Lax",
    };
    let _ = text.write_str(site);
    let mut value = HeaderValue::try_from(text).expect("names, tokens and numbers are ASCII");
    value.set_sensitive(true);
    (SET_COOKIE, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_never_by_the_end_of_its_name() {
        for (line, found) in [
            ("bocau_session=abc", Some("abc")),
            ("a=b; bocau_session=abc; c=d", Some("abc")),
            ("bocau_session=; bocau_session=abc", Some("abc")),
            ("xbocau_session=abc", None),
            ("bocau_portal=abc", None),
            ("bocau_session", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, line.parse().expect("a header value"))]);
            assert_eq!(read(&headers, CookieName::Session).as_deref(), found, "{line}");
        }
    }
}
