//! A node: the real engine on a runtime of its own, which runs only when the simulation lets it.
//!
//! One thread, no timers of the operating system and no sockets: whatever a node does, it does between two steps of
//! the simulated clock. Dropping its runtime is its crash, at whatever it was waiting for; leaving it alone for a while
//! is a pause of its machine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::address::EgressRules;
use bocau_domain::{Catalogue, Clock, RetentionDays, Timestamp};
use bocau_engine::{Engine, EngineClock, EngineOptions, EngineParts};
use bocau_store::{
    Appended, AttemptRecord, ClaimRef, Claimed, Recorded, Result, Store, StoreError, Submission,
};
use bocau_testkit::flaky_store::between::Between;
use bocau_testkit::{FlakyStore, SeededRng, SimClock, Verb};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::ledger::Ledger;
use crate::network::{Network, Wire};

/// A node's clock: what the machine's said when it started, and the time that has passed since.
#[derive(Clone)]
pub(crate) struct NodeClock {
    clock: SimClock,
    ahead: Duration,
    behind: Duration,
}

impl NodeClock {
    pub(crate) fn starting(clock: &SimClock) -> Self {
        let (now, wall) = (clock.now(), clock.wall());
        Self { clock: clock.clone(), ahead: wall.since(now), behind: now.since(wall) }
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        self.clock.now() + self.ahead - self.behind
    }
}

impl EngineClock for NodeClock {
    fn wall(&self) -> Timestamp {
        self.clock.wall()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(span)
    }
}

/// How the way to the database is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Road {
    /// Of a hundred calls, how many are refused.
    pub(crate) refused: u64,
    /// Of a hundred answers, how many are lost: the work was done.
    pub(crate) lost: u64,
    /// Of a hundred calls, how many are slow both ways.
    pub(crate) slow: u64,
}

/// The way between a node and the store.
struct Way {
    ledger: Arc<Ledger>,
    clock: SimClock,
    dice: Arc<SeededRng>,
    road: Arc<Mutex<Road>>,
    run: usize,
}

impl Way {
    async fn pass(&self, verb: Verb, what: &str, share: impl Fn(Road) -> u64) -> Result<()> {
        let road = *self.road.lock();
        if road == Road::default() {
            return Ok(());
        }
        let roll = |sides| self.dice.next_u64() % sides;
        if roll(100) < road.slow {
            let most = if roll(20) == 0 { 8_000 } else { 60 };
            self.clock.sleep(Duration::from_millis(roll(most))).await;
        }
        if roll(100) < share(road) {
            self.ledger.note(format!("run {}: {verb:?} is {what}", self.run));
            return Err(StoreError::Unavailable(format!("{what} in the simulation")));
        }
        Ok(())
    }
}

#[async_trait]
impl Between for Way {
    async fn going(&self, verb: Verb) -> Result<()> {
        self.pass(verb, "refused", |road| road.refused).await
    }

    async fn coming(&self, verb: Verb) -> Result<()> {
        self.pass(verb, "done, and its answer lost", |road| road.lost).await
    }

    fn appended(&self, submissions: &[Submission], answers: &[Result<Appended>]) {
        self.ledger.appended(self.run, submissions, answers);
    }

    fn recorded(&self, records: &[AttemptRecord], answers: &[Result<Recorded>]) {
        self.ledger.recorded(records, answers);
    }

    fn claimed(&self, now: Timestamp, claimed: &[Claimed]) {
        self.ledger.claimed(self.run, now, claimed);
    }

    fn released(&self, claims: &[ClaimRef]) {
        self.ledger.released(claims);
    }
}

/// What nodes are made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) is_shared: bool,
    pub(crate) clock: SimClock,
    pub(crate) network: Arc<Network>,
    pub(crate) rules: Arc<EgressRules>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) dice: Arc<SeededRng>,
}

/// A node that runs.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) road: Arc<Mutex<Road>>,
    pub(crate) clock: NodeClock,
    pub(crate) is_frozen: bool,
    /// Which start this is, of whichever node.
    pub(crate) run: usize,
    runtime: Runtime,
}

impl Node {
    pub(crate) fn start(parts: &Parts, run: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without threads");
        let (clock, road) = (NodeClock::starting(&parts.clock), Arc::default());
        let ledger = parts.network.ledger.clone();
        if !parts.is_shared {
            ledger.voided();
        }
        let way = Way {
            ledger,
            clock: parts.clock.clone(),
            dice: parts.dice.clone(),
            road: Arc::clone(&road),
            run,
        };
        let store = FlakyStore::with_between(parts.store.clone(), parts.is_shared, Arc::new(way));
        let wire = Wire { network: parts.network.clone(), clock: clock.clone(), run };
        let engine_parts = EngineParts {
            store: Arc::new(store),
            clock: Arc::new(clock.clone()),
            rng: parts.dice.clone(),
            transport: Arc::new(wire),
            rules: parts.rules.clone(),
            catalogue: parts.catalogue.clone(),
        };
        let retention = RetentionDays::new(3_650).expect("ten years");
        let options = EngineOptions { retention, ..EngineOptions::default() };
        let engine = runtime.block_on(Engine::start(engine_parts, options)).expect("the engine starts");
        Self { engine, road, clock, is_frozen: false, run, runtime }
    }

    /// Begins something on the node, as a request to it does.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Lets the node do whatever it can without time passing.
    pub(crate) fn run_until_idle(&self) {
        self.runtime.block_on(nothing_left_to_do());
    }
}

/// Ends when all tasks wait for something: a paused clock moves only then.
#[expect(
    clippy::disallowed_methods,
    reason = "not a wait: the runtime's own clock stands, and moves when all is idle"
)]
async fn nothing_left_to_do() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
