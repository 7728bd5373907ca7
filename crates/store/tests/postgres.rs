//! The suite on `PostgreSQL`. `BOCAU_TEST_POSTGRES` is the URL of a server where databases may be made; `make test`
//! starts one and sets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{IdSource, NodeCard, NodeRole};
use bocau_store::conformance::world::{Dice, HandClock, START, World};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::{OverviewSpan, Store};
use bocau_testkit::TestDatabase;

bocau_store::conformance_suite!(make_store);

async fn make_store() -> (TestDatabase, Arc<dyn Store>) {
    let database = TestDatabase::make().await;
    let store = open(&database, 1).await.unwrap();
    (database, store)
}

async fn open(database: &TestDatabase, master_key: u64) -> bocau_store::Result<Arc<dyn Store>> {
    let master_key = MasterKey::generate(&Dice::new(master_key));
    let options = PostgresOptions::new(database.url(), master_key, Arc::new(Dice::new(2)));
    Ok(Arc::new(PostgresStore::open(options).await?))
}

/// Whichever node does it, also when two begin at once.
#[tokio::test]
async fn counters_are_folded_into_one_of_each_and_add_up_to_the_same() {
    let (database, store) = make_store().await;
    let other = open(&database, 1).await.unwrap();
    let world = World::new(store).await;
    let (one, two) = (world.make_webhook().await, world.make_webhook().await);
    let hour = Duration::from_hours(1);
    let span = OverviewSpan { from: world.now() - hour, to: world.now() + hour * 3, step: hour };
    let overview = async || world.store.overview(&world.shop, span).await.unwrap().unwrap();
    let count =
        |rows: &str| -> usize { database.run(&format!("SELECT COUNT(*) FROM {rows}")).parse().unwrap() };
    for code in [200, 500, 502] {
        for webhook in [one, two, one] {
            world.send(webhook).await;
            for claimed in world.claim(webhook, 10).await {
                world.record(world.attempt(&claimed, code)).await;
            }
            world.write(vec![world.event(&[])]).await;
            world.pass(Duration::from_mins(11));
        }
        let before = overview().await;
        assert!(count("hourly_deliveries WHERE NOT is_folded") > 0);
        let (swept, swept_there) = tokio::join!(world.store.sweep(world.now()), other.sweep(world.now()));
        assert!(!swept.unwrap() && !swept_there.unwrap());
        assert_eq!(overview().await, before);
        for (table, group) in [("hourly_deliveries", "webhook_id"), ("hourly_durations", "class")] {
            assert_eq!(count(&format!("{table} WHERE NOT is_folded")), 0);
            let groups = format!("(SELECT DISTINCT store_id, hour, {group} FROM {table}) AS groups");
            assert_eq!(count(table), count(&groups));
        }
    }
    let failing = overview().await.failing;
    assert_eq!(failing[0].last_error.as_deref(), Some("HTTP 502"));
    assert_eq!((failing[0].failures, failing[1].failures), (4, 2));
}

/// Whether or not a notice told of it, and whoever changed it: the statement below is nobody's of ours.
#[tokio::test]
async fn stores_that_were_configured_are_told_with_their_versions() {
    let (database, store) = make_store().await;
    let world = World::new(store).await;
    let first = world.store.configured_since(None).await.unwrap().unwrap();
    assert!(first.stores.is_empty() && first.is_complete);
    database.run("UPDATE stores SET configured_at = 0");
    let quiet = world.store.configured_since(Some(first.at)).await.unwrap().unwrap();
    assert!(quiet.stores.is_empty() && quiet.at >= first.at, "{quiet:?}");
    database.run("UPDATE stores SET config_version = config_version + 7");
    let told = world.store.configured_since(Some(quiet.at)).await.unwrap().unwrap();
    assert_eq!(told.stores, [(world.shop.clone(), world.config_version().await)]);
    database.run("UPDATE stores SET configured_at = 0");
    world.make_webhook().await;
    let told = world.store.configured_since(Some(told.at)).await.unwrap().unwrap();
    assert_eq!(told.stores, [(world.shop.clone(), world.config_version().await)]);
    database.run("UPDATE stores SET configured_at = 0, name = 'another'");
    let told = world.store.configured_since(Some(told.at)).await.unwrap().unwrap();
    assert!(told.stores.is_empty(), "a name is no configuration: {told:?}");
}

#[tokio::test]
async fn a_node_that_is_silent_for_long_is_forgotten() {
    let (database, store) = make_store().await;
    let ids = IdSource::new(Arc::new(HandClock::new(START)), Arc::new(Dice::new(7)));
    for (name, silent) in [("gone", 601), ("silent", 599), ("here", 0)] {
        let card = NodeCard {
            id: ids.node_id(),
            name: name.into(),
            role: NodeRole::Worker,
            version: "1".into(),
            started_at: START,
        };
        store.beat(&card, START).await.unwrap();
        database.run(&format!("UPDATE nodes SET seen_at = seen_at - {silent}000 WHERE name = '{name}'"));
    }
    store.sweep(START).await.unwrap();
    let nodes = store.list_nodes(START).await.unwrap();
    let told: Vec<_> = nodes.iter().map(|node| (&*node.name, node.is_alive())).collect();
    assert_eq!(told, [("silent", false), ("here", true)]);
}
