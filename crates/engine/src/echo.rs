//! Answers that say the request's own headers back, as echo services and the error pages of frameworks do. What a
//! webhook's owner gave as a header may be a password, so the history keeps a mask in its place.

use std::sync::OnceLock;

use bocau_domain::Webhook;
use secrecy::{ExposeSecret as _, SecretString};

use crate::sender::{Answer, MASK, SeenHead};

/// Shorter values are words that stand in any text, and too short to be secrets.
const SECRET_BYTES_MIN: usize = 8;

/// What is looked for in an answer, the longest first.
pub(crate) struct Echo(Vec<SecretString>);

impl Echo {
    /// Of a webhook's own headers: each value, as it stands in JSON too, and what follows the scheme of a credential
    /// (`Bearer …`).
    pub(crate) fn of(webhook: &Webhook) -> Self {
        let mut spellings: Vec<String> = Vec::new();
        for header in &webhook.headers {
            let value = header.value.expose_secret();
            let escaped = serde_json::Value::from(value).to_string();
            let credential = value.rsplit(' ').next().unwrap_or_default();
            for spelling in [value, &escaped[1..escaped.len() - 1], credential] {
                if spelling.len() >= SECRET_BYTES_MIN && !spellings.iter().any(|known| known == spelling) {
                    spellings.push(spelling.to_owned());
                }
            }
        }
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        Self(spellings.into_iter().map(SecretString::from).collect())
    }

    pub(crate) fn masked(&self, answer: Answer) -> Answer {
        if self.0.is_empty() {
            return answer;
        }
        let mut body = self.0.iter().fold(answer.body, |body, secret| replaced(body, secret.expose_secret()));
        if !answer.is_whole {
            self.cut_off(&mut body);
        }
        Answer { headers: self.masked_headers(answer.headers), body, ..answer }
    }

    /// The head that came before the body broke off.
    pub(crate) fn masked_head(&self, head: SeenHead) -> SeenHead {
        let masked = head.0.into_inner().map(|(status, headers)| (status, self.masked_headers(headers)));
        SeenHead(masked.map_or_else(OnceLock::new, OnceLock::from))
    }

    fn masked_headers(&self, headers: Vec<(String, String)>) -> Vec<(String, String)> {
        let mask = |text: String| {
            self.0.iter().fold(text, |text, secret| {
                if text.contains(secret.expose_secret()) {
                    text.replace(secret.expose_secret(), MASK)
                } else {
                    text
                }
            })
        };
        headers.into_iter().map(|(name, value)| (name, mask(value))).collect()
    }

    /// Takes away the beginning of a value that the cap on the body has cut.
    fn cut_off(&self, body: &mut Vec<u8>) {
        let begun = |secret: &SecretString| {
            let secret = secret.expose_secret().as_bytes();
            (SECRET_BYTES_MIN..secret.len()).rev().find(|length| body.ends_with(&secret[..*length]))
        };
        if let Some(length) = self.0.iter().filter_map(begun).max() {
            body.truncate(body.len() - length);
        }
    }
}

fn replaced(body: Vec<u8>, secret: &str) -> Vec<u8> {
    let mut masked = Vec::new();
    let mut copied = 0;
    for place in memchr::memmem::find_iter(&body, secret) {
        masked.extend_from_slice(&body[copied..place]);
        masked.extend_from_slice(MASK.as_bytes());
        copied = place + secret.len();
    }
    if copied == 0 {
        return body;
    }
    masked.extend_from_slice(&body[copied..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(values: &[&str]) -> Echo {
        Echo(values.iter().map(|value| SecretString::from(*value)).collect())
    }

    fn answer(body: &str, is_whole: bool) -> Answer {
        let headers = vec![("x-echo".to_owned(), "is password-1".to_owned())];
        Answer { status: 500, headers, body: body.into(), is_whole }
    }

    #[test]
    fn a_value_that_comes_back_is_masked_wherever_it_stands() {
        let echo = echo(&["Bearer password-1", "password-1"]);
        for (given, kept) in [
            ("", ""),
            ("OK", "OK"),
            ("password-1", MASK),
            ("a Bearer password-1 b password-1password-1", &format!("a {MASK} b {MASK}{MASK}")),
            ("password-", "password-"),
        ] {
            let masked = echo.masked(answer(given, true));
            assert_eq!(String::from_utf8_lossy(&masked.body), kept, "{given}");
            assert_eq!(masked.headers[0].1, format!("is {MASK}"));
        }
    }

    #[test]
    fn a_value_that_the_cap_cuts_is_cut_off() {
        let masked = echo(&["password-1"]).masked(answer("it is password-", false));
        assert_eq!(masked.body, b"it is ");
    }

    #[test]
    fn the_head_of_an_answer_that_broke_off_is_masked_too() {
        let head = SeenHead::default();
        head.saw(200, &[("x-echo".to_owned(), "password-1".to_owned())]);
        let (status, headers) = echo(&["password-1"]).masked_head(head).0.into_inner().expect("it came");
        assert_eq!((status, headers[0].1.as_str()), (200, MASK));
    }
}
