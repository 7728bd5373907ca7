//! Flow: the steps of the stores of one database, from the journal to the recorder.
//!
//! Where stores are spread over several databases there is a flow for each, and flows share no queue, commit, lane
//! or limit: one whose database is gone or hangs fills up by itself, and the others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bocau_domain::{StoreId, Timestamp, WebhookId};
use bocau_store::{Appended, Notice, Shard, Store, Submission};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::Changes;
use crate::clock::EngineClock;
use crate::dispatch::Dispatch;
use crate::engine::{EngineOptions, EngineParts};
use crate::journal::{Journal, JournalError};
use crate::lanes::Lanes;
use crate::notices::Notices;
use crate::recorder::{NextResult, Recorder};
use crate::router::{Router, Snapshot};
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::sender::Sender;
use crate::{config_poll, retention, sweeper};

/// Before a database that does not answer is asked again for its notices.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What flows have in common, none of which one of them can hold up.
#[derive(Clone)]
pub struct Common {
    /// Tells whoever watches.
    pub changes: Arc<Changes>,
    /// Changes with every commit of results.
    pub progress: watch::Sender<u64>,
}

/// The steps of one database.
pub struct Flow {
    /// The name of the database among several.
    pub name: String,
    /// The database.
    pub store: Arc<dyn Store>,
    router: Arc<Router>,
    journal: Journal,
    lanes: Arc<Lanes>,
    schedule: Arc<Schedule>,
    dispatch: Arc<Dispatch>,
    clock: Arc<dyn EngineClock>,
    /// Ends the scheduler, retention and the sweeper, then the journal, then the recorder.
    stops: [CancellationToken; 3],
    tasks: [TaskTracker; 3],
}

const STOP_SCHEDULER: usize = 0;
const STOP_JOURNAL: usize = 1;
const STOP_RECORDER: usize = 2;

impl Flow {
    /// Starts the steps. `heard` is what other nodes tell, listened to since before anything was read.
    pub fn start(
        shard: Shard,
        parts: &EngineParts,
        options: &EngineOptions,
        common: &Common,
        heard: Option<broadcast::Receiver<Notice>>,
    ) -> Arc<Self> {
        let Shard { name, store } = shard;
        let (clock, changes) = (parts.clock.clone(), common.changes.clone());
        let router = Arc::new(Router::new(store.clone()));
        let lanes = Arc::new(Lanes::new(options.lanes));
        let schedule = Arc::new(Schedule::default());
        let (recorder, results) =
            Recorder::new(store.clone(), clock.clone(), router.clone(), schedule.clone(), common.clone());
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
        let stop = &stops[STOP_SCHEDULER];
        tasks[STOP_SCHEDULER].spawn(scheduler.run(stop.clone()));
        if store.is_shared() {
            let polling = config_poll::run(store.clone(), router.clone(), clock.clone(), stop.clone());
            tasks[STOP_SCHEDULER].spawn(polling);
            let (router, schedule, changes) = (router.clone(), schedule.clone(), changes.clone());
            let notices = Notices { router, schedule, changes, clock: clock.clone(), role: options.role };
            tasks[STOP_SCHEDULER].spawn(hear(store.clone(), notices, heard, stop.clone()));
        }
        let retention =
            retention::run(store.clone(), clock.clone(), changes, options.retention, stop.clone());
        tasks[STOP_SCHEDULER].spawn(retention);
        tasks[STOP_SCHEDULER].spawn(sweeper::run(store.clone(), clock.clone(), stop.clone()));
        tasks[STOP_JOURNAL].spawn(commits.run(stops[STOP_JOURNAL].clone()));
        tasks[STOP_RECORDER].spawn(results.run(stops[STOP_RECORDER].clone()));
        Arc::new(Self { name, store, router, journal, lanes, schedule, dispatch, clock, stops, tasks })
    }

    /// No attempt begins any more.
    pub fn begin_stop(&self) {
        self.dispatch.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Stops: attempts in flight end and are recorded, what waits in the lanes goes back to the store.
    pub async fn stop(&self) {
        self.end(STOP_SCHEDULER).await;
        self.end(STOP_JOURNAL).await;
        let waiting = self.lanes.lock().purge_all();
        let doubted = self.schedule.take_doubted().into_iter().map(|(_, claim)| claim);
        let claims = waiting.into_iter().map(|claimed| claimed.claim).chain(doubted).collect();
        if let Err(error) = self.store.release(claims).await {
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

    /// Attempts in flight, and deliveries waiting in the lanes.
    pub fn lane_counts(&self) -> (usize, usize) {
        self.lanes.lock().counts()
    }

    /// What a store's events are routed by; `None` where the store is not there.
    pub async fn snapshot(&self, store: &StoreId) -> bocau_store::Result<Option<Arc<Snapshot>>> {
        self.router.snapshot(store).await
    }

    /// Has a submission written; what is known of its store is forgotten where the answer says that it is old.
    pub async fn submit(&self, submission: Submission) -> Result<Appended, JournalError> {
        let (store, version) = (submission.store.clone(), submission.config_version);
        let appended = self.journal.submit(submission).await?;
        match appended {
            Appended::Stale => self.router.forget_version(&store, version),
            Appended::NoStore | Appended::Moved => self.router.forget(&store),
            Appended::Accepted | Appended::Duplicate(_) | Appended::KeyReused => {}
        }
        Ok(appended)
    }

    /// Ends with a delivery as it stands once its next result is recorded.
    pub fn next_result(&self, delivery: bocau_domain::DeliveryId) -> NextResult {
        self.dispatch.recorder.next_result(delivery)
    }

    /// A store's webhooks have changed.
    pub fn forget(&self, store: &StoreId) {
        self.router.forget(store);
    }

    /// A webhook was disabled or deleted.
    pub fn stop_webhook(&self, webhook: WebhookId) {
        self.schedule.stop(webhook);
    }

    /// A delivery to this webhook is due at `due_at`.
    pub fn note_due(&self, webhook: WebhookId, due_at: Timestamp) {
        self.schedule.note(webhook, due_at);
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn EngineClock> {
        &self.clock
    }
}

/// Hears what other nodes tell until `stop` ends. A database that does not answer is asked until it does; what was
/// read before it told anything is forgotten then.
async fn hear(
    store: Arc<dyn Store>,
    notices: Notices,
    heard: Option<broadcast::Receiver<Notice>>,
    stop: CancellationToken,
) {
    let mut heard = heard;
    while !stop.is_cancelled() {
        if let Some(heard) = heard {
            return notices.run(heard, stop).await;
        }
        heard = match Notices::begin(&*store).await {
            Ok(Some(heard)) => {
                notices.router.forget_all();
                Some(heard)
            }
            Ok(None) => return,
            Err(_) => None,
        };
        if heard.is_none() {
            tokio::select! {
                () = notices.clock.sleep(LISTEN_AGAIN) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
