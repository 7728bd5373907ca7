//! Ledger: writes down what happens in a simulation, and says so at once where it may not.
//!
//! It stands outside the engine: it sees what the store did, what left for the network and what arrived there, and
//! reckons by rules of its own (the plan of each webhook, the answers that receivers gave) what must follow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bocau_domain::{Delivery, DeliveryId, EventId, Outcome, Status, Timestamp, Trigger, WebhookId};
use bocau_engine::EngineClock as _;
use bocau_store::{Appended, AttemptRecord, ClaimRef, Claimed, Recorded, Submission};
use bocau_testkit::SimClock;
use parking_lot::Mutex;

/// The longest that a receiver may put the next attempt off, as the product says.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// How a webhook is to be tried.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The webhook.
    pub(crate) id: WebhookId,
    /// The waits between automatic attempts: one more attempt than these.
    pub(crate) waits: Vec<Duration>,
    /// The deadline of one.
    pub(crate) timeout: Duration,
}

/// What a receiver answered that the engine must go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has it.
    Acknowledged,
    /// It does not want it now, and not before this moment of the sender's clock.
    Later(Timestamp),
    /// It is gone for good.
    Gone,
    /// Anything else.
    Refused,
}

/// One request that left a node.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// Which start of which node.
    pub(crate) run: usize,
    /// What it carried, and where to.
    pub(crate) event: EventId,
    pub(crate) webhook: WebhookId,
    /// The number it bore.
    pub(crate) number: u32,
    /// When its lease ends, by its node's clock.
    pub(crate) lease_until: Timestamp,
    /// How often it arrived.
    pub(crate) arrivals: u32,
    /// What the receiver said.
    pub(crate) said: Option<Said>,
    /// Whether the node heard it.
    pub(crate) heard: bool,
    /// Whether the node still waits.
    pub(crate) open: bool,
}

/// A claim as the store gave it out.
#[derive(Debug, Clone, Copy)]
struct Held {
    claim: u32,
    until: Timestamp,
    open: bool,
}

/// A delivery in a node's memory.
#[derive(Debug, Clone, Copy)]
struct Copy {
    lease_until: Timestamp,
    delivery: DeliveryId,
}

/// What names a result: its claim, and when it began.
type ResultKey = (DeliveryId, u32, Timestamp);

#[derive(Default)]
struct Book {
    lines: Vec<String>,
    broken: Vec<String>,
    posts: Vec<Post>,
    held: BTreeMap<DeliveryId, Held>,
    copies: BTreeMap<(usize, EventId, WebhookId, u32), Copy>,
    results: BTreeSet<ResultKey>,
    stale: BTreeSet<(DeliveryId, u32)>,
    automatic: BTreeMap<DeliveryId, u32>,
    due: BTreeMap<DeliveryId, Timestamp>,
    payloads: BTreeMap<EventId, Vec<u8>>,
}

/// The ledger. The clocks of the nodes may step: then what compares the clock of one with that of another says nothing.
pub(crate) struct Ledger {
    clock: SimClock,
    plans: Vec<Plan>,
    clocks_agree: bool,
    book: Mutex<Book>,
}

impl Ledger {
    pub(crate) fn new(clock: SimClock, plans: Vec<Plan>, clocks_agree: bool) -> Self {
        Self { clock, plans, clocks_agree, book: Mutex::default() }
    }

    pub(crate) fn plans(&self) -> &[Plan] {
        &self.plans
    }

    pub(crate) fn plan(&self, webhook: WebhookId) -> &Plan {
        self.plans.iter().find(|plan| plan.id == webhook).expect("a webhook of the simulation")
    }

    /// The place of a webhook among the plans, which its URL names.
    pub(crate) fn place(&self, webhook: WebhookId) -> usize {
        self.plans.iter().position(|plan| plan.id == webhook).expect("a webhook of the simulation")
    }

    pub(crate) fn clocks_agree(&self) -> bool {
        self.clocks_agree
    }

    // --- telling ------------------------------------------------------------------------------------------

    /// A line of the log.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        let at = self.clock.monotonic().as_millis();
        self.book.lock().lines.push(format!("{:>12} ms  {}", at, text.as_ref()));
    }

    /// Something that may not be.
    pub(crate) fn broken(&self, text: impl AsRef<str>) {
        self.note(format!("BROKEN: {}", text.as_ref()));
        self.book.lock().broken.push(text.as_ref().to_owned());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.book.lock().lines.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.book.lock().broken.clone()
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.book.lock().posts.clone()
    }

    /// The rows of the history that came too late to move a state.
    pub(crate) fn is_stale(&self, delivery: DeliveryId, number: u32) -> bool {
        self.book.lock().stale.contains(&(delivery, number))
    }

    // --- what the store did -------------------------------------------------------------------------------

    pub(crate) fn appended(
        &self,
        run: usize,
        submissions: &[Submission],
        answers: &[bocau_store::Result<Appended>],
    ) {
        let mut book = self.book.lock();
        for (submission, answer) in submissions.iter().zip(answers) {
            if !matches!(answer, Ok(Appended::Accepted)) {
                continue;
            }
            for event in &submission.events {
                book.payloads.insert(event.id, event.payload.to_vec());
                for delivery in &event.deliveries {
                    let Some(webhook) = delivery.webhook_id else { continue };
                    if let Some(until) = delivery.state.claimed_until {
                        let claim = delivery.state.claim;
                        book.held.insert(delivery.id, Held { claim, until, open: true });
                        let copy = Copy { lease_until: until, delivery: delivery.id };
                        book.copies.insert((run, event.id, webhook, 1), copy);
                    }
                }
            }
        }
    }

    pub(crate) fn claimed(&self, run: usize, now: Timestamp, claimed: &[Claimed]) {
        for one in claimed {
            let id = one.claim.delivery;
            let (before, due) = {
                let mut book = self.book.lock();
                let held = Held { claim: one.claim.claim, until: one.lease_until, open: true };
                let copy = Copy { lease_until: one.lease_until, delivery: id };
                book.copies.insert((run, one.event, one.webhook, one.number), copy);
                (book.held.insert(id, held), book.due.get(&id).copied())
            };
            self.note(format!("run {run} claims {id} as {} ({})", one.claim.claim, one.trigger));
            if let Some(before) = before {
                if before.open && now < before.until {
                    self.broken(format!("{id} was claimed while another holds it"));
                }
                if before.claim >= one.claim.claim {
                    self.broken(format!("the claim {} of {id} is not above the last", one.claim.claim));
                }
            }
            if one.trigger == Trigger::Auto && due.is_some_and(|due| now < due) {
                self.broken(format!("{id} was claimed before it was due"));
            }
        }
    }

    pub(crate) fn released(&self, claims: &[ClaimRef]) {
        let mut book = self.book.lock();
        for claim in claims {
            if let Some(held) = book.held.get_mut(&claim.delivery).filter(|held| held.claim == claim.claim) {
                held.open = false;
            }
        }
    }

    /// Whoever held anything is dead.
    pub(crate) fn voided(&self) {
        self.book.lock().held.values_mut().for_each(|held| held.open = false);
    }

    pub(crate) fn recorded(&self, records: &[AttemptRecord], answers: &[bocau_store::Result<Recorded>]) {
        for (record, answer) in records.iter().zip(answers) {
            match answer {
                Ok(Recorded::Moved { delivery, .. }) => self.moved(record, delivery),
                Ok(Recorded::Stale { number }) => {
                    let id = record.claim.delivery;
                    self.note(format!("a late result of {id} is row {number} and no more"));
                    self.book.lock().stale.insert((id, *number));
                    self.book.lock().results.insert(key_of(record));
                }
                Ok(Recorded::Vanished) => self.broken(format!("{} has vanished", record.claim.delivery)),
                Err(_) => {}
            }
        }
    }

    /// A result moved a state: it must be that of the open claim, and lead to where the plan says.
    fn moved(&self, record: &AttemptRecord, delivery: &Delivery) {
        let id = delivery.id;
        let (is_new, held) = {
            let mut book = self.book.lock();
            (book.results.insert(key_of(record)), book.held.get(&id).copied())
        };
        if !is_new {
            return;
        }
        self.note(format!("{id}: {} ({}) -> {}", record.outcome, record.trigger, delivery.state.status));
        if !held.is_some_and(|held| held.open && held.claim == record.claim.claim) {
            self.broken(format!("a late result of {id} (claim {}) moved its state", record.claim.claim));
        }
        let automatic = {
            let mut book = self.book.lock();
            if let Some(held) = book.held.get_mut(&id) {
                held.open = false;
            }
            let count = book.automatic.entry(id).or_default();
            *count += u32::from(record.trigger != Trigger::Manual);
            *count
        };
        if delivery.state.auto_attempts != automatic {
            let counted = delivery.state.auto_attempts;
            self.broken(format!("{id} counts {counted} automatic attempts, and {automatic} were made"));
        }
        self.must_lead_where_planned(record, delivery, automatic);
        let mut book = self.book.lock();
        match delivery.state.next_attempt_at {
            Some(due) => book.due.insert(id, due),
            None => book.due.remove(&id),
        };
    }

    fn must_lead_where_planned(&self, record: &AttemptRecord, delivery: &Delivery, automatic: u32) {
        let (id, state) = (delivery.id, &delivery.state);
        let said = self.said(record, delivery);
        if (record.outcome == Outcome::Success) != (said == Some(Said::Acknowledged)) {
            self.broken(format!("{id} is noted as {} where the receiver said {said:?}", record.outcome));
        }
        let ended = record.ended_at();
        let expected = if record.outcome == Outcome::Success {
            (Status::Succeeded, None)
        } else if said == Some(Said::Gone) {
            (Status::Failed, None)
        } else if state.status == Status::Skipped {
            (Status::Skipped, None)
        } else if record.trigger == Trigger::Manual {
            // What it was before decides; the checker sees at the end that nothing was given up early.
            (state.status, state.next_attempt_at)
        } else {
            match self.plan(record.webhook).waits.get(automatic as usize - 1) {
                None => (Status::Failed, None),
                Some(wait) => {
                    let asked = match said {
                        Some(Said::Later(at)) => at.min(ended + RETRY_AFTER_MAX),
                        _ => ended,
                    };
                    (Status::Retrying, Some((ended + *wait).max(asked)))
                }
            }
        };
        if (state.status, state.next_attempt_at) != expected {
            let is = (state.status, state.next_attempt_at);
            self.broken(format!("{id} is {is:?} after {}, and should be {expected:?}", record.outcome));
        }
    }

    /// What the receiver said to the attempt that a record is of, and the node heard.
    fn said(&self, record: &AttemptRecord, delivery: &Delivery) -> Option<Said> {
        let header = record.request_headers.iter().find(|(name, _)| name == "bocau-attempt");
        let number = header.and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
        let is_it = |post: &&Post| {
            (post.event, post.webhook, post.number) == (delivery.event_id, record.webhook, number)
                && post.heard
        };
        self.book.lock().posts.iter().rev().find(is_it).and_then(|post| post.said)
    }

    // --- what the network saw -----------------------------------------------------------------------------

    /// A request leaves a node, whose clock says `now`. Answers its place among the posts.
    pub(crate) fn posted(
        &self,
        run: usize,
        now: Timestamp,
        webhook: WebhookId,
        headers: &[(String, String)],
        body: &[u8],
    ) -> usize {
        let header =
            |name: &str| headers.iter().find(|(is, _)| is == name).map_or("", |(_, value)| value.as_str());
        let event: EventId = header("webhook-id").parse().expect("every request has its event's id");
        let number: u32 = header("bocau-attempt").parse().expect("every request has a number");
        let copy = self.book.lock().copies.get(&(run, event, webhook, number)).copied();
        let place = self.place(webhook);
        self.note(format!("run {run} sends {event} to {place}, number {number}"));
        match copy {
            None => self.broken(format!("{event} was sent to {place} without a claim")),
            Some(copy) if now + self.plan(webhook).timeout >= copy.lease_until => {
                self.broken(format!("an attempt of {} began on a lapsed lease", copy.delivery));
            }
            Some(_) => {}
        }
        if self.book.lock().payloads.get(&event).is_none_or(|kept| kept != body) {
            self.broken(format!(
                "{event} was sent with other bytes than were taken in, or before they were kept"
            ));
        }
        let another = |post: &Post| {
            post.open && post.event == event && post.webhook == webhook && now < post.lease_until
        };
        if self.clocks_agree && self.book.lock().posts.iter().any(another) {
            self.broken(format!("{event} is sent to {place} twice at once"));
        }
        let lease_until = copy.map_or(now, |copy| copy.lease_until);
        let mut book = self.book.lock();
        book.posts.push(Post {
            run,
            event,
            webhook,
            number,
            lease_until,
            arrivals: 0,
            said: None,
            heard: false,
            open: true,
        });
        book.posts.len() - 1
    }

    pub(crate) fn arrived(&self, post: usize) {
        self.book.lock().posts[post].arrivals += 1;
        self.note(format!("post {post} arrives"));
    }

    pub(crate) fn said_to(&self, post: usize, said: Said) {
        self.book.lock().posts[post].said = Some(said);
        self.note(format!("post {post} is answered: {said:?}"));
    }

    pub(crate) fn heard(&self, post: usize) {
        let mut book = self.book.lock();
        book.posts[post].heard = true;
        book.posts[post].open = false;
    }

    /// The posts that a run still waits for, in the order in which they left.
    pub(crate) fn open_posts(&self, run: usize) -> Vec<usize> {
        let book = self.book.lock();
        let posts = book.posts.iter().enumerate();
        posts.filter(|(_, post)| post.open && post.run == run).map(|(place, _)| place).collect()
    }

    /// The node waits no longer, or is no more. Answers whether it was on its way then.
    pub(crate) fn given_up(&self, post: usize) -> bool {
        let mut book = self.book.lock();
        let post = &mut book.posts[post];
        let was_open = std::mem::replace(&mut post.open, false);
        was_open && post.arrivals == 0
    }
}

fn key_of(record: &AttemptRecord) -> ResultKey {
    (record.claim.delivery, record.claim.claim, record.started_at)
}
