//! Webhooks, with what is secret about them sealed.

use std::time::Duration;

use bocau_domain::limits::WEBHOOKS_PER_STORE_MAX;
use bocau_domain::{
    Actor, AuditAction, PolicyOverrides, Reason, StoreId, Timestamp, Webhook, WebhookChange, WebhookId,
    WebhookUrl,
};
use serde_json::json;
use tokio_postgres::Row;

use super::audit;
use super::rows::{
    from_count, id, id_or_none, millis, only, store_id, time, time_or_none, to_i32, to_u32, to_u64, uuid,
    word, word_or_none,
};
use super::skipping::{Skip, skip_some};
use super::tx::{Connection, Result, Tx};
use crate::change::Change;
use crate::seal::Sealer;
use crate::webhook_kept::{Kept, open_headers, open_secrets, read_patterns, read_schedule};
use crate::{NotChanged, Routes, SKIP_BATCH, WebhookChanged, webhook_told};

/// For [`read`].
macro_rules! webhook_columns {
    () => {
        "w.id, w.store_id, w.url, w.enabled, w.disabled_reason, w.created_at, w.updated_at, w.events, \
         w.description, w.max_attempts, w.interval_ms, w.schedule_ms, w.timeout_ms, w.secret, w.previous_secret, \
         w.previous_secret_until, w.headers"
    };
}
/// How many they are.
const WEBHOOK_COLUMN_COUNT: usize = 17;

pub(super) async fn create(
    tx: &Tx,
    webhook: &Webhook,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    tx.lock_store(&webhook.store).await?;
    if tx.config_version(&webhook.store).await?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    let id = uuid(webhook.id.as_bytes());
    if tx.exists("SELECT 1 FROM webhooks WHERE id = $1", &[&id]).await? {
        return Ok(Err(NotChanged::Taken));
    }
    let sql = "SELECT COUNT(*) FROM webhooks WHERE store_id = $1 AND deleted_at IS NULL";
    let count = tx.first(sql, &[&webhook.store.as_str()], only::<i64>).await?;
    if count.unwrap_or(0) >= from_count(WEBHOOKS_PER_STORE_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    // The id is one for all stores, and another's may be taking it at this moment.
    let made = tx
        .execute(
            "INSERT INTO webhooks (id, store_id, created_at, url, enabled, updated_at, events, description) \
             VALUES ($1, $2, $3, '', FALSE, 0, '[]', '') ON CONFLICT DO NOTHING",
            &[&id, &webhook.store.as_str(), &webhook.created_at.as_millis()],
        )
        .await?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    write(tx, webhook).await?;
    tx.bump_config(&webhook.store).await?;
    audit::write(tx, webhook_told::created(webhook, by)).await?;
    Ok(Ok(()))
}

/// The webhooks and the version they make up, of one moment: that of the one statement.
pub(super) async fn routes(
    connection: &Connection,
    sealer: &Sealer,
    store: &StoreId,
) -> Result<Option<Routes>> {
    let sql = concat!(
        "SELECT ",
        webhook_columns!(),
        ", s.config_version, s.standing IS NOT NULL FROM stores s LEFT JOIN webhooks w ON w.store_id = s.id AND w.deleted_at IS NULL \
         WHERE s.id = $1 AND s.deleted_at IS NULL ORDER BY w.id"
    );
    let found = connection
        .all(sql, &[&store.as_str()], |row| {
            let version = to_u64(row.try_get(WEBHOOK_COLUMN_COUNT)?);
            let id = id_or_none(row, 0, WebhookId::from_bytes)?;
            let is_moving: bool = row.try_get(WEBHOOK_COLUMN_COUNT + 1)?;
            Ok((version, is_moving, id.map(|_| read(row, sealer)).transpose()?))
        })
        .await?;
    let Some((config_version, is_moving, _)) = found.first() else { return Ok(None) };
    let (config_version, is_moving) = (*config_version, *is_moving);
    let webhooks = found.into_iter().filter_map(|(_, _, webhook)| webhook).collect();
    Ok(Some(Routes { config_version, webhooks, is_moving }))
}

pub(super) async fn change(
    tx: &Tx,
    store: &StoreId,
    id: WebhookId,
    change: &WebhookChange,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<WebhookChanged>> {
    tx.lock_store(store).await?;
    let Some(webhook) = find(tx, store, id).await? else { return Ok(None) };
    let before = webhook.clone();
    let webhook = webhook.changed(change.clone(), now);
    write(tx, &webhook).await?;
    tx.bump_config(store).await?;
    for change in webhook_told::changed(&before, &webhook, change.secret.is_some(), by) {
        audit::write(tx, change).await?;
    }
    let skipped = if change.enabled == Some(false) {
        skip_some(tx, id, Skip::Disabled(Reason::WebhookDisabled), SKIP_BATCH).await?
    } else {
        0
    };
    Ok(Some(WebhookChanged { webhook, skipped }))
}

/// The row stays for the URL, which the history shows.
pub(super) async fn delete(
    tx: &Tx,
    store: &StoreId,
    id: WebhookId,
    by: &Actor,
    now: Timestamp,
) -> Result<bool> {
    tx.lock_store(store).await?;
    if tx.config_version(store).await?.is_none() {
        return Ok(false);
    }
    // Not the whole webhook: one whose secrets cannot be read can still be deleted.
    let url = tx
        .first(
            "UPDATE webhooks SET deleted_at = $3, enabled = FALSE, updated_at = $3, description = '', \
             secret = NULL, previous_secret = NULL, previous_secret_until = NULL, headers = NULL \
             WHERE store_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING url",
            &[&store.as_str(), &uuid(id.as_bytes()), &now.as_millis()],
            only::<String>,
        )
        .await?;
    let Some(url) = url else { return Ok(false) };
    tx.bump_config(store).await?;
    let change = Change {
        from: Some(json!({ "url": url })),
        ..Change::new(AuditAction::WebhookDeleted, Some(store), id, by, now)
    };
    audit::write(tx, change).await?;
    skip_some(tx, id, Skip::Deleted, SKIP_BATCH).await?;
    Ok(true)
}

async fn find(tx: &Tx, store: &StoreId, id: WebhookId) -> Result<Option<Webhook>> {
    if tx.config_version(store).await?.is_none() {
        return Ok(None);
    }
    let sql = concat!(
        "SELECT ",
        webhook_columns!(),
        " FROM webhooks w WHERE w.id = $1 AND w.store_id = $2 AND w.deleted_at IS NULL"
    );
    tx.first(sql, &[&uuid(id.as_bytes()), &store.as_str()], |row| read(row, &tx.sealer)).await
}

/// Writes everything that can change.
async fn write(tx: &Tx, webhook: &Webhook) -> Result<()> {
    let policy = &webhook.policy;
    let kept = Kept::of(webhook, &tx.sealer)?;
    tx.execute(
        "UPDATE webhooks SET url = $2, enabled = $3, disabled_reason = $4, updated_at = $5, events = $6, \
         description = $7, max_attempts = $8, interval_ms = $9, schedule_ms = $10, timeout_ms = $11, secret = $12, \
         previous_secret = $13, previous_secret_until = $14, headers = $15 WHERE id = $1",
        &[
            &uuid(webhook.id.as_bytes()),
            &webhook.url.as_str(),
            &webhook.enabled,
            &webhook.disabled_reason.map(Reason::as_str),
            &webhook.updated_at.as_millis(),
            &kept.events,
            &webhook.description,
            &policy.max_attempts.map(to_i32),
            &policy.interval.map(millis),
            &kept.schedule,
            &policy.timeout.map(millis),
            &kept.secret,
            &kept.previous_secret,
            &webhook.secrets.previous.as_ref().map(|(_, until)| until.as_millis()),
            &kept.headers,
        ],
    )
    .await
    .map(drop)
}

/// Reads [`webhook_columns`] of a webhook that is not deleted.
fn read(row: &Row, sealer: &Sealer) -> Result<Webhook> {
    let id = id(row, 0, WebhookId::from_bytes)?;
    let span = |column: usize| -> Result<Option<Duration>> {
        Ok(row.try_get::<_, Option<i64>>(column)?.map(|millis| Duration::from_millis(to_u64(millis))))
    };
    let previous = (row.try_get(14)?, time_or_none(row, 15)?);
    Ok(Webhook {
        id,
        store: store_id(row, 1)?,
        url: word(row, 2, "URL", |text| WebhookUrl::from_stored(text).ok())?,
        enabled: row.try_get(3)?,
        disabled_reason: word_or_none(row, 4, "reason", Reason::parse)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        events: word(row, 7, "list of event types", read_patterns)?,
        description: row.try_get(8)?,
        policy: PolicyOverrides {
            max_attempts: row.try_get::<_, Option<i32>>(9)?.map(to_u32),
            interval: span(10)?,
            schedule: word_or_none(row, 11, "list of waits", read_schedule)?,
            timeout: span(12)?,
        },
        secrets: open_secrets(sealer, id, row.try_get(13)?, previous)?,
        headers: open_headers(sealer, id, row.try_get(16)?)?,
    })
}
