//! The promise under kill -9: what was answered 202 is delivered, and comes twice only where a kill explains it.

use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Receiver, Reply, SeededRng, TestDatabase};

use crate::api::STORE;
use crate::ledger::{Balance, Database, Ledger, below, dice};
use crate::nodes::home_on;
use crate::server::{Home, Server};

pub(crate) const PUBLISHERS: usize = 8;
/// Attempts that a server has in flight to one webhook.
const IN_FLIGHT: usize = 10;
/// Results that may have ended and wait for their commit when the kill comes: it takes some milliseconds, as an attempt
/// does.
const UNRECORDED: usize = 3 * IN_FLIGHT;
/// Replies of the receiver before it acknowledges everything.
pub(crate) const FAILURES: usize = 400;
/// What is acknowledged between two kills at least, and by the dice so many more.
const BETWEEN_KILLS: usize = 20;
const MORE_BETWEEN_KILLS: u64 = 120;
/// A kill comes so much later than what was waited for, by the dice: at any step of an event's way.
const KILL_JITTER_US: u64 = 20_000;
/// One start in so many is killed before it is ready.
const KILLED_STARTS: u64 = 6;
const START_KILL_MS: u64 = 400;
pub(crate) const ENOUGH_WITHIN: Duration = Duration::from_mins(1);
/// Claims of a node that died lapse within 45 s, and what waited behind them is sent.
pub(crate) const DRAINED_WITHIN: Duration = Duration::from_mins(2);

/// With retries soon and many: what a receiver does wrong is no failure here.
pub(crate) fn patient(home: Home) -> Home {
    home.with("BOCAU_RETRY_INTERVAL", "1s").with("BOCAU_MAX_ATTEMPTS", "20")
}

/// Waits for load by the dice, and kills.
async fn kill_under_load(ledger: &Ledger, server: Server, dice: &SeededRng) {
    let more = BETWEEN_KILLS + usize::try_from(below(dice, MORE_BETWEEN_KILLS)).expect("small");
    ledger.wait_for(more, ENOUGH_WITHIN).await;
    SystemClock::new().sleep(Duration::from_micros(below(dice, KILL_JITTER_US))).await;
    server.kill();
}

/// Starts a server again, after some starts that are killed in the midst.
async fn start(home: &Home, dice: &SeededRng) -> Server {
    while below(dice, KILLED_STARTS) == 0 {
        let server = home.begin(&["serve"]);
        SystemClock::new().sleep(Duration::from_millis(below(dice, START_KILL_MS))).await;
        server.kill();
    }
    home.serve().await
}

fn settle(what: &str, seed: u64, kills: usize, balance: &Balance) {
    println!("{what}, seed {seed}, {kills} kills: {balance}");
    assert_eq!(balance.untold, 0, "publishers repeat an event until they are told");
    assert!(balance.repeats <= kills * (IN_FLIGHT + UNRECORDED), "more than was in flight: {balance:?}");
}

/// One server on SQLite is killed under load again and again.
async fn a_server_is_killed(kills: usize) {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let home = patient(Home::new());
    let mut server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let database = Database::Sqlite(home.path("data/bocau.db"));
    for _ in 0..kills {
        ledger.publish_to(vec![server.api()]);
        kill_under_load(&ledger, server, &dice).await;
        ledger.balance(&database);
        server = start(&home, &dice).await;
    }
    ledger.publish_to(vec![server.api()]);
    ledger.end(publishers, ENOUGH_WITHIN).await;
    ledger.drained(&database, DRAINED_WITHIN).await;
    let balance = ledger.balance(&database);
    settle("SQLite", seed, kills, &balance);
    assert_eq!(balance.waiting, 0);
    server.stop().await;
}

/// One of two nodes on PostgreSQL is killed under load again and again; the other goes on.
/// What the killed had claimed waits for its leases, 45 s, at the end.
async fn one_of_two_nodes_is_killed(kills: usize, waits_for_leases: bool) {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let database = TestDatabase::make().await;
    let home = patient(home_on(&database));
    let mut nodes = vec![home.serve().await, home.serve().await];
    nodes[0].api().set_up(&receiver.https_url("/hook")).await;
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let rows = Database::Postgres(database.url_text());
    for _ in 0..kills {
        ledger.publish_to(nodes.iter().map(Server::api).collect());
        let killed = nodes.remove(usize::try_from(below(&dice, 2)).expect("small"));
        kill_under_load(&ledger, killed, &dice).await;
        nodes.push(start(&home, &dice).await);
    }
    ledger.publish_to(nodes.iter().map(Server::api).collect());
    ledger.end(publishers, ENOUGH_WITHIN).await;
    settle("PostgreSQL, two nodes, at the end of the load", seed, kills, &ledger.balance(&rows));
    if waits_for_leases {
        ledger.drained(&rows, DRAINED_WITHIN).await;
        let balance = ledger.balance(&rows);
        settle("PostgreSQL, two nodes", seed, kills, &balance);
        assert_eq!(balance.waiting, 0);
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_kills_under_load_lose_nothing_on_sqlite() {
    a_server_is_killed(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_kills_under_load_lose_nothing_on_postgres() {
    one_of_two_nodes_is_killed(5, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_fifty_kills_under_load_lose_nothing_on_sqlite() {
    a_server_is_killed(50).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_fifty_kills_under_load_lose_nothing_on_postgres() {
    one_of_two_nodes_is_killed(50, true).await;
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
