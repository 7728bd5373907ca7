//! The engine as a whole: what the API calls, and how the steps start and stop together.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bocau_domain::address::EgressRules;
use bocau_domain::limits::IDEMPOTENCY_KEY_LENGTH_MAX;
use bocau_domain::{
    Attempt, Catalogue, CatalogueEntry, Delivery, DeliveryId, DeliveryPolicy, DeliveryState, EventId,
    EventType, IdSource, NodeRole, ObjectId, Reason, RetentionDays, Rng, StoreId, Timestamp, Webhook,
    WebhookId,
};
use bocau_store::resend_jobs::ResendJob;
use bocau_store::{Appended, IdempotencyKey, NewDelivery, NewEvent, Notice, Store, StoreError, Submission};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::{Change, Changes};
use crate::clock::EngineClock;
use crate::dispatch::Dispatch;
use crate::journal::{Journal, JournalError};
use crate::lanes::{LaneLimits, Lanes};
use crate::notices::{self, Notices};
use crate::recorder::Recorder;
use crate::router::{Router, Snapshot};
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::sender::{HEADER_PREFIX_DEFAULT, Sender, Transport};
use crate::{config_poll, recorder, retention, sweeper, test_wait};

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
    router: Arc<Router>,
    journal: Journal,
    lanes: Arc<Lanes>,
    schedule: Arc<Schedule>,
    changes: Arc<Changes>,
    dispatch: Arc<Dispatch>,
    stop_begun: CancellationToken,
    /// Where the steps run, whoever calls.
    runtime: Handle,
    /// Ends the scheduler, retention and the sweeper, then the journal, then the recorder.
    stops: [CancellationToken; 3],
    tasks: [TaskTracker; 3],
}

const STOP_SCHEDULER: usize = 0;
const STOP_JOURNAL: usize = 1;
const STOP_RECORDER: usize = 2;

impl Engine {
    /// Starts the steps. What a process that died had claimed is voided first, so that it comes back.
    pub async fn start(parts: EngineParts, options: EngineOptions) -> bocau_store::Result<Arc<Self>> {
        let heard = Notices::begin(&*parts.store).await?;
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
        let store = parts.store.clone();
        let clock = parts.clock.clone();
        let router = Arc::new(Router::new(store.clone()));
        let lanes = Arc::new(Lanes::new(options.lanes));
        let schedule = Arc::new(Schedule::default());
        let changes = Arc::new(Changes::default());
        let (recorder, results) =
            Recorder::new(store.clone(), clock.clone(), router.clone(), schedule.clone(), changes.clone());
        let sender = Sender::new(
            clock.clone(),
            parts.transport.clone(),
            parts.rules.clone(),
            options.header_prefix.clone(),
        );
        let dispatch = Arc::new(Dispatch {
            lanes: lanes.clone(),
            router: router.clone(),
            sender,
            recorder,
            schedule: schedule.clone(),
            store: store.clone(),
            clock: clock.clone(),
            defaults: options.policy.clone(),
            tasks: TaskTracker::new(),
            role: options.role,
            is_stopping: AtomicBool::new(false),
        });
        let (journal, commits) =
            Journal::new(store.clone(), clock.clone(), changes.clone(), dispatch.clone());
        let scheduler = Scheduler {
            schedule: schedule.clone(),
            store: store.clone(),
            lanes: lanes.clone(),
            dispatch: dispatch.clone(),
            clock: clock.clone(),
        };
        let stops: [CancellationToken; 3] = Default::default();
        let tasks: [TaskTracker; 3] = Default::default();
        tasks[STOP_SCHEDULER].spawn(scheduler.run(stops[STOP_SCHEDULER].clone()));
        if let Some(heard) = heard {
            let notices = Notices {
                router: router.clone(),
                schedule: schedule.clone(),
                changes: changes.clone(),
                clock: clock.clone(),
                role: options.role,
            };
            tasks[STOP_SCHEDULER].spawn(notices.run(heard, stops[STOP_SCHEDULER].clone()));
            let telling = notices::tell_others(
                store.clone(),
                changes.clone(),
                clock.clone(),
                stops[STOP_SCHEDULER].clone(),
            );
            tasks[STOP_SCHEDULER].spawn(telling);
            let polling =
                config_poll::run(store.clone(), router.clone(), clock.clone(), stops[STOP_SCHEDULER].clone());
            tasks[STOP_SCHEDULER].spawn(polling);
        }
        let (told, keep, stop) = (changes.clone(), options.retention, stops[STOP_SCHEDULER].clone());
        tasks[STOP_SCHEDULER].spawn(retention::run(store.clone(), clock.clone(), told, keep, stop));
        tasks[STOP_SCHEDULER].spawn(sweeper::run(store, clock, stops[STOP_SCHEDULER].clone()));
        tasks[STOP_JOURNAL].spawn(commits.run(stops[STOP_JOURNAL].clone()));
        tasks[STOP_RECORDER].spawn(results.run(stops[STOP_RECORDER].clone()));
        let ids = IdSource::new(parts.clock.clone(), parts.rng.clone());
        let engine = Arc::new(Self {
            parts,
            options,
            ids,
            router,
            journal,
            lanes,
            schedule,
            changes,
            dispatch,
            stop_begun: CancellationToken::new(),
            runtime: Handle::current(),
            stops,
            tasks,
        });
        engine.resume_bulk_resends().await?;
        Ok(engine)
    }

    /// Takes nothing more in; what is in flight goes on. [`Engine::stop`] does the rest.
    pub fn begin_stop(&self) {
        self.stop_begun.cancel();
        self.dispatch.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stop_begun.is_cancelled()
    }

    /// Stops: attempts in flight end and are recorded, what waits in the lanes goes back to the store.
    /// Takes as long as the longest attempt in flight. The store is left open.
    pub async fn stop(&self) {
        self.begin_stop();
        self.end(STOP_SCHEDULER).await;
        self.end(STOP_JOURNAL).await;
        let waiting = self.lanes.lock().purge_all();
        let doubted = self.schedule.take_doubted().into_iter().map(|(_, claim)| claim);
        let claims = waiting.into_iter().map(|claimed| claimed.claim).chain(doubted).collect();
        if let Err(error) = self.parts.store.release(claims).await {
            tracing::warn!(%error, "waiting deliveries could not be given back; they come back as interrupted");
        }
        self.dispatch.tasks.close();
        self.dispatch.tasks.wait().await;
        self.end(STOP_RECORDER).await;
    }

    async fn end(&self, step: usize) {
        self.stops[step].cancel();
        self.tasks[step].close();
        self.tasks[step].wait().await;
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
        self.lanes.lock().counts()
    }

    /// The rows and bulk resends of every store that are new or change from now on.
    pub fn watch_changes(&self) -> broadcast::Receiver<Change> {
        self.changes.watch()
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
        self.changes.tell(store, delivery);
    }

    /// A bulk resend has come further.
    pub(crate) fn tell_job(&self, job: &ResendJob) {
        self.changes.tell_job(job);
    }

    /// Runs something in the background until it ends or the server stops.
    pub(crate) fn spawn_until_stop(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stops[STOP_SCHEDULER].clone();
        let until_stop = async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        };
        self.tasks[STOP_SCHEDULER].spawn_on(until_stop, &self.runtime);
    }

    /// Changes with every commit of results: who waits for one need not ask in a loop.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.dispatch.recorder.progress()
    }

    /// A store's webhooks have changed; `stopped` names those that were disabled or deleted by it.
    pub(crate) fn config_changed(&self, store: &StoreId, stopped: Option<WebhookId>) {
        self.router.forget(store);
        if let Some(webhook) = stopped {
            self.schedule.stop(webhook);
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
            let snapshot = self.snapshot(store).await?;
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
            match self.submit(store, submission).await? {
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
            let snapshot = self.snapshot(store).await?;
            let policy = &snapshot.webhook(webhook).ok_or(PublishError::NoWebhook)?.policy;
            let patience = policy.over(&self.options.policy).timeout + TEST_TURN_MAX;
            let now = self.parts.clock.now();
            let event = self.new_event(event.clone(), vec![(webhook, DeliveryState::pending(now))], true);
            let delivery = event.deliveries[0].id;
            let result = self.dispatch.recorder.next_result(delivery);
            let submission = Submission {
                store: store.clone(),
                config_version: snapshot.config_version,
                events: vec![event],
                idempotency: None,
                now,
            };
            if self.submit(store, submission).await?.is_some() {
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
        let delivery = tokio::select! {
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

    /// A delivery to this webhook is due at `due_at`.
    pub(crate) fn note_due(&self, webhook: WebhookId, due_at: Timestamp) {
        self.schedule.note(webhook, due_at);
    }

    fn entries_of(&self, events: &[IncomingEvent]) -> Result<Vec<&CatalogueEntry>, PublishError> {
        let find = |(place, event): (usize, &IncomingEvent)| {
            self.parts.catalogue.get(&event.event_type).ok_or(PublishError::UnknownType(place))
        };
        events.iter().enumerate().map(find).collect()
    }

    async fn snapshot(&self, store: &StoreId) -> Result<Arc<Snapshot>, PublishError> {
        if self.is_stopping() {
            return Err(PublishError::Stopping);
        }
        self.router.snapshot(store).await?.ok_or(PublishError::NoStore)
    }

    /// `None` where it must be routed anew.
    async fn submit(
        &self,
        store: &StoreId,
        submission: Submission,
    ) -> Result<Option<Appended>, PublishError> {
        let events = submission.events.len() as u64;
        let version = submission.config_version;
        match self.journal.submit(submission).await? {
            Appended::Stale => {
                self.router.forget_version(store, version);
                Ok(None)
            }
            Appended::NoStore => {
                self.router.forget(store);
                Err(PublishError::NoStore)
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
