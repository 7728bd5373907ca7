//! The HTTP API over the harness: requests go through the real router, without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bocau_api::auth::client::Peer;
use bocau_api::personal::PersonalFields;
use bocau_api::rate_limit::RateLimits;
use bocau_api::{ApiParts, router};
use bocau_domain::{Actor, ApiKey, Clock as _, IdSource, Owner, Rng as _, Scope, StoreId, Timestamp};
use bocau_store::{MasterKey, Store as _};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::harness::{EngineHarness, HarnessOptions};
use crate::patience::capped;

/// The platform key that every test app accepts.
pub const PLATFORM_KEY: &str = "bck_platform_key_of_the_tests_0123456789";

/// The password of [`TestApp::member`].
pub const PASSWORD: &str = "con ngựa, cục pin, đúng rồi";

/// The API and the harness under it.
pub struct TestApp {
    /// The engine, its store, clock and receiver.
    pub harness: EngineHarness,
    master_key: MasterKey,
    ids: IdSource,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as JSON, where the status is this one.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The cookie that the answer sets, as a browser sends it back.
    pub fn cookie(&self) -> String {
        let set = self.set_cookie();
        set.split(';').next().expect("a first part").to_owned()
    }

    /// The cookie that the answer sets, with its attributes.
    pub fn set_cookie(&self) -> &str {
        let mut set = self.headers.get_all("set-cookie").iter();
        let cookie = set.next().unwrap_or_else(|| panic!("no cookie in {self:?}"));
        assert!(set.next().is_none(), "one cookie at a time");
        cookie.to_str().expect("ASCII")
    }

    /// The problem's `type`, where the answer is one of this status.
    pub fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.headers.get("content-type").expect("a content type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        body["type"].as_str().expect("a slug").to_owned()
    }
}

/// A request that is being put together.
pub struct Call<'a> {
    app: &'a TestApp,
    request: http::request::Builder,
    body: Bytes,
}

impl Call<'_> {
    /// With this key instead of the platform's.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        let headers = self.request.headers_mut().expect("the request is well formed");
        headers.insert("authorization", format!("Bearer {key}").parse().expect("a header value"));
        self
    }

    /// Without a key.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.request.headers_mut().expect("the request is well formed").remove("authorization");
        self
    }

    /// As the person whose session's cookie this is, from a page of ours.
    #[must_use]
    pub fn cookie(self, cookie: &str) -> Self {
        self.without_key().header("cookie", cookie).header("sec-fetch-site", "same-origin")
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// From the machine at this address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.request = self.request.extension(Peer(address.parse().expect("an address")));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// With these bytes as a JSON body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.request = self.request.header("content-type", "application/json");
        self
    }

    /// Sends it, and answers the body of a 200 as it comes.
    pub async fn stream(self) -> Body {
        let request = self.request.body(Body::from(self.body)).expect("the request is well formed");
        let response = self.app.router.clone().oneshot(request).await.expect("the router never fails");
        assert_eq!(response.status(), 200);
        response.into_body()
    }

    /// Sends it and reads the answer.
    pub async fn send(self) -> Answer {
        let request = self.request.body(Body::from(self.body)).expect("the request is well formed");
        let exchange = async {
            let response = self.app.router.clone().oneshot(request).await.expect("the router never fails");
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("the body is whole").to_bytes();
            Answer { status: head.status, headers: head.headers, body }
        };
        capped(exchange, || "an answer of the API".into()).await
    }
}

impl TestApp {
    /// With the usual options; the store [`crate::harness::STORE`] is there.
    pub async fn start() -> Self {
        Self::with(HarnessOptions::default()).await
    }

    /// With these options.
    pub async fn with(options: HarnessOptions) -> Self {
        let harness = EngineHarness::with(options).await;
        let master_key = MasterKey::generate(&*harness.rng);
        let ids = IdSource::new(Arc::new(harness.clock.clone()), harness.rng.clone());
        let mut app = Self { harness, master_key, ids, router: Router::new() };
        app.serve_with(|_| {});
        app
    }

    /// Serves with other settings from now on; what the router remembered is forgotten.
    pub fn serve_with(&mut self, adjust: impl FnOnce(&mut ApiParts)) {
        let mut parts = ApiParts {
            engine: self.harness.engine().clone(),
            master_key: self.master_key.clone(),
            bootstrap_key: Some(SecretString::from(PLATFORM_KEY)),
            metrics: None,
            public_url: None,
            secure_cookies: false,
            trusted_proxies: Vec::new(),
            rate_limits: RateLimits::default(),
            personal_fields: PersonalFields::default(),
            node: None,
            pages: None,
        };
        adjust(&mut parts);
        self.router = router(parts);
    }

    /// Stops, and starts anew on what the disk has.
    pub async fn restart(&mut self) {
        self.harness.stop().await;
        self.harness.resume().await;
        self.serve_with(|_| {});
    }

    /// What API keys, sessions and links are hashed with.
    pub fn master_key(&self) -> &MasterKey {
        &self.master_key
    }

    /// A request with the platform's key.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        let request = Request::builder().method(method).uri(path);
        Call { app: self, request, body: Bytes::new() }.key(PLATFORM_KEY)
    }

    /// `GET` below `/api/v1`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, &format!("/api/v1{path}"))
    }

    /// `POST` below `/api/v1`.
    pub fn post(&self, path: &str, body: &Value) -> Call<'_> {
        self.call(Method::POST, &format!("/api/v1{path}")).json(body)
    }

    /// `PATCH` below `/api/v1`.
    pub fn patch(&self, path: &str, body: &Value) -> Call<'_> {
        self.call(Method::PATCH, &format!("/api/v1{path}")).json(body)
    }

    /// `PUT` below `/api/v1`.
    pub fn put(&self, path: &str, body: &Value) -> Call<'_> {
        self.call(Method::PUT, &format!("/api/v1{path}")).json(body)
    }

    /// `DELETE` below `/api/v1`.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, &format!("/api/v1{path}"))
    }

    /// A key of a store, or of the platform, with these scopes.
    pub async fn key(&self, store: Option<&str>, scopes: &[Scope], expires_at: Option<Timestamp>) -> String {
        let mut bytes = [0; 16];
        self.harness.rng.fill(&mut bytes);
        let token = format!("bck_{:032x}", u128::from_be_bytes(bytes));
        let owner =
            store.map_or(Owner::Platform, |id| Owner::Store(id.parse::<StoreId>().expect("a store id")));
        let key = ApiKey {
            id: self.ids.api_key_id(),
            name: "a test's".into(),
            owner,
            scopes: scopes.iter().copied().collect(),
            created_at: self.harness.clock.now(),
            expires_at,
            last_used_at: None,
        };
        let hash = self.master_key.hash_api_key(&token);
        let created =
            self.harness.store().create_api_key(key, hash, &Actor::System).await.expect("the store works");
        created.expect("the store of the key is there");
        token
    }

    /// Makes a member with the password [`PASSWORD`], signs them in and answers their cookie.
    pub async fn member(&self, email: &str, role: &str, stores: &[&str]) -> String {
        let new = json!({"email": email, "role": role, "stores": stores, "password": PASSWORD});
        self.post("/members", &new).send().await.expect(201);
        let signed_in = self.sign_in(email, PASSWORD).await;
        signed_in.expect(200);
        signed_in.cookie()
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.signing_in(email, password).send().await
    }

    /// A request to sign in.
    pub fn signing_in(&self, email: &str, password: &str) -> Call<'_> {
        self.post("/session", &json!({"email": email, "password": password})).without_key()
    }
}
