//! A schema that grows while nodes work on it.
//!
//! There is no released version before this one to run beside it, and a clean clone cannot build one. What an upgrade
//! needs is shown in two halves. A program of version N runs on the schema of N + 1: here, this program under load on
//! the schema of a step that it does not know, made of everything that a step may do. And each step that there is may
//! only do that: `crates/store/tests/steps.rs` compares the schema before and after each of them.

use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::TestDatabase;
use bocau_testkit::database::psql;
use refinery::Target;
use rusqlite::Connection;

use crate::api::look_until;
use crate::crash::{DRAINED_WITHIN, ENOUGH_WITHIN, FAILURES, PUBLISHERS, patient};
use crate::ledger::{Database, Ledger, dice};
use crate::nodes::home_on;
use crate::server::Home;

mod of_postgres {
    refinery::embed_migrations!("../store/migrations/postgres");
}

/// What is acknowledged before, between and after.
const SOME: usize = 80;
/// Nobody waits longer for somebody who changes the schema, on a machine that is busy.
const HELD_UP_MAX: Duration = Duration::from_secs(8);

/// A step of which this program has never heard, with everything that a step may do to tables in use.
const OF_TOMORROW: &str = "
    ALTER TABLE stores ADD COLUMN tomorrow INTEGER;
    ALTER TABLE webhooks ADD COLUMN tomorrow TEXT NOT NULL DEFAULT 'x';
    ALTER TABLE events ADD COLUMN tomorrow BIGINT;
    ALTER TABLE deliveries ADD COLUMN tomorrow BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE attempts ADD COLUMN tomorrow BIGINT;
    CREATE TABLE of_tomorrow (id BIGINT PRIMARY KEY);
    CREATE INDEX deliveries_tomorrow ON deliveries (tomorrow) WHERE tomorrow > 0;
    INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
    VALUES (1000, 'of_tomorrow', '2030-01-01T00:00:00Z', '1');";

/// The same in SQLite's words.
fn of_tomorrow_in_sqlite() -> String {
    let strict = OF_TOMORROW.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY");
    format!("BEGIN; {} COMMIT;", strict.replace("BIGINT", "INTEGER"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_under_load_go_on_while_the_schema_of_the_next_version_is_made() {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let database = TestDatabase::make().await;
    let home = patient(home_on(&database));
    let (first, second) = (home.serve().await, home.serve().await);
    first.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![first.api(), second.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    let url = database.url_text();
    let step = format!("BEGIN; SET LOCAL lock_timeout = '5s'; {OF_TOMORROW} COMMIT;");
    tokio::task::spawn_blocking(move || psql(&url, &step)).await.expect("the step is taken");
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    // One after the other, as one does.
    let third = home.serve().await;
    ledger.publish_to(vec![second.api(), third.api()]);
    first.stop().await;
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    ledger.publish_to(vec![third.api()]);
    second.stop().await;
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    ledger.end(publishers, ENOUGH_WITHIN).await;
    let rows = Database::Postgres(database.url_text());
    ledger.drained(&rows, DRAINED_WITHIN).await;
    let balance = ledger.balance(&rows);
    println!("seed {seed}: {balance}; nobody waited longer than {:.2} s", ledger.latency(100).as_secs_f64());
    assert_eq!((balance.waiting, balance.repeats, balance.interrupted, balance.untold), (0, 0, 0, 0));
    assert!(ledger.latency(100) < HELD_UP_MAX, "{:?}", ledger.latency(100));
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_sqlite_goes_on_on_the_schema_of_the_next_version() {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let home = patient(Home::new());
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![server.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    // The next version takes the data over after a crash, and this one once more after it.
    server.kill();
    let side = Connection::open(home.path("data/bocau.db")).expect("it opens");
    side.execute_batch(&of_tomorrow_in_sqlite()).expect("the step is taken");
    drop(side);
    let server = home.serve().await;
    ledger.publish_to(vec![server.api()]);
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    ledger.end(publishers, ENOUGH_WITHIN).await;
    let rows = Database::Sqlite(home.path("data/bocau.db"));
    ledger.drained(&rows, DRAINED_WITHIN).await;
    let balance = ledger.balance(&rows);
    println!("seed {seed}: {balance}");
    assert_eq!((balance.waiting, balance.untold), (0, 0));
    server.stop().await;
}

/// A database as an earlier step left it.
async fn database_at(version: i32) -> TestDatabase {
    let database = TestDatabase::make().await;
    let connected = tokio_postgres::connect(&database.url_text(), tokio_postgres::NoTls).await;
    let (mut client, connection) = connected.expect("it is up");
    tokio::spawn(connection);
    let target = Target::Version(version);
    of_postgres::migrations::runner()
        .set_target(target)
        .run_async(&mut client)
        .await
        .expect("the steps are taken");
    database
}

fn newest() -> i32 {
    let steps = of_postgres::migrations::runner();
    steps.get_migrations().iter().map(refinery::Migration::version).max().expect("there are some")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_meet_an_older_schema_at_once_change_it_once() {
    for version in [1, newest() - 1] {
        let database = database_at(version).await;
        let home = home_on(&database);
        let (first, second) = tokio::join!(home.serve(), home.serve());
        let taken = database
            .run("SELECT count(*), count(DISTINCT version), max(version) FROM refinery_schema_history");
        assert_eq!(taken, format!("{0}|{0}|{0}", newest()));
        for node in [first, second] {
            assert_eq!(node.api().get("/readyz").await.status, 200);
            node.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_for_a_table_lets_the_others_pass() {
    let database = database_at(1).await;
    let connected = tokio_postgres::connect(&database.url_text(), tokio_postgres::NoTls).await;
    let (report, connection) = connected.expect("it is up");
    tokio::spawn(connection);
    // A report that takes as long as it takes.
    report.batch_execute("BEGIN; SELECT count(*) FROM stores;").await.expect("begun");
    let home = home_on(&database);
    let migrating = home.begin(&["migrate"]);
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE d.datname = current_database() AND NOT l.granted AND l.mode = 'AccessExclusiveLock'";
    look_until(async || (database.run(waits) == "1").then_some(())).await;
    let clock = SystemClock::new();
    let began = clock.monotonic();
    // Whoever comes now stands behind the step.
    database.run("SELECT count(*) FROM stores");
    let held_up = clock.monotonic().saturating_sub(began);
    println!("a look at a table that a step waits for took {:.2} s", held_up.as_secs_f64());
    assert!(held_up < HELD_UP_MAX, "{held_up:?}");
    assert_eq!(
        database.run("SELECT max(version) FROM refinery_schema_history"),
        "1",
        "it was not taken by force"
    );
    report.batch_execute("COMMIT").await.expect("ended");
    assert_eq!(migrating.ended().await.code(), Some(0));
    assert_eq!(database.run("SELECT max(version) FROM refinery_schema_history"), newest().to_string());
}
