//! The verbs of the subjects that have a trait of their own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use async_trait::async_trait;
use bocau_domain::{
    Actor, AuditEntry, AuditId, DeliveryId, Email, Inbox, InboxAnswer, InboxId, InboxRequest, Node, NodeCard,
    NodeId, ResendJobId, StoreId, Timestamp, User, UserChange, UserId, WebhookId,
};
use secrecy::SecretString;

use super::ShardedStore;
use super::forward::{node_verbs, people_verbs, verbs_of_home};
use super::verbs::at;
use crate::{
    Advanced, Audit, AuditNote, Configured, DeliveryFilter, Erased, Erasure, Figures, Inboxes, NewResendJob,
    NotChanged, ObjectName, Overview, OverviewSpan, Page, Resealing, ResendJob, ResendJobs, Result,
    Retention, Retire, RetirePlace, Retired, Session, SessionRecord, ShardState, Shards, SignInLink,
    StatusCounts,
};

people_verbs!(verbs_of_home);
node_verbs!(verbs_of_home);

#[async_trait]
impl Retention for ShardedStore {
    /// One database after the other; a server has a pass of its own for each instead.
    async fn retire(&self, retire: Retire) -> Result<Retired> {
        let (number, from) = match retire.from {
            RetirePlace::Database { number, from } => (number, *from),
            from => (0, from),
        };
        let retired = self.part(number)?.retire(Retire { from, ..retire }).await?;
        let next = match retired.next {
            Some(from) => Some(RetirePlace::Database { number, from: Box::new(from) }),
            None => (number + 1 < self.parts.len())
                .then(|| RetirePlace::Database { number: number + 1, from: Box::default() }),
        };
        Ok(Retired { next, ..retired })
    }
}

#[async_trait]
impl Resealing for ShardedStore {
    /// One database after the other.
    async fn reseal(&self) -> Result<usize> {
        for part in &self.parts {
            match part.reseal().await? {
                0 => {}
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}

#[async_trait]
impl Shards for ShardedStore {
    fn shards(&self) -> Vec<crate::Shard> {
        let shard = |part: &std::sync::Arc<super::part::Part>| crate::Shard {
            name: part.name().to_owned(),
            store: part.clone(),
        };
        self.parts.iter().map(shard).collect()
    }

    async fn shard_of(&self, store: &StoreId) -> Result<Option<usize>> {
        self.directory.place_of(store).await
    }

    fn forget_shard_of(&self, store: &StoreId) {
        self.directory.forget(store);
    }

    fn shard_states(&self) -> Vec<ShardState> {
        let state = |part: &std::sync::Arc<super::part::Part>| ShardState {
            name: part.name().to_owned(),
            problem: part.problem(),
        };
        self.parts.iter().map(state).collect()
    }

    async fn tend_shards(&self, now: Timestamp) -> Result<()> {
        self.tend(now).await
    }
}

#[async_trait]
impl Audit for ShardedStore {
    async fn note_audit(&self, note: AuditNote) -> Result<()> {
        let Some(store) = note.store.clone() else { return self.home().note_audit(note).await };
        at!(self, &store, (), |part| part.note_audit(note.clone()))
    }

    /// What is told of keys and links stands in the home, everything else of a store with the store.
    async fn list_audit(&self, stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>> {
        let mut asked: BTreeMap<usize, Option<Vec<StoreId>>> = BTreeMap::new();
        match &stores {
            None => asked.extend((0..self.parts.len()).map(|place| (place, None))),
            Some(stores) => {
                for store in stores {
                    if let Some((place, _)) = self.part_of(store).await? {
                        asked.entry(place).or_default().get_or_insert_default().push(store.clone());
                    }
                }
                asked.insert(0, Some(stores.clone()));
            }
        }
        let mut found = Vec::new();
        for (place, stores) in asked {
            // A log with gaps that nobody sees is worse than none: a shard that does not answer is an error.
            found.extend(self.part(place)?.list_audit(stores, page).await?);
        }
        found.sort_by_key(|entry| Reverse(entry.id));
        found.dedup_by(|one, other| one.id == other.id);
        found.truncate(page.limit);
        Ok(found)
    }
}

#[async_trait]
impl Erasure for ShardedStore {
    async fn erase_object(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Erased>> {
        at!(self, store, None, |part| part.erase_object(store, object, after, by, now))
    }
}

#[async_trait]
impl Figures for ShardedStore {
    async fn count_deliveries(&self, store: &StoreId, filter: DeliveryFilter, cap: usize) -> Result<usize> {
        at!(self, store, 0, |part| part.count_deliveries(store, filter.clone(), cap))
    }

    async fn overview(&self, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>> {
        at!(self, store, None, |part| part.overview(store, span))
    }

    async fn webhook_figures(
        &self,
        store: &StoreId,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, StatusCounts)>> {
        at!(self, store, Vec::new(), |part| part.webhook_figures(store, since))
    }
}

#[async_trait]
impl Inboxes for ShardedStore {
    async fn create_inbox(&self, inbox: Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>> {
        at!(self, &inbox.store, Err(NotChanged::NotFound), |part| part.create_inbox(inbox.clone(), by))
    }

    async fn list_inboxes(&self, store: &StoreId) -> Result<Vec<Inbox>> {
        at!(self, store, Vec::new(), |part| part.list_inboxes(store))
    }

    async fn find_inbox(&self, store: &StoreId, id: InboxId) -> Result<Option<Inbox>> {
        at!(self, store, None, |part| part.find_inbox(store, id))
    }

    /// A token tells nothing of the store; it is looked for everywhere.
    async fn find_inbox_by_token(&self, token: &str) -> Result<Option<Inbox>> {
        self.first_of_all(|part| part.find_inbox_by_token(token)).await
    }

    async fn change_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        answer: InboxAnswer,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Inbox>> {
        at!(self, store, None, |part| part.change_inbox(store, id, answer, by, now))
    }

    async fn delete_inbox(&self, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool> {
        at!(self, store, false, |part| part.delete_inbox(store, id, by, now))
    }

    async fn add_inbox_request(&self, request: InboxRequest) -> Result<bool> {
        let added =
            self.first_of_all(async |part| Ok(part.add_inbox_request(request.clone()).await?.then_some(())));
        Ok(added.await?.is_some())
    }

    async fn list_inbox_requests(&self, store: &StoreId, id: InboxId) -> Result<Vec<InboxRequest>> {
        at!(self, store, Vec::new(), |part| part.list_inbox_requests(store, id))
    }
}

#[async_trait]
impl ResendJobs for ShardedStore {
    async fn count_resendable(&self, store: &StoreId, filter: DeliveryFilter) -> Result<u64> {
        at!(self, store, 0, |part| part.count_resendable(store, filter.clone()))
    }

    async fn create_resend_job(
        &self,
        job: NewResendJob,
        by: &Actor,
    ) -> Result<std::result::Result<ResendJob, NotChanged>> {
        at!(self, &job.store, Err(NotChanged::NotFound), |part| part.create_resend_job(job.clone(), by))
    }

    async fn advance_resend_job(
        &self,
        id: ResendJobId,
        batch_max: usize,
        now: Timestamp,
    ) -> Result<Option<Advanced>> {
        self.first_of_all(|part| part.advance_resend_job(id, batch_max, now)).await
    }

    async fn stop_resend_job(
        &self,
        store: &StoreId,
        id: ResendJobId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<ResendJob>> {
        at!(self, store, None, |part| part.stop_resend_job(store, id, by, now))
    }

    async fn find_resend_job(&self, store: &StoreId, id: ResendJobId) -> Result<Option<ResendJob>> {
        at!(self, store, None, |part| part.find_resend_job(store, id))
    }

    async fn list_resend_jobs(&self, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>> {
        at!(self, store, Vec::new(), |part| part.list_resend_jobs(store, limit))
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJob>> {
        self.all_of_all(ResendJobs::running_resend_jobs).await
    }
}
