//! How much is answered, of each key and each machine; and what browsers are told where people come by https.

use std::num::NonZeroU32;
use std::time::Duration;

use bocau_api::rate_limit::RateLimits;
use bocau_domain::Scope;
use bocau_testkit::TestApp;
use http::Method;
use serde_json::json;

const HSTS: &str = "strict-transport-security";

async fn limited(per_key: Option<u32>, per_ip: Option<u32>) -> TestApp {
    let mut app = TestApp::start().await;
    let limits =
        RateLimits { per_key: per_key.and_then(NonZeroU32::new), per_ip: per_ip.and_then(NonZeroU32::new) };
    app.serve_with(|parts| {
        parts.rate_limits = limits;
        parts.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    app
}

#[tokio::test]
async fn a_key_beyond_its_limit_waits_and_the_others_do_not() {
    let app = limited(Some(3), None).await;
    let till = app.key(Some("552"), &[Scope::Publish], None).await;
    let other = app.key(Some("552"), &[Scope::Publish], None).await;
    let event = json!({"type": "order.created", "object_id": "1", "payload": {}});
    let publish = async |key: &str| app.post("/stores/552/events", &event).key(key).send().await;
    for _ in 0..3 {
        publish(&till).await.expect(202);
    }
    let refused = publish(&till).await;
    assert_eq!(refused.problem(429), "too-many-requests");
    assert_eq!(refused.headers["retry-after"], "1");
    publish(&other).await.expect(202);
    app.harness.clock.advance(Duration::from_secs(1));
    publish(&till).await.expect(202);
    // The key of the environment is a key as well.
    for _ in 0..3 {
        app.get("/stores").send().await.expect(200);
    }
    assert_eq!(app.get("/stores").send().await.problem(429), "too-many-requests");
}

#[tokio::test]
async fn a_machine_beyond_its_limit_waits_whatever_key_it_shows() {
    let app = limited(None, Some(2)).await;
    let guess = |number: u32| format!("bck_{number:032}");
    for number in 0..2 {
        let answer = app.get("/stores").key(&guess(number)).from("203.0.113.5").send().await;
        assert_eq!(answer.problem(401), "unauthorized");
    }
    let refused = app.get("/stores").key(&guess(3)).from("203.0.113.5").send().await;
    assert_eq!(refused.problem(429), "too-many-requests");
    assert!(refused.headers.contains_key("retry-after") && refused.headers.contains_key("x-request-id"));
    assert_eq!(app.get("/stores").from("203.0.113.5").send().await.status, 429, "the right key too");
    app.get("/stores").from("203.0.113.6").send().await.expect(200);
    // Behind a proxy that is believed, it is the client that counts; what a client makes up does not.
    let behind = async |client: &str| {
        app.get("/stores").from("10.0.0.1").header("x-forwarded-for", client).send().await
    };
    for client in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        behind(client).await.expect(200);
    }
    let made_up =
        app.get("/stores").from("203.0.113.5").header("x-forwarded-for", "198.51.100.9").send().await;
    assert_eq!(made_up.status, 429);
    // Probes and pages are no requests of the API.
    for _ in 0..5 {
        let livez = app.call(Method::GET, "/livez").without_key().from("203.0.113.5").send().await;
        assert_eq!(livez.status, 200);
    }
    app.harness.clock.advance(Duration::from_secs(1));
    app.get("/stores").from("203.0.113.5").send().await.expect(200);
}

#[tokio::test]
async fn without_a_limit_nothing_is_refused() {
    let app = TestApp::start().await;
    for _ in 0..300 {
        app.get("/event-types").from("203.0.113.5").send().await.expect(200);
    }
}

#[tokio::test]
async fn browsers_come_by_https_alone_once_they_have() {
    let mut app = TestApp::start().await;
    assert!(!app.get("/stores").send().await.headers.contains_key(HSTS));
    for adjust in [
        (|parts: &mut bocau_api::ApiParts| parts.secure_cookies = true) as fn(&mut bocau_api::ApiParts),
        |parts| parts.public_url = Some("https://bocau.example.vn".into()),
    ] {
        app.serve_with(adjust);
        for path in ["/api/v1/stores", "/api/v1/nothing", "/docs", "/livez"] {
            let answer = app.call(Method::GET, path).send().await;
            assert_eq!(answer.headers[HSTS], "max-age=31536000", "{path}");
        }
    }
    app.serve_with(|parts| parts.public_url = Some("http://bocau.example.vn".into()));
    assert!(!app.get("/stores").send().await.headers.contains_key(HSTS));
}
