//! What the receiver gets, and what its answer means.

use std::time::Duration;

use bocau_domain::{CustomHeader, Outcome, Reason, SigningSecret, Status, Trigger, WebhookChange};
use bocau_engine::TestSend;
use bocau_engine::sender::MASK;
use bocau_testkit::clock::START;
use bocau_testkit::receiver::Request;
use bocau_testkit::{EngineHarness, HarnessOptions, Reply};
use secrecy::ExposeSecret as _;

/// Whether the independent library would have signed the request in this way with this secret.
fn is_signed_with(request: &Request, secret: &SigningSecret) -> bool {
    let verifier = standardwebhooks::Webhook::new(secret.reveal().expose_secret()).expect("a secret");
    let header = |name| request.header(name).expect("every request has it");
    let timestamp = header("webhook-timestamp").parse().expect("a number");
    let expected = verifier.sign(header("webhook-id"), timestamp, &request.body).expect("the body is text");
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn the_body_arrives_byte_for_byte() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let payload = "{ \"tên\":\"Bồ  Câu\",\n\t\"total\" : 1.50e2, \"total\":\"\\u1ed3\" }";
    harness.send_event(harness.event_of("order.created", "208610", payload)).await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    assert_eq!(request.body, payload.as_bytes());
}

#[tokio::test]
async fn every_request_says_what_it_is() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in?shop=552").await;
    let published = harness.publish(vec![harness.event_of("order.paid", "208610", "{}")]).await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    let start = START.as_seconds().to_string();
    let event = published.events[0].0.to_string();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in?shop=552"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", concat!("bocau/", env!("CARGO_PKG_VERSION"))),
        ("content-length", "2"),
        ("webhook-id", &event),
        ("webhook-timestamp", &start),
        ("bocau-event", "order.paid"),
        ("bocau-object-id", "208610"),
        ("bocau-store", "552"),
        ("bocau-attempt", "1"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn the_prefix_of_our_headers_is_configurable() {
    let mut options = HarnessOptions::default();
    options.engine.header_prefix = "shop".into();
    let harness = EngineHarness::with(options).await;
    harness.webhook("/in").await;
    harness.send("1").await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    assert_eq!(request.header("shop-event"), Some("order.created"));
    assert_eq!(request.header("bocau-event"), None);
}

#[tokio::test]
async fn an_independent_library_makes_the_same_signature() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook_with(&harness.receiver.https_url("/in"), |_| {}).await;
    harness.send_event(harness.event_of("order.created", "1", r#"{"tên": "Bồ Câu"}"#)).await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    assert!(is_signed_with(&request, &webhook.secrets.current));
    assert!(!is_signed_with(&request, &SigningSecret::generate(&*harness.rng)));
}

#[tokio::test]
async fn the_old_secret_signs_beside_the_new_one_for_a_day() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook_with(&harness.receiver.https_url("/in"), |_| {}).await;
    let (old, new) = (webhook.secrets.current, SigningSecret::generate(&*harness.rng));
    let change = WebhookChange { secret: Some(new.clone()), ..WebhookChange::default() };
    harness.change_webhook(webhook.id, change).await;

    harness.send("1").await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    assert!(is_signed_with(&request, &old) && is_signed_with(&request, &new));

    harness.advance(Duration::from_hours(24)).await;
    harness.send("2").await;
    let request = harness.receiver.wait_for(2).await.remove(1);
    assert!(!is_signed_with(&request, &old) && is_signed_with(&request, &new));
}

#[tokio::test]
async fn the_webhooks_own_headers_arrive_and_are_masked_in_the_history() {
    let harness = EngineHarness::start().await;
    let url = harness.receiver.https_url("/in");
    let own = [("X-Api-Key", "s3cret-canary"), ("authorization", "Bearer s3cret-canary")];
    let parse =
        |(name, value): (&str, &str)| CustomHeader::parse(name, value, "bocau").expect("a good header");
    harness.webhook_with(&url, |webhook| webhook.headers = own.map(parse).to_vec()).await;
    let id = harness.send("1").await;
    let request = harness.receiver.wait_for(1).await.remove(0);
    for (name, value) in own {
        assert_eq!(request.header(name), Some(value));
    }
    let (_, history) = harness.attempted(id, 1).await;
    let shown = &history[0].request_headers;
    assert!(shown.contains(&("X-Api-Key".into(), MASK.into())), "{shown:?}");
    assert!(shown.iter().any(|(name, value)| name == "bocau-event" && value == "order.created"));
    assert!(!format!("{history:?}").contains("s3cret-canary"));
}

#[tokio::test]
async fn the_answer_is_kept_in_the_history() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::json(200, r#"{"status": 200}"#).with_header("x-trace", "42"));
    let id = harness.send("1").await;
    let (row, history) = harness.attempted(id, 1).await;
    assert_eq!((row.state.status, row.state.attempts, row.state.responses), (Status::Succeeded, 1, 1));
    assert_eq!(row.last_error, None);
    let attempt = &history[0];
    assert_eq!((attempt.number, attempt.trigger, attempt.outcome), (1, Trigger::Auto, Outcome::Success));
    assert_eq!((attempt.status_code, attempt.started_at), (Some(200), START));
    assert_eq!(attempt.response_body, br#"{"status": 200}"#);
    assert!(attempt.response_headers.contains(&("x-trace".into(), "42".into())));
    assert!(!attempt.response_truncated);
}

#[tokio::test]
async fn an_answer_counts_by_its_status_and_by_the_status_in_its_body() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for (status, body, outcome) in [
        (200, r#"{"status": 200, "message": "OK"}"#, Outcome::Success),
        (204, "", Outcome::Success),
        (299, "", Outcome::Success),
        (200, r#"{"status": 201}"#, Outcome::Success),
        (200, r#"{"status": "5"}"#, Outcome::Success),
        (200, r#"{"status": 5}"#, Outcome::Success),
        (200, r#"{"status": true, "code": 500}"#, Outcome::Success),
        (200, "<h1>500</h1>", Outcome::Success),
        (200, r#"{"status": 500}"#, Outcome::Rejected),
        (201, r#"{"message": "no", "status": 302}"#, Outcome::Rejected),
        (301, r#"{"status": 200}"#, Outcome::HttpError),
        (304, "", Outcome::HttpError),
        (404, r#"{"status": 200}"#, Outcome::HttpError),
        (500, "", Outcome::HttpError),
    ] {
        let reply = if status == 204 || status == 304 {
            Reply::Bytes(format!("HTTP/1.1 {status} X\r\n\r\n").into())
        } else {
            Reply::json(status, body)
        };
        harness.receiver.reply("/in", reply);
        let id = harness.send("1").await;
        let (row, history) = harness.attempted(id, 1).await;
        assert_eq!((history[0].outcome, history[0].status_code), (outcome, Some(status)), "{status} {body}");
        assert_eq!(row.state.status == Status::Succeeded, outcome == Outcome::Success, "{status} {body}");
        assert_eq!(row.last_error.is_none(), outcome == Outcome::Success, "{status} {body}");
    }
}

#[tokio::test]
async fn gone_disables_the_webhook_and_skips_what_waits() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    harness.receiver.reply("/in", Reply::status(410));
    let waiting = harness.send("1").await;
    harness.settled_as(waiting, Status::Retrying).await;
    let refused = harness.send("2").await;
    let refused = harness.settled_as(refused, Status::Failed).await;
    assert_eq!(refused.state.reason, Some(Reason::WebhookGone));
    let waiting = harness.settled_as(waiting, Status::Skipped).await;
    assert_eq!((waiting.state.reason, waiting.state.attempts), (Some(Reason::WebhookGone), 1));

    let next = harness.send("3").await;
    assert_eq!(harness.delivery(next).await.state.reason, Some(Reason::WebhookGone), "kept for it");
    harness.enable(webhook, true).await;
    let next = harness.send("4").await;
    harness.settled_as(next, Status::Succeeded).await;
    assert_eq!(harness.receiver.count(), 3);
}

#[tokio::test]
async fn a_test_goes_the_real_way_to_a_disabled_webhook_too() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.enable(webhook, false).await;
    let entry =
        harness.engine().catalogue().get(&"order.created".parse().expect("a type")).expect("known").clone();
    let sent = harness.engine().test_send(&harness.store_id, webhook, &entry).await.expect("it is sent");
    let TestSend::Done { delivery, attempt } = sent else { panic!("{sent:?}") };
    assert!(delivery.is_test);
    assert_eq!((attempt.trigger, attempt.outcome), (Trigger::Test, Outcome::Success));
    let request = harness.receiver.wait_for(1).await.remove(0);
    assert_eq!(request.body, entry.sample.as_bytes());
}

#[tokio::test]
async fn a_test_that_fails_is_not_retried() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::status(500));
    let entry =
        harness.engine().catalogue().get(&"order.created".parse().expect("a type")).expect("known").clone();
    let sent = harness.engine().test_send(&harness.store_id, webhook, &entry).await.expect("it is sent");
    let TestSend::Done { delivery, .. } = sent else { panic!("{sent:?}") };
    assert_eq!((delivery.state.status, delivery.state.next_attempt_at), (Status::Failed, None));
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for number in 0..3 {
        let id = harness.send(&number.to_string()).await;
        harness.settled_as(id, Status::Succeeded).await;
    }
    let connections: Vec<usize> =
        harness.receiver.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[tokio::test]
async fn a_receiver_of_http2_gets_the_same() {
    let harness = EngineHarness::with(HarnessOptions { http2: true, ..HarnessOptions::default() }).await;
    harness.webhook("/in").await;
    let id = harness.send_event(harness.event_of("order.created", "208610", r#"{"id": 208610}"#)).await;
    harness.settled_as(id, Status::Succeeded).await;
    let request = harness.receiver.requests().remove(0);
    assert_eq!(
        (request.version.as_str(), request.body.as_slice()),
        ("HTTP/2.0", br#"{"id": 208610}"#.as_slice())
    );
    assert_eq!(request.header("bocau-object-id"), Some("208610"));
}
