//! Events by the API: one and many, bad input, and the Idempotency-Key.

use bocau_domain::Scope;
use bocau_domain::limits::PAYLOAD_BYTES_MAX;
use bocau_testkit::TestApp;
use serde_json::{Value, json};

const EVENTS: &str = "/stores/552/events";
const BATCH: &str = "/stores/552/events/batch";

fn order(id: &str) -> Value {
    json!({"type": "order.created", "object_id": id, "payload": {"id": id}})
}

async fn rows(app: &TestApp) -> usize {
    let list = app.get("/stores/552/deliveries?limit=200").send().await.expect(200);
    list["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn a_published_event_reads_back_byte_for_byte() {
    let app = TestApp::start().await;
    app.harness.webhook("/hook").await;
    for name in ["order", "product", "customer"] {
        let path = format!("{}/../domain/catalogue/samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let sample = std::fs::read_to_string(path).expect("the sample is there");
        let body = format!(
            r#"{{"type": "{name}.created", "object_id": "1", "payload": {sample}, "occurred_at": "2022-06-10T10:48:14+07:00"}}"#
        );
        let published = app.post(EVENTS, &json!({})).body(body).send().await.expect(202);
        assert_eq!((&published["delivery_count"], &published["duplicate"]), (&json!(1), &json!(false)));
        let id = published["id"].as_str().expect("an id");
        let found = app.get(&format!("{EVENTS}/{id}")).send().await;
        assert_eq!(found.expect(200)["occurred_at"], "2022-06-10T03:48:14.000Z");
        assert!(
            String::from_utf8_lossy(&found.body).contains(&sample),
            "{name} stands in the answer as it is"
        );
        let arrived = app.harness.receiver.requests_to("/hook");
        let arrived = if arrived.is_empty() { app.harness.receiver.wait_for(1).await } else { arrived };
        assert!(!arrived.is_empty());
    }
    let arrived = app.harness.receiver.wait_for(3).await;
    for (request, name) in arrived.iter().zip(["order", "product", "customer"]) {
        let path = format!("{}/../domain/catalogue/samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(request.body, std::fs::read(path).expect("the sample is there"), "{name}");
    }
}

#[tokio::test]
async fn an_event_that_no_webhook_takes_is_kept_as_one_skipped_row() {
    let app = TestApp::start().await;
    let published = app.post(EVENTS, &order("1")).send().await.expect(202);
    assert_eq!(published["delivery_count"], 0);
    let event =
        app.get(&format!("{EVENTS}/{}", published["id"].as_str().expect("an id"))).send().await.expect(200);
    let row = &event["deliveries"][0];
    assert_eq!(
        (&row["status"], &row["reason"], &row["webhook_id"]),
        (&json!("skipped"), &json!("no_webhook"), &Value::Null)
    );
    let resend = app
        .post(&format!("/stores/552/deliveries/{}/resend", row["id"].as_str().expect("an id")), &json!({}));
    let answer = resend.send().await;
    assert_eq!(answer.problem(409), "nothing-to-resend");
    assert_eq!(answer.json()["reason"], "no_webhook");
}

#[tokio::test]
async fn bad_input_is_refused_with_its_place_and_nothing_is_written() {
    let app = TestApp::start().await;
    let deep = format!(
        r#"{{"type": "order.created", "object_id": "1", "payload": {}1{}}}"#,
        r#"{"a":"#.repeat(65),
        "}".repeat(65)
    );
    let cases: Vec<(String, u16, &str, Option<&str>)> = vec![
        (r#"{"type": "order.created", "#.into(), 400, "invalid-json", None),
        (String::new(), 400, "invalid-json", None),
        ("[]".into(), 422, "validation-failed", None),
        (
            r#"{"type": "order.lost", "object_id": "1", "payload": {}}"#.into(),
            422,
            "unknown-event-type",
            Some("/type"),
        ),
        (
            r#"{"type": "order.created", "object_id": "1", "payload": {}, "extra": 1}"#.into(),
            422,
            "unknown-field",
            Some("/extra"),
        ),
        (r#"{"type": "order.created", "payload": {}}"#.into(), 422, "validation-failed", Some("/object_id")),
        (
            r#"{"type": "order.created", "object_id": 5, "payload": {}}"#.into(),
            422,
            "validation-failed",
            Some("/object_id"),
        ),
        (
            r#"{"type": "order.created", "object_id": "a b", "payload": {}}"#.into(),
            422,
            "validation-failed",
            Some("/object_id"),
        ),
        (
            r#"{"type": "order.created", "object_id": "1", "payload": [1]}"#.into(),
            422,
            "validation-failed",
            Some("/payload"),
        ),
        (
            r#"{"type": "order.created", "object_id": "1", "payload": null}"#.into(),
            422,
            "validation-failed",
            Some("/payload"),
        ),
        (
            r#"{"type": "order.created", "object_id": "1", "payload": {}, "occurred_at": "hôm qua"}"#.into(),
            422,
            "validation-failed",
            Some("/occurred_at"),
        ),
        (deep, 422, "validation-failed", Some("/payload")),
        (
            format!(
                r#"{{"type": "order.created", "object_id": "1", "payload": {{"a": "{}"}}}}"#,
                "x".repeat(600 * 1024)
            ),
            413,
            "payload-too-large",
            None,
        ),
        (
            format!(
                r#"{{"type": "order.created", "object_id": "1", "payload": {{"a": "{}"}}}}"#,
                "x".repeat(PAYLOAD_BYTES_MAX - 7)
            ),
            413,
            "payload-too-large",
            Some("/payload"),
        ),
    ];
    for (body, status, slug, pointer) in cases {
        let shown = &body[..body.len().min(120)];
        let answer = app.post(EVENTS, &json!({})).body(body.clone()).send().await;
        assert_eq!(answer.problem(status), slug, "{shown}");
        if let Some(pointer) = pointer {
            assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{shown}");
        }
    }
    assert_eq!(rows(&app).await, 0);
    let largest = format!(
        r#"{{"type": "order.created", "object_id": "1", "payload": {{"a": "{}"}}}}"#,
        "x".repeat(PAYLOAD_BYTES_MAX - 9)
    );
    app.post(EVENTS, &json!({})).body(largest).send().await.expect(202);
}

#[tokio::test]
async fn problems_are_in_vietnamese_unless_english_is_asked_for() {
    let app = TestApp::start().await;
    let lost = json!({"type": "order.lost", "object_id": "1", "payload": {}});
    let vi = app.post(EVENTS, &lost).send().await;
    assert_eq!(vi.expect(422)["title"], "Loại sự kiện không tồn tại");
    assert_eq!(vi.headers.get("content-language").expect("a language"), "vi");
    let en = app.post(EVENTS, &lost).header("accept-language", "en").send().await;
    assert_eq!(en.expect(422)["title"], "Unknown event type");
    assert_eq!(vi.json()["type"], en.json()["type"]);
}

#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let lost = json!({"type": "order.lost", "object_id": "1", "payload": {}});
    let answer = app.post(BATCH, &json!({"events": [order("1"), lost]})).send().await;
    assert_eq!(answer.problem(422), "unknown-event-type");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/events/1/type");
    for events in [vec![], vec![order("1"); 501]] {
        assert_eq!(
            app.post(BATCH, &json!({"events": events})).send().await.problem(422),
            "validation-failed"
        );
    }
    assert_eq!(rows(&app).await, 0);
    let published = app.post(BATCH, &json!({"events": vec![order("1"); 150]})).send().await.expect(202);
    assert_eq!(published["results"].as_array().map(Vec::len), Some(150));
    assert_eq!(rows(&app).await, 150);
}

#[tokio::test]
async fn a_batch_over_8_mib_is_refused() {
    let app = TestApp::start().await;
    let event = json!({"type": "order.created", "object_id": "1", "payload": {"a": "x".repeat(500 * 1024)}});
    let answer = app.post(BATCH, &json!({"events": vec![event; 17]})).send().await;
    assert_eq!(answer.problem(413), "payload-too-large");
    assert_eq!(rows(&app).await, 0);
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_written_once() {
    let app = TestApp::start().await;
    app.harness.webhook("/hook").await;
    for path in [EVENTS, BATCH] {
        let body = if path == EVENTS { order("1") } else { json!({"events": [order("1"), order("2")]}) };
        let send = || app.post(path, &body).header("idempotency-key", path);
        let first = send().send().await.expect(202);
        let second = send().send().await.expect(202);
        let flat =
            |answer: &Value| answer["results"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        for (first, second) in flat(&first).iter().zip(flat(&second)) {
            assert_eq!((&first["id"], &first["delivery_count"]), (&second["id"], &second["delivery_count"]));
            assert_eq!((&first["duplicate"], &second["duplicate"]), (&json!(false), &json!(true)));
        }
        let other = if path == EVENTS { order("9") } else { json!({"events": [order("9")]}) };
        let reused = app.post(path, &other).header("idempotency-key", path).send().await;
        assert_eq!(reused.problem(409), "idempotency-key-reused");
    }
    assert_eq!(rows(&app).await, 3);
    let packed = app.post(EVENTS, &order("1")).header("content-encoding", "identity");
    let packed = packed.header("content-encoding", "gzip").send().await;
    assert_eq!(packed.problem(415), "unsupported-media-type");
    let twice = app.post(EVENTS, &order("1")).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(twice.send().await.problem(422), "validation-failed");
    let bad = app.post(EVENTS, &order("1")).header("idempotency-key", "a b").send().await;
    assert_eq!(bad.problem(422), "validation-failed");
}

#[tokio::test]
async fn a_body_that_is_not_said_to_be_json_is_refused() {
    let app = TestApp::start().await;
    let call = app.call(http::Method::POST, "/api/v1/stores/552/events").header("content-type", "text/plain");
    assert_eq!(call.send().await.problem(415), "unsupported-media-type");
}

#[tokio::test]
async fn publishing_needs_the_scope_publish() {
    let app = TestApp::start().await;
    let reader = app.key(Some("552"), &[Scope::Read, Scope::Manage], None).await;
    assert_eq!(app.post(EVENTS, &order("1")).key(&reader).send().await.problem(403), "forbidden");
    let publisher = app.key(Some("552"), &[Scope::Publish], None).await;
    app.post(EVENTS, &order("1")).key(&publisher).send().await.expect(202);
}

#[tokio::test]
async fn a_server_that_is_stopping_takes_nothing_in() {
    let app = TestApp::start().await;
    app.harness.engine().begin_stop();
    let answer = app.post(EVENTS, &order("1")).send().await;
    assert_eq!(answer.problem(503), "shutting-down");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(app.call(http::Method::GET, "/readyz").send().await.problem(503), "shutting-down");
    app.call(http::Method::GET, "/livez").send().await;
}
