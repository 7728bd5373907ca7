//! Steps: what may happen in a world, one thing after the other as the dice say, and how it is calmed at the end.

use std::time::Duration;

use bocau_domain::{Actor, WebhookChange};

use crate::network::Mood;
use crate::node::Road;
use crate::world::{World, at_once};

/// Steps of trouble in each world.
const STEPS: usize = 90;
/// How long a stop may take: the longest attempt, and the results that wait for the database.
const STOP_MAX: Duration = Duration::from_mins(1);
/// How long something due may lie where all is well: a lease, a poll, and the time of what is before it.
const LIES_MAX: Duration = Duration::from_mins(2);
/// Rounds in which everything must have ended once all is well.
const ROUNDS_MAX: usize = 3_000;

impl World {
    /// Lives through its troubles, and then until nothing waits any more.
    pub(crate) fn live(&mut self) {
        for _ in 0..STEPS {
            self.step();
            if self.is_broken() {
                return;
            }
        }
        self.calm_down();
    }

    fn is_broken(&self) -> bool {
        !self.ledger.violations().is_empty()
    }

    fn step(&mut self) {
        match self.roll(100) {
            0..=27 => self.publish(),
            28..=52 => {
                let span = Duration::from_millis(self.roll(3_000));
                self.advance(span);
            }
            53..=64 => {
                let span = Duration::from_millis(self.roll(40_000));
                self.advance(span);
            }
            65..=72 => self.change_mood(),
            73..=78 => self.change_road(),
            79..=83 => self.crash_or_start(),
            84..=85 => self.stop_and_start(),
            86..=89 => self.freeze_or_thaw(),
            90..=93 => self.resend(),
            94 => self.switch_webhook(),
            95..=96 => self.step_clock(),
            97 => {
                let span = Duration::from_secs(self.roll(600));
                self.leap(span);
            }
            _ => {
                self.ask_again();
            }
        }
        self.settle();
    }

    fn publish(&mut self) {
        let (count, with_key, place) = (1 + self.roll(4), self.roll(5) > 0, self.pick(self.nodes.len()));
        let store = self.store_id.clone();
        if let Some(node) = &self.nodes[place] {
            self.publisher.publish(node, &store, count, with_key);
        }
    }

    fn ask_again(&mut self) -> usize {
        let place = self.pick(self.nodes.len());
        let store = self.store_id.clone();
        self.nodes[place].as_ref().map_or(0, |node| self.publisher.ask_again(node, &store))
    }

    fn change_mood(&mut self) {
        let mood = match self.roll(20) {
            0..=5 => Mood::Well,
            6..=14 => Mood::Flaky,
            15..=16 => Mood::Down,
            17..=18 => Mood::Hanging,
            _ => Mood::Gone,
        };
        let place = self.pick(self.ledger.plans().len());
        if mood == Mood::Gone {
            self.disabled.insert(self.ledger.plans()[place].id);
        }
        self.network.set_mood(place, mood);
    }

    fn change_road(&mut self) {
        let road = match self.roll(6) {
            0 => Road::default(),
            1 => Road { refused: 100, lost: 0, slow: 0 },
            2 => Road { refused: 0, lost: 30, slow: 50 },
            3 => Road { refused: 30, lost: 0, slow: 50 },
            _ => Road { refused: 5, lost: 5, slow: 70 },
        };
        let place = self.pick(self.nodes.len());
        if let Some(node) = &self.nodes[place] {
            self.ledger.note(format!("node {place}: {road:?}"));
            *node.road.lock() = road;
        }
    }

    fn crash_or_start(&mut self) {
        let place = self.pick(self.nodes.len());
        if self.nodes[place].is_none() {
            return self.start(place);
        }
        self.crash(place);
        // Its requests arrive while it is away, or it is back at once.
        if self.roll(2) == 0 {
            self.start(place);
        }
    }

    fn stop_and_start(&mut self) {
        let place = self.pick(self.nodes.len());
        let Some(node) = self.nodes[place].as_mut() else { return };
        node.is_frozen = false;
        *node.road.lock() = Road::default();
        let (engine, run) = (node.engine.clone(), node.run);
        self.ledger.note(format!("node {place} stops (run {run})"));
        let stopped = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let flag = stopped.clone();
        node.spawn(async move {
            engine.stop().await;
            flag.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut waited = Duration::ZERO;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            if waited > STOP_MAX {
                return self.ledger.broken(format!("node {place} does not stop"));
            }
            self.advance(Duration::from_secs(1));
            waited += Duration::from_secs(1);
        }
        self.crash(place);
        self.start(place);
    }

    fn freeze_or_thaw(&mut self) {
        let place = self.pick(self.nodes.len());
        let Some(node) = self.nodes[place].as_mut() else { return };
        node.is_frozen = !node.is_frozen;
        let word = if node.is_frozen { "freezes" } else { "thaws" };
        self.ledger.note(format!("node {place} {word} (run {})", node.run));
    }

    fn resend(&mut self) {
        let deliveries = self.deliveries();
        let with_webhook: Vec<_> = deliveries.iter().filter(|row| row.webhook_id.is_some()).collect();
        if with_webhook.is_empty() {
            return;
        }
        let id = with_webhook[self.pick(with_webhook.len())].id;
        let place = self.pick(self.nodes.len());
        let Some(node) = &self.nodes[place] else { return };
        self.ledger.note(format!("a resend of {id} is asked for"));
        let (engine, store) = (node.engine.clone(), self.store_id.clone());
        node.spawn(async move { drop(engine.resend(store, id).await) });
        *self.resends.entry(id).or_default() += 1;
    }

    fn switch_webhook(&mut self) {
        let (place, enabled) = (self.pick(self.nodes.len()), self.roll(3) > 0);
        let webhook = self.ledger.plans()[self.pick(self.ledger.plans().len())].id;
        let Some(node) = &self.nodes[place] else { return };
        if !enabled {
            self.disabled.insert(webhook);
        }
        self.ledger.note(format!("{webhook} is switched {}", if enabled { "on" } else { "off" }));
        let (engine, store) = (node.engine.clone(), self.store_id.clone());
        let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
        node.spawn(async move { drop(engine.change_webhook(store, webhook, change, Actor::System).await) });
    }

    /// What the engine goes by does not step while it runs; what starts afterwards begins with the new time.
    fn step_clock(&mut self) {
        if !self.shape.clock_steps {
            return;
        }
        let span = Duration::from_hours(if self.roll(2) == 0 { 1 } else { 30 * 24 });
        if self.roll(2) == 0 {
            self.ledger.note(format!("the machine's clock steps forward by {} h", span.as_secs() / 3_600));
            self.clock.jump_wall_forward(span);
        } else {
            self.ledger.note(format!("the machine's clock steps back by {} h", span.as_secs() / 3_600));
            self.clock.jump_wall_back(span);
        }
    }

    /// Ends all trouble, but for receivers that stay as they are, and lets time go on until nothing waits any more.
    fn calm_down(&mut self) {
        self.ledger.note("all is well from now on");
        for place in 0..self.nodes.len() {
            if self.shape.clock_steps {
                // Started anew, their clocks agree.
                self.crash(place);
            }
            self.start(place);
        }
        for node in self.nodes.iter_mut().flatten() {
            node.is_frozen = false;
            *node.road.lock() = Road::default();
        }
        for place in 0..self.ledger.plans().len() {
            if self.network.mood(place) == Mood::Hanging {
                // What waits for it would take its time, one deadline after the other.
                self.network.set_mood(place, Mood::Down);
            }
        }
        let calm_since = self.now();
        for _ in 0..ROUNDS_MAX {
            if self.is_broken() {
                return;
            }
            let unanswered = self.ask_again();
            self.settle();
            let due = at_once(self.store().due_webhooks()).into_iter().map(|webhook| webhook.due_at).min();
            let Some(due) = due else {
                if unanswered == 0 {
                    return;
                }
                self.advance(Duration::from_secs(1));
                continue;
            };
            let now = self.now();
            let lies = now.since(due.max(calm_since));
            if lies > LIES_MAX {
                return self.ledger.broken(format!("something lies though it was due {lies:?} ago"));
            }
            let ahead = due.since(now);
            if ahead > Duration::from_secs(30) && unanswered == 0 {
                self.leap(ahead);
            } else {
                self.advance(Duration::from_secs(2));
            }
        }
        self.ledger.broken("something still waits after all this time");
    }
}
