//! Stores spread over two PostgreSQL servers, one of which goes away.

use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::database::psql;
use bocau_testkit::{Durability, Gate, PostgresServer, Receiver, Reply, Stop, TestDatabase};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::{Answer, Api, look_for, look_until};
use crate::server::{Home, Server};

/// The same on any node: a base64 of 32 bytes.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// A server that does not answer any more is found out within this, however it went.
const FOUND_OUT_MAX: Duration = Duration::from_secs(12);
/// And taken in again within this.
const BACK_MAX: Duration = Duration::from_secs(15);
/// What a publisher of a store elsewhere waits at most meanwhile; there are two cores for all of it.
const UNHARMED_MAX: Duration = Duration::from_secs(2);
/// The store of the shard that stays, and that of the one that goes away.
const STAYS: &str = "stays";
const GOES: &str = "goes";

/// A server that a test has for itself.
async fn own_server() -> PostgresServer {
    let made = tokio::task::spawn_blocking(|| PostgresServer::start(Durability::Lost));
    made.await.expect("no panic").expect("a server")
}

/// A home and a shard on one server, and a shard on a server of its own.
struct Installation {
    home: String,
    _home: Option<TestDatabase>,
    stays: TestDatabase,
    goes: PostgresServer,
    receiver: Receiver,
}

impl Installation {
    async fn make() -> Self {
        let home = TestDatabase::make().await;
        Self {
            home: home.url_text(),
            _home: Some(home),
            stays: TestDatabase::make().await,
            goes: own_server().await,
            receiver: Receiver::start().await,
        }
    }

    fn node(&self) -> Home {
        let shards = format!("stays={}, goes={}", self.stays.url_text(), self.goes.url());
        Home::new()
            .with("BOCAU_DATABASE_URL", &self.home)
            .with("BOCAU_DATABASE_SHARDS", &shards)
            .with("BOCAU_MASTER_KEY", MASTER_KEY)
    }

    /// A server, with a store on each shard and a webhook in each.
    async fn with_stores(&self) -> Server {
        let server = self.node().serve().await;
        for store in [STAYS, GOES] {
            make_store(&server.api(), store).await;
            let webhook = json!({"url": self.receiver.https_url(&format!("/{store}")), "events": ["*"]});
            server.api().post(&format!("/api/v1/stores/{store}/webhooks"), &webhook).await.expect(201);
        }
        assert_eq!(self.stays.run("SELECT id FROM stores"), STAYS);
        assert_eq!(psql(&self.goes.url(), "SELECT id FROM stores"), GOES);
        server
    }

    fn received(&self, event: &str) -> bool {
        self.receiver.requests().iter().any(|request| request.header("webhook-id") == Some(event))
    }

    async fn wait_for(&self, event: &str) {
        look_for(BACK_MAX, async || self.received(event).then_some(())).await;
    }
}

async fn make_store(api: &Api, id: &str) {
    api.post("/api/v1/stores", &json!({"id": id, "name": id})).await.expect(201);
}

async fn publish(api: &Api, store: &str) -> Answer {
    let event = json!({"type": "order.created", "object_id": "1", "payload": {"id": 1}});
    let path = format!("/api/v1/stores/{store}/events");
    api.send(Method::POST, &path, event.to_string()).await.expect("an answer")
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

/// Publishes and waits until it has arrived.
async fn publish_and_see(installation: &Installation, api: &Api, store: &str) {
    let event = id_of(&publish(api, store).await.expect(202));
    installation.wait_for(&event).await;
}

/// Publishes on and on until stopped; answers each status with how long it took, and what was answered 202.
async fn keep_publishing(api: Api, store: &'static str, stop: tokio::sync::watch::Receiver<bool>) -> Story {
    let clock = SystemClock::new();
    let mut told = Story::default();
    while !*stop.borrow() {
        let began = clock.monotonic();
        let answer = publish(&api, store).await;
        let took = clock.monotonic().saturating_sub(began);
        match answer.status {
            202 => told.accepted.push((id_of(&answer.body), took)),
            503 if answer.headers.contains_key("retry-after") => told.refused.push(took),
            other => panic!("{store}: {other}: {}", answer.text),
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    told
}

#[derive(Default)]
struct Story {
    accepted: Vec<(String, Duration)>,
    refused: Vec<Duration>,
}

fn longest(times: impl IntoIterator<Item = Duration>) -> Duration {
    times.into_iter().max().unwrap_or_default()
}

/// How a shard goes away and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    /// Its server ends: connections break.
    Stopped,
    /// Its server stands still: connections hold, and nothing is answered.
    Frozen,
}

impl Away {
    fn begin(self, server: &mut PostgresServer) {
        match self {
            Self::Stopped => server.stop(Stop::Fast).expect("it runs"),
            Self::Frozen => server.freeze().expect("it runs"),
        }
    }

    fn end(self, server: &mut PostgresServer) {
        match self {
            Self::Stopped => server.start_again().expect("it starts"),
            Self::Frozen => server.thaw().expect("it runs"),
        }
    }
}

/// Publishers of both stores go on while one shard goes away and comes back.
async fn the_others_do_not_notice(away: Away) {
    let mut installation = Installation::make().await;
    let server = installation.with_stores().await;
    let api = server.api();
    publish_and_see(&installation, &api, STAYS).await;
    publish_and_see(&installation, &api, GOES).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut staying = JoinSet::new();
    let mut going = JoinSet::new();
    for _ in 0..4 {
        staying.spawn(keep_publishing(api.clone(), STAYS, stopped.clone()));
        going.spawn(keep_publishing(api.clone(), GOES, stopped.clone()));
    }
    look_until(async || (installation.receiver.count() > 50).then_some(())).await;

    away.begin(&mut installation.goes);
    look_for(FOUND_OUT_MAX, async || {
        let ready = api.get("/readyz").await;
        assert_eq!(ready.status, 200, "{}", ready.text);
        ready.text.contains("shard goes:").then_some(())
    })
    .await;
    publish_and_see(&installation, &api, STAYS).await;
    assert_eq!(publish(&api, GOES).await.status, 503);
    assert!(publish(&api, GOES).await.headers.contains_key("retry-after"));
    let list = api.get(&format!("/api/v1/stores/{GOES}/deliveries")).await;
    assert_eq!(list.status, 503, "{}", list.text);
    let list = api.get(&format!("/api/v1/stores/{STAYS}/deliveries")).await.expect(200);
    assert!(!list["data"].as_array().expect("a list").is_empty());
    assert_eq!(api.get("/api/v1/stores").await.expect(200)["data"].as_array().expect("a list").len(), 2);
    // Both are there, so a store that is made now goes to the one that answers.
    make_store(&api, "new").await;
    assert_eq!(installation.stays.run("SELECT count(*) FROM stores"), "2");

    away.end(&mut installation.goes);
    look_for(BACK_MAX, async || (publish(&api, GOES).await.status == 202).then_some(())).await;
    publish_and_see(&installation, &api, GOES).await;
    assert_eq!(api.get("/readyz").await.text, "ready\n");
    stop.send(true).expect("they listen");
    let (staying, going) = (staying.join_all().await, going.join_all().await);
    let refused: usize = staying.iter().map(|story| story.refused.len()).sum();
    let waited = longest(staying.iter().flat_map(|story| story.accepted.iter().map(|(_, took)| *took)));
    let found_out = longest(going.iter().flat_map(|story| story.refused.iter().copied()));
    let all: Vec<String> = staying
        .into_iter()
        .chain(going)
        .flat_map(|story| story.accepted.into_iter().map(|(event, _)| event))
        .collect();
    println!(
        "{away:?}: {} events answered 202; the other store's: {refused} refused, {} ms at most; 503 after {} ms",
        all.len(),
        waited.as_millis(),
        found_out.as_millis()
    );
    assert_eq!(refused, 0);
    assert!(waited < UNHARMED_MAX, "{waited:?}");
    assert!(found_out < FOUND_OUT_MAX, "{found_out:?}");
    // All of it arrives, also what was under way to the shard when it went: its leases last 45 s.
    for event in &all {
        look_for(Duration::from_mins(1), async || installation.received(event).then_some(())).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_hangs_is_not_noticed_by_the_stores_of_the_others() {
    the_others_do_not_notice(Away::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_gone_is_not_noticed_by_the_stores_of_the_others() {
    the_others_do_not_notice(Away::Stopped).await;
}

/// A server that starts while a shard is away.
async fn starts_without(away: Away) {
    let mut installation = Installation::make().await;
    let server = installation.with_stores().await;
    server.stop().await;
    away.begin(&mut installation.goes);
    let server = installation.node().serve().await;
    let api = server.api();
    publish_and_see(&installation, &api, STAYS).await;
    let refused = publish(&api, GOES).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(api.get("/readyz").await.text.contains("shard goes:"));
    away.end(&mut installation.goes);
    look_for(BACK_MAX, async || (publish(&api, GOES).await.status == 202).then_some(())).await;
    publish_and_see(&installation, &api, GOES).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_while_a_shard_hangs_takes_it_in_when_it_answers() {
    starts_without(Away::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_while_a_shard_is_gone_takes_it_in_when_it_is_there() {
    starts_without(Away::Stopped).await;
}

/// Nobody can be let in without the home, where the keys are; but what was taken in is delivered.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_home_hangs_what_was_taken_in_is_delivered() {
    const EVENTS: usize = 60;
    let (home, gate) = (own_server().await, Gate::new());
    let installation = Installation { home: home.url(), _home: None, ..Installation::make().await };
    let server = installation.with_stores().await;
    let api = server.api();
    installation.receiver.default_reply(Reply::acknowledged().behind(&gate));
    let mut events = Vec::new();
    for number in 0..EVENTS {
        let store = if number % 2 == 0 { STAYS } else { GOES };
        events.push(id_of(&publish(&api, store).await.expect(202)));
    }
    home.freeze().expect("it runs");
    look_for(FOUND_OUT_MAX, async || (api.get("/readyz").await.status == 503).then_some(())).await;
    gate.open();
    for event in &events {
        installation.wait_for(event).await;
    }
    let refused = api.get("/api/v1/stores").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    home.thaw().expect("it runs");
    look_for(BACK_MAX, async || (api.get("/readyz").await.status == 200).then_some(())).await;
    publish_and_see(&installation, &api, STAYS).await;
    publish_and_see(&installation, &api, GOES).await;
    server.stop().await;
}
