//! The engine as a whole: what the API calls, and how the steps start and stop together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::address::EgressRules;
use bocau_domain::limits::IDEMPOTENCY_KEY_LENGTH_MAX;
use bocau_domain::{
    Attempt, Catalogue, CatalogueEntry, Delivery, DeliveryId, DeliveryPolicy, DeliveryState, EventId,
    EventType, IdSource, NodeRole, ObjectId, Reason, RetentionDays, Rng, StoreId, Timestamp, Webhook,
    WebhookId,
};
use bocau_store::resend_jobs::ResendJob;
use bocau_store::{
    Appended, IdempotencyKey, NewDelivery, NewEvent, Notice, Shard, Store, StoreError, Submission,
};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::{Change, Changes};
use crate::clock::EngineClock;
use crate::flow::{Common, Flow};
use crate::journal::JournalError;
use crate::lanes::LaneLimits;
use crate::notices::{self, Notices};
use crate::router::Snapshot;
use crate::sender::{HEADER_PREFIX_DEFAULT, Transport};
use crate::{recorder, sweeper, test_wait};

/// How often a submission is routed anew because the configuration changed under it.
const ROUTING_TRIES: usize = 10;
/// How long “gửi thử” waits beyond its webhook's timeout for its turn.
const TEST_TURN_MAX: Duration = Duration::from_secs(5);

/// What the engine is set up with.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The server's delivery policy.
    pub policy: DeliveryPolicy,
    /// The limits of the lanes.
    pub lanes: LaneLimits,
    /// The prefix of our own headers.
    pub header_prefix: String,
    /// How long events are kept.
    pub retention: RetentionDays,
    /// What this node does.
    pub role: NodeRole,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            policy: DeliveryPolicy::default(),
            lanes: LaneLimits::default(),
            header_prefix: HEADER_PREFIX_DEFAULT.to_owned(),
            retention: RetentionDays::default(),
            role: NodeRole::All,
        }
    }
}

/// What the engine works with; everything of the outside world is here.
pub struct EngineParts {
    /// The storage.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn EngineClock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// Where requests may go.
    pub rules: Arc<EgressRules>,
    /// The event types.
    pub catalogue: Arc<Catalogue>,
}

/// An event as it comes in.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// What happened.
    pub event_type: EventType,
    /// To which object.
    pub object_id: ObjectId,
    /// When, where the publisher said so.
    pub occurred_at: Option<Timestamp>,
    /// The payload in the very bytes that were received; it was checked to be a JSON object.
    pub payload: Bytes,
}

/// What came of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Each event's id and its number of deliveries that were to be sent, in the order of the request.
    pub events: Vec<(EventId, u32)>,
    /// The same request had come before under its key.
    pub is_duplicate: bool,
}

/// Why nothing was published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The store is not there.
    #[error("there is no such store")]
    NoStore,
    /// The webhook is not there.
    #[error("there is no such webhook")]
    NoWebhook,
    /// The catalogue has no such type; the number is the event's place in the request.
    #[error("event {0} has a type that is not in the catalogue")]
    UnknownType(usize),
    /// The `Idempotency-Key` was used for another request.
    #[error("the Idempotency-Key was used for another request")]
    KeyReused,
    /// Too much is waiting to be written; later it may go.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<JournalError> for PublishError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Overloaded => Self::Overloaded,
            JournalError::Stopping => Self::Stopping,
            JournalError::Store(error) => Self::Store(error),
        }
    }
}

/// What came of “gửi thử”.
#[derive(Debug, Clone)]
pub enum TestSend {
    /// It was sent, and this is the attempt.
    Done {
        /// The delivery it belongs to.
        delivery: Box<Delivery>,
        /// How it went.
        attempt: Box<Attempt>,
    },
    /// It has not had its turn within the time a person waits; it goes on.
    Waiting(DeliveryId),
}

/// The engine. Dropping it stops nothing: call [`Engine::stop`].
pub struct Engine {
    parts: EngineParts,
    options: EngineOptions,
    ids: IdSource,
    /// One for each database.
    flows: Vec<Arc<Flow>>,
    common: Common,
    stop_begun: CancellationToken,
    /// Where the steps run, whoever calls.
    runtime: Handle,
    /// Ends what runs beside the flows.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Engine {
    /// Starts the steps. What a process that died had claimed is voided first, so that it comes back.
    pub async fn start(parts: EngineParts, options: EngineOptions) -> bocau_store::Result<Arc<Self>> {
        let shards = databases(&parts.store);
        let mut heard = Notices::begin(&*shards[0].store).await?;
        // Where others share the database, the claims may be theirs; those of a process that died lapse.
        if !parts.store.is_shared() {
            let voided = parts.store.void_claims(parts.clock.now()).await?;
            if voided > 0 {
                tracing::info!(
                    voided,
                    "deliveries that were under way when the last run ended are sent again"
                );
            }
        }
        let common = Common { changes: Arc::new(Changes::default()), progress: watch::Sender::new(0) };
        // Only the first must be there.
        let start = |shard| Flow::start(shard, &parts, &options, &common, heard.take());
        let flows: Vec<Arc<Flow>> = shards.into_iter().map(start).collect();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (store, clock) = (&parts.store, &parts.clock);
        if store.is_shared() {
            let changes = common.changes.clone();
            tasks.spawn(notices::tell_others(store.clone(), changes, clock.clone(), stop.clone()));
        }
        if flows.len() > 1 {
            tasks.spawn(sweeper::tend_shards(store.clone(), clock.clone(), stop.clone()));
        }
        let ids = IdSource::new(parts.clock.clone(), parts.rng.clone());
        let engine = Arc::new(Self {
            parts,
            options,
            ids,
            flows,
            common,
            stop_begun: CancellationToken::new(),
            runtime: Handle::current(),
            stop,
            tasks,
        });
        engine.resume_bulk_resends().await?;
        Ok(engine)
    }

    /// Takes nothing more in; what is in flight goes on. [`Engine::stop`] does the rest.
    pub fn begin_stop(&self) {
        self.stop_begun.cancel();
        for flow in &self.flows {
            flow.begin_stop();
        }
    }

    /// Whether the server is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stop_begun.is_cancelled()
    }

    /// Stops: attempts in flight end and are recorded, what waits in the lanes goes back to the store.
    /// Takes as long as the longest attempt in flight. The store is left open.
    pub async fn stop(&self) {
        self.begin_stop();
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // One that has to wait for its database holds up no other.
        join_all(self.flows.iter().map(|flow| flow.stop())).await;
    }

    /// Ends when the server begins to stop.
    pub async fn stopping(&self) {
        self.stop_begun.cancelled().await;
    }

    /// The event types.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.parts.catalogue
    }

    /// Where requests may go.
    pub fn rules(&self) -> &EgressRules {
        &self.parts.rules
    }

    /// The server's delivery policy.
    pub fn policy(&self) -> &DeliveryPolicy {
        &self.options.policy
    }

    /// How long the server keeps events.
    pub fn retention(&self) -> RetentionDays {
        self.options.retention
    }

    /// The prefix of our own headers.
    pub fn header_prefix(&self) -> &str {
        &self.options.header_prefix
    }

    /// The storage.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn EngineClock> {
        &self.parts.clock
    }

    /// The dice.
    pub fn rng(&self) -> &Arc<dyn Rng> {
        &self.parts.rng
    }

    /// The source of ids.
    pub fn ids(&self) -> &IdSource {
        &self.ids
    }

    /// Attempts in flight, and deliveries waiting in the lanes.
    pub fn lane_counts(&self) -> (usize, usize) {
        let counts = self.flows.iter().map(|flow| flow.lane_counts());
        counts.fold((0, 0), |(all, all_waiting), (count, waiting)| (all + count, all_waiting + waiting))
    }

    /// The rows and bulk resends of every store that are new or change from now on.
    pub fn watch_changes(&self) -> broadcast::Receiver<Change> {
        self.common.changes.watch()
    }

    /// Lets other nodes know that somebody watches this store's report here, for [`crate::changes::WATCHED_FOR`].
    pub async fn say_watched(&self, store: &StoreId) {
        if self.store().is_shared()
            && let Err(error) = self.store().tell(vec![Notice::Watched(store.clone())]).await
        {
            tracing::debug!(%error, "other nodes do not hear who watches here");
        }
    }

    /// A row has changed.
    pub(crate) fn tell_change(&self, store: &StoreId, delivery: DeliveryId) {
        self.common.changes.tell(store, delivery);
    }

    /// A bulk resend has come further.
    pub(crate) fn tell_job(&self, job: &ResendJob) {
        self.common.changes.tell_job(job);
    }

    /// Runs something in the background until it ends or the server stops.
    pub(crate) fn spawn_until_stop(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let until_stop = async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        };
        self.tasks.spawn_on(until_stop, &self.runtime);
    }

    /// Changes with every commit of results: who waits for one need not ask in a loop.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.common.progress.subscribe()
    }

    /// A store's webhooks have changed; `stopped` names those that were disabled or deleted by it.
    pub(crate) async fn config_changed(&self, store: &StoreId, stopped: Option<WebhookId>) {
        for flow in &self.flows {
            flow.forget(store);
        }
        if let (Some(webhook), Ok((_, flow))) = (stopped, self.flow_of(store).await) {
            flow.stop_webhook(webhook);
        }
    }

    /// Takes events in: all of them are durable when this answers, or none.
    pub async fn publish(
        &self,
        store: &StoreId,
        events: Vec<IncomingEvent>,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Published, PublishError> {
        debug_assert!(idempotency.as_ref().is_none_or(|key| key.key.len() <= IDEMPOTENCY_KEY_LENGTH_MAX));
        let entries = self.entries_of(&events)?;
        for _ in 0..ROUTING_TRIES {
            let (place, flow) = self.flow_of(store).await?;
            let Some(snapshot) = self.snapshot(flow, store, place).await? else { continue };
            let now = self.parts.clock.now();
            let route = |(event, entry): (&IncomingEvent, &&CatalogueEntry)| {
                let taker = |webhook: &Arc<Webhook>| (webhook.id, state_for(webhook, now));
                let takers = snapshot.takers(&event.event_type, &entry.group).map(taker).collect();
                self.new_event(event.clone(), takers, false)
            };
            let events: Vec<NewEvent> = events.iter().zip(&entries).map(route).collect();
            let made = events.iter().map(|event| (event.id, delivery_count(event))).collect();
            let submission = Submission {
                store: store.clone(),
                config_version: snapshot.config_version,
                events,
                idempotency: idempotency.clone(),
                now,
            };
            match self.submit(place, flow, submission).await? {
                Some(Appended::Duplicate(events)) => return Ok(Published { events, is_duplicate: true }),
                Some(_) => return Ok(Published { events: made, is_duplicate: false }),
                None => {}
            }
        }
        Err(PublishError::Overloaded)
    }

    /// Sends a type's sample to one webhook, enabled or not, through the real path, and waits for the
    /// answer.
    pub async fn test_send(
        &self,
        store: &StoreId,
        webhook: WebhookId,
        entry: &CatalogueEntry,
    ) -> Result<TestSend, PublishError> {
        let event = IncomingEvent {
            event_type: entry.name.clone(),
            object_id: entry.sample_object_id.parse().unwrap_or_else(|_| "1".parse().expect("an object id")),
            occurred_at: None,
            payload: Bytes::copy_from_slice(entry.sample.as_bytes()),
        };
        for _ in 0..ROUTING_TRIES {
            let (place, flow) = self.flow_of(store).await?;
            let Some(snapshot) = self.snapshot(flow, store, place).await? else { continue };
            let policy = &snapshot.webhook(webhook).ok_or(PublishError::NoWebhook)?.policy;
            let patience = policy.over(&self.options.policy).timeout + TEST_TURN_MAX;
            let now = self.parts.clock.now();
            let event = self.new_event(event.clone(), vec![(webhook, DeliveryState::pending(now))], true);
            let delivery = event.deliveries[0].id;
            let result = flow.next_result(delivery);
            let submission = Submission {
                store: store.clone(),
                config_version: snapshot.config_version,
                events: vec![event],
                idempotency: None,
                now,
            };
            if self.submit(place, flow, submission).await?.is_some() {
                return self.await_test(store, delivery, result, patience).await;
            }
        }
        Err(PublishError::Overloaded)
    }

    async fn await_test(
        &self,
        store: &StoreId,
        id: DeliveryId,
        mut result: recorder::NextResult,
        patience: Duration,
    ) -> Result<TestSend, PublishError> {
        // Another node may be the one that sends it.
        let (rows, clock) = (&*self.parts.store, &*self.parts.clock);
        // In this order, so that a simulation of the same seed runs the same way.
        let delivery = tokio::select! {
            biased;
            delivery = result.wait() => delivery,
            delivery = test_wait::recorded(rows, clock, store, id), if rows.is_shared() => Some(delivery),
            () = self.parts.clock.sleep(patience) => None,
        };
        let Some(delivery) = delivery else { return Ok(TestSend::Waiting(id)) };
        let attempt = self.parts.store.attempts(store, id).await?.pop();
        Ok(attempt.map_or(TestSend::Waiting(id), |attempt| TestSend::Done {
            delivery: Box::new(delivery),
            attempt: Box::new(attempt),
        }))
    }

    /// A delivery to this webhook of a store is due at `due_at`.
    pub(crate) async fn note_due(&self, store: &StoreId, webhook: WebhookId, due_at: Timestamp) {
        if let Ok((_, flow)) = self.flow_of(store).await {
            flow.note_due(webhook, due_at);
        }
    }

    fn entries_of(&self, events: &[IncomingEvent]) -> Result<Vec<&CatalogueEntry>, PublishError> {
        let find = |(place, event): (usize, &IncomingEvent)| {
            self.parts.catalogue.get(&event.event_type).ok_or(PublishError::UnknownType(place))
        };
        events.iter().enumerate().map(find).collect()
    }

    /// The flow of the database that has a store, and which that is.
    pub(crate) async fn flow_of(&self, store: &StoreId) -> Result<(usize, &Arc<Flow>), PublishError> {
        if self.is_stopping() {
            return Err(PublishError::Stopping);
        }
        let place = self.parts.store.shard_of(store).await?.ok_or(PublishError::NoStore)?;
        let flow = self.flows.get(place).ok_or(StoreError::Closed)?;
        Ok((place, flow))
    }

    /// The flows, one for each database.
    pub(crate) fn flows(&self) -> &[Arc<Flow>] {
        &self.flows
    }

    /// `None` where the store has moved to another database: it must be looked for anew.
    async fn snapshot(
        &self,
        flow: &Flow,
        store: &StoreId,
        place: usize,
    ) -> Result<Option<Arc<Snapshot>>, PublishError> {
        match flow.snapshot(store).await? {
            Some(snapshot) if !snapshot.is_moving => Ok(Some(snapshot)),
            found => {
                let error = found.map_or(PublishError::NoStore, |_| StoreError::Moving.into());
                self.unless_moved(store, place, error).await.map(|()| None)
            }
        }
    }

    /// The error of a store that was not found where it was looked for, unless it is somewhere else by now.
    async fn unless_moved(
        &self,
        store: &StoreId,
        place: usize,
        error: PublishError,
    ) -> Result<(), PublishError> {
        if self.flows.len() == 1 {
            return Err(error);
        }
        self.parts.store.forget_shard_of(store);
        let now_at = self.parts.store.shard_of(store).await?;
        if now_at == Some(place) || now_at.is_none() { Err(error) } else { Ok(()) }
    }

    /// `None` where it must be routed anew.
    async fn submit(
        &self,
        place: usize,
        flow: &Flow,
        submission: Submission,
    ) -> Result<Option<Appended>, PublishError> {
        let events = submission.events.len() as u64;
        let store = submission.store.clone();
        match flow.submit(submission).await? {
            Appended::Stale => Ok(None),
            Appended::NoStore => self.unless_moved(&store, place, PublishError::NoStore).await.map(|()| None),
            Appended::Moved => {
                self.unless_moved(&store, place, StoreError::Moving.into()).await.map(|()| None)
            }
            Appended::KeyReused => Err(PublishError::KeyReused),
            Appended::Accepted => {
                metrics::counter!("bocau_events_accepted_total").increment(events);
                Ok(Some(Appended::Accepted))
            }
            duplicate @ Appended::Duplicate(_) => Ok(Some(duplicate)),
        }
    }

    /// An event with a delivery to each taker; where there is none, with one that says so.
    fn new_event(
        &self,
        event: IncomingEvent,
        takers: Vec<(WebhookId, DeliveryState)>,
        is_test: bool,
    ) -> NewEvent {
        let id = self.ids.event_id();
        let to = |webhook_id: Option<WebhookId>, state| NewDelivery {
            id: self.ids.delivery_id(id),
            webhook_id,
            state,
        };
        let deliveries = if takers.is_empty() {
            vec![to(None, DeliveryState::skipped(Some(Reason::NoWebhook)))]
        } else {
            takers.into_iter().map(|(webhook, state)| to(Some(webhook), state)).collect()
        };
        NewEvent {
            id,
            event_type: event.event_type,
            object_id: event.object_id,
            occurred_at: event.occurred_at,
            payload: event.payload,
            is_test,
            deliveries,
        }
    }
}

/// The databases of a store: itself where it is one.
fn databases(store: &Arc<dyn Store>) -> Vec<Shard> {
    let shards = store.shards();
    if shards.is_empty() { vec![Shard { name: String::new(), store: store.clone() }] } else { shards }
}

/// What is published while a webhook is disabled is kept for it, so that it can be resent once it works.
fn state_for(webhook: &Webhook, now: Timestamp) -> DeliveryState {
    if webhook.enabled {
        DeliveryState::pending(now)
    } else {
        DeliveryState::skipped(Some(webhook.disabled_reason.unwrap_or(Reason::WebhookDisabled)))
    }
}

fn delivery_count(event: &NewEvent) -> u32 {
    let count = event.deliveries.iter().filter(|delivery| delivery.state.is_waiting()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
