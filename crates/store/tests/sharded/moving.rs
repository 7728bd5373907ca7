//! A store moves from one database to another.

use std::time::Duration;

use bocau_domain::{Inbox, InboxAnswer, InboxRequest, Owner, StoreChange, Timestamp};
use bocau_store::conformance::world::{BY, World};
use bocau_store::resend_jobs::NewResendJob;
use bocau_store::sharded::{MoveStep, ShardedStore};
use bocau_store::{
    Appended, Audit as _, AuditNote, DeliveryFilter, IdempotencyKey, Inboxes as _, NotChanged, Recorded,
    Resend, Store as _, StoreError, Submission,
};
use bocau_testkit::TestDatabase;

use super::{Arc, Databases, refused};
use bocau_store::Shards as _;

/// Where the rows of a store are found, beside its own; all of them move with it.
const MOVES: &[(&str, &str)] = &[
    ("attempts", "delivery_id IN (SELECT id FROM deliveries WHERE store_id = '552')"),
    ("audit_log", "store_id = '552'"),
    ("deliveries", "store_id = '552'"),
    ("events", "store_id = '552'"),
    ("hourly_deliveries", "store_id = '552'"),
    ("hourly_durations", "store_id = '552'"),
    ("idempotency_keys", "store_id = '552'"),
    ("inbox_requests", "inbox_id IN (SELECT id FROM inboxes WHERE store_id = '552')"),
    ("inboxes", "store_id = '552'"),
    ("resend_jobs", "store_id = '552'"),
    ("webhooks", "store_id = '552'"),
];
/// What is of a store and stays in the home.
const OF_HOME: &[&str] = &["api_keys", "directory", "leftovers", "sessions", "sign_in_links", "user_stores"];
/// Rows of a store that go with those above and do not name it.
const WITHOUT_NAME: &[&str] = &["attempts", "inbox_requests"];
/// More than stays in any range that is copied at once.
const EVENTS: usize = 2_300;

/// The rows of the store 552 in a database, table by table.
fn rows(database: &TestDatabase) -> Vec<(&'static str, String)> {
    let rows = |(table, found): &(&'static str, &str)| {
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') \
             FROM (SELECT * FROM {table} WHERE {found}) AS t"
        );
        (*table, database.run(&sql))
    };
    MOVES.iter().map(rows).collect()
}

fn count(rows: &[(&str, String)], table: &str) -> usize {
    let (_, found) = rows.iter().find(|(name, _)| *name == table).unwrap();
    found.split(' ').next().unwrap().parse().unwrap()
}

async fn relocate(store: &ShardedStore, world: &World, to: &str) -> Vec<MoveStep> {
    let mut steps = Vec::new();
    store.relocate(&world.shop, to, &mut |step| steps.push(step)).await.unwrap();
    steps
}

async fn world_of(databases: &Databases) -> (Arc<ShardedStore>, World) {
    let store = Arc::new(databases.open().await.unwrap());
    let world = World::new(store.clone()).await;
    (store, world)
}

/// Something in every table, and more deliveries than go at once.
async fn fill(world: &World) -> (Inbox, Submission) {
    let (one, two) = (world.make_webhook().await, world.make_webhook().await);
    for chunk in 0..EVENTS / 100 {
        let webhooks = if chunk % 2 == 0 { vec![one, two] } else { vec![one] };
        world.write((0..100).map(|_| world.event(&webhooks)).collect()).await;
        world.pass(Duration::from_mins(7));
    }
    for (webhook, code) in [(one, 200), (one, 500), (two, 404), (two, 200)] {
        for claimed in world.claim(webhook, 150).await {
            world.record(world.attempt(&claimed, code)).await;
        }
        world.pass(Duration::from_mins(11));
    }
    let idempotency = Some(IdempotencyKey { key: "once".into(), body_hash: [7; 32] });
    let submission = Submission { idempotency, ..world.submission(vec![world.event(&[one])]).await };
    assert_eq!(world.append(submission.clone()).await, Appended::Accepted);
    let inbox = make_inbox(world).await;
    assert!(world.store.add_inbox_request(request(world, &inbox)).await.unwrap());
    let (id, filter) = (world.ids.resend_job_id(), DeliveryFilter::default());
    let job = NewResendJob { id, store: world.shop.clone(), filter, created_at: world.now() };
    world.store.create_resend_job(job, BY).await.unwrap().unwrap();
    world.store.advance_resend_job(id, 50, world.now()).await.unwrap().unwrap();
    (inbox, submission)
}

fn request(world: &World, inbox: &Inbox) -> InboxRequest {
    InboxRequest {
        id: world.ids.inbox_request_id(),
        inbox: inbox.id,
        at: world.now(),
        headers: vec![("x-token".into(), "s3cret".into())],
        body: b"{}".to_vec(),
        verified: Some(true),
        answer_status: 200,
    }
}

#[tokio::test]
async fn a_store_moves_with_all_that_it_has_and_leaves_nothing_behind() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let (inbox, submission) = fill(&world).await;
    let (before, routes) = (rows(&databases.a), store.routes(&world.shop).await.unwrap().unwrap());
    assert!(before.iter().all(|(table, rows)| rows != "0" || panic!("{table} is empty")));

    let steps = relocate(&store, &world, "b").await;
    let deliveries = count(&before, "deliveries") as u64;
    assert!(steps.contains(&MoveStep::Copied(deliveries)), "{steps:?}");
    assert!(steps.contains(&MoveStep::Compared(deliveries, 0)), "{steps:?}");
    assert!(steps.contains(&MoveStep::Compared(0, 0)), "{steps:?}");
    assert_eq!(steps.last(), Some(&MoveStep::Moved));
    assert_eq!(rows(&databases.b), before, "every row is there as it was");
    assert_eq!(store.shard_of(&world.shop).await.unwrap(), Some(2));
    let after = store.routes(&world.shop).await.unwrap().unwrap();
    assert_eq!(format!("{:?}", after.webhooks), format!("{:?}", routes.webhooks), "secrets open there");
    assert!(after.config_version > routes.config_version);
    assert_eq!(store.list_inbox_requests(&world.shop, inbox.id).await.unwrap()[0].headers[0].1, "s3cret");
    let repeated = Submission { config_version: after.config_version, ..submission };
    assert!(matches!(world.append(repeated).await, Appended::Duplicate(_)), "keys go with it");

    // Its old place lets go once no node looks there any more.
    let deliveries = count(&before, "deliveries");
    world.sweep().await;
    assert_eq!(count(&rows(&databases.a), "deliveries"), deliveries);
    databases.a.run("UPDATE leftovers SET since = 0");
    world.sweep().await;
    let left = rows(&databases.a);
    assert!(left.iter().all(|(table, rows)| *table == "audit_log" || rows == "0"), "{left:?}");
    assert_eq!(databases.a.run("SELECT count(*) FROM stores"), "0");

    // Into the home and back, where it was before.
    for (to, place, database) in [("home", 0, &databases.home), ("a", 1, &databases.a)] {
        let there = rows(if place == 0 { &databases.b } else { &databases.home });
        relocate(&store, &world, to).await;
        assert_eq!(store.shard_of(&world.shop).await.unwrap(), Some(place));
        // The home has what is told of keys besides, and shards what was told while the store was there before.
        let here = rows(database);
        let no_log = |rows: Vec<(&'static str, String)>| {
            rows.into_iter().filter(|(table, _)| *table != "audit_log").collect::<Vec<_>>()
        };
        assert_eq!(no_log(here), no_log(there));
    }
    assert_eq!(relocate(&store, &world, "a").await, [MoveStep::Stayed]);
    world.write(vec![world.event(&[])]).await;
}

/// A table that is new and belongs to stores moves with them, or nobody has thought of it.
#[tokio::test]
async fn every_table_of_stores_is_thought_of() {
    let databases = Databases::make().await;
    drop(databases.open().await.unwrap());
    let found = databases.a.run(
        "SELECT string_agg(c.table_name, ' ' ORDER BY c.table_name) FROM information_schema.columns c \
         JOIN pg_class p ON p.oid = c.table_name::regclass AND NOT p.relispartition \
         WHERE c.table_schema = 'public' AND c.column_name = 'store_id'",
    );
    let mut known: Vec<&str> =
        MOVES.iter().map(|(table, _)| *table).filter(|table| !WITHOUT_NAME.contains(table)).collect();
    known.extend(OF_HOME);
    known.sort_unstable();
    assert_eq!(found.split(' ').collect::<Vec<_>>(), known);
}

#[tokio::test]
async fn what_changes_while_a_store_is_copied_arrives_as_it_became() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.write((0..1_500).map(|_| world.event(&[webhook])).collect()).await;
    // As a move that has copied all and broken off: some of it changes, and some is new.
    databases.home.run("UPDATE directory SET state = 'moving', other = 'b'");
    let mut steps = Vec::new();
    {
        let tell = &mut |step| steps.push(step);
        store.relocate(&world.shop, "b", tell).await.unwrap();
    }
    relocate(&store, &world, "a").await;
    for claimed in world.claim(webhook, 5).await {
        world.record(world.attempt(&claimed, 200)).await;
    }
    world.write(vec![world.event(&[webhook])]).await;
    let expected = rows(&databases.a);
    relocate(&store, &world, "b").await;
    assert_eq!(rows(&databases.b), expected);
    assert_eq!(count(&expected, "attempts"), 5);
}

/// What changes after all was compared is found by its transactions: new rows, changed rows, and no others.
#[tokio::test]
async fn what_changes_after_a_store_was_compared_arrives_as_it_became() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.write((0..2_500).map(|_| world.event(&[webhook])).collect()).await;
    let mut steps = Vec::new();
    let change = |what: &str, which: &str| {
        let which = format!("(SELECT id FROM deliveries ORDER BY id {which} LIMIT 1)");
        databases.a.run(&format!("UPDATE deliveries SET {what} WHERE id = {which}"));
    };
    {
        let tell = &mut |step| {
            if matches!(step, MoveStep::Compared(2_500, 0)) && steps.is_empty() {
                change("claim = 7", "ASC");
                change("last_error = 'late'", "DESC");
            }
            if !matches!(step, MoveStep::Copied(_)) {
                steps.push(step);
            }
        };
        store.relocate(&world.shop, "b", tell).await.unwrap();
    }
    assert_eq!(rows(&databases.b), rows(&databases.a));
    assert_eq!(
        databases.b.run("SELECT count(*) FROM deliveries WHERE claim = 7 OR last_error = 'late'"),
        "2"
    );
    let [MoveStep::Compared(2_500, 0), MoveStep::Still, MoveStep::Compared(2, copied), MoveStep::Moved] =
        steps[..]
    else {
        panic!("{steps:?}")
    };
    assert!(copied <= 1_001, "{copied}");
}

/// What is asked while a store moves is refused as such, and what belongs to the home is not.
#[tokio::test]
async fn a_store_that_moves_takes_nothing_in() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    let (waiting, inbox) = (world.send(webhook).await, make_inbox(&world).await);
    let in_flight = world.claim_one(webhook).await;
    world.send(webhook).await;
    let moving = |result: bocau_store::Result<_>| matches!(result, Err(StoreError::Moving));
    for standing in ["draining", "away"] {
        databases.a.run(&format!("UPDATE stores SET standing = '{standing}'"));
        assert!(store.routes(&world.shop).await.unwrap().unwrap().is_moving);
        let submission = world.submission(vec![world.event(&[webhook])]).await;
        assert_eq!(world.append(submission).await, Appended::Moved);
        assert!(world.claim(webhook, 10).await.is_empty());
        assert!(moving(store.request_resend(&world.shop, waiting, world.now()).await.map(drop)));
        assert!(moving(store.create_webhook(world.draft(), BY).await.map(drop)));
        assert!(moving(store.delete_webhook(&world.shop, webhook, BY, world.now()).await.map(drop)));
        assert!(moving(store.delete_inbox(&world.shop, inbox.id, BY, world.now()).await.map(drop)));
        let renamed = StoreChange { name: Some("X".into()), ..StoreChange::default() };
        assert!(moving(store.change_store(&world.shop, renamed, BY, world.now()).await.map(drop)));
        assert!(moving(store.delete_store(&world.shop, BY, world.now()).await.map(drop)));
        let note = AuditNote {
            at: world.now(),
            actor: BY.clone(),
            action: bocau_domain::AuditAction::WebhookSecretShown,
            store: Some(world.shop.clone()),
            subject: "x".into(),
        };
        assert!(moving(store.note_audit(note).await));
        let key = bocau_domain::ApiKey {
            id: world.ids.api_key_id(),
            name: standing.into(),
            owner: Owner::Store(world.shop.clone()),
            scopes: bocau_domain::Scopes::ALL,
            created_at: world.now(),
            expires_at: None,
            last_used_at: None,
        };
        let hash = [u8::try_from(standing.len()).unwrap(); 32];
        assert_eq!(store.create_api_key(key, hash, BY).await.unwrap(), Ok(()));
        assert_eq!(store.list_api_keys(Some(&world.shop)).await.unwrap()[0].name, standing);
        let recorded = world.record(world.attempt(&in_flight, 200)).await;
        let added = store.add_inbox_request(request(&world, &inbox)).await.unwrap();
        if standing == "draining" {
            assert!(matches!(recorded, Recorded::Moved { .. }), "what was in flight is recorded");
            assert!(added);
        } else {
            assert_eq!(recorded, Recorded::Vanished);
            assert!(!added);
        }
    }
    databases.a.run("UPDATE stores SET standing = NULL");
    assert!(matches!(
        store.request_resend(&world.shop, waiting, world.now()).await.unwrap(),
        Resend::Accepted { .. }
    ));
}

async fn make_inbox(world: &World) -> Inbox {
    let inbox = Inbox {
        id: world.ids.inbox_id(),
        store: world.shop.clone(),
        name: "Thử".into(),
        token: "token".into(),
        answer: InboxAnswer::Ok,
        created_at: world.now(),
    };
    world.store.create_inbox(inbox.clone(), BY).await.unwrap().unwrap();
    inbox
}

#[tokio::test]
async fn a_store_whose_mover_died_goes_on() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let mover = "UPDATE directory SET state = 'moving', other = 'b'";
    for standing in ["draining", "away"] {
        databases.home.run(mover);
        databases.a.run(&format!("UPDATE stores SET standing = '{standing}'"));
        store.tend_shards(world.now()).await.unwrap();
        world.send(webhook).await;
        assert_eq!(store.shard_of(&world.shop).await.unwrap(), Some(1));
    }
    // Where it had arrived, it is there.
    relocate(&store, &world, "b").await;
    databases.home.run("UPDATE directory SET state = 'moving', shard = 'a', other = 'b'");
    store.forget_shard_of(&world.shop);
    assert_eq!(store.shard_of(&world.shop).await.unwrap(), Some(1));
    store.tend_shards(world.now()).await.unwrap();
    store.forget_shard_of(&world.shop);
    assert_eq!(store.shard_of(&world.shop).await.unwrap(), Some(2));
    world.send(webhook).await;
    assert_eq!(world.all_deliveries().await.len(), 4);
    assert_eq!(databases.home.run("SELECT state || ' ' || shard FROM directory"), "made b");
}

/// Of its rows in the other database nobody would know any more.
#[tokio::test]
async fn a_store_between_two_databases_is_deleted_after_it_has_moved() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    databases.home.run("UPDATE directory SET state = 'moving', other = 'b'");
    let refused = store.delete_store(&world.shop, BY, world.now()).await;
    assert!(matches!(refused, Err(StoreError::Moving)), "{refused:?}");
    // Its mover goes on, as long as it takes.
    relocate(&store, &world, "b").await;
    databases.home.run("UPDATE directory SET state = 'moved', other = 'a'");
    let refused = store.delete_store(&world.shop, BY, world.now()).await;
    assert!(matches!(refused, Err(StoreError::Moving)), "{refused:?}");
    store.tend_shards(world.now()).await.unwrap();
    assert!(store.delete_store(&world.shop, BY, world.now()).await.unwrap());
}

/// A node that comes late with what it has read must not act on it.
#[tokio::test]
async fn what_was_left_behind_once_is_not_taken_for_what_has_come_back() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    relocate(&store, &world, "b").await;
    relocate(&store, &world, "a").await;
    // As a node does that read “moved” before the store went back.
    databases.a.run("INSERT INTO leftovers (store_id, since) VALUES ('552', 0)");
    databases.home.run("UPDATE directory SET state = 'moved', other = 'a' WHERE shard = 'b'");
    store.tend_shards(world.now()).await.unwrap();
    let steps = relocate(&store, &world, "b").await;
    assert!(steps.contains(&MoveStep::Moved), "{steps:?}");
    assert_eq!(world.all_deliveries().await.len(), 1);
    let left = databases.a.run("SELECT count(*) FROM leftovers WHERE since = 0");
    assert_eq!(left, "0", "the old note is gone with the standing that it was about");
}

/// The nodes took it for dead, and let the store go on at its old place.
#[tokio::test]
async fn a_mover_that_seemed_to_be_dead_lets_no_store_arrive() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let moved = {
        let tell = &mut |step| {
            if step == MoveStep::Still {
                // What `refuse_arrival` does, and what comes after it.
                databases.b.run("UPDATE stores SET config_version = config_version + 1");
                databases.a.run("UPDATE stores SET standing = NULL");
            }
        };
        store.relocate(&world.shop, "b", tell).await
    };
    assert!(refused(moved).contains("not expected"));
    assert_eq!(databases.b.run("SELECT standing FROM stores"), "away");
    world.send(webhook).await;
    relocate(&store, &world, "b").await;
    assert_eq!(world.all_deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_move_that_makes_no_sense_is_refused_and_one_can_be_called_off() {
    let databases = Databases::make().await;
    let (store, world) = world_of(&databases).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let other = "lost".parse().unwrap();
    let tell = &mut |_| {};
    assert!(refused(store.relocate(&world.shop, "c", tell).await).contains("no shard c"));
    assert!(refused(store.relocate(&other, "b", tell).await).contains("no store lost"));
    databases.home.run("UPDATE directory SET state = 'moving', other = 'b'");
    databases.a.run("UPDATE stores SET standing = 'draining'");
    assert!(refused(store.relocate(&world.shop, "home", tell).await).contains("is moving to b"));
    assert_eq!(relocate(&store, &world, "a").await, [MoveStep::Stayed]);
    world.send(webhook).await;
    relocate(&store, &world, "b").await;
    world.send(webhook).await;

    // A store of the same id that is made where one was before waits until all of that is gone.
    assert!(store.delete_store(&world.shop, BY, world.now()).await.unwrap());
    databases.home.run("DELETE FROM stores");
    let again = bocau_domain::StoreInfo {
        id: world.shop.clone(),
        name: "Mới".into(),
        created_at: Timestamp::from_millis(1_760_000_000_000),
        retention: None,
    };
    assert_eq!(store.create_store(again.clone(), BY).await.unwrap(), Err(NotChanged::BeingDeleted));
    let now = store.database_now().await.unwrap().unwrap() + Duration::from_mins(2);
    while store.sweep(now).await.unwrap() {}
    assert_eq!(store.create_store(again, BY).await.unwrap(), Ok(()));
    world.make_webhook().await;
    assert!(world.all_deliveries().await.is_empty());
}
