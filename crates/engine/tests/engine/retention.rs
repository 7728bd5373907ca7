//! What happens to events when their time is over.

use std::time::Duration;

use bocau_domain::{Actor, Clock as _, DeliveryId, Reason, RetentionDays, Status, StoreChange};
use bocau_engine::EngineOptions;
use bocau_engine::changes::Changed;
use bocau_engine::retention::{BREATH_MIN, PAUSE};
use bocau_store::{DeliveryFilter, Store as _};
use bocau_testkit::{EngineHarness, HarnessOptions, Reply, Verb};

const DAY: Duration = Duration::from_hours(24);

/// Passes after which nothing more would go.
const PASSES_MAX: usize = 20;

/// Waits until a pass has ended since time was moved last.
async fn a_pass_has_ended(harness: &EngineHarness) {
    harness.clock.naps_pass_until(BREATH_MIN, PAUSE).await;
}

async fn left(harness: &EngineHarness) -> Vec<DeliveryId> {
    let all = harness.deliveries(DeliveryFilter::default()).await;
    all.into_iter().map(|delivery| delivery.id).collect()
}

/// Lets the time of a whole day pass, which is what PostgreSQL drops, and passes until only these are left; it drops
/// in several.
async fn only_these_are_left(harness: &EngineHarness, these: &[DeliveryId]) {
    harness.advance(2 * DAY).await;
    for _ in 0..PASSES_MAX {
        a_pass_has_ended(harness).await;
        if left(harness).await == these {
            return;
        }
        harness.advance(PAUSE).await;
    }
    assert_eq!(left(harness).await, these, "after {PASSES_MAX} passes");
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
    only_these_are_left(&harness, &[young]).await;
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
    // Whatever keeps a delivery from its attempts for so long.
    harness.store().fail(&[Verb::Claim]);
    harness.advance(31 * DAY).await;
    only_these_are_left(&harness, &[waiting]).await;
    assert_eq!(harness.delivery(waiting).await.state.status, Status::Retrying);

    let mut changes = harness.engine().watch_changes();
    harness.advance(7 * DAY).await;
    let expired = harness.settled_as(waiting, Status::Failed).await;
    assert_eq!((expired.state.reason, expired.state.due_at()), (Some(Reason::Expired), None));
    let told = changes.recv().await.expect("whoever watches the report is told");
    assert!(matches!(told.what, Changed::Delivery(id) if id == waiting), "{told:?}");
    a_pass_has_ended(&harness).await;

    harness.store().heal();
    only_these_are_left(&harness, &[]).await;
    harness.scheduler_has_looked().await;
    assert_eq!(harness.receiver.requests().len(), 1);
}

#[tokio::test]
async fn the_servers_and_the_stores_time_are_what_was_configured() {
    let days = |days| RetentionDays::new(days).expect("allowed");
    let engine = EngineOptions { retention: days(10), ..EngineOptions::default() };
    let harness = EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await;
    harness.send("1").await;
    harness.advance(9 * DAY).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(left(&harness).await.len(), 1);
    only_these_are_left(&harness, &[]).await;

    harness.send("2").await;
    let change = StoreChange { retention: Some(Some(days(2))), ..StoreChange::default() };
    let changed =
        harness.store().change_store(&harness.store_id, change, &Actor::System, harness.clock.now());
    assert!(changed.await.expect("the store works").is_some());
    harness.advance(DAY).await;
    a_pass_has_ended(&harness).await;
    assert_eq!(left(&harness).await.len(), 1);
    only_these_are_left(&harness, &[]).await;
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
    assert_eq!(left(&harness).await.len(), 1);
    harness.store().heal();
    only_these_are_left(&harness, &[]).await;
}
