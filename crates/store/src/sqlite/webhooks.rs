//! Webhooks, with what is secret about them sealed.

use std::time::Duration;

use bocau_domain::limits::WEBHOOKS_PER_STORE_MAX;
use bocau_domain::{
    Actor, AuditAction, PolicyOverrides, Reason, StoreId, Timestamp, Webhook, WebhookChange, WebhookId,
    WebhookUrl,
};
use rusqlite::{Connection, Row, named_params, params};
use serde_json::json;

use super::audit;
use super::rows::{
    all, first, from_count, millis, only, store_id, time, time_or_none, to_u64, word, word_or_none,
};
use super::skipping::{Skip, skip_some};
use super::tx::Tx;
use crate::change::Change;
use crate::seal::Sealer;
use crate::webhook_kept::{Kept, open_headers, open_secrets, read_patterns, read_schedule};
use crate::{NotChanged, Result, Routes, SKIP_BATCH, WebhookChanged, webhook_told};

/// For [`read`].
macro_rules! webhook_columns {
    () => {
        "id, store_id, url, enabled, disabled_reason, created_at, updated_at, events, description, max_attempts, \
         interval_ms, schedule_ms, timeout_ms, secret, previous_secret, previous_secret_until, headers"
    };
}

pub(super) fn create(
    tx: &Tx<'_>,
    webhook: &Webhook,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    if tx.config_version(&webhook.store)?.is_none() {
        return Ok(Err(NotChanged::NotFound));
    }
    if tx
        .connection
        .prepare_cached("SELECT 1 FROM webhooks WHERE id = ?1")?
        .exists([webhook.id.as_bytes()])?
    {
        return Ok(Err(NotChanged::Taken));
    }
    let count: i64 = tx
        .connection
        .prepare_cached("SELECT COUNT(*) FROM webhooks WHERE store_id = ?1 AND deleted_at IS NULL")?
        .query_row([webhook.store.as_str()], |row| row.get(0))?;
    if count >= from_count(WEBHOOKS_PER_STORE_MAX) {
        return Ok(Err(NotChanged::TooMany));
    }
    tx.execute(
        "INSERT INTO webhooks (id, store_id, created_at, url, enabled, updated_at, events, description) \
         VALUES (?1, ?2, ?3, '', 0, 0, '[]', '')",
        params![webhook.id.as_bytes(), webhook.store.as_str(), webhook.created_at.as_millis()],
    )?;
    write(tx, webhook)?;
    tx.bump_config(&webhook.store)?;
    audit::write(tx, webhook_told::created(webhook, by))?;
    Ok(Ok(()))
}

/// The webhooks and the version they make up, of one moment.
pub(super) fn routes(connection: &Connection, sealer: &Sealer, store: &StoreId) -> Result<Option<Routes>> {
    let snapshot = connection.unchecked_transaction()?;
    let version = first(
        &snapshot,
        "SELECT config_version FROM stores WHERE id = ?1 AND deleted_at IS NULL",
        [store.as_str()],
        only::<i64>,
    )?;
    let Some(version) = version else { return Ok(None) };
    let webhooks = all(
        &snapshot,
        concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks WHERE store_id = ?1 AND deleted_at IS NULL ORDER BY id"
        ),
        [store.as_str()],
        |row| read(row, sealer),
    )?;
    Ok(Some(Routes { config_version: to_u64(version), webhooks, is_moving: false }))
}

pub(super) fn change(
    tx: &Tx<'_>,
    store: &StoreId,
    id: WebhookId,
    change: &WebhookChange,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<WebhookChanged>> {
    let Some(webhook) = find(tx, store, id)? else { return Ok(None) };
    let before = webhook.clone();
    let webhook = webhook.changed(change.clone(), now);
    write(tx, &webhook)?;
    tx.bump_config(store)?;
    for change in webhook_told::changed(&before, &webhook, change.secret.is_some(), by) {
        audit::write(tx, change)?;
    }
    let skipped = if change.enabled == Some(false) {
        skip_some(tx, id, Skip::Disabled(Reason::WebhookDisabled), SKIP_BATCH)?
    } else {
        0
    };
    Ok(Some(WebhookChanged { webhook, skipped }))
}

/// The row stays for the URL, which the history shows.
pub(super) fn delete(
    tx: &Tx<'_>,
    store: &StoreId,
    id: WebhookId,
    by: &Actor,
    now: Timestamp,
) -> Result<bool> {
    if tx.config_version(store)?.is_none() {
        return Ok(false);
    }
    // Not the whole webhook: one whose secrets cannot be read can still be deleted.
    let url: Option<String> =
        first(tx.connection, "SELECT url FROM webhooks WHERE id = ?1", [id.as_bytes()], only)?;
    let deleted = tx.execute(
        "UPDATE webhooks SET deleted_at = ?3, enabled = 0, updated_at = ?3, description = '', secret = NULL, \
         previous_secret = NULL, previous_secret_until = NULL, headers = NULL \
         WHERE store_id = ?1 AND id = ?2 AND deleted_at IS NULL",
        params![store.as_str(), id.as_bytes(), now.as_millis()],
    )?;
    if deleted == 0 {
        return Ok(false);
    }
    tx.bump_config(store)?;
    audit::write(
        tx,
        Change {
            from: Some(json!({ "url": url })),
            ..Change::new(AuditAction::WebhookDeleted, Some(store), id, by, now)
        },
    )?;
    skip_some(tx, id, Skip::Deleted, SKIP_BATCH)?;
    Ok(true)
}

fn find(tx: &Tx<'_>, store: &StoreId, id: WebhookId) -> Result<Option<Webhook>> {
    if tx.config_version(store)?.is_none() {
        return Ok(None);
    }
    first(
        tx.connection,
        concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks WHERE id = ?1 AND store_id = ?2 AND deleted_at IS NULL"
        ),
        params![id.as_bytes(), store.as_str()],
        |row| read(row, tx.sealer),
    )
}

/// Writes everything that can change.
fn write(tx: &Tx<'_>, webhook: &Webhook) -> Result<()> {
    let policy = &webhook.policy;
    let kept = Kept::of(webhook, tx.sealer)?;
    let previous = webhook.secrets.previous.as_ref();
    tx.execute(
        "UPDATE webhooks SET url = :url, enabled = :enabled, disabled_reason = :reason, updated_at = :updated_at, \
         events = :events, description = :description, max_attempts = :max_attempts, interval_ms = :interval, \
         schedule_ms = :schedule, timeout_ms = :timeout, secret = :secret, previous_secret = :previous, \
         previous_secret_until = :previous_until, headers = :headers WHERE id = :id",
        named_params! {
            ":id": webhook.id.as_bytes(),
            ":url": webhook.url.as_str(),
            ":enabled": webhook.enabled,
            ":reason": webhook.disabled_reason.map(Reason::as_str),
            ":updated_at": webhook.updated_at.as_millis(),
            ":events": kept.events,
            ":description": webhook.description,
            ":max_attempts": policy.max_attempts,
            ":interval": policy.interval.map(millis),
            ":schedule": kept.schedule,
            ":timeout": policy.timeout.map(millis),
            ":secret": kept.secret,
            ":previous": kept.previous_secret,
            ":previous_until": previous.map(|(_, until)| until.as_millis()),
            ":headers": kept.headers,
        },
    )?;
    Ok(())
}

/// Reads [`webhook_columns`] of a webhook that is not deleted.
fn read(row: &Row<'_>, sealer: &Sealer) -> Result<Webhook> {
    let id = WebhookId::from_bytes(row.get(0)?);
    let span = |column| -> Result<Option<Duration>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|millis| Duration::from_millis(to_u64(millis))))
    };
    let (secret, previous): (Vec<u8>, Option<Vec<u8>>) = (row.get(13)?, row.get(14)?);
    let previous = (previous.as_deref(), time_or_none(row, 15)?);
    Ok(Webhook {
        id,
        store: store_id(row, 1)?,
        url: word(row, 2, "URL", |text| WebhookUrl::from_stored(text).ok())?,
        enabled: row.get(3)?,
        disabled_reason: word_or_none(row, 4, "reason", Reason::parse)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        events: word(row, 7, "list of event types", read_patterns)?,
        description: row.get(8)?,
        policy: PolicyOverrides {
            max_attempts: row.get(9)?,
            interval: span(10)?,
            schedule: word_or_none(row, 11, "list of waits", read_schedule)?,
            timeout: span(12)?,
        },
        secrets: open_secrets(sealer, id, &secret, previous)?,
        headers: open_headers(sealer, id, &row.get::<_, Vec<u8>>(16)?)?,
    })
}
