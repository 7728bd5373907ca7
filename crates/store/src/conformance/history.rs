//! What is written when an attempt has ended.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Attempt, DeliveryId, Outcome, Reason, Status, WebhookChange, WebhookUrl};

use super::world::{ATTEMPT, INTERVAL, LEASE, World};
use crate::figures::OverviewSpan;
use crate::{ATTEMPTS_SHOWN_MAX, ClaimRef, Recorded, Store};

/// The ordinary way.
pub async fn an_acknowledged_attempt_ends_the_delivery(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    let recorded = world.record(world.attempt(&claimed, 200)).await;
    let delivery = world.delivery(id).await;
    let moved = Recorded::Moved { delivery: Box::new(delivery.clone()), number: 1, webhook_disabled: false };
    assert_eq!(recorded, moved);
    assert_eq!((delivery.state.status, delivery.state.due_at()), (Status::Succeeded, None));
    assert_eq!((delivery.state.attempts, delivery.state.responses), (1, 1));
    assert_eq!((delivery.state.last_status_code, delivery.last_error), (Some(200), None));
    assert!(world.store.due_webhooks().await.expect("works").is_empty());
}

/// Headers in their order, the body in its bytes.
pub async fn an_attempt_reads_back_as_it_was_recorded(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    let mut attempt = world.attempt(&claimed, 500);
    attempt.duration = Duration::from_millis(1_234);
    attempt.error = Some("máy chủ trả lời 500 \"\\".into());
    attempt.request_headers = vec![("b".into(), "2".into()), ("a".into(), "\"1\"\t".into())];
    attempt.response_headers = vec![("set-cookie".into(), "x".into()), ("set-cookie".into(), "y".into())];
    attempt.response_body = vec![0, 255, b'\'', 10];
    attempt.response_truncated = true;
    world.record(attempt.clone()).await;
    let expected = Attempt {
        number: 1,
        trigger: attempt.trigger,
        started_at: attempt.started_at,
        duration: attempt.duration,
        outcome: Outcome::HttpError,
        status_code: Some(500),
        error: attempt.error.clone(),
        request_headers: attempt.request_headers,
        response_headers: attempt.response_headers,
        response_body: attempt.response_body,
        response_truncated: true,
    };
    assert_eq!(world.store.attempts(&world.shop, id).await.expect("works"), [expected]);
    assert_eq!(world.delivery(id).await.last_error, attempt.error);
}

/// The document's x minutes.
pub async fn a_failed_attempt_is_due_again_after_the_interval(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let delivery = world.try_once(webhook, 500).await;
    let due_at = world.now() + Duration::from_millis(120) + INTERVAL;
    assert_eq!((delivery.state.status, delivery.state.due_at()), (Status::Retrying, Some(due_at)));
    let due = world.store.next_due(vec![webhook]).await.expect("works");
    assert_eq!(due.iter().map(|due| due.due_at).collect::<Vec<_>>(), [due_at]);
}

/// The document's three.
pub async fn the_last_failed_attempt_fails_the_delivery(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    for _ in 0..3 {
        world.try_once(webhook, 503).await;
        world.pass(INTERVAL * 2);
    }
    assert!(world.claim(webhook, 10).await.is_empty());
    let delivery = world.delivery(id).await;
    assert_eq!((delivery.state.status, delivery.state.attempts), (Status::Failed, 3));
    assert_eq!(delivery.last_error.as_deref(), Some("HTTP 503"));
    assert_eq!(world.outcomes(id).await, [Outcome::HttpError; 3]);
}

/// Whatever the end; what happens to it between two attempts changes nothing of it.
pub async fn a_delivery_says_how_its_last_attempt_ended(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let ends = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::Interrupted);
    for (outcome, millis) in ends.zip(0..) {
        let id = world.send(webhook).await;
        let claimed = world.claim_one(webhook).await;
        assert_eq!(last(&world, id).await, (None, None), "before the first has ended");
        let mut attempt = world.attempt(&claimed, if *outcome == Outcome::Success { 200 } else { 500 });
        (attempt.outcome, attempt.duration) = (*outcome, Duration::from_millis(millis));
        let recorded = world.record(attempt.clone()).await;
        let expected = (Some(*outcome), Some(attempt.duration));
        assert_eq!(last(&world, id).await, expected);
        let Recorded::Moved { delivery, .. } = recorded else { panic!("the claim holds: {recorded:?}") };
        assert_eq!(*delivery, world.delivery(id).await);
        assert_eq!(world.all_deliveries().await[0], *delivery);

        world.store.request_resend(&world.shop, id, world.now()).await.expect("works");
        let resent = world.claim_one(webhook).await;
        world.store.release(vec![resent.claim]).await.expect("works");
        assert_eq!(last(&world, id).await, expected);
        let resent = world.try_once(webhook, 200).await;
        assert_eq!((resent.last_outcome, resent.last_duration), (Some(Outcome::Success), Some(ATTEMPT)));
    }
}

/// A lapsed claim's row is one, of which nobody knows how long it took; a stale result is none.
pub async fn only_a_result_that_moves_the_state_is_the_last(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let first = world.claim_one(webhook).await;
    world.pass(LEASE);
    let second = world.claim_one(webhook).await;
    let interrupted = (Some(Outcome::Interrupted), None);
    assert_eq!(last(&world, id).await, interrupted);
    assert_eq!(world.record(world.attempt(&first, 200)).await, Recorded::Stale { number: 2 });
    assert_eq!(last(&world, id).await, interrupted);
    world.record(world.attempt(&second, 500)).await;
    assert_eq!(last(&world, id).await, (Some(Outcome::HttpError), Some(ATTEMPT)));
    world.store.request_resend(&world.shop, id, world.now()).await.expect("works");
    world.claim_one(webhook).await;
    assert_eq!(world.store.void_claims(world.now()).await.expect("works"), 1);
    assert_eq!(last(&world, id).await, interrupted);
}

async fn last(world: &World, id: DeliveryId) -> (Option<Outcome>, Option<Duration>) {
    let delivery = world.delivery(id).await;
    (delivery.last_outcome, delivery.last_duration)
}

/// Fenced: another has taken its place.
pub async fn a_stale_result_is_a_row_of_the_history_and_moves_nothing(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    let first = world.claim_one(webhook).await;
    world.pass(LEASE);
    let second = world.claim_one(webhook).await;
    let before = world.delivery(id).await;

    assert_eq!(world.record(world.attempt(&first, 200)).await, Recorded::Stale { number: 2 });
    let after = world.delivery(id).await;
    assert_eq!(
        (after.state.status, after.state.claimed_until),
        (Status::Pending, before.state.claimed_until)
    );
    assert_eq!((after.state.attempts, after.last_error), (0, before.last_error));

    let recorded = world.record(world.attempt(&second, 200)).await;
    assert!(matches!(recorded, Recorded::Moved { number: 3, .. }), "{recorded:?}");
    assert_eq!(world.record(world.attempt(&second, 500)).await, Recorded::Stale { number: 4 });
    assert_eq!(world.delivery(id).await.state.status, Status::Succeeded);
    let outcomes = [Outcome::Interrupted, Outcome::Success, Outcome::Success, Outcome::HttpError];
    assert_eq!(world.outcomes(id).await, outcomes);
}

/// Whoever was not told that it is written tries again, and is told then; meanwhile a resend may have begun.
pub async fn a_result_whose_answer_was_lost_is_not_written_again(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let (id, other) = (world.send(webhook).await, world.send(webhook).await);
    let claimed = world.claim(webhook, 10).await;
    let records: Vec<_> = claimed.iter().map(|claimed| world.attempt(claimed, 500)).collect();
    let failed = world.record(records[0].clone()).await;
    let now = world.now();
    // One of the batch is new, the other is not.
    let answers = world.store.record(records.clone()).await;
    assert_eq!(answers[0].as_ref().expect("works"), &failed);
    assert!(matches!(answers[1], Ok(Recorded::Moved { number: 1, .. })), "{answers:?}");
    assert_eq!((world.outcomes(id).await, world.outcomes(other).await.len()), (vec![Outcome::HttpError], 1));
    let hour = Duration::from_hours(1);
    let span = OverviewSpan { from: now - hour, to: now + hour, step: hour };
    let overview = world.store.overview(&world.shop, span).await.expect("works").expect("the store is there");
    assert_eq!(overview.failing[0].failures, 2, "each is counted once");

    world.store.request_resend(&world.shop, id, world.now()).await.expect("works");
    let resent = world.claim_one(webhook).await;
    let Recorded::Moved { delivery, number: 1, webhook_disabled: false } =
        world.record(records[0].clone()).await
    else {
        panic!("it is there")
    };
    assert_eq!(delivery.state.claim, 2, "as it stands by now");
    assert_eq!(world.outcomes(id).await.len(), 1);
    let recorded = world.record(world.attempt(&resent, 200)).await;
    assert!(matches!(recorded, Recorded::Moved { number: 2, .. }), "the resend's claim holds: {recorded:?}");
}

/// A delivery that is not there concerns nobody else.
pub async fn one_record_that_vanished_does_not_take_its_neighbours_with_it(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.send(webhook).await;
    let claimed = world.claim(webhook, 10).await;
    let mut lost = world.attempt(&claimed[0], 200);
    lost.claim = ClaimRef { delivery: world.ids.delivery_id(world.ids.event_id()), ..lost.claim };
    let records = vec![world.attempt(&claimed[0], 200), lost, world.attempt(&claimed[1], 200)];
    let answers = world.store.record(records).await;
    assert!(matches!(answers[0], Ok(Recorded::Moved { .. })), "{answers:?}");
    assert!(matches!(answers[1], Ok(Recorded::Vanished)), "{answers:?}");
    assert!(matches!(answers[2], Ok(Recorded::Moved { .. })), "{answers:?}");
}

/// Somebody keeps pressing Gửi lại.
pub async fn of_a_very_long_history_the_last_rows_are_shown(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    let id = world.send(webhook).await;
    world.try_once(webhook, 200).await;
    for _ in 0..ATTEMPTS_SHOWN_MAX {
        world.store.request_resend(&world.shop, id, world.now()).await.expect("works");
        world.try_once(webhook, 200).await;
    }
    let history = world.store.attempts(&world.shop, id).await.expect("works");
    let numbers: Vec<usize> = history.iter().map(|attempt| attempt.number as usize).collect();
    assert_eq!(numbers, (2..=ATTEMPTS_SHOWN_MAX + 1).collect::<Vec<_>>());
}

/// 410 Gone, in the same transaction.
pub async fn a_receiver_that_is_gone_disables_its_webhook_and_what_waits_is_skipped(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let (webhook, other) = (world.make_webhook().await, world.make_webhook().await);
    let id = world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    let (waiting, elsewhere) = (world.send(webhook).await, world.send(other).await);
    let version = world.config_version().await;
    world.pass(Duration::from_secs(1));

    let recorded = world.record(world.attempt(&claimed, 410)).await;
    assert!(matches!(recorded, Recorded::Moved { webhook_disabled: true, .. }), "{recorded:?}");
    let gone = Some(Reason::WebhookGone);
    let states = [world.delivery(id).await.state, world.delivery(waiting).await.state];
    assert_eq!((states[0].status, states[0].reason), (Status::Failed, gone));
    assert_eq!((states[1].status, states[1].reason), (Status::Skipped, gone));
    assert_eq!(world.delivery(elsewhere).await.state.status, Status::Pending);
    let routes = world.store.routes(&world.shop).await.expect("works").expect("there");
    assert!(routes.config_version > version);
    let disabled = routes.webhooks.iter().find(|one| one.id == webhook).expect("kept");
    assert_eq!((disabled.enabled, disabled.disabled_reason), (false, gone));
    assert!(disabled.updated_at > disabled.created_at);

    // What comes later is skipped for the same reason, until a person enables it.
    let late = world.send(webhook).await;
    assert_eq!(world.store.skip_waiting(webhook, world.now()).await.expect("works"), 1);
    assert_eq!(world.delivery(late).await.state.reason, gone);
    let enable = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    assert_eq!(world.change(webhook, enable).await.webhook.disabled_reason, None);
}

/// The owner has moved on; what the old server says no longer counts.
pub async fn a_receiver_that_is_gone_does_not_disable_a_webhook_that_has_moved(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    let claimed = world.claim_one(webhook).await;
    let url = WebhookUrl::from_stored("https://example.com/moved").expect("a URL");
    world.change(webhook, WebhookChange { url: Some(url), ..WebhookChange::default() }).await;
    let recorded = world.record(world.attempt(&claimed, 410)).await;
    assert!(matches!(recorded, Recorded::Moved { webhook_disabled: false, .. }), "{recorded:?}");
    let routes = world.store.routes(&world.shop).await.expect("works").expect("there");
    assert!(routes.webhooks[0].enabled);
}

/// Two attempts were in flight.
pub async fn a_webhook_that_was_disabled_already_is_not_disabled_by_gone_again(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    world.send(webhook).await;
    let claimed = world.claim(webhook, 2).await;
    world.record(world.attempt(&claimed[0], 410)).await;
    let version = world.config_version().await;
    let recorded = world.record(world.attempt(&claimed[1], 410)).await;
    assert!(matches!(recorded, Recorded::Moved { webhook_disabled: false, .. }), "{recorded:?}");
    assert_eq!(world.config_version().await, version);
}
