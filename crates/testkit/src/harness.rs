//! The engine over a database of its own, a clock that stands still and a scripted receiver.
//!
//! The database is a SQLite file in a temporary directory, or, where `BOCAU_TEST_BACKEND` is `postgres`, one on the
//! server that `BOCAU_TEST_POSTGRES` names: what the engine promises holds on both.
//!
//! The engine runs on threads of its own, so that a crash is what it is outside: everything stops where it
//! stands, and the next start finds what the disk has.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::address::EgressRules;
use bocau_domain::{
    Actor, Attempt, Catalogue, Clock as _, Delivery, DeliveryId, EventPattern, IdSource, NodeRole,
    PolicyOverrides, SigningSecret, SigningSecrets, Status, StoreId, StoreInfo, Webhook, WebhookChange,
    WebhookId, WebhookUrl,
};
use bocau_engine::egress::{Guard, HttpsOptions, HttpsTransport};
use bocau_engine::journal::LEASE;
use bocau_engine::scheduler::POLL;
use bocau_engine::{Engine, EngineOptions, EngineParts, IncomingEvent, PublishError, Published};
use bocau_store::postgres::{PostgresOptions, PostgresStore};
use bocau_store::sqlite::{SqliteOptions, SqliteStore};
use bocau_store::{DeliveryFilter, IdempotencyKey, MasterKey, Page, Resend, Store};
use bytes::Bytes;
use ipnet::IpNet;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::clock::{SeededRng, SimClock};
use crate::database::TestDatabase;
use crate::flaky_store::FlakyStore;
use crate::patience::capped;
use crate::receiver::{Receiver, ReceiverOptions};
use crate::resolver::FakeResolver;
use crate::tls::{Certificate, TestCa};

/// The store that every harness has.
pub const STORE: &str = "552";
const SEED: u64 = 552;
/// Says which database the tests run on.
const BACKEND: &str = "BOCAU_TEST_BACKEND";
const LIST_LIMIT: usize = 100_000;

/// How a harness is set up.
#[derive(Debug, Clone)]
pub struct HarnessOptions {
    /// The engine's options.
    pub engine: EngineOptions,
    /// The networks that deliveries may reach.
    pub allowed: Vec<IpNet>,
    /// What certificate the receiver shows.
    pub certificate: Certificate,
    /// Whether the receiver speaks HTTP/2.
    pub http2: bool,
}

impl Default for HarnessOptions {
    fn default() -> Self {
        Self {
            engine: EngineOptions::default(),
            allowed: vec!["127.0.0.0/8".parse().expect("a network")],
            certificate: Certificate::Good,
            http2: false,
        }
    }
}

impl HarnessOptions {
    /// With these networks open, separated by commas.
    pub fn allowing(networks: &str) -> Self {
        let allowed = networks.split(',').map(|network| network.parse().expect("a network")).collect();
        Self { allowed, ..Self::default() }
    }
}

/// The engine and what is around it.
pub struct EngineHarness {
    /// Time.
    pub clock: SimClock,
    /// The merchant's server.
    pub receiver: Receiver,
    /// The name servers.
    pub resolver: Arc<FakeResolver>,
    /// Dice.
    pub rng: Arc<SeededRng>,
    /// Where requests may go.
    pub rules: Arc<EgressRules>,
    /// The store that every harness has.
    pub store_id: StoreId,
    options: HarnessOptions,
    directory: TempDir,
    /// Where it is not the directory's file.
    database: Option<TestDatabase>,
    ids: IdSource,
    running: Option<Running>,
}

struct Running {
    engine: Arc<Engine>,
    store: Arc<FlakyStore>,
    runtime: Runtime,
}

impl EngineHarness {
    /// With the usual options.
    pub async fn start() -> Self {
        Self::with(HarnessOptions::default()).await
    }

    /// With these options.
    pub async fn with(options: HarnessOptions) -> Self {
        let clock = SimClock::new();
        let rng = Arc::new(SeededRng::new(SEED));
        let receiver = Receiver::with(ReceiverOptions {
            certificate: options.certificate,
            http2: options.http2,
            clock: Some(Arc::new(clock.clone())),
        })
        .await;
        let rules = EgressRules { allowed: options.allowed.clone(), ..EgressRules::default() };
        let database = match std::env::var(BACKEND).as_deref() {
            Err(_) | Ok("sqlite") => None,
            Ok("postgres") => Some(TestDatabase::make().await),
            Ok(other) => panic!("{BACKEND}={other}: sqlite or postgres"),
        };
        let mut harness = Self {
            ids: IdSource::new(Arc::new(clock.clone()), rng.clone()),
            clock,
            receiver,
            resolver: Arc::new(FakeResolver::new()),
            rng,
            rules: Arc::new(rules),
            store_id: STORE.parse().expect("a store id"),
            options,
            directory: tempfile::tempdir().expect("a temporary directory"),
            database,
            running: None,
        };
        harness.resume().await;
        harness.store_called(STORE).await;
        harness
    }

    // --- starting and stopping ----------------------------------------------------------------------------

    /// Starts the engine on what the directory has.
    pub async fn resume(&mut self) {
        assert!(self.running.is_none(), "the engine runs already");
        let store = Arc::new(FlakyStore::new(self.open().await));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads for the engine");
        let guard = Guard::new(self.rules.clone(), self.resolver.clone());
        let extra_roots = vec![TestCa::shared().der().clone()];
        let transport = HttpsTransport::new(guard, HttpsOptions { extra_roots }).expect("TLS settings");
        let parts = EngineParts {
            store: store.clone(),
            clock: Arc::new(self.clock.clone()),
            rng: self.rng.clone(),
            transport: Arc::new(transport),
            rules: self.rules.clone(),
            catalogue: Arc::new(Catalogue::built_in()),
        };
        let starting = runtime.spawn(Engine::start(parts, self.options.engine.clone()));
        let engine = starting.await.expect("the start does not panic").expect("the engine starts");
        self.running = Some(Running { engine, store, runtime });
    }

    async fn open(&self) -> Arc<dyn Store> {
        let path = self.directory.path();
        let key = MasterKey::load_or_create(path, &*self.rng).expect("a master key");
        match &self.database {
            None => {
                let options = SqliteOptions::new(path, key, self.rng.clone());
                Arc::new(SqliteStore::open(options).expect("the database opens"))
            }
            Some(database) => {
                let options = PostgresOptions::new(database.url(), key, self.rng.clone());
                Arc::new(PostgresStore::open(options).await.expect("the database opens"))
            }
        }
    }

    /// Takes another role from the next start on.
    pub fn take_role(&mut self, role: NodeRole) {
        self.options.engine.role = role;
    }

    /// Stops as the program does: attempts in flight end, the rest is given back.
    pub async fn stop(&mut self) {
        let Running { engine, store, runtime } = self.running.take().expect("the engine runs");
        capped(engine.stop(), || "stopping".into()).await;
        store.close().await;
        runtime.shutdown_background();
    }

    /// Dies where it stands, and leaves what the disk has.
    pub async fn crash(&mut self) {
        let Running { store, runtime, .. } = self.running.take().expect("the engine runs");
        store.cut_off();
        runtime.shutdown_background();
        self.clock.nobody_sleeps().await;
        store.close().await;
        // Where other processes may hold claims too, those of a dead one lapse by their time.
        if store.is_shared() {
            self.clock.advance(LEASE);
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.running.as_ref().expect("the engine runs").engine
    }

    /// The engine's store.
    pub fn store(&self) -> &Arc<FlakyStore> {
        &self.running.as_ref().expect("the engine runs").store
    }

    // --- configuration ------------------------------------------------------------------------------------

    /// Makes a store of this id.
    pub async fn store_called(&self, id: &str) -> StoreId {
        let id: StoreId = id.parse().expect("a store id");
        let info = StoreInfo {
            id: id.clone(),
            name: format!("Cửa hàng {id}"),
            retention: None,
            created_at: self.clock.now(),
        };
        let created = self.store().create_store(info, &Actor::System).await.expect("the store works");
        created.expect("the id is free");
        id
    }

    /// A webhook of the store that takes everything, at this path of the receiver.
    pub async fn webhook(&self, path: &str) -> WebhookId {
        self.webhook_at(&self.receiver.https_url(path)).await
    }

    /// A webhook of the store that takes everything, at this URL.
    pub async fn webhook_at(&self, url: &str) -> WebhookId {
        self.webhook_with(url, |_| {}).await.id
    }

    /// A webhook at this URL, with what `adjust` makes of it; the engine is told.
    pub async fn webhook_with(&self, url: &str, adjust: impl FnOnce(&mut Webhook)) -> Webhook {
        let mut webhook = self.new_webhook(url);
        adjust(&mut webhook);
        let created = self.engine().create_webhook(webhook.clone(), Actor::System).await;
        created.expect("the store works").expect("there is room for a webhook");
        webhook
    }

    /// A webhook that nobody knows yet.
    pub fn new_webhook(&self, url: &str) -> Webhook {
        let now = self.clock.now();
        Webhook {
            id: self.ids.webhook_id(),
            store: self.store_id.clone(),
            url: WebhookUrl::parse(url, &self.rules).expect("a URL that the rules let through"),
            events: vec![EventPattern::from_stored("*").expect("a pattern")],
            headers: Vec::new(),
            description: String::new(),
            enabled: true,
            disabled_reason: None,
            policy: PolicyOverrides::default(),
            secrets: SigningSecrets::new(SigningSecret::generate(&*self.rng)),
            created_at: now,
            updated_at: now,
        }
    }

    /// Changes a webhook, and tells the engine.
    pub async fn change_webhook(&self, id: WebhookId, change: WebhookChange) {
        let changed = self.engine().change_webhook(self.store_id.clone(), id, change, Actor::System).await;
        assert!(changed.expect("the store works").is_some(), "the webhook is there");
    }

    /// Turns a webhook on or off.
    pub async fn enable(&self, id: WebhookId, enabled: bool) {
        self.change_webhook(id, WebhookChange { enabled: Some(enabled), ..WebhookChange::default() }).await;
    }

    /// Deletes a webhook, and tells the engine.
    pub async fn delete_webhook(&self, id: WebhookId) {
        let deleted = self.engine().delete_webhook(self.store_id.clone(), id, Actor::System).await;
        assert!(deleted.expect("the store works"), "the webhook is there");
    }

    // --- events and deliveries ----------------------------------------------------------------------------

    /// An order that was made.
    pub fn event(&self, object_id: &str) -> IncomingEvent {
        self.event_of("order.created", object_id, format!(r#"{{"id": "{object_id}"}}"#))
    }

    /// An event of this type, with this payload.
    pub fn event_of(&self, event_type: &str, object_id: &str, payload: impl Into<Bytes>) -> IncomingEvent {
        IncomingEvent {
            event_type: event_type.parse().expect("an event type"),
            object_id: object_id.parse().expect("an object id"),
            occurred_at: None,
            payload: payload.into(),
        }
    }

    /// Publishes to the store.
    pub async fn publish(&self, events: Vec<IncomingEvent>) -> Published {
        self.try_publish(events, None).await.expect("the events are taken in")
    }

    /// Publishes to the store, perhaps in vain.
    pub async fn try_publish(
        &self,
        events: Vec<IncomingEvent>,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Published, PublishError> {
        let publishing = self.engine().publish(&self.store_id, events, idempotency);
        capped(publishing, || "publishing".into()).await
    }

    /// Publishes one order, and answers its first delivery.
    pub async fn send(&self, object_id: &str) -> DeliveryId {
        self.send_event(self.event(object_id)).await
    }

    /// Publishes one event, and answers its first delivery.
    pub async fn send_event(&self, event: IncomingEvent) -> DeliveryId {
        let published = self.publish(vec![event]).await;
        let found = self.store().deliveries_of_event(&self.store_id, published.events[0].0).await;
        found.expect("the store works").first().expect("every event has a row").id
    }

    /// Publishes `count` orders in one request.
    pub async fn send_many(&self, count: usize) {
        self.publish((0..count).map(|number| self.event(&number.to_string())).collect()).await;
    }

    /// Asks for a resend.
    pub async fn resend(&self, id: DeliveryId) {
        let asked = self.engine().resend(self.store_id.clone(), id).await.expect("the store works");
        assert!(matches!(asked, Resend::Accepted { .. }), "{asked:?}");
    }

    /// A delivery as it stands.
    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        let found = self.store().find_delivery(&self.store_id, id).await.expect("the store works");
        found.expect("the delivery is there")
    }

    /// All deliveries of the store that the filter lets through, newest first.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Vec<Delivery> {
        let page = Page { after: None, limit: LIST_LIMIT };
        self.store().list_deliveries(&self.store_id, filter, page).await.expect("the store works")
    }

    /// How many deliveries to this webhook are in this state.
    pub async fn count(&self, webhook: WebhookId, status: Status) -> usize {
        let filter =
            DeliveryFilter { webhook_id: Some(webhook), status: Some(status), ..DeliveryFilter::default() };
        self.deliveries(filter).await.len()
    }

    /// The history of a delivery.
    pub async fn attempts(&self, id: DeliveryId) -> Vec<Attempt> {
        self.store().attempts(&self.store_id, id).await.expect("the store works")
    }

    // --- waiting ------------------------------------------------------------------------------------------

    /// Waits until what `look` finds is not `None`; it looks whenever the store has been written to.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let mut progress = self.engine().progress();
        let mut calls = self.store().calls();
        let waiting = async {
            loop {
                progress.borrow_and_update();
                calls.borrow_and_update();
                if let Some(found) = look().await {
                    return found;
                }
                tokio::select! {
                    _ = progress.changed() => {}
                    _ = calls.changed() => {}
                }
            }
        };
        capped(waiting, || format!("waiting for {what}")).await
    }

    /// Waits until a delivery is as `is_settled` says.
    pub async fn settled(&self, id: DeliveryId, is_settled: impl Fn(&Delivery) -> bool) -> Delivery {
        let look = async || Some(self.delivery(id).await).filter(&is_settled);
        self.until("a delivery to settle", look).await
    }

    /// Waits until a delivery is in this state, with no attempt in flight.
    pub async fn settled_as(&self, id: DeliveryId, status: Status) -> Delivery {
        self.settled(id, |row| row.state.status == status && row.state.claimed_until.is_none()).await
    }

    /// Waits until the history of a delivery has `count` rows, and answers them with the delivery.
    pub async fn attempted(&self, id: DeliveryId, count: usize) -> (Delivery, Vec<Attempt>) {
        let enough =
            |row: &Delivery| row.state.last_number as usize >= count && row.state.claimed_until.is_none();
        let delivery = self.settled(id, enough).await;
        (delivery, self.attempts(id).await)
    }

    /// Waits until `count` deliveries to this webhook are in this state.
    pub async fn counted(&self, webhook: WebhookId, status: Status, count: usize) {
        let look = async || (self.count(webhook, status).await == count).then_some(());
        self.until(&format!("{count} deliveries to be {status}"), look).await;
    }

    /// Moves time, with the scheduler asleep: when it wakes it sees the new time.
    pub async fn advance(&self, span: Duration) {
        self.clock.advance_over_a_nap(POLL, span).await;
    }

    /// Waits until the scheduler has looked at what is due since time was moved last.
    pub async fn scheduler_has_looked(&self) {
        self.clock.someone_naps(POLL).await;
    }
}

impl Drop for EngineHarness {
    fn drop(&mut self) {
        if let Some(Running { store, runtime, .. }) = self.running.take() {
            store.cut_off();
            runtime.shutdown_background();
        }
    }
}

/// An address, written as text.
pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}
