//! Nodes that only answer, and nodes that only send.

use std::time::Duration;

use bocau_domain::{NodeRole, Outcome, Status, Trigger};
use bocau_engine::scheduler::POLL;
use bocau_engine::{EngineOptions, TestSend};
use bocau_testkit::{EngineHarness, HarnessOptions};

async fn node_that(role: NodeRole) -> EngineHarness {
    let engine = EngineOptions { role, ..EngineOptions::default() };
    EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await
}

#[tokio::test]
async fn what_a_node_that_only_answers_took_in_is_sent_by_one_that_sends() {
    let mut harness = node_that(NodeRole::Api).await;
    let webhook = harness.webhook("/in").await;
    harness.send_many(20).await;
    let one = harness.send("21").await;
    harness.advance(10 * POLL).await;
    harness.scheduler_has_looked().await;
    let row = harness.delivery(one).await;
    assert_eq!((row.state.status, row.state.claim, row.state.claimed_until), (Status::Pending, 0, None));
    assert!(row.state.due_at().is_some_and(|due| due <= row.created_at), "it is due at once");
    assert_eq!((harness.count(webhook, Status::Pending).await, harness.receiver.count()), (21, 0));
    assert_eq!(harness.engine().lane_counts(), (0, 0));

    harness.stop().await;
    harness.take_role(NodeRole::Worker);
    harness.resume().await;
    harness.counted(webhook, Status::Succeeded, 21).await;
    let attempts = harness.attempts(one).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.outcome).collect::<Vec<_>>(), [Outcome::Success]);
}

#[tokio::test]
async fn a_resend_asked_of_a_node_that_only_answers_waits_for_one_that_sends() {
    let mut harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Succeeded).await;
    harness.stop().await;
    harness.take_role(NodeRole::Api);
    harness.resume().await;
    harness.resend(id).await;
    let waits = harness.delivery(id).await;
    assert!(waits.state.resend_at.is_some());
    harness.stop().await;
    harness.take_role(NodeRole::Worker);
    harness.resume().await;
    let (_, attempts) = harness.attempted(id, 2).await;
    assert_eq!(attempts[1].trigger, Trigger::Manual);
    assert_eq!((harness.count(webhook, Status::Succeeded).await, harness.receiver.count()), (1, 2));
}

/// Nobody sends it here, so the person is told that it waits; it is not lost.
#[tokio::test]
async fn a_test_send_that_no_node_makes_is_told_to_be_waiting() {
    let mut harness = node_that(NodeRole::Api).await;
    // With its turn of 5 s, it is waited for as long as nobody else sleeps.
    let timeout = Duration::from_secs(7);
    let url = harness.receiver.https_url("/in");
    let webhook = harness.webhook_with(&url, |webhook| webhook.policy.timeout = Some(timeout)).await.id;
    let engine = harness.engine().clone();
    let (store, entry) =
        (harness.store_id.clone(), engine.catalogue().iter().next().expect("a type").clone());
    let sending = tokio::spawn(async move { engine.test_send(&store, webhook, &entry).await });
    let patience = timeout + Duration::from_secs(5);
    harness.clock.someone_lies_down_for(patience).await;
    harness.clock.advance(patience);
    let sent = sending.await.expect("no panic").expect("it is taken in");
    let TestSend::Waiting(id) = sent else { panic!("{sent:?}") };
    harness.stop().await;
    harness.take_role(NodeRole::Worker);
    harness.resume().await;
    let (_, attempts) = harness.attempted(id, 1).await;
    assert_eq!((attempts[0].trigger, attempts[0].outcome), (Trigger::Test, Outcome::Success));
}

/// Nobody else would be told to.
#[tokio::test]
async fn what_waits_for_a_webhook_is_skipped_where_it_is_disabled_on_a_node_that_only_answers() {
    let harness = node_that(NodeRole::Api).await;
    let webhook = harness.webhook("/in").await;
    for _ in 0..3 {
        harness.send_many(500).await;
    }
    harness.enable(webhook, false).await;
    harness.counted(webhook, Status::Skipped, 1_500).await;
}
