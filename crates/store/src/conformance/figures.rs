//! Counts and the overview.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::OVERVIEW_SPAN_MAX;
use bocau_domain::{Delivery, Outcome, Reason, Status, StoreId, Timestamp};

use super::world::{INTERVAL, START, World, shop_id};
use super::{listing, resend_jobs};
use crate::{Overview, OverviewSpan, StatusCounts, Store};

const HOUR: Duration = Duration::from_hours(1);

async fn overview_of(world: &World, store: &StoreId, span: OverviewSpan) -> Option<Overview> {
    world.store.overview(store, span).await.expect("works")
}

/// The last hours, in steps of so many.
async fn overview(world: &World, hours: u32, step: u32) -> Overview {
    let span = OverviewSpan { from: world.now() - HOUR * hours, to: world.now(), step: HOUR * step };
    overview_of(world, &world.shop.clone(), span).await.expect("there")
}

fn count<'a>(deliveries: impl Iterator<Item = &'a Delivery>) -> StatusCounts {
    let mut counts = StatusCounts::default();
    for delivery in deliveries {
        match delivery.state.status {
            Status::Pending => counts.pending += 1,
            Status::Retrying => counts.retrying += 1,
            Status::Succeeded => counts.succeeded += 1,
            Status::Failed => counts.failed += 1,
            Status::Skipped => counts.skipped += 1,
        }
    }
    counts
}

/// Every way in which a state changes, at many hours.
async fn live(world: &World) {
    listing::fill(world).await;
    for round in 0..8_u32 {
        world.pass(HOUR / 2);
        let (one, two) = (world.make_webhook().await, world.make_webhook().await);
        world.write((0..6).map(|_| world.event(&[one, two])).collect()).await;
        world.write(vec![world.event(&[])]).await;
        for (claimed, code) in world.claim(one, 5).await.iter().zip([200, 500, 410, 200, 503]) {
            world.record(world.attempt(claimed, code)).await;
        }
        world.claim(two, 2).await;
        world.pass(INTERVAL);
        match round % 4 {
            0 => drop(world.claim(two, 10).await),
            1 => drop(world.disable(two).await),
            2 => world.delete_webhook(two).await,
            _ => drop(world.store.void_claims(world.now()).await.expect("works")),
        }
        let job = resend_jobs::begin(world, crate::DeliveryFilter::default()).await.id;
        resend_jobs::finish(world, job, 5).await;
        world.claim(one, 3).await;
    }
}

/// To the hour, whatever happened to them.
pub async fn the_overview_counts_what_a_plain_count_of_the_list_counts(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    live(&world).await;
    let all = world.all_deliveries().await;
    assert!(Status::ALL.iter().all(|status| all.iter().any(|one| one.state.status == *status)));
    for step in [1, 3] {
        let overview = overview(&world, 6, step).await;
        let made = |from: Timestamp, to: Timestamp| {
            all.iter().filter(move |one| one.id.made_at() >= from && one.id.made_at() < to)
        };
        assert!(overview.from <= world.now() - HOUR * 6 && overview.to >= world.now());
        assert_eq!(overview.deliveries, count(made(overview.from, overview.to)));
        let mut events: Vec<_> = made(overview.from, overview.to).map(|one| one.event_id).collect();
        events.sort();
        events.dedup();
        assert_eq!(overview.events, events.len() as u64);
        let mut at = overview.from;
        for one in &overview.series {
            assert_eq!(one.at, at);
            at = at + HOUR * step;
            assert_eq!(one.deliveries, count(made(one.at, at.min(overview.to))), "{one:?}");
        }
        assert!(at >= overview.to);
        let counts = overview.deliveries;
        let ended = f64::from(u32::try_from(counts.succeeded + counts.failed).expect("few"));
        let rate = f64::from(u32::try_from(counts.succeeded).expect("few")) / ended;
        assert!((counts.success_rate().expect("some ended") - rate).abs() < 1e-9);
    }
    for (webhook, counts) in world.store.webhook_figures(&world.shop, START - HOUR).await.expect("works") {
        assert_eq!(counts, count(all.iter().filter(|one| one.webhook_id == Some(webhook))), "{webhook}");
    }
}

/// Nothing is a rate of nothing.
pub async fn the_overview_of_a_quiet_store_is_empty(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let quiet = overview(&world, 24, 1).await;
    assert_eq!((quiet.events, quiet.deliveries, quiet.p95), (0, StatusCounts::default(), None));
    assert_eq!((quiet.deliveries.success_rate(), quiet.failing.len()), (None, 0));
    assert!(matches!(quiet.series.len(), 24 | 25), "{}", quiet.series.len());
    let span = OverviewSpan { from: Timestamp::default(), to: world.now(), step: Duration::ZERO };
    let long = overview_of(&world, &world.shop, span).await.expect("there");
    assert_eq!(long.series.len() as u64, OVERVIEW_SPAN_MAX.as_secs() / HOUR.as_secs(), "no more than that");
    let backwards = OverviewSpan { from: world.now(), to: world.now() - HOUR * 2, step: HOUR };
    assert!(overview_of(&world, &world.shop, backwards).await.expect("there").series.is_empty());
    assert_eq!(overview_of(&world, &shop_id("nobody"), span).await, None);
}

/// Of all attempts whose end is known.
pub async fn ninety_five_of_a_hundred_attempts_stay_within_the_p95(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.write((0..100).map(|_| world.event(&[webhook])).collect()).await;
    for (claimed, number) in world.claim(webhook, 100).await.iter().zip(1..) {
        let mut attempt = world.attempt(claimed, if number % 2 == 0 { 200 } else { 500 });
        attempt.duration = Duration::from_millis(number * 20);
        world.record(attempt).await;
    }
    let p95 = overview(&world, 1, 1).await.p95.expect("some");
    assert!((1_900..1_900 * 107 / 100).contains(&p95.as_millis()), "{p95:?}");
}

/// With what went wrong last; what has got through since is no failure.
pub async fn the_overview_names_the_webhooks_that_fail(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [good, bad, gone, deleted] = [
        world.make_webhook().await,
        world.make_webhook().await,
        world.make_webhook().await,
        world.make_webhook().await,
    ];
    for (webhook, codes) in [(good, [500, 200]), (deleted, [500, 500]), (gone, [200, 410]), (bad, [500, 503])]
    {
        world.send(webhook).await;
        if webhook != gone {
            world.try_once(webhook, codes[0]).await;
            world.pass(INTERVAL * 2);
        }
        world.try_once(webhook, codes[1]).await;
    }
    world.send(bad).await;
    world.pass(Duration::from_secs(1));
    world.try_once(bad, 502).await;
    world.delete_webhook(deleted).await;
    let failing = overview(&world, 1, 1).await.failing;
    let told: Vec<_> = failing.iter().map(|one| (one.webhook, one.failures, one.last_status_code)).collect();
    assert_eq!(told, [(bad, 2, Some(502)), (gone, 1, Some(410))]);
    assert_eq!(failing[0].url, format!("https://example.com/{bad}"));
    assert_eq!(failing[0].last_failed_at, Some(world.now() + Duration::from_millis(120)));
    assert_eq!((failing[0].enabled, failing[0].last_error.as_deref()), (true, Some("HTTP 502")));
    assert_eq!((failing[1].enabled, failing[1].disabled_reason), (false, Some(Reason::WebhookGone)));
}

/// Also where nobody knows, and whatever happened before it.
pub async fn a_failing_webhook_says_how_its_last_failed_attempt_ended(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let last = async || {
        let failing = overview(&world, 1, 1).await.failing;
        failing.iter().map(|one| (one.last_outcome, one.last_status_code)).collect::<Vec<_>>()
    };
    world.send(webhook).await;
    let mut attempt = world.attempt(&world.claim_one(webhook).await, 500);
    (attempt.outcome, attempt.status_code) = (Outcome::Timeout, None);
    world.record(attempt).await;
    assert_eq!(last().await, [(Some(Outcome::Timeout), None)]);
    // What gets through, or only waits, is no failure.
    world.send(webhook).await;
    world.try_once(webhook, 200).await;
    world.send(webhook).await;
    assert_eq!(last().await, [(Some(Outcome::Timeout), None)]);
    world.try_once(webhook, 500).await;
    assert_eq!(last().await, [(Some(Outcome::HttpError), Some(500))]);
    world.pass(INTERVAL * 2);
    assert_eq!(world.claim(webhook, 10).await.len(), 2);
    world.store.void_claims(world.now()).await.expect("works");
    assert_eq!(last().await, [(Some(Outcome::Interrupted), None)]);
}

/// Not more than asked for.
pub async fn a_count_is_what_the_list_holds_up_to_its_cap(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [webhook, _] = listing::fill(&world).await;
    for filter in listing::some_filters(webhook) {
        let listed = listing::list_all(&world, &filter).await.len();
        let count = |cap| world.store.count_deliveries(&world.shop, filter.clone(), cap);
        assert_eq!(count(1_000).await.expect("works"), listed, "{filter:?}");
        assert_eq!(count(5).await.expect("works"), listed.min(5), "{filter:?}");
    }
    let all = crate::DeliveryFilter::default();
    assert_eq!(world.store.count_deliveries(&shop_id("nobody"), all, 10).await.expect("works"), 0);
}

/// Nor is another store's.
pub async fn the_figures_of_a_deleted_store_are_not_those_of_the_next(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let other = shop_id("600");
    world.make_shop(&other).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.try_once(webhook, 500).await;
    let span = OverviewSpan { from: world.now() - HOUR, to: world.now(), step: HOUR };
    assert_eq!(overview_of(&world, &other, span).await.expect("there").events, 0);
    world.delete_shop().await;
    assert_eq!(overview_of(&world, &world.shop, span).await, None);
    assert!(world.store.webhook_figures(&world.shop, START).await.expect("works").is_empty());
    world.sweep().await;
    world.make_shop(&world.shop).await;
    let fresh = overview(&world, 1, 1).await;
    assert_eq!((fresh.events, fresh.deliveries, fresh.p95), (0, StatusCounts::default(), None));
}

/// A month and an hour on.
pub async fn figures_that_no_overview_reaches_are_forgotten(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.try_once(webhook, 500).await;
    let span = OverviewSpan { from: world.now() - HOUR, to: world.now(), step: HOUR };
    world.pass(OVERVIEW_SPAN_MAX);
    world.sweep().await;
    assert_eq!(overview_of(&world, &world.shop, span).await.expect("there").events, 1);
    world.pass(HOUR * 2);
    world.sweep().await;
    let swept = overview_of(&world, &world.shop, span).await.expect("there");
    assert_eq!((swept.events, swept.deliveries, swept.p95), (0, StatusCounts::default(), None));
}
