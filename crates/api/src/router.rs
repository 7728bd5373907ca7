//! Every route in one table, and what surrounds them (see `around`).

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use bocau_domain::{NodeId, Scope};
use bocau_engine::Engine;
use bocau_store::MasterKey;
use http::{HeaderName, HeaderValue, Method};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::auth::keys::Keys;
use crate::auth::notices::Notices;
use crate::auth::passwords::Passwords;
use crate::auth::sessions::Sessions;
use crate::auth::throttle::Throttle;
use crate::body::Budget;
use crate::personal::PersonalFields;
use crate::problem::{Kind, Problem, text};
use crate::rate_limit::{RateLimiter, RateLimits};
use crate::{around, docs, health, openapi, v1};

/// The header that tells requests apart, in both directions.
const REQUEST_ID: &str = "x-request-id";
/// Bytes of an id that a client gives.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// What the routes work with.
pub struct ApiParts {
    /// The engine.
    pub engine: Arc<Engine>,
    /// What API keys are hashed with.
    pub master_key: MasterKey,
    /// A platform key that is accepted besides those of the database (`BOCAU_BOOTSTRAP_API_KEY`).
    pub bootstrap_key: Option<SecretString>,
    /// What `/metrics` shows.
    pub metrics: Option<PrometheusHandle>,
    /// Where people reach this server, without a slash at the end; as the request says where it is left out.
    pub public_url: Option<String>,
    /// Whether cookies are given for https alone.
    pub secure_cookies: bool,
    /// The proxies that are believed about whom a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How many requests are answered, of each key and of each machine.
    pub rate_limits: RateLimits,
    /// The fields whose values are masked for whoever may only look.
    pub personal_fields: PersonalFields,
    /// This server among those that serve together.
    pub node: Option<NodeId>,
    /// The dashboard's pages: they answer every address that is not the API's.
    pub pages: Option<Router>,
}

/// The parts as the handlers share them.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    master_key: MasterKey,
    keys: Keys,
    notices: Notices,
    sessions: Sessions,
    passwords: Passwords,
    throttle: Throttle,
    public_url: Option<String>,
    secure_cookies: bool,
    trusted_proxies: Vec<IpNet>,
    rate_limiter: RateLimiter,
    personal_fields: PersonalFields,
    metrics: Option<PrometheusHandle>,
    node: Option<NodeId>,
    write_probe: health::WriteProbe,
    bodies: Budget,
}

impl Api {
    /// The state of a server.
    pub(crate) fn new(parts: ApiParts) -> Self {
        let notices = Notices::default();
        Self(Arc::new(Inner {
            engine: parts.engine,
            master_key: parts.master_key,
            keys: Keys::new(parts.bootstrap_key, notices.clone()),
            sessions: Sessions::new(notices.clone()),
            notices,
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            public_url: parts.public_url,
            secure_cookies: parts.secure_cookies,
            trusted_proxies: parts.trusted_proxies,
            rate_limiter: RateLimiter::new(parts.rate_limits),
            personal_fields: parts.personal_fields,
            metrics: parts.metrics,
            node: parts.node,
            write_probe: health::WriteProbe::default(),
            bodies: Budget::default(),
        }))
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// What API keys are hashed with.
    pub fn master_key(&self) -> &MasterKey {
        &self.0.master_key
    }

    /// The keys that callers show.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// What is told of sessions, keys and stores that may be no more.
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// The sessions that people come with.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Where passwords are hashed.
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// How often somebody may be wrong with a password.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Where people reach this server, where that is configured.
    pub fn public_url(&self) -> Option<&str> {
        self.0.public_url.as_deref()
    }

    /// Whether cookies are given for https alone.
    pub fn has_secure_cookies(&self) -> bool {
        self.0.secure_cookies
    }

    /// The proxies that are believed about whom a request comes from.
    pub fn trusted_proxies(&self) -> &[IpNet] {
        &self.0.trusted_proxies
    }

    /// Whether people come by https, so that browsers may be told to come by nothing else.
    pub(crate) fn is_https(&self) -> bool {
        self.0.secure_cookies || self.public_url().is_some_and(|url| url.starts_with("https://"))
    }

    /// What is masked of payloads and bodies for this caller: nothing for who may manage.
    pub(crate) fn masks_for(&self, caller: &Caller) -> PersonalFields {
        if caller.may(Scope::Manage) { PersonalFields::default() } else { self.0.personal_fields.clone() }
    }

    /// How many requests are answered.
    pub(crate) fn rate_limiter(&self) -> &RateLimiter {
        &self.0.rate_limiter
    }

    /// What `/metrics` shows.
    pub fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.metrics.as_ref()
    }

    /// This server among those that serve together.
    pub fn node(&self) -> Option<NodeId> {
        self.0.node
    }

    /// What all request bodies together may take up.
    pub(crate) fn bodies(&self) -> &Budget {
        &self.0.bodies
    }

    /// Whether writing works.
    pub fn write_probe(&self) -> &health::WriteProbe {
        &self.0.write_probe
    }
}

/// The routes of the contract, with the `OpenAPI` document they make.
pub(crate) fn contract() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(v1::stores::list::list_stores, v1::stores::create::create_store))
        .routes(routes!(
            v1::stores::get::get_store,
            v1::stores::change::change_store,
            v1::stores::delete::delete_store
        ))
        .routes(routes!(v1::event_types::list::list_event_types))
        .routes(routes!(v1::defaults::get::get_defaults))
        .routes(routes!(v1::webhooks::list::list_webhooks, v1::webhooks::create::create_webhook))
        .routes(routes!(
            v1::webhooks::get::get_webhook,
            v1::webhooks::change::change_webhook,
            v1::webhooks::delete::delete_webhook
        ))
        .routes(routes!(v1::webhooks::test::test_webhook))
        .routes(routes!(v1::webhooks::secret::get_webhook_secret))
        .routes(routes!(v1::webhooks::rotate_secret::rotate_webhook_secret))
        .routes(routes!(v1::events::publish::publish_event))
        .routes(routes!(v1::events::batch::publish_events))
        .routes(routes!(v1::events::get::get_event))
        .routes(routes!(v1::deliveries::list::list_deliveries))
        .routes(routes!(v1::deliveries::count::count_deliveries))
        .routes(routes!(v1::deliveries::csv::export_deliveries))
        .routes(routes!(v1::overview::get::get_overview))
        .routes(routes!(v1::live::watch::watch_store))
        .routes(routes!(v1::resends::list::list_resends, v1::resends::create::create_resend))
        .routes(routes!(v1::resends::get::get_resend, v1::resends::stop::stop_resend))
        .routes(routes!(v1::deliveries::get::get_delivery))
        .routes(routes!(v1::deliveries::attempts::list_attempts))
        .routes(routes!(v1::deliveries::resend::resend_delivery))
        .routes(routes!(v1::inboxes::list::list_inboxes, v1::inboxes::create::create_inbox))
        .routes(routes!(
            v1::inboxes::get::get_inbox,
            v1::inboxes::change::change_inbox,
            v1::inboxes::delete::delete_inbox
        ))
        .routes(routes!(v1::inboxes::requests::list_inbox_requests))
        .routes(routes!(v1::nodes::list::list_nodes))
        .routes(routes!(v1::objects::erase::erase_object))
        .merge(people());
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .nest("/api/v1", v1)
}

/// Those about who may call: sessions, members, keys, the audit log.
fn people() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            v1::session::begin::sign_in,
            v1::session::get::get_session,
            v1::session::end::sign_out
        ))
        .routes(routes!(v1::session::link::use_link))
        .routes(routes!(v1::session::password::change_password))
        .routes(routes!(v1::session::email::change_email))
        .routes(routes!(v1::members::list::list_members, v1::members::create::create_member))
        .routes(routes!(v1::members::change::change_member, v1::members::delete::delete_member))
        .routes(routes!(v1::keys::list::list_keys, v1::keys::create::create_key))
        .routes(routes!(v1::keys::revoke::revoke_key))
        .routes(routes!(v1::keys::list::list_store_keys, v1::keys::create::create_store_key))
        .routes(routes!(v1::keys::revoke::revoke_store_key))
        .routes(routes!(v1::audit_log::list::list_audit_log))
        .routes(routes!(v1::portal_links::create::create_portal_link))
}

/// The server's whole router.
pub fn router(mut parts: ApiParts) -> Router {
    let pages = parts.pages.take();
    let (routes, _) = contract().split_for_parts();
    let routes = routes
        .route("/api/v1/openapi.json", axum::routing::get(openapi::get))
        .route("/docs", axum::routing::get(docs::get))
        .route("/docs/", axum::routing::get(async || Redirect::permanent("/docs")))
        .fallback(move |request| other(pages.clone(), request));
    surround(routes, Api::new(parts))
}

/// Routes with what surrounds them.
pub(crate) fn surround(routes: Router<Api>, api: Api) -> Router {
    let request_id = HeaderName::from_static(REQUEST_ID);
    // One layer of all, as each of a router's layers boxes every request once more.
    let around = ServiceBuilder::new()
        .map_request(drop_odd_request_id)
        .layer(SetRequestIdLayer::new(request_id.clone(), RandomRequestId(api.clone())))
        .layer(PropagateRequestIdLayer::new(request_id))
        .layer(from_fn_with_state(api.clone(), around::answer))
        .layer(CatchPanicLayer::custom(panicked));
    routes.method_not_allowed_fallback(no_such_method).layer(around).with_state(api)
}

/// Takes away an id that a client gave its request and that is fit for no log: the request gets one of ours.
fn drop_odd_request_id(mut request: Request) -> Request {
    let is_odd = |id: &HeaderValue| {
        !(1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) || !id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let ids = request.headers().get_all(REQUEST_ID);
    if ids.iter().count() > 1 || ids.iter().any(is_odd) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Gives a request that brings no id of its own a random one.
#[derive(Clone)]
struct RandomRequestId(Api);

impl MakeRequestId for RandomRequestId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        let mut bytes = [0; 16];
        self.0.engine().rng().fill(&mut bytes);
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        id.parse().ok().map(RequestId::new)
    }
}

/// Every address that no route has: a page's, or nothing's. A server without pages shows its API.
async fn other(pages: Option<Router>, request: Request) -> Response {
    let path = request.uri().path();
    match pages {
        Some(pages) if !path.starts_with("/api/") => {
            pages.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
        None if path == "/" => Redirect::temporary("/docs").into_response(),
        _ => no_such_route().into_response(),
    }
}

fn no_such_route() -> Problem {
    let detail =
        text("Không có đường dẫn này. Danh sách có ở /docs.", "There is no such path. /docs lists them.");
    Problem::new(Kind::NotFound, detail)
}

async fn no_such_method(method: Method) -> Problem {
    let detail = text(
        format!("Đường dẫn này không nhận phương thức {method}."),
        format!("This path does not take the method {method}."),
    );
    Problem::new(Kind::MethodNotAllowed, detail)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<&str>()
        .map(|said| (*said).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = said.as_deref().unwrap_or("?"), "a request handler panicked");
    Problem::internal().into_response()
}
