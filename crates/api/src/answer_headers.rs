//! What every answer of the API says to browsers: it is no page, nothing of it may be guessed, run or framed,
//! and no cache keeps it. Where people come by https, every answer tells browsers to come by nothing else
//! (HSTS, RFC 6797).

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};

const HEADERS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CACHE_CONTROL, "no-store"),
];

/// A year. Names below this one are other people's to decide about.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Adds them: to answers of the API all of them, each unless the route has set it.
pub(crate) fn add(response: &mut Response, is_api: bool, is_https: bool) {
    let headers = response.headers_mut();
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    if is_api {
        headers.reserve(HEADERS.len());
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
}
