//! Query strings: lists' pages and filters.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bocau_domain::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::body::{known_fields, quoted_after, wrong_type};
use crate::problem::{Kind, Problem, text};

/// The query of a request; a name that the route does not know is refused.
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let name = error.path().to_string();
            explain(&name, &error.into_inner().to_string())
        })
    }
}

/// What a query's error means. `name` is the parameter that was being read.
fn explain(name: &str, said: &str) -> Problem {
    if let Some(unknown) = quoted_after(said, "unknown field `") {
        let detail = text(
            format!("Không có tham số “{unknown}”.{}", known_fields(said, "Các tham số")),
            format!("There is no parameter “{unknown}”.{}", known_fields(said, "The parameters")),
        );
        return Problem::field(Kind::InvalidQuery, unknown, detail);
    }
    if let Some(twice) = quoted_after(said, "duplicate field `") {
        let detail = text(
            format!("Tham số “{twice}” xuất hiện hai lần."),
            format!("The parameter “{twice}” stands there twice."),
        );
        return Problem::field(Kind::InvalidQuery, twice, detail);
    }
    Problem::field(Kind::InvalidQuery, name, wrong_type(said))
}

/// A parameter that is wrong.
pub fn invalid(name: &str, vi: &str, en: &str) -> Problem {
    Problem::field(Kind::InvalidQuery, name, text(vi, en))
}

/// The rows of a page.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE_LIMIT_DEFAULT);
    if (1..=PAGE_LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(invalid("limit", "limit từ 1 đến 200.", "limit is 1 to 200."))
}

/// The opaque form of the last row's id.
pub fn to_cursor(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// Reads a cursor back.
pub fn from_cursor<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let decoded = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let last = decoded.and_then(|text| text.parse().ok());
    last.map(Some).ok_or_else(|| {
        let detail = text(
            "Hãy dùng next_cursor của trang trước, hoặc bỏ cursor để về trang đầu.",
            "Use the next_cursor of the page before, or leave cursor out for the first page.",
        );
        Problem::new(Kind::InvalidCursor, detail)
    })
}
