//! Headers that are not a webhook's to set, at the doors where they are typed, and what goes out all the same.

use bocau_domain::Outcome;
use bocau_testkit::TestApp;
use serde_json::{Value, json};

use crate::door::{attempted, blocked, count, left_behind_with_header, publish, resend, test_send};
use crate::table::{field, rows};

const HEADERS_MAX: usize = 50;
const VALUE_BYTES_MAX: usize = 4 * 1024;

#[tokio::test]
async fn a_hostile_header_is_refused_where_a_webhook_is_made_or_changed() {
    let app = TestApp::start().await;
    let url = app.harness.receiver.https_url("/hook");
    let made =
        app.post("/stores/552/webhooks", &json!({"url": url, "events": ["*"]})).send().await.expect(201);
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let mut cases: Vec<(String, Value)> =
        rows(include_str!("../../../domain/tests/data/headers_refused.txt"))
            .iter()
            .map(|row| (field(row, 0).to_owned(), json!([{"key": field(row, 1), "value": field(row, 2)}])))
            .collect();
    let many: Vec<Value> = (0..=HEADERS_MAX).map(|number| header(&format!("x-{number}"), "1")).collect();
    cases.push(("too_many".into(), json!(many)));
    cases.push(("value_too_long".into(), json!([header("x-a", &"x".repeat(VALUE_BYTES_MAX + 1))])));
    cases.push(("name_repeated".into(), json!([header("x-a", "1"), header("X-A", "2")])));
    for (code, headers) in cases {
        let create = json!({"url": url, "events": ["*"], "headers": headers});
        let create = app.post("/stores/552/webhooks", &create).send().await;
        let change = app.patch(&path, &json!({"headers": headers})).send().await;
        for (door, answer) in [("create", create), ("update", change)] {
            assert_eq!(answer.problem(422), "webhook-header-refused", "{door} {headers}");
            assert_eq!(answer.json()["reason"], *code, "{door} {headers}");
        }
    }
    let webhooks = app.get("/stores/552/webhooks").send().await.expect(200);
    assert_eq!(webhooks["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(webhooks["data"][0]["headers"], json!([]));
}

fn header(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value})
}

#[tokio::test]
async fn a_hostile_header_that_is_there_already_is_blocked_at_test_delivery_and_resend() {
    count();
    let app = TestApp::start().await;
    let url = app.harness.receiver.https_url("/hook");
    let table = rows(include_str!("../../../domain/tests/data/headers_refused.txt"));
    for row in &table {
        let [code, name, value] = [0, 1, 2].map(|position| field(row, position));
        let webhook = left_behind_with_header(&app, &url, name, value).await;
        let before = blocked().get(code).copied().unwrap_or_default();
        let tried = test_send(&app, "552", webhook).await;
        assert_eq!(tried["outcome"], "blocked", "{name:?} {value:?}: {tried}");
        let delivery = publish(&app, "552").await[&webhook];
        attempted(&app, "552", delivery, 1).await;
        resend(&app, "552", delivery).await;
        let history = attempted(&app, "552", delivery, 2).await;
        assert!(history.iter().all(|row| row.outcome == Outcome::Blocked), "{name:?} {value:?}");
        assert_eq!(blocked().get(code).copied(), Some(before + 3), "{name:?} {value:?}");
        app.delete(&format!("/stores/552/webhooks/{webhook}")).send().await.expect(204);
    }
    assert_eq!(app.harness.receiver.count(), 0);
}

/// What a receiver may rely on is set by us alone, once, whatever else is sent along.
#[tokio::test]
async fn what_is_sent_has_each_of_our_headers_once_and_no_header_of_a_proxy() {
    let app = TestApp::start().await;
    let headers = json!([header("x-forwarded-for", "127.0.0.1"), header("cookie", "a=b")]);
    let new = json!({"url": app.harness.receiver.https_url("/hook"), "events": ["*"], "headers": headers});
    let made = app.post("/stores/552/webhooks", &new).send().await.expect(201);
    let path = format!("/stores/552/webhooks/{}/test", made["id"].as_str().expect("an id"));
    app.post(&path, &json!({})).send().await.expect(200);
    let sent = app.harness.receiver.wait_for(1).await.remove(0);
    let count =
        |name: &str| sent.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count();
    for name in [
        "host",
        "content-length",
        "content-type",
        "accept-encoding",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "bocau-event",
        "bocau-store",
    ] {
        assert_eq!(count(name), 1, "{name}: {:?}", sent.headers);
    }
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
    for name in ["transfer-encoding", "connection", "expect", "proxy-authorization", "via", "forwarded"] {
        assert_eq!(count(name), 0, "{name}: {:?}", sent.headers);
    }
}
