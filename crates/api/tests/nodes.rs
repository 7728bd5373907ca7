//! The nodes that serve together, and what a node answers that only sends.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bocau_api::personal::PersonalFields;
use bocau_api::rate_limit::RateLimits;
use bocau_api::{ApiParts, worker_router};
use bocau_domain::{Clock as _, NodeCard, NodeRole, Scope};
use bocau_store::Nodes as _;
use bocau_testkit::app::PLATFORM_KEY;
use bocau_testkit::{EngineHarness, TestApp};
use http::Request;
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[tokio::test]
async fn a_node_is_listed_with_what_it_says_of_itself() {
    let mut app = TestApp::start().await;
    assert_eq!(app.get("/nodes").send().await.expect(200)["data"], json!([]));
    let card = NodeCard {
        id: app.harness.engine().ids().node_id(),
        name: "máy-1".into(),
        role: NodeRole::All,
        version: "1.2.3".into(),
        started_at: app.harness.clock.now(),
    };
    app.harness.store().beat(&card, app.harness.clock.now()).await.expect("the store works");
    let row = app.get("/nodes").send().await.expect(200)["data"][0].clone();
    assert_eq!(row["is_self"], false);
    app.serve_with(|parts| parts.node = Some(card.id));
    let row = app.get("/nodes").send().await.expect(200)["data"][0].clone();
    assert!(row["id"].as_str().expect("an id").starts_with("node_"), "{row}");
    assert_eq!(
        (&row["name"], &row["role"], &row["version"]),
        (&json!("máy-1"), &json!("all"), &json!("1.2.3"))
    );
    assert_eq!((&row["is_self"], &row["is_alive"]), (&json!(true), &json!(true)));
    assert_eq!(row["seen_at"], row["started_at"]);
    app.harness.clock.advance(Duration::from_secs(31));
    assert_eq!(app.get("/nodes").send().await.expect(200)["data"][0]["is_alive"], false);
}

#[tokio::test]
async fn nodes_are_the_platforms_business() {
    let app = TestApp::start().await;
    for (store, scope, status) in [
        (None, Scope::Read, 200),
        (None, Scope::Publish, 403),
        (Some("552"), Scope::Read, 403),
        (Some("552"), Scope::Manage, 403),
    ] {
        let key = app.key(store, &[scope], None).await;
        let answer = app.get("/nodes").key(&key).send().await;
        assert_eq!(answer.status, status, "{store:?} {scope}");
    }
    for (role, status) in [("admin", 200), ("member", 403), ("viewer", 403)] {
        let cookie = app.member(&format!("{role}@example.vn"), role, &["552"]).await;
        assert_eq!(app.get("/nodes").cookie(&cookie).send().await.status, status, "{role}");
    }
    assert_eq!(app.get("/nodes").without_key().send().await.status, 401);
}

/// The status, `Retry-After` and the body of what a worker answers.
async fn ask(worker: &Router, method: &str, path: &str) -> (u16, Option<String>, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {PLATFORM_KEY}"))
        .header("accept-language", "en")
        .body(Body::empty())
        .expect("the request is well formed");
    let answer = worker.clone().oneshot(request).await.expect("the router never fails");
    let retry_after =
        answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("the body is whole").to_bytes();
    (status, retry_after, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_node_that_only_sends_says_how_it_is_and_that_others_answer_the_rest() {
    let harness = EngineHarness::start().await;
    let worker = worker_router(ApiParts {
        engine: harness.engine().clone(),
        master_key: bocau_store::MasterKey::generate(&*harness.rng),
        bootstrap_key: Some(SecretString::from(PLATFORM_KEY)),
        metrics: None,
        public_url: None,
        secure_cookies: false,
        trusted_proxies: Vec::new(),
        rate_limits: RateLimits::default(),
        personal_fields: PersonalFields::default(),
        node: None,
        pages: None,
    });
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(&worker, "GET", path).await.0, 200, "{path}");
    }
    for (method, path) in
        [("GET", "/"), ("GET", "/api/v1/stores"), ("POST", "/api/v1/stores/552/events"), ("GET", "/docs")]
    {
        let (status, retry_after, problem) = ask(&worker, method, path).await;
        assert_eq!((status, retry_after.as_deref()), (503, Some("5")), "{method} {path}");
        assert_eq!(problem["type"], "worker-node", "{method} {path}");
        assert!(problem["detail"].as_str().expect("a text").contains("worker"), "{problem}");
    }
}
