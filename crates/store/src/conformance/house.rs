//! Keys, sweeping, probes and closing.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME;
use bocau_domain::{ApiKey, Owner, Scope, Scopes};

use super::world::{World, shop_id};
use crate::{Appended, IdempotencyKey, NotChanged, SWEEP_BATCH, Store, StoreError};

fn api_key(world: &World, owner: Owner) -> ApiKey {
    ApiKey {
        id: world.ids.api_key_id(),
        name: "Khóa thử".into(),
        owner,
        scopes: [Scope::Publish, Scope::Manage].into_iter().collect(),
        created_at: world.now(),
        expires_at: None,
    }
}

/// Expired or not; whoever asks decides.
pub async fn a_key_is_found_by_its_hash(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let platform = ApiKey {
        scopes: Scopes::ALL,
        expires_at: Some(world.now() + Duration::from_secs(1)),
        ..api_key(&world, Owner::Platform)
    };
    let shops = api_key(&world, Owner::Store(world.shop.clone()));
    world.store.create_api_key(platform.clone(), [1; 32]).await.expect("works").expect("made");
    world.store.create_api_key(shops.clone(), [2; 32]).await.expect("works").expect("made");
    assert_eq!(world.store.find_api_key([1; 32]).await.expect("works"), Some(platform.clone()));
    assert_eq!(world.store.find_api_key([2; 32]).await.expect("works"), Some(shops));
    assert_eq!(world.store.find_api_key([3; 32]).await.expect("works"), None);

    let again = world.store.create_api_key(platform, [4; 32]).await.expect("works");
    assert_eq!(again, Err(NotChanged::Taken), "the id");
    let same_hash = api_key(&world, Owner::Platform);
    assert_eq!(world.store.create_api_key(same_hash, [1; 32]).await.expect("works"), Err(NotChanged::Taken));
    let nobodys = api_key(&world, Owner::Store(shop_id("600")));
    assert_eq!(world.store.create_api_key(nobodys, [5; 32]).await.expect("works"), Err(NotChanged::NotFound));
}

/// At once, and for good.
pub async fn a_stores_key_goes_with_its_store(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let key = api_key(&world, Owner::Store(world.shop.clone()));
    world.store.create_api_key(key, [2; 32]).await.expect("works").expect("made");
    world
        .store
        .create_api_key(api_key(&world, Owner::Platform), [3; 32])
        .await
        .expect("works")
        .expect("made");
    world.delete_shop().await;
    assert_eq!(world.store.find_api_key([2; 32]).await.expect("works"), None);
    world.sweep().await;
    world.make_shop(&world.shop).await;
    assert_eq!(
        world.store.find_api_key([2; 32]).await.expect("works"),
        None,
        "the id's next owner gets no old key"
    );
    assert!(world.store.find_api_key([3; 32]).await.expect("works").is_some());
}

/// In batches.
pub async fn sweeping_ends_and_leaves_what_is_not_over(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    assert!(!world.store.sweep(world.now()).await.expect("works"), "nothing to do");
    let submission = |name: String, event| {
        let world = &world;
        async move {
            let mut submission = world.submission(vec![event]).await;
            submission.idempotency = Some(IdempotencyKey { key: name, body_hash: [1; 32] });
            submission
        }
    };
    let mut submissions = Vec::new();
    for number in 0..SWEEP_BATCH + 10 {
        submissions.push(submission(number.to_string(), world.event(&[])).await);
    }
    for answer in world.store.append(submissions).await {
        assert!(matches!(answer, Ok(Appended::Accepted)), "{answer:?}");
    }
    world.pass(IDEMPOTENCY_KEY_LIFETIME / 2);
    let young = submission("young".into(), world.event(&[])).await;
    world.append(young.clone()).await;
    world.pass(IDEMPOTENCY_KEY_LIFETIME / 2);
    assert!(world.store.sweep(world.now()).await.expect("works"), "more than a batch");
    world.sweep().await;
    assert!(matches!(world.append(young).await, Appended::Duplicate(_)));
    assert_eq!(world.all_deliveries().await.len(), SWEEP_BATCH + 11, "events stay");
}

/// Reading and writing.
pub async fn a_store_that_works_answers_its_probes(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.store.ping().await.expect("reads");
    world.store.probe_write(world.now()).await.expect("writes");
    world.store.probe_write(world.now()).await.expect("writes again");
}

/// Nothing that was begun before is lost.
pub async fn what_was_taken_before_closing_is_durable_and_later_calls_are_refused(store: Arc<dyn Store>) {
    let world = Arc::new(World::new(store).await);
    let submission = world.submission(vec![world.event(&[])]).await;
    let appending = world.store.append(vec![submission.clone()]);
    let (answers, ()) = tokio::join!(appending, world.store.close());
    assert!(matches!(answers[0], Ok(Appended::Accepted)), "{answers:?}");
    assert!(matches!(world.store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(world.store.probe_write(world.now()).await, Err(StoreError::Closed)));
    let answers = world.store.append(vec![submission.clone(), submission]).await;
    assert!(matches!(answers[..], [Err(StoreError::Closed), Err(StoreError::Closed)]), "{answers:?}");
    world.store.close().await;
}
