//! Stores and webhooks.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::{OLD_SECRET_LIFETIME, WEBHOOKS_PER_STORE_MAX};
use bocau_domain::{
    CustomHeader, EventPattern, PolicyOverrides, Reason, RetentionDays, Status, StoreChange, StoreInfo,
    Webhook, WebhookChange, WebhookId,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::world::{BY, LEASE, World, shop_id};
use crate::{NotChanged, Page, Recorded, Resend, SKIP_BATCH, Store, StorePlace};

async fn find(world: &World, id: WebhookId) -> Option<Webhook> {
    let routes = world.store.routes(&world.shop).await.expect("works")?;
    routes.webhooks.into_iter().find(|webhook| webhook.id == id)
}

/// Secrets and all, for comparing.
fn revealed(webhook: &Webhook) -> String {
    let headers: Vec<_> =
        webhook.headers.iter().map(|header| (&header.name, header.value.expose_secret())).collect();
    let previous = webhook.secrets.previous.as_ref();
    let previous = previous.map(|(secret, until)| (secret.expose_bytes().to_vec(), *until));
    format!("{webhook:?} {headers:?} {:?} {previous:?}", webhook.secrets.current.expose_bytes())
}

fn full_draft(world: &World) -> Webhook {
    let header =
        |name: &str, value: &str| CustomHeader { name: name.into(), value: SecretString::from(value) };
    Webhook {
        events: ["order.*", "product.created"]
            .map(|text| EventPattern::from_stored(text).expect("one"))
            .to_vec(),
        headers: vec![header("X-Token", "s3cret \"\\ é"), header("x-b", "")],
        description: "Kho Hà Nội".into(),
        policy: PolicyOverrides {
            timeout: Some(Duration::from_millis(1_500)),
            schedule: Some(vec![Duration::from_secs(1), Duration::from_mins(1)]),
            ..PolicyOverrides::default()
        },
        ..world.draft()
    }
}

/// Everything that was set.
pub async fn a_webhook_reads_back_with_its_secrets(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let numbers = PolicyOverrides {
        max_attempts: Some(7),
        interval: Some(Duration::from_secs(9)),
        ..PolicyOverrides::default()
    };
    for webhook in [full_draft(&world), Webhook { policy: numbers, enabled: false, ..world.draft() }] {
        world.store.create_webhook(webhook.clone(), BY).await.expect("works").expect("made");
        let read = find(&world, webhook.id).await.expect("there");
        assert_eq!(revealed(&read), revealed(&webhook));
    }
}

/// So that what was routed by the last one is known as stale.
pub async fn every_change_of_webhooks_makes_a_new_version(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let mut versions = vec![world.config_version().await];
    let webhook = world.make_webhook().await;
    versions.push(world.config_version().await);
    world.change(webhook, WebhookChange::default()).await;
    versions.push(world.config_version().await);
    world.delete_webhook(webhook).await;
    versions.push(world.config_version().await);
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

/// What is not named stays.
pub async fn a_change_sets_what_it_names_and_leaves_the_rest(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = full_draft(&world);
    world.store.create_webhook(webhook.clone(), BY).await.expect("works").expect("made");
    world.pass(Duration::from_secs(1));
    let change = WebhookChange { description: Some("Kho Huế".into()), ..WebhookChange::default() };
    let expected = webhook.clone().changed(change.clone(), world.now());
    let changed = world.change(webhook.id, change).await;
    assert_eq!((revealed(&changed.webhook), changed.skipped), (revealed(&expected), 0));
    assert_eq!(revealed(&find(&world, webhook.id).await.expect("there")), revealed(&expected));
}

/// While receivers change over.
pub async fn the_old_secret_is_kept_beside_the_new_one(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.draft();
    world.store.create_webhook(webhook.clone(), BY).await.expect("works").expect("made");
    let fresh = world.secret();
    let change = WebhookChange { secret: Some(fresh.clone()), ..WebhookChange::default() };
    world.change(webhook.id, change).await;
    let secrets = find(&world, webhook.id).await.expect("there").secrets;
    assert_eq!(secrets.current.expose_bytes(), fresh.expose_bytes());
    let (old, until) = secrets.previous.expect("kept");
    assert_eq!(old.expose_bytes(), webhook.secrets.current.expose_bytes());
    assert_eq!(until, world.now() + OLD_SECRET_LIFETIME);
}

/// Nor can it be changed or deleted from there.
pub async fn a_webhook_of_another_store_is_not_there(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (webhook, other) = (world.make_webhook().await, shop_id("600"));
    world.make_shop(&other).await;
    assert!(world.store.routes(&other).await.expect("works").expect("there").webhooks.is_empty());
    for shop in [other, shop_id("nobody")] {
        let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
        let changed =
            world.store.change_webhook(&shop, webhook, change, BY, world.now()).await.expect("works");
        assert!(changed.is_none());
        assert!(!world.store.delete_webhook(&shop, webhook, BY, world.now()).await.expect("works"));
    }
    assert!(find(&world, webhook).await.expect("there").enabled);
}

/// Of stores and webhooks.
pub async fn an_id_is_taken_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let info =
        StoreInfo { id: world.shop.clone(), name: "again".into(), retention: None, created_at: world.now() };
    assert_eq!(world.store.create_store(info, BY).await.expect("works"), Err(NotChanged::Taken));
    let webhook = world.draft();
    world.store.create_webhook(webhook.clone(), BY).await.expect("works").expect("made");
    assert_eq!(world.store.create_webhook(webhook.clone(), BY).await.expect("works"), Err(NotChanged::Taken));
    let lost = Webhook { store: shop_id("nobody"), ..world.draft() };
    assert_eq!(world.store.create_webhook(lost, BY).await.expect("works"), Err(NotChanged::NotFound));
}

/// Deleted ones do not count.
pub async fn a_store_has_a_hundred_webhooks_at_most(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let mut last = world.make_webhook().await;
    for _ in 1..WEBHOOKS_PER_STORE_MAX {
        last = world.make_webhook().await;
    }
    assert_eq!(world.store.create_webhook(world.draft(), BY).await.expect("works"), Err(NotChanged::TooMany));
    world.delete_webhook(last).await;
    world.make_webhook().await;
}

/// An acknowledgement still counts; a failure leaves it skipped.
pub async fn disabling_skips_what_waits_and_an_attempt_in_flight_still_counts(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let running = [world.send(webhook).await, world.send(webhook).await];
    let claimed = world.claim(webhook, 2).await;
    let waiting = world.send(webhook).await;
    assert_eq!(world.disable(webhook).await, 3);
    for id in [running[0], running[1], waiting] {
        let state = world.delivery(id).await.state;
        assert_eq!((state.status, state.reason), (Status::Skipped, Some(Reason::WebhookDisabled)));
    }
    for (claim, code) in claimed.iter().zip([200, 500]) {
        let recorded = world.record(world.attempt(claim, code)).await;
        assert!(matches!(recorded, Recorded::Moved { .. }), "{recorded:?}");
    }
    let mut statuses = Vec::new();
    for one in &claimed {
        statuses.push(world.delivery(one.claim.delivery).await.state.status);
    }
    assert_eq!(statuses, [Status::Succeeded, Status::Skipped]);
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// Skipping comes to an end although the claim is still open.
pub async fn what_was_in_flight_when_its_webhook_was_disabled_is_skipped_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.claim_one(webhook).await;
    assert_eq!(world.disable(webhook).await, 1);
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 0);
    world.pass(LEASE);
    assert!(world.claim(webhook, 10).await.is_empty());
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// None of the batches holds up the writer for long.
pub async fn more_than_a_batch_is_skipped_by_and_by(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.write((0..SKIP_BATCH + 7).map(|_| world.event(&[webhook])).collect()).await;
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 0, "it is enabled");
    assert_eq!(world.disable(webhook).await, SKIP_BATCH);
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 7);
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 0);
    assert!(world.all_deliveries().await.iter().all(|delivery| delivery.state.status == Status::Skipped));
}

/// The history stays readable.
pub async fn deleting_keeps_the_url_in_the_list_and_the_webhook_from_everything_else(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let sent = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    let (waiting, resent) = (world.send(webhook).await, sent);
    let answer = world.store.request_resend(&world.shop, resent, world.now()).await.expect("works");
    assert!(matches!(answer, Resend::Accepted { .. }), "{answer:?}");
    world.delete_webhook(webhook).await;
    assert!(!world.store.delete_webhook(&world.shop, webhook, BY, world.now()).await.expect("works"));
    assert!(find(&world, webhook).await.is_none());
    let list = world.all_deliveries().await;
    let url = Some(format!("https://example.com/{webhook}"));
    assert!(list.iter().all(|delivery| delivery.url == url), "{list:?}");
    let state = world.delivery(waiting).await.state;
    assert_eq!((state.status, state.reason), (Status::Skipped, Some(Reason::WebhookDeleted)));
    assert_eq!(world.delivery(resent).await.state.status, Status::Succeeded, "only its resend waited");
    assert!(world.claim(webhook, 10).await.is_empty());
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// The console's first page.
pub async fn stores_are_listed_newest_first_in_pages(store: Arc<dyn Store>) {
    let world = World::without_shop(store);
    // Those of one millisecond by the bytes of their ids, as no language sorts them.
    for ids in [&["z"][..], &["b", "_", "A", "a", "-", "B"], &["0"]] {
        for id in ids {
            world.make_shop(&shop_id(id)).await;
        }
        world.pass(Duration::from_millis(1));
    }
    let expected = ["0", "b", "a", "_", "B", "A", "-", "z"];
    for limit in [1, 3, 8, 9] {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = world.store.list_stores(Page { after, limit }).await.expect("works");
            assert!(page.len() <= limit);
            ids.extend(page.iter().map(|info| info.id.to_string()));
            after = page.last().map(StorePlace::from);
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(ids, expected, "{limit} at a time");
    }
    // A page goes on where its last store stood, also when that is gone.
    let after = world.store.find_store(&shop_id("b")).await.expect("works").as_ref().map(StorePlace::from);
    assert!(world.store.delete_store(&shop_id("b"), BY, world.now()).await.expect("works"));
    let rest = world.store.list_stores(Page { after, limit: 2 }).await.expect("works");
    assert_eq!(rest.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), ["a", "_"]);
    let first = world.store.list_stores(Page { after: None, limit: 2 }).await.expect("works");
    assert_eq!(first.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), ["0", "a"]);
}

fn renaming(name: &str) -> StoreChange {
    StoreChange { name: Some(name.into()), ..StoreChange::default() }
}

/// Its place in the list stays.
pub async fn a_store_can_be_renamed(store: Arc<dyn Store>) {
    let world = World::without_shop(store);
    world.make_shop(&shop_id("c")).await;
    let renamed = world
        .store
        .change_store(&shop_id("c"), renaming("Mới"), BY, world.now())
        .await
        .expect("works")
        .expect("there");
    assert_eq!((renamed.name.as_str(), renamed.created_at), ("Mới", world.now()));
    assert_eq!(world.store.find_store(&shop_id("c")).await.expect("works"), Some(renamed));
    assert_eq!(
        world.store.change_store(&shop_id("d"), renaming("x"), BY, world.now()).await.expect("works"),
        None
    );
}

/// Whatever is not named stays as it is.
pub async fn a_store_can_keep_its_events_for_another_time(store: Arc<dyn Store>) {
    let world = World::without_shop(store);
    let days = |days| RetentionDays::new(days);
    let info = StoreInfo { retention: days(7), ..info(&world, "c") };
    world.store.create_store(info.clone(), BY).await.expect("works").expect("made");
    assert_eq!(world.store.find_store(&info.id).await.expect("works"), Some(info.clone()));
    for (change, name, kept) in [
        (StoreChange { retention: Some(days(3_650)), ..StoreChange::default() }, "c", days(3_650)),
        (renaming("Mới"), "Mới", days(3_650)),
        (StoreChange { name: Some("c".into()), retention: Some(None) }, "c", None),
        (StoreChange::default(), "c", None),
    ] {
        let changed = world.store.change_store(&info.id, change, BY, world.now()).await;
        let is = StoreInfo { name: name.into(), retention: kept, ..info.clone() };
        assert_eq!(changed.expect("works"), Some(is.clone()));
        assert_eq!(world.store.find_store(&info.id).await.expect("works"), Some(is.clone()));
        let listed = world.store.list_stores(Page { after: None, limit: 10 }).await.expect("works");
        assert_eq!(listed, [is]);
    }
}

fn info(world: &World, id: &str) -> StoreInfo {
    StoreInfo { id: shop_id(id), name: id.into(), retention: None, created_at: world.now() }
}

/// From the moment of the answer on.
pub async fn a_deleted_store_is_not_there(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let event = world.event(&[webhook]);
    let id = event.deliveries[0].id;
    let submission = world.submission(vec![event.clone()]).await;
    world.append(submission.clone()).await;
    world.delete_shop().await;
    let (store, shop) = (&world.store, &world.shop);
    assert!(!store.delete_store(shop, BY, world.now()).await.expect("works"));
    assert_eq!(store.find_store(shop).await.expect("works"), None);
    assert_eq!(store.change_store(shop, renaming("x"), BY, world.now()).await.expect("works"), None);
    assert!(store.list_stores(Page { after: None, limit: 10 }).await.expect("works").is_empty());
    assert!(store.routes(shop).await.expect("works").is_none());
    assert_eq!(world.append(submission).await, crate::Appended::NoStore);
    assert_eq!(store.find_event(shop, event.id).await.expect("works"), None);
    assert_eq!(store.find_delivery(shop, id).await.expect("works"), None);
    assert!(store.deliveries_of_event(shop, event.id).await.expect("works").is_empty());
    assert!(world.all_deliveries().await.is_empty());
    assert!(store.attempts(shop, id).await.expect("works").is_empty());
    assert_eq!(store.request_resend(shop, id, world.now()).await.expect("works"), Resend::NotFound);
    let change = store.change_webhook(shop, webhook, WebhookChange::default(), BY, world.now()).await;
    assert!(change.expect("works").is_none());
    assert!(!store.delete_webhook(shop, webhook, BY, world.now()).await.expect("works"));
    assert_eq!(store.create_webhook(world.draft(), BY).await.expect("works"), Err(NotChanged::NotFound));
    let info = StoreInfo { id: shop.clone(), name: "again".into(), retention: None, created_at: world.now() };
    assert_eq!(store.create_store(info, BY).await.expect("works"), Err(NotChanged::BeingDeleted));
}

/// Neither what waits nor what was in flight.
pub async fn nothing_of_a_deleted_store_is_claimed_or_recorded(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    world.send(webhook).await;
    world.delete_shop().await;
    world.pass(LEASE);
    assert!(world.claim(webhook, 10).await.is_empty());
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
    assert!(world.store.next_due(vec![webhook]).await.expect("works").is_empty());
    assert_eq!(world.record(world.attempt(&claimed, 200)).await, Recorded::Vanished);
    world.sweep().await;
    assert_eq!(world.record(world.attempt(&claimed, 200)).await, Recorded::Vanished);
}

/// In batches; the others stay.
pub async fn a_deleted_stores_id_is_free_after_sweeping_and_nothing_is_left_under_it(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let other = shop_id("600");
    world.make_shop(&other).await;
    let webhook = world.make_webhook().await;
    let events: Vec<_> = (0..400).map(|_| world.event(&[webhook, webhook])).collect();
    let (event, delivery) = (events[7].id, events[7].deliveries[0].id);
    world.write(events).await;
    for claimed in world.claim(webhook, 300).await {
        world.record(world.attempt(&claimed, 500)).await;
    }
    world.delete_shop().await;
    assert!(world.store.sweep(world.now()).await.expect("works"), "more than a batch");
    world.sweep().await;

    world.make_shop(&world.shop).await;
    assert!(world.all_deliveries().await.is_empty());
    assert_eq!(world.store.find_event(&world.shop, event).await.expect("works"), None);
    assert!(world.store.attempts(&world.shop, delivery).await.expect("works").is_empty());
    let routes = world.store.routes(&world.shop).await.expect("works").expect("there");
    assert!(routes.webhooks.is_empty());
    assert!(world.store.find_store(&other).await.expect("works").is_some());
    world.make_webhook().await;
}

/// A snapshot of the old store must not pass for one of the new.
pub async fn no_version_of_a_deleted_store_comes_back(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.make_webhook().await;
    let old = world.config_version().await;
    world.delete_shop().await;
    world.sweep().await;
    world.pass(Duration::from_secs(1));
    world.make_shop(&world.shop).await;
    assert!(world.config_version().await > old);
}
