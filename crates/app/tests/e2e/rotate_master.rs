//! `bocau key rotate-master`, beside a server that goes on.

use bocau_testkit::{Receiver, Reply};
use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::Home;

const HEADER_VALUE: &str = "canary-header-0a1b2c3d4e5f";

#[tokio::test]
async fn the_master_key_is_rotated_under_a_server_that_goes_on_sending() {
    let receiver = Receiver::start().await;
    receiver.reply("/hook", Reply::status(200));
    let home = Home::new();
    let token = home.run(&["key", "create", "--name", "ops"]).await.stdout.trim().to_owned();
    let server = home.serve().await;
    let api = Api::new(server.url(), &token);
    api.post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
    let headers = json!([{"key": "x-token", "value": HEADER_VALUE}]);
    let webhook = json!({"url": receiver.https_url("/hook"), "events": ["*"], "headers": headers});
    let made = api.add_webhook(webhook).await;
    let secret_path =
        format!("/api/v1/stores/{STORE}/webhooks/{}/secret", made["id"].as_str().expect("an id"));
    let old = std::fs::read_to_string(home.path("data/master.key")).expect("it is there");

    let ended = home.run(&["key", "rotate-master"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("none is left of an older master key"), "{ended:?}");
    let new = std::fs::read_to_string(home.path("data/master.key")).expect("it is there");
    assert!(!new.lines().any(|line| line == old.trim()), "the old key opens nothing any more");
    assert!(new.contains(&format!("tokens={}", old.trim())), "it hashes tokens for good");

    // The server that ran meanwhile opens, seals and sends, and knows its keys.
    let send = async |object: &str| {
        let event = api.publish(object).await;
        api.wait_for_status(&event, "succeeded").await;
    };
    send("1").await;
    assert_eq!(receiver.requests()[0].header("x-token"), Some(HEADER_VALUE));
    assert_eq!(api.get(&secret_path).await.expect(200)["secret"], made["secret"]);
    let verifier =
        standardwebhooks::Webhook::new(made["secret"].as_str().expect("a secret")).expect("a secret");
    let request = receiver.requests().remove(0);
    let mut signed = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        signed.insert(name, request.header(name).expect("it is sent").parse().expect("a header value"));
    }
    verifier.verify(&request.body, &signed).expect("it is signed by the same secret");
    api.add_webhook(json!({"url": receiver.https_url("/other"), "events": ["*"]})).await;
    server.stop().await;

    // So does one that starts on what is there now, and nothing of the old key is left.
    let server = home.serve().await;
    let api = Api::new(server.url(), &token);
    assert_eq!(api.get(&secret_path).await.expect(200)["secret"], made["secret"]);
    server.stop().await;
    let again = home.run(&["key", "rotate-master"]).await;
    assert_eq!(again.code, Some(0), "it can be done again: {again:?}");
    let last = std::fs::read_to_string(home.path("data/master.key")).expect("it is there");
    assert!(last.contains(&format!("tokens={}", old.trim())) && last != new);
}

#[tokio::test]
async fn a_master_key_that_is_a_setting_is_rotated_by_the_setting() {
    let [one, two] =
        ["MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=", "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI="];
    let home = Home::new().with("BOCAU_MASTER_KEY", one);
    let token = home.run(&["key", "create", "--name", "ops"]).await.stdout.trim().to_owned();
    let told = home.run(&["key", "rotate-master"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("tokens=OLD") && !told.stderr.contains(one), "{told:?}");
    let home = home.with("BOCAU_MASTER_KEY", &format!("{two},{one},tokens={one}"));
    let ended = home.run(&["key", "rotate-master"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let home = home.with("BOCAU_MASTER_KEY", &format!("{two},tokens={one}"));
    let server = home.serve().await;
    Api::new(server.url(), &token).get("/api/v1/stores").await.expect(200);
    server.stop().await;
    // The old one alone opens nothing.
    let ended = home.with("BOCAU_MASTER_KEY", one).run(&["key", "list"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("sealed with another master key"), "{ended:?}");
}
