//! Resends of all that a filter finds, a batch at a time.
//!
//! What a batch is about is looked up by a reader, so that a filter with rare matches never holds up the
//! writer; the writer looks at each row again.

use async_trait::async_trait;
use bocau_domain::limits::{RESEND_JOB_LIFETIME, RESEND_JOBS_RUNNING_MAX};
use bocau_domain::{Actor, AuditAction, DeliveryId, ResendJobId, ResendJobState, StoreId, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};
use serde_json::json;

use super::audit;
use super::erasure::is_erased;
use super::query::{Query, Walk};
use super::rows::{
    all, delivery_id, first, from_count, from_u64, json_text, only, some, store_id, time, to_u64, word,
};
use super::tx::Tx;
use super::{SqliteStore, resend, results, stores};
use crate::change::Change;
use crate::filter_text::{FilterText, read_filter};
use crate::resend_jobs::{Advanced, NewResendJob, ResendJob, ResendJobs};
use crate::{DeliveryFilter, NotChanged, Result};

#[async_trait]
impl ResendJobs for SqliteStore {
    async fn count_resendable(&self, store: &StoreId, filter: DeliveryFilter) -> Result<u64> {
        let store = store.clone();
        let counted = self.readers.run(move |connection| scope(connection, &store, &filter)).await?;
        Ok(counted.map_or(0, |(_, total)| total))
    }

    async fn create_resend_job(
        &self,
        job: NewResendJob,
        by: &Actor,
    ) -> Result<std::result::Result<ResendJob, NotChanged>> {
        let by = by.clone();
        let look_up = {
            let (store, filter) = (job.store.clone(), job.filter.clone());
            move |connection: &Connection| scope(connection, &store, &filter)
        };
        let Some((up_to, total)) = self.readers.run(look_up).await? else {
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
        self.writer.run(move |tx| create(tx, &job, &by)).await
    }

    async fn advance_resend_job(
        &self,
        id: ResendJobId,
        batch_max: usize,
        now: Timestamp,
    ) -> Result<Option<Advanced>> {
        let found = self.readers.run(move |connection| next_batch(connection, id, batch_max)).await?;
        let Some(Batch { job, ids, is_last }) = found else { return Ok(None) };
        if job.state != ResendJobState::Running {
            return Ok(Some(Advanced { job, webhooks: Vec::new() }));
        }
        self.writer.run(move |tx| advance(tx, &job, &ids, is_last, now)).await
    }

    async fn stop_resend_job(
        &self,
        store: &StoreId,
        id: ResendJobId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<ResendJob>> {
        let (store, by) = (store.clone(), by.clone());
        self.writer.run(move |tx| stop(tx, &store, id, &by, now)).await
    }

    async fn find_resend_job(&self, store: &StoreId, id: ResendJobId) -> Result<Option<ResendJob>> {
        let store = store.clone();
        let found = self.readers.run(move |connection| find(connection, id)).await?;
        Ok(found.filter(|job| job.store == store))
    }

    async fn list_resend_jobs(&self, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>> {
        let store = store.clone();
        self.readers.run(move |connection| list(connection, &store, limit)).await
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJob>> {
        self.readers.run(running).await
    }
}

/// For [`read`]. A job of a store that is being deleted is not there.
macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT j.id, j.store_id, j.filter, j.up_to, j.cursor, j.total, j.done, j.state, j.created_at \
             FROM resend_jobs j JOIN stores s ON s.id = j.store_id AND s.deleted_at IS NULL ",
            $rest
        )
    };
}

/// The newest delivery of a store, and how many up to it can be sent again; `None` where the store is not
/// there.
fn scope(
    connection: &Connection,
    store: &StoreId,
    filter: &DeliveryFilter,
) -> Result<Option<(DeliveryId, u64)>> {
    let snapshot = connection.unchecked_transaction()?;
    if !stores::is_there(&snapshot, store)? {
        return Ok(None);
    }
    let newest = "SELECT id FROM deliveries WHERE store_id = ?1 ORDER BY id DESC LIMIT 1";
    let newest = first(&snapshot, newest, [store.as_str()], |row| delivery_id(row, 0))?;
    let Some(up_to) = newest else { return Ok(Some((DeliveryId::from_bytes([0; 16]), 0))) };
    let Query { sql, values } = Query::of(store, filter, Walk::CountResendable { up_to })?;
    let total: Option<i64> = first(&snapshot, &sql, params_from_iter(values), only)?;
    Ok(Some((up_to, total.map_or(0, to_u64))))
}

fn create(tx: &Tx<'_>, job: &ResendJob, by: &Actor) -> Result<std::result::Result<ResendJob, NotChanged>> {
    if tx.config_version(&job.store)?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    let running: Option<i64> = first(
        tx.connection,
        "SELECT COUNT(*) FROM resend_jobs WHERE state = 'running' AND store_id = ?1",
        [job.store.as_str()],
        only,
    )?;
    if running.unwrap_or(0) >= from_count(RESEND_JOBS_RUNNING_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    let filter = FilterText::from(&job.filter);
    let made = tx.execute(
        "INSERT INTO resend_jobs (id, store_id, filter, up_to, total, done, state, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7) ON CONFLICT DO NOTHING",
        params![
            job.id.as_bytes(),
            job.store.as_str(),
            json_text(&filter)?,
            job.up_to.as_bytes(),
            from_u64(job.total),
            job.state.as_str(),
            job.created_at.as_millis(),
        ],
    )?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    let change = Change::new(AuditAction::ResendJobStarted, Some(&job.store), job.id, by, job.created_at);
    audit::write(tx, Change { to: Some(json!({ "total": job.total, "filter": filter })), ..change })?;
    Ok(Ok(job.clone()))
}

struct Batch {
    job: ResendJob,
    ids: Vec<DeliveryId>,
    is_last: bool,
}

fn next_batch(connection: &Connection, id: ResendJobId, batch_max: usize) -> Result<Option<Batch>> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(job) = find(&snapshot, id)? else { return Ok(None) };
    if job.state != ResendJobState::Running {
        return Ok(Some(Batch { job, ids: Vec::new(), is_last: true }));
    }
    let walk = Walk::Resendable { after: job.cursor, up_to: job.up_to, limit: batch_max.max(1) };
    let Query { sql, values } = Query::of(&job.store, &job.filter, walk)?;
    let ids = all(&snapshot, &sql, params_from_iter(values), |row| delivery_id(row, 0))?;
    let is_last = ids.len() < batch_max.max(1);
    Ok(Some(Batch { job, ids, is_last }))
}

/// Nothing happens where the job has moved since the batch was looked up: another call has taken it, or it
/// was stopped.
fn advance(
    tx: &Tx<'_>,
    seen: &ResendJob,
    ids: &[DeliveryId],
    is_last: bool,
    now: Timestamp,
) -> Result<Option<Advanced>> {
    let Some(mut job) = find(tx.connection, seen.id)? else { return Ok(None) };
    let mut webhooks = Vec::new();
    if job.state != ResendJobState::Running || job.cursor != seen.cursor {
        return Ok(Some(Advanced { job, webhooks }));
    }
    for id in ids {
        let Some(mut delivery) = results::find_in(tx, &job.store, *id)? else { continue };
        let Some(webhook) = delivery.webhook_id else { continue };
        if !job.filter.matches(&delivery) || resend::is_deleted(tx, webhook)? {
            continue;
        }
        if is_erased(tx, delivery.event_id)? {
            continue;
        }
        resend::ask(tx, &job.store, &mut delivery, now)?;
        job.done += 1;
        if !webhooks.contains(&webhook) {
            webhooks.push(webhook);
        }
    }
    job.cursor = ids.last().copied().or(job.cursor);
    if is_last {
        job.state = ResendJobState::Done;
    }
    write(tx, &job)?;
    Ok(Some(Advanced { job, webhooks }))
}

fn stop(
    tx: &Tx<'_>,
    store: &StoreId,
    id: ResendJobId,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<ResendJob>> {
    let Some(mut job) = find(tx.connection, id)?.filter(|job| job.store == *store) else {
        return Ok(None);
    };
    if job.state == ResendJobState::Running {
        job.state = ResendJobState::Stopped;
        write(tx, &job)?;
        let change = Change::new(AuditAction::ResendJobStopped, Some(store), id, by, now);
        audit::write(tx, Change { to: Some(json!({ "done": job.done, "total": job.total })), ..change })?;
    }
    Ok(Some(job))
}

fn write(tx: &Tx<'_>, job: &ResendJob) -> Result<()> {
    let cursor = job.cursor.as_ref().map(|id| *id.as_bytes());
    let sql = "UPDATE resend_jobs SET cursor = ?2, done = ?3, state = ?4 WHERE id = ?1";
    tx.execute(sql, params![job.id.as_bytes(), cursor, from_u64(job.done), job.state.as_str()]).map(drop)
}

fn find(connection: &Connection, id: ResendJobId) -> Result<Option<ResendJob>> {
    first(connection, select_jobs!("WHERE j.id = ?1"), [id.as_bytes()], read)
}

fn list(connection: &Connection, store: &StoreId, limit: usize) -> Result<Vec<ResendJob>> {
    let sql = select_jobs!("WHERE j.store_id = ?1 ORDER BY j.id DESC LIMIT ?2");
    all(connection, sql, params![store.as_str(), from_count(limit)], read)
}

fn running(connection: &Connection) -> Result<Vec<ResendJob>> {
    all(connection, select_jobs!("WHERE j.state = 'running' ORDER BY j.id"), [], read)
}

/// Forgets up to `limit` jobs that ended long ago; answers how many.
pub(super) fn sweep(tx: &Tx<'_>, now: Timestamp, limit: usize) -> Result<usize> {
    tx.execute(
        "DELETE FROM resend_jobs WHERE id IN \
         (SELECT id FROM resend_jobs WHERE id < ?1 AND state <> 'running' ORDER BY id LIMIT ?2)",
        params![ResendJobId::first_of(now - RESEND_JOB_LIFETIME).as_bytes(), from_count(limit)],
    )
}

fn read(row: &Row<'_>) -> Result<ResendJob> {
    Ok(ResendJob {
        id: ResendJobId::from_bytes(row.get(0)?),
        store: store_id(row, 1)?,
        filter: word(row, 2, "filter of deliveries", read_filter)?,
        up_to: delivery_id(row, 3)?,
        cursor: some(row, 4, delivery_id)?,
        total: to_u64(row.get(5)?),
        done: to_u64(row.get(6)?),
        state: word(row, 7, "state of a job", ResendJobState::parse)?,
        created_at: time(row, 8)?,
    })
}
