//! What is looked up.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Delivery, DeliveryId, EventType, ObjectId, Status, Timestamp, WebhookId};

use super::world::{INTERVAL, START, World, shop_id};
use crate::{DeliveryFilter, Page, Store};

fn types(names: &[&str]) -> Vec<EventType> {
    names.iter().map(|name| name.parse().expect("a type")).collect()
}

fn object(text: &str) -> ObjectId {
    text.parse().expect("an object id")
}

async fn list(world: &World, filter: &DeliveryFilter, page: Page) -> Vec<Delivery> {
    world.store.list_deliveries(&world.shop, filter.clone(), page).await.expect("works")
}

pub(super) async fn list_all(world: &World, filter: &DeliveryFilter) -> Vec<Delivery> {
    list(world, filter, Page { after: None, limit: 10_000 }).await
}

/// Pages through the list.
async fn pages(world: &World, filter: &DeliveryFilter, limit: usize) -> Vec<DeliveryId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = list(world, filter, Page { after, limit }).await;
        assert!(page.len() <= limit);
        found.extend(page.iter().map(|delivery| delivery.id));
        match page.last() {
            Some(last) if page.len() == limit => after = Some(last.id),
            _ => return found,
        }
    }
}

fn matches(filter: &DeliveryFilter, delivery: &Delivery) -> bool {
    let made_at = delivery.id.made_at();
    filter.types.as_ref().is_none_or(|types| types.contains(&delivery.event_type))
        && filter.status.is_none_or(|status| delivery.state.status == status)
        && filter.object_id.as_ref().is_none_or(|object| delivery.object_id == *object)
        && filter.webhook_id.is_none_or(|webhook| delivery.webhook_id == Some(webhook))
        && filter.from.is_none_or(|from| made_at >= from)
        && filter.to.is_none_or(|to| made_at < to)
}

/// Sixty events, a second apart, over three types, five objects, three ways to go and all states.
pub(super) async fn fill(world: &World) -> [WebhookId; 2] {
    let webhooks = [world.make_webhook().await, world.make_webhook().await];
    for number in 0..60_usize {
        let to: &[WebhookId] = match number % 4 {
            0 => &webhooks[..1],
            1 => &webhooks[1..],
            2 => &webhooks,
            _ => &[],
        };
        let mut event = world.event(to);
        event.event_type = types(&["order.created", "order.updated", "product.created"])[number % 3].clone();
        event.object_id = object(&format!("o{}", number % 5));
        world.write(vec![event]).await;
        if number < 40 {
            for webhook in to {
                world.try_once(*webhook, [200, 500, 500, 200][number / 10 % 4]).await;
            }
        }
        world.pass(Duration::from_secs(1));
    }
    // Some of those that failed once fail for good.
    world.pass(INTERVAL);
    for _ in 0..2 {
        for claimed in world.claim(webhooks[0], 100).await {
            if claimed.number > 1 && claimed.event.made_at() < START + Duration::from_secs(20) {
                world.record(world.attempt(&claimed, 500)).await;
            } else {
                world.store.release(vec![claimed.claim]).await.expect("works");
            }
        }
        world.pass(INTERVAL * 2);
    }
    webhooks
}

/// Filters that choose every walk.
pub(super) fn some_filters(webhook: WebhookId) -> Vec<DeliveryFilter> {
    let none = DeliveryFilter::default;
    let mut filters = vec![
        none(),
        DeliveryFilter { types: Some(types(&["order.created"])), ..none() },
        DeliveryFilter { object_id: Some(object("o1")), ..none() },
        DeliveryFilter { webhook_id: Some(webhook), ..none() },
        DeliveryFilter {
            from: Some(START + Duration::from_secs(10)),
            to: Some(START + Duration::from_secs(50)),
            ..none()
        },
    ];
    for status in Status::ALL.iter().copied().map(Some) {
        filters.push(DeliveryFilter { status, ..none() });
        filters.push(DeliveryFilter { status, object_id: Some(object("o1")), ..none() });
        filters.push(DeliveryFilter { status, webhook_id: Some(webhook), ..none() });
        filters.push(DeliveryFilter { status, types: Some(types(&["product.created"])), ..none() });
    }
    filters
}

/// The newest is what people look for.
pub async fn deliveries_are_listed_newest_first(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(world.send(webhook).await);
    }
    sent.reverse();
    let listed: Vec<_> = world.all_deliveries().await.iter().map(|delivery| delivery.id).collect();
    assert_eq!(listed, sent);
    let page = list(&world, &DeliveryFilter::default(), Page { after: Some(sent[1]), limit: 2 }).await;
    assert_eq!(page.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), sent[2..4]);
    assert_eq!(page[0], world.delivery(sent[2]).await);
}

/// One by one.
pub async fn each_filter_narrows_the_list(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [webhook, _] = fill(&world).await;
    let none = DeliveryFilter::default;
    let second = |seconds: i64| Timestamp::from_millis(START.as_millis() + seconds * 1_000);
    assert_eq!(list_all(&world, &none()).await.len(), 75);
    for (filter, count) in [
        (DeliveryFilter { types: Some(types(&["order.created"])), ..none() }, 25),
        (DeliveryFilter { types: Some(types(&["order.created", "order.updated"])), ..none() }, 50),
        (DeliveryFilter { types: Some(types(&["customer.created"])), ..none() }, 0),
        (DeliveryFilter { types: Some(vec![]), ..none() }, 0),
        (DeliveryFilter { status: Some(Status::Skipped), ..none() }, 15),
        (DeliveryFilter { object_id: Some(object("o1")), ..none() }, 15),
        (DeliveryFilter { object_id: Some(object("o")), ..none() }, 0),
        (DeliveryFilter { webhook_id: Some(webhook), ..none() }, 30),
        (DeliveryFilter { from: Some(second(59)), ..none() }, 1),
        (DeliveryFilter { to: Some(second(1)), ..none() }, 1),
        (DeliveryFilter { from: Some(second(4)), to: Some(second(8)), ..none() }, 5),
        (DeliveryFilter { from: Some(second(60)), ..none() }, 0),
    ] {
        assert_eq!(list_all(&world, &filter).await.len(), count, "{filter:?}");
    }
}

/// Also page by page.
pub async fn every_combination_of_filters_finds_what_a_plain_search_finds(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let [webhook, _] = fill(&world).await;
    let all = list_all(&world, &DeliveryFilter::default()).await;
    for status in Status::ALL {
        assert!(all.iter().any(|delivery| delivery.state.status == *status), "{status} occurs");
    }
    let statuses = [None].into_iter().chain(Status::ALL.iter().copied().map(Some));
    for status in statuses {
        for choice in 0..32_u8 {
            let picked = |bit: u8| choice & (1 << bit) != 0;
            let filter = DeliveryFilter {
                types: picked(0).then(|| types(&["order.created", "product.created"])),
                status,
                object_id: picked(1).then(|| object("o2")),
                webhook_id: picked(2).then_some(webhook),
                from: picked(3).then(|| START + Duration::from_secs(10)),
                to: picked(4).then(|| START + Duration::from_secs(50)),
            };
            let expected: Vec<_> = all
                .iter()
                .filter(|delivery| matches(&filter, delivery))
                .map(|delivery| delivery.id)
                .collect();
            assert_eq!(pages(&world, &filter, 4).await, expected, "{filter:?}");
        }
    }
}

/// In every walk that the filters choose.
pub async fn a_thousand_rows_come_in_pages_without_a_gap_or_repeat(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.write((0..1_000).map(|_| world.event(&[webhook])).collect()).await;
    let ids: Vec<_> = world.all_deliveries().await.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids.len(), 1_000);
    assert!(ids.is_sorted_by(|a, b| a > b));
    let none = DeliveryFilter::default;
    let filters = [
        none(),
        DeliveryFilter { object_id: Some(object("208610")), ..none() },
        DeliveryFilter { webhook_id: Some(webhook), ..none() },
        DeliveryFilter { types: Some(types(&["order.created"])), ..none() },
    ];
    for filter in &filters {
        assert_eq!(pages(&world, filter, 37).await, ids, "{filter:?}");
    }
    let pending = DeliveryFilter { status: Some(Status::Pending), ..none() };
    assert_eq!(pages(&world, &pending, 37).await, ids);
    world.disable(webhook).await;
    let skipped = DeliveryFilter { status: Some(Status::Skipped), ..none() };
    assert_eq!(pages(&world, &skipped, 50).await, ids);
    assert!(pages(&world, &pending, 37).await.is_empty());
}

/// Not by id, and not by any filter.
pub async fn another_store_sees_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (webhook, other) = (world.make_webhook().await, shop_id("600"));
    world.make_shop(&other).await;
    let event = world.event(&[webhook]);
    let id = event.deliveries[0].id;
    world.write(vec![event.clone()]).await;
    world.try_once(webhook, 500).await;
    world.send(webhook).await;
    let (store, none) = (&world.store, DeliveryFilter::default);
    assert_eq!(store.find_event(&other, event.id).await.expect("works"), None);
    assert_eq!(store.find_delivery(&other, id).await.expect("works"), None);
    assert!(store.deliveries_of_event(&other, event.id).await.expect("works").is_empty());
    assert!(store.attempts(&other, id).await.expect("works").is_empty());
    for filter in [
        none(),
        DeliveryFilter { webhook_id: Some(webhook), ..none() },
        DeliveryFilter { webhook_id: Some(webhook), status: Some(Status::Pending), ..none() },
        DeliveryFilter { object_id: Some(event.object_id), ..none() },
        DeliveryFilter { status: Some(Status::Retrying), ..none() },
        DeliveryFilter { status: Some(Status::Pending), ..none() },
    ] {
        let page = Page { after: None, limit: 10 };
        assert!(
            store.list_deliveries(&other, filter.clone(), page).await.expect("works").is_empty(),
            "{filter:?}"
        );
    }
}

/// All of them and no other's, also those of the same millisecond.
pub async fn the_deliveries_of_an_event_are_found(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhooks = [world.make_webhook().await, world.make_webhook().await, world.make_webhook().await];
    let events: Vec<_> = (0..10).map(|_| world.event(&webhooks)).collect();
    world.write(events.clone()).await;
    for event in events {
        let found = world.store.deliveries_of_event(&world.shop, event.id).await.expect("works");
        let mut expected: Vec<_> = event.deliveries.iter().map(|delivery| delivery.id).collect();
        expected.sort();
        assert_eq!(found.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), expected);
        assert!(found.iter().all(|delivery| delivery.event_id == event.id));
    }
}
