//! Headers of a webhook's own (Thông tin header): sent along with every attempt, and never able to change what
//! the request is or to pass for ours.

use secrecy::{ExposeSecret as _, SecretString};

use crate::limits::{HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX, HEADERS_MAX};

/// What stands in the place of a value that is not shown.
pub const MASK: &str = "••••••";

/// A header that a webhook's owner added. Values are often credentials, so they are secrets.
#[derive(Debug, Clone)]
pub struct CustomHeader {
    /// The name as it was written; names are compared without regard to case.
    pub name: String,
    /// The value.
    pub value: SecretString,
}

/// Why a header is refused. [`code`](Self::code) is the stable word for it, the text is for programmers.
/// Neither ever has the value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRefusal {
    /// Empty, or with a character that names cannot have (RFC 9110, 5.1).
    #[error("a header's name is letters, digits and any of !#$%&'*+-.^_`|~")]
    NameNotToken,
    /// Too many bytes.
    #[error("a header's name has at most {HEADER_NAME_BYTES_MAX} bytes")]
    NameTooLong,
    /// It would change where the request ends, how it is encoded or which host it is for.
    #[error("the header belongs to the connection and cannot be set")]
    NameOfConnection,
    /// Bồ Câu sets it itself.
    #[error("the header is one that Bồ Câu sets itself")]
    NameOfOurs,
    /// The same name a second time, in whatever case.
    #[error("the header is there twice")]
    NameRepeated,
    /// CR, LF, NUL or another control character; a tab inside is none.
    #[error("the header's value contains a line break or another control character")]
    ValueControlCharacter,
    /// HTTP has no agreed encoding for it (RFC 9110, 5.5).
    #[error("the header's value contains a character that is not ASCII")]
    ValueNotAscii,
    /// Receivers would see the value without it, so it is a mistake of copying (RFC 9110, 5.5).
    #[error("the header's value begins or ends with white space")]
    ValueOuterSpace,
    /// Too many bytes.
    #[error("a header's value has at most {HEADER_VALUE_BYTES_MAX} bytes")]
    ValueTooLong,
    /// Too many headers.
    #[error("a webhook has at most {HEADERS_MAX} headers")]
    TooMany,
}

impl HeaderRefusal {
    /// The stable word, the same in answers and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NameNotToken => "name_not_token",
            Self::NameTooLong => "name_too_long",
            Self::NameOfConnection => "name_of_connection",
            Self::NameOfOurs => "name_of_ours",
            Self::NameRepeated => "name_repeated",
            Self::ValueControlCharacter => "value_control_character",
            Self::ValueNotAscii => "value_not_ascii",
            Self::ValueOuterSpace => "value_outer_space",
            Self::ValueTooLong => "value_too_long",
            Self::TooMany => "too_many",
        }
    }
}

/// Hop-by-hop and framing headers (RFC 9110, 7.6.1; RFC 9112, 6), besides `proxy-…`.
const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that every request of ours has, besides `webhook-…` and those with the configured prefix.
const OURS: &[&str] = &["accept-encoding", "content-type", "user-agent"];

/// Whether the header is one that only Bồ Câu sets, so that its value is no secret of a webhook's owner.
pub fn is_ours(name: &str, prefix: &str) -> bool {
    check_name(name, prefix) == Err(HeaderRefusal::NameOfOurs)
}

impl CustomHeader {
    /// From a name and a value as somebody typed them. `prefix` is the one of our own headers, `bocau` unless
    /// configured otherwise. An empty value is a value; white space around one is refused, not trimmed.
    pub fn parse(name: &str, value: &str, prefix: &str) -> Result<Self, HeaderRefusal> {
        let header = Self { name: name.to_owned(), value: SecretString::from(value) };
        header.judge(prefix)?;
        Ok(header)
    }

    /// Judges the header again before an attempt: what is ours, and what belongs to the connection, may have changed
    /// since it was taken.
    pub fn judge(&self, prefix: &str) -> Result<(), HeaderRefusal> {
        check_name(&self.name, prefix)?;
        check_value(self.value.expose_secret())
    }

    /// All headers of a webhook, given as names and values. The error has the index of the culprit: the second
    /// of two with one name, the first beyond the limit.
    pub fn parse_all(
        headers: &[(String, String)],
        prefix: &str,
    ) -> Result<Vec<Self>, (usize, HeaderRefusal)> {
        if headers.len() > HEADERS_MAX {
            return Err((HEADERS_MAX, HeaderRefusal::TooMany));
        }
        let mut parsed: Vec<Self> = Vec::with_capacity(headers.len());
        for (index, (name, value)) in headers.iter().enumerate() {
            let header = Self::parse(name, value, prefix).map_err(|refusal| (index, refusal))?;
            if parsed.iter().any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
                return Err((index, HeaderRefusal::NameRepeated));
            }
            parsed.push(header);
        }
        Ok(parsed)
    }
}

fn check_name(name: &str, prefix: &str) -> Result<(), HeaderRefusal> {
    if name.len() > HEADER_NAME_BYTES_MAX {
        return Err(HeaderRefusal::NameTooLong);
    }
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(HeaderRefusal::NameNotToken);
    }
    // CGI and its heirs (PHP, WSGI, Rack) hand `Content_Length` and `Content-Length` to programs as one.
    let canonical = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let (name, prefix) = (canonical(name), canonical(prefix));
    let has_prefix = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
    if OF_CONNECTION.contains(&name.as_str()) || has_prefix("proxy") {
        return Err(HeaderRefusal::NameOfConnection);
    }
    if OURS.contains(&name.as_str()) || has_prefix("webhook") || has_prefix(&prefix) {
        return Err(HeaderRefusal::NameOfOurs);
    }
    Ok(())
}

/// `tchar` of RFC 9110, 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check_value(value: &str) -> Result<(), HeaderRefusal> {
    if value.len() > HEADER_VALUE_BYTES_MAX {
        return Err(HeaderRefusal::ValueTooLong);
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err(HeaderRefusal::ValueControlCharacter);
    }
    if !value.is_ascii() {
        return Err(HeaderRefusal::ValueNotAscii);
    }
    if value.starts_with([' ', '\t']) || value.ends_with([' ', '\t']) {
        return Err(HeaderRefusal::ValueOuterSpace);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_the_headers_that_no_owner_can_set() {
        for name in ["Content-Type", "user_agent", "webhook-id", "X-Shop-Event", "x_shop_store"] {
            assert!(is_ours(name, "x-shop"), "{name}");
        }
        for name in ["authorization", "x-shopper", "webhooks", "host", "not a token", ""] {
            assert!(!is_ours(name, "x-shop"), "{name}");
        }
    }
}
