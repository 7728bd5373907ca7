//! How a store leaves this database for another of several, and what stays behind.
//!
//! While it drains, nothing new begins: no events, no claims, no changes. Results of attempts that were in flight are
//! still taken. Once it is away nothing at all is written for it. Whoever read how it stands before that was changed
//! is waited for ([`PostgresStore::outlast`]), so that no transaction acts on what is no more.

use std::time::Duration;

use bocau_domain::{StoreId, Timestamp, WebhookId};

use super::rows::{id, only, to_u64, word};
use super::sweep::sweep_rows;
use super::tx::{Result, Tx};
use super::{PostgresStore, claims, transact};
use crate::claims::ClaimRequest;
use crate::{SWEEP_BATCH, StoreError};

/// Between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Transactions end within this: no statement lasts longer, nor does one wait longer for the next.
const OUTLAST_MAX: Duration = Duration::from_secs(80);
/// Lapsed claims of a webhook that one call ends.
const LAPSED_BATCH: usize = 100;

/// How a store stands in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is here.
    Here,
    /// It is here, and nothing of it begins any more.
    Draining,
    /// Nothing is written for it: its rows are elsewhere, or about to be, or have not all come.
    Away,
}

impl Standing {
    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Here => None,
            Self::Draining => Some("draining"),
            Self::Away => Some("away"),
        }
    }
}

impl PostgresStore {
    /// How a store stands here; `None` where there is no row of it.
    pub(crate) async fn standing(&self, store: &StoreId) -> crate::Result<Option<Standing>> {
        let sql = "SELECT coalesce(standing, 'here'), deleted_at IS NOT NULL FROM stores WHERE id = $1";
        let read = |row: &tokio_postgres::Row| {
            let all = [Standing::Here, Standing::Draining, Standing::Away];
            let standing = word(row, 0, "standing", |text| {
                all.into_iter().find(|standing| standing.as_str().unwrap_or("here") == text)
            })?;
            Ok((standing, row.try_get::<_, bool>(1)?))
        };
        match self.urgent().await?.first(sql, &[&store.as_str()], read).await? {
            Some((_, true)) => Err(StoreError::Refused(format!("{store} is being deleted"))),
            found => Ok(found.map(|(standing, _)| standing)),
        }
    }

    /// Lets nobody who is on the way with a store arrive here any more: whoever began before must begin again.
    /// Answers how the store stands here then; it may have arrived the moment before.
    pub(crate) async fn refuse_arrival(&self, store: &StoreId) -> crate::Result<Option<Standing>> {
        // Waits for an arrival that is being committed.
        let sql = "UPDATE stores SET config_version = config_version + 1 \
                   WHERE id = $1 AND standing = 'away' AND deleted_at IS NULL";
        let refused: crate::Result<()> = transact!(self, |tx| {
            tx.lock_store(store).await?;
            tx.execute(sql, &[&store.as_str()]).await.map(drop)
        });
        refused?;
        self.standing(store).await
    }

    /// Changes how a store stands here, and waits for those who act on how it stood.
    pub(crate) async fn set_standing(&self, store: &StoreId, standing: Standing) -> crate::Result<()> {
        let set: crate::Result<()> = transact!(self, |tx| set_standing(&tx, store, standing).await);
        set?;
        self.outlast().await
    }

    /// Waits until every transaction of a node has ended that began before now.
    async fn outlast(&self) -> crate::Result<()> {
        let connection = self.urgent().await?;
        let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let now = connection.first(now, &[], only::<i64>).await?.unwrap_or(i64::MAX);
        // A copy for a backup begins early and lasts long, and writes nothing.
        let older = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
                     AND application_name <> 'pg_dump' AND extract(epoch FROM xact_start) * 1000000 <= $1::bigint";
        let mut waited = Duration::ZERO;
        while connection.first(older, &[&now], only::<i64>).await?.unwrap_or(0) > 0 {
            if waited > OUTLAST_MAX {
                return Err(StoreError::Unavailable(
                    "somebody has had a transaction open for more than a minute; see pg_stat_activity".into(),
                ));
            }
            pause(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
        Ok(())
    }

    /// Ends the claims of a draining store that have lapsed; answers how many deliveries are claimed still.
    pub(crate) async fn end_claims(&self, store: &StoreId, now: Timestamp) -> crate::Result<u64> {
        transact!(self, |tx| end_claims(&tx, store, now).await)
    }

    /// Notes that the rows of a store that is away may be removed, once nobody looks for it here any more.
    pub(crate) async fn note_left(&self, store: &StoreId) -> crate::Result<()> {
        let sql = "INSERT INTO leftovers (store_id, since) \
                   SELECT id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM stores \
                   WHERE id = $1 AND standing = 'away' ON CONFLICT DO NOTHING";
        transact!(self, |tx| tx.execute(sql, &[&store.as_str()]).await.map(drop))
    }

    /// Removes all rows of a store that is away, at once.
    pub(crate) async fn remove_left(&self, store: &StoreId) -> crate::Result<()> {
        loop {
            let is_done: bool = transact!(self, |tx| {
                let mut left = SWEEP_BATCH;
                sweep_rows(&tx, store.as_str(), &mut left).await?;
                if left > 0 {
                    let sql = "DELETE FROM leftovers WHERE store_id = $1";
                    tx.execute(sql, &[&store.as_str()]).await?;
                }
                Ok(left > 0)
            })?;
            if is_done {
                return Ok(());
            }
        }
    }
}

async fn set_standing(tx: &Tx, store: &StoreId, standing: Standing) -> Result<()> {
    tx.lock_store(store).await?;
    let sql = "UPDATE stores SET standing = $2 WHERE id = $1 AND deleted_at IS NULL";
    if tx.execute(sql, &[&store.as_str(), &standing.as_str()]).await? == 0 {
        return Err(StoreError::Refused(format!("{store} is not there any more")).into());
    }
    // What was left of it here, if ever, was before.
    tx.execute("DELETE FROM leftovers WHERE store_id = $1", &[&store.as_str()]).await?;
    tx.bump_config(store).await
}

async fn end_claims(tx: &Tx, store: &StoreId, now: Timestamp) -> Result<u64> {
    let webhooks = "SELECT DISTINCT webhook_id FROM deliveries WHERE store_id = $1 AND webhook_id = \
                    ANY(ARRAY(SELECT id FROM webhooks WHERE store_id = $1)) \
                    AND due_at IS NOT NULL AND claimed_until IS NOT NULL AND due_at <= $2";
    let lapsed = tx
        .all(webhooks, &[&store.as_str(), &now.as_millis()], |row| id(row, 0, WebhookId::from_bytes))
        .await?;
    // Nothing of it may be claimed, so this ends what has lapsed and does no more.
    let wants = lapsed.into_iter().map(|webhook| (webhook, LAPSED_BATCH)).collect();
    claims::claim(tx, &ClaimRequest { now, lease: Duration::ZERO, wants, bytes_max: 0 }).await?;
    let open = "SELECT count(*) FROM deliveries WHERE store_id = $1 AND webhook_id = \
                ANY(ARRAY(SELECT id FROM webhooks WHERE store_id = $1)) \
                AND due_at IS NOT NULL AND claimed_until IS NOT NULL";
    Ok(to_u64(tx.first(open, &[&store.as_str()], only::<i64>).await?.unwrap_or(0)))
}

#[expect(clippy::disallowed_methods, reason = "waits for other processes, which can only be asked")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
