//! API keys.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::{API_KEYS_PER_OWNER_MAX, KEY_USE_RESOLUTION};
use bocau_domain::{ApiKey, Owner, Scope, Scopes};

use super::world::{BY, World, shop_id};
use crate::{NotChanged, Store};

/// A key that is not written yet.
pub(super) fn api_key(world: &World, owner: Owner) -> ApiKey {
    ApiKey {
        id: world.ids.api_key_id(),
        name: "Khóa thử".into(),
        owner,
        scopes: [Scope::Publish, Scope::Manage].into_iter().collect(),
        created_at: world.now(),
        expires_at: None,
        last_used_at: None,
    }
}

async fn make_key(world: &World, owner: Owner, number: u8) -> ApiKey {
    let key = api_key(world, owner);
    world.store.create_api_key(key.clone(), [number; 32], BY).await.expect("works").expect("made");
    key
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
    world.store.create_api_key(platform.clone(), [1; 32], BY).await.expect("works").expect("made");
    world.store.create_api_key(shops.clone(), [2; 32], BY).await.expect("works").expect("made");
    assert_eq!(world.store.find_api_key([1; 32]).await.expect("works"), Some(platform.clone()));
    assert_eq!(world.store.find_api_key([2; 32]).await.expect("works"), Some(shops));
    assert_eq!(world.store.find_api_key([3; 32]).await.expect("works"), None);

    let again = world.store.create_api_key(platform, [4; 32], BY).await.expect("works");
    assert_eq!(again, Err(NotChanged::Taken), "the id");
    let same_hash = api_key(&world, Owner::Platform);
    assert_eq!(
        world.store.create_api_key(same_hash, [1; 32], BY).await.expect("works"),
        Err(NotChanged::Taken)
    );
    let nobodys = api_key(&world, Owner::Store(shop_id("600")));
    assert_eq!(
        world.store.create_api_key(nobodys, [5; 32], BY).await.expect("works"),
        Err(NotChanged::NotFound)
    );
}

/// At once, and for good.
pub async fn a_stores_key_goes_with_its_store(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let key = api_key(&world, Owner::Store(world.shop.clone()));
    world.store.create_api_key(key, [2; 32], BY).await.expect("works").expect("made");
    world
        .store
        .create_api_key(api_key(&world, Owner::Platform), [3; 32], BY)
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

/// A store's among its own, the platform's among themselves.
pub async fn keys_are_listed_newest_first_by_whose_they_are(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let own = || Owner::Store(world.shop.clone());
    let keys = [
        make_key(&world, own(), 1).await,
        make_key(&world, Owner::Platform, 2).await,
        make_key(&world, own(), 3).await,
    ];
    let other = shop_id("600");
    let list = |store| world.store.list_api_keys(store);
    assert_eq!(list(Some(&world.shop)).await.expect("works"), [keys[2].clone(), keys[0].clone()]);
    assert_eq!(list(None).await.expect("works"), [keys[1].clone()]);
    assert!(list(Some(&other)).await.expect("works").is_empty());
    world.delete_shop().await;
    assert!(list(Some(&world.shop)).await.expect("works").is_empty());
}

/// And only by whom it belongs to.
pub async fn a_key_that_was_revoked_is_not_there(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let shops = make_key(&world, Owner::Store(world.shop.clone()), 1).await;
    let platform = make_key(&world, Owner::Platform, 2).await;
    let other = shop_id("600");
    world.make_shop(&other).await;
    let revoke = |store, id| {
        let revoked = world.store.revoke_api_key(store, id, BY, world.now());
        async move { revoked.await.expect("works") }
    };
    assert!(!revoke(Some(&other), shops.id).await && !revoke(None, shops.id).await);
    assert!(!revoke(Some(&world.shop), platform.id).await);
    assert!(world.store.find_api_key([1; 32]).await.expect("works").is_some());
    assert!(revoke(Some(&world.shop), shops.id).await && revoke(None, platform.id).await);
    assert!(!revoke(Some(&world.shop), shops.id).await);
    for hash in [[1; 32], [2; 32]] {
        assert_eq!(world.store.find_api_key(hash).await.expect("works"), None);
    }
}

/// A key that is used all the time costs no writing all the time.
pub async fn the_use_of_a_key_is_noted_once_a_minute(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let key = make_key(&world, Owner::Platform, 1).await;
    let last_use = || async {
        world.store.touch_api_key(key.id, world.now()).await.expect("works");
        world.store.find_api_key([1; 32]).await.expect("works").expect("there").last_used_at
    };
    let first = world.now();
    assert_eq!(last_use().await, Some(first));
    world.pass(KEY_USE_RESOLUTION.saturating_sub(Duration::from_millis(1)));
    assert_eq!(last_use().await, Some(first));
    world.pass(Duration::from_millis(1));
    assert_eq!(last_use().await, Some(world.now()));
    world.store.touch_api_key(world.ids.api_key_id(), world.now()).await.expect("nobody's, and no error");
}

/// Of each owner.
pub async fn there_are_two_hundred_keys_of_an_owner_at_most(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    for number in 0..API_KEYS_PER_OWNER_MAX {
        make_key(&world, Owner::Platform, u8::try_from(number).expect("few")).await;
    }
    let more = api_key(&world, Owner::Platform);
    assert_eq!(
        world.store.create_api_key(more, [250; 32], BY).await.expect("works"),
        Err(NotChanged::TooMany)
    );
    make_key(&world, Owner::Store(world.shop.clone()), 251).await;
}
