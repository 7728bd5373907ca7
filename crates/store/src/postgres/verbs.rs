//! The trait's verbs: each is a transaction or a look-up, and goes to the file of its subject.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ApiKey, ApiKeyId, Attempt, Delivery, DeliveryId, Event, EventId, StoreChange, StoreId, StoreInfo,
    Timestamp, Webhook, WebhookChange, WebhookId,
};

use tokio::sync::broadcast;

use super::partitions::{self, DAYS_AHEAD, day_of};
use super::rows::time;
use super::tx::CHANNEL;
use super::{
    INSIDE_MAX, PostgresStore, claims, journal, keys, listing, notices, resend, results, run_again, skipping,
    stores, sweep, transact, webhooks,
};
use crate::claims::{ClaimRef, ClaimRequest, Claimed, DueWebhook};
use crate::journal::{Appended, Submission};
use crate::listing::{DeliveryFilter, Page, StorePlace};
use crate::results::{AttemptRecord, Recorded};
use crate::{NotChanged, Notice, Resend, Result, Routes, Shards, Store, StoreError, WebhookChanged};

/// Beyond this, two cores and one disk write no faster.
pub(crate) const COMMITS_AT_ONCE: usize = 3;
/// Longer than most commits take, whose rows each cost less the more of them there are; short enough that a commit that
/// waits for a lock or a slow disk holds nobody else up who would notice.
pub(crate) const COMMIT_PATIENCE: Duration = Duration::from_millis(20);

impl Shards for PostgresStore {}

#[async_trait]
impl Store for PostgresStore {
    async fn create_store(
        &self,
        store: StoreInfo,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        transact!(self, |tx| stores::create(&tx, &store, by).await)
    }

    async fn list_stores(&self, page: Page<StorePlace>) -> Result<Vec<StoreInfo>> {
        Ok(stores::list(&self.lookup().await?, &page).await?)
    }

    async fn find_store(&self, id: &StoreId) -> Result<Option<StoreInfo>> {
        Ok(stores::find(&self.urgent().await?, id).await?)
    }

    async fn change_store(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>> {
        transact!(self, |tx| stores::change(&tx, id, &change, by, now).await)
    }

    async fn delete_store(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
        transact!(self, |tx| stores::delete(&tx, id, by, now).await)
    }

    async fn create_webhook(
        &self,
        webhook: Webhook,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        transact!(self, |tx| webhooks::create(&tx, &webhook, by).await)
    }

    async fn routes(&self, store: &StoreId) -> Result<Option<Routes>> {
        Ok(webhooks::routes(&self.urgent().await?, &self.sealer, store).await?)
    }

    async fn change_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<WebhookChanged>> {
        transact!(self, |tx| webhooks::change(&tx, store, id, &change, by, now).await)
    }

    async fn delete_webhook(
        &self,
        store: &StoreId,
        id: WebhookId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        transact!(self, |tx| webhooks::delete(&tx, store, id, by, now).await)
    }

    async fn skip_waiting(&self, webhook: WebhookId, _now: Timestamp) -> Result<usize> {
        transact!(self, |tx| skipping::skip_waiting(&tx, webhook).await)
    }

    async fn append(&self, submissions: Vec<Submission>) -> Vec<Result<Appended>> {
        let inside = self.enter();
        let many = match &inside {
            Ok(_) => self.append_all(&submissions).await,
            Err(closed) => Err(closed.clone()),
        };
        match many {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            // No submission is to blame for a database that is gone; and where there is one, we know the culprit.
            Err(error) if submissions.len() == 1 || is_of_all(&error) => {
                submissions.iter().map(|_| Err(error.clone())).collect()
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(submissions.len());
                for submission in submissions.chunks(1) {
                    let one = self.append_all(submission).await;
                    answers.push(one.and_then(|mut answers| answers.pop().ok_or_else(no_answer)));
                }
                answers
            }
        }
    }

    async fn record(&self, records: Vec<AttemptRecord>) -> Vec<Result<Recorded>> {
        let many: Result<Vec<Recorded>> = transact!(self, |tx| results::record(&tx, &records).await);
        match many {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if records.len() == 1 || is_of_all(&error) => {
                records.iter().map(|_| Err(error.clone())).collect()
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(records.len());
                for record in records.chunks(1) {
                    let one: Result<Vec<Recorded>> = transact!(self, |tx| results::record(&tx, record).await);
                    answers.push(one.and_then(|mut answers| answers.pop().ok_or_else(no_answer)));
                }
                answers
            }
        }
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>> {
        transact!(self, |tx| claims::claim(&tx, &request).await)
    }

    async fn release(&self, claims: Vec<ClaimRef>) -> Result<()> {
        transact!(self, |tx| claims::release(&tx, &claims).await)
    }

    async fn due_webhooks(&self) -> Result<Vec<DueWebhook>> {
        Ok(claims::due_webhooks(&self.urgent().await?).await?)
    }

    async fn next_due(&self, webhooks: Vec<WebhookId>) -> Result<Vec<DueWebhook>> {
        Ok(claims::next_due(&self.urgent().await?, &webhooks).await?)
    }

    async fn void_claims(&self, now: Timestamp) -> Result<usize> {
        let mut voided = 0;
        loop {
            let some: usize = transact!(self, |tx| claims::void_some(&tx, now).await)?;
            voided += some;
            if some == 0 {
                return Ok(voided);
            }
        }
    }

    async fn request_resend(&self, store: &StoreId, id: DeliveryId, now: Timestamp) -> Result<Resend> {
        transact!(self, |tx| resend::request_resend(&tx, store, id, now).await)
    }

    async fn find_event(&self, store: &StoreId, id: EventId) -> Result<Option<Event>> {
        Ok(listing::find_event(&self.lookup().await?, store, id).await?)
    }

    async fn deliveries_of_event(&self, store: &StoreId, id: EventId) -> Result<Vec<Delivery>> {
        Ok(listing::deliveries_of_event(&self.lookup().await?, store, id).await?)
    }

    async fn find_delivery(&self, store: &StoreId, id: DeliveryId) -> Result<Option<Delivery>> {
        Ok(listing::find_delivery(&self.lookup().await?, store, id).await?)
    }

    async fn list_deliveries(
        &self,
        store: &StoreId,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        Ok(listing::list_deliveries(&self.lookup().await?, store, &filter, page).await?)
    }

    async fn attempts(&self, store: &StoreId, id: DeliveryId) -> Result<Vec<Attempt>> {
        Ok(listing::attempts(&self.lookup().await?, store, id).await?)
    }

    async fn create_api_key(
        &self,
        key: ApiKey,
        hash: [u8; 32],
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        transact!(self, |tx| keys::create(&tx, &key, &hash, by).await)
    }

    async fn find_api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        Ok(keys::find(&self.urgent().await?, &hash).await?)
    }

    async fn list_api_keys(&self, store: Option<&StoreId>) -> Result<Vec<ApiKey>> {
        Ok(keys::list(&self.lookup().await?, store).await?)
    }

    async fn revoke_api_key(
        &self,
        store: Option<&StoreId>,
        id: ApiKeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        transact!(self, |tx| keys::revoke(&tx, store, id, by, now).await)
    }

    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<()> {
        if !keys::is_stale(&self.urgent().await?, id, now).await? {
            return Ok(());
        }
        transact!(self, |tx| keys::touch(&tx, id, now).await)
    }

    async fn sweep(&self, now: Timestamp) -> Result<bool> {
        let today = day_of(now);
        self.ensure_days((today..=today + DAYS_AHEAD).collect()).await?;
        transact!(self, |tx| sweep::sweep(&tx, now).await)
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
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        Ok(self.urgent().await?.first(sql, &[], |row| time(row, 0)).await?)
    }

    async fn notices(&self) -> Result<Option<broadcast::Receiver<Notice>>> {
        notices::listen(self.url.clone(), self.own).await.map(Some)
    }

    async fn tell(&self, notices: Vec<Notice>) -> Result<()> {
        let told: Vec<String> =
            notices.iter().filter_map(|notice| notices::write(notice, self.own)).collect();
        let sql = "SELECT pg_notify($1, told) FROM unnest($2::text[]) AS told";
        Ok(self.urgent().await?.execute(sql, &[&CHANNEL, &told]).await.map(drop)?)
    }

    async fn ping(&self) -> Result<()> {
        Ok(self.lookup().await?.exists("SELECT 1 FROM meta", &[]).await.map(drop)?)
    }

    async fn probe_write(&self, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ('probe', $1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        let value = now.as_millis().to_be_bytes();
        transact!(self, |tx| tx.execute(sql, &[&&value[..]]).await.map(drop))
    }

    async fn backup(&self, _target: &Path, _progress: Box<dyn FnMut(u64, u64) + Send>) -> Result<()> {
        Err(StoreError::Refused(
            "a PostgreSQL database is backed up by its own tools, pg_dump for one".into(),
        ))
    }

    async fn close(&self) {
        // After what was begun is durable; who comes later is refused. It fails where it is closed already.
        let all = self.inside.acquire_many(INSIDE_MAX).await;
        self.inside.close();
        drop(all);
        self.lookups.close();
        self.work.close();
    }
}

impl PostgresStore {
    async fn append_all(&self, submissions: &[Submission]) -> Result<Vec<Appended>> {
        let events = submissions.iter().flat_map(|submission| &submission.events);
        let days = events
            .flat_map(|event| {
                event.deliveries.iter().map(|delivery| delivery.id.made_at()).chain([event.id.made_at()])
            })
            .map(day_of)
            .collect::<BTreeSet<_>>();
        self.ensure_days(days.clone()).await?;
        let appended = run_again!(self, |tx| journal::append(&tx, submissions).await);
        if appended.is_err() {
            // Another node may have dropped the parts that were known here: the next one looks.
            self.days.forget();
        }
        appended
    }

    pub(super) async fn ensure_days(&self, days: BTreeSet<i64>) -> Result<()> {
        let missing = self.days.missing(days);
        if missing.is_empty() {
            return Ok(());
        }
        let made: Result<()> = run_again!(self, |tx| partitions::make(&tx, &missing).await);
        made?;
        self.days.note(&missing);
        Ok(())
    }
}

/// Whether the error is nobody's in particular.
fn is_of_all(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Moving | StoreError::Closed)
}

/// Each submission and record has its answer.
fn no_answer() -> StoreError {
    StoreError::Corrupt("an answer is missing".into())
}
