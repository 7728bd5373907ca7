//! Resends of all deliveries that a filter finds, a batch at a time: each batch is one transaction that also
//! moves the job's cursor, so a job goes on after a restart where it was, and asks for nothing twice.

use async_trait::async_trait;
use bocau_domain::{Actor, DeliveryId, ResendJobId, ResendJobState, StoreId, Timestamp, WebhookId};

use crate::{DeliveryFilter, NotChanged, Result};

/// A job to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResendJob {
    /// Its id.
    pub id: ResendJobId,
    /// Whose deliveries.
    pub store: StoreId,
    /// Which of them.
    pub filter: DeliveryFilter,
    /// Now.
    pub created_at: Timestamp,
}

/// A resend of many deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendJob {
    /// Its id.
    pub id: ResendJobId,
    /// Whose deliveries.
    pub store: StoreId,
    /// Which of them.
    pub filter: DeliveryFilter,
    /// The newest delivery when it was begun: later ones are not its.
    pub up_to: DeliveryId,
    /// How many the filter found when it was begun, of those that can be sent again.
    pub total: u64,
    /// How many were asked for so far. At the end it may be less than `total`: what changed meanwhile and no
    /// longer fits the filter is left alone.
    pub done: u64,
    /// How it stands.
    pub state: ResendJobState,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The last delivery that was looked at, in the order from the oldest to the newest.
    pub cursor: Option<DeliveryId>,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// The job as it then stands; `running` where there is more.
    pub job: ResendJob,
    /// The webhooks that something is now due for.
    pub webhooks: Vec<WebhookId>,
}

/// The verbs about resends of many deliveries.
#[async_trait]
pub trait ResendJobs: Send + Sync {
    /// How many deliveries that the filter finds can be sent again: their webhook is there.
    async fn count_resendable(&self, store: &StoreId, filter: DeliveryFilter) -> Result<u64>;

    /// Begins a job over what is there now. `NotFound`: the store is not there; `TooMany`:
    /// [`bocau_domain::limits::RESEND_JOBS_RUNNING_MAX`] run in it already; `Taken`.
    async fn create_resend_job(
        &self,
        job: NewResendJob,
        by: &Actor,
    ) -> Result<std::result::Result<ResendJob, NotChanged>>;

    /// Asks for a manual attempt of the next `batch_max` deliveries at most, and moves the cursor; see
    /// [`bocau_domain::Input::Resend`]. A job that has ended stays as it is. `None` where it is not there.
    async fn advance_resend_job(
        &self,
        id: ResendJobId,
        batch_max: usize,
        now: Timestamp,
    ) -> Result<Option<Advanced>>;

    /// Stops a job that runs; one that has ended stays as it is. Answers it as it then stands.
    async fn stop_resend_job(
        &self,
        store: &StoreId,
        id: ResendJobId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<ResendJob>>;

    /// One job of a store.
    async fn find_resend_job(&self, store: &StoreId, id: ResendJobId) -> Result<Option<ResendJob>>;

    /// The jobs of a store, the newest first, at most `limit`.
    async fn list_resend_jobs(&self, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>>;

    /// The jobs that run, of every store, the oldest first: what a server goes on with when it starts.
    async fn running_resend_jobs(&self) -> Result<Vec<ResendJob>>;
}
