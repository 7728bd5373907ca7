//! Every verb of one database: it goes to the database, for as long as that answers.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, AuditEntry, AuditId, Delivery, DeliveryId, Email, Event, EventId,
    Inbox, InboxAnswer, InboxId, InboxRequest, Node, NodeCard, NodeId, ResendJobId, StoreChange, StoreId,
    StoreInfo, Timestamp, User, UserChange, UserId, Webhook, WebhookChange, WebhookId,
};
use secrecy::SecretString;
use tokio::sync::broadcast;

use super::forward::{node_verbs, people_verbs, verbs_of_part};
use super::part::{Part, ask};
use crate::postgres::{COMMIT_PATIENCE, COMMITS_AT_ONCE};
use crate::{
    Advanced, Appended, AttemptRecord, AuditNote, ClaimRef, ClaimRequest, Claimed, Configured,
    DeliveryFilter, DueWebhook, Erased, NewResendJob, NotChanged, Notice, ObjectName, Overview, OverviewSpan,
    Page, Recorded, Resend, ResendJob, Result, Retire, Retired, Routes, Session, SessionRecord, Shards,
    SignInLink, StatusCounts, Store, StorePlace, Submission, WebhookChanged,
};

people_verbs!(verbs_of_part);

verbs_of_part! {
    Audit {
        fn note_audit(note: AuditNote) -> Result<()>;
        fn list_audit(stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>>;
    }
}

verbs_of_part! {
    Figures {
        fn count_deliveries(store: &StoreId, filter: DeliveryFilter, cap: usize) -> Result<usize>;
        fn overview(store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>>;
        fn webhook_figures(store: &StoreId, since: Timestamp) -> Result<Vec<(WebhookId, StatusCounts)>>;
    }
}

verbs_of_part! {
    Inboxes {
        fn create_inbox(inbox: Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>>;
        fn list_inboxes(store: &StoreId) -> Result<Vec<Inbox>>;
        fn find_inbox(store: &StoreId, id: InboxId) -> Result<Option<Inbox>>;
        fn find_inbox_by_token(token: &str) -> Result<Option<Inbox>>;
        fn change_inbox(store: &StoreId, id: InboxId, answer: InboxAnswer, by: &Actor, now: Timestamp)
            -> Result<Option<Inbox>>;
        fn delete_inbox(store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool>;
        fn add_inbox_request(request: InboxRequest) -> Result<bool>;
        fn list_inbox_requests(store: &StoreId, id: InboxId) -> Result<Vec<InboxRequest>>;
    }
}

verbs_of_part! {
    ResendJobs {
        fn count_resendable(store: &StoreId, filter: DeliveryFilter) -> Result<u64>;
        fn create_resend_job(job: NewResendJob, by: &Actor)
            -> Result<std::result::Result<ResendJob, NotChanged>>;
        fn advance_resend_job(id: ResendJobId, batch_max: usize, now: Timestamp) -> Result<Option<Advanced>>;
        fn stop_resend_job(store: &StoreId, id: ResendJobId, by: &Actor, now: Timestamp)
            -> Result<Option<ResendJob>>;
        fn find_resend_job(store: &StoreId, id: ResendJobId) -> Result<Option<ResendJob>>;
        fn list_resend_jobs(store: &StoreId, limit: usize) -> Result<Vec<ResendJob>>;
        fn running_resend_jobs() -> Result<Vec<ResendJob>>;
    }
}

verbs_of_part! {
    Erasure {
        fn erase_object(store: &StoreId, object: &ObjectName, after: Option<DeliveryId>, by: &Actor, now: Timestamp)
            -> Result<Option<Erased>>;
    }
}

verbs_of_part! {
    Resealing {
        fn reseal() -> Result<usize>;
    }
}

verbs_of_part! {
    Retention {
        fn retire(retire: Retire) -> Result<Retired>;
    }
}

node_verbs!(verbs_of_part);

impl Shards for Part {}

/// The same for the verbs of [`Store`] itself, some of which stand out.
macro_rules! store_verbs {
    ($(fn $verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Part {
            $(async fn $verb(&self, $($name: $kind),*) -> $answer {
                ask!(self, |db| db.$verb($($name),*))
            })*

            async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>> {
                let count = submissions.len();
                let answered = ask!(self, |db| async { Ok(db.append(submissions).await) });
                answered.unwrap_or_else(|error| vec![Err(error); count])
            }

            async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>> {
                let count = records.len();
                let answered = ask!(self, |db| async { Ok(db.record(records).await) });
                answered.unwrap_or_else(|error| vec![Err(error); count])
            }

            fn is_shared(&self) -> bool {
                true
            }

            fn commits_at_once(&self) -> usize {
                COMMITS_AT_ONCE
            }

            fn commit_patience(&self) -> Duration {
                COMMIT_PATIENCE
            }

            async fn notices(&self) -> Result<Option<broadcast::Receiver<Notice>>> {
                let heard = ask!(self, |db| db.notices())?;
                if let (Some(heard), Some(directory)) = (&heard, self.directory()) {
                    tokio::spawn(directory.listen(heard.resubscribe()));
                }
                Ok(heard)
            }

            async fn close(&self) {
                Self::close(self).await;
            }
        }
    };
}

store_verbs! {
    fn create_store(store: StoreInfo, by: &Actor) -> Result<std::result::Result<(), NotChanged>>;
    fn list_stores(page: Page<StorePlace>) -> Result<Vec<StoreInfo>>;
    fn find_store(id: &StoreId) -> Result<Option<StoreInfo>>;
    fn change_store(id: &StoreId, change: StoreChange, by: &Actor, now: Timestamp) -> Result<Option<StoreInfo>>;
    fn delete_store(id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool>;
    fn create_webhook(webhook: Webhook, by: &Actor) -> Result<std::result::Result<(), NotChanged>>;
    fn routes(store: &StoreId) -> Result<Option<Routes>>;
    fn change_webhook(store: &StoreId, id: WebhookId, change: WebhookChange, by: &Actor, now: Timestamp)
        -> Result<Option<WebhookChanged>>;
    fn delete_webhook(store: &StoreId, id: WebhookId, by: &Actor, now: Timestamp) -> Result<bool>;
    fn skip_waiting(webhook: WebhookId, now: Timestamp) -> Result<usize>;
    fn claim(request: ClaimRequest) -> Result<Vec<Claimed>>;
    fn release(claims: Vec<ClaimRef>) -> Result<()>;
    fn due_webhooks() -> Result<Vec<DueWebhook>>;
    fn next_due(webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>>;
    fn void_claims(now: Timestamp) -> Result<usize>;
    fn request_resend(store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend>;
    fn find_event(store: &StoreId, id: EventId) -> Result<Option<Event>>;
    fn deliveries_of_event(store: &StoreId, id: EventId) -> Result<Vec<Delivery>>;
    fn find_delivery(store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>>;
    fn list_deliveries(store: &StoreId, filter: DeliveryFilter, page: Page) -> Result<Vec<Delivery>>;
    fn attempts(store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>>;
    fn create_api_key(key: ApiKey, hash: [u8; 32], by: &Actor) -> Result<std::result::Result<(), NotChanged>>;
    fn find_api_key(hash: [u8; 32]) -> Result<Option<ApiKey>>;
    fn list_api_keys(store: Option<&StoreId>) -> Result<Vec<ApiKey>>;
    fn revoke_api_key(store: Option<&StoreId>, id: ApiKeyId, by: &Actor, now: Timestamp) -> Result<bool>;
    fn touch_api_key(id: ApiKeyId, now: Timestamp) -> Result<()>;
    fn database_now() -> Result<Option<Timestamp>>;
    fn tell(notices: Vec<Notice>) -> Result<()>;
    fn sweep(now: Timestamp) -> Result<bool>;
    fn ping() -> Result<()>;
    fn probe_write(now: Timestamp) -> Result<()>;
    fn backup(target: &Path, progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()>;
}
