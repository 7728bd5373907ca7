//! A network that breaks, between the server and its database and between the server and receivers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Fault, FaultProxy, Receiver, TestDatabase};
use serde_json::json;

use crate::api::look_for;
use crate::crash::{DRAINED_WITHIN, ENOUGH_WITHIN, FAILURES, PUBLISHERS, patient};
use crate::ledger::{Database, Ledger, below, dice};
use crate::nodes::home_on_url;
use crate::server::Home;

/// A database that does not answer any more is found out within this, however it went.
const FOUND_OUT_MAX: Duration = Duration::from_secs(12);
/// And the service is back within this once it does.
const BACK_MAX: Duration = Duration::from_secs(15);
/// What is acknowledged between two faults.
const SOME: usize = 50;

/// The database is away for `span` in each of the ways in which it can be. What was claimed and not heard of waits for
/// its leases, 45 s, at the end.
async fn the_database_is_away(span: Duration, waits_for_leases: bool) {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    ledger.hears_late.store(true, Ordering::Relaxed);
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let database = TestDatabase::make().await;
    let (proxy, url) = database.through_proxy().await;
    let home = patient(home_on_url(&url));
    let node = home.serve().await;
    node.api().set_up(&receiver.https_url("/hook")).await;
    ledger.publish_to(vec![node.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let clock = SystemClock::new();
    for fault in [Fault::Cut, Fault::BlackHole, Fault::HalfOpen, Fault::Unheard] {
        ledger.wait_for(SOME, ENOUGH_WITHIN).await;
        let refused = ledger.refused();
        proxy.set(fault);
        let began = clock.monotonic();
        ledger.wait_for_refusal(refused, FOUND_OUT_MAX).await;
        let unready = look_for(FOUND_OUT_MAX, async || {
            let answer = node.api().get("/readyz").await;
            (answer.status == 503).then_some(answer)
        })
        .await;
        let found_out = clock.monotonic().saturating_sub(began);
        let detail = unready.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("Cơ sở dữ liệu: "), "{fault:?}: /readyz says why: {}", unready.text);
        // The longer of what was asked for and what it took.
        clock.sleep(span.saturating_sub(found_out)).await;
        let (acknowledged, mended_at) = (ledger.acknowledged(), clock.monotonic());
        proxy.set(Fault::None);
        look_for(BACK_MAX, async || (node.api().get("/readyz").await.status == 200).then_some(())).await;
        look_for(BACK_MAX, async || (ledger.acknowledged() > acknowledged).then_some(())).await;
        println!(
            "{fault:?}: found out after {:.1} s, back {:.1} s after it was mended; {detail}",
            found_out.as_secs_f64(),
            clock.monotonic().saturating_sub(mended_at).as_secs_f64(),
        );
    }
    // A slow one is slow, and nobody is told anything else than 202, or 503 with a time.
    proxy.set(Fault::Slow(Duration::from_millis(100)));
    ledger.wait_for(PUBLISHERS, ENOUGH_WITHIN).await;
    // Connections that nobody knows any more do not hold anybody up for long.
    proxy.set(Fault::Forgotten);
    let acknowledged = ledger.acknowledged();
    look_for(FOUND_OUT_MAX + BACK_MAX, async || (ledger.acknowledged() > acknowledged + SOME).then_some(()))
        .await;
    proxy.set(Fault::None);
    ledger.end(publishers, ENOUGH_WITHIN).await;
    let rows = Database::Postgres(database.url_text());
    let mut balance = ledger.balance(&rows);
    if waits_for_leases {
        ledger.drained(&rows, DRAINED_WITHIN).await;
        balance = ledger.balance(&rows);
        assert_eq!(balance.waiting, 0);
    }
    println!("seed {seed}: {balance}");
    assert_eq!((balance.untold, balance.broken), (0, 0), "{balance:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_behind_a_broken_network_is_answered_503_and_comes_back_by_itself() {
    the_database_is_away(Duration::ZERO, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_a_database_that_is_away_for_a_minute_comes_back_by_itself() {
    the_database_is_away(Duration::from_mins(1), true).await;
}

/// How long the network to the receiver is broken each time.
const BROKEN_FOR: Duration = Duration::from_millis(1_500);
/// No place in a connection's answers that a cut does not come to: the handshake, the head, the body.
const ANSWER_BYTES: u64 = 6_000;

async fn the_network_to_a_receiver_breaks(rounds: usize) {
    let (seed, dice) = dice();
    let ledger = Ledger::open();
    let receiver = ledger.receiver(&dice, FAILURES).await;
    let healthy = Receiver::start().await;
    let proxy = FaultProxy::start(receiver.address()).await;
    let home = patient(Home::new()).with("BOCAU_TIMEOUT", "1s");
    let server = home.serve().await;
    let url = format!("https://127.0.0.1:{}/hook", proxy.address().port());
    server.api().set_up(&url).await;
    let other = json!({"id": "553", "name": "Điểm bán 2"});
    server.api().post("/api/v1/stores", &other).await.expect(201);
    let webhook = json!({"url": healthy.https_url("/hook"), "events": ["*"]});
    server.api().post("/api/v1/stores/553/webhooks", &webhook).await.expect(201);
    ledger.publish_to(vec![server.api()]);
    let publishers = ledger.publishers(PUBLISHERS, seed);
    let clock = SystemClock::new();
    for round in 0..rounds {
        let bytes = usize::try_from(below(&dice, ANSWER_BYTES)).expect("small");
        for fault in [
            Fault::ResetAfter(bytes),
            Fault::EndAfter(bytes),
            Fault::Cut,
            Fault::BlackHole,
            Fault::HalfOpen,
            Fault::Slow(Duration::from_millis(300)),
        ] {
            ledger.wait_for(PUBLISHERS, ENOUGH_WITHIN).await;
            proxy.set(fault);
            clock.sleep(BROKEN_FOR).await;
            // Another store's receiver gets its own meanwhile.
            let event = json!({"id": format!("{round}-{fault:?}")});
            let answer = server.api().publish_with_key("553", &format!("{round}-{fault:?}"), &event).await;
            let id = answer.expect("an answer").expect(202)["id"].as_str().expect("an id").to_owned();
            look_for(ENOUGH_WITHIN, async || {
                healthy
                    .requests()
                    .iter()
                    .any(|request| request.header("webhook-id") == Some(&id))
                    .then_some(())
            })
            .await;
            proxy.set(Fault::None);
        }
    }
    ledger.end(publishers, ENOUGH_WITHIN).await;
    let deliveries = Database::Sqlite(home.path("data/bocau.db"));
    ledger.drained(&deliveries, DRAINED_WITHIN).await;
    let balance = ledger.balance(&deliveries);
    println!("seed {seed}, {} connections: {balance}", proxy.connections());
    assert_eq!((balance.waiting, balance.repeats, balance.interrupted), (0, 0, 0), "{balance:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_network_to_a_receiver_costs_attempts_and_no_delivery() {
    the_network_to_a_receiver_breaks(1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_a_broken_network_to_a_receiver_costs_attempts_and_no_delivery() {
    the_network_to_a_receiver_breaks(10).await;
}
