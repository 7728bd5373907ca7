//! The suite over several `PostgreSQL` databases, and what is only true of several.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod moving;

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{StoreId, StoreInfo, Timestamp};
use bocau_store::conformance::world::{BY, Dice, World};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::sharded::{ShardedOptions, ShardedStore};
use bocau_store::{NotChanged, Page, Shards as _, Store, StoreError};
use bocau_testkit::TestDatabase;

bocau_store::conformance_suite!(make_store);

/// The home and two shards; the world's store lands on the first.
struct Databases {
    /// Of its dice.
    seed: u64,
    home: TestDatabase,
    a: TestDatabase,
    b: TestDatabase,
}

impl Databases {
    async fn make() -> Self {
        Self::with_dice(2).await
    }

    async fn with_dice(seed: u64) -> Self {
        Self {
            seed,
            home: TestDatabase::make().await,
            a: TestDatabase::make().await,
            b: TestDatabase::make().await,
        }
    }

    async fn open(&self) -> bocau_store::Result<ShardedStore> {
        self.open_as(&[("a", &self.a), ("b", &self.b)]).await
    }

    async fn open_as(&self, shards: &[(&str, &TestDatabase)]) -> bocau_store::Result<ShardedStore> {
        let shards = shards
            .iter()
            .map(|(name, database)| ((*name).to_owned(), options(database, self.seed)))
            .collect();
        ShardedStore::open(ShardedOptions { home: options(&self.home, self.seed), shards }).await
    }
}

fn options(database: &TestDatabase, seed: u64) -> PostgresOptions {
    let master_key = MasterKey::generate(&Dice::new(1));
    PostgresOptions::new(database.url(), master_key, Arc::new(Dice::new(seed)))
}

async fn make_store() -> (Databases, Arc<dyn Store>) {
    let databases = Databases::make().await;
    let store = databases.open().await.unwrap();
    (databases, Arc::new(store))
}

fn store_of(id: &str) -> (StoreId, StoreInfo) {
    let (id, created_at): (StoreId, _) = (id.parse().unwrap(), Timestamp::from_millis(1_760_000_000_000));
    (id.clone(), StoreInfo { id, name: "Cửa hàng".into(), retention: None, created_at })
}

async fn make(store: &ShardedStore, id: &str) -> std::result::Result<(), NotChanged> {
    store.create_store(store_of(id).1, BY).await.unwrap()
}

async fn place_of(store: &ShardedStore, id: &str) -> Option<usize> {
    store.shard_of(&store_of(id).0).await.unwrap()
}

fn refused<T: std::fmt::Debug>(result: bocau_store::Result<T>) -> String {
    match result {
        Err(StoreError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_new_store_goes_to_the_shard_with_the_fewest_and_its_rows_are_there_alone() {
    let databases = Databases::make().await;
    let store = databases.open().await.unwrap();
    for (id, place) in [("1", 1), ("2", 2), ("3", 1), ("4", 2)] {
        make(&store, id).await.unwrap();
        assert_eq!(place_of(&store, id).await, Some(place));
    }
    assert!(store.delete_store(&store_of("2").0, BY, Timestamp::from_millis(1)).await.unwrap());
    make(&store, "5").await.unwrap();
    assert_eq!(place_of(&store, "5").await, Some(2));
    assert_eq!(make(&store, "5").await, Err(NotChanged::Taken));
    let there = "SELECT string_agg(id, ' ' ORDER BY id) FROM stores WHERE deleted_at IS NULL";
    assert_eq!(databases.a.run(there), "1 3");
    assert_eq!(databases.b.run(there), "4 5");
    assert_eq!(databases.home.run(there), "1 3 4 5", "the home has all in its lists");
}

#[tokio::test]
async fn what_the_home_held_before_there_were_shards_stays_there() {
    let databases = Databases::make().await;
    let alone = Arc::new(PostgresStore::open(options(&databases.home, 2)).await.unwrap());
    let world = World::new(alone).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let store = databases.open().await.unwrap();
    assert_eq!(place_of(&store, "552").await, Some(0));
    make(&store, "1").await.unwrap();
    assert_eq!(place_of(&store, "1").await, Some(1));
    assert_eq!(store.routes(&world.shop).await.unwrap().unwrap().webhooks.len(), 1);
    let page = Page { after: None, limit: 10 };
    assert_eq!(store.list_stores(page).await.unwrap().len(), 2);
}

#[tokio::test]
async fn urls_that_are_mixed_up_are_refused() {
    let databases = Databases::make().await;
    let store = databases.open().await.unwrap();
    make(&store, "1").await.unwrap();
    let (home, a, b) = (&databases.home, &databases.a, &databases.b);
    let why = refused(databases.open_as(&[("a", b), ("b", a)]).await);
    assert!(why.contains("the database of the shard a is that of the shard b"), "{why}");
    let why = refused(databases.open_as(&[("a", a), ("b", b), ("c", b)]).await);
    assert!(why.contains("of the shard c is that of the shard b"), "{why}");
    let why = refused(databases.open_as(&[("a", a), ("b", home)]).await);
    assert!(why.contains("is the home itself"), "{why}");
    let why = refused(databases.open_as(&[("b", b)]).await);
    assert!(why.contains("stores on the shard a"), "{why}");
    let shard = PostgresStore::open(options(a, 2)).await.unwrap();
    assert!(refused(shard.check_alone().await).contains("is the shard a"));
    let alone = PostgresStore::open(options(home, 2)).await.unwrap();
    assert!(refused(alone.check_alone().await).contains("stores on the shard a"));

    let others = Databases::with_dice(3).await;
    let why = refused(others.open_as(&[("a", a)]).await);
    assert!(why.contains("another home"), "{why}");
    let standing_alone = Arc::new(PostgresStore::open(options(&others.b, 3)).await.unwrap());
    World::new(standing_alone).await;
    let why = refused(others.open_as(&[("b", &others.b)]).await);
    assert!(why.contains("has stores of its own"), "{why}");
}

#[tokio::test]
async fn a_store_that_was_left_half_made_is_brought_to_its_end() {
    let databases = Databases::make().await;
    let store = databases.open().await.unwrap();
    for id in ["early", "late"] {
        databases.home.run(&format!("INSERT INTO directory VALUES ('{id}', 'b', 'making', 0)"));
    }
    // Of one, the row was made before the crash.
    let there = "INSERT INTO stores (id, name, created_at, config_version) VALUES ('late', 'Cửa hàng', 5, 5)";
    databases.b.run(there);
    assert_eq!(place_of(&store, "late").await, None, "nobody sees it");
    let (_, again) = store_of("late");
    store.tend_shards(Timestamp::from_millis(0)).await.unwrap();
    assert_eq!(place_of(&store, "late").await, None, "it may be being made at this moment");
    store.tend_shards(Timestamp::from_millis(0) + Duration::from_mins(5)).await.unwrap();
    assert_eq!(place_of(&store, "late").await, Some(2));
    assert_eq!(store.find_store(&again.id).await.unwrap().unwrap().name, again.name);
    assert_eq!(databases.home.run("SELECT count(*) FROM directory WHERE store_id = 'early'"), "0");

    // Or by whoever makes it again.
    databases.home.run("INSERT INTO directory VALUES ('again', 'b', 'making', 0)");
    databases.b.run(&there.replace("late", "again"));
    make(&store, "again").await.unwrap();
    assert_eq!(place_of(&store, "again").await, Some(2));
    assert_eq!(make(&store, "again").await, Err(NotChanged::Taken));
}
