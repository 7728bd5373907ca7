//! Personal data: what a viewer sees of it, and erasing it.

use std::time::Duration;

use bocau_api::personal::PersonalFields;
use bocau_domain::Scope;
use bocau_testkit::{Gate, Reply, TestApp};
use serde_json::{Value, json};

const PHONE: &str = "0336965825";
/// How often it is looked whether an attempt in flight has ended.
const LOOK: Duration = Duration::from_millis(500);

/// A delivery of an order with a phone number, which its receiver answers with the same.
async fn delivered(app: &TestApp) -> (String, String) {
    let made = json!({"url": app.harness.receiver.https_url("/hook"), "events": ["*"]});
    app.post("/stores/552/webhooks", &made).send().await.expect(201);
    app.harness.receiver.reply("/hook", Reply::json(200, &format!(r#"{{"echo": {{"tel": "{PHONE}"}}}}"#)));
    let payload = json!({"id": "208610", "customer": {"name": "Lan", "tel": PHONE}});
    let event = json!({"type": "order.created", "object_id": "208610", "payload": payload});
    let taken = app.post("/stores/552/events", &event).send().await.expect(202);
    let event = taken["id"].as_str().expect("an id").to_owned();
    let found = app.get(&format!("/stores/552/events/{event}")).send().await.expect(200);
    let delivery = found["deliveries"][0]["id"].as_str().expect("an id").to_owned();
    let id = delivery.parse().expect("a delivery's id");
    app.harness.attempted(id, 1).await;
    (event, delivery)
}

async fn with_fields() -> TestApp {
    let mut app = TestApp::start().await;
    app.serve_with(|parts| parts.personal_fields = ["tel", "email"].into_iter().collect::<PersonalFields>());
    app
}

fn places(event: &str, delivery: &str) -> [String; 3] {
    [
        format!("/stores/552/events/{event}"),
        format!("/stores/552/deliveries/{delivery}"),
        format!("/stores/552/deliveries/{delivery}/attempts"),
    ]
}

#[tokio::test]
async fn a_viewer_sees_the_named_fields_masked_and_who_manages_sees_them() {
    let app = with_fields().await;
    let (event, delivery) = delivered(&app).await;
    let viewer = app.member("viewer@example.vn", "viewer", &["552"]).await;
    let member = app.member("member@example.vn", "member", &["552"]).await;
    let reader = app.key(Some("552"), &[Scope::Read], None).await;
    for path in places(&event, &delivery) {
        for answer in [app.get(&path).cookie(&viewer).send().await, app.get(&path).key(&reader).send().await]
        {
            let shown = answer.expect(200).to_string();
            assert!(!shown.contains(PHONE) && shown.contains("••••••"), "{path}: {shown}");
        }
        let shown = app.get(&path).cookie(&member).send().await.expect(200).to_string();
        assert!(shown.contains(PHONE), "{path}: {shown}");
    }
    let shown = app.get(&format!("/stores/552/events/{event}")).cookie(&viewer).send().await.expect(200);
    assert_eq!(shown["payload"]["customer"], json!({"name": "Lan", "tel": "••••••"}));
    // The receiver got all of it.
    assert!(String::from_utf8_lossy(&app.harness.receiver.requests()[0].body).contains(PHONE));
}

#[tokio::test]
async fn what_a_test_inbox_received_is_masked_for_a_viewer() {
    let app = with_fields().await;
    let inbox = app.post("/stores/552/inboxes", &json!({})).send().await.expect(201);
    let id = inbox["id"].as_str().expect("an id");
    let request = bocau_domain::InboxRequest {
        id: bocau_domain::InboxRequestId::from_bytes([1; 16]),
        inbox: id.parse().expect("an inbox's id"),
        at: bocau_domain::Timestamp::default(),
        headers: Vec::new(),
        body: format!(r#"{{"tel": "{PHONE}"}}"#).into_bytes(),
        verified: None,
        answer_status: 200,
    };
    let kept = bocau_store::Inboxes::add_inbox_request(&**app.harness.store(), request).await;
    assert!(kept.expect("the store works"));
    let viewer = app.member("viewer@example.vn", "viewer", &["552"]).await;
    let path = format!("/stores/552/inboxes/{id}/requests");
    let shown = app.get(&path).cookie(&viewer).send().await.expect(200);
    assert_eq!(shown["data"][0]["body"], r#"{"tel":"••••••"}"#);
    let shown = app.get(&path).send().await.expect(200);
    assert!(shown.to_string().contains(PHONE));
}

#[tokio::test]
async fn what_is_kept_of_an_object_can_be_erased_and_is_never_sent_again() {
    let app = TestApp::start().await;
    let (event, delivery) = delivered(&app).await;
    let path = "/stores/552/objects/order/208610/data";
    let reader = app.key(Some("552"), &[Scope::Read, Scope::Publish], None).await;
    assert_eq!(app.delete(path).key(&reader).send().await.problem(403), "forbidden");
    for nothing in ["customer/208610", "order/208611", "order/%20", "nothing/208610"] {
        let answer = app.delete(&format!("/stores/552/objects/{nothing}/data")).send().await;
        assert_eq!(answer.problem(404), "not-found", "{nothing}");
    }
    let admin = app.member("admin@example.vn", "admin", &[]).await;
    let erased = app.delete(path).cookie(&admin).send().await.expect(200);
    assert_eq!(erased, json!({"deliveries": 1, "in_flight": 0}));
    for place in places(&event, &delivery) {
        assert!(!app.get(&place).send().await.expect(200).to_string().contains(PHONE), "{place}");
    }
    let shown = app.get(&format!("/stores/552/deliveries/{delivery}")).send().await.expect(200);
    assert_eq!((&shown["payload"], &shown["status"]), (&Value::Null, &json!("succeeded")));
    let again = app.post(&format!("/stores/552/deliveries/{delivery}/resend"), &json!({})).send().await;
    assert_eq!(
        (again.problem(409).as_str(), &again.json()["reason"]),
        ("nothing-to-resend", &json!("object_erased"))
    );
    let bulk = app.post("/stores/552/resends", &json!({"object_id": "208610"})).send().await.expect(202);
    let bulk = bulk["id"].as_str().expect("an id").to_owned();
    let done = async || {
        let job = app.get(&format!("/stores/552/resends/{bulk}")).send().await.expect(200);
        (job["state"] != "running").then_some(job)
    };
    assert_eq!(app.harness.until("the job to end", done).await["done"], 0);
    assert_eq!(app.harness.receiver.count(), 1);
    let log = app.get("/audit-log").send().await.expect(200);
    let entry =
        log["data"].as_array().expect("entries").iter().find(|entry| entry["action"] == "object.erased");
    let entry = entry.expect("it is told");
    assert_eq!(
        (&entry["subject"], &entry["actor"]["name"]),
        (&json!("order/208610"), &json!("admin@example.vn"))
    );
    // Twice is no fault, and what is published later is kept.
    app.delete(path).send().await.expect(200);
}

#[tokio::test]
async fn an_attempt_in_flight_is_waited_for_and_its_answer_erased() {
    let app = TestApp::start().await;
    let gate = Gate::new();
    let made = json!({"url": app.harness.receiver.https_url("/hook"), "events": ["*"]});
    app.post("/stores/552/webhooks", &made).send().await.expect(201);
    let answer = Reply::json(500, &format!(r#"{{"tel": "{PHONE}"}}"#));
    app.harness.receiver.reply("/hook", Reply::Gated(gate.clone(), Box::new(answer)));
    let id = app.harness.send("208610").await;
    app.harness.receiver.wait_for(1).await;
    let ending = async {
        app.harness.settled(id, |row| row.state.status == bocau_domain::Status::Skipped).await;
        gate.open();
        app.harness.attempted(id, 1).await;
        app.harness.clock.someone_lies_down_for(LOOK).await;
        app.harness.clock.advance(LOOK);
    };
    let erasing = app.delete("/stores/552/objects/order/208610/data").send();
    let (erased, ()) = tokio::join!(erasing, ending);
    assert_eq!(erased.expect(200), json!({"deliveries": 1, "in_flight": 0}));
    let (row, history) = app.harness.attempted(id, 1).await;
    assert_eq!((history[0].response_body.len(), history[0].status_code), (0, Some(500)));
    assert_eq!(row.state.reason, Some(bocau_domain::Reason::ObjectErased));
}

#[tokio::test]
async fn a_name_that_is_no_text_is_shown_to_viewers_with_its_value_masked() {
    let app = with_fields().await;
    let reader = app.key(Some("552"), &[Scope::Read], None).await;
    let body =
        r#"{"type":"order.created","object_id":"1","payload":{"\ud800":"0336965825","a":{"\udfff":[1]}}}"#;
    let call = app.call(http::Method::POST, "/api/v1/stores/552/events").body(body.to_owned());
    let id = call.send().await.expect(202)["id"].as_str().expect("an id").to_owned();
    let shown = app.get(&format!("/stores/552/events/{id}")).key(&reader).send().await;
    assert_eq!(shown.status, 200);
    let text = String::from_utf8_lossy(&shown.body);
    assert!(
        text.contains(r#"{"\ud800":"••••••","a":{"\udfff":"••••••"}}"#) && !text.contains(PHONE),
        "{text}"
    );
}
