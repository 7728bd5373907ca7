//! Test inboxes.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::limits::{INBOX_BODY_BYTES_MAX, INBOX_REQUESTS_MAX, INBOXES_PER_STORE_MAX};
use bocau_domain::{Inbox, InboxAnswer, InboxRequest};

use super::world::{BY, World, shop_id};
use crate::{NotChanged, Store};

fn inbox(world: &World, token: &str) -> Inbox {
    Inbox {
        id: world.ids.inbox_id(),
        store: world.shop.clone(),
        name: "Thử".into(),
        token: token.into(),
        answer: InboxAnswer::Ok,
        created_at: world.now(),
    }
}

/// Makes an inbox of store 552.
pub(super) async fn make_inbox(world: &World, token: &str) -> Inbox {
    let inbox = inbox(world, token);
    world.store.create_inbox(inbox.clone(), BY).await.expect("works").expect("made");
    inbox
}

fn request(world: &World, inbox: &Inbox) -> InboxRequest {
    InboxRequest {
        id: world.ids.inbox_request_id(),
        inbox: inbox.id,
        at: world.now(),
        headers: vec![("webhook-id".into(), "evt_1".into()), ("x-token".into(), "s3cret é".into())],
        body: b"{\"id\":1}\xff".to_vec(),
        verified: Some(true),
        answer_status: 200,
    }
}

async fn requests(world: &World, inbox: &Inbox) -> Vec<InboxRequest> {
    world.store.list_inbox_requests(&world.shop, inbox.id).await.expect("works")
}

/// By its store and by its token.
pub async fn an_inbox_is_found_and_answers_as_it_was_told(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let one = make_inbox(&world, "one").await;
    let two = make_inbox(&world, "two").await;
    let (store, shop, other) = (&world.store, &world.shop, shop_id("600"));
    world.make_shop(&other).await;
    assert_eq!(store.list_inboxes(shop).await.expect("works"), [one.clone(), two.clone()]);
    assert_eq!(store.find_inbox(shop, one.id).await.expect("works"), Some(one.clone()));
    assert_eq!(store.find_inbox_by_token("two").await.expect("works"), Some(two.clone()));
    assert_eq!(store.find_inbox_by_token("three").await.expect("works"), None);
    let change = |shop, answer| store.change_inbox(shop, one.id, answer, BY, world.now());
    let slow = Inbox { answer: InboxAnswer::Slow, ..one.clone() };
    assert_eq!(change(shop, InboxAnswer::Slow).await.expect("works"), Some(slow.clone()));
    assert_eq!(store.find_inbox_by_token("one").await.expect("works"), Some(slow.clone()));

    assert_eq!(store.find_inbox(&other, one.id).await.expect("works"), None);
    assert!(store.list_inboxes(&other).await.expect("works").is_empty());
    assert_eq!(change(&other, InboxAnswer::Fail).await.expect("works"), None);
    assert!(!store.delete_inbox(&other, one.id, BY, world.now()).await.expect("works"));
    assert_eq!(store.list_inboxes(shop).await.expect("works"), [slow, two]);
}

/// Each id and token once, and no more than there may be.
pub async fn a_store_has_twenty_inboxes_at_most(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let first = make_inbox(&world, "t0").await;
    let create = |inbox| world.store.create_inbox(inbox, BY);
    assert_eq!(create(inbox(&world, "t0")).await.expect("works"), Err(NotChanged::Taken));
    for number in 1..INBOXES_PER_STORE_MAX {
        make_inbox(&world, &format!("t{number}")).await;
    }
    assert_eq!(create(inbox(&world, "more")).await.expect("works"), Err(NotChanged::TooMany));
    let lost = Inbox { store: shop_id("nobody"), ..inbox(&world, "lost") };
    assert_eq!(create(lost).await.expect("works"), Err(NotChanged::NotFound));
    assert!(world.store.delete_inbox(&world.shop, first.id, BY, world.now()).await.expect("works"));
    make_inbox(&world, "t0").await;
}

/// In the bytes that came in.
pub async fn a_request_of_an_inbox_reads_back(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let inbox = make_inbox(&world, "one").await;
    let first = request(&world, &inbox);
    world.pass(Duration::from_secs(1));
    let second =
        InboxRequest { verified: None, answer_status: 500, headers: vec![], ..request(&world, &inbox) };
    for request in [&first, &second] {
        assert!(world.store.add_inbox_request(request.clone()).await.expect("works"));
    }
    assert_eq!(requests(&world, &inbox).await, [second, first.clone()]);
    let other = shop_id("600");
    world.make_shop(&other).await;
    assert!(world.store.list_inbox_requests(&other, inbox.id).await.expect("works").is_empty());

    assert!(world.store.delete_inbox(&world.shop, inbox.id, BY, world.now()).await.expect("works"));
    assert!(requests(&world, &inbox).await.is_empty());
    assert!(!world.store.add_inbox_request(first).await.expect("works"));
}

/// The oldest make room, and long bodies are cut.
pub async fn an_inbox_keeps_the_last_hundred_requests(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (inbox, other) = (make_inbox(&world, "one").await, make_inbox(&world, "two").await);
    assert!(world.store.add_inbox_request(request(&world, &other)).await.expect("works"));
    let mut sent = Vec::new();
    for number in 0..INBOX_REQUESTS_MAX + 3 {
        let body = vec![b'x'; if number == INBOX_REQUESTS_MAX { INBOX_BODY_BYTES_MAX + 1 } else { number }];
        let mut request = InboxRequest { body, ..request(&world, &inbox) };
        assert!(world.store.add_inbox_request(request.clone()).await.expect("works"));
        request.body.truncate(INBOX_BODY_BYTES_MAX);
        sent.push(request);
    }
    sent.reverse();
    sent.truncate(INBOX_REQUESTS_MAX);
    assert_eq!(requests(&world, &inbox).await, sent);
    assert_eq!(requests(&world, &other).await.len(), 1);
}

/// From the moment of the answer on, and for good.
pub async fn a_stores_inboxes_go_with_it(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let inbox = make_inbox(&world, "one").await;
    assert!(world.store.add_inbox_request(request(&world, &inbox)).await.expect("works"));
    world.delete_shop().await;
    assert_eq!(world.store.find_inbox_by_token("one").await.expect("works"), None);
    assert!(!world.store.add_inbox_request(request(&world, &inbox)).await.expect("works"));
    assert!(requests(&world, &inbox).await.is_empty());
    world.sweep().await;
    world.make_shop(&world.shop).await;
    assert!(world.store.list_inboxes(&world.shop).await.expect("works").is_empty());
    let again = Inbox { id: inbox.id, ..self::inbox(&world, "one") };
    world.store.create_inbox(again.clone(), BY).await.expect("works").expect("made");
    assert!(requests(&world, &again).await.is_empty());
}
