//! Deliveries by the API: the report, its filters and pages, the history and the resend.

use std::time::Duration;

use bocau_domain::Status;
use bocau_testkit::{Reply, TestApp};
use serde_json::{Value, json};

const DELIVERIES: &str = "/stores/552/deliveries";

#[tokio::test]
async fn a_failing_delivery_shows_three_attempts_and_a_resend_after_repair_the_fourth() {
    let app = TestApp::start().await;
    app.harness.webhook("/hook").await;
    app.harness.receiver.always("/hook", Reply::json(500, r#"{"error": "kho hỏng"}"#));
    let id = app.harness.send("208610").await;
    for made in 1..=3 {
        app.harness.attempted(id, made).await;
        app.harness.advance(Duration::from_mins(5)).await;
    }
    app.harness.settled_as(id, Status::Failed).await;
    let path = format!("{DELIVERIES}/{id}");
    let row = app.get(&path).send().await.expect(200);
    assert_eq!(
        (&row["status"], &row["attempts"], &row["responses"]),
        (&json!("failed"), &json!(3), &json!(3))
    );
    assert_eq!((&row["last_status_code"], &row["next_attempt_at"]), (&json!(500), &Value::Null));
    let last = &row["history"][2];
    assert_eq!(
        (&row["last_outcome"], &row["last_duration_ms"]),
        (&json!("http_error"), &last["duration_ms"]),
        "{row}"
    );
    assert_eq!(row["payload"], json!({"id": "208610"}));
    for (place, attempt) in row["history"].as_array().expect("a history").iter().enumerate() {
        assert_eq!((&attempt["number"], &attempt["trigger"]), (&json!(place + 1), &json!("auto")));
        assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("http_error"), &json!(500)));
        assert_eq!(attempt["response_body"], r#"{"error": "kho hỏng"}"#);
        assert!(attempt["duration_ms"].is_u64() && attempt["started_at"].is_string());
    }

    app.harness.receiver.always("/hook", Reply::acknowledged());
    app.post(&format!("{path}/resend"), &json!({})).send().await.expect(202);
    app.harness.attempted(id, 4).await;
    let row = app.get(&path).send().await.expect(200);
    assert_eq!((&row["status"], &row["attempts"]), (&json!("succeeded"), &json!(4)));
    assert_eq!(row["last_outcome"], "success");
    let history = app.get(&format!("{path}/attempts")).send().await.expect(200);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        (&history["data"][3]["trigger"], &history["data"][3]["outcome"]),
        (&json!("manual"), &json!("success"))
    );
}

#[tokio::test]
async fn the_report_is_newest_first_and_each_filter_narrows_it() {
    let app = TestApp::start().await;
    let hook = app.harness.webhook("/hook").await;
    for (place, kind) in
        ["order.created", "order.paid", "inventory.updated", "customer.created"].iter().enumerate()
    {
        let id = app.harness.send_event(app.harness.event_of(kind, &format!("{place}"), "{}")).await;
        app.harness.settled_as(id, Status::Succeeded).await;
        app.harness.advance(Duration::from_mins(1)).await;
    }
    let all = app.get(DELIVERIES).send().await.expect(200);
    let objects = |list: &Value| -> Vec<String> {
        let rows = list["data"].as_array().expect("rows").iter();
        rows.map(|row| row["object_id"].as_str().expect("an object").to_owned()).collect()
    };
    assert_eq!(objects(&all), ["3", "2", "1", "0"]);
    let second = all["data"][2]["created_at"].as_str().expect("a time");
    let third = all["data"][1]["created_at"].as_str().expect("a time");
    for (query, expected) in [
        ("type=order.created".to_owned(), vec!["0"]),
        ("type=order.*".to_owned(), vec!["1", "0"]),
        ("type=product.*".to_owned(), vec!["2"]),
        ("type=*".to_owned(), vec!["3", "2", "1", "0"]),
        ("status=succeeded".to_owned(), vec!["3", "2", "1", "0"]),
        ("status=failed".to_owned(), vec![]),
        ("object_id=2".to_owned(), vec!["2"]),
        (format!("webhook_id={hook}"), vec!["3", "2", "1", "0"]),
        ("webhook_id=wh_00000000000000000000000000".to_owned(), vec![]),
        (format!("from={second}"), vec!["3", "2", "1"]),
        (format!("from={second}&to={third}"), vec!["1"]),
        (format!("type=order.*&from={second}&status=succeeded&object_id=1"), vec!["1"]),
    ] {
        let list = app.get(&format!("{DELIVERIES}?{query}")).send().await.expect(200);
        assert_eq!(objects(&list), expected, "{query}");
    }
}

#[tokio::test]
async fn paging_shows_every_row_once() {
    let app = TestApp::start().await;
    app.harness.send_many(25).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let list = app.get(&format!("{DELIVERIES}?limit=10{cursor}")).send().await.expect(200);
        seen.extend(
            list["data"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| row["id"].as_str().expect("an id").to_owned()),
        );
        let Some(next) = list["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
}

#[tokio::test]
async fn a_wrong_filter_is_refused() {
    let app = TestApp::start().await;
    for (query, slug) in [
        ("status=done", "invalid-query"),
        ("type=orders", "invalid-query"),
        ("type=shipment.*", "invalid-query"),
        ("webhook_id=7", "invalid-query"),
        ("from=today", "invalid-query"),
        ("limit=0", "invalid-query"),
        ("limit=201", "invalid-query"),
        ("limit=x", "invalid-query"),
        ("stauts=failed", "invalid-query"),
        ("cursor=%21", "invalid-cursor"),
        ("cursor=AAAA", "invalid-cursor"),
    ] {
        assert_eq!(app.get(&format!("{DELIVERIES}?{query}")).send().await.problem(400), slug, "{query}");
    }
}
