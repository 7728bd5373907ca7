//! Manual attempts.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{DeliveryId, Status, Trigger};

use super::world::{INTERVAL, World, shop_id};
use crate::{Recorded, Resend, Store};

async fn resend(world: &World, id: DeliveryId) -> Resend {
    world.store.request_resend(&world.shop, id, world.now()).await.expect("works")
}

/// Beyond the automatic ones.
pub async fn a_resend_of_a_failed_delivery_is_one_more_attempt(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    for _ in 0..3 {
        world.try_once(webhook, 500).await;
        world.pass(INTERVAL * 2);
    }
    let accepted = resend(&world, id).await;
    assert_eq!(accepted, Resend::Accepted { delivery: world.delivery(id).await, webhook });
    let claimed = world.claim_one(webhook).await;
    assert_eq!((claimed.trigger, claimed.number), (Trigger::Manual, 4));
    world.record(world.attempt(&claimed, 200)).await;
    let state = world.delivery(id).await.state;
    assert_eq!((state.status, state.attempts, state.auto_attempts), (Status::Succeeded, 4, 3));
}

/// Nobody who pressed Gửi lại waits for a backlog.
pub async fn a_resend_is_claimed_before_all_that_waits_by_itself(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let failed = world.send(webhook).await;
    for _ in 0..3 {
        world.try_once(webhook, 500).await;
        world.pass(INTERVAL * 2);
    }
    for _ in 0..5 {
        world.send(webhook).await;
    }
    world.pass(Duration::from_mins(1));
    resend(&world, failed).await;
    let claimed = world.claim(webhook, 2).await;
    assert_eq!((claimed.len(), claimed[0].claim.delivery, claimed[0].trigger), (2, failed, Trigger::Manual));
    assert_eq!(claimed[1].trigger, Trigger::Auto, "then the others have their turn");
}

/// As soon as none is in flight.
pub async fn a_resend_while_an_attempt_is_in_flight_waits_for_its_end(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let running = world.claim_one(webhook).await;
    let attempt = world.attempt(&running, 200);
    world.pass(Duration::from_secs(1));
    resend(&world, id).await;
    assert!(world.claim(webhook, 10).await.is_empty());
    let recorded = world.record(attempt).await;
    assert!(matches!(recorded, Recorded::Moved { .. }), "{recorded:?}");
    assert_eq!(world.claim_one(webhook).await.trigger, Trigger::Manual);
}

/// The four answers.
pub async fn a_resend_is_refused_where_there_is_nowhere_to_send_it(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    let foreign = world.store.request_resend(&shop_id("600"), id, world.now()).await.expect("works");
    assert_eq!(foreign, Resend::NotFound);
    let untaken = world.event(&[]);
    let untaken_id = untaken.deliveries[0].id;
    world.write(vec![untaken]).await;
    assert_eq!(resend(&world, untaken_id).await, Resend::NoWebhook);
    world.delete_webhook(webhook).await;
    assert_eq!(resend(&world, id).await, Resend::WebhookDeleted);
    assert_eq!(resend(&world, world.ids.delivery_id(world.ids.event_id())).await, Resend::NotFound);
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// It was not sent; now it is.
pub async fn a_resend_of_a_skipped_delivery_is_made(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    assert_eq!(world.disable(webhook).await, 1);
    resend(&world, id).await;
    world.try_once(webhook, 200).await;
    assert_eq!(world.delivery(id).await.state.status, Status::Succeeded);
}
