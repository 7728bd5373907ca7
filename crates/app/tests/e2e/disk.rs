//! A disk that is full, or fails, under a server that runs: publishers are refused with the reason, what was taken in
//! goes on, and the service is back by itself.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use bocau_testkit::{DiskFault, DiskFaults, Gate, Receiver, Reply};
use serde_json::json;

use crate::api::{Answer, Api, STORE, look_for};
use crate::crash::{DRAINED_WITHIN, ENOUGH_WITHIN, PUBLISHERS, patient};
use crate::ledger::{Balance, Database, Ledger, dice};
use crate::power::home_on_disk;
use crate::server::{Home, Server};

const REFUSED_WITHIN: Duration = Duration::from_secs(20);
/// A database that takes writes again is found out within this, however it went.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// What is acknowledged before and after.
const SOME: usize = 40;
/// Deliveries that the receiver holds back when the disk fills up.
const HELD_BACK: usize = 10;
const PAYLOAD_MAX: u64 = 20_000;

/// A server under load whose receiver holds back what is sent.
struct UnderLoad<'a> {
    server: &'a Server,
    ledger: &'a Ledger,
    receiver: &'a Receiver,
    gate: &'a Gate,
}

impl UnderLoad<'_> {
    fn api(&self) -> Api {
        self.server.api()
    }

    /// Until the disk is well again: nothing is acknowledged that is not kept, and everybody is told why.
    async fn meets(&self, name: &str, begin: impl Fn(), end: impl Fn(), reason: &str) {
        self.ledger.wait_for(SOME, ENOUGH_WITHIN).await;
        let held = self.receiver.count();
        look_for(ENOUGH_WITHIN, async || (self.receiver.count() >= held.max(HELD_BACK)).then_some(())).await;
        let refused = self.ledger.refused();
        begin();
        self.ledger.wait_for_refusal(refused, REFUSED_WITHIN).await;
        let unready = look_for(REFUSED_WITHIN, async || {
            let answer = self.api().get("/readyz").await;
            (answer.status == 503).then_some(answer)
        })
        .await;
        let detail = unready.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(reason), "{name}: /readyz says why: {}", unready.text);
        let publishing = look_for(REFUSED_WITHIN, async || {
            let event = json!({"type": "order.created", "object_id": "1", "payload": {}});
            let answer = self.api().post(&format!("/api/v1/stores/{STORE}/events"), &event).await;
            (answer.status != 202).then_some(answer)
        })
        .await;
        check_refusal(name, &publishing);
        assert_eq!(self.api().get("/livez").await.status, 200, "{name}: it lives");
        assert_eq!(self.api().get("/api/v1/stores").await.status, 200, "{name}: reading goes on");
        // What is under way ends, and is told to the receiver; its results wait in memory.
        let before = self.receiver.count();
        self.gate.let_through(HELD_BACK);
        look_for(ENOUGH_WITHIN, async || (self.receiver.count() > before).then_some(())).await;
        end();
        look_for(BACK_WITHIN, async || (self.api().get("/readyz").await.status == 200).then_some(())).await;
        self.ledger.wait_for(SOME, ENOUGH_WITHIN).await;
    }
}

fn check_refusal(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{name}: {}", answer.text);
    assert_eq!(answer.body["type"], "store-unavailable", "{name}: {}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{name}: {:?}", answer.headers);
}

/// The books at the end: all arrived, and nothing twice, as nothing was broken off.
async fn settle(ledger: &Ledger, home_database: &Database) -> Balance {
    ledger.drained(home_database, DRAINED_WITHIN).await;
    let balance = ledger.balance(home_database);
    assert_eq!(balance.waiting, 0);
    assert_eq!((balance.repeats, balance.interrupted, balance.broken), (0, 0, 0), "{balance:?}");
    balance
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_or_failing_disk_refuses_publishers_and_loses_nothing() {
    let (seed, dice) = dice();
    let ledger = Ledger::open_with_payloads(PAYLOAD_MAX);
    let receiver = ledger.receiver(&dice, 0).await;
    let gate = Gate::new();
    receiver.default_reply(Reply::acknowledged().behind(&gate));
    let faults = DiskFaults::make();
    let home = patient(home_on_disk(&faults));
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![server.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let under_load = UnderLoad { server: &server, ledger: &ledger, receiver: &receiver, gate: &gate };
    for (fault, reason) in [
        (DiskFault::Full, "full"),
        (DiskFault::WriteError, "disk I/O error"),
        (DiskFault::SyncError, "disk I/O error"),
    ] {
        let name = format!("{fault:?}");
        under_load.meets(&name, || faults.set(fault), || faults.set(DiskFault::None), reason).await;
    }
    ledger.end(publishers, ENOUGH_WITHIN).await;
    gate.open();
    let balance = settle(&ledger, &Database::Sqlite(home.path("data/bocau.db"))).await;
    println!("a disk that was full, and failed: {balance}");
    assert!(!server.log().contains(" ERROR "), "a full disk is no error of the program:\n{}", server.log());
    server.stop().await;
}

/// A home whose data is on a disk of a few megabytes, in a name space of its own; `None` where this machine's users
/// may not have one.
fn home_on_small_disk() -> Option<Home> {
    const MOUNT: &str = "mount -t tmpfs -o size=24m tmpfs data && exec \"$0\" \"$@\"";
    let may =
        std::process::Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !may.is_ok_and(|ended| ended.status.success()) {
        return None;
    }
    let home = patient(Home::new()).run_by(&["/usr/bin/unshare", "-rm", "/bin/sh", "-c", MOUNT]);
    std::fs::create_dir(home.path("data")).expect("made");
    Some(home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_really_full_refuses_publishers_and_loses_nothing() {
    let Some(home) = home_on_small_disk() else {
        println!(
            "NOT RUN: no name space of its own for the disk (unshare -rm); the same is injected by another test"
        );
        return;
    };
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, 0).await;
    let gate = Gate::new();
    receiver.default_reply(Reply::acknowledged().behind(&gate));
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![server.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let under_load = UnderLoad { server: &server, ledger: &ledger, receiver: &receiver, gate: &gate };
    // The disk as the server sees it.
    let inside = std::path::PathBuf::from(format!("/proc/{}/root", server.process()));
    let data = inside.join(home.path("data").strip_prefix("/").expect("an absolute path"));
    let ballast = data.join("ballast");
    let fill = || {
        let mut file = File::create(&ballast).expect("made");
        while file.write_all(&[0; 4096]).is_ok() {}
    };
    under_load.meets("tmpfs", fill, || std::fs::remove_file(&ballast).expect("removed"), "full").await;
    ledger.end(publishers, ENOUGH_WITHIN).await;
    gate.open();
    let is_delivered = async || {
        let deliveries = server.api().deliveries().await;
        deliveries.iter().all(|delivery| delivery["status"] == "succeeded").then_some(())
    };
    look_for(DRAINED_WITHIN, is_delivered).await;
    let balance = settle(&ledger, &Database::Elsewhere(data)).await;
    println!("a disk that was really full: {balance}");
    server.stop().await;
}
