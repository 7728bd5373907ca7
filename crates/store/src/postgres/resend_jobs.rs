//! Resends of all that a filter finds, a batch at a time.
//!
//! What a batch is about is looked up before the transaction that asks for it, so that a filter with rare matches
//! never makes that one long; it looks at each row again.

use std::collections::HashSet;

use async_trait::async_trait;
use bocau_domain::limits::{RESEND_JOB_LIFETIME, RESEND_JOBS_RUNNING_MAX};
use bocau_domain::{
    Actor, AuditAction, DeliveryId, ResendJobId, ResendJobState, StoreId, Timestamp, WebhookId,
};
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::erasure::erased_of;
use super::query::{Query, Walk};
use super::results::{Held, hold};
use super::rows::{
    from_count, from_u64, id, id_or_none, json_text, only, store_id, time, to_u64, update_states, uuid, word,
};
use super::tx::{Connection, Result, Tx};
use super::{PostgresStore, audit, resend, stores, transact};
use crate::change::Change;
use crate::filter_text::{FilterText, read_filter};
use crate::resend_jobs::{Advanced, NewResendJob, ResendJob, ResendJobs};
use crate::{DeliveryFilter, NotChanged};

#[async_trait]
impl ResendJobs for PostgresStore {
    async fn count_resendable(&self, store: &StoreId, filter: DeliveryFilter) -> crate::Result<u64> {
        let counted = scope(&self.lookup().await?, store, &filter).await?;
        Ok(counted.map_or(0, |(_, total)| total))
    }

    async fn create_resend_job(
        &self,
        job: NewResendJob,
        by: &Actor,
    ) -> crate::Result<std::result::Result<ResendJob, NotChanged>> {
        let Some((up_to, total)) = scope(&self.lookup().await?, &job.store, &job.filter).await? else {
            return Ok(Err(NotChanged::NotFound));
        };
        let job = ResendJob {
            id: job.id,
            store: job.store,
            filter: job.filter,
            up_to,
            total,
            done: 0,
            state: ResendJobState::Running,
            created_at: job.created_at,
            cursor: None,
        };
        transact!(self, |tx| create(&tx, &job, by).await)
    }

    async fn advance_resend_job(
        &self,
        id: ResendJobId,
        batch_max: usize,
        now: Timestamp,
    ) -> crate::Result<Option<Advanced>> {
        let found = next_batch(&self.lookup().await?, id, batch_max).await?;
        let Some(Batch { job, ids, is_last }) = found else { return Ok(None) };
        if job.state != ResendJobState::Running {
            return Ok(Some(Advanced { job, webhooks: Vec::new() }));
        }
        transact!(self, |tx| advance(&tx, &job, &ids, is_last, now).await)
    }

    async fn stop_resend_job(
        &self,
        store: &StoreId,
        id: ResendJobId,
        by: &Actor,
        now: Timestamp,
    ) -> crate::Result<Option<ResendJob>> {
        transact!(self, |tx| stop(&tx, store, id, by, now).await)
    }

    async fn find_resend_job(&self, store: &StoreId, id: ResendJobId) -> crate::Result<Option<ResendJob>> {
        let found = find(&self.lookup().await?, id).await?;
        Ok(found.filter(|job| job.store == *store))
    }

    async fn list_resend_jobs(&self, store: &StoreId, limit: usize) -> crate::Result<Vec<ResendJob>> {
        Ok(list(&self.lookup().await?, store, limit).await?)
    }

    async fn running_resend_jobs(&self) -> crate::Result<Vec<ResendJob>> {
        Ok(running(&self.lookup().await?).await?)
    }
}

/// For [`read`]. A job of a store that is being deleted is not there.
macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT j.id, j.store_id, j.filter, j.up_to, j.cursor, j.total, j.done, j.state, j.created_at \
             FROM resend_jobs j JOIN stores s ON s.id = j.store_id AND s.deleted_at IS NULL \
             AND s.standing IS DISTINCT FROM 'away' ",
            $rest
        )
    };
}

/// The newest delivery of a store, and how many up to it can be sent again; `None` where the store is not
/// there.
async fn scope(
    connection: &Connection,
    store: &StoreId,
    filter: &DeliveryFilter,
) -> Result<Option<(DeliveryId, u64)>> {
    if !stores::is_there(connection, store).await? {
        return Ok(None);
    }
    let newest = "SELECT id FROM deliveries WHERE store_id = $1 ORDER BY id DESC LIMIT 1";
    let newest =
        connection.first(newest, &[&store.as_str()], |row| id(row, 0, DeliveryId::from_bytes)).await?;
    let Some(up_to) = newest else { return Ok(Some((DeliveryId::from_bytes([0; 16]), 0))) };
    let total = Query::of(store, filter, Walk::CountResendable { up_to }).count(connection).await?;
    Ok(Some((up_to, total)))
}

async fn create(tx: &Tx, job: &ResendJob, by: &Actor) -> Result<std::result::Result<ResendJob, NotChanged>> {
    tx.lock_store(&job.store).await?;
    if tx.config_version(&job.store).await?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    let sql = "SELECT COUNT(*) FROM resend_jobs WHERE state = 'running' AND store_id = $1";
    let running = tx.first(sql, &[&job.store.as_str()], only::<i64>).await?;
    if running.unwrap_or(0) >= from_count(RESEND_JOBS_RUNNING_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let filter = FilterText::from(&job.filter);
    let made = tx
        .execute(
            "INSERT INTO resend_jobs (id, store_id, filter, up_to, total, done, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT DO NOTHING",
            &[
                &uuid(job.id.as_bytes()),
                &job.store.as_str(),
                &json_text(&filter)?,
                &uuid(job.up_to.as_bytes()),
                &from_u64(job.total),
                &job.state.as_str(),
                &job.created_at.as_millis(),
            ],
        )
        .await?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    let change = Change::new(AuditAction::ResendJobStarted, Some(&job.store), job.id, by, job.created_at);
    let told = json!({ "total": job.total, "filter": filter });
    audit::write(tx, Change { to: Some(told), ..change }).await?;
    Ok(Ok(job.clone()))
}

struct Batch {
    job: ResendJob,
    ids: Vec<DeliveryId>,
    is_last: bool,
}

async fn next_batch(connection: &Connection, id: ResendJobId, batch_max: usize) -> Result<Option<Batch>> {
    let Some(job) = find(connection, id).await? else { return Ok(None) };
    if job.state != ResendJobState::Running {
        return Ok(Some(Batch { job, ids: Vec::new(), is_last: true }));
    }
    let walk = Walk::Resendable { after: job.cursor, up_to: job.up_to, limit: batch_max.max(1) };
    let query = Query::of(&job.store, &job.filter, walk);
    let ids = query.all(connection, |row| super::rows::id(row, 0, DeliveryId::from_bytes)).await?;
    let is_last = ids.len() < batch_max.max(1);
    Ok(Some(Batch { job, ids, is_last }))
}

/// Nothing happens where the job has moved since the batch was looked up: another call, of this node or another,
/// has taken it, or it was stopped.
async fn advance(
    tx: &Tx,
    seen: &ResendJob,
    ids: &[DeliveryId],
    is_last: bool,
    now: Timestamp,
) -> Result<Option<Advanced>> {
    // No webhook goes meanwhile: what waits for it would be skipped before it is seen here to wait.
    tx.share_stores(&HashSet::from([&seen.store])).await?;
    let Some(mut job) = hold_job(tx, seen.id).await? else { return Ok(None) };
    if tx.config_version(&job.store).await?.is_none() {
        return Ok(None);
    }
    let mut webhooks = Vec::new();
    if job.state != ResendJobState::Running || job.cursor != seen.cursor {
        return Ok(Some(Advanced { job, webhooks }));
    }
    let wanted: Vec<(&StoreId, DeliveryId)> = ids.iter().map(|id| (&job.store, *id)).collect();
    let mut held = hold(tx, &wanted).await?;
    let there = there(tx, &held.values().filter_map(|held| held.delivery.webhook_id).collect()).await?;
    let erased = erased_of(tx, held.values().map(|held| held.delivery.event_id).collect()).await?;
    let mut asked = Vec::with_capacity(held.len());
    for id in ids {
        let Some(mut found) = held.remove(id) else { continue };
        let Some(webhook) = found.delivery.webhook_id.filter(|webhook| there.contains(webhook)) else {
            continue;
        };
        if !job.filter.matches(&found.delivery) || erased.contains(&found.delivery.event_id) {
            continue;
        }
        resend::ask(&mut found, now)?;
        asked.push(found);
        job.done += 1;
        if !webhooks.contains(&webhook) {
            webhooks.push(webhook);
        }
    }
    update_states(tx, &asked.iter().map(Held::changed).collect::<Vec<_>>()).await?;
    for webhook in &webhooks {
        // Any node may have room for it.
        tx.tell(&format!("due {webhook}")).await?;
    }
    job.cursor = ids.last().copied().or(job.cursor);
    if is_last {
        job.state = ResendJobState::Done;
    }
    write(tx, &job).await?;
    Ok(Some(Advanced { job, webhooks }))
}

/// Those of these webhooks that are not deleted.
async fn there(tx: &Tx, webhooks: &HashSet<WebhookId>) -> Result<HashSet<WebhookId>> {
    let ids: Vec<Uuid> = webhooks.iter().map(|webhook| uuid(webhook.as_bytes())).collect();
    let sql = "SELECT id FROM webhooks WHERE id = ANY($1) AND deleted_at IS NULL";
    Ok(tx.all(sql, &[&ids], |row| id(row, 0, WebhookId::from_bytes)).await?.into_iter().collect())
}

async fn stop(
    tx: &Tx,
    store: &StoreId,
    id: ResendJobId,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<ResendJob>> {
    tx.share_stores(&HashSet::from([store])).await?;
    if tx.config_version(store).await?.is_none() {
        return Ok(None);
    }
    let Some(mut job) = hold_job(tx, id).await?.filter(|job| job.store == *store) else {
        return Ok(None);
    };
    if job.state == ResendJobState::Running {
        job.state = ResendJobState::Stopped;
        write(tx, &job).await?;
        let change = Change::new(AuditAction::ResendJobStopped, Some(store), id, by, now);
        let told = json!({ "done": job.done, "total": job.total });
        audit::write(tx, Change { to: Some(told), ..change }).await?;
    }
    Ok(Some(job))
}

async fn write(tx: &Tx, job: &ResendJob) -> Result<()> {
    let cursor = job.cursor.as_ref().map(|id| uuid(id.as_bytes()));
    tx.execute(
        "UPDATE resend_jobs SET cursor = $2, done = $3, state = $4 WHERE id = $1",
        &[&uuid(job.id.as_bytes()), &cursor, &from_u64(job.done), &job.state.as_str()],
    )
    .await
    .map(drop)
}

async fn find(connection: &Connection, id: ResendJobId) -> Result<Option<ResendJob>> {
    connection.first(select_jobs!("WHERE j.id = $1"), &[&uuid(id.as_bytes())], read).await
}

/// The job as it stands, held to the end of the transaction: it moves by one hand at a time.
async fn hold_job(tx: &Tx, id: ResendJobId) -> Result<Option<ResendJob>> {
    tx.first(select_jobs!("WHERE j.id = $1 FOR UPDATE OF j"), &[&uuid(id.as_bytes())], read).await
}

async fn list(connection: &Connection, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>> {
    let sql = select_jobs!("WHERE j.store_id = $1 ORDER BY j.id DESC LIMIT $2");
    connection.all(sql, &[&store.as_str(), &from_count(limit)], read).await
}

async fn running(connection: &Connection) -> Result<Vec<ResendJob>> {
    connection.all(select_jobs!("WHERE j.state = 'running' ORDER BY j.id"), &[], read).await
}

/// Forgets up to `limit` jobs that ended long ago; answers how many.
pub(super) async fn sweep(tx: &Tx, now: Timestamp, limit: usize) -> Result<usize> {
    tx.execute(
        "DELETE FROM resend_jobs WHERE id = ANY(ARRAY(\
         SELECT id FROM resend_jobs WHERE id < $1 AND state <> 'running' ORDER BY id LIMIT $2 \
         FOR UPDATE SKIP LOCKED))",
        &[&uuid(ResendJobId::first_of(now - RESEND_JOB_LIFETIME).as_bytes()), &from_count(limit)],
    )
    .await
}

fn read(row: &Row) -> Result<ResendJob> {
    Ok(ResendJob {
        id: id(row, 0, ResendJobId::from_bytes)?,
        store: store_id(row, 1)?,
        filter: word(row, 2, "filter of deliveries", read_filter)?,
        up_to: id(row, 3, DeliveryId::from_bytes)?,
        cursor: id_or_none(row, 4, DeliveryId::from_bytes)?,
        total: to_u64(row.try_get(5)?),
        done: to_u64(row.try_get(6)?),
        state: word(row, 7, "state of a job", ResendJobState::parse)?,
        created_at: time(row, 8)?,
    })
}
