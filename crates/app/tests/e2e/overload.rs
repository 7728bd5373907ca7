//! More than the server can take, and a great many stores that want nothing of it.

use std::sync::Arc;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Receiver, TestDatabase};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::api::{Api, STORE, look_until};
use crate::crash::{DRAINED_WITHIN, patient};
use crate::ledger::{Database, Ledger, dice, rows};
use crate::nodes::home_on;
use crate::server::{Home, Server};

/// Payloads of up to so many bytes: what waits for a commit is limited by its bytes.
const PAYLOAD_MAX: u64 = 64_000;
/// Publishers that find out how much the server takes, and for how long.
const CAPACITY_PUBLISHERS: usize = 32;
const CAPACITY_SPAN: Duration = Duration::from_secs(2);
/// How much more than that is offered.
const OVERLOAD: usize = 4;
/// What the server may have in memory then, in a build for tests.
const MEMORY_MAX_MIB: usize = 1_024;
/// Of a hundred that are taken in, 99 wait no longer, with a machine of two cores for both sides.
const LATENCY_MAX: Duration = Duration::from_secs(20);

/// The most that a process ever had in memory, in MiB; `None` where the system does not tell.
fn memory_peak_mib(server: &Server) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024)
}

async fn more_is_offered_than_is_taken(span: Duration) {
    let (seed, dice) = dice();
    let ledger = Ledger::open_with_payloads(PAYLOAD_MAX);
    let receiver = ledger.receiver(&dice, 0).await;
    // With places for some hundred connections, so that there is too much soon.
    let home = patient(Home::new().run_by(&["/bin/sh", "-c", "ulimit -n 1500 && exec \"$0\" \"$@\""]));
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let taken = ledger.take_what_is_given(&server.api(), CAPACITY_PUBLISHERS, CAPACITY_SPAN, seed).await;
    let per_second = taken * 1_000 / usize::try_from(CAPACITY_SPAN.as_millis()).expect("small");
    let offered = ledger.offer(&server.api(), OVERLOAD * per_second, span, seed).await;
    let database = Database::Sqlite(home.path("data/bocau.db"));
    let balance = ledger.balance(&database);
    ledger.drained(&database, DRAINED_WITHIN + 4 * span).await;
    let end = ledger.balance(&database);
    println!(
        "seed {seed}: taken {per_second}/s, offered {OVERLOAD} times as much for {} s: {offered} offered, {balance}; \
         latency of what was taken in: {:.2} s half of it, {:.2} s 99 of 100, {:.2} s at most; memory {:?} MiB at most",
        span.as_secs(),
        ledger.latency(50).as_secs_f64(),
        ledger.latency(99).as_secs_f64(),
        ledger.latency(100).as_secs_f64(),
        memory_peak_mib(&server),
    );
    ledger.check_answers();
    assert!(end.refused > 0, "so much was not too much: {end}");
    assert_eq!((end.waiting, end.repeats), (0, 0), "{end}");
    assert!(
        memory_peak_mib(&server).is_none_or(|mib| mib < MEMORY_MAX_MIB),
        "{:?}",
        memory_peak_mib(&server)
    );
    assert!(ledger.latency(99) < LATENCY_MAX, "{:?}", ledger.latency(99));
    assert!(balance.broken * 5 < offered, "most are answered, one way or another: {balance}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_and_what_is_taken_in_is_delivered() {
    more_is_offered_than_is_taken(Duration::from_secs(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_a_minute_of_too_much_is_refused_and_what_is_taken_in_is_delivered() {
    more_is_offered_than_is_taken(Duration::from_mins(1)).await;
}

/// Open files that leave a server room for [`CONNECTIONS`] and what it refuses.
const FEW_FILES: &str = "ulimit -n 800 && exec \"$0\" \"$@\"";
const CONNECTIONS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_all_connections_are_taken_is_told_so_at_once() {
    let home = Home::new().run_by(&["/bin/sh", "-c", FEW_FILES]);
    let server = home.serve().await;
    let receiver = Receiver::start().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(TcpStream::connect(&address).await.expect("it listens"));
    }
    let payload = json!({"id": 1});
    let refused = look_until(async || {
        // A client of its own, so that it comes on a new connection.
        let answer = server.api().publish_with_key(STORE, "1", &payload).await.expect("an answer");
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, &refused.body["type"]), (503, &json!("overloaded")), "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.api().get(path).await.status, 200, "{path}: a busy server is no broken one");
    }
    drop(idle);
    look_until(async || {
        let answer = server.api().publish_with_key(STORE, "2", &payload).await.expect("an answer");
        (answer.status == 202).then_some(())
    })
    .await;
    server.stop().await;
}

/// Events that are counted.
const COUNTED: usize = 400;
/// Stores are made by so many at once.
const MAKERS: usize = 16;
/// A session that has nothing to do tells the last of what it has done within this.
const SETTLED_WITHIN: Duration = Duration::from_secs(15);
/// How long nothing is asked for: what sessions have done is told to the server within a second, or a little later.
const REST: Duration = Duration::from_secs(2);

/// What a database has done so far.
#[derive(Debug, Clone, Copy)]
struct Done {
    transactions: i64,
    /// Rows that were read, by whatever way.
    read: i64,
}

impl Done {
    fn by(database: &TestDatabase) -> Self {
        let said = database.run(
            "SELECT xact_commit, tup_returned + tup_fetched FROM pg_stat_database WHERE datname = current_database()",
        );
        let (transactions, read) = said.split_once('|').expect("two numbers");
        Self { transactions: transactions.parse().expect("a number"), read: read.parse().expect("a number") }
    }

    fn since(self, before: Self) -> Self {
        Self { transactions: self.transactions - before.transactions, read: self.read - before.read }
    }
}

/// What events cost, and what doing nothing does.
async fn costs(database: &TestDatabase, api: &Api, ledger: &Ledger, name: &str) -> (Done, Done) {
    let clock = SystemClock::new();
    clock.sleep(REST).await;
    let first = Done::by(database);
    for number in 0..COUNTED {
        let key = format!("{name}-{number}");
        let answer = api.publish_with_key(STORE, &key, &json!({"id": key})).await;
        answer.expect("an answer").expect(202);
    }
    clock.sleep(REST).await;
    let second = Done::by(database);
    clock.sleep(REST).await;
    let idle = Done::by(database).since(second);
    let arrived: usize = ledger.arrived().values().sum();
    assert!(arrived.is_multiple_of(COUNTED), "all have arrived");
    (second.since(first), idle)
}

async fn make_idle(api: Api, count: usize, url: String) {
    let mut makers = JoinSet::new();
    let url: Arc<str> = url.into();
    for maker in 0..MAKERS {
        let (api, url) = (api.clone(), url.clone());
        makers.spawn(async move {
            for number in (maker..count).step_by(MAKERS) {
                let id = format!("idle-{number}");
                api.post("/api/v1/stores", &json!({"id": id, "name": id})).await.expect(201);
                let webhook = json!({"url": &*url, "events": ["*"]});
                api.post(&format!("/api/v1/stores/{id}/webhooks"), &webhook).await.expect(201);
            }
        });
    }
    makers.join_all().await;
}

/// The same events cost the same transactions and rows with many stores and webhooks as with one of each.
async fn stores_that_want_nothing(count: usize, settles: Duration) {
    let ledger = Ledger::open();
    let receiver = Receiver::start().await;
    ledger.keep_arrivals_of(&receiver);
    let database = TestDatabase::make().await;
    let node = home_on(&database).serve().await;
    node.api().set_up(&receiver.https_url("/hook")).await;
    let (alone, rest_alone) = costs(&database, &node.api(), &ledger, "alone").await;
    make_idle(node.api(), count, receiver.https_url("/idle")).await;
    SystemClock::new().sleep(settles).await;
    let (among, rest_among) = costs(&database, &node.api(), &ledger, "among").await;
    println!(
        "{COUNTED} events: {alone:?} alone, {among:?} among {count} idle stores with a webhook each; {} s of nothing: \
         {rest_alone:?} alone, {rest_among:?} among them",
        REST.as_secs()
    );
    let idle = i64::try_from(count).expect("small");
    assert!(among.transactions < alone.transactions * 3, "{alone:?} alone, {among:?} among them");
    // One look at each of them at every event would be 400 times as many as there are; making them was some.
    assert!(among.read < alone.read * 3 + idle * 30, "{alone:?} alone, {among:?} among them");
    assert_eq!(rows(&Database::Postgres(database.url_text())).len(), 2 * COUNTED);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_idle_stores_and_webhooks_cost_events_nothing() {
    stores_that_want_nothing(300, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_ten_thousand_idle_stores_and_webhooks_cost_events_nothing() {
    stores_that_want_nothing(10_000, SETTLED_WITHIN).await;
}
