//! A backup beside a server under load, and a server on what is restored of it: whatever was acknowledged before the
//! backup began is there, and is delivered.

use std::collections::HashSet;
use std::process::Command;

use bocau_testkit::TestDatabase;
use rusqlite::Connection;

use crate::crash::{DRAINED_WITHIN, ENOUGH_WITHIN, FAILURES, PUBLISHERS, patient};
use crate::ledger::{Database, Ledger, dice, rows};
use crate::nodes::{home_on, home_on_url};
use crate::server::Home;

/// What is acknowledged before the backup begins, and after it has ended.
const SOME: usize = 150;

/// Of what was acknowledged before the backup, all is there.
fn check_rows(before: &HashSet<String>, database: &Database) -> usize {
    let rows = rows(database);
    let lost: Vec<&String> = before.iter().filter(|event| !rows.contains_key(*event)).collect();
    assert!(lost.is_empty(), "{} of {} are not in the backup: {lost:?}", lost.len(), before.len());
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_backup_under_load_is_in_it_on_sqlite() {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let home = patient(Home::new());
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![server.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    let before = ledger.events();
    let ended = home.run(&["backup", "copy.db"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    ledger.end(publishers, ENOUGH_WITHIN).await;
    server.kill();

    let side = Connection::open(home.path("copy.db")).expect("it opens");
    let found: String = side.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(found, "ok");
    drop(side);
    let kept = check_rows(&before, &Database::Sqlite(home.path("copy.db")));
    let restored = home.run(&["restore", "--force", "copy.db"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let server = home.serve().await;
    let database = Database::Sqlite(home.path("data/bocau.db"));
    ledger.drained(&database, DRAINED_WITHIN).await;
    assert_eq!(check_rows(&before, &database), kept, "nothing was made anew");
    let arrived = ledger.arrived();
    assert!(before.iter().all(|event| arrived.contains_key(event)));
    println!(
        "seed {seed}: {} acknowledged before the backup began, {kept} in it, {} in all",
        before.len(),
        ledger.acknowledged()
    );
    server.stop().await;
}

async fn a_database_is_dumped_under_load(waits_for_leases: bool) {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let database = TestDatabase::make().await;
    let node = patient(home_on(&database)).serve().await;
    node.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![node.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    let before = ledger.events();
    let (url, dump) = (database.url_text(), tempfile::NamedTempFile::new().expect("a file"));
    let path = dump.path().to_owned();
    let dumped = tokio::task::spawn_blocking(move || {
        Command::new("pg_dump")
            .args(["--no-owner", "--file"])
            .arg(path)
            .arg(url)
            .status()
            .expect("pg_dump runs")
    });
    assert!(dumped.await.expect("no panic").success());
    ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    ledger.end(publishers, ENOUGH_WITHIN).await;
    // What is left of the first must not be delivered by it meanwhile.
    node.kill();

    let copy = TestDatabase::make().await;
    let restored = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null", "--file"])
        .arg(dump.path())
        .arg(copy.url_text())
        .status();
    assert!(restored.expect("psql runs").success());
    let rows = Database::Postgres(copy.url_text());
    let kept = check_rows(&before, &rows);
    let node = patient(home_on_url(&copy.url_text())).serve().await;
    // What was claimed when it was copied waits for its leases, 45 s.
    if waits_for_leases {
        ledger.drained(&rows, DRAINED_WITHIN).await;
        let arrived = ledger.arrived();
        assert!(before.iter().all(|event| arrived.contains_key(event)));
    }
    assert_eq!(check_rows(&before, &rows), kept, "nothing was made anew");
    println!(
        "seed {seed}: {} acknowledged before the backup began, {kept} in it, {} in all",
        before.len(),
        ledger.acknowledged()
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_backup_under_load_is_in_it_on_postgres() {
    a_database_is_dumped_under_load(false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_what_is_restored_of_a_backup_under_load_is_delivered_on_postgres() {
    a_database_is_dumped_under_load(true).await;
}
