//! The steps that each event takes, one by one: `cargo bench -p bocau-bench`.
//!
//! What the program costs end to end is measured by the benchmark itself (`make bench`); this says which step has become
//! dearer.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::sync::Arc;

use bocau_api::body::is_nested_deeper;
use bocau_domain::limits::JSON_DEPTH_MAX;
use bocau_domain::transition::AttemptEnd;
use bocau_domain::{
    DeliveryState, EventId, EventType, Input, Outcome, RetryPolicy, SigningSecret, SigningSecrets, Timestamp,
    Trigger, Webhook, WebhookId, transition,
};
use bocau_store::conformance::world::{Dice, World};
use bocau_store::seal::{MasterKey, Sealer};
use bocau_store::sqlite::{SqliteOptions, SqliteStore};
use bocau_store::{Appended, Claimed, Store, Submission};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The order of the document, 2.3 KB.
const ORDER: &str = include_str!("../../domain/catalogue/samples/order.json");
const NOW: Timestamp = Timestamp::from_millis(1_795_485_600_000);
/// Events of one commit.
const COMMITS: [usize; 3] = [1, 64, 256];

fn main() {
    divan::main();
}

#[divan::bench]
fn sign(bencher: Bencher<'_, '_>) {
    let secrets = SigningSecrets::new(SigningSecret::generate(&Dice::new(1)));
    let event = EventId::from_bytes([7; 16]);
    bencher.bench(|| secrets.signature(event, NOW, black_box(ORDER.as_bytes())));
}

#[divan::bench]
fn check_json(bencher: Bencher<'_, '_>) {
    bencher.bench(|| is_nested_deeper(black_box(ORDER.as_bytes()), black_box(JSON_DEPTH_MAX)));
}

#[divan::bench]
fn seal_and_open(bencher: Bencher<'_, '_>) {
    let sealer = Sealer::new(&MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
    bencher.bench(|| sealer.open("of a webhook", &sealer.seal("of a webhook", black_box(&[7; 32]))));
}

/// Which of twenty webhooks of a store want an event.
#[divan::bench]
fn route(bencher: Bencher<'_, '_>) {
    let shop = Shop::open();
    let webhooks: Vec<Webhook> = (0..20).map(|_| shop.world.draft()).collect();
    let event: EventType = "order.created".parse().unwrap();
    bencher.bench(|| webhooks.iter().filter(|webhook| webhook.wants(black_box(&event), "order")).count());
}

/// From waiting to claimed to succeeded.
#[divan::bench]
fn transitions(bencher: Bencher<'_, '_>) {
    let policy = RetryPolicy::Every { max_attempts: 3, interval: std::time::Duration::from_mins(5) };
    let lease = std::time::Duration::from_secs(45);
    bencher.bench(|| {
        let pending = DeliveryState::pending(black_box(NOW));
        let claimed = transition(&pending, &Input::Claim { now: NOW, lease }).unwrap();
        let end = AttemptEnd {
            trigger: Trigger::Auto,
            started_at: NOW,
            ended_at: NOW,
            outcome: Outcome::Success,
            status_code: Some(200),
            gone: false,
            retry_after: None,
            policy: &policy,
        };
        transition(&claimed, &Input::AttemptEnded(end)).unwrap()
    });
}

/// A store in a file, with a webhook; every commit of it is on the disk.
struct Shop {
    runtime: Runtime,
    world: World,
    webhook: WebhookId,
    _dir: TempDir,
}

impl Shop {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options =
            SqliteOptions::new(dir.path(), MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).unwrap());
        let runtime = Runtime::new().unwrap();
        let (world, webhook) = runtime.block_on(async {
            let world = World::new(store).await;
            let webhook = world.make_webhook().await;
            (world, webhook)
        });
        Self { runtime, world, webhook, _dir: dir }
    }

    fn submission(&self, events: usize) -> Submission {
        let event = || {
            let mut event = self.world.event(&[self.webhook]);
            event.payload = ORDER.into();
            event
        };
        self.runtime.block_on(self.world.submission((0..events).map(|_| event()).collect()))
    }

    fn append(&self, submission: Submission) {
        assert_eq!(self.runtime.block_on(self.world.append(submission)), Appended::Accepted);
    }

    fn claim(&self, events: usize) -> Vec<Claimed> {
        self.runtime.block_on(self.world.claim(self.webhook, events))
    }
}

/// Writes so many events in one commit.
#[divan::bench(args = COMMITS)]
fn commit_events(bencher: Bencher<'_, '_>, events: usize) {
    let shop = Shop::open();
    let bencher = bencher.counter(ItemsCount::new(events)).with_inputs(|| shop.submission(events));
    bencher.bench_local_values(|submission| shop.append(submission));
}

/// Claims so many deliveries in one commit.
#[divan::bench(args = COMMITS)]
fn claim(bencher: Bencher<'_, '_>, events: usize) {
    let shop = Shop::open();
    let bencher = bencher.counter(ItemsCount::new(events));
    let bencher = bencher.with_inputs(|| shop.append(shop.submission(events)));
    bencher.bench_local_values(|()| assert_eq!(shop.claim(events).len(), events));
}

/// Writes so many results in one commit.
#[divan::bench(args = COMMITS)]
fn commit_results(bencher: Bencher<'_, '_>, events: usize) {
    let shop = Shop::open();
    let bencher = bencher.counter(ItemsCount::new(events)).with_inputs(|| {
        shop.append(shop.submission(events));
        let claimed = shop.claim(events);
        claimed.iter().map(|claimed| shop.world.attempt(claimed, 200)).collect::<Vec<_>>()
    });
    bencher.bench_local_values(|results| shop.runtime.block_on(shop.world.store.record(results)));
}
