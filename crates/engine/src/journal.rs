//! Journal: gathers what has come in while the last commit ran, and has it written in one.
//!
//! No timer: a lone event waits for nothing, and a flood shares its fsync. Deliveries that their lane can
//! start soon are written claimed and go into it from memory; the rest is written unclaimed, for the
//! scheduler to claim later, and on a node that sends nothing all of it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bocau_domain::{DeliveryId, Input, StoreId, Timestamp, Trigger, WebhookId, transition};
use bocau_store::{Appended, ClaimRef, Claimed, NewEvent, Store, StoreError, Submission};
use tokio::sync::{mpsc, oneshot};

use crate::changes::Changes;
use crate::clock::EngineClock;
use crate::dispatch::Dispatch;
use crate::lanes::Lanes;
use crate::schedule::Schedule;
use crate::turns::Turns;

/// How long a claim holds. It is never renewed: an attempt starts only while enough of it is left.
pub const LEASE: Duration = Duration::from_secs(45);
/// Requests that may wait for the commit after the running one.
pub const WAITING_MAX: usize = 8_192;
/// Bytes that one delivery is taken to have in memory.
const DELIVERY_BYTES: usize = 256;
/// Bytes that may wait for the commit after the running one.
pub const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows of one commit: its events and their deliveries, give or take the last request.
pub const COMMIT_ROWS_MAX: usize = 4_096;

/// Why a submission was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// More waits for the next commit than may.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Waiting {
    submission: Submission,
    bytes: usize,
    answer: oneshot::Sender<Result<Appended, StoreError>>,
}

/// Takes submissions in and answers each when it is durable.
pub struct Journal {
    waiting: mpsc::Sender<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// The journal's committer; [`Committer::run`] is its life.
pub struct Committer {
    waiting: mpsc::Receiver<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
    writing: Arc<Writing>,
}

/// What a commit works with.
struct Writing {
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    lanes: Arc<Lanes>,
    schedule: Arc<Schedule>,
    changes: Arc<Changes>,
    dispatch: Arc<Dispatch>,
}

impl Journal {
    /// A journal and its committer.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn EngineClock>,
        changes: Arc<Changes>,
        dispatch: Arc<Dispatch>,
    ) -> (Self, Committer) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let journal = Self { waiting: sender, waiting_bytes: waiting_bytes.clone() };
        let (lanes, schedule) = (dispatch.lanes.clone(), dispatch.schedule.clone());
        let committing = Arc::new(Writing { store, clock, lanes, schedule, changes, dispatch });
        (journal, Committer { waiting, waiting_bytes, writing: committing })
    }

    /// Has a submission written; it is durable when this says [`Appended::Accepted`].
    pub async fn submit(&self, submission: Submission) -> Result<Appended, JournalError> {
        let bytes = submission.events.iter().map(weight).sum();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { submission, bytes, answer };
        let sent = if before > WAITING_BYTES_MAX {
            Err(JournalError::Overloaded)
        } else {
            self.waiting.try_send(waiting).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => JournalError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => JournalError::Stopping,
            })
        };
        if let Err(error) = sent {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        Ok(answered.await.map_err(|_| JournalError::Stopping)??)
    }
}

impl Committer {
    /// Commits until `stop` ends, then what is still waiting.
    pub async fn run(mut self, stop: tokio_util::sync::CancellationToken) {
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
            let (batch, writing) = (self.gather(first), self.writing.clone());
            turns.begin(turn, async move { writing.commit(batch).await });
        }
        turns.end().await;
    }

    fn gather(&mut self, first: Waiting) -> Vec<Waiting> {
        let rows = |waiting: &Waiting| -> usize {
            waiting.submission.events.iter().map(|event| 1 + event.deliveries.len()).sum()
        };
        let mut gathered = rows(&first);
        let mut batch = vec![first];
        while gathered < COMMIT_ROWS_MAX
            && let Ok(next) = self.waiting.try_recv()
        {
            gathered += rows(&next);
            batch.push(next);
        }
        let bytes: usize = batch.iter().map(|waiting| waiting.bytes).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        batch
    }
}

impl Writing {
    async fn commit(&self, batch: Vec<Waiting>) {
        let mut answers = Vec::with_capacity(batch.len());
        let mut submissions = Vec::with_capacity(batch.len());
        let mut handovers = Vec::with_capacity(batch.len());
        for mut waiting in batch {
            handovers.push(self.claim_what_fits(&mut waiting.submission));
            submissions.push(waiting.submission);
            answers.push(waiting.answer);
        }
        let started = self.clock.monotonic();
        let results = self.store.append(submissions).await;
        metrics::histogram!("bocau_commit_seconds", "what" => "journal")
            .record(self.clock.monotonic().saturating_sub(started));
        for (handover, result) in handovers.into_iter().zip(&results) {
            self.hand_over(handover, result);
        }
        self.dispatch.pump();
        for (answer, result) in answers.into_iter().zip(results) {
            // Nobody waits any more where the publisher has hung up; the events are kept all the same.
            let _ = answer.send(result);
        }
    }

    /// Writes those deliveries as claimed that their lanes promise a place to.
    fn claim_what_fits(&self, submission: &mut Submission) -> Handover {
        let now = self.clock.now();
        let mut handover = Handover { rows: self.rows_to_tell(submission), ..Handover::default() };
        let mut lanes = self.lanes.lock();
        for event in &mut submission.events {
            for index in 0..event.deliveries.len() {
                let delivery = &event.deliveries[index];
                let claim = Input::Claim { now, lease: LEASE };
                let (Some(webhook), Ok(state)) = (delivery.webhook_id, transition(&delivery.state, &claim))
                else {
                    continue;
                };
                // Where older deliveries wait in the store, they go first, unless the lane has run empty.
                let may_enter = self.dispatch.role.sends()
                    && (event.is_test || lanes.is_empty(webhook) || !self.schedule.is_due(webhook, now));
                if may_enter && lanes.reserve(webhook, event.payload.len()) {
                    event.deliveries[index].state = state;
                    handover.claimed.push(job(&submission.store, event, index));
                } else {
                    handover.unclaimed.push((webhook, now));
                }
            }
        }
        handover
    }

    /// The rows that watchers of the report are told of, where there are watchers.
    fn rows_to_tell(&self, submission: &Submission) -> Vec<(StoreId, DeliveryId)> {
        if !self.changes.is_watched() {
            return Vec::new();
        }
        let deliveries = submission.events.iter().flat_map(|event| &event.deliveries);
        deliveries.map(|delivery| (submission.store.clone(), delivery.id)).collect()
    }

    fn hand_over(&self, handover: Handover, result: &Result<Appended, StoreError>) {
        let is_written = matches!(result, Ok(Appended::Accepted));
        if let Err(StoreError::Unavailable(_)) = result {
            // It may be written all the same: the end of a commit is the one thing that an outage hides.
            self.schedule
                .doubt(handover.claimed.iter().map(|claimed| (claimed.webhook, claimed.claim.clone())));
        }
        {
            let mut lanes = self.lanes.lock();
            for claimed in handover.claimed {
                if is_written {
                    lanes.push_reserved(claimed);
                } else {
                    lanes.cancel(claimed.webhook, claimed.payload.len());
                }
            }
        }
        if is_written {
            for (webhook, due_at) in handover.unclaimed {
                self.schedule.note(webhook, due_at);
            }
            for (store, delivery) in handover.rows {
                self.changes.tell(&store, delivery);
            }
        }
    }
}

/// What goes on from a submission once it is durable.
#[derive(Default)]
struct Handover {
    claimed: Vec<Claimed>,
    unclaimed: Vec<(WebhookId, Timestamp)>,
    rows: Vec<(StoreId, DeliveryId)>,
}

/// What an event takes up while it waits: its payload, and about what its deliveries take.
fn weight(event: &NewEvent) -> usize {
    event.payload.len() + event.deliveries.len() * DELIVERY_BYTES
}

fn job(store: &StoreId, event: &NewEvent, index: usize) -> Claimed {
    let delivery = &event.deliveries[index];
    Claimed {
        claim: ClaimRef { store: store.clone(), delivery: delivery.id, claim: delivery.state.claim },
        lease_until: delivery.state.claimed_until.expect("it was claimed just now"),
        webhook: delivery.webhook_id.expect("only a delivery with a webhook is claimed"),
        event: event.id,
        event_type: event.event_type.clone(),
        object_id: event.object_id.clone(),
        payload: event.payload.clone(),
        trigger: if event.is_test { Trigger::Test } else { Trigger::Auto },
        number: delivery.state.last_number + 1,
    }
}
