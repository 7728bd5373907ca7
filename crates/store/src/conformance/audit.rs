//! The audit log.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{
    Actor, ApiKeyId, AuditAction, AuditEntry, AuditId, CustomHeader, InboxAnswer, Owner, RetentionDays, Role,
    StoreChange, StoreInfo, UserChange, Webhook, WebhookChange,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::world::{BY, World, shop_id};
use super::{inboxes, keys, people};
use crate::{AuditNote, DeliveryFilter, LinkPurpose, NewResendJob, Page, SessionOwner, SessionRecord, Store};

/// All entries, the oldest first.
async fn log(world: &World) -> Vec<AuditEntry> {
    let mut log = list(world, None, None, 10_000).await;
    log.reverse();
    log
}

async fn list(
    world: &World,
    stores: Option<&[&str]>,
    after: Option<AuditId>,
    limit: usize,
) -> Vec<AuditEntry> {
    let stores = stores.map(|stores| stores.iter().map(|id| shop_id(id)).collect());
    world.store.list_audit(stores, Page { after, limit }).await.expect("works")
}

async fn actions(world: &World) -> Vec<AuditAction> {
    log(world).await.into_iter().map(|entry| entry.action).collect()
}

fn renaming(name: &str) -> StoreChange {
    StoreChange { name: Some(name.into()), ..StoreChange::default() }
}

fn told(entry: &AuditEntry) -> (&str, &str) {
    (entry.from.as_deref().unwrap_or(""), entry.to.as_deref().unwrap_or(""))
}

/// Who, what, when and where, and what it was before.
pub async fn a_change_of_a_store_is_told_with_who_made_it(store: Arc<dyn Store>) {
    let world = World::without_shop(store);
    let key = Actor::Key { id: ApiKeyId::from_bytes([7; 16]), name: "Kho".into() };
    let user = Actor::User { id: world.ids.user_id(), email: "lan@example.vn".parse().expect("an address") };
    let portal = Actor::Portal { store: world.shop.clone() };
    let made = world.now();
    let info = StoreInfo { id: world.shop.clone(), name: "Cũ".into(), retention: None, created_at: made };
    world.store.create_store(info, &key).await.expect("works").expect("made");
    world.pass(Duration::from_secs(1));
    for (by, name) in [(&user, "Mới"), (&portal, "Mới nhất")] {
        world.store.change_store(&world.shop, renaming(name), by, world.now()).await.expect("works");
    }
    for (name, retention) in [(None, Some(7)), (None, Some(7)), (Some("Tân"), None)] {
        let change = StoreChange {
            name: name.map(Into::into),
            retention: Some(retention.and_then(RetentionDays::new)),
        };
        world.store.change_store(&world.shop, change, &key, world.now()).await.expect("works");
    }
    world.store.delete_store(&world.shop, BY, world.now()).await.expect("works");

    let log = log(&world).await;
    let (none, seven) = (r#"{"retention_days":null}"#, r#"{"retention_days":7}"#);
    let expected = [
        (AuditAction::StoreCreated, &key, made, ("", r#"{"name":"Cũ"}"#)),
        (AuditAction::StoreRenamed, &user, world.now(), (r#"{"name":"Cũ"}"#, r#"{"name":"Mới"}"#)),
        (AuditAction::StoreRenamed, &portal, world.now(), (r#"{"name":"Mới"}"#, r#"{"name":"Mới nhất"}"#)),
        (AuditAction::StoreRetentionChanged, &key, world.now(), (none, seven)),
        (AuditAction::StoreRenamed, &key, world.now(), (r#"{"name":"Mới nhất"}"#, r#"{"name":"Tân"}"#)),
        (AuditAction::StoreRetentionChanged, &key, world.now(), (seven, none)),
        (AuditAction::StoreDeleted, BY, world.now(), (r#"{"name":"Tân"}"#, "")),
    ];
    assert_eq!(log.len(), expected.len());
    for (entry, (action, actor, at, told_is)) in log.iter().zip(expected) {
        assert_eq!((entry.action, &entry.actor, entry.at), (action, actor, at));
        assert_eq!((told(entry), entry.subject.as_str()), (told_is, "552"));
        assert_eq!(entry.store.as_ref(), Some(&world.shop));
    }
    assert!(log.is_sorted_by(|one, next| one.id < next.id));
}

/// And the new secret has an entry of its own.
pub async fn a_change_of_a_webhook_tells_what_changed_and_nothing_else(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let change = WebhookChange {
        description: Some("Kho Huế".into()),
        enabled: Some(true),
        secret: Some(world.secret()),
        ..WebhookChange::default()
    };
    world.change(webhook, change).await;
    world.disable(webhook).await;
    world.delete_webhook(webhook).await;
    let log = log(&world).await;
    let of_webhook: Vec<_> = log.iter().filter(|entry| entry.subject == webhook.to_string()).collect();
    let actions: Vec<_> = of_webhook.iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        [
            AuditAction::WebhookCreated,
            AuditAction::WebhookChanged,
            AuditAction::WebhookSecretRotated,
            AuditAction::WebhookChanged,
            AuditAction::WebhookDeleted,
        ]
    );
    assert!(told(of_webhook[0]).1.contains(&format!(r#""url":"https://example.com/{webhook}""#)));
    assert_eq!(told(of_webhook[1]), (r#"{"description":""}"#, r#"{"description":"Kho Huế"}"#));
    assert_eq!(told(of_webhook[2]), ("", ""));
    assert_eq!(told(of_webhook[3]), (r#"{"enabled":true}"#, r#"{"enabled":false}"#));
    assert_eq!(told(of_webhook[4]).0, format!(r#"{{"url":"https://example.com/{webhook}"}}"#));
}

/// That a value changed shows, and what it is does not.
pub async fn neither_secrets_nor_the_values_of_headers_are_told(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let header =
        |value: &str| vec![CustomHeader { name: "X-Token".into(), value: SecretString::from(value) }];
    let webhook = Webhook { headers: header("CANARY-1"), ..world.draft() };
    let id = webhook.id;
    let secrets = [webhook.secrets.current.clone(), world.secret()];
    world.store.create_webhook(webhook, BY).await.expect("works").expect("made");
    let change = WebhookChange {
        headers: Some(header("CANARY-2")),
        secret: Some(secrets[1].clone()),
        ..WebhookChange::default()
    };
    world.change(id, change.clone()).await;
    let user = people::user(&world, "lan@example.vn", Role::Admin);
    world.store.create_user(user, Some("CANARY-3".into()), BY).await.expect("works").expect("made");

    let log = log(&world).await;
    let masked = r#"{"headers":[{"key":"X-Token","value":"••••••"}]}"#;
    let changed = log.iter().find(|entry| entry.action == AuditAction::WebhookChanged).expect("told");
    assert_eq!(told(changed), (masked, masked));
    let all = format!("{log:?}");
    assert!(!all.contains("CANARY"), "{all}");
    for secret in &secrets {
        assert!(!all.contains(secret.reveal().expose_secret()), "{all}");
    }
    // The same once more changes nothing.
    world.change(id, WebhookChange { secret: None, ..change }).await;
    assert_eq!(self::log(&world).await.len(), log.len());
}

/// Answered 410.
pub async fn a_receiver_that_disables_its_webhook_is_told_of(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.try_once(webhook, 410).await;
    let log = log(&world).await;
    let last = log.last().expect("there");
    assert_eq!((last.action, &last.actor), (AuditAction::WebhookDisabledByReceiver, BY));
    assert_eq!((last.subject.as_str(), last.store.as_ref()), (&*webhook.to_string(), Some(&world.shop)));
    assert_eq!(told(last), (r#"{"enabled":true}"#, r#"{"enabled":false,"disabled_reason":"webhook_gone"}"#));
}

/// What was refused, and what was so already.
pub async fn what_changes_nothing_leaves_no_entry(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.draft();
    world.store.create_webhook(webhook.clone(), BY).await.expect("works").expect("made");
    let before = log(&world).await;
    let (store, now, nobody) = (&world.store, world.now(), shop_id("nobody"));
    let info = store.find_store(&world.shop).await.expect("works").expect("there");
    assert!(store.create_store(info.clone(), BY).await.expect("works").is_err());
    assert_eq!(
        store.change_store(&world.shop, renaming(&info.name), BY, now).await.expect("works"),
        Some(info)
    );
    assert!(store.change_store(&nobody, renaming("x"), BY, now).await.expect("works").is_none());
    assert!(!store.delete_store(&nobody, BY, now).await.expect("works"));
    assert!(store.create_webhook(webhook.clone(), BY).await.expect("works").is_err());
    world.change(webhook.id, WebhookChange::default()).await;
    assert!(!store.delete_webhook(&nobody, webhook.id, BY, now).await.expect("works"));
    let lost = keys::api_key(&world, Owner::Store(nobody));
    assert!(store.create_api_key(lost, [1; 32], BY).await.expect("works").is_err());
    let unknown = world.ids.user_id();
    assert!(store.change_user(unknown, UserChange::default(), None, BY, now).await.expect("works").is_err());
    assert!(store.delete_user(unknown, BY, now).await.expect("works").is_err());
    assert_eq!(log(&world).await, before);
}

/// Each of the others once.
pub async fn every_other_change_leaves_its_entry(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (store, shop) = (&world.store, &world.shop);
    let key = keys::api_key(&world, Owner::Store(shop.clone()));
    store.create_api_key(key.clone(), [1; 32], BY).await.expect("works").expect("made");
    assert!(store.revoke_api_key(Some(shop), key.id, BY, world.now()).await.expect("works"));
    let admin = people::make_user(&world, "a@example.vn", Role::Admin).await;
    let user = people::make_user(&world, "b@example.vn", Role::Viewer).await;
    let change = UserChange {
        role: Some(Role::Member),
        password_hash: Some("$argon2id$2".into()),
        ..UserChange::default()
    };
    store.change_user(user, change, None, BY, world.now()).await.expect("works").expect("changed");
    store.delete_user(user, BY, world.now()).await.expect("works").expect("deleted");
    let link = people::link(&world, 1, LinkPurpose::Portal { store: shop.clone(), role: Role::Viewer });
    store.create_sign_in_link(link, BY).await.expect("works").expect("made");
    let job = NewResendJob {
        id: world.ids.resend_job_id(),
        store: shop.clone(),
        filter: DeliveryFilter::default(),
        created_at: world.now(),
    };
    let job = store.create_resend_job(job, BY).await.expect("works").expect("made").id;
    store.stop_resend_job(shop, job, BY, world.now()).await.expect("works").expect("there");
    let inbox = inboxes::make_inbox(&world, "t").await.id;
    store.change_inbox(shop, inbox, InboxAnswer::Slow, BY, world.now()).await.expect("works");
    assert!(store.delete_inbox(shop, inbox, BY, world.now()).await.expect("works"));

    assert_eq!(
        actions(&world).await,
        [
            AuditAction::StoreCreated,
            AuditAction::KeyCreated,
            AuditAction::KeyRevoked,
            AuditAction::UserCreated,
            AuditAction::UserCreated,
            AuditAction::UserChanged,
            AuditAction::UserPasswordChanged,
            AuditAction::UserDeleted,
            AuditAction::PortalLinkCreated,
            AuditAction::ResendJobStarted,
            AuditAction::ResendJobStopped,
            AuditAction::InboxCreated,
            AuditAction::InboxChanged,
            AuditAction::InboxDeleted,
        ]
    );
    let log = log(&world).await;
    let of = |action| log.iter().find(|entry| entry.action == action).expect("told");
    assert_eq!(
        told(of(AuditAction::KeyCreated)).1,
        r#"{"name":"Khóa thử","scopes":["publish","manage"],"expires_at":null}"#
    );
    assert_eq!(told(of(AuditAction::UserChanged)), (r#"{"role":"viewer"}"#, r#"{"role":"member"}"#));
    assert_eq!(told(of(AuditAction::InboxChanged)), (r#"{"answer":"ok"}"#, r#"{"answer":"slow"}"#));
    let users: Vec<_> = log.iter().filter(|entry| entry.subject == user.to_string()).collect();
    assert!(users.len() == 4 && users.iter().all(|entry| entry.store.is_none()), "{users:?}");
    assert!(log.iter().any(|entry| entry.subject == admin.to_string()));
}

/// What is not in its list is not shown.
pub async fn the_log_is_listed_newest_first_in_pages_by_store(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.make_shop(&shop_id("600")).await;
    for number in 0..7 {
        for shop in ["552", "600"] {
            let name = format!("Tên {number}");
            world.store.change_store(&shop_id(shop), renaming(&name), BY, world.now()).await.expect("works");
        }
        people::make_user(&world, &format!("u{number}@example.vn"), Role::Admin).await;
    }
    let all = list(&world, None, None, 100).await;
    assert!(all.len() == 23 && all.is_sorted_by(|one, next| one.id > next.id));
    let of = |shops: &[&str]| {
        let wanted =
            |entry: &&AuditEntry| entry.store.as_ref().is_some_and(|store| shops.contains(&store.as_str()));
        all.iter().filter(wanted).cloned().collect::<Vec<_>>()
    };
    for shops in [&["552"][..], &["600", "552"], &["552", "nobody"], &[]] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = list(&world, Some(shops), after, 3).await;
            after = page.last().map(|entry| entry.id);
            found.extend(page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, of(shops), "{shops:?}");
    }
    let page = list(&world, None, Some(all[1].id), 2).await;
    assert_eq!(page, all[2..4]);
}

/// Only those who see everything do.
pub async fn the_next_owner_of_a_stores_id_sees_nothing_of_the_last(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.make_webhook().await;
    world.pass(Duration::from_secs(1));
    world.delete_shop().await;
    assert!(list(&world, Some(&["552"]), None, 10).await.is_empty());
    world.sweep().await;
    world.pass(Duration::from_secs(1));
    world.make_shop(&world.shop).await;
    let seen: Vec<_> =
        list(&world, Some(&["552"]), None, 10).await.iter().map(|entry| entry.action).collect();
    assert_eq!(seen, [AuditAction::StoreCreated]);
    assert_eq!(actions(&world).await.len(), 4);
}

/// That somebody looked at a secret, say.
pub async fn what_changes_nothing_else_can_be_noted(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let note = AuditNote {
        at: world.now(),
        actor: Actor::Key { id: ApiKeyId::from_bytes([7; 16]), name: "Kho".into() },
        action: AuditAction::WebhookSecretShown,
        store: Some(world.shop.clone()),
        subject: world.make_webhook().await.to_string(),
    };
    let before = log(&world).await;
    world.store.note_audit(note.clone()).await.expect("works");
    let after = log(&world).await;
    let last = after.last().expect("noted").clone();
    assert!(after.len() == before.len() + 1 && before.iter().all(|entry| entry.id < last.id));
    let AuditNote { at, actor, action, store, subject } = note;
    assert_eq!(last, AuditEntry { id: last.id, at, actor, action, store, subject, from: None, to: None });
}

/// With the session, or not at all.
pub async fn signing_in_is_told_by_who_did(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = people::make_user(&world, "lan@example.vn", Role::Viewer).await;
    let before = actions(&world).await.len();
    let at = world.now();
    let begin = async |number: u8, owner: SessionOwner| {
        let (created_at, expires_at) = (at, at + Duration::from_hours(1));
        let session = SessionRecord { hash: [number; 32], owner, created_at, expires_at };
        world.store.create_session(session).await.map(|begun| begun.is_ok())
    };
    assert!(begin(1, SessionOwner::User(lan)).await.expect("works"));
    begin(1, SessionOwner::User(lan)).await.expect_err("its hash is taken");
    assert!(!begin(2, SessionOwner::User(world.ids.user_id())).await.expect("works"));
    let portal = SessionOwner::Portal { store: world.shop.clone(), role: Role::Viewer };
    assert!(begin(3, portal).await.expect("works"));
    let log = log(&world).await;
    let [told] = &log[before..] else { panic!("{log:?}") };
    assert_eq!((told.action, told.at, &told.store), (AuditAction::UserSignedIn, at, &None));
    let email = "lan@example.vn".parse().expect("an address");
    assert_eq!((&told.actor, told.subject.clone()), (&Actor::User { id: lan, email }, lan.to_string()));
}
