//! The promise when the power goes: the server on SQLite, over a disk that keeps what was synced and nothing else, or
//! something else by the dice.

use std::path::Path;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{DiskFault, DiskFaults, Image, PowerCut};
use rusqlite::Connection;

use crate::crash::{DRAINED_WITHIN, ENOUGH_WITHIN, FAILURES, PUBLISHERS, patient};
use crate::ledger::{Database, Ledger, below, dice, rows};
use crate::server::Home;

/// Big enough that the log is carried over into the file once or twice between two cuts.
const PAYLOAD_MAX: u64 = 40_000;
/// What is acknowledged between two cuts at least, and by the dice so many more.
const BETWEEN_CUTS: usize = 150;
const MORE_BETWEEN_CUTS: u64 = 250;
/// Events that are acknowledged after a sync has failed before the power goes.
const AFTER_FAILED_SYNC: usize = 30;
const CUT_JITTER_US: u64 = 20_000;
const REFUSED_WITHIN: Duration = Duration::from_secs(20);

/// A home whose data is on a disk with faults.
pub(crate) fn home_on_disk(faults: &DiskFaults) -> Home {
    let mut home = Home::new();
    let root = home.path("").canonicalize().expect("it is there").join("data");
    for (name, value) in faults.variables(&root) {
        home = home.with(name, &value);
    }
    home
}

/// What SQLite says of the database in a directory that nobody uses.
fn check_integrity(dir: &Path) -> String {
    let side = Connection::open(dir.join("bocau.db")).expect("it opens");
    side.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap_or_else(|error| error.to_string())
}

/// Whether the books would tell: of a disk that says it has synced and has not, acknowledged events are missing.
fn check_that_a_lie_is_found(faults: &DiskFaults, before: &Image, ledger: &Ledger) {
    let copy = tempfile::tempdir().expect("a directory");
    faults.after(before, PowerCut::Lies).write_to(copy.path()).expect("written");
    let database = copy.path().join("bocau.db");
    let is_usable = database.exists() && check_integrity(copy.path()) == "ok";
    let kept = if is_usable { rows(&Database::Sqlite(database)).len() } else { 0 };
    let acknowledged = ledger.events().len();
    println!("a disk that lied: {kept} of {acknowledged} acknowledged events are left");
    assert!(kept < acknowledged, "syncs that do nothing would not be noticed");
}

async fn the_power_goes(cuts: usize) {
    let (seed, dice) = dice();
    let ledger = Ledger::open_with_payloads(PAYLOAD_MAX);
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let faults = DiskFaults::make();
    let home = patient(home_on_disk(&faults));
    let database = Database::Sqlite(home.path("data/bocau.db"));
    let mut server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let (mut before, mut failed_syncs) = (Image::default(), 0);
    for cut in 0..cuts {
        ledger.publish_to(vec![server.api()]);
        let more = BETWEEN_CUTS + usize::try_from(below(&dice, MORE_BETWEEN_CUTS)).expect("small");
        ledger.wait_for(more, ENOUGH_WITHIN).await;
        if cut % 2 == 1 {
            let refused = ledger.refused();
            faults.set(DiskFault::SyncError);
            ledger.wait_for_refusal(refused, REFUSED_WITHIN).await;
            faults.set(DiskFault::None);
            ledger.wait_for(AFTER_FAILED_SYNC, ENOUGH_WITHIN).await;
            failed_syncs += 1;
        }
        SystemClock::new().sleep(Duration::from_micros(below(&dice, CUT_JITTER_US))).await;
        server.kill();
        if cut == 0 {
            check_that_a_lie_is_found(&faults, &before, &ledger);
        }
        let loses = if cut % 3 == 0 { PowerCut::LosesAll } else { PowerCut::LosesSome(seed ^ cut as u64) };
        let image = faults.after(&before, loses);
        let copy = tempfile::tempdir().expect("a directory");
        image.write_to(copy.path()).expect("written");
        assert_eq!(check_integrity(copy.path()), "ok", "cut {cut}, {loses:?}");
        let kept = ledger.balance(&Database::Sqlite(copy.path().join("bocau.db")));
        println!("cut {cut}, {loses:?}: {} bytes are left, {kept}", image.bytes());
        image.write_to(&home.path("data")).expect("written");
        faults.forget();
        before = image;
        server = home.serve().await;
    }
    ledger.publish_to(vec![server.api()]);
    ledger.end(publishers, ENOUGH_WITHIN).await;
    ledger.drained(&database, DRAINED_WITHIN).await;
    let balance = ledger.balance(&database);
    println!("seed {seed}, {cuts} power cuts, {failed_syncs} with failed syncs before: {balance}");
    assert_eq!((balance.waiting, balance.untold), (0, 0));
    assert!(balance.repeats <= balance.interrupted, "{balance:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_power_cuts_under_load_lose_nothing_that_was_acknowledged() {
    the_power_goes(4).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_forty_power_cuts_under_load_lose_nothing_that_was_acknowledged() {
    the_power_goes(40).await;
}
