//! From the request of the publisher to the server of the merchant, over real https.

use bocau_domain::Catalogue;
use bocau_testkit::{CanaryListener, Receiver, Reply, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::api::{STORE, look_until};
use crate::server::Home;

fn headers(request: &Request) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        (HeaderName::try_from(name).expect("a name"), HeaderValue::try_from(value).expect("a value"))
    };
    request.headers.iter().map(header).collect()
}

#[tokio::test]
async fn the_documents_samples_arrive_byte_for_byte_and_signed() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    let webhook = api.set_up(&receiver.https_url("/hook")).await;
    let verifier = standardwebhooks::Webhook::new(webhook["secret"].as_str().expect("a secret"))
        .expect("a secret of the standard");
    let catalogue = Catalogue::built_in();
    for name in ["order.created", "product.created", "customer.created"] {
        let entry = catalogue.get(&name.parse().expect("a type")).expect("in the catalogue");
        let body = format!(
            r#"{{"type":"{name}","object_id":"{}","payload":{}}}"#,
            entry.sample_object_id,
            entry.sample.trim()
        );
        let answer =
            api.send(Method::POST, &format!("/api/v1/stores/{STORE}/events"), body).await.expect("an answer");
        let event = answer.expect(202);
        api.wait_for_status(event["id"].as_str().expect("an id"), "succeeded").await;
        let request = receiver.requests().pop().expect("it arrived");
        assert_eq!(request.body, entry.sample.trim().as_bytes(), "{name}");
        assert_eq!(request.header("bocau-event"), Some(name));
        verifier.verify(&request.body, &headers(&request)).expect("the signature is right");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_the_environment_names_is_never_asked() {
    let (receiver, proxy) = (Receiver::start().await, CanaryListener::start());
    let mut home = Home::new();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
        home = home.with(name, &format!("http://{}", proxy.address()));
    }
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let event = api.publish("1").await;
    api.wait_for_status(&event, "succeeded").await;
    assert_eq!(receiver.count(), 1);
    proxy.assert_untouched();
    server.stop().await;
}

#[tokio::test]
async fn a_failed_attempt_is_retried_after_the_interval_and_metrics_count_it() {
    let receiver = Receiver::start().await;
    receiver.reply("/hook", Reply::status(500));
    let home = Home::new().with("BOCAU_RETRY_INTERVAL", "1s");
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let event = api.publish("208610").await;
    let delivery = api.wait_for_status(&event, "succeeded").await;
    assert_eq!((delivery["attempts"].as_u64(), receiver.count()), (Some(2), 2));
    let log = server.log();
    assert!(!log.contains(&event), "no line per delivery at the default level:\n{log}");
    let metrics = api.get("/metrics").await.text;
    for expected in [
        "bocau_attempts_total{outcome=\"success\"} 1",
        "bocau_commit_seconds_bucket{what=\"journal\",le=\"",
        "# HELP bocau_attempt_seconds Duration of an attempt",
    ] {
        assert!(metrics.contains(expected), "{expected} in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_attempt_that_is_not_let_out_is_counted_by_reason() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    server.stop().await;
    // What was allowed when the webhook was made no longer is.
    let server = home.with("BOCAU_EGRESS_ALLOW", "").serve().await;
    let api = server.api();
    api.publish("1").await;
    let line = look_until(async || {
        let metrics = api.get("/metrics").await.text;
        metrics.lines().find(|line| line.starts_with("bocau_egress_blocked_total{")).map(str::to_owned)
    })
    .await;
    assert_eq!(line, "bocau_egress_blocked_total{reason=\"loopback_address\"} 1");
    assert_eq!(receiver.count(), 0);
    server.stop().await;
}
