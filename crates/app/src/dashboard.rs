//! The dashboard's pages, embedded in the binary from `dashboard/dist` (made by `make dashboard`).
//!
//! A build without the pages still serves the API, and says how to get them. Assets have a hash in their name
//! and are cached for ever, the page itself never; both were compressed when they were built.

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "../../dashboard/dist"]
#[allow_missing = true]
struct Files;

/// The one page; it finds its way by its address.
const PAGE: &str = "index.html";
/// Below it, a name that is not there is an error and not the page.
const ASSETS: &str = "assets/";
/// What a browser that has an asset never asks for again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The encodings that files were compressed in, the smaller first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

const NOT_BUILT: &str = "<!doctype html><html lang=\"vi\"><meta charset=\"utf-8\"><title>Bồ Câu</title>\
    <p>Bản này được biên dịch không kèm giao diện. Hãy chạy <code>make dashboard</code> rồi biên dịch lại. \
    API vẫn dùng được: <a href=\"/docs\">/docs</a>.</p>\
    <p lang=\"en\">This build has no pages in it. Run <code>make dashboard</code> and build again. The API \
    works: <a href=\"/docs\">/docs</a>.</p></html>";

/// The pages, as what answers every address that the API does not know. `embedded_in` are the origins that
/// may show them in a frame.
pub fn router(embedded_in: &[String]) -> Router {
    let policy = content_security_policy(embedded_in);
    Router::new().fallback(serve).with_state(policy)
}

/// Scripts come from here alone. Ant Design writes its styles into the page, so those may be inline.
fn content_security_policy(embedded_in: &[String]) -> HeaderValue {
    let ancestors = if embedded_in.is_empty() { "'none'".to_owned() } else { embedded_in.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors {ancestors}"
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

async fn serve(State(policy): State<HeaderValue>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path.starts_with(ASSETS) {
        return file(path, &headers, FOR_EVER).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response());
    }
    let mut page = file(PAGE, &headers, "no-store").unwrap_or_else(|| Html(NOT_BUILT).into_response());
    let page_headers = page.headers_mut();
    page_headers.insert(CONTENT_SECURITY_POLICY, policy);
    page_headers.insert("referrer-policy", HeaderValue::from_static("same-origin"));
    page
}

fn file(path: &str, headers: &HeaderMap, cache: &'static str) -> Option<Response> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |name: &str| {
        accepted.split(',').any(|item| item.split(';').next().is_some_and(|it| it.trim() == name))
    };
    let compressed = ENCODINGS
        .iter()
        .filter(|(name, _)| accepts(name))
        .find_map(|(name, ending)| Some((Some(*name), Files::get(&format!("{path}{ending}"))?)));
    let (encoding, found) = compressed.or_else(|| Some((None, Files::get(path)?)))?;
    let mut response = found.data.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_come_from_the_server_alone_and_frames_only_where_they_may() {
        let policy = content_security_policy(&[]);
        let policy = policy.to_str().expect("ASCII");
        assert!(
            policy.contains("script-src 'self';") && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        let open = content_security_policy(&["https://admin.abaha.vn".to_owned()]);
        assert!(open.to_str().expect("ASCII").ends_with("frame-ancestors https://admin.abaha.vn"));
    }

    #[tokio::test]
    async fn an_asset_that_is_not_there_is_not_the_page() {
        let state = State(content_security_policy(&[]));
        let get = async |path: &'static str| {
            serve(state.clone(), Method::GET, Uri::from_static(path), HeaderMap::new()).await
        };
        assert_eq!(get("/assets/none.js").await.status(), StatusCode::NOT_FOUND);
        let page = get("/su-kien").await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers().contains_key(CONTENT_SECURITY_POLICY));
    }
}
