//! Several processes on one PostgreSQL database.

use std::collections::HashSet;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Gate, Receiver, Reply, TestDatabase};
use http::Method;
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::{Api, STORE, look_for, look_until};
use crate::server::{Home, Server};

/// What a node that died had taken is delivered by the others within this, where nothing waits before it.
const TAKE_OVER_MAX: Duration = Duration::from_mins(1);
/// Between two counts of what is left.
const COUNT_EVERY: Duration = Duration::from_millis(250);
/// One node sends tens of thousands to one webhook, ten at a time, in a build for tests on a machine that is shared.
const BACKLOG_MAX: Duration = Duration::from_mins(10);
/// The same on any node: a base64 of 32 bytes.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const PASSWORD: &str = "con ngựa, cục pin, đúng rồi";
/// Deliveries that hang or wait when one node is frozen.
const HELD_BACK: usize = 360;
/// Attempts that one node has in flight to one webhook.
const IN_FLIGHT: usize = 10;

/// Homes of nodes on this database.
pub(crate) fn home_on(database: &TestDatabase) -> Home {
    home_on_url(&database.url_text())
}

/// The same, for a database of one's own.
pub(crate) fn home_on_url(url: &str) -> Home {
    Home::new().with("BOCAU_DATABASE_URL", url).with("BOCAU_MASTER_KEY", MASTER_KEY)
}

async fn nodes(database: &TestDatabase, count: usize) -> Vec<Server> {
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(home_on(database).serve().await);
    }
    nodes
}

fn unfinished(database: &TestDatabase) -> usize {
    let open = "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying')";
    database.run(open).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_configured_on_one_node_holds_on_the_others_at_once() {
    let (database, old, new) = (TestDatabase::make().await, Receiver::start().await, Receiver::start().await);
    let nodes = nodes(&database, 2).await;
    let (one, other) = (nodes[0].api(), nodes[1].api());
    let webhook = one.set_up(&old.https_url("/hook")).await;
    // The other has read the store's webhooks by now.
    let event = other.publish("1").await;
    one.wait_for_status(&event, "succeeded").await;

    let path = format!("/api/v1/stores/{STORE}/webhooks/{}", webhook["id"].as_str().expect("an id"));
    let change = json!({"url": new.https_url("/hook")}).to_string();
    one.send(Method::PATCH, &path, change).await.expect("an answer").expect(200);
    let event = other.publish("2").await;
    other.wait_for_status(&event, "succeeded").await;
    assert_eq!((old.count(), new.count()), (1, 1), "what was configured before an event was sent counts");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_on_one_node_sees_the_rows_of_the_others() {
    let (database, receiver) = (TestDatabase::make().await, Receiver::start().await);
    let nodes = nodes(&database, 2).await;
    let (one, other) = (nodes[0].api(), nodes[1].api());
    one.set_up(&receiver.https_url("/hook")).await;
    let hearing = tokio::spawn(other.follow("succeeded").await);
    // The notice that somebody watches may be on its way to the first still.
    look_until(async || {
        one.publish("1").await;
        hearing.is_finished().then_some(())
    })
    .await;
    hearing.await.expect("it was told");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_keys_of_one_node_work_on_the_others() {
    let database = TestDatabase::make().await;
    let args = ["user", "create", "--email", "chu@example.vn", "--role", "admin", "--password-stdin"];
    let made = home_on(&database).run_with_input(&args, PASSWORD).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let nodes = nodes(&database, 2).await;
    let made = nodes[0].api().post("/api/v1/keys", &json!({"name": "hai nút", "scopes": ["read"]})).await;
    let key = made.expect(201)["key"].as_str().expect("a key").to_owned();
    assert_eq!(Api::new(nodes[1].url(), &key).get("/api/v1/stores").await.status, 200);

    let sign_in = json!({"email": "chu@example.vn", "password": PASSWORD});
    let signed_in = nodes[0].api().post("/api/v1/session", &sign_in).await;
    let cookie = signed_in.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a cookie");
    let session = nodes[1].api().session_of(cookie).await.expect(200);
    assert_eq!(session["user"]["email"], "chu@example.vn", "{session}");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_node_makes_no_master_key_of_its_own() {
    let database = TestDatabase::make().await;
    let home = Home::new().with("BOCAU_DATABASE_URL", &database.url_text());
    let ended = home.run(&["serve"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("BOCAU_MASTER_KEY"), "{ended:?}");
    assert!(!home.path("data/master.key").exists());
    let home = home_on(&database);
    home.serve().await.stop().await;
    let other = home.with("BOCAU_MASTER_KEY", "MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let ended = other.run(&["serve"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("master key"), "{ended:?}");
}

/// Publishes `count` events on one node, and says which were answered 202.
async fn publish_on(api: Api, publisher: String, count: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0..count {
        let object_id = format!("{publisher}-{number}");
        let event = json!({"type": "order.updated", "object_id": object_id, "payload": {"id": object_id}});
        let path = format!("/api/v1/stores/{STORE}/events");
        let answer = api.send(Method::POST, &path, event.to_string()).await;
        if let Some(answer) = answer.filter(|answer| answer.status == 202) {
            accepted.push(answer.body["id"].as_str().expect("an id").to_owned());
        }
    }
    accepted
}

/// Publishes `count` events on each of these nodes at the same time, by several publishers each.
fn publish_on_each(nodes: &[&Server], phase: &str, count: usize) -> JoinSet<Vec<String>> {
    const PUBLISHERS: usize = 4;
    let mut publishers = JoinSet::new();
    for (place, node) in nodes.iter().enumerate() {
        for publisher in 0..PUBLISHERS {
            let name = format!("{phase}-{place}-{publisher}");
            publishers.spawn(publish_on(node.api(), name, count / PUBLISHERS));
        }
    }
    publishers
}

/// Three nodes take events in. With attempts in flight and more waiting on each, one is stopped by SIGSTOP past
/// its leases, and one is killed by -9 while it takes more in; the third delivers all that was answered 202 within
/// `span`, which is what the two had and the queue before it.
async fn a_node_is_killed_and_another_frozen(events: usize, span: Duration) {
    let (database, receiver, gate) = (TestDatabase::make().await, Receiver::start().await, Gate::new());
    receiver.default_reply(Reply::acknowledged().behind(&gate));
    let mut nodes = nodes(&database, 3).await;
    let store = json!({"id": STORE, "name": "Điểm bán 1"});
    nodes[0].api().post("/api/v1/stores", &store).await.expect(201);
    // On a slow machine attempts may meet their timeout while they hang; then they are made again soon.
    let webhook = json!({"url": receiver.https_url("/hook"), "events": ["*"], "retry_interval_seconds": 1});
    nodes[0].api().add_webhook(webhook).await;
    // All but the last are let through, so that few do.
    let first_events = events / 6 / 4 * 4 * 3;
    gate.let_through(first_events - HELD_BACK);
    let first = publish_on_each(&nodes.iter().collect::<Vec<_>>(), "first", events / 6);
    let mut accepted: HashSet<String> = first.join_all().await.into_iter().flatten().collect();
    assert_eq!(accepted.len(), first_events, "all three answer 202");
    look_for(span, async || (receiver.count() >= first_events - HELD_BACK + 3 * IN_FLIGHT).then_some(()))
        .await;

    let (killed, frozen, left) = (nodes.remove(0), nodes.remove(0), nodes.remove(0));
    frozen.signal(Signal::STOP);
    let mut second = publish_on_each(&[&killed, &left], "second", events / 4);
    gate.open();
    // Of eight publishers, the first that is done is not the last: the kill comes under load.
    accepted.extend(second.join_next().await.expect("a publisher").expect("no panic"));
    killed.kill();
    let clock = SystemClock::new();
    let killed_at = clock.monotonic();
    accepted.extend(second.join_all().await.into_iter().flatten());

    let none_is_left = async || {
        // Counting many costs the very machine that is to send them.
        clock.sleep(COUNT_EVERY).await;
        (unfinished(&database) == 0).then_some(())
    };
    look_for(span, none_is_left).await;
    let sent_after = clock.monotonic().saturating_sub(killed_at);
    frozen.signal(Signal::CONT);
    look_until(async || (frozen.api().get("/readyz").await.status == 200).then_some(())).await;
    frozen.stop().await;

    let arrived: Vec<String> = receiver
        .requests()
        .iter()
        .filter_map(|request| request.header("webhook-id").map(str::to_owned))
        .collect();
    let distinct: HashSet<&String> = arrived.iter().collect();
    let lost = accepted.iter().filter(|event| !distinct.contains(event)).count();
    let timed_out: usize =
        database.run("SELECT count(*) FROM attempts WHERE outcome = 'timeout'").parse().expect("a number");
    let repeats = (arrived.len() - distinct.len()).saturating_sub(timed_out);
    println!(
        "{} events answered 202, {lost} lost, {repeats} repeats, all sent {:.1} s after the kill",
        accepted.len(),
        sent_after.as_secs_f64()
    );
    assert_eq!(lost, 0);
    assert!(repeats <= 2 * IN_FLIGHT, "{repeats} repeats, {IN_FLIGHT} in flight on each of the two");
    let states = database.run("SELECT status, count(*) FROM deliveries GROUP BY 1");
    assert_eq!(states, format!("succeeded|{}", distinct.len()), "what came late moved no state");
    left.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_and_a_frozen_node_had_is_delivered_by_the_third_within_a_minute() {
    a_node_is_killed_and_another_frozen(960, TAKE_OVER_MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run it with --run-ignored all"]
async fn the_same_with_fifty_thousand_events() {
    a_node_is_killed_and_another_frozen(50_000, BACKLOG_MAX).await;
}
