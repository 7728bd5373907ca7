//! What is kept, behind one trait: whole transactions named in the domain's verbs.
//!
//! [`Store`] is the only way to the database. No transaction, connection or SQL type crosses it, and every
//! backend passes the same suite (`conformance`, a module of the feature of that name). State changes go through
//! [`bocau_domain::transition()`], inside the transaction that reads the old state and writes the new one.
//!
//! - [`journal`]: what is written for events that come in
//! - [`claims`]: how what is due comes back
//! - [`results`]: what is written when an attempt has ended
//! - [`listing`]: what is looked up
//! - [`figures`]: what is counted
//! - [`audit`]: who changed what
//! - [`people`]: who signs in, and how
//! - [`resend_jobs`]: resends of all that a filter finds
//! - [`inboxes`]: the test inboxes
//! - [`retention`]: what is older than it is kept
//! - [`erasure`]: what is kept of an order, product or customer, blanked
//! - [`resealing`]: what older master keys sealed, sealed anew
//! - [`nodes`]: who serves
//! - [`shards`]: stores spread over several databases
//! - [`seal`]: the master key, and what is sealed with it
//! - [`moving`]: how an installation moves from one backend to the other
//! - [`sqlite`]: the default backend
//! - [`postgres`]: the backend for several nodes
//! - [`sharded`]: the same over several databases

pub mod audit;
mod change;
pub mod claims;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod erasure;
pub mod figures;
mod files;
mod filter_text;
pub mod inboxes;
pub mod journal;
mod key_kept;
mod key_results;
pub mod listing;
pub mod moving;
pub mod nodes;
mod overview;
pub mod people;
pub mod postgres;
pub mod resealing;
pub mod resend_jobs;
pub mod results;
pub mod retention;
mod schema;
pub mod seal;
pub mod sharded;
pub mod shards;
pub mod sqlite;
mod store_audit;
mod tally;
mod user_kept;
mod webhook_kept;
mod webhook_told;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, Delivery, DeliveryId, Event, EventId, StoreChange, StoreId, StoreInfo,
    Timestamp, Webhook, WebhookChange, WebhookId,
};

use tokio::sync::broadcast;

pub use audit::{Audit, AuditNote};
pub use claims::{ClaimRef, ClaimRequest, Claimed, DueWebhook};
pub use erasure::{ERASE_BATCH, ERASED_PAYLOAD, Erased, Erasure, ObjectName};
pub use figures::{FailingWebhook, Figures, Overview, OverviewSpan, OverviewStep, StatusCounts};
pub use inboxes::Inboxes;
pub use journal::{Appended, IdempotencyKey, NewDelivery, NewEvent, Submission};
pub use listing::{DeliveryFilter, Page, StorePlace};
pub use nodes::{Configured, Nodes};
pub use people::{LinkPurpose, People, Session, SessionOwner, SessionRecord, SignInLink, SignedIn};
pub use resealing::{RESEAL_BATCH, Resealing};
pub use resend_jobs::{Advanced, NewResendJob, ResendJob, ResendJobs};
pub use results::{AttemptRecord, Recorded};
pub use retention::{RETIRE_BATCH, Retention, Retire, RetirePlace, Retired};
pub use seal::MasterKey;
pub use shards::{Shard, ShardState, Shards};

/// What can go wrong with the database. What a caller asked for and may not have is no error of the store:
/// the verbs say it in their results.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written, and the same call may succeed later: locked, full disk, connection lost.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A row does not say what it must: wrong master key, or a database changed by hand.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// The program and the database do not fit: an SQL error, a schema that is newer or older.
    #[error("the database refused: {0}")]
    Refused(String),
    /// What is asked about a store cannot be done while it moves to another database, or it has moved.
    #[error("the store is being moved to another database")]
    Moving,
    /// The store has shut down.
    #[error("the database is closed")]
    Closed,
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a change of configuration was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChanged {
    /// What is to be changed, or what it belongs to, is not there.
    NotFound,
    /// A store that it names is not there.
    NoStore,
    /// The id, address or token is taken.
    Taken,
    /// The id is taken by a store whose data is still being deleted.
    BeingDeleted,
    /// The limit of how many there may be is reached.
    TooMany,
    /// Nobody would be left who can sign in as an admin.
    LastAdmin,
}

/// What a store's events are routed by, as of one version.
#[derive(Debug, Clone)]
pub struct Routes {
    /// Grows with every change of the store's webhooks.
    pub config_version: u64,
    /// The webhooks of the store, deleted ones left out, disabled ones kept in.
    pub webhooks: Vec<Webhook>,
    /// The store is moving to another database, or has moved: nothing is taken in or sent here.
    pub is_moving: bool,
}

/// A webhook after a change.
#[derive(Debug, Clone)]
pub struct WebhookChanged {
    /// As it now stands.
    pub webhook: Webhook,
    /// Waiting deliveries that were skipped with the change. There may be more: see
    /// [`Store::skip_waiting`].
    pub skipped: usize,
}

/// How many waiting deliveries a change of configuration skips within its own transaction; the engine skips
/// the rest in further batches of this size, so that none of them holds up the writer for long.
pub const SKIP_BATCH: usize = 1_000;

/// Rows of a history that are looked up: enough for every policy, with room for resends.
pub const ATTEMPTS_SHOWN_MAX: usize = 100;

/// Rows removed by one call of [`Store::sweep`].
pub const SWEEP_BATCH: usize = 500;

/// The storage of one server. Every method is one transaction, durable when it returns. What changes
/// configuration says by whom (`by`), and its entry of the audit log is written with it.
///
/// The verbs of some subjects stand in traits of their own; `dyn Store` has them all.
#[async_trait]
pub trait Store:
    Audit
    + Erasure
    + Figures
    + Inboxes
    + Nodes
    + People
    + Resealing
    + ResendJobs
    + Retention
    + Shards
    + Send
    + Sync
    + 'static
{
    // --- stores -------------------------------------------------------------------------------------------

    /// Makes a store.
    async fn create_store(&self, store: StoreInfo, by: &Actor)
    -> Result<std::result::Result<(), NotChanged>>;

    /// The stores, newest first.
    async fn list_stores(&self, page: Page<StorePlace>) -> Result<Vec<StoreInfo>>;

    /// One store; a store being deleted is not there.
    async fn find_store(&self, id: &StoreId) -> Result<Option<StoreInfo>>;

    /// Changes a store with [`StoreInfo::changed`]; answers it as it then stands.
    async fn change_store(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>>;

    /// Takes a store away: from now on it, its webhooks and its keys are not there, nothing of it is
    /// claimed, and [`Store::sweep`] removes its rows.
    async fn delete_store(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool>;

    // --- webhooks -----------------------------------------------------------------------------------------

    /// Makes a webhook and bumps the store's config version.
    async fn create_webhook(
        &self,
        webhook: Webhook,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>>;

    /// What the store's events are routed by; `None` where the store is not there.
    async fn routes(&self, store: &StoreId) -> Result<Option<Routes>>;

    /// Changes a webhook with [`Webhook::changed`] and bumps the config version. Where the change disables
    /// it, up to [`SKIP_BATCH`] of its waiting deliveries are skipped with `webhook_disabled`.
    async fn change_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<WebhookChanged>>;

    /// Deletes a webhook: its URL stays for the history, its secrets and headers do not. Up to
    /// [`SKIP_BATCH`] of its waiting deliveries are skipped with `webhook_deleted`.
    async fn delete_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool>;

    /// Skips up to [`SKIP_BATCH`] waiting deliveries of a webhook that is disabled (`webhook_disabled`, or
    /// `webhook_gone` where that disabled it) or deleted (`webhook_deleted`), but not those with a resend
    /// waiting on a webhook that is only disabled: a person asked for it. Answers how many were skipped; 0
    /// where the webhook is enabled.
    async fn skip_waiting(&self, webhook: WebhookId, now: Timestamp) -> Result<usize>;

    // --- the way of an event ------------------------------------------------------------------------------

    /// Writes what came in, all of it in one transaction, each submission whole or not at all. The answers
    /// stand in the order of the submissions. Where writing one submission fails, only that one gets the
    /// error.
    async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>>;

    /// Records how attempts ended, all of them in one transaction; see [`results`].
    async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>>;

    /// Claims what is due; see [`claims`].
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>>;

    /// Gives claims back unsent. Claims that are no longer held are passed over.
    async fn release(&self, claims: Vec<ClaimRef>) -> Result<()>;

    /// The webhooks with waiting deliveries, each with the moment its first is due.
    async fn due_webhooks(&self) -> Result<Vec<DueWebhook>>;

    /// The moment the first waiting delivery of each of these webhooks is due; those without one are left
    /// out.
    async fn next_due(&self, webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>>;

    /// Voids every open claim, because whoever held it is dead: each gets a history row `interrupted`. Only
    /// for a backend that a single process uses; answers how many there were.
    async fn void_claims(&self, now: Timestamp) -> Result<usize>;

    /// Asks for a manual attempt; see [`bocau_domain::Input::Resend`].
    async fn request_resend(&self, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend>;

    // --- looking up ---------------------------------------------------------------------------------------

    /// One event of a store.
    async fn find_event(&self, store: &StoreId, id: EventId) -> Result<Option<Event>>;

    /// The deliveries of one event, oldest id first.
    async fn deliveries_of_event(&self, store: &StoreId, id: EventId) -> Result<Vec<Delivery>>;

    /// One delivery of a store.
    async fn find_delivery(&self, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>>;

    /// A store's deliveries, newest first.
    async fn list_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<Delivery>>;

    /// The history of a delivery, oldest first, of a very long one the last [`ATTEMPTS_SHOWN_MAX`] rows; empty
    /// where the store has no such delivery.
    async fn attempts(&self, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>>;

    // --- keys ---------------------------------------------------------------------------------------------

    /// Keeps an API key by the keyed hash of it ([`MasterKey::hash_api_key`]). `NotFound`: its store is not
    /// there; `Taken`; `TooMany`.
    async fn create_api_key(
        &self,
        key: ApiKey,
        hash: [u8; 32],
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>>;

    /// The key of this hash, expired or not.
    async fn find_api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>>;

    /// The keys of a store, or of the platform, the newest first, expired ones among them.
    async fn list_api_keys(&self, store: Option<&StoreId>) -> Result<Vec<ApiKey>>;

    /// Takes away a key of a store, or of the platform; false where it is not there.
    async fn revoke_api_key(
        &self,
        store: Option<&StoreId>,
        id: ApiKeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool>;

    /// Notes that a key was used, once in [`bocau_domain::limits::KEY_USE_RESOLUTION`] at most.
    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<()>;

    // --- several processes --------------------------------------------------------------------------------

    /// Whether other processes may work on the same database at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// How many calls of [`Store::append`], and as many of [`Store::record`], are of use at the same time.
    fn commits_at_once(&self) -> usize {
        1
    }

    /// How long such a call had better wait for the one before it to end, so as to take along what comes meanwhile.
    /// Not at all where the store itself puts calls of the same time into one commit.
    fn commit_patience(&self) -> Duration {
        Duration::ZERO
    }

    /// The database's clock, which all that share it go by; `None` where this process is alone with it.
    async fn database_now(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// What processes that share the database tell one another, from now on; `None` where it is alone. What
    /// transactions tell comes back to the process that made them, and so does [`Notice::Due`]; what else
    /// [`Store::tell`] tells does not.
    async fn notices(&self) -> Result<Option<broadcast::Receiver<Notice>>> {
        Ok(None)
    }

    /// Tells the other processes something that no transaction does. Nobody relies on it.
    async fn tell(&self, _notices: Vec<Notice>) -> Result<()> {
        Ok(())
    }

    // --- the house ----------------------------------------------------------------------------------------

    /// Removes up to [`SWEEP_BATCH`] rows that are over: those of deleted stores; idempotency keys, sessions
    /// and links past their time; figures and resend jobs that nobody looks at any more. Answers
    /// whether there is more to do.
    async fn sweep(&self, now: Timestamp) -> Result<bool>;

    /// Whether reading works now. Writing is proven by every commit; see [`Store::probe_write`].
    async fn ping(&self) -> Result<()>;

    /// Whether a durable write works now.
    async fn probe_write(&self, now: Timestamp) -> Result<()>;

    /// Writes a consistent copy to `target`, which must not exist, while the server goes on. `progress` is
    /// called with the parts copied and the parts in all.
    async fn backup(&self, target: &Path, progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()>;

    /// Ends the writer after what it has taken is durable. Later calls answer [`StoreError::Closed`].
    async fn close(&self);
}

/// Rows that one [`Notice::Rows`] names at most.
pub const NOTICE_ROWS_MAX: usize = 100;

/// What a process that shares the database tells the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A store or its webhooks are not what they were.
    Configured(StoreId),
    /// Something of a webhook has become due.
    Due(WebhookId),
    /// Somebody watches this store's report.
    Watched(StoreId),
    /// These rows of a store's report are new or have changed; more than can be named where there are none.
    Rows(StoreId, Vec<DeliveryId>),
    /// Notices may have been lost: anything may have happened.
    Missed,
}

/// What came of asking for a resend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lives for a moment, one at a time")]
pub enum Resend {
    /// It will be made as soon as no attempt is in flight.
    Accepted {
        /// The delivery with the resend waiting.
        delivery: Delivery,
        /// Where it goes.
        webhook: WebhookId,
    },
    /// The store has no such delivery.
    NotFound,
    /// The event was taken by no webhook, so there is nowhere to send it.
    NoWebhook,
    /// Its webhook was deleted.
    WebhookDeleted,
    /// What is kept of its object was erased.
    Erased,
}

/// How long a write may wait for another process's (a `bocau key create` beside the server, say).
pub const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
