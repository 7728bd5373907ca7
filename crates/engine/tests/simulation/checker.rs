//! Checker: reads the whole history of a world that has come to rest, and compares it with what was promised.

use std::collections::BTreeMap;

use bocau_domain::{Attempt, Delivery, EventId, Outcome, Reason, Status, Trigger, WebhookId};
use bocau_store::DeliveryFilter;

use crate::ledger::Post;
use crate::world::{World, at_once};

/// Attempts in a row that may end unknown.
const INTERRUPTED_MAX: usize = 5;

impl World {
    /// Writes down whatever does not hold.
    pub(crate) fn check(&self) {
        let deliveries = self.deliveries();
        let mut of_event: BTreeMap<EventId, Vec<&Delivery>> = BTreeMap::new();
        for delivery in &deliveries {
            of_event.entry(delivery.event_id).or_default().push(delivery);
        }
        self.check_events(&of_event);
        self.check_keys(&of_event);
        self.check_counts(&deliveries);
        let mut posts: BTreeMap<(EventId, WebhookId), Vec<Post>> = BTreeMap::new();
        for post in self.ledger.posts() {
            posts.entry((post.event, post.webhook)).or_default().push(post);
        }
        for delivery in &deliveries {
            let history = at_once(self.store().attempts(&self.store_id, delivery.id));
            let webhook = delivery.webhook_id.expect("every event is taken");
            let posts = posts.remove(&(delivery.event_id, webhook)).unwrap_or_default();
            Case { world: self, delivery, webhook, history, posts }.check();
        }
        if !posts.is_empty() {
            self.ledger.broken("something was sent that the store does not have");
        }
    }

    /// What was acknowledged is there, and every event whole, also where nobody heard that it was taken in.
    fn check_events(&self, of_event: &BTreeMap<EventId, Vec<&Delivery>>) {
        let webhooks = self.ledger.plans().len();
        for (event, to_send) in self.publisher.accepted() {
            let found = of_event.get(&event).map_or(0, Vec::len);
            if found == 0 {
                self.ledger.broken(format!("{event} was acknowledged and is lost"));
            }
            if (to_send as usize) > webhooks {
                self.ledger.broken(format!("{event} was to go to {to_send} webhooks"));
            }
        }
        for (event, rows) in of_event {
            let mut takers: Vec<_> = rows.iter().filter_map(|row| row.webhook_id).collect();
            takers.sort();
            takers.dedup();
            if takers.len() != webhooks || rows.len() != webhooks {
                self.ledger.broken(format!("{event} has {} deliveries", rows.len()));
            }
        }
    }

    /// What was asked for twice under one key was made once, unless a step of the clock has ended the key's time.
    fn check_keys(&self, of_event: &BTreeMap<EventId, Vec<&Delivery>>) {
        if !self.ledger.clocks_agree() {
            return;
        }
        let mut made: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for event in of_event.keys() {
            let event = at_once(self.store().find_event(&self.store_id, *event)).expect("it was listed");
            *made.entry(event.payload.clone()).or_default() += 1;
        }
        for payload in self.publisher.payloads_with_key() {
            let count = made.get(&payload).copied().unwrap_or(0);
            if count != 1 {
                let payload = String::from_utf8_lossy(&payload);
                self.ledger.broken(format!("the event {payload} was made {count} times"));
            }
        }
    }

    /// Each delivery is in one state, and the counts are those of the list.
    fn check_counts(&self, deliveries: &[Delivery]) {
        for status in Status::ALL {
            let listed = deliveries.iter().filter(|row| row.state.status == *status).count();
            let filter = DeliveryFilter { status: Some(*status), ..DeliveryFilter::default() };
            let counted = at_once(self.store().count_deliveries(&self.store_id, filter, usize::MAX >> 1));
            if listed != counted {
                self.ledger.broken(format!("{listed} are listed as {status}, {counted} counted"));
            }
        }
    }
}

/// One delivery, with all that is known of it.
struct Case<'a> {
    world: &'a World,
    delivery: &'a Delivery,
    webhook: WebhookId,
    history: Vec<Attempt>,
    posts: Vec<Post>,
}

impl Case<'_> {
    fn broken(&self, text: &str) {
        let (id, state) = (self.delivery.id, &self.delivery.state);
        self.world.ledger.broken(format!("{id} ({}, {:?}): {text}", state.status, state.reason));
    }

    fn must(&self, holds: bool, text: &str) {
        if !holds {
            self.broken(text);
        }
    }

    /// The rows that moved the state by an answer, or the lack of one.
    fn counted(&self) -> Vec<&Attempt> {
        let counts = |row: &&Attempt| {
            row.outcome != Outcome::Interrupted && !self.world.ledger.is_stale(self.delivery.id, row.number)
        };
        self.history.iter().filter(counts).collect()
    }

    fn interrupted(&self) -> usize {
        self.history.iter().filter(|row| row.outcome == Outcome::Interrupted).count()
    }

    fn asked_for(&self) -> usize {
        self.world.resends.get(&self.delivery.id).copied().unwrap_or(0) as usize
    }

    fn check(&self) {
        let state = &self.delivery.state;
        self.must(!state.is_waiting() && state.claimed_until.is_none(), "it has not ended");
        let numbers = self.history.iter().map(|row| row.number);
        self.must(numbers.eq(1..=state.last_number), "its history has a gap");
        self.check_end();
        self.check_automatic();
        self.check_posts();
    }

    fn check_end(&self) {
        let state = &self.delivery.state;
        let counted = self.counted();
        let last = counted.last().map(|row| row.outcome);
        let was_disabled = self.world.disabled.contains(&self.webhook);
        self.must(state.attempts as usize == counted.len(), "it counts other attempts than were made");
        match (state.status, state.reason) {
            (Status::Succeeded, None) => {
                self.must(last == Some(Outcome::Success), "its last attempt was not acknowledged");
            }
            (Status::Failed, Some(Reason::Interrupted)) => {
                let tail = self
                    .history
                    .iter()
                    .rev()
                    .filter(|row| !self.world.ledger.is_stale(self.delivery.id, row.number));
                let in_a_row = tail.take_while(|row| row.outcome == Outcome::Interrupted).count();
                self.must(in_a_row >= INTERRUPTED_MAX, "it was given up too early");
            }
            (Status::Failed, Some(Reason::WebhookGone)) => {
                let gone = counted.iter().any(|row| row.status_code == Some(410));
                self.must(gone, "nobody said that it is gone");
            }
            (Status::Failed, None) => {
                self.must(last.is_some_and(|last| last != Outcome::Success), "it failed without a failure");
            }
            (Status::Skipped, Some(Reason::WebhookDisabled | Reason::WebhookGone)) => {
                self.must(was_disabled, "it was skipped without a reason");
            }
            _ => self.broken("that is no end"),
        }
    }

    /// As many automatic attempts as planned and no more, none before its time, and none after a yes.
    fn check_automatic(&self) {
        let waits = &self.world.ledger.plan(self.webhook).waits;
        let counted = self.counted();
        let automatic: Vec<_> = counted.iter().filter(|row| row.trigger != Trigger::Manual).collect();
        let state = &self.delivery.state;
        self.must(state.auto_attempts as usize == automatic.len(), "it counts other automatic attempts");
        self.must(automatic.len() <= waits.len() + 1, "it was tried more often than planned");
        // What a resend that failed may have ended: all that had ended before it.
        let had_ended =
            counted.iter().any(|row| row.outcome == Outcome::Success || row.status_code == Some(410))
                || self.interrupted() >= INTERRUPTED_MAX
                || self.world.disabled.contains(&self.webhook);
        if (state.status, state.reason) == (Status::Failed, None) && !had_ended {
            self.must(automatic.len() == waits.len() + 1, "it was given up before its last attempt");
        }
        for (pair, wait) in automatic.windows(2).zip(waits) {
            let ended = pair[0].started_at + pair[0].duration;
            self.must(pair[1].started_at >= ended + *wait, "an attempt came before its time");
        }
        let after_yes = counted.iter().skip_while(|row| row.outcome != Outcome::Success).skip(1);
        let unasked = after_yes.filter(|row| row.trigger != Trigger::Manual).count();
        self.must(unasked == 0, "it was sent by itself after it had been acknowledged");
    }

    /// What left is in the history, and what left twice has its reason there.
    fn check_posts(&self) {
        let (interrupted, asked_for) = (self.interrupted(), self.asked_for());
        self.must(self.posts.len() <= self.history.len(), "it was sent more often than the history says");
        let stale = self.history.len() - self.counted().len() - interrupted;
        let manual = self.counted().iter().filter(|row| row.trigger == Trigger::Manual).count();
        // An attempt answers what was asked for before it began; where the clock has stepped back meanwhile, it may be
        // made once more.
        let asked_for_by_clock = if self.world.ledger.clocks_agree() { asked_for } else { asked_for * 2 };
        self.must(manual <= asked_for_by_clock, "it was resent more often than asked for");
        let yes = self.counted().iter().filter(|row| row.outcome == Outcome::Success).count();
        let heard = |post: &&Post| post.heard && post.said == Some(crate::ledger::Said::Acknowledged);
        let heard_yes = self.posts.iter().filter(heard).count();
        self.must(yes <= heard_yes, "it is said to be acknowledged more often than it was");
        self.must(
            heard_yes <= 1 + asked_for + interrupted + stale,
            "it was acknowledged and sent again, and nothing explains it",
        );
        let arrivals: u32 = self.posts.iter().map(|post| post.arrivals).sum();
        let arrived = self.delivery.state.status != Status::Succeeded || arrivals > 0;
        self.must(arrived, "it succeeded and never arrived");
    }
}
