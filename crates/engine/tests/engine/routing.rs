//! Which webhooks an event goes to, and what becomes of what waits when they change.

use std::time::Duration;

use bocau_domain::{EventPattern, Reason, Status};
use bocau_engine::lanes::LaneLimits;
use bocau_engine::{EngineOptions, PublishError};
use bocau_store::{DeliveryFilter, IdempotencyKey, Resend, Store as _};
use bocau_testkit::{EngineHarness, Gate, HarnessOptions, Reply};

async fn one_at_a_time() -> EngineHarness {
    let lanes = LaneLimits { per_webhook: 1, ..LaneLimits::default() };
    let engine = EngineOptions { lanes, ..EngineOptions::default() };
    EngineHarness::with(HarnessOptions { engine, ..HarnessOptions::default() }).await
}

fn patterns(texts: &[&str]) -> Vec<EventPattern> {
    texts.iter().map(|text| EventPattern::from_stored(text).expect("a pattern")).collect()
}

#[tokio::test]
async fn an_event_goes_to_the_webhooks_that_want_its_type() {
    let harness = EngineHarness::start().await;
    for (path, events) in
        [("/orders", vec!["order.*"]), ("/paid", vec!["order.paid"]), ("/people", vec!["customer.*"])]
    {
        harness
            .webhook_with(&harness.receiver.https_url(path), |webhook| webhook.events = patterns(&events))
            .await;
    }
    let published = harness.publish(vec![harness.event_of("order.paid", "1", "{}")]).await;
    assert_eq!(published.events[0].1, 2);
    let mut paths: Vec<_> =
        harness.receiver.wait_for(2).await.into_iter().map(|request| request.path).collect();
    paths.sort();
    assert_eq!(paths, ["/orders", "/paid"]);
}

#[tokio::test]
async fn an_event_that_nobody_takes_is_one_skipped_row() {
    let harness = EngineHarness::start().await;
    let url = harness.receiver.https_url("/people");
    harness.webhook_with(&url, |webhook| webhook.events = patterns(&["customer.*"])).await;
    let published = harness.publish(vec![harness.event("1")]).await;
    assert_eq!(published.events[0].1, 0);
    let rows = harness.deliveries(DeliveryFilter::default()).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].state.status, rows[0].state.reason), (Status::Skipped, Some(Reason::NoWebhook)));
    assert_eq!(rows[0].webhook_id, None);
    let asked = harness.engine().resend(harness.store_id.clone(), rows[0].id).await.expect("the store works");
    assert_eq!(asked, Resend::NoWebhook);
}

#[tokio::test]
async fn another_stores_webhooks_get_nothing() {
    let harness = EngineHarness::start().await;
    let other = harness.store_called("553").await;
    harness
        .webhook_with(&harness.receiver.https_url("/other"), |webhook| webhook.store = other.clone())
        .await;
    let id = harness.send("1").await;
    assert_eq!(harness.delivery(id).await.state.reason, Some(Reason::NoWebhook));
    let found = harness.store().find_delivery(&other, id).await.expect("the store works");
    assert!(found.is_none());
}

#[tokio::test]
async fn a_webhook_made_just_before_an_event_counts_although_no_notice_of_it_came() {
    let harness = EngineHarness::start().await;
    harness.webhook("/first").await;
    harness.send("1").await;
    harness.receiver.wait_for(1).await;
    let second = harness.new_webhook(&harness.receiver.https_url("/second"));
    let made = harness.store().create_webhook(second, &bocau_domain::Actor::System).await;
    made.expect("the store works").expect("there is room");
    let published = harness.publish(vec![harness.event("2")]).await;
    assert_eq!(published.events[0].1, 2);
    harness.receiver.wait_for_at("/second", 1).await;
}

#[tokio::test]
async fn a_webhook_disabled_just_before_an_event_gets_nothing_although_no_notice_of_it_came() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    let first = harness.send("1").await;
    harness.settled_as(first, Status::Succeeded).await;
    let change = bocau_domain::WebhookChange { enabled: Some(false), ..Default::default() };
    let (by, now) = (bocau_domain::Actor::System, bocau_testkit::clock::START);
    let changed = harness.store().change_webhook(&harness.store_id, webhook, change, &by, now).await;
    changed.expect("the store works").expect("it is there");
    let second = harness.send("2").await;
    assert_eq!(harness.delivery(second).await.state.status, Status::Skipped);
    assert_eq!(harness.receiver.count(), 1);
}

#[tokio::test]
async fn disabling_a_webhook_skips_what_waits_and_lets_the_attempt_in_flight_end() {
    let harness = one_at_a_time().await;
    let webhook = harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.always("/in", Reply::acknowledged().behind(&gate));
    let in_flight = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    let waiting = harness.send("2").await;
    harness.enable(webhook, false).await;
    let row = harness.settled_as(waiting, Status::Skipped).await;
    assert_eq!((row.state.reason, row.state.attempts), (Some(Reason::WebhookDisabled), 0));
    gate.open();
    harness.settled_as(in_flight, Status::Succeeded).await;
    assert_eq!(harness.receiver.count(), 1);
}

#[tokio::test]
async fn disabling_a_webhook_skips_its_planned_retries() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.enable(webhook, false).await;
    let row = harness.settled_as(id, Status::Skipped).await;
    assert_eq!((row.state.reason, row.state.next_attempt_at), (Some(Reason::WebhookDisabled), None));
    harness.advance(Duration::from_mins(5)).await;
    harness.scheduler_has_looked().await;
    assert_eq!(harness.delivery(id).await.state.claim, 1);
}

#[tokio::test]
async fn thousands_that_wait_are_skipped_too() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::Hang);
    harness.send_many(2_500).await;
    harness.receiver.wait_for(10).await;
    harness.enable(webhook, false).await;
    harness.counted(webhook, Status::Skipped, 2_500).await;
}

#[tokio::test]
async fn a_webhook_that_is_enabled_again_gets_new_events_and_resends() {
    let harness = one_at_a_time().await;
    let webhook = harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::acknowledged().behind(&gate));
    harness.send("1").await;
    harness.receiver.wait_for(1).await;
    let skipped = harness.send("2").await;
    harness.enable(webhook, false).await;
    harness.settled_as(skipped, Status::Skipped).await;
    gate.open();
    harness.enable(webhook, true).await;
    let next = harness.send("3").await;
    harness.settled_as(next, Status::Succeeded).await;
    assert_eq!(harness.delivery(skipped).await.state.status, Status::Skipped);
    harness.resend(skipped).await;
    harness.settled_as(skipped, Status::Succeeded).await;
}

#[tokio::test]
async fn a_resend_goes_to_a_disabled_webhook_too() {
    let harness = EngineHarness::start().await;
    let webhook = harness.webhook("/in").await;
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Succeeded).await;
    harness.enable(webhook, false).await;
    harness.advance(Duration::from_millis(1)).await;
    harness.resend(id).await;
    harness.attempted(id, 2).await;
    assert_eq!(harness.receiver.count(), 2);
}

#[tokio::test]
async fn deleting_a_webhook_skips_what_waits_and_keeps_the_history() {
    let harness = one_at_a_time().await;
    let webhook = harness.webhook("/in").await;
    let first = harness.send("1").await;
    harness.settled_as(first, Status::Succeeded).await;
    harness.receiver.always("/in", Reply::Hang);
    harness.send("2").await;
    harness.receiver.wait_for(2).await;
    let waiting = harness.send("3").await;
    harness.delete_webhook(webhook).await;
    let row = harness.settled_as(waiting, Status::Skipped).await;
    assert_eq!(row.state.reason, Some(Reason::WebhookDeleted));
    let first = harness.delivery(first).await;
    assert_eq!(first.url, Some(harness.receiver.https_url("/in")));
    assert_eq!(harness.attempts(first.id).await.len(), 1);
    let asked = harness.engine().resend(harness.store_id.clone(), first.id).await.expect("the store works");
    assert_eq!(asked, Resend::WebhookDeleted);
}

#[tokio::test]
async fn a_type_that_is_not_in_the_catalogue_is_refused_with_its_place() {
    let harness = EngineHarness::start().await;
    let events = vec![harness.event("1"), harness.event_of("order.eaten", "1", "{}")];
    let refused = harness.try_publish(events, None).await.expect_err("no such type");
    assert!(matches!(refused, PublishError::UnknownType(1)), "{refused}");
    assert!(harness.deliveries(DeliveryFilter::default()).await.is_empty());
}

fn key(text: &str, hash: u8) -> IdempotencyKey {
    IdempotencyKey { key: text.into(), body_hash: [hash; 32] }
}

#[tokio::test]
async fn a_request_that_is_repeated_under_its_key_makes_nothing_new() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let events = vec![harness.event("1"), harness.event("2")];
    let first = harness.try_publish(events.clone(), Some(key("k", 1))).await.expect("taken in");
    harness.webhook("/later").await;
    let again = harness.try_publish(events, Some(key("k", 1))).await.expect("known");
    assert!(!first.is_duplicate && again.is_duplicate);
    assert_eq!(first.events, again.events);
    assert_eq!(harness.deliveries(DeliveryFilter::default()).await.len(), 2);
}

#[tokio::test]
async fn a_key_that_is_used_for_another_request_is_refused() {
    let harness = EngineHarness::start().await;
    harness.try_publish(vec![harness.event("1")], Some(key("k", 1))).await.expect("taken in");
    let refused = harness.try_publish(vec![harness.event("2")], Some(key("k", 2))).await.expect_err("used");
    assert!(matches!(refused, PublishError::KeyReused), "{refused}");
    harness.try_publish(vec![harness.event("2")], Some(key("l", 2))).await.expect("another key");
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let harness = EngineHarness::start().await;
    let first = harness.try_publish(vec![harness.event("1")], Some(key("k", 1))).await.expect("taken in");
    harness.advance(Duration::from_hours(24)).await;
    let later = harness.try_publish(vec![harness.event("1")], Some(key("k", 1))).await.expect("taken in");
    assert!(!later.is_duplicate);
    assert_ne!(first.events, later.events);
}

#[tokio::test]
async fn the_same_key_at_the_same_moment_is_taken_in_once() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let publish = || harness.try_publish(vec![harness.event("1")], Some(key("k", 1)));
    let (a, b, c) = tokio::join!(publish(), publish(), publish());
    let answers = [a, b, c].map(|answer| answer.expect("taken in or known"));
    assert_eq!(answers.iter().filter(|answer| !answer.is_duplicate).count(), 1);
    assert!(answers.iter().all(|answer| answer.events == answers[0].events));
    assert_eq!(harness.deliveries(DeliveryFilter::default()).await.len(), 1);
}
