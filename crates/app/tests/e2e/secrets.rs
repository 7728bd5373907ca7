//! No secret leaves by a side door: not by the log at its most talkative, not by the metrics, not by the copy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bocau_testkit::{Receiver, Reply};
use http::Method;
use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::{Home, KEY};

const HEADER_VALUE: &str = "canary-header-0a1b2c3d4e5f";

#[tokio::test]
async fn no_secret_is_in_the_log_the_metrics_the_database_or_its_copy() {
    let receiver = Receiver::start().await;
    receiver.reply("/hook", Reply::status(500));
    let home = Home::new().with("BOCAU_LOG", "trace").with("BOCAU_RETRY_INTERVAL", "1s");
    let made = home.run(&["key", "create", "--name", "canary", "--log", "trace"]).await;
    let token = made.stdout.trim().to_owned();
    let server = home.serve().await;
    let api = Api::new(server.url(), &token);
    api.post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
    let headers = json!([{"key": "authorization", "value": HEADER_VALUE}]);
    let webhook = json!({"url": receiver.https_url("/hook"), "events": ["*"], "headers": headers});
    let secret = api.add_webhook(webhook).await["secret"].as_str().expect("a secret").to_owned();
    let event = api.publish("1").await;
    api.wait_for_status(&event, "succeeded").await;
    assert_eq!(
        receiver.requests()[0].header("authorization"),
        Some(HEADER_VALUE),
        "it is sent, and only sent"
    );
    api.get("/api/v1/stores").await.expect(200);
    Api::new(server.url(), KEY).get("/api/v1/stores").await.expect(200);

    // What is refused is told without what was sent.
    let refused = json!({"url": receiver.https_url("/hook"), "events": ["*"], "headers": [
        {"key": "authorization", "value": format!("{HEADER_VALUE}\n")},
    ]});
    let hooks = format!("/api/v1/stores/{STORE}/webhooks");
    let header = api.post(&hooks, &refused).await;
    let unreadable =
        api.send(Method::POST, &hooks, format!("{{\"url\": {HEADER_VALUE}}}")).await.expect("an answer");
    let key = Api::new(server.url(), &format!("{token}x")).get("/api/v1/stores").await;
    assert_eq!((header.status, unreadable.status, key.status), (422, 400, 401));
    let metrics = api.get("/metrics").await.text;
    assert_eq!(home.run(&["backup", "copy.db"]).await.code, Some(0));
    let master_key = std::fs::read_to_string(home.path("data/master.key")).expect("it is there");
    let mut places = vec![
        ("the log".to_owned(), server.log().into_bytes()),
        ("the log of key create".to_owned(), made.stderr.into_bytes()),
        ("the metrics".to_owned(), metrics.into_bytes()),
        ("error answers".to_owned(), [header.text, unreadable.text, key.text].concat().into_bytes()),
        ("the copy".to_owned(), std::fs::read(home.path("copy.db")).expect("it is there")),
    ];
    for file in ["bocau.db", "bocau.db-wal"] {
        places.push((file.to_owned(), std::fs::read(home.path("data").join(file)).expect("it is there")));
    }
    assert!(places[0].1.len() > 10_000, "the log is at its most talkative");
    let raw = |encoded: &str| BASE64.decode(encoded).expect("base64");
    let secrets = [
        ("a header's value", HEADER_VALUE.as_bytes().to_vec()),
        ("a signing secret", secret.clone().into_bytes()),
        ("the bytes of a signing secret", raw(secret.trim_start_matches("whsec_"))),
        ("an API key", token.into_bytes()),
        ("the bootstrap key", KEY.as_bytes().to_vec()),
        ("the master key", master_key.trim().as_bytes().to_vec()),
        ("the bytes of the master key", raw(master_key.trim())),
    ];
    for (place, bytes) in &places {
        for (name, secret) in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name} is in {place}");
        }
    }
    server.stop().await;
}
