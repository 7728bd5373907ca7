//! The verbs of the subjects that have a trait of their own.

use async_trait::async_trait;
use bocau_domain::{
    Actor, AuditEntry, AuditId, DeliveryId, Email, Inbox, InboxAnswer, InboxId, InboxRequest, Node, NodeCard,
    NodeId, ResendJobId, StoreId, Timestamp, User, UserChange, UserId, WebhookId,
};
use bocau_store::{
    Advanced, Audit, AuditNote, Configured, DeliveryFilter, Erased, Erasure, Figures, Inboxes, NewResendJob,
    Nodes, NotChanged, ObjectName, Overview, OverviewSpan, Page, People, Resealing, ResendJob, ResendJobs,
    Result, Retention, Retire, Retired, Session, SessionRecord, SignInLink, StatusCounts,
};
use secrecy::SecretString;

use super::{FlakyStore, Verb};

#[async_trait]
impl Audit for FlakyStore {
    async fn note_audit(&self, note: AuditNote) -> Result<()> {
        let done = self.admit(Verb::Configure).await?.note_audit(note).await;
        self.done(done)
    }

    async fn list_audit(&self, stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>> {
        self.admit(Verb::LookUp).await?.list_audit(stores, page).await
    }
}

#[async_trait]
impl Erasure for FlakyStore {
    async fn erase_object(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Erased>> {
        let done = self.admit(Verb::Configure).await?.erase_object(store, object, after, by, now).await;
        self.done(done)
    }
}

#[async_trait]
impl Figures for FlakyStore {
    async fn count_deliveries(&self, store: &StoreId, filter: DeliveryFilter, cap: usize) -> Result<usize> {
        self.admit(Verb::LookUp).await?.count_deliveries(store, filter, cap).await
    }

    async fn overview(&self, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>> {
        self.admit(Verb::LookUp).await?.overview(store, span).await
    }

    async fn webhook_figures(
        &self,
        store: &StoreId,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, StatusCounts)>> {
        self.admit(Verb::LookUp).await?.webhook_figures(store, since).await
    }
}

#[async_trait]
impl Inboxes for FlakyStore {
    async fn create_inbox(&self, inbox: Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>> {
        let done = self.admit(Verb::Configure).await?.create_inbox(inbox, by).await;
        self.done(done)
    }

    async fn list_inboxes(&self, store: &StoreId) -> Result<Vec<Inbox>> {
        self.admit(Verb::LookUp).await?.list_inboxes(store).await
    }

    async fn find_inbox(&self, store: &StoreId, id: InboxId) -> Result<Option<Inbox>> {
        self.admit(Verb::LookUp).await?.find_inbox(store, id).await
    }

    async fn find_inbox_by_token(&self, token: &str) -> Result<Option<Inbox>> {
        self.admit(Verb::LookUp).await?.find_inbox_by_token(token).await
    }

    async fn change_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        answer: InboxAnswer,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Inbox>> {
        let done = self.admit(Verb::Configure).await?.change_inbox(store, id, answer, by, now).await;
        self.done(done)
    }

    async fn delete_inbox(&self, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool> {
        let done = self.admit(Verb::Configure).await?.delete_inbox(store, id, by, now).await;
        self.done(done)
    }

    async fn add_inbox_request(&self, request: InboxRequest) -> Result<bool> {
        let done = self.admit(Verb::Configure).await?.add_inbox_request(request).await;
        self.done(done)
    }

    async fn list_inbox_requests(&self, store: &StoreId, id: InboxId) -> Result<Vec<InboxRequest>> {
        self.admit(Verb::LookUp).await?.list_inbox_requests(store, id).await
    }
}

#[async_trait]
impl Nodes for FlakyStore {
    async fn beat(&self, node: &NodeCard, now: Timestamp) -> Result<()> {
        let done = self.admit(Verb::House).await?.beat(node, now).await;
        self.done(done)
    }

    async fn list_nodes(&self, now: Timestamp) -> Result<Vec<Node>> {
        self.admit(Verb::LookUp).await?.list_nodes(now).await
    }

    async fn leave(&self, id: NodeId) -> Result<()> {
        let done = self.admit(Verb::House).await?.leave(id).await;
        self.done(done)
    }

    async fn configured_since(&self, since: Option<Timestamp>) -> Result<Option<Configured>> {
        self.admit(Verb::House).await?.configured_since(since).await
    }
}

#[async_trait]
impl People for FlakyStore {
    async fn create_user(
        &self,
        user: User,
        password_hash: Option<SecretString>,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let done = self.admit(Verb::Configure).await?.create_user(user, password_hash, by).await;
        self.done(done)
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        self.admit(Verb::LookUp).await?.find_user(id).await
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<(User, Option<SecretString>)>> {
        self.admit(Verb::LookUp).await?.find_user_by_email(email).await
    }

    async fn list_users(&self) -> Result<Vec<User>> {
        self.admit(Verb::LookUp).await?.list_users().await
    }

    async fn count_users(&self) -> Result<usize> {
        self.admit(Verb::LookUp).await?.count_users().await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        keep: Option<[u8; 32]>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<User, NotChanged>> {
        let done = self.admit(Verb::Configure).await?.change_user(id, change, keep, by, now).await;
        self.done(done)
    }

    async fn delete_user(
        &self,
        id: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let done = self.admit(Verb::Configure).await?.delete_user(id, by, now).await;
        self.done(done)
    }

    async fn create_session(&self, session: SessionRecord) -> Result<std::result::Result<(), NotChanged>> {
        let done = self.admit(Verb::Configure).await?.create_session(session).await;
        self.done(done)
    }

    async fn find_session(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<Session>> {
        self.admit(Verb::LookUp).await?.find_session(hash, now).await
    }

    async fn touch_session(&self, hash: [u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool> {
        let done = self.admit(Verb::Configure).await?.touch_session(hash, now, expires_at).await;
        self.done(done)
    }

    async fn delete_session(&self, hash: [u8; 32]) -> Result<bool> {
        let done = self.admit(Verb::Configure).await?.delete_session(hash).await;
        self.done(done)
    }

    async fn redeem_sign_in_link(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<SignInLink>> {
        let done = self.admit(Verb::Configure).await?.redeem_sign_in_link(hash, now).await;
        self.done(done)
    }

    async fn create_sign_in_link(
        &self,
        link: SignInLink,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let done = self.admit(Verb::Configure).await?.create_sign_in_link(link, by).await;
        self.done(done)
    }
}

#[async_trait]
impl ResendJobs for FlakyStore {
    async fn count_resendable(&self, store: &StoreId, filter: DeliveryFilter) -> Result<u64> {
        self.admit(Verb::LookUp).await?.count_resendable(store, filter).await
    }

    async fn create_resend_job(
        &self,
        job: NewResendJob,
        by: &Actor,
    ) -> Result<std::result::Result<ResendJob, NotChanged>> {
        let done = self.admit(Verb::Resend).await?.create_resend_job(job, by).await;
        self.done(done)
    }

    async fn advance_resend_job(
        &self,
        id: ResendJobId,
        batch_max: usize,
        now: Timestamp,
    ) -> Result<Option<Advanced>> {
        let done = self.admit(Verb::Resend).await?.advance_resend_job(id, batch_max, now).await;
        self.done(done)
    }

    async fn stop_resend_job(
        &self,
        store: &StoreId,
        id: ResendJobId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<ResendJob>> {
        let done = self.admit(Verb::Resend).await?.stop_resend_job(store, id, by, now).await;
        self.done(done)
    }

    async fn find_resend_job(&self, store: &StoreId, id: ResendJobId) -> Result<Option<ResendJob>> {
        self.admit(Verb::LookUp).await?.find_resend_job(store, id).await
    }

    async fn list_resend_jobs(&self, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>> {
        self.admit(Verb::LookUp).await?.list_resend_jobs(store, limit).await
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJob>> {
        self.admit(Verb::LookUp).await?.running_resend_jobs().await
    }
}

#[async_trait]
impl Resealing for FlakyStore {
    async fn reseal(&self) -> Result<usize> {
        let done = self.admit(Verb::House).await?.reseal().await;
        self.done(done)
    }
}

#[async_trait]
impl Retention for FlakyStore {
    async fn retire(&self, retire: Retire) -> Result<Retired> {
        let retired = self.admit(Verb::House).await?.retire(retire).await;
        self.done(retired)
    }
}
