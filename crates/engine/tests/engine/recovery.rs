//! Crashes, restarts, leases and backlogs: what was taken in is delivered.

use std::time::Duration;

use bocau_domain::limits::INTERRUPTIONS_MAX;
use bocau_domain::{Clock as _, Outcome, Reason, Status};
use bocau_engine::dispatch::LEASE_MARGIN;
use bocau_engine::lanes::LaneLimits;
use bocau_engine::{EngineOptions, PublishError};
use bocau_testkit::clock::START;
use bocau_testkit::{EngineHarness, Gate, HarnessOptions, Reply};

const SECOND: Duration = Duration::from_secs(1);

async fn one_at_a_time() -> EngineHarness {
    let lanes = LaneLimits { per_webhook: 1, ..LaneLimits::default() };
    let engine = EngineOptions { lanes, ..EngineOptions::default() };
    EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await
}

#[tokio::test]
async fn after_a_crash_what_was_in_flight_and_what_waited_comes_back() {
    let mut harness = one_at_a_time().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::Hang);
    let in_flight = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    let waiting = harness.send("2").await;
    harness.crash().await;
    harness.resume().await;
    for id in [in_flight, waiting] {
        let row = harness.settled_as(id, Status::Succeeded).await;
        let outcomes: Vec<_> = harness.attempts(id).await.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Success], "nobody knows whether it was sent");
        assert_eq!((row.state.attempts, row.state.auto_attempts), (1, 1), "the unknown one does not count");
    }
    assert_eq!(harness.receiver.count(), 3);
}

#[tokio::test]
async fn after_a_crash_retries_come_at_their_times() {
    let mut harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.crash().await;
    harness.clock.advance((START + 100 * SECOND).since(harness.clock.now()));
    harness.resume().await;
    harness.advance(199 * SECOND).await;
    harness.scheduler_has_looked().await;
    assert_eq!(harness.delivery(id).await.state.claim, 1);
    harness.advance(SECOND).await;
    harness.settled_as(id, Status::Succeeded).await;
    assert_eq!(harness.receiver.requests()[1].at, Some(START + 300 * SECOND));
    assert_eq!(harness.attempts(id).await.len(), 2);
}

#[tokio::test]
async fn a_retry_that_came_due_while_nothing_ran_is_made_at_the_start() {
    let mut harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.stop().await;
    harness.clock.advance(3_600 * SECOND);
    harness.resume().await;
    harness.settled_as(id, Status::Succeeded).await;
}

#[tokio::test]
async fn a_delivery_that_goes_down_with_the_server_five_times_is_given_up() {
    let mut harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::Hang);
    let id = harness.send("1").await;
    for number in 1..=INTERRUPTIONS_MAX as usize {
        harness.receiver.wait_for(number).await;
        harness.crash().await;
        harness.resume().await;
    }
    let row = harness.settled_as(id, Status::Failed).await;
    assert_eq!((row.state.reason, row.state.attempts), (Some(Reason::Interrupted), 0));
    let history = harness.attempts(id).await;
    assert!(history.iter().all(|attempt| attempt.outcome == Outcome::Interrupted));
    assert_eq!((history.len(), harness.receiver.count()), (5, 5));
}

#[tokio::test]
async fn more_than_a_lane_takes_is_delivered_all_the_same() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.send_many(1_500).await;
    harness.counted(webhook, Status::Succeeded, 1_500).await;
    let mut objects: Vec<_> = harness
        .receiver
        .requests()
        .iter()
        .filter_map(|request| request.header("bocau-object-id")?.parse::<usize>().ok())
        .collect();
    objects.sort_unstable();
    assert_eq!(objects, (0..1_500).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn a_backlog_outlives_a_crash() {
    let mut harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::Hang);
    harness.send_many(1_200).await;
    harness.receiver.wait_for(10).await;
    harness.crash().await;
    harness.receiver.always("/in", Reply::acknowledged());
    harness.resume().await;
    harness.counted(webhook, Status::Succeeded, 1_200).await;
}

#[tokio::test]
async fn what_waits_beyond_its_lease_is_given_back_and_never_called_interrupted() {
    let harness = one_at_a_time().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::Hang);
    harness.send_many(8).await;
    for number in 1..=8 {
        let sent = harness.receiver.wait_for(number).await;
        let object = sent.last().and_then(|sent| sent.header("bocau-object-id")).expect("it is one of ours");
        let rows = harness.deliveries(bocau_store::DeliveryFilter::default()).await;
        let row = rows.iter().find(|row| row.object_id.as_str() == object).expect("it was taken in");
        let lease_until = row.state.claimed_until.expect("it is in flight");
        assert!(
            harness.clock.now() + 10 * SECOND + LEASE_MARGIN < lease_until,
            "the lease outlasts the attempt"
        );
        harness.advance(10 * SECOND).await;
    }
    harness.counted(webhook, Status::Retrying, 8).await;
    for row in harness.deliveries(bocau_store::DeliveryFilter::default()).await {
        let outcomes: Vec<_> = harness.attempts(row.id).await.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::Timeout]);
    }
}

#[tokio::test]
async fn stopping_lets_the_attempt_in_flight_end_and_gives_the_rest_back() {
    let mut harness = one_at_a_time().await;
    harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::acknowledged().behind(&gate));
    let in_flight = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    let waiting = harness.send("2").await;

    let engine = harness.engine().clone();
    let stopping = tokio::spawn(async move { engine.stop().await });
    harness.settled(waiting, |row| row.state.claimed_until.is_none()).await;
    let refused = harness.try_publish(vec![harness.event("3")], None).await.expect_err("it is stopping");
    assert!(matches!(refused, PublishError::Stopping), "{refused}");
    assert!(!stopping.is_finished(), "an attempt is in flight");
    gate.open();
    stopping.await.expect("no panic");
    assert_eq!(harness.delivery(in_flight).await.state.status, Status::Succeeded);
    assert_eq!(harness.delivery(waiting).await.state.status, Status::Pending);
    harness.stop().await;

    harness.resume().await;
    harness.settled_as(waiting, Status::Succeeded).await;
    assert_eq!(harness.attempts(waiting).await.len(), 1, "it was not interrupted");
    assert_eq!(harness.receiver.count(), 2);
}
