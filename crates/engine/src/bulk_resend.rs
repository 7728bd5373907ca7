//! Bulk resends (gửi lại tất cả): asks for the manual attempts of a job, a batch at a time.
//!
//! The job and how far it has come stand in the store, so it goes on where it was after a restart.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Actor, ResendJobState, StoreId};
use bocau_store::resend_jobs::{NewResendJob, ResendJob};
use bocau_store::{DeliveryFilter, NotChanged, Result, StoreError};

use crate::engine::{Engine, PublishError};

/// Deliveries that one transaction asks for.
const BATCH_MAX: usize = 200;
/// The pause between two batches, so that a job leaves the writer to others.
const BREATH: Duration = Duration::from_millis(20);
/// How often a job that goes on is told of at most; its end always is.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);

impl Engine {
    /// Begins a resend of all that the filter finds now.
    pub async fn begin_bulk_resend(
        self: &Arc<Self>,
        store: StoreId,
        filter: DeliveryFilter,
        by: Actor,
    ) -> Result<std::result::Result<ResendJob, NotChanged>> {
        let job =
            NewResendJob { id: self.ids().resend_job_id(), store, filter, created_at: self.clock().now() };
        self.to_the_end(move |engine| async move {
            let created = engine.store().create_resend_job(job, &by).await?;
            if let Ok(job) = &created {
                engine.tell_job(job);
                engine.run_bulk_resend(job);
            }
            Ok(created)
        })
        .await
    }

    /// Goes on with the jobs that were running when the last run ended; those of a database that does not answer
    /// when it does.
    pub(crate) async fn resume_bulk_resends(self: &Arc<Self>) -> Result<()> {
        let [first, others @ ..] = self.flows() else { return Ok(()) };
        for job in first.store.running_resend_jobs().await? {
            self.run_bulk_resend(&job);
        }
        for flow in others {
            let (engine, flow) = (self.clone(), flow.clone());
            self.spawn_until_stop(async move {
                loop {
                    if let Ok(jobs) = flow.store.running_resend_jobs().await {
                        return jobs.iter().for_each(|job| engine.run_bulk_resend(job));
                    }
                    flow.clock().sleep(STORE_PAUSE).await;
                }
            });
        }
        Ok(())
    }

    fn run_bulk_resend(self: &Arc<Self>, job: &ResendJob) {
        let (id, store) = (job.id, job.store.clone());
        let engine = self.clone();
        self.spawn_until_stop(async move {
            let mut told_at: Option<Duration> = None;
            loop {
                let now = engine.clock().now();
                // The store may have moved since the last batch.
                let flow = engine.flow_of(&store).await.map(|(_, flow)| flow.clone());
                let advanced = match &flow {
                    Ok(flow) => flow.store.advance_resend_job(id, BATCH_MAX, now).await,
                    Err(PublishError::Store(error)) => Err(error.clone()),
                    Err(_) => return,
                };
                let pause = match advanced {
                    Ok(Some(advanced)) => {
                        for webhook in advanced.webhooks {
                            if let Ok(flow) = &flow {
                                flow.note_due(webhook, now);
                            }
                        }
                        let is_running = advanced.job.state == ResendJobState::Running;
                        let seen = engine.clock().monotonic();
                        if !is_running || told_at.is_none_or(|at| seen.saturating_sub(at) >= TELL_EVERY) {
                            engine.tell_job(&advanced.job);
                            told_at = Some(seen);
                        }
                        if !is_running {
                            return;
                        }
                        BREATH
                    }
                    Ok(None) => return,
                    Err(error) => {
                        if matches!(error, StoreError::Moving) {
                            engine.store().forget_shard_of(&store);
                        }
                        tracing::warn!(%error, job = %id, "a bulk resend waits for the database");
                        STORE_PAUSE
                    }
                };
                engine.clock().sleep(pause).await;
            }
        });
    }
}
