//! Dropping whole days in `PostgreSQL` while others use the tables. `BOCAU_TEST_POSTGRES` is the URL of a server where
//! databases may be made; `make test` starts one and sets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bocau_domain::{DeliveryId, Status};
use bocau_store::conformance::world::{BY, Dice, World};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::{Recorded, Resend, Retired, Store};
use bocau_testkit::TestDatabase;
use bocau_testkit::patience::capped;
use tokio_postgres::{Client, NoTls};

const DAY: Duration = Duration::from_hours(24);
/// Parts of days that are taken off and wait for somebody.
const PENDING: &str = "SELECT COUNT(*) FROM pg_inherits WHERE inhdetachpending";
/// The day on which [`World`] begins.
const FIRST_DAY: &str = "20251009";

/// What a node writes that begins to drop that day.
const MARK: &str = "INSERT INTO meta (key, value) VALUES ('dropping_day', int8send(20370))";

/// Takes that day off a table.
fn off(table: &str) -> String {
    format!("ALTER TABLE {table} DETACH PARTITION {table}_{FIRST_DAY} CONCURRENTLY")
}

async fn open(database: &TestDatabase) -> Arc<dyn Store> {
    let options =
        PostgresOptions::new(database.url(), MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
    Arc::new(PostgresStore::open(options).await.unwrap())
}

async fn make() -> (TestDatabase, World) {
    let database = TestDatabase::make().await;
    let world = World::new(open(&database).await).await;
    (database, world)
}

/// Somebody else at the database, who stays.
async fn visitor(database: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url_text(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn number(visitor: &Client, sql: &str) -> i64 {
    visitor.query_one(sql, &[]).await.unwrap().get(0)
}

/// Asks until the answer is this one.
async fn until(visitor: &Client, sql: &str, wanted: i64) {
    capped(async { while number(visitor, sql).await != wanted {} }, || format!("{sql}: never {wanted}"))
        .await;
}

/// The tables that are left of a day.
async fn parts(visitor: &Client, day: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE '%\\_{day}'");
    number(visitor, &sql).await
}

/// So many days with an event each that was delivered; answers the deliveries.
async fn fill(world: &World, days: usize) -> Vec<DeliveryId> {
    let webhook = world.make_webhook().await;
    let mut made = Vec::new();
    for _ in 0..days {
        made.push(world.send(webhook).await);
        world.try_once(webhook, 200).await;
        world.pass(DAY);
    }
    made
}

fn dropped(done: &[Retired]) -> usize {
    done.iter().filter(|retired| retired.day.is_some()).count()
}

/// Also where a day waits for a slow reader: behind it nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn writers_go_on_while_days_are_dropped() {
    let (database, world) = make().await;
    let world = Arc::new(world);
    fill(&world, 3).await;
    world.pass(DAY * 31);
    let webhook = world.make_webhook().await;
    let mut reader = visitor(&database).await;
    let reading = reader.transaction().await.unwrap();
    assert!(!reading.query("SELECT id FROM deliveries LIMIT 1", &[]).await.unwrap().is_empty());
    let retiring = {
        let world = world.clone();
        tokio::spawn(async move { world.retire(30).await })
    };
    let other = visitor(&database).await;
    until(&other, PENDING, 1).await;
    for _ in 0..30 {
        let sent = world.send(webhook).await;
        assert_eq!(world.try_once(webhook, 200).await.id, sent);
        assert_eq!(world.delivery(sent).await.state.status, Status::Succeeded);
        world.sweep().await;
    }
    assert!(!retiring.is_finished(), "it waits for the reader");
    reading.commit().await.unwrap();

    let is_over = AtomicBool::new(false);
    let writing = async {
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            world.send(webhook).await;
            world.try_once(webhook, 200).await;
            count += 1;
        }
        count
    };
    let dropping = async {
        let done = capped(retiring, || "the days are not dropped".into()).await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        done
    };
    let (count, done) = tokio::join!(writing, dropping);
    assert_eq!(dropped(&done), 3);
    assert_eq!(world.all_deliveries().await.len(), 30 + count);
    assert_eq!(parts(&other, FIRST_DAY).await, 0);
}

/// The look at a day and its dropping are not one moment: what comes in between is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_a_resend_came_into_meanwhile_is_put_back() {
    let (database, world) = make().await;
    let world = Arc::new(world);
    let delivery = fill(&world, 1).await[0];
    world.pass(DAY * 31);
    let mut person = visitor(&database).await;
    let asking = person.transaction().await.unwrap();
    // What asking for a resend writes; it is not committed, so that whoever looks sees nothing of it.
    let now = world.now().as_millis();
    let sql = "UPDATE deliveries SET resend_at = $1, due_at = $1";
    assert_eq!(asking.execute(sql, &[&now]).await.unwrap(), 1);
    let retiring = {
        let world = world.clone();
        tokio::spawn(async move { world.retire(30).await })
    };
    let other = visitor(&database).await;
    until(&other, PENDING, 1).await;
    asking.commit().await.unwrap();
    let done = capped(retiring, || "the day is not put back".into()).await.unwrap();
    assert_eq!(dropped(&done), 0);
    assert_eq!(parts(&other, FIRST_DAY).await, 3);

    let webhook = world.delivery(delivery).await.webhook_id.unwrap();
    assert_eq!(world.try_once(webhook, 500).await.id, delivery, "the resend is made");
    assert_eq!(dropped(&world.retire(30).await), 1, "and when it has ended, the day goes");
    assert!(world.all_deliveries().await.is_empty());
    assert_eq!(parts(&other, FIRST_DAY).await, 0);
}

/// A node that dies in the middle leaves a day anywhere between whole and gone.
#[tokio::test]
async fn a_day_that_was_hidden_is_finished_by_whoever_comes_next() {
    let (database, world) = make().await;
    let operator = visitor(&database).await;
    fill(&world, 2).await;
    world.pass(DAY * 31);
    let next = world.all_deliveries().await[0].id;

    // Nothing but the mark; and the operator keeps for longer now.
    operator.batch_execute(MARK).await.unwrap();
    assert_eq!(dropped(&world.retire(60).await), 0);
    assert_eq!(world.all_deliveries().await.len(), 2);
    // Hidden, and no more: a reader was in the way, and the node did not live to see it go.
    operator.batch_execute(MARK).await.unwrap();
    let mut slow = visitor(&database).await;
    let reading = slow.transaction().await.unwrap();
    reading.query("SELECT id FROM deliveries LIMIT 1", &[]).await.unwrap();
    operator.batch_execute("SET lock_timeout = 50").await.unwrap();
    operator.batch_execute(&off("deliveries")).await.unwrap_err();
    assert_eq!(number(&operator, PENDING).await, 1);
    reading.commit().await.unwrap();
    operator.batch_execute("SET lock_timeout = 0").await.unwrap();
    assert_eq!(dropped(&world.retire(60).await), 1, "what has begun is ended");
    assert_eq!(parts(&operator, FIRST_DAY).await, 0);
    assert_eq!(number(&operator, "SELECT COUNT(*) FROM meta WHERE key = 'dropping_day'").await, 0);
    assert_eq!(world.all_deliveries().await[0].id, next);
}

/// The tables of a day are taken off one after the other.
#[tokio::test]
async fn a_day_that_was_taken_off_in_part_is_finished_by_whoever_comes_next() {
    for tables in [&["deliveries"][..], &["deliveries", "attempts"], &["deliveries", "attempts", "events"]] {
        let (database, world) = make().await;
        let operator = visitor(&database).await;
        fill(&world, 1).await;
        operator.batch_execute(MARK).await.unwrap();
        for table in tables {
            operator.batch_execute(&off(table)).await.unwrap();
        }
        world.pass(DAY * 31);
        assert_eq!(dropped(&world.retire(60).await), 1, "{tables:?}");
        assert_eq!(parts(&operator, FIRST_DAY).await, 0, "{tables:?}");
        assert_eq!(number(&operator, "SELECT COUNT(*) FROM meta WHERE key = 'dropping_day'").await, 0);
    }
}

/// Neither disturbs the other, and each day is dropped once.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_drop_days_at_once_drop_each_once() {
    let (database, world) = make().await;
    fill(&world, 8).await;
    world.pass(DAY * 31);
    let there = World::without_shop(open(&database).await);
    there.pass(world.now().since(there.now()));
    let (here, there_too) = tokio::join!(world.retire(30), there.retire(30));
    let rest = world.retire(30).await;
    assert_eq!(dropped(&here) + dropped(&there_too) + dropped(&rest), 8);
    assert!(world.all_deliveries().await.is_empty());
    assert!(there.all_deliveries().await.is_empty());
    let left = "SELECT COUNT(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'";
    assert_eq!(number(&visitor(&database).await, left).await, 0);
}

/// What is asked for of a day that is gone is not there, on a node that has not heard of it either.
#[tokio::test]
async fn a_node_that_has_not_heard_of_it_finds_nothing_of_a_day_that_is_gone() {
    let (database, world) = make().await;
    let there = open(&database).await;
    let webhook = world.make_webhook().await;
    let delivery = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    world.record(world.attempt(&claimed, 500)).await;
    assert!(there.find_delivery(&world.shop, delivery).await.unwrap().is_some());
    assert!(world.store.delete_webhook(&world.shop, webhook, BY, world.now()).await.unwrap());
    world.pass(DAY * 32);
    assert_eq!(dropped(&world.retire(30).await), 1);
    assert_eq!(there.find_delivery(&world.shop, delivery).await.unwrap(), None);
    let asked = there.request_resend(&world.shop, delivery, world.now()).await.unwrap();
    assert_eq!(asked, Resend::NotFound);
    let late = there.record(vec![world.attempt(&claimed, 200)]).await.pop().unwrap().unwrap();
    assert_eq!(late, Recorded::Vanished);
    let visitor = visitor(&database).await;
    let kept = "SELECT COUNT(*) FROM webhooks";
    assert_eq!(number(&visitor, kept).await, 1, "its URL, as long as something may name it");
    world.pass(DAY * 8);
    world.retire(30).await;
    assert_eq!(number(&visitor, kept).await, 0);
}

/// No verb leaves such rows behind; if one ever did, they would not fill the disk.
#[tokio::test]
async fn what_is_left_of_a_store_that_is_gone_keeps_no_day() {
    let (database, world) = make().await;
    fill(&world, 1).await;
    world.pass(DAY * 40);
    let visitor = visitor(&database).await;
    visitor.batch_execute("UPDATE deliveries SET store_id = 'gone', due_at = 1").await.unwrap();
    assert_eq!(dropped(&world.retire(30).await), 1);
    assert_eq!(parts(&visitor, FIRST_DAY).await, 0);
}

/// A reader that does not end holds the day up, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_cannot_be_had_now_is_tried_again() {
    let (database, world) = make().await;
    fill(&world, 1).await;
    world.pass(DAY * 31);
    let mut reader = visitor(&database).await;
    let reading = reader.transaction().await.unwrap();
    reading.query("SELECT id FROM deliveries LIMIT 1", &[]).await.unwrap();
    assert_eq!(dropped(&world.retire(30).await), 0);
    assert_eq!(parts(&visitor(&database).await, FIRST_DAY).await, 3);
    assert!(world.all_deliveries().await.is_empty(), "it is out of sight already");
    reading.commit().await.unwrap();
    assert_eq!(dropped(&world.retire(30).await), 1);
    assert_eq!(parts(&visitor(&database).await, FIRST_DAY).await, 0);
}
