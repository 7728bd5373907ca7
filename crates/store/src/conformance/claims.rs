//! How what is due comes back.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::INTERRUPTIONS_MAX;
use bocau_domain::{Outcome, Reason, Status, Timestamp, Trigger};
use bytes::Bytes;

use super::world::{INTERVAL, LEASE, World};
use crate::{ClaimRequest, Claimed, DueWebhook, Recorded, Resend, Store};

fn ids(claimed: &[Claimed]) -> Vec<bocau_domain::DeliveryId> {
    claimed.iter().map(|one| one.claim.delivery).collect()
}

/// Until its lease ends, nobody else gets it.
pub async fn a_claim_is_exclusive(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    assert_eq!(world.claim(webhook, 10).await.len(), 1);
    assert!(world.claim(webhook, 10).await.is_empty());
    world.pass(LEASE.saturating_sub(Duration::from_millis(1)));
    assert!(world.claim(webhook, 10).await.is_empty());
}

/// The lanes need no second lookup.
pub async fn a_claim_carries_all_that_an_attempt_needs(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let event = world.event(&[webhook]);
    world.write(vec![event.clone()]).await;
    let claimed = world.claim_one(webhook).await;
    assert_eq!(
        (claimed.claim.store.clone(), claimed.claim.delivery),
        (world.shop.clone(), event.deliveries[0].id)
    );
    assert_eq!((claimed.claim.claim, claimed.lease_until), (1, world.now() + LEASE));
    assert_eq!((claimed.webhook, claimed.event), (webhook, event.id));
    assert_eq!((claimed.event_type, claimed.object_id), (event.event_type, event.object_id));
    assert_eq!((claimed.payload, claimed.trigger, claimed.number), (event.payload, Trigger::Auto, 1));
    let state = world.delivery(claimed.claim.delivery).await.state;
    assert_eq!((state.status, state.claimed_until), (Status::Pending, Some(world.now() + LEASE)));
}

/// The first due first.
pub async fn claims_come_in_the_order_in_which_they_are_due(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let mut events = vec![world.event(&[webhook]), world.event(&[webhook]), world.event(&[webhook])];
    for (event, due) in events.iter_mut().zip([2, 3, 1]) {
        event.deliveries[0].state.next_attempt_at = Some(world.now() + Duration::from_secs(due));
    }
    let [second, third, first] = [0, 1, 2].map(|place| events[place].deliveries[0].id);
    world.write(events).await;
    world.pass(Duration::from_secs(3));
    assert_eq!(ids(&world.claim(webhook, 2).await), [first, second]);
    assert_eq!(ids(&world.claim(webhook, 2).await), [third]);
}

/// Never earlier than said.
pub async fn nothing_is_claimed_before_it_is_due(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.try_once(webhook, 500).await;
    world.pass(INTERVAL);
    assert!(world.claim(webhook, 10).await.is_empty(), "the interval counts from the end of the attempt");
    world.pass(Duration::from_millis(120));
    assert_eq!(world.claim_one(webhook).await.number, 2);
}

/// Each webhook has its own number.
pub async fn no_more_is_claimed_than_wanted(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    for _ in 0..5 {
        world.write(vec![world.event(&webhooks)]).await;
    }
    let request = ClaimRequest {
        now: world.now(),
        lease: LEASE,
        wants: vec![(webhooks[0], 2), (webhooks[1], 3)],
        bytes_max: usize::MAX,
    };
    let claimed = world.store.claim(request).await.expect("works");
    let count = |webhook| claimed.iter().filter(|one| one.webhook == webhook).count();
    assert_eq!((count(webhooks[0]), count(webhooks[1])), (2, 3));
    assert!(world.claim(webhooks[0], 0).await.is_empty());
}

/// One that alone is larger must not wait for ever.
pub async fn claims_keep_within_the_bytes_but_take_one_at_least(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    for _ in 0..4 {
        let mut event = world.event(&[webhook]);
        event.payload = Bytes::from(vec![b' '; 1_000]);
        world.write(vec![event]).await;
    }
    for (bytes_max, count) in [(10, 1), (2_500, 2), (10_000, 1)] {
        let wants = vec![(webhook, 10)];
        let request = ClaimRequest { now: world.now(), lease: LEASE, wants, bytes_max };
        assert_eq!(world.store.claim(request).await.expect("works").len(), count, "{bytes_max} bytes");
    }
}

/// Unsent, and with no trace in the history.
pub async fn a_released_delivery_comes_back_at_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let first = world.claim_one(webhook).await;
    world.store.release(vec![first.claim.clone()]).await.expect("works");
    let second = world.claim_one(webhook).await;
    assert_eq!((second.claim.claim, second.number), (first.claim.claim + 1, 1));
    assert!(world.outcomes(id).await.is_empty());
}

/// Another may hold it by now.
pub async fn a_release_of_a_lost_claim_changes_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let first = world.claim_one(webhook).await;
    world.store.release(vec![first.claim.clone()]).await.expect("works");
    let second = world.claim_one(webhook).await;
    world.store.release(vec![first.claim.clone(), first.claim]).await.expect("works");
    assert_eq!(world.delivery(id).await.state.claimed_until, Some(second.lease_until));
}

/// It may or may not have been sent, and does not count as one of the automatic attempts.
pub async fn a_lapsed_claim_leaves_an_interrupted_row_and_is_claimed_anew(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let first = world.claim_one(webhook).await;
    world.pass(LEASE);
    let second = world.claim_one(webhook).await;
    assert_eq!((second.claim.claim, second.number), (first.claim.claim + 1, 2));
    let attempts = world.store.attempts(&world.shop, id).await.expect("works");
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].outcome, attempts[0].trigger), (Outcome::Interrupted, Trigger::Auto));
    assert_eq!((attempts[0].started_at, attempts[0].duration), (world.now(), Duration::ZERO));
    let state = world.delivery(id).await.state;
    assert_eq!((state.attempts, state.auto_attempts, state.interruptions), (0, 0, 1));
}

/// One which crashes nodes cannot go round for ever.
pub async fn five_lapsed_claims_in_a_row_fail_the_delivery(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    for _ in 0..INTERRUPTIONS_MAX {
        world.claim_one(webhook).await;
        world.pass(LEASE);
    }
    assert!(world.claim(webhook, 10).await.is_empty());
    let state = world.delivery(id).await.state;
    assert_eq!((state.status, state.reason), (Status::Failed, Some(Reason::Interrupted)));
    assert_eq!(world.outcomes(id).await, [Outcome::Interrupted; INTERRUPTIONS_MAX as usize]);
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// A start voids the claims of the last.
pub async fn voided_claims_leave_an_interrupted_row_and_come_back(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let held = [world.send(webhook).await, world.send(webhook).await];
    let claims = world.claim(webhook, 10).await;
    let free = world.send(webhook).await;
    assert_eq!(world.store.void_claims(world.now()).await.expect("works"), 2);
    assert_eq!(world.store.void_claims(world.now()).await.expect("works"), 0);
    for id in held {
        assert_eq!(world.outcomes(id).await, [Outcome::Interrupted]);
    }
    assert!(world.outcomes(free).await.is_empty());
    assert_eq!(world.claim(webhook, 10).await.len(), 3);
    let late = world.record(world.attempt(&claims[0], 200)).await;
    assert_eq!(late, Recorded::Stale { number: 2 });
}

/// However many there were.
pub async fn more_claims_than_a_batch_are_voided(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    let mut events: Vec<_> = (0..1_250).map(|_| world.event(&webhooks)).collect();
    for delivery in events.iter_mut().flat_map(|event| &mut event.deliveries) {
        (delivery.state.claim, delivery.state.claimed_until) = (1, Some(world.now() + LEASE));
    }
    world.write(events).await;
    assert_eq!(world.store.void_claims(world.now()).await.expect("works"), 2_500);
    assert_eq!(world.claim(webhooks[0], 2_000).await.len(), 1_250);
    assert_eq!(world.claim(webhooks[1], 2_000).await.len(), 1_250);
}

/// The scheduler sleeps until then.
pub async fn the_webhooks_with_waiting_deliveries_are_told_with_their_first_due_time(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [idle, waiting, held] =
        [world.make_webhook().await, world.make_webhook().await, world.make_webhook().await];
    world.send(held).await;
    world.claim_one(held).await;
    for due in [9, 7, 8] {
        let mut event = world.event(&[waiting]);
        event.deliveries[0].state.next_attempt_at = Some(world.now() + Duration::from_secs(due));
        world.write(vec![event]).await;
    }
    let expected = [
        DueWebhook { webhook: waiting, due_at: world.now() + Duration::from_secs(7) },
        DueWebhook { webhook: held, due_at: world.now() + LEASE },
    ];
    let mut all = world.store.due_webhooks().await.expect("works");
    all.sort_by_key(|due| due.webhook);
    assert_eq!(all, expected);
    assert_eq!(world.store.next_due(vec![idle, waiting]).await.expect("works"), expected[..1]);
    assert!(world.store.next_due(vec![]).await.expect("works").is_empty());
}

/// A resend or a test.
pub async fn a_disabled_webhook_is_claimed_only_for_what_a_person_asked_for(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let (resent, plain) = (world.send(webhook).await, world.send(webhook).await);
    world.disable(webhook).await;
    assert_eq!(world.delivery(plain).await.state.status, Status::Skipped);
    let mut test = world.event(&[webhook]);
    test.is_test = true;
    let tested = test.deliveries[0].id;
    world.write(vec![test]).await;
    world.pass(Duration::from_secs(1));
    let answer = world.store.request_resend(&world.shop, resent, world.now()).await.expect("works");
    assert!(matches!(answer, Resend::Accepted { .. }), "{answer:?}");
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 0);
    let claimed = world.claim(webhook, 10).await;
    assert_eq!(ids(&claimed), [tested, resent]);
    assert_eq!([claimed[0].trigger, claimed[1].trigger], [Trigger::Test, Trigger::Manual]);
}

/// Rows that nobody may claim yet are passed over, however many.
pub async fn what_may_not_be_claimed_stands_in_nobodys_way(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.disable(webhook).await;
    // Routed before it was disabled, say, and not skipped yet.
    world.write((0..50).map(|_| world.event(&[webhook])).collect()).await;
    world.pass(Duration::from_secs(1));
    let resent = world.send(webhook).await;
    world.store.request_resend(&world.shop, resent, world.now()).await.expect("works");
    assert_eq!(ids(&world.claim(webhook, 1).await), [resent]);
    assert!(world.claim(webhook, 1).await.is_empty());
}

/// It leaves its row and waits for nothing more.
pub async fn a_lapsed_claim_of_a_deleted_webhook_ends(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    world.delete_webhook(webhook).await;
    let due = DueWebhook { webhook, due_at: claimed.lease_until };
    assert_eq!(world.store.due_webhooks().await.expect("works"), [due]);
    world.pass(LEASE);
    assert!(world.claim(webhook, 10).await.is_empty());
    assert_eq!(world.outcomes(id).await, [Outcome::Interrupted]);
    let state = world.delivery(id).await.state;
    assert_eq!((state.status, state.due_at()), (Status::Skipped, None::<Timestamp>));
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}
