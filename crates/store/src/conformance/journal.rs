//! What is written for events that come in.

use std::sync::Arc;

use bocau_domain::delivery::DeliveryState;
use bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME;
use bocau_domain::{Event, EventId, Reason, Status, StoreId};
use bytes::Bytes;

use super::world::{LEASE, World, shop_id};
use crate::{Appended, IdempotencyKey, Store, StoreError, Submission};

fn key(text: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey { key: text.into(), body_hash: [body; 32] }
}

async fn event_of(world: &World, shop: &StoreId, id: EventId) -> Option<Event> {
    world.store.find_event(shop, id).await.expect("works")
}

async fn is_written(world: &World, id: EventId) -> bool {
    let event = event_of(world, &world.shop, id).await.is_some();
    let deliveries = world.store.deliveries_of_event(&world.shop, id).await.expect("works");
    assert_eq!(event, !deliveries.is_empty(), "an event and its deliveries come together");
    event
}

/// Payload bytes are stored exactly as received (design, “The way of an event”).
pub async fn an_appended_event_reads_back_byte_for_byte(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    let mut event = world.event(&webhooks);
    event.payload = Bytes::from_static("{ \"tên\" : \"Bồ câu\",\r\n\t\"x\": 1.0e+0 }\u{0}".as_bytes());
    event.occurred_at = Some(bocau_domain::Timestamp::from_millis(-5));
    world.write(vec![event.clone()]).await;

    let read = event_of(&world, &world.shop, event.id).await.expect("there");
    assert_eq!(read.payload, event.payload);
    assert_eq!((read.event_type, read.object_id), (event.event_type.clone(), event.object_id.clone()));
    assert_eq!((read.occurred_at, read.created_at), (event.occurred_at, world.now()));
    let deliveries = world.store.deliveries_of_event(&world.shop, event.id).await.expect("works");
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries[0].id < deliveries[1].id);
    for written in &event.deliveries {
        let delivery = deliveries.iter().find(|delivery| delivery.id == written.id).expect("found");
        let webhook = written.webhook_id.expect("has one");
        assert_eq!((delivery.event_id, delivery.webhook_id), (event.id, Some(webhook)));
        assert_eq!(delivery.url, Some(format!("https://example.com/{webhook}")));
        assert_eq!(delivery.state, DeliveryState::pending(world.now()));
        assert_eq!((delivery.created_at, delivery.is_test), (world.now(), false));
        assert_eq!(world.delivery(delivery.id).await, *delivery);
    }
}

/// Never a silent nothing.
pub async fn an_event_that_nobody_takes_is_kept_with_the_reason(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let event = world.event(&[]);
    world.write(vec![event.clone()]).await;
    let delivery = world.delivery(event.deliveries[0].id).await;
    assert_eq!((delivery.webhook_id, delivery.url.clone()), (None, None));
    assert_eq!((delivery.state.status, delivery.state.reason), (Status::Skipped, Some(Reason::NoWebhook)));
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// The node that takes an event in writes it claimed.
pub async fn an_event_written_claimed_is_held_from_the_start(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let mut event = world.event(&[webhook]);
    let state = &mut event.deliveries[0].state;
    (state.claim, state.claimed_until) = (1, Some(world.now() + LEASE));
    world.write(vec![event]).await;
    assert!(world.claim(webhook, 10).await.is_empty());
    world.pass(LEASE);
    assert_eq!(world.claim_one(webhook).await.claim.claim, 2);
}

/// What was configured before an event was sent always counts.
pub async fn a_stale_route_writes_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let event = world.event(&[webhook]);
    let submission = world.submission(vec![event.clone()]).await;
    world.make_webhook().await;
    assert_eq!(world.append(submission.clone()).await, Appended::Stale);
    assert!(!is_written(&world, event.id).await);
    let again = Submission { config_version: world.config_version().await, ..submission };
    assert_eq!(world.append(again).await, Appended::Accepted);
    assert!(is_written(&world, event.id).await);
}

/// A store that was never made has no events.
pub async fn an_event_for_a_store_that_is_not_there_writes_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let event = world.event(&[]);
    let submission = Submission { store: shop_id("nobody"), ..world.submission(vec![event.clone()]).await };
    assert_eq!(world.append(submission).await, Appended::NoStore);
    assert_eq!(event_of(&world, &shop_id("nobody"), event.id).await, None);
}

/// Whatever came of each.
pub async fn the_answers_stand_in_the_order_of_the_submissions(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let good = world.submission(vec![world.event(&[])]).await;
    let stale = Submission { config_version: good.config_version + 1, ..world.submission(vec![]).await };
    let foreign = Submission { store: shop_id("nobody"), ..good.clone() };
    let last = world.submission(vec![world.event(&[]), world.event(&[])]).await;
    let answers = world.store.append(vec![foreign, good, stale, last]).await;
    let answers: Vec<Appended> = answers.into_iter().map(|answer| answer.expect("works")).collect();
    assert_eq!(answers, [Appended::NoStore, Appended::Accepted, Appended::Stale, Appended::Accepted]);
    assert_eq!(world.all_deliveries().await.len(), 3);
}

/// An event's id cannot be written twice; the others of the transaction do not suffer for it.
pub async fn one_bad_submission_does_not_take_its_neighbours_with_it(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let first = world.event(&[]);
    world.write(vec![first.clone()]).await;
    let events = [world.event(&[]), first, world.event(&[])];
    let mut submissions = Vec::new();
    for event in events.clone() {
        submissions.push(world.submission(vec![event]).await);
    }
    let answers = world.store.append(submissions).await;
    assert!(matches!(answers[0], Ok(Appended::Accepted)), "{answers:?}");
    assert!(matches!(answers[1], Err(StoreError::Refused(_))), "{answers:?}");
    assert!(matches!(answers[2], Ok(Appended::Accepted)), "{answers:?}");
    for event in events {
        assert!(is_written(&world, event.id).await);
    }
}

/// The events of one request stand or fall together.
pub async fn a_submission_is_written_whole_or_not_at_all(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let first = world.event(&[]);
    world.write(vec![first.clone()]).await;
    let fresh = world.event(&[]);
    let mut half = world.submission(vec![fresh.clone(), first]).await;
    half.idempotency = Some(key("k", 1));
    let answer = world.store.append(vec![half.clone()]).await.pop().expect("one answer");
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    assert!(!is_written(&world, fresh.id).await);
    half.events.pop();
    assert_eq!(world.append(half).await, Appended::Accepted, "the key was not used up");
}

/// Each event's id and its number of deliveries that have a webhook.
pub async fn a_repeated_request_is_answered_with_what_the_first_made(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    let (taken, untaken) = (world.event(&webhooks), world.event(&[]));
    let mut submission = world.submission(vec![taken.clone(), untaken.clone()]).await;
    submission.idempotency = Some(key("k", 1));
    assert_eq!(world.append(submission.clone()).await, Appended::Accepted);

    submission.events = vec![world.event(&webhooks)];
    let repeated = submission.events[0].id;
    let first_made = Appended::Duplicate(vec![(taken.id, 2), (untaken.id, 0)]);
    assert_eq!(world.append(submission).await, first_made);
    assert!(!is_written(&world, repeated).await);
}

/// Whatever was configured since.
pub async fn a_repeated_request_is_known_before_its_routes_are_judged(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let event = world.event(&[]);
    let mut submission = world.submission(vec![event.clone()]).await;
    submission.idempotency = Some(key("k", 1));
    assert_eq!(world.append(submission.clone()).await, Appended::Accepted);
    world.make_webhook().await;
    assert_eq!(world.append(submission).await, Appended::Duplicate(vec![(event.id, 0)]));
}

/// A key stands for one request.
pub async fn the_same_key_with_another_body_is_refused_and_writes_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let mut submission = world.submission(vec![world.event(&[])]).await;
    submission.idempotency = Some(key("k", 1));
    assert_eq!(world.append(submission.clone()).await, Appended::Accepted);
    submission.events = vec![world.event(&[])];
    submission.idempotency = Some(key("k", 2));
    let other = submission.events[0].id;
    assert_eq!(world.append(submission).await, Appended::KeyReused);
    assert!(!is_written(&world, other).await);
}

/// As if they came in two transactions.
pub async fn two_requests_of_one_key_in_one_batch_come_one_after_the_other(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let mut requests = Vec::new();
    for body in [1, 1, 2] {
        let mut request = world.submission(vec![world.event(&[])]).await;
        request.idempotency = Some(key("k", body));
        requests.push(request);
    }
    let first = requests[0].events[0].id;
    let answers = world.store.append(requests).await;
    let answers: Vec<Appended> = answers.into_iter().map(|answer| answer.expect("works")).collect();
    assert_eq!(answers, [Appended::Accepted, Appended::Duplicate(vec![(first, 0)]), Appended::KeyReused]);
    assert_eq!(world.all_deliveries().await.len(), 1);
}

/// Two stores may use the same key.
pub async fn a_key_belongs_to_its_store(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let other = shop_id("600");
    world.make_shop(&other).await;
    let mut submission = world.submission(vec![world.event(&[])]).await;
    submission.idempotency = Some(key("k", 1));
    assert_eq!(world.append(submission.clone()).await, Appended::Accepted);
    let config_version = world.store.routes(&other).await.expect("works").expect("there").config_version;
    let elsewhere = Submission { store: other, config_version, events: vec![world.event(&[])], ..submission };
    assert_eq!(world.append(elsewhere).await, Appended::Accepted);
}

/// Also before sweeping has come by.
pub async fn a_key_is_free_again_after_its_time(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    // Half of its time later the key still holds; after all of it, another request may use it.
    for (body, expected) in [(1, Appended::Accepted), (2, Appended::KeyReused), (2, Appended::Accepted)] {
        let mut submission = world.submission(vec![world.event(&[])]).await;
        submission.idempotency = Some(key("k", body));
        assert_eq!(world.append(submission).await, expected, "at {:?}", world.now());
        world.pass(IDEMPOTENCY_KEY_LIFETIME / 2);
    }
}

/// Each is answered for its own, whoever shared the transaction.
pub async fn many_publishers_at_once_lose_nothing(store: Arc<dyn Store>) {
    let world = Arc::new(World::new(store).await);
    let webhook = world.make_webhook().await;
    let publishers: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    world.send(webhook).await;
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.expect("no panic");
    }
    assert_eq!(world.all_deliveries().await.len(), 200);
    assert_eq!(world.claim(webhook, 1_000).await.len(), 200);
}
