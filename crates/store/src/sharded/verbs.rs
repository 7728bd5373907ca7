//! The verbs of the trait. What concerns a store goes to its database, what concerns people and keys to the home.
//!
//! The engine works on each database by itself ([`crate::Shards::shards`]); what it asks for without naming a store
//! is asked of all of them here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, Delivery, DeliveryId, Event, EventId, StoreChange, StoreId, StoreInfo,
    Timestamp, Webhook, WebhookChange, WebhookId,
};
use tokio::sync::broadcast;

use super::ShardedStore;
use super::part::Part;
use crate::postgres::{COMMIT_PATIENCE, COMMITS_AT_ONCE};
use crate::{
    Appended, AttemptRecord, ClaimRef, ClaimRequest, Claimed, DeliveryFilter, DueWebhook, NotChanged, Notice,
    Page, Recorded, Resend, Result, Routes, Store, StoreError, StorePlace, Submission, WebhookChanged,
};

/// Asks the database that has a store, and where the store has moved meanwhile the one that it moved to; `$missing`
/// where the store is not there. `$verb` may be evaluated more than once.
macro_rules! at {
    ($self:ident, $store:expr, $missing:expr, |$part:ident| $verb:expr) => {
        loop {
            let Some((place, $part)) = $self.part_of($store).await? else { break Ok($missing) };
            match $verb.await {
                Err(crate::StoreError::Moving) if $self.has_moved($store, place).await? => {}
                answer => break answer,
            }
        }
    };
}
pub(super) use at;

impl ShardedStore {
    /// The first answer of any database. None only where all of them say so.
    pub(super) async fn first_of_all<'a, T, F>(
        &'a self,
        ask: impl Fn(&'a Part) -> F + Send + Sync,
    ) -> Result<Option<T>>
    where
        T: Send,
        F: Future<Output = Result<Option<T>>> + Send,
    {
        let mut failed = None;
        for part in &self.parts {
            match ask(part).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The answers of all databases together.
    pub(super) async fn all_of_all<'a, T, F>(
        &'a self,
        ask: impl Fn(&'a Part) -> F + Send + Sync,
    ) -> Result<Vec<T>>
    where
        T: Send,
        F: Future<Output = Result<Vec<T>>> + Send,
    {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(ask(part).await?);
        }
        Ok(all)
    }

    /// What belongs to each database, with the place it had; the last holds what belongs to none.
    async fn sorted<T>(
        &self,
        items: Vec<T>,
        store_of: fn(&T) -> &StoreId,
    ) -> Result<BTreeMap<Option<usize>, Vec<(usize, T)>>> {
        let mut sorted: BTreeMap<Option<usize>, Vec<(usize, T)>> = BTreeMap::new();
        for (at, item) in items.into_iter().enumerate() {
            let place = self.directory.place_of(store_of(&item)).await?;
            sorted.entry(place).or_default().push((at, item));
        }
        Ok(sorted)
    }
}

/// Writes a list of `T`, each to the database of its store, and puts the answers in the order of the list.
macro_rules! each_to_its_own {
    ($self:ident, $items:expr, $store_of:expr, $missing:expr, $verb:ident) => {{
        let count = $items.len();
        let sorted = match $self.sorted($items, $store_of).await {
            Ok(sorted) => sorted,
            Err(error) => return vec![Err(error); count],
        };
        let mut answers: Vec<Result<_>> = (0..count).map(|_| Err(StoreError::Closed)).collect();
        for (place, items) in sorted {
            let (places, items): (Vec<usize>, Vec<_>) = items.into_iter().unzip();
            let answered = match place.map(|place| $self.part(place)) {
                None => places.iter().map(|_| Ok($missing)).collect(),
                Some(Ok(part)) => part.$verb(items).await,
                Some(Err(error)) => vec![Err(error); places.len()],
            };
            for (place, answer) in places.into_iter().zip(answered) {
                answers[place] = answer;
            }
        }
        answers
    }};
}

fn store_of_submission(submission: &Submission) -> &StoreId {
    &submission.store
}

fn store_of_record(record: &AttemptRecord) -> &StoreId {
    &record.claim.store
}

fn store_of_claim(claim: &ClaimRef) -> &StoreId {
    &claim.store
}

#[async_trait]
impl Store for ShardedStore {
    async fn create_store(
        &self,
        store: StoreInfo,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        self.make_store(store, by).await
    }

    async fn list_stores(&self, page: Page<StorePlace>) -> Result<Vec<StoreInfo>> {
        self.home().list_stores(page).await
    }

    async fn find_store(&self, id: &StoreId) -> Result<Option<StoreInfo>> {
        self.home().find_store(id).await
    }

    async fn change_store(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>> {
        self.change(id, change, by, now).await
    }

    async fn delete_store(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
        self.delete(id, by, now).await
    }

    async fn create_webhook(
        &self,
        webhook: Webhook,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        at!(self, &webhook.store, Err(NotChanged::NotFound), |part| part.create_webhook(webhook.clone(), by))
    }

    async fn routes(&self, store: &StoreId) -> Result<Option<Routes>> {
        at!(self, store, None, |part| part.routes(store))
    }

    async fn change_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<WebhookChanged>> {
        at!(self, store, None, |part| part.change_webhook(store, id, change.clone(), by, now))
    }

    async fn delete_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        at!(self, store, false, |part| part.delete_webhook(store, id, by, now))
    }

    async fn skip_waiting(&self, webhook: WebhookId, now: Timestamp) -> Result<usize> {
        let skipped = self.first_of_all(async |part: &Part| {
            Ok(Some(part.skip_waiting(webhook, now).await?).filter(|skipped| *skipped > 0))
        });
        Ok(skipped.await?.unwrap_or(0))
    }

    async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>> {
        each_to_its_own!(self, submissions, store_of_submission, Appended::NoStore, append)
    }

    async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>> {
        each_to_its_own!(self, records, store_of_record, Recorded::Vanished, record)
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>> {
        self.all_of_all(|part| part.claim(request.clone())).await
    }

    async fn release(&self, claims: Vec<ClaimRef>) -> Result<()> {
        for (place, claims) in self.sorted(claims, store_of_claim).await? {
            let Some(place) = place else { continue };
            self.part(place)?.release(claims.into_iter().map(|(_, claim)| claim).collect()).await?;
        }
        Ok(())
    }

    async fn due_webhooks(&self) -> Result<Vec<DueWebhook>> {
        self.all_of_all(Store::due_webhooks).await
    }

    async fn next_due(&self, webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>> {
        self.all_of_all(|part| part.next_due(webhooks.clone())).await
    }

    async fn void_claims(&self, now: Timestamp) -> Result<usize> {
        let mut voided = 0;
        for part in &self.parts {
            voided += part.void_claims(now).await?;
        }
        Ok(voided)
    }

    async fn request_resend(&self, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend> {
        at!(self, store, Resend::NotFound, |part| part.request_resend(store, id, now))
    }

    async fn find_event(&self, store: &StoreId, id: EventId) -> Result<Option<Event>> {
        at!(self, store, None, |part| part.find_event(store, id))
    }

    async fn deliveries_of_event(&self, store: &StoreId, id: EventId) -> Result<Vec<Delivery>> {
        at!(self, store, Vec::new(), |part| part.deliveries_of_event(store, id))
    }

    async fn find_delivery(&self, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
        at!(self, store, None, |part| part.find_delivery(store, id))
    }

    async fn list_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        at!(self, store, Vec::new(), |part| part.list_deliveries(store, filter.clone(), page))
    }

    async fn attempts(&self, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>> {
        at!(self, store, Vec::new(), |part| part.attempts(store, id))
    }

    async fn create_api_key(
        &self,
        key: ApiKey,
        hash: [u8; 32],
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        self.home().create_api_key(key, hash, by).await
    }

    async fn find_api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        self.home().find_api_key(hash).await
    }

    async fn list_api_keys(&self, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
        self.home().list_api_keys(store).await
    }

    async fn revoke_api_key(
        &self,
        store: Option<&StoreId>,
        id: ApiKeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        self.home().revoke_api_key(store, id, by, now).await
    }

    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<()> {
        self.home().touch_api_key(id, now).await
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

    async fn database_now(&self) -> Result<Option<Timestamp>> {
        self.home().database_now().await
    }

    async fn notices(&self) -> Result<Option<broadcast::Receiver<Notice>>> {
        self.home().notices().await
    }

    async fn tell(&self, notices: Vec<Notice>) -> Result<()> {
        self.home().tell(notices).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<bool> {
        self.tend(now).await?;
        let mut has_more = false;
        for part in &self.parts {
            has_more |= part.sweep(now).await?;
        }
        Ok(has_more)
    }

    /// Works where the home and one shard do: those stores are served.
    async fn ping(&self) -> Result<()> {
        self.home().ping().await?;
        let mut problems = self.parts[1..].iter().map(|part| part.problem());
        match problems.next() {
            Some(Some(first)) if problems.all(|problem| problem.is_some()) => {
                Err(StoreError::Unavailable(format!("no shard answers: {first}")))
            }
            _ => Ok(()),
        }
    }

    async fn probe_write(&self, now: Timestamp) -> Result<()> {
        self.home().probe_write(now).await
    }

    async fn backup(&self, _target: &Path, _progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()> {
        Err(Self::no_backup())
    }

    async fn close(&self) {
        for part in &self.parts {
            part.close().await;
        }
    }
}
