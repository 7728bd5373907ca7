//! What every answer of the API says to browsers: it is no page, nothing of it may be guessed, run or framed,
//! and no cache keeps it. Where people come by https, every answer tells browsers to come by nothing else
//! (HSTS, RFC 6797).

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};

use crate::router::Api;

const HEADERS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CACHE_CONTROL, "no-store"),
];

/// A year. Names below this one are other people's to decide about.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Adds the headers to what lies below `/api/`, each unless the route has set it.
pub(crate) async fn add(State(api): State<Api>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    if api.is_https() {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    if is_api {
        for (name, value) in HEADERS {
            response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
    response
}
