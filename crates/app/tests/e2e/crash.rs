//! The promise under kill -9: what was answered 202 is delivered.

use std::collections::HashSet;
use std::sync::Arc;

use bocau_testkit::patience::capped;
use bocau_testkit::{Gate, Receiver, Reply};
use http::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{Api, STORE, look_until};
use crate::server::Home;

const KILLS: usize = 3;
const PUBLISHERS: usize = 8;
/// Events that are answered 202 before each kill.
const ACCEPTED_PER_LIFE: usize = 120;
/// Deliveries that the receiver lets succeed before each kill: the others are in flight or waiting then.
const DELIVERED_PER_LIFE: usize = 60;

/// Publishes one event after the other until the server is gone, and notes each that was answered 202.
async fn publish_until_gone(api: Api, name: String, journal: Arc<watch::Sender<Vec<String>>>) {
    for number in 0.. {
        let object_id = format!("{name}-{number}");
        let event = json!({"type": "order.updated", "object_id": object_id, "payload": {"id": object_id}});
        let path = format!("/api/v1/stores/{STORE}/events");
        let Some(answer) = api.send(Method::POST, &path, event.to_string()).await else { return };
        if answer.status == 202 {
            let id = answer.body["id"].as_str().expect("an id").to_owned();
            journal.send_modify(|journal| journal.push(id));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_202_is_lost_by_kills_under_load() {
    let receiver = Receiver::start().await;
    // Some fail first, so that there are retries to lose as well.
    for _ in 0..40 {
        receiver.reply("/hook", Reply::status(500));
    }
    let gate = Gate::new();
    receiver.default_reply(Reply::acknowledged().behind(&gate));
    let home = Home::new().with("BOCAU_RETRY_INTERVAL", "1s").with("BOCAU_MAX_ATTEMPTS", "20");
    let journal = Arc::new(watch::Sender::new(Vec::new()));
    for life in 0..KILLS {
        let server = home.serve().await;
        if life == 0 {
            server.api().set_up(&receiver.https_url("/hook")).await;
        }
        gate.let_through(DELIVERED_PER_LIFE);
        let mut publishers = JoinSet::new();
        for number in 0..PUBLISHERS {
            publishers.spawn(publish_until_gone(server.api(), format!("{life}-{number}"), journal.clone()));
        }
        let mut accepted = journal.subscribe();
        let wanted = (life + 1) * ACCEPTED_PER_LIFE;
        let enough = accepted.wait_for(|journal| journal.len() >= wanted);
        drop(capped(enough, || format!("the server answers too few: {}", server.log())).await);
        server.kill();
        publishers.join_all().await;
    }

    gate.open();
    let server = home.serve().await;
    let events: HashSet<String> = journal.borrow().iter().cloned().collect();
    assert_eq!(events.len(), journal.borrow().len(), "an event's id is given once");
    let api = server.api();
    for event in &events {
        api.wait_for_status(event, "succeeded").await;
    }
    let arrived: HashSet<String> = look_until(async || {
        let requests = receiver.requests();
        let ids = requests.iter().filter_map(|request| request.header("webhook-id").map(str::to_owned));
        let arrived: HashSet<String> = ids.collect();
        events.is_subset(&arrived).then_some(arrived)
    })
    .await;
    assert!(arrived.len() >= events.len());
    server.stop().await;
}

#[tokio::test]
async fn an_attempt_that_a_kill_cut_short_is_in_the_history_and_made_again() {
    let receiver = Receiver::start().await;
    receiver.reply("/hook", Reply::Hang);
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let event = server.api().publish("1").await;
    receiver.wait_for(1).await;
    server.kill();

    let server = home.serve().await;
    let delivery = server.api().wait_for_status(&event, "succeeded").await;
    let path =
        format!("/api/v1/stores/{STORE}/deliveries/{}/attempts", delivery["id"].as_str().expect("an id"));
    let attempts = server.api().get(&path).await.expect(200);
    let outcomes: Vec<_> =
        attempts["data"].as_array().expect("a list").iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["interrupted", "success"]);
    server.stop().await;
}
