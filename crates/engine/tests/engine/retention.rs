//! What happens to events when their time is over.

use std::time::Duration;

use bocau_domain::{Actor, Clock as _, Reason, RetentionDays, Status, StoreChange};
use bocau_engine::EngineOptions;
use bocau_engine::changes::Changed;
use bocau_engine::retention::PAUSE;
use bocau_store::{DeliveryFilter, Store as _};
use bocau_testkit::{EngineHarness, HarnessOptions, Reply, Verb};

const DAY: Duration = Duration::from_hours(24);

/// Waits until a pass has ended since time was moved last.
async fn a_pass_has_ended(harness: &EngineHarness) {
    harness.clock.someone_lies_down_for(PAUSE).await;
}

#[tokio::test]
async fn what_was_delivered_is_kept_for_thirty_days_and_then_removed() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Succeeded).await;
    let event = harness.delivery(id).await.event_id;
    harness.advance(30 * DAY).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(harness.attempts(id).await.len(), 1);

    let young = harness.send("2").await;
    harness.settled_as(young, Status::Succeeded).await;
    harness.advance(DAY).await;
    a_pass_has_ended(&harness).await;
    let left: Vec<_> =
        harness.deliveries(DeliveryFilter::default()).await.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!(left, [young]);
    assert!(harness.attempts(id).await.is_empty());
    let found = harness.store().find_event(&harness.store_id, event).await.expect("the store works");
    assert!(found.is_none());
}

#[tokio::test]
async fn what_still_waits_after_thirty_eight_days_has_expired_and_is_never_sent() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(503));
    let waiting = harness.send("1").await;
    harness.settled_as(waiting, Status::Retrying).await;
    let done = harness.send("2").await;
    harness.settled_as(done, Status::Succeeded).await;
    // Whatever keeps a delivery from its attempts for so long.
    harness.store().fail(&[Verb::Claim]);
    harness.advance(31 * DAY).await;
    a_pass_has_ended(&harness).await;
    let left: Vec<_> =
        harness.deliveries(DeliveryFilter::default()).await.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!(left, [waiting], "what has ended is gone, what waits is not");
    assert_eq!(harness.delivery(waiting).await.state.status, Status::Retrying);

    let mut changes = harness.engine().watch_changes();
    harness.advance(7 * DAY).await;
    let expired = harness.settled_as(waiting, Status::Failed).await;
    assert_eq!((expired.state.reason, expired.state.due_at()), (Some(Reason::Expired), None));
    let told = changes.recv().await.expect("whoever watches the report is told");
    assert!(matches!(told.what, Changed::Delivery(id) if id == waiting), "{told:?}");
    a_pass_has_ended(&harness).await;

    harness.store().heal();
    harness.advance(PAUSE).await;
    a_pass_has_ended(&harness).await;
    assert!(harness.deliveries(DeliveryFilter::default()).await.is_empty());
    harness.scheduler_has_looked().await;
    assert_eq!(harness.receiver.requests().len(), 2, "one attempt of each");
}

#[tokio::test]
async fn the_servers_and_the_stores_time_are_what_was_configured() {
    let days = |days| RetentionDays::new(days).expect("allowed");
    let engine = EngineOptions { retention: days(10), ..EngineOptions::default() };
    let harness = EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await;
    let count = async || harness.deliveries(DeliveryFilter::default()).await.len();
    harness.send("1").await;
    harness.advance(9 * DAY).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(count().await, 1);
    harness.advance(DAY + PAUSE).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(count().await, 0);

    harness.send("2").await;
    let change = StoreChange { retention: Some(Some(days(2))), ..StoreChange::default() };
    let changed =
        harness.store().change_store(&harness.store_id, change, &Actor::System, harness.clock.now());
    assert!(changed.await.expect("the store works").is_some());
    harness.advance(DAY).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(count().await, 1);
    harness.advance(DAY + PAUSE).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_pass_that_fails_is_made_again() {
    let harness = EngineHarness::start().await;
    let mut failures = harness.store().failures();
    harness.send("1").await;
    harness.store().fail(&[Verb::House]);
    failures.mark_unchanged();
    harness.advance(31 * DAY).await;
    a_pass_has_ended(&harness).await;
    assert!(failures.has_changed().expect("the store is there"));
    assert_eq!(harness.deliveries(DeliveryFilter::default()).await.len(), 1);
    harness.store().heal();
    harness.advance(PAUSE).await;
    a_pass_has_ended(&harness).await;
    assert!(harness.deliveries(DeliveryFilter::default()).await.is_empty());
}
