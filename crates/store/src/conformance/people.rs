//! Users, sessions and links that sign in once.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::SESSION_TOUCH_INTERVAL;
use bocau_domain::{Role, StoreId, User, UserChange, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use super::world::{BY, World, shop_id};
use crate::{LinkPurpose, NotChanged, Session, SessionOwner, SessionRecord, SignInLink, SignedIn, Store};

const DAY: Duration = Duration::from_hours(24);

/// A user who is not written yet; others than admins are of store 552.
pub(super) fn user(world: &World, email: &str, role: Role) -> User {
    User {
        id: world.ids.user_id(),
        email: email.parse().expect("an address"),
        role,
        stores: if role == Role::Admin { Vec::new() } else { vec![world.shop.clone()] },
        has_password: false,
        created_at: world.now(),
        last_sign_in_at: None,
    }
}

/// Makes a user with a password.
pub(super) async fn make_user(world: &World, email: &str, role: Role) -> UserId {
    let user = user(world, email, role);
    let id = user.id;
    world.store.create_user(user, Some("$argon2id$1".into()), BY).await.expect("works").expect("made");
    id
}

/// A link that is good for fifteen minutes.
pub(super) fn link(world: &World, number: u8, purpose: LinkPurpose) -> SignInLink {
    SignInLink {
        hash: [number; 32],
        purpose,
        created_at: world.now(),
        expires_at: world.now() + Duration::from_mins(15),
        session_until: world.now() + DAY,
    }
}

async fn find(world: &World, id: UserId) -> Option<User> {
    world.store.find_user(id).await.expect("works")
}

async fn change(world: &World, id: UserId, change: UserChange) -> Result<User, NotChanged> {
    world.store.change_user(id, change, None, BY, world.now()).await.expect("works")
}

async fn delete(world: &World, id: UserId) -> Result<(), NotChanged> {
    world.store.delete_user(id, BY, world.now()).await.expect("works")
}

async fn begin(world: &World, number: u8, owner: SessionOwner) -> Result<(), NotChanged> {
    let session =
        SessionRecord { hash: [number; 32], owner, created_at: world.now(), expires_at: world.now() + DAY };
    world.store.create_session(session).await.expect("works")
}

async fn session(world: &World, number: u8) -> Option<Session> {
    world.store.find_session([number; 32], world.now()).await.expect("works")
}

fn portal(world: &World, role: Role) -> SessionOwner {
    SessionOwner::Portal { store: world.shop.clone(), role }
}

/// By id and by address, with the hash of the password only where it is asked for.
pub async fn a_user_reads_back(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.make_shop(&shop_id("600")).await;
    let lan =
        User { stores: vec![shop_id("600"), shop_id("552")], ..user(&world, "Lan@example.vn", Role::Member) };
    let hash = SecretString::from("$argon2id$v=19$lan");
    world.store.create_user(lan.clone(), Some(hash), BY).await.expect("works").expect("made");
    let bare = user(&world, "tu@example.vn", Role::Admin);
    world.store.create_user(bare.clone(), None, BY).await.expect("works").expect("made");

    let lan = User { has_password: true, stores: vec![shop_id("552"), shop_id("600")], ..lan };
    assert_eq!(find(&world, lan.id).await, Some(lan.clone()));
    let by_email = |email: &str| {
        let (email, store) = (email.parse().expect("an address"), &world.store);
        async move { store.find_user_by_email(&email).await.expect("works") }
    };
    let (found, hash) = by_email("LAN@example.vn").await.expect("there");
    assert_eq!((&found, hash.expect("kept").expose_secret()), (&lan, "$argon2id$v=19$lan"));
    let (found, hash) = by_email("tu@example.vn").await.expect("there");
    assert!(found == bare && hash.is_none());
    assert!(by_email("nobody@example.vn").await.is_none());
    assert_eq!(world.store.list_users().await.expect("works"), [lan, bare]);
    assert_eq!(world.store.count_users().await.expect("works"), 2);
    assert_eq!(find(&world, world.ids.user_id()).await, None);
}

/// Whatever its case.
pub async fn an_address_is_taken_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let first = make_user(&world, "lan@example.vn", Role::Admin).await;
    let again = user(&world, "LAN@example.vn", Role::Viewer);
    assert_eq!(world.store.create_user(again, None, BY).await.expect("works"), Err(NotChanged::Taken));
    let other = make_user(&world, "tu@example.vn", Role::Viewer).await;
    let email = Some("lan@example.vn".parse().expect("an address"));
    let to_taken = UserChange { email, ..UserChange::default() };
    assert_eq!(change(&world, other, to_taken.clone()).await, Err(NotChanged::Taken));
    assert!(change(&world, first, to_taken).await.is_ok(), "one's own");
    let lost = User { stores: vec![shop_id("nobody")], ..user(&world, "x@example.vn", Role::Viewer) };
    assert_eq!(world.store.create_user(lost, None, BY).await.expect("works"), Err(NotChanged::NoStore));
}

/// A change, and what it does to a user.
type Step = (UserChange, fn(&mut User));

/// What is not named stays.
pub async fn a_change_of_a_user_sets_what_it_names(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    world.make_shop(&shop_id("600")).await;
    make_user(&world, "boss@example.vn", Role::Admin).await;
    let lan = user(&world, "lan@example.vn", Role::Viewer);
    world.store.create_user(lan.clone(), None, BY).await.expect("works").expect("made");
    let none = UserChange::default;
    let mut expected = lan;
    let steps: [Step; 5] = [
        (none(), |_| {}),
        (UserChange { stores: Some(vec![shop_id("600")]), ..none() }, |user| {
            user.stores = vec![shop_id("600")];
        }),
        (UserChange { password_hash: Some("h".into()), ..none() }, |user| user.has_password = true),
        (UserChange { email: "lan2@example.vn".parse().ok(), ..none() }, |user| {
            user.email = "lan2@example.vn".parse().expect("an address");
        }),
        (UserChange { role: Some(Role::Admin), ..none() }, |user| {
            (user.role, user.stores) = (Role::Admin, Vec::new());
        }),
    ];
    for (step, effect) in steps {
        effect(&mut expected);
        assert_eq!(change(&world, expected.id, step).await, Ok(expected.clone()));
        assert_eq!(find(&world, expected.id).await.as_ref(), Some(&expected));
    }
    let lost = UserChange { role: Some(Role::Viewer), stores: Some(vec![shop_id("nobody")]), ..none() };
    assert_eq!(change(&world, expected.id, lost).await, Err(NotChanged::NoStore));
    assert_eq!(change(&world, world.ids.user_id(), none()).await, Err(NotChanged::NotFound));
}

/// Somebody must be able to sign in and put things right.
pub async fn the_last_admin_who_can_sign_in_stays_one(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let demote = || UserChange { role: Some(Role::Member), ..UserChange::default() };
    let first = make_user(&world, "a@example.vn", Role::Admin).await;
    let bare = user(&world, "b@example.vn", Role::Admin);
    world.store.create_user(bare.clone(), None, BY).await.expect("works").expect("made");
    assert_eq!(delete(&world, first).await, Err(NotChanged::LastAdmin), "the other cannot sign in");
    assert_eq!(change(&world, first, demote()).await, Err(NotChanged::LastAdmin));
    begin(&world, 1, SessionOwner::User(bare.id)).await.expect("begun");
    assert!(change(&world, first, demote()).await.is_ok(), "the other has signed in");
    assert_eq!(delete(&world, bare.id).await, Err(NotChanged::LastAdmin));
    assert!(find(&world, bare.id).await.is_some() && session(&world, 1).await.is_some());
    assert_eq!(delete(&world, first).await, Ok(()));
    assert_eq!(delete(&world, first).await, Err(NotChanged::NotFound));
}

/// Also for whoever has its id next.
pub async fn a_store_that_is_deleted_goes_from_its_users_and_portals(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Member).await;
    let purpose = LinkPurpose::Portal { store: world.shop.clone(), role: Role::Member };
    world
        .store
        .create_sign_in_link(link(&world, 1, purpose.clone()), BY)
        .await
        .expect("works")
        .expect("made");
    world.store.create_sign_in_link(link(&world, 2, purpose), BY).await.expect("works").expect("made");
    begin(&world, 1, portal(&world, Role::Member)).await.expect("begun");
    world.delete_shop().await;
    let gone = |user: Option<User>| user.expect("there").stores == Vec::<StoreId>::new();
    let redeem = |number| world.store.redeem_sign_in_link([number; 32], world.now());
    assert!(gone(find(&world, lan).await));
    assert_eq!(session(&world, 1).await, None);
    assert_eq!(redeem(1).await.expect("works"), None);
    assert_eq!(begin(&world, 2, portal(&world, Role::Member)).await, Err(NotChanged::NotFound));
    world.sweep().await;
    world.make_shop(&world.shop).await;
    assert!(gone(find(&world, lan).await));
    assert_eq!(session(&world, 1).await, None);
    assert_eq!(redeem(2).await.expect("works"), None);
}

/// To the millisecond.
pub async fn a_session_holds_until_its_end(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Viewer).await;
    let (began, end) = (world.now(), world.now() + DAY);
    begin(&world, 1, SessionOwner::User(lan)).await.expect("begun");
    begin(&world, 2, portal(&world, Role::Viewer)).await.expect("begun");
    let who = SignedIn::User(find(&world, lan).await.expect("there"));
    let store = world.store.find_store(&world.shop).await.expect("works").expect("there");
    let at_portal = SignedIn::Portal { store, role: Role::Viewer };
    world.pass(DAY.saturating_sub(Duration::from_millis(1)));
    for (number, who) in [(1, who), (2, at_portal)] {
        assert_eq!(session(&world, number).await, Some(Session { who, created_at: began, expires_at: end }));
    }
    world.pass(Duration::from_millis(1));
    assert!(session(&world, 1).await.is_none() && session(&world, 2).await.is_none());
    assert!(session(&world, 3).await.is_none());
    world.sweep().await;
    for number in [1, 2] {
        assert_eq!(world.store.find_session([number; 32], began).await.expect("works"), None, "swept");
    }
    let nobody = SessionOwner::User(world.ids.user_id());
    assert_eq!(begin(&world, 4, nobody).await, Err(NotChanged::NotFound));
}

/// A role that was taken away is gone at once.
pub async fn a_session_shows_its_user_as_they_stand_now(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Member).await;
    begin(&world, 1, SessionOwner::User(lan)).await.expect("begun");
    assert_eq!(find(&world, lan).await.expect("there").last_sign_in_at, Some(world.now()));
    let demoted = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let demoted = change(&world, lan, demoted).await.expect("changed");
    assert_eq!(session(&world, 1).await.expect("holds").who, SignedIn::User(demoted));
}

/// One at a time, all but one, and with the user.
pub async fn a_session_can_be_ended(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Viewer).await;
    let tu = make_user(&world, "tu@example.vn", Role::Viewer).await;
    for number in 1..=4 {
        begin(&world, number, SessionOwner::User(lan)).await.expect("begun");
    }
    begin(&world, 5, SessionOwner::User(tu)).await.expect("begun");
    assert!(world.store.delete_session([1; 32]).await.expect("works"));
    assert!(!world.store.delete_session([1; 32]).await.expect("works"));
    assert!(session(&world, 1).await.is_none());
    assert_eq!(delete(&world, lan).await, Ok(()));
    assert!(session(&world, 2).await.is_none() && session(&world, 5).await.is_some());
}

/// Whoever had the old one is out; who changed it stays in. Nothing else ends a session.
pub async fn a_new_password_ends_the_other_sessions(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Viewer).await;
    let tu = make_user(&world, "tu@example.vn", Role::Viewer).await;
    for number in 1..=3 {
        begin(&world, number, SessionOwner::User(lan)).await.expect("begun");
    }
    begin(&world, 4, SessionOwner::User(tu)).await.expect("begun");
    let keep = async |keep: Option<[u8; 32]>, change: UserChange| {
        world.store.change_user(lan, change, keep, BY, world.now()).await.expect("works").map(drop)
    };
    let open = async || {
        let mut open = Vec::new();
        for number in 1..=4 {
            open.extend(session(&world, number).await.map(|_| number));
        }
        open
    };
    let password = || UserChange { password_hash: Some("$argon2id$2".into()), ..UserChange::default() };
    let taken = UserChange { email: Some("tu@example.vn".parse().expect("an address")), ..password() };
    assert_eq!(keep(None, taken).await, Err(NotChanged::Taken));
    keep(None, UserChange { role: Some(Role::Member), ..UserChange::default() }).await.expect("changed");
    assert_eq!(open().await, [1, 2, 3, 4]);
    keep(Some([2; 32]), password()).await.expect("changed");
    assert_eq!(open().await, [2, 4]);
    keep(Some([4; 32]), password()).await.expect("changed");
    assert_eq!(open().await, [4], "another's session is none to keep");
}

/// Whoever keeps working stays signed in; a portal's session ends when its link said.
pub async fn a_sessions_end_is_put_off_once_an_hour_at_most(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let lan = make_user(&world, "lan@example.vn", Role::Viewer).await;
    begin(&world, 1, SessionOwner::User(lan)).await.expect("begun");
    begin(&world, 2, portal(&world, Role::Viewer)).await.expect("begun");
    let touch = |number: u8| {
        let now = world.now();
        let touched = world.store.touch_session([number; 32], now, now + DAY);
        async move { touched.await.expect("works") }
    };
    world.pass(SESSION_TOUCH_INTERVAL.saturating_sub(Duration::from_millis(1)));
    assert!(!touch(1).await);
    world.pass(Duration::from_millis(1));
    assert!(touch(1).await && !touch(1).await && !touch(2).await);
    assert_eq!(session(&world, 1).await.expect("holds").expires_at, world.now() + DAY);
    world.pass(DAY);
    assert!(!touch(1).await, "what has ended does not come back");
    assert!(session(&world, 1).await.is_none());
}

/// Not twice, not after its end.
pub async fn a_link_signs_in_once(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (first, second) = (
        link(&world, 1, LinkPurpose::FirstAdmin),
        link(&world, 2, LinkPurpose::Portal { store: world.shop.clone(), role: Role::Member }),
    );
    for link in [&first, &second] {
        world.store.create_sign_in_link(link.clone(), BY).await.expect("works").expect("made");
    }
    let redeem = |number: u8| {
        let redeemed = world.store.redeem_sign_in_link([number; 32], world.now());
        async move { redeemed.await.expect("works") }
    };
    let (one, two) = tokio::join!(redeem(1), redeem(1));
    assert_eq!([one, two].into_iter().flatten().collect::<Vec<_>>(), std::slice::from_ref(&first));
    assert_eq!(redeem(1).await, None);
    world.pass(Duration::from_mins(15).saturating_sub(Duration::from_millis(1)));
    assert_eq!(redeem(2).await, Some(second.clone()));
    world.store.create_sign_in_link(second.clone(), BY).await.expect("works").expect("made");
    world.pass(Duration::from_millis(1));
    assert_eq!(redeem(2).await, None, "too late");
    assert_eq!(world.store.redeem_sign_in_link([2; 32], second.created_at).await.expect("works"), None);
    world.store.create_sign_in_link(first, BY).await.expect("works").expect("made");
    world.sweep().await;
    assert_eq!(world.store.redeem_sign_in_link([1; 32], second.created_at).await.expect("works"), None);
    let lost = LinkPurpose::Portal { store: shop_id("nobody"), role: Role::Viewer };
    let lost = world.store.create_sign_in_link(link(&world, 3, lost), BY).await.expect("works");
    assert_eq!(lost, Err(NotChanged::NotFound));
}
