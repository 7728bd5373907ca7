//! A store that fails where the test says, over one that does not.

pub mod between;
mod subjects;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, Delivery, DeliveryId, Event, EventId, StoreChange, StoreId, StoreInfo,
    Timestamp, Webhook, WebhookChange, WebhookId,
};
use bocau_store::{
    Appended, AttemptRecord, ClaimRef, ClaimRequest, Claimed, DeliveryFilter, DueWebhook, NotChanged, Notice,
    Page, Recorded, Resend, Result, Routes, Shards, Store, StoreError, StorePlace, Submission,
    WebhookChanged,
};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use between::Between;

/// A verb of the store that can be made to fail, or several that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// [`Store::append`].
    Append,
    /// [`Store::record`].
    Record,
    /// [`Store::claim`].
    Claim,
    /// [`Store::release`].
    Release,
    /// [`Store::due_webhooks`] and [`Store::next_due`].
    Due,
    /// [`Store::skip_waiting`].
    Skip,
    /// [`Store::routes`].
    Routes,
    /// [`Store::request_resend`], and what begins, goes on with or stops resends of many deliveries.
    Resend,
    /// Everything that changes stores, webhooks, keys, people and test inboxes, and the audit log.
    Configure,
    /// Everything that looks up for people.
    LookUp,
    /// [`Store::void_claims`], [`Store::sweep`], [`bocau_store::Retention::retire`], [`Store::ping`], [`Store::probe_write`], [`Store::backup`].
    House,
}

impl Verb {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Append,
        Self::Record,
        Self::Claim,
        Self::Release,
        Self::Due,
        Self::Skip,
        Self::Routes,
        Self::Resend,
        Self::Configure,
        Self::LookUp,
        Self::House,
    ];
}

/// The store.
pub struct FlakyStore {
    inner: Arc<dyn Store>,
    failing: Mutex<HashSet<Verb>>,
    losing: Mutex<HashSet<Verb>>,
    is_cut_off: AtomicBool,
    is_shared: bool,
    between: Option<Arc<dyn Between>>,
    calls: watch::Sender<u64>,
    failures: watch::Sender<u64>,
}

impl FlakyStore {
    /// Over this store, failing nowhere.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            failing: Mutex::default(),
            losing: Mutex::default(),
            is_cut_off: AtomicBool::new(false),
            is_shared: false,
            between: None,
            calls: watch::Sender::default(),
            failures: watch::Sender::default(),
        }
    }

    /// Over this store, of which it is said whether others share it, with `between` in the way of each call.
    pub fn with_between(inner: Arc<dyn Store>, is_shared: bool, between: Arc<dyn Between>) -> Self {
        Self { is_shared, between: Some(between), ..Self::new(inner) }
    }

    /// From now on these verbs answer [`StoreError::Unavailable`], and write nothing.
    pub fn fail(&self, verbs: &[Verb]) {
        self.failing.lock().extend(verbs);
    }

    /// From now on [`Verb::Append`] and [`Verb::Record`], where they are among these, write and are not heard of: the
    /// answer is [`StoreError::Unavailable`].
    pub fn lose_answers(&self, verbs: &[Verb]) {
        self.losing.lock().extend(verbs);
    }

    /// From now on nothing fails any more.
    pub fn heal(&self) {
        self.losing.lock().clear();
        self.failing.lock().clear();
    }

    /// From now on nothing is answered any more, as to a process that has died.
    pub fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::SeqCst);
    }

    /// Changes whenever a verb has ended that may have written.
    pub fn calls(&self) -> watch::Receiver<u64> {
        self.calls.subscribe()
    }

    /// Changes whenever a verb was made to fail.
    pub fn failures(&self) -> watch::Receiver<u64> {
        self.failures.subscribe()
    }

    async fn admit(&self, verb: Verb) -> Result<&dyn Store> {
        if self.is_cut_off.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.failing.lock().contains(&verb) {
            self.failures.send_modify(|count| *count += 1);
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        if let Some(between) = &self.between {
            between.going(verb).await?;
        }
        Ok(&*self.inner)
    }

    /// What is heard of a verb that was done.
    fn heard<T>(&self, verb: Verb, answers: Vec<Result<T>>) -> Vec<Result<T>> {
        if !self.losing.lock().contains(&verb) {
            return answers;
        }
        self.failures.send_modify(|count| *count += 1);
        answers.iter().map(|_| Err(StoreError::Unavailable("the test lost the answer".into()))).collect()
    }

    /// The same, after whatever stands between has had its way.
    async fn heard_one<T>(&self, verb: Verb, answer: Result<T>) -> Result<T> {
        match &self.between {
            Some(between) => between.coming(verb).await.and(answer),
            None => answer,
        }
    }

    async fn heard_each<T>(&self, verb: Verb, answers: Vec<Result<T>>) -> Vec<Result<T>> {
        let heard = self.heard_one(verb, Ok(())).await;
        answers.into_iter().map(|answer| heard.clone().and(answer)).collect()
    }

    fn done<T>(&self, result: T) -> T {
        self.calls.send_modify(|count| *count += 1);
        result
    }
}

/// It is one database, whatever it is over.
impl Shards for FlakyStore {}

#[async_trait]
impl Store for FlakyStore {
    async fn create_store(
        &self,
        store: StoreInfo,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let created = self.admit(Verb::Configure).await?.create_store(store, by).await;
        self.done(created)
    }

    async fn list_stores(&self, page: Page<StorePlace>) -> Result<Vec<StoreInfo>> {
        self.admit(Verb::LookUp).await?.list_stores(page).await
    }

    async fn find_store(&self, id: &StoreId) -> Result<Option<StoreInfo>> {
        self.admit(Verb::LookUp).await?.find_store(id).await
    }

    async fn change_store(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>> {
        let changed = self.admit(Verb::Configure).await?.change_store(id, change, by, now).await;
        self.done(changed)
    }

    async fn delete_store(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
        let deleted = self.admit(Verb::Configure).await?.delete_store(id, by, now).await;
        self.done(deleted)
    }

    async fn create_webhook(
        &self,
        webhook: Webhook,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let created = self.admit(Verb::Configure).await?.create_webhook(webhook, by).await;
        self.done(created)
    }

    async fn routes(&self, store: &StoreId) -> Result<Option<Routes>> {
        self.admit(Verb::Routes).await?.routes(store).await
    }

    async fn change_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<WebhookChanged>> {
        let changed = self.admit(Verb::Configure).await?.change_webhook(store, id, change, by, now).await;
        self.done(changed)
    }

    async fn delete_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let deleted = self.admit(Verb::Configure).await?.delete_webhook(store, id, by, now).await;
        self.done(deleted)
    }

    async fn skip_waiting(&self, webhook: WebhookId, now: Timestamp) -> Result<usize> {
        let skipped = self.admit(Verb::Skip).await?.skip_waiting(webhook, now).await;
        self.heard_one(Verb::Skip, self.done(skipped)).await
    }

    async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>> {
        match self.admit(Verb::Append).await {
            Ok(store) => {
                let sent = self.between.as_ref().map(|_| submissions.clone());
                let answers = self.done(store.append(submissions).await);
                if let (Some(between), Some(sent)) = (&self.between, sent) {
                    between.appended(&sent, &answers);
                }
                self.heard_each(Verb::Append, self.heard(Verb::Append, answers)).await
            }
            Err(error) => submissions.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>> {
        match self.admit(Verb::Record).await {
            Ok(store) => {
                let sent = self.between.as_ref().map(|_| records.clone());
                let answers = self.done(store.record(records).await);
                if let (Some(between), Some(sent)) = (&self.between, sent) {
                    between.recorded(&sent, &answers);
                }
                self.heard_each(Verb::Record, self.heard(Verb::Record, answers)).await
            }
            Err(error) => records.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>> {
        let now = request.now;
        let claimed = self.admit(Verb::Claim).await?.claim(request).await;
        if let (Some(between), Ok(claimed)) = (&self.between, &claimed) {
            between.claimed(now, claimed);
        }
        self.heard_one(Verb::Claim, self.done(claimed)).await
    }

    async fn release(&self, claims: Vec<ClaimRef>) -> Result<()> {
        let store = self.admit(Verb::Release).await?;
        let named = self.between.as_ref().map(|_| claims.clone());
        let released = store.release(claims).await;
        if let (Some(between), Some(named), Ok(())) = (&self.between, named, &released) {
            between.released(&named);
        }
        self.heard_one(Verb::Release, self.done(released)).await
    }

    async fn due_webhooks(&self) -> Result<Vec<DueWebhook>> {
        self.admit(Verb::Due).await?.due_webhooks().await
    }

    async fn next_due(&self, webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>> {
        self.admit(Verb::Due).await?.next_due(webhooks).await
    }

    async fn void_claims(&self, now: Timestamp) -> Result<usize> {
        let voided = self.admit(Verb::House).await?.void_claims(now).await;
        self.done(voided)
    }

    async fn request_resend(&self, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend> {
        let asked = self.admit(Verb::Resend).await?.request_resend(store, id, now).await;
        self.heard_one(Verb::Resend, self.done(asked)).await
    }

    async fn find_event(&self, store: &StoreId, id: EventId) -> Result<Option<Event>> {
        self.admit(Verb::LookUp).await?.find_event(store, id).await
    }

    async fn deliveries_of_event(&self, store: &StoreId, id: EventId) -> Result<Vec<Delivery>> {
        self.admit(Verb::LookUp).await?.deliveries_of_event(store, id).await
    }

    async fn find_delivery(&self, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
        self.admit(Verb::LookUp).await?.find_delivery(store, id).await
    }

    async fn list_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        self.admit(Verb::LookUp).await?.list_deliveries(store, filter, page).await
    }

    async fn attempts(&self, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>> {
        self.admit(Verb::LookUp).await?.attempts(store, id).await
    }

    async fn create_api_key(
        &self,
        key: ApiKey,
        hash: [u8; 32],
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let created = self.admit(Verb::Configure).await?.create_api_key(key, hash, by).await;
        self.done(created)
    }

    async fn find_api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        self.admit(Verb::LookUp).await?.find_api_key(hash).await
    }

    async fn list_api_keys(&self, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
        self.admit(Verb::LookUp).await?.list_api_keys(store).await
    }

    async fn revoke_api_key(
        &self,
        store: Option<&StoreId>,
        id: ApiKeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let revoked = self.admit(Verb::Configure).await?.revoke_api_key(store, id, by, now).await;
        self.done(revoked)
    }

    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<()> {
        let touched = self.admit(Verb::Configure).await?.touch_api_key(id, now).await;
        self.done(touched)
    }

    async fn sweep(&self, now: Timestamp) -> Result<bool> {
        let swept = self.admit(Verb::House).await?.sweep(now).await;
        self.done(swept)
    }

    fn is_shared(&self) -> bool {
        self.is_shared || self.inner.is_shared()
    }

    fn commits_at_once(&self) -> usize {
        self.inner.commits_at_once()
    }

    fn commit_patience(&self) -> Duration {
        self.inner.commit_patience()
    }

    async fn database_now(&self) -> Result<Option<Timestamp>> {
        self.inner.database_now().await
    }

    async fn notices(&self) -> Result<Option<broadcast::Receiver<Notice>>> {
        self.inner.notices().await
    }

    async fn tell(&self, notices: Vec<Notice>) -> Result<()> {
        self.inner.tell(notices).await
    }

    async fn ping(&self) -> Result<()> {
        self.admit(Verb::House).await?.ping().await
    }

    async fn probe_write(&self, now: Timestamp) -> Result<()> {
        let written = self.admit(Verb::House).await?.probe_write(now).await;
        self.done(written)
    }

    async fn backup(&self, target: &Path, progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()> {
        self.admit(Verb::House).await?.backup(target, progress).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
