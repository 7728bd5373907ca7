//! One receiver's trouble is nobody else's.

use std::time::Duration;

use bocau_domain::Status;
use bocau_engine::EngineOptions;
use bocau_engine::lanes::LaneLimits;
use bocau_testkit::{EngineHarness, Gate, HarnessOptions, Reply};

async fn with_lanes(lanes: LaneLimits) -> EngineHarness {
    let engine = EngineOptions { lanes, ..EngineOptions::default() };
    EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await
}

#[tokio::test]
async fn a_receiver_that_hangs_with_hundreds_waiting_delays_nobody_else() {
    let harness = EngineHarness::start().await;
    let hanging = harness.webhook("/hangs").await;
    let healthy = harness.webhook("/works").await;
    harness.receiver.always("/hangs", Reply::Hang);
    harness.send_many(300).await;
    harness.counted(healthy, Status::Succeeded, 300).await;
    assert_eq!(harness.count(hanging, Status::Pending).await, 300, "time has not moved");
    assert_eq!(harness.receiver.wait_for_at("/hangs", 10).await.len(), 10, "no more than its limit");
}

#[tokio::test]
async fn receivers_that_keep_failing_leave_half_of_the_places_free() {
    let harness = with_lanes(LaneLimits { per_webhook: 4, total: 8, ..LaneLimits::default() }).await;
    let mut failing = Vec::new();
    for path in ["/a", "/b", "/c"] {
        failing.push(harness.webhook(path).await);
        harness.receiver.reply(path, Reply::status(500));
        harness.receiver.always(path, Reply::Hang);
    }
    harness.send("first").await;
    for webhook in &failing {
        harness.counted(*webhook, Status::Retrying, 1).await;
    }
    let healthy = harness.webhook("/works").await;
    harness.send_many(50).await;
    harness.counted(healthy, Status::Succeeded, 50).await;
    let hanging = harness.receiver.count() - 3 - 50;
    assert!(hanging <= 4, "{hanging} of 8 places went to failing receivers");
}

#[tokio::test]
async fn a_webhook_has_no_more_attempts_in_flight_than_its_limit() {
    let harness = with_lanes(LaneLimits { per_webhook: 3, ..LaneLimits::default() }).await;
    let webhook = harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.always("/in", Reply::acknowledged().behind(&gate));
    harness.send_many(20).await;
    harness.receiver.wait_for(3).await;
    for done in 1..=17 {
        gate.let_through(1);
        harness.counted(webhook, Status::Succeeded, done).await;
        assert_eq!(harness.receiver.wait_for(3 + done).await.len(), 3 + done);
    }
    gate.open();
    harness.counted(webhook, Status::Succeeded, 20).await;
}

#[tokio::test]
async fn lanes_that_are_full_of_bytes_take_the_rest_in_later() {
    let harness = with_lanes(LaneLimits { per_webhook: 1, bytes: 4_000, ..LaneLimits::default() }).await;
    let webhook = harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.always("/in", Reply::acknowledged().behind(&gate));
    let payload = format!(r#"{{"text": "{}"}}"#, "x".repeat(1_000));
    let events =
        (0..40).map(|number| harness.event_of("order.created", &number.to_string(), payload.clone()));
    harness.publish(events.collect()).await;
    harness.receiver.wait_for(1).await;
    harness.scheduler_has_looked().await;
    let (in_flight, waiting) = harness.engine().lane_counts();
    assert!(in_flight == 1 && waiting <= 5, "{waiting} payloads of 1 kB wait in lanes of 4 kB");
    gate.open();
    harness.counted(webhook, Status::Succeeded, 40).await;
    assert_eq!(harness.receiver.count(), 40);
}

#[tokio::test]
async fn what_did_not_fit_is_not_overtaken_for_ever_by_what_came_later() {
    let harness = with_lanes(LaneLimits { per_webhook: 1, ..LaneLimits::default() }).await;
    let webhook = harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.always("/in", Reply::acknowledged().behind(&gate));
    // 50 fit: five seconds of attempts of 100 ms, one at a time.
    harness.send_many(60).await;
    for done in 1..=90 {
        harness.receiver.wait_for(done).await;
        harness.advance(Duration::from_millis(100)).await;
        gate.let_through(1);
        harness.counted(webhook, Status::Succeeded, done).await;
        harness.send("later").await;
    }
    let requests = harness.receiver.requests();
    let of_the_first = requests.iter().filter(|request| request.header("bocau-object-id") != Some("later"));
    assert_eq!(of_the_first.count(), 60);
}

#[tokio::test]
async fn a_receiver_that_hangs_on_large_payloads_does_not_keep_others_from_theirs() {
    let harness = with_lanes(LaneLimits { per_webhook: 2, bytes: 4_000, ..LaneLimits::default() }).await;
    harness.webhook("/hangs").await;
    let healthy = harness.webhook("/works").await;
    harness.receiver.always("/hangs", Reply::Hang);
    let payload = format!(r#"{{"text": "{}"}}"#, "x".repeat(1_000));
    let events =
        (0..40).map(|number| harness.event_of("order.created", &number.to_string(), payload.clone()));
    harness.publish(events.collect()).await;
    harness.counted(healthy, Status::Succeeded, 40).await;
}

#[tokio::test]
async fn what_a_person_asks_for_does_not_wait_behind_the_queue() {
    let harness = with_lanes(LaneLimits { per_webhook: 1, ..LaneLimits::default() }).await;
    harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::status(500));
    harness.receiver.always("/in", Reply::acknowledged().behind(&gate));
    let failed = harness.send("the-one").await;
    harness.settled_as(failed, Status::Retrying).await;
    harness.send_many(20).await;
    harness.receiver.wait_for(2).await;
    harness.advance(Duration::from_millis(1)).await;
    harness.resend(failed).await;
    harness
        .until("the resend to be taken up", async || harness.delivery(failed).await.state.claimed_until)
        .await;
    harness.scheduler_has_looked().await;
    gate.let_through(1);
    let requests = harness.receiver.wait_for(3).await;
    assert_eq!(requests[2].header("bocau-object-id"), Some("the-one"));
}
