//! The dashboard's pages, embedded in the binary from `dashboard/dist` (made by `make dashboard`).
//!
//! A build without the pages still serves the API, and says how to get them. Assets have a hash in their name
//! and are cached for ever, the page itself never; both were compressed when they were built.
//!
//! No site may show a page in a frame, but for the pages of a portal link: the origins that the configuration
//! lists (`portal_origins`) may. Those are the link's own page, and every page that a browser with a portal
//! session asks for; in a frame, a page acts as that session alone.

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use bocau_api::auth::cookies::{self, CookieName};
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
/// Where a portal link leads.
const PORTAL: &str = "portal";
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

/// The pages, as what answers every address that the API does not know. `portal_origins` may show those of a
/// portal link in a frame.
pub fn router(portal_origins: &[String]) -> Router {
    Router::new().fallback(serve).with_state(Policies::new(portal_origins))
}

/// What pages may do, and whose frames they may be in.
#[derive(Debug, Clone)]
struct Policies {
    usual: HeaderValue,
    portal: HeaderValue,
}

impl Policies {
    fn new(portal_origins: &[String]) -> Self {
        Self { usual: content_security_policy(&[]), portal: content_security_policy(portal_origins) }
    }

    fn of(&self, path: &str, headers: &HeaderMap) -> HeaderValue {
        let is_portal = path == PORTAL || cookies::read(headers, CookieName::Portal).is_some();
        if is_portal { self.portal.clone() } else { self.usual.clone() }
    }
}

/// Scripts come from here alone. Ant Design writes its styles into the page, so those may be inline.
fn content_security_policy(ancestors: &[String]) -> HeaderValue {
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors {ancestors}"
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

async fn serve(State(policies): State<Policies>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path.starts_with(ASSETS) {
        return file(path, &headers, FOR_EVER).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response());
    }
    let mut page = file(PAGE, &headers, "no-store").unwrap_or_else(|| Html(NOT_BUILT).into_response());
    let page_headers = page.headers_mut();
    page_headers.insert(CONTENT_SECURITY_POLICY, policies.of(path, &headers));
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
    use http::header::COOKIE;

    use super::*;

    async fn get(path: &'static str, cookie: &'static str) -> Response {
        let state = State(Policies::new(&["https://a.vn".to_owned(), "https://b.vn:8443".to_owned()]));
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))]);
        serve(state, Method::GET, Uri::from_static(path), headers).await
    }

    fn policy_of(response: &Response) -> &str {
        response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII")
    }

    #[tokio::test]
    async fn scripts_come_from_the_server_alone_and_frames_are_for_portals() {
        for (path, cookie, ancestors) in [
            ("/", "", "'none'"),
            ("/sign-in", "", "'none'"),
            ("/portals", "", "'none'"),
            ("/stores/552/overview", "bocau_session=x", "'none'"),
            ("/stores/552/overview", "bocau_portal=", "'none'"),
            ("/portal", "", "https://a.vn https://b.vn:8443"),
            ("/portal", "bocau_session=x", "https://a.vn https://b.vn:8443"),
            ("/stores/552/overview", "bocau_portal=x", "https://a.vn https://b.vn:8443"),
            ("/", "bocau_session=x; bocau_portal=x", "https://a.vn https://b.vn:8443"),
        ] {
            let page = get(path, cookie).await;
            let policy = policy_of(&page);
            assert!(policy.contains("script-src 'self';"), "{policy}");
            assert!(policy.ends_with(&format!("; frame-ancestors {ancestors}")), "{path} {cookie}: {policy}");
        }
    }

    #[tokio::test]
    async fn without_origins_a_portal_is_in_no_frame_either() {
        let state = State(Policies::new(&[]));
        let page = serve(state, Method::GET, Uri::from_static("/portal"), HeaderMap::new()).await;
        assert!(policy_of(&page).ends_with("; frame-ancestors 'none'"), "{}", policy_of(&page));
    }

    #[tokio::test]
    async fn an_asset_that_is_not_there_is_not_the_page() {
        assert_eq!(get("/assets/none.js", "").await.status(), StatusCode::NOT_FOUND);
        let page = get("/su-kien", "").await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers().contains_key(CONTENT_SECURITY_POLICY));
    }
}
