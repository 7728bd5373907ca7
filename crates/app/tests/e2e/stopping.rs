//! SIGTERM and SIGINT: nothing new is taken in, what is in flight ends, exit 0 in time.

use bocau_testkit::{Gate, Receiver, Reply};
use http::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::api::{STORE, look_until};
use crate::server::Home;

#[tokio::test]
async fn an_attempt_in_flight_ends_while_readyz_says_503_and_publishing_is_refused() {
    let receiver = Receiver::start().await;
    let gate = Gate::new();
    receiver.reply("/hook", Reply::acknowledged().behind(&gate));
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    assert!(!server.log().contains("refinery"), "the schema makes no noise:\n{}", server.log());
    assert_eq!(api.get("/readyz").await.status, 200);
    let event = api.publish("1").await;
    receiver.wait_for(1).await;

    server.signal(Signal::TERM);
    look_until(async || (api.get("/readyz").await.status == 503).then_some(())).await;
    for _ in 0..5 {
        api.get("/readyz").await.expect(503);
    }
    assert!(!server.log().contains("WARN"), "a probe makes no noise:\n{}", server.log());
    assert_eq!(api.get("/livez").await.status, 200);
    let refused = json!({"type": "order.created", "object_id": "2", "payload": {}});
    api.post(&format!("/api/v1/stores/{STORE}/events"), &refused).await.expect(503);
    gate.open();
    assert_eq!(server.ended().await.code(), Some(0));

    let server = home.serve().await;
    let delivery = server.api().delivery_of(&event).await;
    assert_eq!((delivery["status"].as_str(), delivery["attempts"].as_u64()), (Some("succeeded"), Some(1)));
    assert_eq!(receiver.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_a_stop_up_no_longer_than_its_timeout() {
    let receiver = Receiver::start().await;
    receiver.always("/hook", Reply::Hang);
    let home = Home::new().with("BOCAU_TIMEOUT", "2s");
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let event = server.api().publish("1").await;
    receiver.wait_for(1).await;
    server.signal(Signal::INT);
    // The wait is capped at less than the 30 s that supervisors give.
    assert_eq!(server.ended().await.code(), Some(0));
    let server = home.serve().await;
    assert_eq!(server.api().delivery_of(&event).await["status"], "retrying");
    server.stop().await;
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once() {
    let receiver = Receiver::start().await;
    receiver.always("/hook", Reply::Hang);
    let home = Home::new().with("BOCAU_TIMEOUT", "25s");
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    api.publish("1").await;
    receiver.wait_for(1).await;
    server.signal(Signal::TERM);
    look_until(async || (api.get("/readyz").await.status == 503).then_some(())).await;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(130));
}

#[tokio::test]
async fn a_connection_left_open_does_not_hold_a_stop_up() {
    let server = Home::new().serve().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let _silent = tokio::net::TcpStream::connect(&address).await.expect("connected");
    let api = server.api();
    api.send(Method::GET, "/livez", String::new()).await.expect("an answer");
    server.stop().await;
}
