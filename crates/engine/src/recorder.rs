//! Recorder: writes how attempts ended, those that have ended while the last commit ran in one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bocau_domain::{Delivery, DeliveryId};
use bocau_store::{AttemptRecord, Recorded, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::clock::EngineClock;
use crate::flow::Common;
use crate::router::Router;
use crate::schedule::Schedule;
use crate::turns::Turns;

/// Results that may wait for the commit after the running one; beyond that, attempts wait with them.
pub const WAITING_MAX: usize = 8_192;
/// Results of one commit.
pub const COMMIT_RECORDS_MAX: usize = 2_048;
/// How long to wait before a failed commit is tried again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Takes results in.
#[derive(Clone)]
pub struct Recorder {
    waiting: mpsc::Sender<AttemptRecord>,
    watchers: Arc<Watchers>,
}

/// Who waits for the next result of a delivery, and who follows that anything was recorded at all.
struct Watchers {
    of_delivery: Mutex<HashMap<DeliveryId, oneshot::Sender<Delivery>>>,
    progress: watch::Sender<u64>,
    /// Commits that are being tried again.
    behind: AtomicUsize,
}

/// The recorder's committer; [`Committer::run`] is its life.
pub struct Committer {
    waiting: mpsc::Receiver<AttemptRecord>,
    writing: Arc<Writing>,
}

/// What a commit works with.
struct Writing {
    watchers: Arc<Watchers>,
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    router: Arc<Router>,
    schedule: Arc<Schedule>,
    changes: Arc<Changes>,
}

impl Recorder {
    /// A recorder and its committer.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn EngineClock>,
        router: Arc<Router>,
        schedule: Arc<Schedule>,
        common: Common,
    ) -> (Self, Committer) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let Common { changes, progress } = common;
        let of_delivery = Mutex::default();
        let watchers = Arc::new(Watchers { of_delivery, progress, behind: AtomicUsize::new(0) });
        let recorder = Self { waiting: sender, watchers: watchers.clone() };
        let committing = Arc::new(Writing { watchers, store, clock, router, schedule, changes });
        (recorder, Committer { waiting, writing: committing })
    }

    /// Hands a result over; waits while too many wait.
    pub async fn submit(&self, record: AttemptRecord) {
        if self.waiting.send(record).await.is_err() {
            tracing::error!("an attempt ended after the recorder had stopped; it comes back as interrupted");
        }
    }

    /// Ends with the delivery as it stands once its next result is recorded.
    pub fn next_result(&self, delivery: DeliveryId) -> NextResult {
        let (sender, result) = oneshot::channel();
        self.watchers.of_delivery.lock().insert(delivery, sender);
        NextResult { delivery, result, watchers: self.watchers.clone() }
    }

    /// Whether results wait because the store did not take them.
    pub fn is_behind(&self) -> bool {
        self.watchers.behind.load(Ordering::Relaxed) > 0
    }
}

/// The next result of one delivery; dropping it stops waiting.
pub struct NextResult {
    delivery: DeliveryId,
    result: oneshot::Receiver<Delivery>,
    watchers: Arc<Watchers>,
}

impl NextResult {
    /// Waits for it; `None` where the recorder has stopped.
    pub async fn wait(&mut self) -> Option<Delivery> {
        (&mut self.result).await.ok()
    }
}

impl Drop for NextResult {
    fn drop(&mut self) {
        self.watchers.of_delivery.lock().remove(&self.delivery);
    }
}

impl Committer {
    /// Commits until `stop` ends, then what is still waiting.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut turns = Turns::new(&*self.writing.store, self.writing.clock.clone());
        loop {
            let turn = turns.next().await;
            let first = tokio::select! {
                biased;
                first = self.waiting.recv() => first,
                () = stop.cancelled() => {
                    self.waiting.close();
                    self.waiting.recv().await
                }
            };
            let Some(first) = first else { break };
            turns.after_the_one_before().await;
            let mut batch = vec![first];
            while batch.len() < COMMIT_RECORDS_MAX
                && let Ok(next) = self.waiting.try_recv()
            {
                batch.push(next);
            }
            let (writing, stop) = (self.writing.clone(), stop.clone());
            turns.begin(turn, async move { writing.commit(batch, &stop).await });
        }
        turns.end().await;
    }
}

/// A commit that is being tried again, for as long as it is.
struct Behind<'a>(&'a AtomicUsize);

impl<'a> Behind<'a> {
    fn begin(commits: &'a AtomicUsize) -> Self {
        commits.fetch_add(1, Ordering::Relaxed);
        Self(commits)
    }
}

impl Drop for Behind<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Writing {
    /// Writes a batch. What the store cannot take now is kept and tried again: meanwhile results gather,
    /// then attempts wait, and nothing is lost unless the process dies, when the claims lapse.
    async fn commit(&self, mut batch: Vec<AttemptRecord>, stop: &CancellationToken) {
        let mut patience = RETRY_FIRST;
        let mut behind = None;
        while !batch.is_empty() {
            let started = self.clock.monotonic();
            let results = self.store.record(batch.clone()).await;
            metrics::histogram!("bocau_commit_seconds", "what" => "recorder")
                .record(self.clock.monotonic().saturating_sub(started));
            let mut again = Vec::new();
            let mut last_error = None;
            for (record, result) in batch.into_iter().zip(results) {
                match result {
                    Ok(recorded) => self.recorded(&record, recorded),
                    Err(error @ StoreError::Unavailable(_)) => {
                        last_error = Some(error);
                        again.push(record);
                    }
                    Err(error) => {
                        tracing::error!(%error, delivery = %record.claim.delivery, "an attempt could not be recorded");
                    }
                }
            }
            self.watchers.progress.send_modify(|count| *count += 1);
            batch = again;
            let Some(error) = last_error else { return };
            behind.get_or_insert_with(|| Behind::begin(&self.watchers.behind));
            tracing::warn!(%error, waiting = batch.len(), "results of attempts wait for the database");
            // In this order, so that a simulation of the same seed runs the same way.
            tokio::select! {
                biased;
                () = self.clock.sleep(patience) => patience = (patience * 2).min(RETRY_MAX),
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
            if stop.is_cancelled() && patience >= RETRY_MAX {
                tracing::error!(
                    lost = batch.len(),
                    "stopping with results unwritten; they come back as interrupted"
                );
                return;
            }
        }
    }

    fn recorded(&self, record: &AttemptRecord, recorded: Recorded) {
        match recorded {
            Recorded::Moved { delivery, webhook_disabled, .. } => {
                metrics::counter!("bocau_results_total", "status" => delivery.state.status.as_str())
                    .increment(1);
                if webhook_disabled {
                    tracing::info!(webhook = %record.webhook, "the receiver answered 410 Gone; its webhook is disabled");
                    self.router.forget(&record.claim.store);
                    self.schedule.stop(record.webhook);
                }
                self.changes.tell(&record.claim.store, delivery.id);
                if let Some(due_at) = delivery.state.due_at() {
                    self.schedule.note(record.webhook, due_at);
                }
                if let Some(watcher) = self.watchers.of_delivery.lock().remove(&delivery.id) {
                    let _ = watcher.send(*delivery);
                }
            }
            Recorded::Stale { .. } => {
                metrics::counter!("bocau_stale_results_total").increment(1);
                tracing::warn!(delivery = %record.claim.delivery, "a result came after its claim had been taken over");
            }
            Recorded::Vanished => {}
        }
    }
}
