//! What the engine knows of when which webhook's next delivery is due; the scheduler acts on it.
//!
//! The store is its truth: losing an entry costs latency until the scheduler's next poll, never a delivery.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use bocau_domain::{Timestamp, WebhookId};
use bocau_store::ClaimRef;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Claims in doubt that are kept at most.
pub const DOUBTED_MAX: usize = 10_000;

/// When which webhook's next delivery is due, and which webhooks have stopped taking any.
#[derive(Debug, Default)]
pub struct Schedule {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    due: HashMap<WebhookId, Timestamp>,
    /// The same in the order of time.
    in_order: BTreeSet<(Timestamp, WebhookId)>,
    stopped: BTreeSet<WebhookId>,
    doubted: Vec<(WebhookId, ClaimRef)>,
}

impl Known {
    fn set(&mut self, webhook: WebhookId, due_at: Timestamp) {
        self.remove(webhook);
        self.due.insert(webhook, due_at);
        self.in_order.insert((due_at, webhook));
    }

    fn remove(&mut self, webhook: WebhookId) {
        if let Some(due_at) = self.due.remove(&webhook) {
            self.in_order.remove(&(due_at, webhook));
        }
    }
}

impl Schedule {
    /// A delivery of this webhook is due at `due_at`.
    pub fn note(&self, webhook: WebhookId, due_at: Timestamp) {
        let is_earlier = {
            let mut known = self.known.lock();
            let is_earlier = known.due.get(&webhook).is_none_or(|due| due_at <= *due);
            if is_earlier {
                known.set(webhook, due_at);
            }
            is_earlier
        };
        if is_earlier {
            self.changed.notify_one();
        }
    }

    /// Forgets these webhooks, because the store is about to be asked: what is noted from now on stays.
    pub fn forget(&self, webhooks: &[WebhookId]) {
        let mut known = self.known.lock();
        for webhook in webhooks {
            known.remove(*webhook);
        }
    }

    /// This webhook was disabled or deleted: what waits for it must be skipped.
    pub fn stop(&self, webhook: WebhookId) {
        self.known.lock().stopped.insert(webhook);
        self.changed.notify_one();
    }

    /// These webhooks could not be seen to; they are handed out again at the next look, and nobody is woken.
    pub fn put_back_stopped(&self, webhooks: &[WebhookId]) {
        self.known.lock().stopped.extend(webhooks);
    }

    /// This webhook's lane has room again.
    pub fn nudge(&self, webhook: WebhookId, now: Timestamp) {
        if self.is_due(webhook, now) {
            self.changed.notify_one();
        }
    }

    /// Whether this webhook is due at `now`.
    pub fn is_due(&self, webhook: WebhookId, now: Timestamp) -> bool {
        self.known.lock().due.get(&webhook).is_some_and(|due| *due <= now)
    }

    /// Up to `limit` webhooks that are due at `now` and that `fits` lets through.
    pub fn ready(&self, now: Timestamp, limit: usize, fits: impl Fn(WebhookId) -> bool) -> Vec<WebhookId> {
        let known = self.known.lock();
        let due = known.in_order.iter().take_while(|(due, _)| *due <= now);
        due.map(|(_, webhook)| *webhook).filter(|webhook| fits(*webhook)).take(limit).collect()
    }

    /// The first moment after `now` at which something is due.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.known.lock();
        let after = (now + Duration::from_millis(1), WebhookId::from_bytes([0; 16]));
        known.in_order.range((Bound::Included(after), Bound::Unbounded)).next().map(|(due, _)| *due)
    }

    /// The webhooks that have stopped since this was asked last.
    pub fn take_stopped(&self) -> Vec<WebhookId> {
        std::mem::take(&mut self.known.lock().stopped).into_iter().collect()
    }

    /// These claims may be in the store although nobody here has what they hold: the database did not say how the
    /// commit ended. Given back at one of the next looks, they need not lapse; beyond [`DOUBTED_MAX`] they do. Nobody
    /// is woken: the database is away.
    pub fn doubt(&self, claims: impl IntoIterator<Item = (WebhookId, ClaimRef)>) {
        let doubted = &mut self.known.lock().doubted;
        let room = DOUBTED_MAX - doubted.len();
        doubted.extend(claims.into_iter().take(room));
    }

    /// The claims in doubt.
    pub fn take_doubted(&self) -> Vec<(WebhookId, ClaimRef)> {
        std::mem::take(&mut self.known.lock().doubted)
    }

    /// Ends when something has changed since this was waited for last.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use bocau_domain::DeliveryId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn webhook(number: u8) -> WebhookId {
        WebhookId::from_bytes([number; 16])
    }

    /// Whether there has been a change since this was asked last.
    fn has_changed(schedule: &Schedule) -> bool {
        pin!(schedule.changed()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_webhook_is_due_from_its_first_delivery_on() {
        let schedule = Schedule::default();
        schedule.note(webhook(1), NOW + SECOND);
        schedule.note(webhook(1), NOW + 2 * SECOND);
        assert!(!schedule.is_due(webhook(1), NOW));
        assert_eq!(schedule.next_after(NOW), Some(NOW + SECOND));
        assert!(schedule.is_due(webhook(1), NOW + SECOND));
        assert_eq!(schedule.next_after(NOW + SECOND), None);
    }

    #[test]
    fn only_what_is_due_earlier_wakes_the_scheduler() {
        let schedule = Schedule::default();
        schedule.note(webhook(1), NOW + SECOND);
        assert!(has_changed(&schedule));
        schedule.note(webhook(1), NOW + 2 * SECOND);
        assert!(!has_changed(&schedule));
        schedule.note(webhook(1), NOW);
        assert!(has_changed(&schedule));
    }

    #[test]
    fn those_that_are_due_and_fit_are_ready_up_to_the_limit() {
        let schedule = Schedule::default();
        for number in 1..=5 {
            schedule.note(webhook(number), NOW);
        }
        schedule.note(webhook(6), NOW + SECOND);
        assert_eq!(schedule.ready(NOW, 3, |_| true).len(), 3);
        let mut ready = schedule.ready(NOW, 100, |webhook_id| webhook_id != webhook(2));
        ready.sort();
        assert_eq!(ready, [1, 3, 4, 5].map(webhook));
    }

    #[test]
    fn what_is_noted_after_forgetting_stays() {
        let schedule = Schedule::default();
        schedule.note(webhook(1), NOW);
        schedule.forget(&[webhook(1)]);
        assert!(!schedule.is_due(webhook(1), NOW));
        schedule.note(webhook(1), NOW + SECOND);
        assert!(schedule.is_due(webhook(1), NOW + SECOND));
    }

    #[test]
    fn a_lane_with_room_wakes_the_scheduler_only_where_something_is_due() {
        let schedule = Schedule::default();
        schedule.note(webhook(1), NOW + SECOND);
        assert!(has_changed(&schedule));
        schedule.nudge(webhook(1), NOW);
        schedule.nudge(webhook(2), NOW);
        assert!(!has_changed(&schedule));
        schedule.nudge(webhook(1), NOW + SECOND);
        assert!(has_changed(&schedule));
    }

    #[test]
    fn claims_in_doubt_are_handed_out_once_and_are_not_without_number() {
        let schedule = Schedule::default();
        let claim = ClaimRef {
            store: "552".parse().expect("a store id"),
            delivery: DeliveryId::from_bytes([1; 16]),
            claim: 1,
        };
        schedule.doubt([(webhook(1), claim.clone())]);
        assert!(!has_changed(&schedule), "whoever asked again at once would ask for ever");
        assert_eq!(schedule.take_doubted(), [(webhook(1), claim.clone())]);
        assert!(schedule.take_doubted().is_empty());
        for _ in 0..3 {
            schedule.doubt(vec![(webhook(1), claim.clone()); DOUBTED_MAX / 2]);
        }
        assert_eq!(schedule.take_doubted().len(), DOUBTED_MAX);
    }

    #[test]
    fn stopped_webhooks_are_handed_out_once() {
        let schedule = Schedule::default();
        schedule.stop(webhook(1));
        assert!(has_changed(&schedule));
        assert_eq!(schedule.take_stopped(), [webhook(1)]);
        assert!(schedule.take_stopped().is_empty());
        schedule.put_back_stopped(&[webhook(1)]);
        assert!(!has_changed(&schedule), "whoever asked again at once would ask for ever");
        assert_eq!(schedule.take_stopped(), [webhook(1)]);
    }
}
