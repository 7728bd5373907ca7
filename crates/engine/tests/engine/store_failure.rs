//! A database that is unavailable for a while: nothing is lost, and nothing is half written.

use std::time::Duration;

use bocau_domain::{Outcome, Status};
use bocau_engine::PublishError;
use bocau_engine::scheduler::POLL;
use bocau_store::{DeliveryFilter, SKIP_BATCH, StoreError};
use bocau_testkit::patience::capped;
use bocau_testkit::{EngineHarness, Reply, Verb};

/// The policy's.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);
const SECOND: Duration = Duration::from_secs(1);
/// What the recorder waits before it tries again, the first time.
const RECORDER_PATIENCE: Duration = Duration::from_millis(100);

fn is_unavailable(error: &PublishError) -> bool {
    matches!(error, PublishError::Store(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn results_are_kept_and_recorded_when_the_database_comes_back() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.store().fail(&[Verb::Record]);
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.clock.someone_lies_down_for(RECORDER_PATIENCE).await;
    assert_eq!(harness.delivery(id).await.state.status, Status::Pending);
    harness.store().heal();
    harness.advance(RECORDER_PATIENCE).await;
    let (row, history) = harness.attempted(id, 1).await;
    assert_eq!((row.state.status, history[0].outcome), (Status::Succeeded, Outcome::Success));
    assert_eq!((history.len(), harness.receiver.count()), (1, 1), "it was not sent again");
}

#[tokio::test]
async fn results_survive_an_outage_of_several_tries() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.store().fail(&[Verb::Record]);
    harness.send_many(20).await;
    harness.receiver.wait_for(20).await;
    for patience in [100, 200, 400, 800] {
        let patience = Duration::from_millis(patience);
        harness.clock.someone_lies_down_for(patience).await;
        harness.advance(patience).await;
    }
    harness.clock.someone_lies_down_for(Duration::from_millis(1_600)).await;
    harness.store().heal();
    harness.advance(Duration::from_millis(1_600)).await;
    harness.counted(webhook, Status::Succeeded, 20).await;
    assert_eq!(harness.receiver.count(), 20);
}

#[tokio::test]
async fn an_outage_longer_than_the_lease_loses_nothing_and_repeats_nothing() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.store().fail(&[Verb::Record]);
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.clock.someone_lies_down_for(RECORDER_PATIENCE).await;
    harness.advance(46 * SECOND).await;
    harness.scheduler_has_looked().await;
    harness.clock.someone_lies_down_for(2 * RECORDER_PATIENCE).await;
    harness.store().heal();
    harness.advance(2 * RECORDER_PATIENCE).await;
    let row = harness.settled_as(id, Status::Succeeded).await;
    assert_eq!((row.state.last_number, harness.receiver.count()), (1, 1), "nobody took over what was done");
}

#[tokio::test]
async fn what_cannot_be_written_is_not_taken_in() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.store().fail(&[Verb::Append]);
    let events = vec![harness.event("1"), harness.event("2")];
    let refused = harness.try_publish(events, None).await.expect_err("nothing can be written");
    assert!(is_unavailable(&refused), "{refused}");
    assert!(harness.deliveries(DeliveryFilter::default()).await.is_empty());
    assert_eq!(harness.engine().lane_counts(), (0, 0));
    harness.store().heal();
    harness.send("3").await;
    harness.counted(webhook, Status::Succeeded, 1).await;
    assert_eq!(harness.receiver.count(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_routed_is_not_taken_in() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.store().fail(&[Verb::Routes]);
    let refused =
        harness.try_publish(vec![harness.event("1")], None).await.expect_err("nobody knows where to");
    assert!(is_unavailable(&refused), "{refused}");
    harness.store().heal();
    assert!(harness.deliveries(DeliveryFilter::default()).await.is_empty());
}

#[tokio::test]
async fn a_retry_that_cannot_be_claimed_is_claimed_when_the_database_comes_back() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.store().fail(&[Verb::Claim, Verb::Due, Verb::Skip, Verb::Release]);
    let mut failures = harness.store().failures();
    harness.advance(300 * SECOND).await;
    capped(failures.changed(), || "waiting for a claim to fail".into()).await.expect("the store is there");
    harness.scheduler_has_looked().await;
    harness.store().heal();
    harness.advance(5 * SECOND).await;
    harness.settled_as(id, Status::Succeeded).await;
}

#[tokio::test]
async fn what_waits_for_a_disabled_webhook_is_skipped_when_the_database_comes_back() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    let count = SKIP_BATCH + 50;
    harness.receiver.always("/in", Reply::status(500));
    harness.send_many(count).await;
    harness.counted(webhook, Status::Retrying, count).await;
    harness.store().fail(&[Verb::Skip]);
    let mut failures = harness.store().failures();
    harness.enable(webhook, false).await;
    capped(failures.changed(), || "waiting for a skip to fail".into()).await.expect("the store is there");
    harness.scheduler_has_looked().await;
    assert_eq!(harness.count(webhook, Status::Retrying).await, 50, "one batch went with the change itself");
    harness.store().heal();
    harness.advance(5 * SECOND).await;
    harness.counted(webhook, Status::Skipped, count).await;
}

#[tokio::test]
async fn a_resend_that_cannot_be_written_is_answered_with_the_error() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Succeeded).await;
    harness.store().fail(&[Verb::Resend]);
    let refused =
        harness.engine().resend(harness.store_id.clone(), id).await.expect_err("nothing can be written");
    assert!(is_unavailable(&refused), "{refused}");
}

#[tokio::test]
async fn deliveries_go_out_although_the_database_takes_nothing_in_any_more() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.store().fail(&[Verb::Record]);
    harness.send_many(5).await;
    harness.receiver.wait_for(5).await;
    harness.store().fail(Verb::ALL);
    harness.clock.someone_lies_down_for(RECORDER_PATIENCE).await;
    harness.store().heal();
    harness.advance(5 * SECOND).await;
    harness.counted(webhook, Status::Succeeded, 5).await;
    assert_eq!(harness.receiver.count(), 5);
}

/// The publisher was told to try again, and what it tried is there all the same: it is sent without waiting for the
/// claim to lapse, and nobody finds an interrupted attempt that never was.
#[tokio::test]
async fn an_event_whose_commit_was_not_heard_of_is_sent_once_the_store_answers() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.store().lose_answers(&[Verb::Append]);
    let refused = harness.try_publish(vec![harness.event("1")], None).await;
    assert!(matches!(refused, Err(PublishError::Store(_))), "{refused:?}");
    let row = harness.deliveries(DeliveryFilter::default()).await.pop().expect("it is there");
    assert!(row.state.claimed_until.is_some() && harness.receiver.count() == 0, "nobody here has it");
    harness.store().heal();
    harness.advance(POLL).await;
    harness.counted(webhook, Status::Succeeded, 1).await;
    let outcomes: Vec<_> = harness.attempts(row.id).await.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Success]);
}

#[tokio::test]
async fn a_result_whose_commit_was_not_heard_of_is_in_the_history_once() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    harness.store().lose_answers(&[Verb::Record]);
    let id = harness.send("1").await;
    harness.clock.someone_lies_down_for(RECORDER_PATIENCE).await;
    assert_eq!(harness.attempts(id).await.len(), 1, "it is written");
    harness.store().heal();
    let mut progress = harness.engine().progress();
    harness.advance(RECORDER_PATIENCE).await;
    capped(progress.changed(), || "the recorder to try again".into()).await.expect("it runs");
    let (row, attempts) = harness.attempted(id, 1).await;
    assert_eq!((row.state.status, attempts.len()), (Status::Retrying, 1));
    harness.advance(RETRY_INTERVAL).await;
    let (row, attempts) = harness.attempted(id, 2).await;
    assert_eq!((row.state.status, attempts.len()), (Status::Succeeded, 2));
}

#[tokio::test]
async fn a_claim_that_was_not_heard_of_is_given_back_by_a_server_that_stops() {
    let mut harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.store().lose_answers(&[Verb::Append]);
    let refused = harness.try_publish(vec![harness.event("1")], None).await;
    assert!(refused.is_err(), "{refused:?}");
    harness.store().heal();
    harness.stop().await;
    harness.resume().await;
    harness.counted(webhook, Status::Succeeded, 1).await;
    let row = harness.deliveries(DeliveryFilter::default()).await.pop().expect("it is there");
    assert_eq!(harness.attempts(row.id).await.len(), 1, "and none that was interrupted");
}
