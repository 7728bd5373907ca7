//! The test inbox: a receiver without a server of one's own.

use http::Method;
use serde_json::{Value, json};

use crate::api::{Api, STORE};
use crate::server::Home;

const INBOXES: &str = "/api/v1/stores/552/inboxes";

async fn make_store_and_inbox(api: &Api) -> Value {
    api.post("/api/v1/stores", &json!({"id": STORE, "name": "Điểm bán 1"})).await.expect(201);
    api.post(INBOXES, &json!({})).await.expect(201)
}

fn path_of(inbox: &Value) -> String {
    format!("{INBOXES}/{}", inbox["id"].as_str().expect("an id"))
}

async fn requests(api: &Api, inbox: &Value) -> Vec<Value> {
    let page = api.get(&format!("{}/requests", path_of(inbox))).await.expect(200);
    page["data"].as_array().expect("rows").clone()
}

async fn set_answer(api: &Api, inbox: &Value, answer: &str) {
    let change = json!({"answer": answer}).to_string();
    api.send(Method::PATCH, &path_of(inbox), change).await.expect("an answer").expect(200);
}

#[tokio::test]
async fn what_is_sent_to_an_inbox_is_kept_verified_and_answered_as_it_is_set_to() {
    // The way of somebody who has nothing but the program: no network is open.
    let home = Home::new().with("BOCAU_EGRESS_ALLOW", "");
    let server = home.serve().await;
    let api = server.api();
    let inbox = make_store_and_inbox(&api).await;
    let headers = json!([{"key": "x-token", "value": "abc"}]);
    let webhook = json!({"url": inbox["url"], "events": ["*"], "headers": headers});
    api.add_webhook(webhook).await;
    let event = api.publish("208610").await;
    let delivery = api.wait_for_status(&event, "succeeded").await;
    assert_eq!(delivery["last_status_code"], 200, "{delivery}");

    let received = requests(&api, &inbox).await;
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((&request["verified"], &request["answer_status"]), (&json!(true), &json!(200)));
    assert_eq!(request["body"], r#"{"id":"208610"}"#);
    let header = |name: &str| {
        let all = request["headers"].as_array().expect("headers");
        all.iter().find(|header| header["key"] == name).map(|header| header["value"].clone())
    };
    assert_eq!(header("bocau-event"), Some(json!("order.created")));
    assert_eq!(header("x-token"), Some(json!("abc")));

    set_answer(&api, &inbox, "fail").await;
    let event = api.publish("208611").await;
    let delivery = api.wait_for_status(&event, "retrying").await;
    assert_eq!(delivery["last_status_code"], 500, "{delivery}");
    let received = requests(&api, &inbox).await;
    assert_eq!((received.len(), &received[0]["answer_status"]), (2, &json!(500)));
    assert_eq!(received[0]["verified"], true);

    server.stop().await;
}

#[tokio::test]
async fn what_another_store_signed_is_kept_and_not_verified() {
    let home = Home::new().with("BOCAU_EGRESS_ALLOW", "");
    let server = home.serve().await;
    let api = server.api();
    let inbox = make_store_and_inbox(&api).await;
    api.add_webhook(json!({"url": "https://inbox.bocau.test/nobody", "events": ["*"]})).await;
    api.post("/api/v1/stores", &json!({"id": "other", "name": "B"})).await.expect(201);
    let foreign = json!({"url": inbox["url"], "events": ["*"]});
    let foreign = api.post("/api/v1/stores/other/webhooks", &foreign).await.expect(201);
    let test = format!("/api/v1/stores/other/webhooks/{}/test", foreign["id"].as_str().expect("an id"));
    api.post(&test, &json!({})).await.expect(200);
    let received = requests(&api, &inbox).await;
    assert_eq!((received.len(), &received[0]["verified"]), (1, &json!(false)));
    server.stop().await;
}

#[tokio::test]
async fn a_slow_answer_is_later_than_a_short_timeout_and_a_long_body_is_cut() {
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    let inbox = make_store_and_inbox(&api).await;
    api.add_webhook(json!({"url": inbox["url"], "events": ["*"], "timeout_seconds": 1})).await;
    let long = json!({"type": "order.created", "object_id": "1", "payload": {"note": "x".repeat(100_000)}});
    let event = api.post(&format!("/api/v1/stores/{STORE}/events"), &long).await.expect(202);
    api.wait_for_status(event["id"].as_str().expect("an id"), "succeeded").await;
    let received = requests(&api, &inbox).await;
    assert_eq!(received[0]["body"].as_str().map(str::len), Some(64 * 1024));
    assert_eq!(received[0]["verified"], true, "over all of it");

    set_answer(&api, &inbox, "slow").await;
    let event = api.publish("2").await;
    let delivery = api.wait_for_status(&event, "retrying").await;
    assert_eq!(delivery["last_status_code"], Value::Null, "{delivery}");
    assert_eq!(requests(&api, &inbox).await[0]["answer_status"], 200);
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_inbox_answers_404_and_the_listener_has_no_other_name() {
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    make_store_and_inbox(&api).await;
    api.add_webhook(json!({"url": "https://inbox.bocau.test/nobody", "events": ["*"]})).await;
    let event = api.publish("1").await;
    let delivery = api.wait_for_status(&event, "retrying").await;
    assert_eq!(delivery["last_status_code"], 404, "{delivery}");

    let log = server.log();
    let line = log.lines().find(|line| line.contains("test inboxes listen")).expect("it is told");
    let (_, port) = line.split_once("127.0.0.1:").expect("an address");
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    for url in [format!("https://127.0.0.1:{port}/nobody"), format!("https://127.0.0.2:{port}/nobody")] {
        let webhook = json!({"url": url, "events": ["*"]});
        let refused = api.post(&format!("/api/v1/stores/{STORE}/webhooks"), &webhook).await.expect(422);
        assert_eq!(refused["reason"], "own_address", "{url}: {refused}");
    }
    server.stop().await;
}
