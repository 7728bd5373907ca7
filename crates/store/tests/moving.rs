//! How an installation moves from `SQLite` to `PostgreSQL`. `BOCAU_TEST_POSTGRES` names the server that it moves to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{
    ApiKey, CustomHeader, Inbox, InboxAnswer, InboxRequest, Owner, Role, Scopes, User, WebhookChange,
};
use bocau_store::conformance::world::{BY, Dice, World};
use bocau_store::moving::{self, Move};
use bocau_store::people::{SessionOwner, SessionRecord};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::{self, SqliteOptions, SqliteStore};
use bocau_store::{
    Appended, DeliveryFilter, IdempotencyKey, NewResendJob, OverviewSpan, Page, Store, StoreError,
};
use bocau_testkit::TestDatabase;
use tempfile::TempDir;

/// An installation that is to move, and where to.
struct Removal {
    dir: TempDir,
    database: TestDatabase,
    world: World,
}

fn master_key() -> MasterKey {
    MasterKey::generate(&Dice::new(1))
}

fn open_sqlite(dir: &TempDir) -> Result<Arc<dyn Store>, StoreError> {
    let options = SqliteOptions::new(dir.path(), master_key(), Arc::new(Dice::new(2)));
    Ok(Arc::new(SqliteStore::open(options)?))
}

impl Removal {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(open_sqlite(&dir).unwrap()).await;
        Self { database: TestDatabase::make().await, dir, world }
    }

    fn what(&self) -> Move {
        Move {
            from: self.dir.path().join(sqlite::DATABASE_FILE),
            to: self.database.url(),
            master_key: master_key(),
            rng: Arc::new(Dice::new(3)),
        }
    }

    async fn open_postgres(&self) -> Result<Arc<dyn Store>, StoreError> {
        let options = PostgresOptions::new(self.database.url(), master_key(), Arc::new(Dice::new(4)));
        Ok(Arc::new(PostgresStore::open(options).await?))
    }

    /// Moves the rest, and the world goes on over there.
    async fn arrive(&mut self) {
        let counts = moving::finish(&self.what(), |_| {}).await.unwrap();
        assert!(counts.iter().all(|count| count.from == count.to), "{counts:?}");
        self.world.store.close().await;
        self.world.store = self.open_postgres().await.unwrap();
    }
}

/// All that can be looked up in a world, as text.
async fn everything(world: &World) -> String {
    let (store, shop) = (&world.store, &world.shop);
    let page = Page { after: None, limit: 1_000 };
    let mut text = String::new();
    let _ = writeln!(text, "{:#?}", store.list_stores(Page { after: None, limit: 100 }).await.unwrap());
    // With its secrets and headers: what is sealed opens.
    let _ = writeln!(text, "{:#?}", store.routes(shop).await.unwrap());
    for webhook in store.routes(shop).await.unwrap().unwrap().webhooks {
        let _ = writeln!(text, "{:?} {:?}", webhook.headers, webhook.secrets.current.reveal());
    }
    for delivery in store.list_deliveries(shop, DeliveryFilter::default(), page).await.unwrap() {
        let _ = writeln!(text, "{delivery:#?}");
        let _ = writeln!(text, "{:#?}", store.find_event(shop, delivery.event_id).await.unwrap());
        let _ = writeln!(text, "{:#?}", store.attempts(shop, delivery.id).await.unwrap());
    }
    let _ = writeln!(text, "{:#?}", store.list_api_keys(Some(shop)).await.unwrap());
    let _ = writeln!(text, "{:#?}", store.list_users().await.unwrap());
    let entries = Page { after: None, limit: 1_000 };
    let _ = writeln!(text, "{:#?}", store.list_audit(None, entries).await.unwrap());
    let _ = writeln!(text, "{:#?}", store.list_resend_jobs(shop, 100).await.unwrap());
    for inbox in store.list_inboxes(shop).await.unwrap() {
        let _ = writeln!(text, "{:#?}", store.list_inbox_requests(shop, inbox.id).await.unwrap());
    }
    let hour = Duration::from_hours(1);
    let span = OverviewSpan { from: world.now() - hour, to: world.now() + hour, step: hour };
    let _ = writeln!(text, "{:#?}", store.overview(shop, span).await.unwrap());
    text
}

/// Something of every kind that is kept.
async fn furnish(world: &World) {
    let mut draft = world.draft();
    draft.headers = vec![CustomHeader::parse("X-Cua-Hang", "giau kin", "bocau").unwrap()];
    let busy = draft.id;
    world.store.create_webhook(draft, BY).await.unwrap().unwrap();
    let quiet = world.make_webhook().await;
    for status_code in [200, 500, 404, 200] {
        world.send(busy).await;
        world.try_once(busy, status_code).await;
        world.pass(Duration::from_secs(1));
    }
    world.send(quiet).await;
    world.write(vec![world.event(&[]), world.event(&[busy, quiet])]).await;
    let job = NewResendJob {
        id: world.ids.resend_job_id(),
        store: world.shop.clone(),
        filter: DeliveryFilter::default(),
        created_at: world.now(),
    };
    world.store.create_resend_job(job, BY).await.unwrap().unwrap();
    let key = ApiKey {
        id: world.ids.api_key_id(),
        name: "máy bán hàng".into(),
        owner: Owner::Store(world.shop.clone()),
        scopes: Scopes::ALL,
        created_at: world.now(),
        expires_at: None,
        last_used_at: None,
    };
    world.store.create_api_key(key, [7; 32], BY).await.unwrap().unwrap();
    let user = User {
        id: world.ids.user_id(),
        email: "chu@example.vn".parse().unwrap(),
        role: Role::Member,
        stores: vec![world.shop.clone()],
        created_at: world.now(),
        last_sign_in_at: None,
        has_password: true,
    };
    world
        .store
        .create_user(user.clone(), Some("mật khẩu đã băm".to_owned().into()), BY)
        .await
        .unwrap()
        .unwrap();
    let session = SessionRecord {
        hash: [8; 32],
        owner: SessionOwner::User(user.id),
        created_at: world.now(),
        expires_at: world.now() + Duration::from_hours(24),
    };
    world.store.create_session(session).await.unwrap().unwrap();
    let inbox = Inbox {
        id: world.ids.inbox_id(),
        store: world.shop.clone(),
        name: "Hộp thử".into(),
        token: "t".into(),
        answer: InboxAnswer::Ok,
        created_at: world.now(),
    };
    world.store.create_inbox(inbox.clone(), BY).await.unwrap().unwrap();
    let request = InboxRequest {
        id: world.ids.inbox_request_id(),
        inbox: inbox.id,
        at: world.now(),
        headers: vec![("x-a".into(), "b".into())],
        body: b"{}".to_vec(),
        verified: Some(true),
        answer_status: 200,
    };
    assert!(world.store.add_inbox_request(request).await.unwrap());
}

/// A request under an idempotency key, the same each time but for its events.
async fn publish_once(world: &World) -> Appended {
    let mut submission = world.submission(vec![world.event(&[])]).await;
    submission.idempotency = Some(IdempotencyKey { key: "đơn 1".into(), body_hash: [1; 32] });
    world.append(submission).await
}

#[tokio::test]
async fn all_that_is_kept_is_the_same_on_the_other_side() {
    let mut removal = Removal::new().await;
    furnish(&removal.world).await;
    assert_eq!(publish_once(&removal.world).await, Appended::Accepted);
    let before = everything(&removal.world).await;
    removal.arrive().await;
    let world = &removal.world;
    assert_eq!(everything(world).await, before);
    assert!(matches!(publish_once(world).await, Appended::Duplicate(_)), "its answer is known there too");
    assert!(world.store.find_api_key([7; 32]).await.unwrap().is_some());
    assert!(world.store.find_session([8; 32], world.now()).await.unwrap().is_some());
    let by_email = world.store.find_user_by_email(&"chu@example.vn".parse().unwrap()).await.unwrap();
    assert!(by_email.unwrap().1.is_some(), "with the hash of the password");
}

#[tokio::test]
async fn what_waits_is_delivered_on_the_other_side() {
    let mut removal = Removal::new().await;
    let webhook = removal.world.make_webhook().await;
    let retrying = removal.world.send(webhook).await;
    removal.world.try_once(webhook, 500).await;
    removal.world.pass(Duration::from_mins(10));
    removal.arrive().await;
    let delivery = removal.world.try_once(webhook, 200).await;
    assert_eq!((delivery.id, delivery.state.last_number), (retrying, 2));
    removal.world.send(webhook).await;
}

#[tokio::test]
async fn what_changes_between_copying_ahead_and_the_end_is_not_missed() {
    let mut removal = Removal::new().await;
    furnish(&removal.world).await;
    let webhook = removal.world.make_webhook().await;
    let first = removal.world.send(webhook).await;
    assert!(moving::move_ahead(&removal.what(), |_| {}).await.unwrap() > 0);

    let world = &removal.world;
    world.try_once(webhook, 500).await;
    world.send(webhook).await;
    world.change(webhook, WebhookChange { enabled: Some(false), ..Default::default() }).await;
    for user in world.store.list_users().await.unwrap() {
        world.store.delete_user(user.id, BY, world.now()).await.unwrap().unwrap();
        let again = User { id: world.ids.user_id(), ..user };
        world.store.create_user(again, None, BY).await.unwrap().unwrap();
    }
    for inbox in world.store.list_inboxes(&world.shop).await.unwrap() {
        assert!(world.store.delete_inbox(&world.shop, inbox.id, BY, world.now()).await.unwrap());
    }
    world.sweep().await;
    world.store.request_resend(&world.shop, first, world.now()).await.unwrap();
    let before = everything(world).await;
    removal.arrive().await;
    assert_eq!(everything(&removal.world).await, before);
}

#[tokio::test]
async fn a_move_that_was_broken_off_goes_on() {
    let mut removal = Removal::new().await;
    furnish(&removal.world).await;
    let before = everything(&removal.world).await;
    // Each time a little later, so that it is broken off in every table.
    for stop_at in 0..8 {
        let (sender, mut stopping) = tokio::sync::mpsc::unbounded_channel();
        let mut calls = 0;
        let what = removal.what();
        let running = tokio::spawn(async move {
            let progress = |_| {
                calls += 1;
                if calls > stop_at * 4 {
                    let _ = sender.send(());
                }
            };
            moving::move_ahead(&what, progress).await
        });
        stopping.recv().await;
        running.abort();
        drop(running.await);
        let error = removal.open_postgres().await.err().unwrap();
        assert!(error.to_string().contains("a move into this database was not finished"), "{error}");
    }
    removal.arrive().await;
    assert_eq!(everything(&removal.world).await, before);
}

#[tokio::test]
async fn nothing_goes_into_a_database_that_is_used() {
    let removal = Removal::new().await;
    let store = removal.open_postgres().await.unwrap();
    let world = World::new(store).await;
    let refused = |end: Result<u64, StoreError>| end.err().unwrap().to_string();
    let error = refused(moving::move_ahead(&removal.what(), |_| {}).await);
    assert!(error.contains("in use"), "{error}");
    world.store.close().await;
    drop(world);
    let gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    removal.database.run(gone);
    let error = refused(moving::move_ahead(&removal.what(), |_| {}).await);
    assert!(error.contains("holds an installation already"), "{error}");
}

#[tokio::test]
async fn the_old_database_knows_where_it_went_until_that_is_taken_back() {
    let mut removal = Removal::new().await;
    let file = removal.dir.path().join(sqlite::DATABASE_FILE);
    assert_eq!(sqlite::moved_to(&file).unwrap(), None);
    removal.arrive().await;
    let target = sqlite::moved_to(&file).unwrap().unwrap();
    assert_eq!(target, removal.database.url().to_string());
    assert!(sqlite::take_move_back(&file).unwrap() && !sqlite::take_move_back(&file).unwrap());
    assert_eq!(sqlite::moved_to(&file).unwrap(), None);
}
