//! The world of one seed: a store, one node or two, receivers, publishers, and the troubles that the dice bring.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::address::EgressRules;
use bocau_domain::{
    Actor, Catalogue, Clock as _, Delivery, DeliveryId, EventPattern, IdSource, PolicyOverrides,
    SigningSecret, SigningSecrets, StoreId, StoreInfo, Timestamp, Webhook, WebhookId, WebhookUrl,
};
use bocau_engine::EngineClock as _;
use bocau_store::sqlite::SqliteStore;
use bocau_store::{DeliveryFilter, MasterKey, Page, Store};
use bocau_testkit::{SeededRng, SimClock};
use futures_util::FutureExt as _;

use crate::ledger::{Ledger, Plan};
use crate::network::Network;
use crate::node::{Node, Parts};
use crate::publisher::Publisher;

/// The store that publishes.
pub(crate) const STORE: &str = "552";
const ROWS_MAX: usize = 100_000;

/// What the dice decided of a world before it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Two nodes over one store that others share, or one that is alone with it.
    pub(crate) nodes: usize,
    /// Whether the machine's clock may step.
    pub(crate) clock_steps: bool,
}

/// All there is.
pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) clock: SimClock,
    pub(crate) dice: SeededRng,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) network: Arc<Network>,
    pub(crate) store_id: StoreId,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) publisher: Publisher,
    /// How often a resend was asked for, heard of or not.
    pub(crate) resends: BTreeMap<DeliveryId, u32>,
    /// The webhooks that were disabled at some time, by a person or by their receiver.
    pub(crate) disabled: BTreeSet<WebhookId>,
    parts: Parts,
    runs: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let (clock, dice) = (SimClock::new(), SeededRng::new(seed));
        let shape = Shape {
            nodes: 1 + (dice.next_u64() % 2) as usize,
            clock_steps: dice.next_u64().is_multiple_of(4),
        };
        let inner_dice = Arc::new(SeededRng::new(!seed));
        let ids = IdSource::new(Arc::new(clock.clone()), inner_dice.clone());
        let rules = Arc::new(EgressRules::default());
        let store = SqliteStore::in_memory(&MasterKey::generate(&*inner_dice), inner_dice.clone());
        let store: Arc<dyn Store> = Arc::new(store.expect("a database in memory opens"));
        let store_id: StoreId = STORE.parse().expect("a store id");
        let webhooks = make_webhooks(&*store, &store_id, &clock, &ids, &rules, &inner_dice);
        let plans = webhooks.iter().map(plan_of).collect();
        let ledger = Arc::new(Ledger::new(clock.clone(), plans, !shape.clock_steps));
        let network = Arc::new(Network::new(clock.clone(), ledger.clone(), seed.rotate_left(17)));
        let parts = Parts {
            store,
            is_shared: shape.nodes > 1,
            clock: clock.clone(),
            network: network.clone(),
            rules,
            catalogue: Arc::new(Catalogue::built_in()),
            dice: inner_dice,
        };
        ledger.note(format!("seed {seed}: {shape:?}"));
        let nodes = (0..shape.nodes).map(|_| None).collect();
        let mut world = Self {
            shape,
            clock,
            dice,
            network,
            store_id,
            nodes,
            publisher: Publisher::new(ledger.clone()),
            ledger,
            resends: BTreeMap::new(),
            disabled: BTreeSet::new(),
            parts,
            runs: 0,
        };
        (0..world.nodes.len()).for_each(|place| world.start(place));
        world
    }

    /// A number below `sides`.
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        self.dice.next_u64() % sides
    }

    /// A place below `sides`.
    pub(crate) fn pick(&self, sides: usize) -> usize {
        usize::try_from(self.roll(sides as u64)).expect("small")
    }

    // --- nodes --------------------------------------------------------------------------------------------

    pub(crate) fn start(&mut self, place: usize) {
        if self.nodes[place].is_none() {
            self.runs += 1;
            self.ledger.note(format!("node {place} starts as run {}", self.runs));
            self.nodes[place] = Some(Node::start(&self.parts, self.runs));
        }
    }

    /// The node dies at whatever it was waiting for.
    pub(crate) fn crash(&mut self, place: usize) {
        if let Some(node) = self.nodes[place].take() {
            self.ledger.note(format!("node {place} dies (run {})", node.run));
            self.network.died(node.run);
            self.publisher.died(node.run);
        }
    }

    /// The nodes that run and are not frozen.
    pub(crate) fn awake(&self) -> Vec<&Node> {
        self.nodes.iter().flatten().filter(|node| !node.is_frozen).collect()
    }

    // --- time ---------------------------------------------------------------------------------------------

    /// Lets everybody do what they can without time passing.
    pub(crate) fn settle(&mut self) {
        self.awake().into_iter().for_each(Node::run_until_idle);
        self.publisher.collect(&*self.parts.store, &self.store_id);
        if let Some(panic) = crate::panics::take() {
            self.ledger.broken(format!("a panic: {panic}"));
        }
    }

    /// Lets time pass, from one moment at which somebody wakes to the next.
    pub(crate) fn advance(&mut self, span: Duration) {
        let end = self.clock.monotonic() + span;
        loop {
            self.settle();
            let left = end.saturating_sub(self.clock.monotonic());
            match self.clock.next_wake() {
                Some(next) if next <= left => self.clock.advance(next),
                _ => break self.clock.advance(left),
            }
        }
        self.settle();
    }

    /// All machines sleep, and wake up later.
    pub(crate) fn leap(&mut self, span: Duration) {
        self.ledger.note(format!("everything stands still for {} s", span.as_secs()));
        self.clock.advance(span);
        self.settle();
    }

    /// The earliest of the nodes' clocks.
    pub(crate) fn now(&self) -> Timestamp {
        self.nodes.iter().flatten().map(|node| node.clock.now()).min().unwrap_or_else(|| self.clock.wall())
    }

    // --- what the store has -------------------------------------------------------------------------------

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.parts.store
    }

    /// Every delivery, newest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let page = Page { after: None, limit: ROWS_MAX };
        at_once(self.store().list_deliveries(&self.store_id, DeliveryFilter::default(), page))
    }
}

/// What a verb of the store in memory answers: it never waits.
pub(crate) fn at_once<T>(verb: impl Future<Output = bocau_store::Result<T>>) -> T {
    verb.now_or_never().expect("a store in memory answers at once").expect("a store in memory works")
}

/// Three webhooks with plans of their own.
fn make_webhooks(
    store: &dyn Store,
    store_id: &StoreId,
    clock: &SimClock,
    ids: &IdSource,
    rules: &EgressRules,
    rng: &SeededRng,
) -> Vec<Webhook> {
    let info =
        StoreInfo {
            id: store_id.clone(), name: "Cửa hàng".into(), retention: None, created_at: clock.now()
        };
    at_once(store.create_store(info, &Actor::System)).expect("the id is free");
    let seconds = Duration::from_secs;
    let every = |count, interval, timeout| PolicyOverrides {
        max_attempts: Some(count),
        interval: Some(seconds(interval)),
        timeout: Some(seconds(timeout)),
        ..PolicyOverrides::default()
    };
    let by_schedule = PolicyOverrides {
        schedule: Some(vec![seconds(5), seconds(20), seconds(90)]),
        timeout: Some(seconds(25)),
        ..PolicyOverrides::default()
    };
    let policies = [every(3, 30, 5), every(4, 60, 10), by_schedule];
    let make = |(place, policy)| {
        let webhook = Webhook {
            id: ids.webhook_id(),
            store: store_id.clone(),
            url: WebhookUrl::parse(&format!("https://receiver-{place}.example.com/in"), rules)
                .expect("a URL"),
            events: vec![EventPattern::All],
            headers: Vec::new(),
            description: String::new(),
            enabled: true,
            disabled_reason: None,
            policy,
            secrets: SigningSecrets::new(SigningSecret::generate(rng)),
            created_at: clock.now(),
            updated_at: clock.now(),
        };
        at_once(store.create_webhook(webhook.clone(), &Actor::System)).expect("there is room");
        webhook
    };
    policies.into_iter().enumerate().map(make).collect()
}

/// The same policy as a list of waits.
fn plan_of(webhook: &Webhook) -> Plan {
    let PolicyOverrides { max_attempts, interval, schedule, timeout } = webhook.policy.clone();
    let repeated = || {
        let (count, wait) = max_attempts.zip(interval).expect("a number and an interval");
        vec![wait; count as usize - 1]
    };
    let waits = schedule.unwrap_or_else(repeated);
    Plan { id: webhook.id, waits, timeout: timeout.expect("a deadline") }
}
