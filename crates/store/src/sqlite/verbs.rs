//! The trait's verbs: each goes to the writer or to a reader, and to the file of its subject.

use std::path::Path;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, Delivery, DeliveryId, Event, EventId, StoreChange, StoreId, StoreInfo,
    Timestamp, Webhook, WebhookChange, WebhookId,
};

use super::{
    SqliteStore, backup, claims, journal, keys, listing, resend, results, skipping, stopped, stores, sweep,
    webhooks,
};
use crate::claims::{ClaimRef, ClaimRequest, Claimed, DueWebhook};
use crate::journal::{Appended, Submission};
use crate::listing::{DeliveryFilter, Page, StorePlace};
use crate::results::{AttemptRecord, Recorded};
use crate::{NotChanged, Resend, Result, Routes, Shards, Store, WebhookChanged};

/// The writer takes whatever waits into one transaction: with several under way, it need not wait until those whom it has
/// just answered have gathered the next.
const COMMITS_AT_ONCE: usize = 8;

impl Shards for SqliteStore {}

#[async_trait]
impl Store for SqliteStore {
    async fn create_store(
        &self,
        store: StoreInfo,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| stores::create(tx, &store, &by)).await
    }

    async fn list_stores(&self, page: Page<StorePlace>) -> Result<Vec<StoreInfo>> {
        self.readers.run(move |connection| stores::list(connection, &page)).await
    }

    async fn find_store(&self, id: &StoreId) -> Result<Option<StoreInfo>> {
        let id = id.clone();
        self.urgent.run(move |connection| stores::find(connection, &id)).await
    }

    async fn change_store(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>> {
        let (id, by) = (id.clone(), by.clone());
        self.writer.run(move |tx| stores::change(tx, &id, &change, &by, now)).await
    }

    async fn delete_store(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
        let (id, by) = (id.clone(), by.clone());
        self.writer.run(move |tx| stores::delete(tx, &id, &by, now)).await
    }

    async fn create_webhook(
        &self,
        webhook: Webhook,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| webhooks::create(tx, &webhook, &by)).await
    }

    async fn routes(&self, store: &StoreId) -> Result<Option<Routes>> {
        let (store, sealer) = (store.clone(), self.sealer.clone());
        self.urgent.run(move |connection| webhooks::routes(connection, &sealer, &store)).await
    }

    async fn change_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<WebhookChanged>> {
        let (store, by) = (store.clone(), by.clone());
        self.writer.run(move |tx| webhooks::change(tx, &store, id, &change, &by, now)).await
    }

    async fn delete_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let (store, by) = (store.clone(), by.clone());
        self.writer.run(move |tx| webhooks::delete(tx, &store, id, &by, now)).await
    }

    async fn skip_waiting(&self, webhook: WebhookId, _now: Timestamp) -> Result<usize> {
        self.writer.run(move |tx| skipping::skip_waiting(tx, webhook)).await
    }

    async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>> {
        let bytes = journal::bytes_of(&submissions);
        self.writer.run_each(submissions, bytes, journal::append).await
    }

    async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>> {
        let bytes = records.iter().map(|record| record.response_body.len()).sum();
        self.writer.run_each(records, bytes, results::record).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>> {
        self.writer.run(move |tx| claims::claim(tx, &request)).await
    }

    async fn release(&self, held: Vec<ClaimRef>) -> Result<()> {
        self.writer.run(move |tx| claims::release(tx, &held)).await
    }

    async fn due_webhooks(&self) -> Result<Vec<DueWebhook>> {
        self.urgent.run(claims::due_webhooks).await
    }

    async fn next_due(&self, webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>> {
        self.urgent.run(move |connection| claims::next_due(connection, &webhooks)).await
    }

    async fn void_claims(&self, now: Timestamp) -> Result<usize> {
        let (mut voided, mut place) = (0, None);
        loop {
            let (count, next) = self.writer.run(move |tx| claims::void_some(tx, place, now)).await?;
            voided += count;
            match next {
                Some(next) => place = Some(next),
                None => return Ok(voided),
            }
        }
    }

    async fn request_resend(&self, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend> {
        let store = store.clone();
        self.writer.run(move |tx| resend::request_resend(tx, &store, id, now)).await
    }

    async fn find_event(&self, store: &StoreId, id: EventId) -> Result<Option<Event>> {
        let store = store.clone();
        self.readers.run(move |connection| listing::find_event(connection, &store, id)).await
    }

    async fn deliveries_of_event(&self, store: &StoreId, id: EventId) -> Result<Vec<Delivery>> {
        let store = store.clone();
        self.readers.run(move |connection| listing::deliveries_of_event(connection, &store, id)).await
    }

    async fn find_delivery(&self, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
        let store = store.clone();
        self.readers.run(move |connection| listing::find_delivery(connection, &store, id)).await
    }

    async fn list_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        let store = store.clone();
        self.readers.run(move |connection| listing::list_deliveries(connection, &store, &filter, page)).await
    }

    async fn attempts(&self, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>> {
        let store = store.clone();
        self.readers.run(move |connection| listing::attempts(connection, &store, id)).await
    }

    async fn create_api_key(
        &self,
        key: ApiKey,
        hash: [u8; 32],
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let by = by.clone();
        self.writer.run(move |tx| keys::create(tx, &key, &hash, &by)).await
    }

    async fn find_api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        self.urgent.run(move |connection| keys::find(connection, &hash)).await
    }

    async fn list_api_keys(&self, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
        let store = store.cloned();
        self.readers.run(move |connection| keys::list(connection, store.as_ref())).await
    }

    async fn revoke_api_key(
        &self,
        store: Option<&StoreId>,
        id: ApiKeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let (store, by) = (store.cloned(), by.clone());
        self.writer.run(move |tx| keys::revoke(tx, store.as_ref(), id, &by, now)).await
    }

    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<()> {
        if !self.urgent.run(move |connection| keys::is_stale(connection, id, now)).await? {
            return Ok(());
        }
        self.writer.run(move |tx| keys::touch(tx, id, now)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<bool> {
        self.writer.run(move |tx| sweep::sweep(tx, now)).await
    }

    async fn ping(&self) -> Result<()> {
        let look = "SELECT COUNT(*) FROM meta";
        self.readers
            .run(move |connection| {
                Ok(connection.prepare_cached(look)?.query_row([], |row| row.get::<_, i64>(0))?)
            })
            .await
            .map(drop)
    }

    async fn probe_write(&self, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ('probe', ?1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.writer.run(move |tx| tx.execute(sql, [now.as_millis().to_be_bytes()]).map(drop)).await
    }

    async fn backup(&self, target: &Path, mut progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()> {
        let (source, target) = (self.path.clone(), target.to_owned());
        tokio::task::spawn_blocking(move || backup::back_up(&source, &target, &mut *progress))
            .await
            .map_err(|error| stopped(&error))?
    }

    fn commits_at_once(&self) -> usize {
        COMMITS_AT_ONCE
    }

    async fn close(&self) {
        // The writer last: the last connection to close writes the log back into the file.
        self.readers.close().await;
        self.urgent.close().await;
        self.writer.close().await;
    }
}
