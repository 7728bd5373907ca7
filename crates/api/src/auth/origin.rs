//! Where a request comes from. A browser sends a cookie along whoever makes it send the request, so a request
//! that changes something must come from a page of ours: `Sec-Fetch-Site` (Fetch Metadata), or else `Origin`
//! (RFC 6454).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// What a page says in its requests that is open inside another site.
pub const PORTAL_HEADER: &str = "x-bocau-portal";
/// The same in the address of a stream, for which a page can set no header.
pub const PORTAL_PARAMETER: &str = "portal=1";

const FETCH_SITE: &str = "sec-fetch-site";

/// Whether the request says that its page acts as a portal session alone.
pub(super) fn is_portal_page(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    parts.headers.contains_key(PORTAL_HEADER) || query.split('&').any(|pair| pair == PORTAL_PARAMETER)
}

/// Refuses a request that does not show that a page of ours sent it.
pub(super) fn require_own_page(api: &Api, parts: &Parts) -> Result<(), Problem> {
    if is_own(api, parts, &["same-origin"]) == Some(true) { Ok(()) } else { Err(cross_site()) }
}

/// A request that no page of another site sent: it came from ours, or from no page at all. For the routes that
/// give cookies, which nobody needs to have.
pub struct NotCrossSite;

impl FromRequestParts<Api> for NotCrossSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if is_own(api, parts, &["same-origin", "none"]) == Some(false) { Err(cross_site()) } else { Ok(Self) }
    }
}

/// Whether the request says that its page is ours; `None` where it says nothing. The browser's own judgement goes first:
/// no page can set it, and it is right also behind a proxy that names another host to us than people see. What is there
/// twice must be ours twice.
fn is_own(api: &Api, parts: &Parts, sites: &[&str]) -> Option<bool> {
    let all = |name: &str, is_ours: &dyn Fn(&str) -> bool| {
        let mut values = parts.headers.get_all(name).iter().peekable();
        values.peek()?;
        // One that is no text is there all the same, and is nobody's.
        Some(values.all(|value| value.to_str().is_ok_and(is_ours)))
    };
    all(FETCH_SITE, &|site| sites.contains(&site))
        .or_else(|| all(ORIGIN.as_str(), &|origin| is_ours(api, parts, origin)))
}

/// Where people reach this server, without a slash at the end: as configured, or as the request says.
pub struct BaseUrl(pub Option<String>);

impl FromRequestParts<Api> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        if let Some(url) = api.public_url() {
            return Ok(Self(Some(url.to_owned())));
        }
        let scheme = if api.has_secure_cookies() { "https" } else { "http" };
        Ok(Self(host(parts).map(|host| format!("{scheme}://{host}"))))
    }
}

/// Whether an origin is ours: that of the configured URL, or the host that the request was sent to. Whether the
/// way there was https is known only where the configuration says so.
fn is_ours(api: &Api, parts: &Parts, origin: &str) -> bool {
    if api.public_url().and_then(origin_of).is_some_and(|own| own == origin) {
        return true;
    }
    let Some(host) = host(parts) else { return false };
    let schemes: &[&str] = if api.has_secure_cookies() { &["https"] } else { &["http", "https"] };
    schemes.iter().any(|scheme| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")))
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |slash| start + slash);
    Some(&url[..end])
}

/// The host that the request was sent to: HTTP/1.1 has it in a header, HTTP/2 in the request's URI.
fn host(parts: &Parts) -> Option<Authority> {
    let header = text_of(parts, HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    let host = header.or_else(|| parts.uri.authority().cloned())?;
    (!host.as_str().contains('@')).then_some(host)
}

fn text_of<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn cross_site() -> Problem {
    let detail = text(
        "Yêu cầu này đến từ một trang khác. Hãy thao tác ngay trên trang của Bồ Câu, hoặc dùng khóa API.",
        "This request comes from another site. Act on the pages of Bồ Câu itself, or use an API key.",
    );
    Problem::new(Kind::CrossSiteRequest, detail)
}
