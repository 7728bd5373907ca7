//! What is older than it is kept.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Outcome, Reason, RetentionDays, Status, StoreChange, StoreId, Timestamp, WebhookId};

use super::world::{BY, LEASE, World, shop_id};
use crate::{
    AttemptRecord, OverviewSpan, RETIRE_BATCH, Recorded, Resend, Retire, RetirePlace, Retired, Store,
};

/// A day.
const DAY: Duration = Duration::from_hours(24);

fn days(days: u32) -> RetentionDays {
    RetentionDays::new(days).expect("allowed")
}

/// What a server that keeps events for so many days is to do now.
fn from_the_start(world: &World, keep: u32) -> Retire {
    Retire { now: world.now(), keep: days(keep), from: RetirePlace::default() }
}

/// The deliveries that a pass gave up.
fn expired(done: &[Retired]) -> usize {
    done.iter().map(|retired| retired.expired.len()).sum()
}

/// Calls until something is given up, and stops there.
async fn until_expired(world: &World, keep: u32) -> Retired {
    let mut retire = from_the_start(world, keep);
    loop {
        let retired = world.store.retire(retire.clone()).await.expect("works");
        if !retired.expired.is_empty() {
            return retired;
        }
        retire.from = retired.next.expect("something is given up before the end");
    }
}

async fn keep_for(world: &World, store: &StoreId, keep: Option<u32>) {
    let change = StoreChange { retention: Some(keep.map(days)), ..StoreChange::default() };
    world.store.change_store(store, change, BY, world.now()).await.expect("works").expect("there");
}

/// Passes over a day more than so many days: whole days go when their last event is old enough.
fn let_days_pass(world: &World, days: u32) {
    world.pass(DAY * (days + 1));
}

async fn tried(world: &World, webhook: WebhookId, code: u16) {
    world.send(webhook).await;
    world.try_once(webhook, code).await;
}

/// Whatever came of it.
pub async fn what_is_older_than_it_is_kept_goes_with_its_history(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let old = world.event(&[webhook]);
    let (event, delivery) = (old.id, old.deliveries[0].id);
    world.write(vec![old, world.event(&[])]).await;
    world.try_once(webhook, 200).await;
    tried(&world, webhook, 410).await;
    let_days_pass(&world, 15);
    let young = world.event(&[]);
    let young_id = young.id;
    world.write(vec![young]).await;
    world.retire(30).await;
    assert_eq!(world.all_deliveries().await.len(), 4, "nothing is old yet");
    let_days_pass(&world, 15);
    assert_eq!(expired(&world.retire(30).await), 0);
    let left = world.all_deliveries().await;
    assert_eq!(left.iter().map(|delivery| delivery.event_id).collect::<Vec<_>>(), [young_id]);
    assert!(world.store.find_event(&world.shop, event).await.expect("works").is_none());
    assert!(world.store.find_event(&world.shop, young_id).await.expect("works").is_some());
    assert!(world.store.find_delivery(&world.shop, delivery).await.expect("works").is_none());
    assert!(world.store.attempts(&world.shop, delivery).await.expect("works").is_empty());
}

/// And is gone with the pass after.
pub async fn what_is_unfinished_is_kept_a_week_longer_and_then_given_up(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let waiting = world.send(webhook).await;
    world.try_once(webhook, 503).await;
    let_days_pass(&world, 36);
    assert_eq!(expired(&world.retire(30).await), 0);
    assert_eq!(world.delivery(waiting).await.state.status, Status::Retrying);
    world.pass(DAY);
    let given_up = until_expired(&world, 30).await.expired;
    assert_eq!(given_up, [(world.shop.clone(), waiting)]);
    let delivery = world.delivery(waiting).await;
    assert_eq!((delivery.state.status, delivery.state.reason), (Status::Failed, Some(Reason::Expired)));
    assert_eq!(delivery.state.due_at(), None);
    assert_eq!(world.outcomes(waiting).await, [Outcome::HttpError], "its history stays with it");
    assert!(world.claim(webhook, 10).await.is_empty());
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
    assert_eq!(expired(&world.retire(30).await), 0, "once");
    assert!(world.all_deliveries().await.is_empty());
}

/// What is under way has its end written down, and what lapsed is known as such.
pub async fn what_is_claimed_is_left_until_its_claim_has_ended(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let (first, second) = (world.send(webhook).await, world.send(webhook).await);
    let_days_pass(&world, 37);
    let claimed = world.claim(webhook, 10).await;
    assert_eq!(expired(&world.retire(30).await), 0);
    let done = world.record(world.attempt(&claimed[0], 200)).await;
    assert!(matches!(done, Recorded::Moved { .. }), "{done:?}");
    assert_eq!(world.delivery(first).await.state.status, Status::Succeeded);

    world.pass(LEASE + Duration::from_secs(1));
    assert_eq!(until_expired(&world, 30).await.expired, [(world.shop.clone(), second)]);
    let expired = world.delivery(second).await;
    assert_eq!((expired.state.status, expired.state.reason), (Status::Failed, Some(Reason::Expired)));
    assert_eq!(world.outcomes(second).await, [Outcome::Interrupted]);
    let late = world.record(world.attempt(&claimed[1], 200)).await;
    assert!(matches!(late, Recorded::Stale { .. }), "a copy in a lane's memory moves nothing: {late:?}");
    assert_eq!(world.delivery(second).await.state.status, Status::Failed);
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
}

/// It is made where there is time for it, and else forgotten.
pub async fn a_resend_does_not_keep_a_delivery_for_ever(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let delivery = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    let_days_pass(&world, 30);
    let asked = world.store.request_resend(&world.shop, delivery, world.now()).await.expect("works");
    assert!(matches!(asked, Resend::Accepted { .. }), "{asked:?}");
    assert_eq!(expired(&world.retire(30).await), 0);
    assert_eq!(world.delivery(delivery).await.state.resend_at, Some(world.now()), "it still waits");
    world.pass(DAY * 7);
    assert_eq!(until_expired(&world, 30).await.expired, [(world.shop.clone(), delivery)]);
    let state = world.delivery(delivery).await.state;
    assert_eq!((state.status, state.reason, state.due_at()), (Status::Succeeded, None, None));
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
}

/// To the moment, and not for longer than the server's.
pub async fn a_store_keeps_its_events_for_its_own_shorter_time(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    keep_for(&world, &world.shop, Some(2)).await;
    tried(&world, webhook, 200).await;
    let half = Duration::from_millis(500);
    world.pass(half);
    tried(&world, webhook, 200).await;
    world.pass(DAY * 2);
    let done = world.retire(30).await;
    assert_eq!(world.all_deliveries().await.len(), 1);
    assert_eq!(done.iter().map(|retired| (retired.events, retired.deliveries)).max(), Some((1, 1)));

    for longer in [Some(30), Some(90), None] {
        keep_for(&world, &world.shop, longer).await;
        world.pass(Duration::from_secs(1));
        world.retire(30).await;
        assert_eq!(world.all_deliveries().await.len(), 1, "{longer:?}");
    }
    keep_for(&world, &world.shop, Some(90)).await;
    let_days_pass(&world, 30);
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
}

/// Those before and behind it in the order of their ids, too.
pub async fn one_stores_shorter_time_is_not_that_of_others(store: Arc<dyn Store>) {
    let mut world = World::without_shop(store);
    let shops = ["a", "b", "c", "d"].map(shop_id);
    for shop in &shops {
        world.make_shop(shop).await;
        world.shop = shop.clone();
        world.write(vec![world.event(&[])]).await;
    }
    keep_for(&world, &shops[1], Some(1)).await;
    keep_for(&world, &shops[2], Some(2)).await;
    keep_for(&world, &shops[3], Some(1)).await;
    let_days_pass(&world, 1);
    world.retire(30).await;
    for (shop, left) in shops.iter().zip([1, 0, 1, 0]) {
        world.shop = shop.clone();
        assert_eq!(world.all_deliveries().await.len(), left, "{shop}");
    }
}

/// A delivery that has ended does not wait for its neighbour, and the payload stays for that.
pub async fn an_event_stays_until_its_last_delivery_goes(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (quick, slow) = (world.make_webhook().await, world.make_webhook().await);
    keep_for(&world, &world.shop, Some(1)).await;
    let event = world.event(&[quick, slow]);
    let (id, waiting) = (event.id, event.deliveries[1].id);
    world.write(vec![event]).await;
    world.try_once(quick, 200).await;
    let_days_pass(&world, 1);
    world.retire(30).await;
    let left: Vec<_> = world.all_deliveries().await.iter().map(|delivery| delivery.id).collect();
    assert_eq!(left, [waiting]);
    assert!(world.store.find_event(&world.shop, id).await.expect("works").is_some());
    let delivered = world.try_once(slow, 200).await;
    assert_eq!(delivered.id, waiting);
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
    assert!(world.store.find_event(&world.shop, id).await.expect("works").is_none());
}

/// Each call is short, and goes on where the last has ended.
pub async fn more_than_a_batch_goes_by_and_by(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    keep_for(&world, &world.shop, Some(1)).await;
    let count = RETIRE_BATCH + 20;
    world.write((0..count).map(|_| world.event(&[])).collect()).await;
    world.write((0..count).map(|_| world.event(&[webhook])).collect()).await;
    let_days_pass(&world, 1);
    let done = world.retire(30).await;
    assert!(done.len() > 2, "{}", done.len());
    assert!(done.iter().all(|retired| retired.deliveries <= RETIRE_BATCH && retired.expired.is_empty()));
    assert_eq!(done.iter().map(|retired| retired.deliveries).sum::<usize>(), count);
    assert_eq!(world.all_deliveries().await.len(), count, "those that wait");
    world.pass(DAY * 7);
    let done = world.retire(30).await;
    assert!(done.iter().all(|retired| retired.expired.len() <= RETIRE_BATCH));
    assert_eq!(expired(&done), count);
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
}

/// A history that is longer than a batch goes as well.
pub async fn a_very_long_history_goes_by_and_by(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    keep_for(&world, &world.shop, Some(1)).await;
    let delivery = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    world.record(world.attempt(&claimed, 200)).await;
    // Each took another time: what is the same was recorded before.
    let late =
        |millis| AttemptRecord { duration: Duration::from_millis(millis), ..world.attempt(&claimed, 500) };
    let stale: Vec<_> = (0..RETIRE_BATCH as u64 + 20).map(late).collect();
    for answer in world.store.record(stale).await {
        assert!(matches!(answer, Ok(Recorded::Stale { .. })), "{answer:?}");
    }
    let_days_pass(&world, 1);
    world.retire(30).await;
    assert!(world.store.find_delivery(&world.shop, delivery).await.expect("works").is_none());
    assert!(world.all_deliveries().await.is_empty());
}

/// In the hour of the delivery, as every other change of a state.
pub async fn what_was_given_up_is_counted_as_failed(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let made = world.now();
    world.send(webhook).await;
    tried(&world, world.make_webhook().await, 200).await;
    let_days_pass(&world, 8);
    assert_eq!(until_expired(&world, 1).await.expired.len(), 1);
    let step = Duration::from_hours(1);
    let from = Timestamp::from_millis(made.as_millis() / 3_600_000 * 3_600_000);
    let span = OverviewSpan { from, to: from + step, step };
    let counts = async || {
        let overview = world.store.overview(&world.shop, span).await.expect("works").expect("there");
        let counts = overview.deliveries;
        (counts.pending, counts.succeeded, counts.failed)
    };
    assert_eq!(counts().await, (0, 1, 1));
    world.retire(1).await;
    assert!(world.all_deliveries().await.is_empty());
    assert_eq!(counts().await, (0, 1, 1), "what happened has happened");
}

/// Nothing was done, however the pass goes on.
fn is_idle(retired: &Retired) -> bool {
    Retired { next: None, ..retired.clone() } == Retired::default()
}

/// A pass over what nothing is to be done about is one call, or one for each of several databases.
pub async fn nothing_to_do_is_seen_at_once(store: Arc<dyn Store>) {
    let databases = store.shards().len().max(1);
    let world = World::new(store).await;
    let done = world.retire(30).await;
    assert!(done.len() == databases && done.iter().all(is_idle), "{done:?}");
    world.write(vec![world.event(&[])]).await;
    let_days_pass(&world, 28);
    let done = world.retire(30).await;
    assert!(done.len() == databases && done.iter().all(is_idle), "{done:?}");
}

/// Sweeping removes them, and nothing of it is counted for whoever has the id next.
pub async fn what_waits_in_a_deleted_store_is_not_given_up(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.delete_shop().await;
    let_days_pass(&world, 38);
    assert_eq!(expired(&world.retire(30).await), 0);
    world.sweep().await;
    world.retire(30).await;
    world.make_shop(&world.shop).await;
    assert!(world.all_deliveries().await.is_empty());
}

/// At any moment, from any place, and two at once.
pub async fn a_pass_that_was_broken_off_is_made_anew(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    keep_for(&world, &world.shop, Some(3)).await;
    for _ in 0..4 {
        world.write((0..30).map(|_| world.event(&[])).collect()).await;
        world.pass(DAY);
    }
    let_days_pass(&world, 30);
    let begun = from_the_start(&world, 30);
    let (one, two) = tokio::join!(world.store.retire(begun.clone()), world.store.retire(begun));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    world.retire(30).await;
    assert!(world.all_deliveries().await.is_empty());
    for from in [
        RetirePlace::Stores { after: Some((days(3), shop_id("zzz"))) },
        RetirePlace::Store { days: days(3), store: shop_id("nobody"), after: None },
        RetirePlace::Store { days: days(3), store: world.shop.clone(), after: None },
        RetirePlace::Store { days: days(2), store: world.shop.clone(), after: None },
        RetirePlace::Webhooks,
    ] {
        let retire = Retire { from, ..from_the_start(&world, 30) };
        assert!(is_idle(&world.store.retire(retire).await.expect("works")));
    }
}
