//! How long looking up takes in a store with 100,000 deliveries, and what an event costs to write. Not a part of
//! the usual run: `cargo nextest run --release -p bocau-store --test scale --run-ignored all --no-capture`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "it measures the machine's time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bocau_domain::{EventType, ObjectId, Status, WebhookId};
use bocau_store::conformance::world::{Dice, World};
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::{SqliteOptions, SqliteStore};
use bocau_store::{AttemptRecord, DeliveryFilter, NewEvent, OverviewSpan, Page, Store};
use rusqlite::Connection;
use tempfile::TempDir;

const DELIVERIES: usize = 100_000;
const GROUP: usize = 500;
/// How long a page or a figure may take.
const LOOK_UP_MAX: Duration = Duration::from_millis(50);

fn make_store() -> (TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let master_key = MasterKey::generate(&Dice::new(1));
    let options = SqliteOptions::new(dir.path(), master_key, Arc::new(Dice::new(2)));
    let store = SqliteStore::open(options).unwrap();
    (dir, Arc::new(store))
}

/// An event with a payload of two kilobytes.
fn event(world: &World, webhook: WebhookId, number: usize) -> NewEvent {
    let types = ["order.created", "order.updated", "product.updated"];
    let rare = number == 17;
    let event_type = if rare { "customer.created" } else { types[number % 3] };
    NewEvent {
        event_type: event_type.parse().unwrap(),
        object_id: format!("o{}", number % 1_000).parse().unwrap(),
        payload: vec![b' '; 2_000].into(),
        ..world.event(&[webhook])
    }
}

fn attempt(world: &World, claimed: &bocau_store::Claimed, number: usize) -> AttemptRecord {
    AttemptRecord {
        duration: Duration::from_millis(20 + (number as u64 * 7_919) % 900),
        response_body: vec![b'x'; 500],
        ..world.attempt(claimed, if number.is_multiple_of(20) { 500 } else { 200 })
    }
}

/// A day of events to one webhook, one in twenty of which failed once; the 18th goes to another.
async fn fill(world: &World) -> [WebhookId; 2] {
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    let (mut appending, mut recording) = (Duration::ZERO, Duration::ZERO);
    for group in 0..DELIVERIES / GROUP {
        let events: Vec<_> = (0..GROUP)
            .map(|place| group * GROUP + place)
            .map(|number| event(world, webhooks[usize::from(number == 17)], number))
            .collect();
        let submission = world.submission(events).await;
        let began = Instant::now();
        world.append(submission).await;
        appending += began.elapsed();
        for webhook in webhooks {
            let claimed = world.claim(webhook, GROUP).await;
            let records = claimed.iter().enumerate().map(|(n, one)| attempt(world, one, n)).collect();
            let began = Instant::now();
            world.store.record(records).await.into_iter().for_each(|end| drop(end.unwrap()));
            recording += began.elapsed();
        }
        world.pass(Duration::from_millis(86_400_000 * GROUP as u64 / DELIVERIES as u64));
    }
    let each = |span: Duration| span.as_secs_f64() * 1e6 / f64::from(u32::try_from(DELIVERIES).unwrap());
    println!("append {:.2} µs and record {:.2} µs per event", each(appending), each(recording));
    webhooks
}

/// The slowest of some runs but the first, which warms the cache.
async fn time<T, F: Future<Output = T>>(what: &str, look_up: impl Fn() -> F) {
    let began = Instant::now();
    look_up().await;
    let first = began.elapsed();
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let began = Instant::now();
        look_up().await;
        slowest = slowest.max(began.elapsed());
    }
    println!("{what:<44} first {first:>10.3?}  then at most {slowest:>10.3?}");
    assert!(slowest < LOOK_UP_MAX, "{what}: {slowest:?}");
}

#[tokio::test]
#[ignore = "takes a minute, and measures the machine"]
async fn looking_up_among_a_hundred_thousand_deliveries_takes_less_than_fifty_milliseconds() {
    let (_dir, store) = make_store();
    let world = World::new(store).await;
    let [webhook, rare] = fill(&world).await;
    let none = DeliveryFilter::default;
    let types = |name: &str| Some(vec![name.parse::<EventType>().unwrap()]);
    let object = |id: &str| Some(id.parse::<ObjectId>().unwrap());
    let filters = [
        ("everything", none()),
        ("type", DeliveryFilter { types: types("order.updated"), ..none() }),
        ("type, one match", DeliveryFilter { types: types("customer.created"), ..none() }),
        ("type, no match", DeliveryFilter { types: types("customer.deleted"), ..none() }),
        ("webhook", DeliveryFilter { webhook_id: Some(webhook), ..none() }),
        ("webhook, one match", DeliveryFilter { webhook_id: Some(rare), ..none() }),
        ("object", DeliveryFilter { object_id: object("o7"), ..none() }),
        ("succeeded", DeliveryFilter { status: Some(Status::Succeeded), ..none() }),
        ("retrying", DeliveryFilter { status: Some(Status::Retrying), ..none() }),
        ("failed, no match", DeliveryFilter { status: Some(Status::Failed), ..none() }),
        ("pending, no match", DeliveryFilter { status: Some(Status::Pending), ..none() }),
        (
            "retrying and webhook, no match",
            DeliveryFilter { status: Some(Status::Retrying), webhook_id: Some(rare), ..none() },
        ),
        (
            "succeeded and type, no match",
            DeliveryFilter { status: Some(Status::Succeeded), types: types("customer.deleted"), ..none() },
        ),
    ];
    let (store, shop) = (&world.store, &world.shop);
    for (name, filter) in &filters {
        let page = |after| store.list_deliveries(shop, filter.clone(), Page { after, limit: 50 });
        time(&format!("list: {name}"), || page(None)).await;
        let skipped = Page { after: None, limit: 199 * 50 };
        let before = store.list_deliveries(shop, filter.clone(), skipped).await.unwrap();
        let after = before.last().map(|delivery| delivery.id);
        time(&format!("list, page 200: {name}"), || page(after)).await;
        time(&format!("count: {name}"), || store.count_deliveries(shop, filter.clone(), 10_000)).await;
    }
    for hours in [24_u32, 168] {
        let span = OverviewSpan {
            from: world.now() - Duration::from_hours(1) * hours,
            to: world.now(),
            step: Duration::from_hours(1),
        };
        time(&format!("overview of {hours} hours"), || store.overview(shop, span)).await;
    }
    let since = world.now() - Duration::from_hours(24);
    time("figures of webhooks", || store.webhook_figures(shop, since)).await;
    let failed = DeliveryFilter { status: Some(Status::Retrying), ..none() };
    time("count of what can be resent", || store.count_resendable(shop, failed.clone())).await;
}

#[tokio::test]
#[ignore = "measures the machine"]
async fn the_overview_of_a_busy_week_of_a_hundred_webhooks_takes_less_than_fifty_milliseconds() {
    let (dir, store) = make_store();
    let world = World::new(store).await;
    let hour = world.now().as_millis() / 3_600_000;
    Connection::open(dir.path().join("bocau.db"))
        .unwrap()
        .execute_batch(&format!(
            "CREATE TEMP TABLE numbers AS WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n LIMIT 200)
             SELECT n FROM n;
             INSERT INTO hourly_deliveries SELECT '552', {hour} - h.n, CAST(printf('%016d', w.n) AS BLOB), 5, 1, 2, 3, 4, 5, h.n,
             'HTTP 500', 500 FROM numbers h, numbers w WHERE h.n < 168 AND w.n < 100;
             INSERT INTO hourly_durations SELECT '552', {hour} - h.n, c.n, 5 FROM numbers h, numbers c
             WHERE h.n < 168 AND c.n < 120;"
        ))
        .unwrap();
    let span = OverviewSpan {
        from: world.now() - Duration::from_hours(168),
        to: world.now(),
        step: Duration::from_hours(24),
    };
    time("overview of 168 hours, 100 webhooks", || world.store.overview(&world.shop, span)).await;
    let since = world.now() - Duration::from_hours(24);
    time("figures of 100 webhooks", || world.store.webhook_figures(&world.shop, since)).await;
}
