//! Nodes that only answer and nodes that only send, and what nodes know of one another.

use std::time::Duration;

use bocau_domain::NodeRole;
use bocau_engine::scheduler::POLL;
use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Receiver, Reply, TestDatabase};
use http::Method;
use serde_json::{Value, json};

use crate::api::{Api, STORE, look_until};
use crate::nodes::home_on;
use crate::server::{Home, Server};

/// A node of this role, named after it.
async fn node_as(database: &TestDatabase, role: NodeRole) -> Server {
    home_on(database).with("BOCAU_NODE_NAME", role.as_str()).serve_with(&["--role", role.as_str()]).await
}

/// The nodes that an API node knows, by their names.
async fn known(api: &Api) -> Vec<(String, Value)> {
    let list = api.get("/api/v1/nodes").await.expect(200);
    let rows = list["data"].as_array().expect("rows").clone();
    rows.into_iter().map(|row| (row["name"].as_str().expect("a name").to_owned(), row)).collect()
}

async fn stop_all(nodes: impl IntoIterator<Item = Server>) {
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_api_node_takes_in_a_worker_sends_at_once() {
    const EVENTS: usize = 6;
    let (database, receiver) = (TestDatabase::make().await, Receiver::start().await);
    let (front, worker) =
        (node_as(&database, NodeRole::Api).await, node_as(&database, NodeRole::Worker).await);
    let api = front.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let hearing = tokio::spawn(api.follow("succeeded").await);
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    for number in 0..EVENTS {
        let event = api.publish(&number.to_string()).await;
        api.wait_for_status(&event, "succeeded").await;
    }
    let took = clock.monotonic().saturating_sub(begun);
    // Each but the first would wait for a whole round.
    let by_polls = POLL * (u32::try_from(EVENTS).expect("a few") - 1);
    assert!(took < by_polls / 2, "{took:?}: the worker is told, and does not find it by asking now and then");
    // The worker may hear that somebody watches only after the first rows.
    look_until(async || {
        api.publish("more").await;
        hearing.is_finished().then_some(())
    })
    .await;
    hearing.await.expect("it was told of a row");
    assert_eq!(front.api().get("/metrics").await.text.matches("bocau_attempts_total").count(), 0);
    stop_all([front, worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_an_api_node_sees_how_a_test_send_and_a_resend_went() {
    let (database, receiver) = (TestDatabase::make().await, Receiver::start().await);
    let (front, worker) =
        (node_as(&database, NodeRole::Api).await, node_as(&database, NodeRole::Worker).await);
    let api = front.api();
    let webhook = api.set_up(&receiver.https_url("/hook")).await;
    receiver.reply("/hook", Reply::status(418));
    let test = format!("/api/v1/stores/{STORE}/webhooks/{}/test", webhook["id"].as_str().expect("an id"));
    let sent = api.post(&test, &json!({})).await.expect(200);
    assert_eq!((&sent["outcome"], &sent["status_code"]), (&json!("http_error"), &json!(418)));
    assert_eq!(api.post(&test, &json!({})).await.expect(200)["outcome"], "success");

    let event = api.publish("1").await;
    let delivery = api.wait_for_status(&event, "succeeded").await;
    let path = format!("/api/v1/stores/{STORE}/deliveries/{}", delivery["id"].as_str().expect("an id"));
    api.post(&format!("{path}/resend"), &json!({})).await.expect(202);
    look_until(async || {
        let attempts = api.get(&format!("{path}/attempts")).await.expect(200);
        let rows = attempts["data"].as_array().expect("rows");
        rows.iter().any(|row| row["trigger"] == "manual" && row["outcome"] == "success").then_some(())
    })
    .await;
    let before = receiver.count();
    api.post(&format!("/api/v1/stores/{STORE}/resends"), &json!({"status": "succeeded"})).await.expect(202);
    look_until(async || (receiver.count() > before).then_some(())).await;
    stop_all([front, worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sends_to_test_inboxes_and_an_api_node_shows_what_arrived() {
    let database = TestDatabase::make().await;
    let home = home_on(&database).with("BOCAU_EGRESS_ALLOW", "");
    let front = home.serve_with(&["--role", "api"]).await;
    let worker = home_on(&database).with("BOCAU_EGRESS_ALLOW", "").serve_with(&["--role", "worker"]).await;
    let api = front.api();
    api.post("/api/v1/stores", &json!({"id": STORE, "name": "Điểm bán 1"})).await.expect(201);
    let inboxes = format!("/api/v1/stores/{STORE}/inboxes");
    let inbox = api.post(&inboxes, &json!({})).await.expect(201);
    api.add_webhook(json!({"url": inbox["url"], "events": ["*"]})).await;
    let event = api.publish("208610").await;
    api.wait_for_status(&event, "succeeded").await;
    let path = format!("{inboxes}/{}/requests", inbox["id"].as_str().expect("an id"));
    let received = api.get(&path).await.expect(200);
    assert_eq!(
        (&received["data"][0]["verified"], received["data"].as_array().map(Vec::len)),
        (&json!(true), Some(1))
    );
    stop_all([front, worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_api_node_took_in_alone_a_worker_sends_that_starts_later() {
    let (database, receiver) = (TestDatabase::make().await, Receiver::start().await);
    let front = node_as(&database, NodeRole::Api).await;
    let api = front.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let mut events = Vec::new();
    for number in 0..30 {
        events.push(api.publish(&number.to_string()).await);
    }
    assert_eq!(api.delivery_of(&events[0]).await["status"], "pending");
    assert_eq!(database.run("SELECT count(*) FROM deliveries WHERE claim = 0"), "30", "nobody holds them");
    assert_eq!(receiver.count(), 0);
    let worker = node_as(&database, NodeRole::Worker).await;
    for event in &events {
        api.wait_for_status(event, "succeeded").await;
    }
    assert_eq!(receiver.count(), 30);
    stop_all([worker, front]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_know_of_one_another_and_notice_who_is_gone() {
    let database = TestDatabase::make().await;
    let front = node_as(&database, NodeRole::Api).await;
    let worker = node_as(&database, NodeRole::Worker).await;
    let all = node_as(&database, NodeRole::All).await;
    let api = front.api();
    let nodes = known(&api).await;
    let told: Vec<_> = nodes.iter().map(|(name, row)| (&**name, &row["role"], &row["is_self"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(
        told,
        [("api", &json!("api"), &yes), ("worker", &json!("worker"), &no), ("all", &json!("all"), &no)]
    );
    assert!(nodes.iter().all(|(_, row)| row["is_alive"] == true), "{nodes:?}");
    assert!(nodes.iter().all(|(_, row)| row["version"] == env!("CARGO_PKG_VERSION")), "{nodes:?}");

    let problem = worker.api().get("/api/v1/nodes").await;
    assert_eq!((problem.status, &problem.body["type"]), (503, &json!("worker-node")));
    assert_eq!(worker.api().get("/readyz").await.status, 200);
    look_until(async || {
        worker.api().get("/metrics").await.text.contains("bocau_nodes{state=\"alive\"} 3").then_some(())
    })
    .await;
    let metrics = worker.api().get("/metrics").await.text;
    let info = format!(
        "bocau_node_info{{name=\"worker\",role=\"worker\",version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert!(metrics.contains(&info), "{metrics}");

    all.stop().await;
    assert_eq!(known(&api).await.len(), 2, "one that stops says so");
    look_until(async || front.log().contains("another node has ended").then_some(())).await;
    worker.kill();
    let silent = "UPDATE nodes SET seen_at = seen_at - 40000 WHERE name = 'worker'";
    database.run(silent);
    look_until(async || front.log().contains("another node has fallen silent").then_some(())).await;
    let nodes = known(&api).await;
    assert!(nodes.iter().any(|(name, row)| name == "worker" && row["is_alive"] == false), "{nodes:?}");
    let metrics = front.api().get("/metrics").await.text;
    assert!(metrics.contains("bocau_nodes{state=\"silent\"} 1"), "{metrics}");
    assert_eq!(front.log().matches("another node has fallen silent").count(), 1);
    front.stop().await;
    assert_eq!(database.run("SELECT name FROM nodes"), "worker");
}

/// Its machine's name, where nobody gave it another; SQLite's one node knows itself.
#[tokio::test]
async fn the_node_of_a_file_is_the_only_one() {
    let server = Home::new().serve().await;
    let nodes = known(&server.api()).await;
    let [(name, row)] = &nodes[..] else { panic!("{nodes:?}") };
    assert!(!name.is_empty());
    assert_eq!(
        (&row["role"], &row["is_self"], &row["is_alive"]),
        (&json!("all"), &json!(true), &json!(true))
    );
    server.stop().await;
}

#[tokio::test]
async fn the_work_on_a_file_is_not_shared() {
    for role in ["api", "worker"] {
        let ended = Home::new().run(&["serve", "--role", role]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(&format!("--role: {role:?} needs PostgreSQL")), "{ended:?}");
    }
    let database = TestDatabase::make().await;
    let ended = home_on(&database).run(&["serve", "--role", "api", "--demo"]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("--demo"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_may_not_change_the_schema_says_what_to_do() {
    let database = TestDatabase::make().await;
    let careful = home_on(&database).with("BOCAU_MIGRATE_ON_START", "false");
    let ended = careful.run(&["serve"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["has no schema yet", "needs version", "bocau migrate"] {
        assert!(ended.stderr.contains(part), "{part} in {ended:?}");
    }
    let ended = careful.run(&["migrate"]).await;
    assert!(ended.code == Some(0) && ended.stderr.contains("made with schema version"), "{ended:?}");
    careful.serve().await.stop().await;
}

/// What a notice tells at once is seen within a poll where no notice came: here somebody else changed it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_no_notice_told_of_is_seen_within_a_poll() {
    let (database, old, new) = (TestDatabase::make().await, Receiver::start().await, Receiver::start().await);
    let node = node_as(&database, NodeRole::All).await;
    let api = node.api();
    api.set_up(&old.https_url("/hook")).await;
    let event = api.publish("1").await;
    let delivery = api.wait_for_status(&event, "succeeded").await;
    let resend =
        format!("/api/v1/stores/{STORE}/deliveries/{}/resend", delivery["id"].as_str().expect("an id"));
    let changed = "BEGIN; UPDATE webhooks SET url = '{}'; UPDATE stores SET config_version = config_version + 1; COMMIT";
    database.run(&changed.replace("{}", &new.https_url("/hook")));
    let clock = SystemClock::new();
    let looking = async {
        // The webhook of a resend is the one that the node knows: nothing on its way asks the database.
        while new.count() == 0 {
            let before = old.count() + new.count();
            api.send(Method::POST, &resend, "{}".into()).await.expect("an answer").expect(202);
            look_until(async || (old.count() + new.count() > before).then_some(())).await;
            clock.sleep(Duration::from_millis(500)).await;
        }
    };
    bocau_testkit::patience::within(bocau_engine::config_poll::EVERY * 2, looking, || node.log()).await;
    assert!(old.count() > 1, "the node did not know until it asked");
    node.stop().await;
}
