//! Dispatch: takes deliveries out of the lanes, makes their attempts, and hands the results on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bocau_domain::{DeliveryPolicy, NodeRole, Outcome, Trigger, Webhook};
use bocau_store::{Claimed, Store};
use tokio_util::task::TaskTracker;

use crate::clock::EngineClock;
use crate::lanes::{Lanes, Turn};
use crate::recorder::Recorder;
use crate::router::Router;
use crate::schedule::Schedule;
use crate::sender::Sender;

/// What must be left of a lease beyond the attempt's timeout, so that its result is recorded before another
/// may take the delivery over.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How long a webhook that could not be looked up is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Runs the attempts.
pub struct Dispatch {
    /// The lanes it takes from.
    pub lanes: Arc<Lanes>,
    /// Knows the webhooks.
    pub router: Arc<Router>,
    /// Makes one attempt.
    pub sender: Sender,
    /// Takes the results.
    pub recorder: Recorder,
    /// Is told what is due again.
    pub schedule: Arc<Schedule>,
    /// Takes unsent claims back.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn EngineClock>,
    /// The server's delivery policy.
    pub defaults: DeliveryPolicy,
    /// Whether attempts are made here at all.
    pub role: NodeRole,
    /// The attempts in flight.
    pub tasks: TaskTracker,
    /// Set when no more attempts may begin.
    pub is_stopping: AtomicBool,
}

/// Why a delivery that had its turn was not sent.
enum Unsent {
    /// Its webhook takes nothing any more, or its store moves to another database: what waits for it in the lane is
    /// given back, and the scheduler skips what is to be skipped.
    WebhookStopped,
    /// Too little is left of the lease.
    LeaseShort,
    /// The webhook could not be looked up.
    StoreFailed,
}

impl Dispatch {
    /// Begins as many attempts as the lanes' limits allow.
    pub fn pump(self: &Arc<Self>) {
        while !self.is_stopping.load(Ordering::Relaxed) {
            let Some(turn) = self.lanes.lock().next_turn() else { return };
            self.tasks.spawn(self.clone().work(turn));
        }
    }

    /// Makes one attempt after the other for as long as a lane has its turn.
    async fn work(self: Arc<Self>, first: Turn) {
        let mut turn = Some(first);
        while let Some(Turn { claimed, was_failing }) = turn {
            let mut place = Place { dispatch: &self, claimed, was_failing, result: None };
            place.result = self.make(&place.claimed).await;
            drop(place);
            if self.is_stopping.load(Ordering::Relaxed) {
                return;
            }
            turn = self.lanes.lock().next_turn();
            // A lane that has recovered may free more places than the one this task goes on in.
            self.pump();
        }
    }

    /// Whether the attempt failed and how long it lasted; `None` where none was made.
    async fn make(&self, claimed: &Claimed) -> Option<(bool, Duration)> {
        let webhook = match self.webhook_for(claimed).await {
            Ok(webhook) => webhook,
            Err(why) => {
                self.give_back(claimed, &why).await;
                return None;
            }
        };
        let policy = webhook.policy.over(&self.defaults);
        if self.clock.now() + policy.timeout + LEASE_MARGIN >= claimed.lease_until {
            self.give_back(claimed, &Unsent::LeaseShort).await;
            return None;
        }
        let record = self.sender.attempt(claimed, &webhook, policy).await;
        let result = (record.outcome != Outcome::Success, record.duration);
        metrics::counter!("bocau_attempts_total", "outcome" => record.outcome.as_str()).increment(1);
        metrics::histogram!("bocau_attempt_seconds").record(record.duration);
        self.recorder.submit(record).await;
        Some(result)
    }

    async fn webhook_for(&self, claimed: &Claimed) -> Result<Arc<Webhook>, Unsent> {
        let snapshot = self.router.snapshot(&claimed.claim.store).await.map_err(|_| Unsent::StoreFailed)?;
        let webhook = snapshot.as_ref().and_then(|snapshot| snapshot.webhook(claimed.webhook));
        match webhook {
            // What a person asks for is sent to a disabled webhook too.
            _ if snapshot.as_ref().is_some_and(|snapshot| snapshot.is_moving) => Err(Unsent::WebhookStopped),
            Some(webhook) if webhook.enabled || claimed.trigger != Trigger::Auto => Ok(webhook.clone()),
            _ => Err(Unsent::WebhookStopped),
        }
    }

    /// Gives a claim back, so that it is soon claimed anew or skipped. Where that fails it is tried again, and its
    /// lease lapses in any case.
    async fn give_back(&self, claimed: &Claimed, why: &Unsent) {
        let webhook = claimed.webhook;
        if let Err(error) = self.store.release(vec![claimed.claim.clone()]).await {
            tracing::warn!(%error, %webhook, "a claim could not be given back; it comes back later");
            self.schedule.doubt([(webhook, claimed.claim.clone())]);
        }
        match why {
            Unsent::WebhookStopped => self.schedule.stop(webhook),
            Unsent::LeaseShort => self.schedule.note(webhook, self.clock.now()),
            Unsent::StoreFailed => self.schedule.note(webhook, self.clock.now() + STORE_PAUSE),
        }
    }
}

/// The place in flight that an attempt takes up. It is given back also where the attempt panics.
struct Place<'a> {
    dispatch: &'a Dispatch,
    claimed: Claimed,
    was_failing: bool,
    result: Option<(bool, Duration)>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let wants_more = {
            let mut lanes = self.dispatch.lanes.lock();
            lanes.finish(&self.claimed, self.was_failing, self.result);
            lanes.wants_more(self.claimed.webhook)
        };
        if wants_more {
            self.dispatch.schedule.nudge(self.claimed.webhook, self.dispatch.clock.now());
        }
    }
}
