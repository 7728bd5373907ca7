//! A master key that was rotated: what the old one sealed is sealed anew, on both backends. `BOCAU_TEST_POSTGRES` is the
//! URL of a server where databases may be made; `make test` starts one and sets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use bocau_domain::header::CustomHeader;
use bocau_domain::{Inbox, InboxAnswer, InboxRequest, Role, User, WebhookChange};
use bocau_store::conformance::world::{BY, Dice, World};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::{SqliteOptions, SqliteStore};
use bocau_store::{Page, RESEAL_BATCH, Result, Store};
use bocau_testkit::TestDatabase;
use secrecy::ExposeSecret as _;

const OLD: &str = "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=";
const NEW: &str = "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=";
/// More than one call seals anew.
const REQUESTS: usize = RESEAL_BATCH / 100 + 1;

/// All that is kept sealed, as it is read.
#[derive(Debug, PartialEq)]
struct Opened {
    secrets: Vec<Vec<u8>>,
    headers: Vec<(String, String)>,
    password: Option<String>,
    changes: Vec<(Option<String>, Option<String>)>,
    requests: Vec<Vec<(String, String)>>,
}

/// Something in every column that is sealed.
async fn fill(store: Arc<dyn Store>) -> World {
    let world = World::new(store).await;
    let mut webhook = world.draft();
    webhook.headers = vec![CustomHeader::parse("x-token", "s3cret", "bocau").unwrap()];
    let id = webhook.id;
    world.store.create_webhook(webhook, BY).await.unwrap().unwrap();
    let rotated = WebhookChange { secret: Some(world.secret()), ..WebhookChange::default() };
    world.change(id, rotated).await;
    world.change(id, WebhookChange { description: Some("kho".into()), ..WebhookChange::default() }).await;
    let user = User {
        id: world.ids.user_id(),
        email: "lan@example.vn".parse().unwrap(),
        role: Role::Admin,
        stores: Vec::new(),
        has_password: false,
        created_at: world.now(),
        last_sign_in_at: None,
    };
    world.store.create_user(user, Some("$argon2id$1".into()), BY).await.unwrap().unwrap();
    for inbox in 0..REQUESTS {
        fill_inbox(&world, inbox).await;
    }
    world
}

/// An inbox with as many requests as one keeps.
async fn fill_inbox(world: &World, number: usize) {
    let inbox = Inbox {
        id: world.ids.inbox_id(),
        store: world.shop.clone(),
        name: "Thử".into(),
        token: number.to_string(),
        answer: InboxAnswer::Ok,
        created_at: world.now(),
    };
    world.store.create_inbox(inbox.clone(), BY).await.unwrap().unwrap();
    for _ in 0..100 {
        let request = InboxRequest {
            id: world.ids.inbox_request_id(),
            inbox: inbox.id,
            at: world.now(),
            headers: vec![("x-token".into(), "s3cret".into())],
            body: Vec::new(),
            verified: None,
            answer_status: 200,
        };
        assert!(world.store.add_inbox_request(request).await.unwrap());
    }
}

async fn read(world: &World, store: &Arc<dyn Store>) -> Opened {
    let routes = store.routes(&world.shop).await.unwrap().unwrap();
    let webhook = &routes.webhooks[0];
    let previous = webhook.secrets.previous.iter().map(|(secret, _)| secret);
    let secrets = std::iter::once(&webhook.secrets.current).chain(previous);
    let (_, password) = store.find_user_by_email(&"lan@example.vn".parse().unwrap()).await.unwrap().unwrap();
    let log = store.list_audit(None, Page { after: None, limit: 1_000 }).await.unwrap();
    let mut requests = Vec::new();
    for inbox in store.list_inboxes(&world.shop).await.unwrap() {
        let received = store.list_inbox_requests(&world.shop, inbox.id).await.unwrap();
        requests.extend(received.into_iter().map(|request| request.headers));
    }
    Opened {
        secrets: secrets.map(|secret| secret.expose_bytes().to_vec()).collect(),
        headers: webhook
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.expose_secret().to_owned()))
            .collect(),
        password: password.map(|hash| hash.expose_secret().to_owned()),
        changes: log.into_iter().map(|entry| (entry.from, entry.to)).collect(),
        requests,
    }
}

async fn what_an_old_key_sealed_is_sealed_anew(open: impl AsyncFn(&str) -> Result<Arc<dyn Store>>) {
    let store = open(OLD).await.unwrap();
    let world = fill(store.clone()).await;
    let before = read(&world, &store).await;
    assert!(
        before.secrets.len() == 2 && before.changes.iter().any(|(from, to)| from.is_some() && to.is_some())
    );
    assert_eq!(store.reseal().await.unwrap(), 0, "nothing is sealed otherwise");
    store.close().await;

    let store = open(&format!("{NEW},{OLD},tokens={OLD}")).await.unwrap();
    assert_eq!(read(&world, &store).await, before, "the old key opens");
    assert_eq!(store.reseal().await.unwrap(), RESEAL_BATCH);
    assert_eq!(read(&world, &store).await, before, "whichever key sealed what");
    while store.reseal().await.unwrap() > 0 {}
    store.close().await;

    let store = open(&format!("{NEW},tokens={OLD}")).await.unwrap();
    assert_eq!(read(&world, &store).await, before, "the new key alone opens all");
    store.close().await;
    let error = open(OLD).await.err().unwrap().to_string();
    assert!(error.contains("sealed with another master key"), "{error}");
}

fn key(text: &str) -> MasterKey {
    MasterKey::from_base64(text).unwrap()
}

#[tokio::test]
async fn what_an_old_key_sealed_is_sealed_anew_in_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    what_an_old_key_sealed_is_sealed_anew(async |text| {
        let options = SqliteOptions::new(dir.path(), key(text), Arc::new(Dice::new(2)));
        let opened: Arc<dyn Store> = Arc::new(SqliteStore::open(options)?);
        Ok(opened)
    })
    .await;
}

#[tokio::test]
async fn what_an_old_key_sealed_is_sealed_anew_in_postgresql() {
    let database = TestDatabase::make().await;
    what_an_old_key_sealed_is_sealed_anew(async |text| {
        let options = PostgresOptions::new(database.url(), key(text), Arc::new(Dice::new(2)));
        let opened: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await?);
        Ok(opened)
    })
    .await;
}
