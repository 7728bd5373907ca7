//! The suite on `SQLite`, and what is its alone: files, locks, other processes, backups.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{
    CustomHeader, Inbox, InboxAnswer, InboxRequest, ResendJobState, Role, Status, StoreChange, User,
    UserChange, Webhook, WebhookChange,
};
use bocau_store::conformance::world::{BY, Dice, World};
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::{SqliteOptions, SqliteStore};
use bocau_store::{Appended, DeliveryFilter, NewResendJob, OverviewSpan, Page, Store, StoreError};
use rusqlite::Connection;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

bocau_store::conformance_suite!(make_store);

async fn make_store() -> (TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1).unwrap();
    (dir, store)
}

fn open(dir: &Path, master_key: u64) -> Result<Arc<dyn Store>, StoreError> {
    let master_key = MasterKey::generate(&Dice::new(master_key));
    let options = SqliteOptions::new(dir, master_key, Arc::new(Dice::new(2)));
    Ok(Arc::new(SqliteStore::open(options)?))
}

/// A connection of another process.
fn beside(dir: &Path) -> Connection {
    Connection::open(dir.join("bocau.db")).unwrap()
}

fn files_of(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    world.try_once(webhook, 500).await;
    let before = (world.delivery(id).await, world.outcomes(id).await, world.config_version().await);
    world.store.close().await;
    assert_eq!(files_of(dir.path()), [dir.path().join("bocau.db"), dir.path().join("bocau.migrate.lock")]);

    let world = World::without_shop(open(dir.path(), 1).unwrap());
    let after = (world.delivery(id).await, world.outcomes(id).await, world.config_version().await);
    assert_eq!(before, after);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    // The files as a process that dies now leaves them.
    let copy = tempfile::tempdir().unwrap();
    for file in files_of(dir.path()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let world = World::without_shop(open(copy.path(), 1).unwrap());
    assert_eq!(world.delivery(id).await.state.status, Status::Pending);
}

#[tokio::test]
async fn another_master_key_is_a_clear_error() {
    let (dir, store) = make_store().await;
    store.close().await;
    let Err(error) = open(dir.path(), 99) else { panic!("opened with another master key") };
    assert!(matches!(&error, StoreError::Corrupt(text) if text.contains("another master key")), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bocau.db"), "no database at all, but long enough to be looked at".repeat(100))
        .unwrap();
    let Err(error) = open(dir.path(), 1) else { panic!("opened what is no database") };
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    world.make_webhook().await;
    let files = files_of(dir.path());
    assert!(files.len() >= 3, "with its log: {files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_schema_that_is_newer_than_the_program_is_no_obstacle() {
    let (dir, store) = make_store().await;
    store.close().await;
    beside(dir.path())
        .execute_batch(
            "CREATE TABLE news (id INTEGER PRIMARY KEY);
             ALTER TABLE webhooks ADD COLUMN news TEXT;
             INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (999, 'news', '2030-01-01T00:00:00Z', '1');",
        )
        .unwrap();
    let world = World::new(open(dir.path(), 1).unwrap()).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.try_once(webhook, 200).await;
}

#[tokio::test]
async fn a_schema_that_went_another_way_is_refused() {
    let (dir, store) = make_store().await;
    store.close().await;
    beside(dir.path()).execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
    let Err(error) = open(dir.path(), 1) else { panic!("opened another schema") };
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
}

#[tokio::test]
async fn two_processes_may_open_the_same_new_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let stores: Vec<_> = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| open(dir.path(), 1))).collect();
        openers.into_iter().map(|opener| opener.join().unwrap().unwrap()).collect()
    });
    let world = World::new(stores[0].clone()).await;
    assert!(stores[3].find_store(&world.shop).await.unwrap().is_some());
}

#[tokio::test]
async fn an_sql_error_costs_only_the_command_that_it_happens_to() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    beside(dir.path())
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON deliveries WHEN NEW.object_id = 'poison'
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let mut submissions = Vec::new();
    for object in ["a", "poison", "b"] {
        let mut event = world.event(&[]);
        event.object_id = object.parse().unwrap();
        submissions.push(world.submission(vec![event]).await);
    }
    let poisoned = submissions[1].events[0].id;
    let alone = world.store.append(vec![submissions[1].clone()]).await;
    assert!(matches!(alone[..], [Err(StoreError::Refused(_))]), "{alone:?}");
    let answers = world.store.append(submissions).await;
    assert!(matches!(answers[0], Ok(Appended::Accepted)), "{answers:?}");
    assert!(
        matches!(&answers[1], Err(StoreError::Refused(text)) if text.contains("poisoned")),
        "{answers:?}"
    );
    assert!(matches!(answers[2], Ok(Appended::Accepted)), "{answers:?}");
    assert_eq!(world.store.find_event(&world.shop, poisoned).await.unwrap(), None, "no half of it");
    assert_eq!(world.all_deliveries().await.len(), 2);
}

#[tokio::test]
async fn an_error_that_ends_the_transaction_writes_nothing_and_the_store_goes_on() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let side = beside(dir.path());
    side.execute_batch(
        "CREATE TRIGGER poison BEFORE INSERT ON deliveries WHEN NEW.object_id = 'poison'
         BEGIN SELECT RAISE(ROLLBACK, 'poisoned'); END",
    )
    .unwrap();
    let good = world.submission(vec![world.event(&[])]).await;
    let mut bad = world.submission(vec![world.event(&[])]).await;
    bad.events[0].object_id = "poison".parse().unwrap();
    let answers = world.store.append(vec![good.clone(), bad, good.clone()]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{answers:?}");
    assert!(world.all_deliveries().await.is_empty());
    assert_eq!(world.append(good).await, Appended::Accepted);
}

#[tokio::test]
async fn a_write_waits_for_another_process_s() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let side = beside(dir.path());
    side.execute_batch("BEGIN IMMEDIATE").unwrap();
    let submission = world.submission(vec![world.event(&[])]).await;
    let (store, now) = (world.store.clone(), world.now());
    let writing = tokio::spawn(async move { store.append(vec![submission]).await.pop().unwrap().unwrap() });
    world.store.ping().await.unwrap();
    side.execute_batch("COMMIT").unwrap();
    assert_eq!(writing.await.unwrap(), Appended::Accepted);
    world.store.probe_write(now).await.unwrap();
}

#[tokio::test]
async fn a_backup_opens_and_holds_what_was_there() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.write((0..2_000).map(|_| world.event(&[webhook])).collect()).await;
    let id = world.send(webhook).await;
    let target_dir = tempfile::tempdir().unwrap();
    let target = target_dir.path().join("bocau.db");
    let steps = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = steps.clone();
    let progress = Box::new(move |done, total| noted.lock().unwrap().push((done, total)));
    world.store.backup(&target, progress).await.unwrap();
    let steps = steps.lock().unwrap().clone();
    assert!(steps.last().is_some_and(|(done, total)| done == total && *total > 0), "{steps:?}");
    // What comes after is not in the copy.
    let late = world.send(webhook).await;

    let copy = World::without_shop(open(target_dir.path(), 1).unwrap());
    assert_eq!(copy.delivery(id).await, world.delivery(id).await);
    assert_eq!(copy.store.find_delivery(&copy.shop, late).await.unwrap(), None);
    assert_eq!(copy.all_deliveries().await.len(), 2_001);
    let check: String =
        beside(target_dir.path()).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    drop(dir);
}

#[tokio::test]
async fn a_backup_beside_a_busy_writer_comes_to_its_end() {
    let (_dir, store) = make_store().await;
    let world = Arc::new(World::new(store).await);
    let webhook = world.make_webhook().await;
    let mut event = world.event(&[webhook]);
    event.payload = vec![b' '; 16 * 1024 * 1024].into();
    world.write(vec![event]).await;
    let writing = tokio::spawn({
        let world = world.clone();
        async move {
            loop {
                world.send(webhook).await;
            }
        }
    });
    let target_dir = tempfile::tempdir().unwrap();
    world.store.backup(&target_dir.path().join("copy.db"), Box::new(|_, _| {})).await.unwrap();
    writing.abort();
}

#[tokio::test]
async fn a_backup_never_overwrites_and_leaves_no_half() {
    let (dir, store) = make_store().await;
    let target = dir.path().join("taken");
    fs::write(&target, "precious").unwrap();
    let answer = store.backup(&target, Box::new(|_, _| {})).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

    let half = dir.path().join("half");
    let answer = store.backup(&half, Box::new(|_, _| panic!("the disk is full, say"))).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    assert!(!half.exists());
    assert!(store.backup(&dir.path().join("nowhere/copy"), Box::new(|_, _| {})).await.is_err());
}

#[tokio::test]
async fn a_change_is_there_with_its_entry_of_the_audit_log_or_not_at_all() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    let user = user(&world);
    world.store.create_user(user.clone(), None, BY).await.unwrap().unwrap();
    let version = world.config_version().await;
    let everything = Page { after: None, limit: 100 };
    let before = world.store.list_audit(None, everything).await.unwrap();
    beside(dir.path())
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let (store, shop, now) = (&world.store, &world.shop, world.now());
    let renamed = StoreChange { name: Some("Mới".into()), ..Default::default() };
    let change = WebhookChange { enabled: Some(false), ..Default::default() };
    let demoted = UserChange { role: Some(Role::Viewer), ..Default::default() };
    let errors = [
        store.change_store(shop, renamed, BY, now).await.map(drop),
        store.delete_store(shop, BY, now).await.map(drop),
        store.create_webhook(world.draft(), BY).await.map(drop),
        store.change_webhook(shop, webhook, change, BY, now).await.map(drop),
        store.delete_webhook(shop, webhook, BY, now).await.map(drop),
        store.change_user(world.ids.user_id(), demoted, None, BY, now).await.map(drop),
        store.delete_user(world.ids.user_id(), BY, now).await.map(drop),
        store.create_user(self::user(&world), None, BY).await.map(drop),
        store.record(vec![world.attempt(&claimed, 410)]).await.pop().unwrap().map(drop),
    ];
    // Those of nobody write nothing and do not fail.
    let failed = errors.iter().filter(|end| matches!(end, Err(StoreError::Refused(_)))).count();
    assert_eq!(failed, errors.len() - 2, "{errors:?}");
    beside(dir.path()).execute_batch("DROP TRIGGER poison").unwrap();

    assert_eq!(store.list_audit(None, everything).await.unwrap(), before);
    assert_eq!(store.find_store(shop).await.unwrap().unwrap().name, "Cửa hàng 552");
    assert_eq!(world.config_version().await, version);
    assert!(store.routes(shop).await.unwrap().unwrap().webhooks.iter().all(|webhook| webhook.enabled));
    assert_eq!(store.list_users().await.unwrap(), [user]);
    assert_eq!((world.delivery(id).await.state.attempts, world.outcomes(id).await), (0, vec![]));
}

#[tokio::test]
async fn what_was_rolled_back_is_not_counted() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    beside(dir.path())
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON deliveries WHEN NEW.object_id = 'poison'
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let mut submissions = Vec::new();
    for object in ["a", "poison", "b"] {
        let mut event = world.event(&[]);
        event.object_id = object.parse().unwrap();
        submissions.push(world.submission(vec![event]).await);
    }
    world.store.append(submissions).await;
    let hour = Duration::from_hours(1);
    let span = OverviewSpan { from: world.now() - hour, to: world.now() + hour, step: hour };
    let overview = world.store.overview(&world.shop, span).await.unwrap().unwrap();
    assert_eq!((overview.events, overview.deliveries.skipped), (2, 2));
}

#[tokio::test]
async fn a_resend_job_goes_on_where_it_was_after_a_restart() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(world.send(webhook).await);
        world.try_once(webhook, 200).await;
    }
    let job = NewResendJob {
        id: world.ids.resend_job_id(),
        store: world.shop.clone(),
        filter: DeliveryFilter { status: Some(Status::Succeeded), ..Default::default() },
        created_at: world.now(),
    };
    let job = world.store.create_resend_job(job, BY).await.unwrap().unwrap();
    let job = world.store.advance_resend_job(job.id, 2, world.now()).await.unwrap().unwrap().job;
    world.store.close().await;

    let world = World::without_shop(open(dir.path(), 1).unwrap());
    assert_eq!(world.store.running_resend_jobs().await.unwrap(), std::slice::from_ref(&job));
    let done = world.store.advance_resend_job(job.id, 10, world.now()).await.unwrap().unwrap();
    assert_eq!((done.job.done, done.job.state), (5, ResendJobState::Done));
    for claimed in world.claim(webhook, 10).await {
        assert!(sent.contains(&claimed.claim.delivery));
        sent.retain(|id| *id != claimed.claim.delivery);
    }
    assert_eq!(sent, [], "each once");
}

fn user(world: &World) -> User {
    User {
        id: world.ids.user_id(),
        email: format!("{}@example.vn", world.ids.user_id()).parse().unwrap(),
        role: Role::Admin,
        stores: Vec::new(),
        has_password: false,
        created_at: world.now(),
        last_sign_in_at: None,
    }
}

#[tokio::test]
async fn no_secret_is_in_any_file_in_clear() {
    let (dir, store) = make_store().await;
    let world = World::new(store).await;
    let canary = "CANARY-of-a-header-value";
    let webhook = Webhook {
        headers: vec![CustomHeader { name: "X-CANARY-NAME".into(), value: SecretString::from(canary) }],
        ..world.draft()
    };
    let secret = webhook.secrets.current.clone();
    world.store.create_webhook(webhook.clone(), BY).await.unwrap().unwrap();
    let rotated = bocau_domain::WebhookChange { secret: Some(world.secret()), ..Default::default() };
    let changed = world.change(webhook.id, rotated).await.webhook;
    world.send(webhook.id).await;
    let hidden = "CANARY-of-a-password-hash";
    world.store.create_user(user(&world), Some(hidden.into()), BY).await.unwrap().unwrap();
    let inbox = Inbox {
        id: world.ids.inbox_id(),
        store: world.shop.clone(),
        name: String::new(),
        token: "t".into(),
        answer: InboxAnswer::Ok,
        created_at: world.now(),
    };
    world.store.create_inbox(inbox.clone(), BY).await.unwrap().unwrap();
    let request = InboxRequest {
        id: world.ids.inbox_request_id(),
        inbox: inbox.id,
        at: world.now(),
        headers: vec![("X-CANARY-NAME".into(), canary.into())],
        body: Vec::new(),
        verified: None,
        answer_status: 200,
    };
    assert!(world.store.add_inbox_request(request).await.unwrap());
    world.store.backup(&dir.path().join("backup.db"), Box::new(|_, _| {})).await.unwrap();

    let current = changed.secrets.current;
    let written = [secret.reveal(), current.reveal()];
    let needles = [
        canary.as_bytes(),
        b"X-CANARY-NAME",
        hidden.as_bytes(),
        secret.expose_bytes(),
        current.expose_bytes(),
        written[0].expose_secret().trim_start_matches("whsec_").as_bytes(),
        written[1].expose_secret().trim_start_matches("whsec_").as_bytes(),
    ];
    let search = |stage: &str| {
        for file in files_of(dir.path()) {
            let bytes = fs::read(&file).unwrap();
            for needle in needles {
                assert!(!contains(&bytes, needle), "{} {stage}: {needle:?}", file.display());
            }
        }
    };
    assert!(files_of(dir.path()).iter().any(|file| file.ends_with("bocau.db-wal")));
    search("with its log");
    world.delete_webhook(webhook.id).await;
    world.store.close().await;
    search("closed");
    let sealed: Option<Vec<u8>> = beside(dir.path())
        .query_row("SELECT coalesce(secret, previous_secret, headers) FROM webhooks", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sealed, None, "deleted with its webhook");
}
