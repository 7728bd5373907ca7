//! Erasing what is kept of an object.

use std::sync::Arc;

use bocau_domain::{AuditAction, DeliveryId, EventId, InboxRequest, Reason, Status, WebhookId};

use super::inboxes::make_inbox;
use super::resend_jobs::{begin, finish};
use super::world::{BY, World, shop_id};
use crate::erasure::{ERASE_BATCH, ERASED_PAYLOAD, Erased, ObjectName};
use crate::{DeliveryFilter, NewEvent, Page, Resend, Store};

/// The order of the events of [`World::event`].
fn order() -> ObjectName {
    ObjectName { group: "order".into(), types: Vec::new(), id: "208610".parse().expect("an id") }
}

async fn erase(world: &World, object: &ObjectName, after: Option<DeliveryId>) -> Erased {
    let erased = world.store.erase_object(&world.shop, object, after, BY, world.now()).await;
    erased.expect("works").expect("the store is there")
}

async fn payload_of(world: &World, id: EventId) -> Vec<u8> {
    world.store.find_event(&world.shop, id).await.expect("works").expect("there").payload
}

/// Writes an event to a webhook, with what `adjust` makes of it.
async fn write(
    world: &World,
    webhook: WebhookId,
    adjust: impl FnOnce(&mut NewEvent),
) -> (EventId, DeliveryId) {
    let mut event = world.event(&[webhook]);
    adjust(&mut event);
    let ids = (event.id, event.deliveries[0].id);
    world.write(vec![event]).await;
    ids
}

/// Of that object, and of no other of the same id or group; the rows themselves stay.
pub async fn what_is_kept_of_an_object_is_blanked_and_nothing_else(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let (event, delivery) = write(&world, webhook, |_| {}).await;
    world.try_once(webhook, 200).await;
    let customer = |event: &mut NewEvent| event.event_type = "customer.created".parse().expect("a type");
    let (other_group, other_delivery) = write(&world, webhook, customer).await;
    world.try_once(webhook, 200).await;
    let (other_id, _) =
        write(&world, webhook, |event| event.object_id = "208611".parse().expect("an id")).await;
    world.try_once(webhook, 200).await;

    let erased = erase(&world, &order(), None).await;
    assert_eq!(erased, Erased { deliveries: 1, ..Erased::default() });
    assert_eq!(payload_of(&world, event).await, ERASED_PAYLOAD);
    let history = world.store.attempts(&world.shop, delivery).await.expect("works");
    assert_eq!((history.len(), history[0].response_body.len(), history[0].status_code), (1, 0, Some(200)));
    assert_eq!(world.delivery(delivery).await.state.status, Status::Succeeded, "what happened stays told");
    for kept in [other_group, other_id] {
        assert_ne!(payload_of(&world, kept).await, ERASED_PAYLOAD);
    }
    let kept = world.store.attempts(&world.shop, other_delivery).await.expect("works");
    assert_eq!(kept[0].response_body, b"{}");
    // Types of the catalogue count by their group, whatever they are called.
    let customers = ObjectName { types: vec!["customer.created".parse().expect("a type")], ..order() };
    assert_eq!(erase(&world, &ObjectName { group: "guest".into(), ..customers }, None).await.deliveries, 1);
    assert_eq!(payload_of(&world, other_group).await, ERASED_PAYLOAD);
}

/// Also not by hand, and not by a job.
pub async fn what_was_erased_is_not_sent_any_more(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let ended = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    let asked = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    world.store.request_resend(&world.shop, asked, world.now()).await.expect("works");
    let waiting = world.send(webhook).await;

    let erased = erase(&world, &order(), None).await;
    assert_eq!((erased.deliveries, erased.skipped), (3, vec![asked, waiting]));
    let state = world.delivery(waiting).await.state;
    assert_eq!((state.status, state.reason), (Status::Skipped, Some(Reason::ObjectErased)));
    assert_eq!(world.delivery(asked).await.state.resend_at, None);
    assert_eq!(world.claim(webhook, 10).await, []);
    for id in [ended, asked, waiting] {
        let asked = world.store.request_resend(&world.shop, id, world.now()).await.expect("works");
        assert_eq!(asked, Resend::Erased);
    }
    let job = begin(&world, DeliveryFilter::default()).await;
    assert_eq!(finish(&world, job.id, 10).await.done, 0);
    assert_eq!(world.claim(webhook, 10).await, []);
}

/// What is answered to it is erased by the next call.
pub async fn an_attempt_in_flight_is_told_of_and_erased_after_its_end(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    assert_eq!(erase(&world, &order(), None).await.in_flight, 1);
    world.record(world.attempt(&claimed, 500)).await;
    let erased = erase(&world, &order(), None).await;
    assert_eq!((erased.deliveries, erased.in_flight), (1, 0));
    let history = world.store.attempts(&world.shop, id).await.expect("works");
    assert_eq!(history[0].response_body, b"");
    assert_eq!(world.delivery(id).await.state.status, Status::Skipped, "and it is not tried again");
}

/// Each call is short.
pub async fn an_object_with_more_than_a_batch_is_erased_by_and_by(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let events: Vec<_> = (0..ERASE_BATCH + 5).map(|_| world.event(&[webhook])).collect();
    let (first, last) = (events[0].id, events[ERASE_BATCH + 4].id);
    world.write(events).await;
    let erased = erase(&world, &order(), None).await;
    assert_eq!((erased.deliveries, erased.skipped.len()), (ERASE_BATCH, ERASE_BATCH));
    assert_ne!(payload_of(&world, last).await, ERASED_PAYLOAD);
    let rest = erase(&world, &order(), Some(erased.next.expect("there is more"))).await;
    assert_eq!((rest.deliveries, rest.next), (5, None));
    for id in [first, last] {
        assert_eq!(payload_of(&world, id).await, ERASED_PAYLOAD);
    }
}

/// Once for each time that somebody asked for it, with who did; and nothing is written of a store that is not there.
pub async fn erasing_is_told_in_the_audit_log(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    erase(&world, &order(), None).await;
    erase(&world, &order(), Some(id)).await;
    let log = world.store.list_audit(Some(vec![world.shop.clone()]), Page { after: None, limit: 100 }).await;
    let log = log.expect("works");
    let told: Vec<_> = log.iter().filter(|entry| entry.action == AuditAction::ObjectErased).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, "order/208610");
    assert_eq!(told[0].to.as_deref(), Some(r#"{"group":"order","id":"208610"}"#));
    let nobody = world.store.erase_object(&shop_id("600"), &order(), None, BY, world.now()).await;
    assert_eq!(nobody.expect("works"), None);
}

/// They are told apart by the headers that every request of ours has.
pub async fn what_a_test_inbox_received_of_an_object_is_blanked(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let inbox = make_inbox(&world, "one").await;
    let request = |object: &str| InboxRequest {
        id: world.ids.inbox_request_id(),
        inbox: inbox.id,
        at: world.now(),
        headers: vec![
            ("bocau-event".into(), "order.created".into()),
            ("bocau-object-id".into(), object.into()),
        ],
        body: b"{\"id\":1}".to_vec(),
        verified: Some(true),
        answer_status: 200,
    };
    for object in ["208610", "208611"] {
        assert!(world.store.add_inbox_request(request(object)).await.expect("works"));
    }
    erase(&world, &order(), None).await;
    let kept = world.store.list_inbox_requests(&world.shop, inbox.id).await.expect("works");
    let bodies: Vec<&[u8]> = kept.iter().map(|request| request.body.as_slice()).collect();
    assert_eq!(bodies, [b"{\"id\":1}".as_slice(), b""]);
}
