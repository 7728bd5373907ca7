//! Webhooks, with what is secret about them sealed.

use std::time::Duration;

use bocau_domain::limits::WEBHOOKS_PER_STORE_MAX;
use bocau_domain::{
    Actor, AuditAction, CustomHeader, EventPattern, PolicyOverrides, Reason, SigningSecret, SigningSecrets,
    StoreId, Timestamp, Webhook, WebhookChange, WebhookId, WebhookUrl,
};
use rusqlite::{Connection, Row, named_params, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use zeroize::Zeroizing;

use super::audit::{self, Change};
use super::rows::{
    all, first, from_count, json_text, millis, only, store_id, time, time_or_none, to_u64, unreadable, word,
    word_or_none,
};
use super::skipping::{Skip, skip_some};
use super::tx::Tx;
use super::webhook_audit;
use crate::seal::Sealer;
use crate::{NotChanged, Result, Routes, SKIP_BATCH, StoreError, WebhookChanged};

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
    webhook_audit::created(tx, webhook, by)?;
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
    Ok(Some(Routes { config_version: to_u64(version), webhooks }))
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
    webhook_audit::changed(tx, &before, &webhook, change.secret.is_some(), by)?;
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
    let events: Vec<String> = webhook.events.iter().map(ToString::to_string).collect();
    let schedule: Option<Vec<i64>> =
        policy.schedule.as_ref().map(|waits| waits.iter().copied().map(millis).collect());
    let place = Place(webhook.id);
    let seal_secret = |what, secret: &SigningSecret| tx.sealer.seal(&place.of(what), secret.expose_bytes());
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
            ":events": json_text(&events)?,
            ":description": webhook.description,
            ":max_attempts": policy.max_attempts,
            ":interval": policy.interval.map(millis),
            ":schedule": schedule.map(|waits| json_text(&waits)).transpose()?,
            ":timeout": policy.timeout.map(millis),
            ":secret": seal_secret("secret", &webhook.secrets.current),
            ":previous": previous.map(|(secret, _)| seal_secret("previous_secret", secret)),
            ":previous_until": previous.map(|(_, until)| until.as_millis()),
            ":headers": seal_headers(tx.sealer, place, &webhook.headers)?,
        },
    )?;
    Ok(())
}

/// Reads [`webhook_columns`] of a webhook that is not deleted.
fn read(row: &Row<'_>, sealer: &Sealer) -> Result<Webhook> {
    let id = WebhookId::from_bytes(row.get(0)?);
    let place = Place(id);
    let span = |column| -> Result<Option<Duration>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|millis| Duration::from_millis(to_u64(millis))))
    };
    let previous = match (row.get::<_, Option<Vec<u8>>>(14)?, time_or_none(row, 15)?) {
        (Some(value), Some(until)) => {
            Some((open_secret(sealer, &place.of("previous_secret"), &value)?, until))
        }
        _ => None,
    };
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
        secrets: SigningSecrets {
            current: open_secret(sealer, &place.of("secret"), &row.get::<_, Vec<u8>>(13)?)?,
            previous,
        },
        headers: open_headers(sealer, place, &row.get::<_, Vec<u8>>(16)?)?,
    })
}

fn read_patterns(text: &str) -> Option<Vec<EventPattern>> {
    let patterns: Vec<String> = serde_json::from_str(text).ok()?;
    patterns.iter().map(|pattern| EventPattern::from_stored(pattern)).collect()
}

fn read_schedule(text: &str) -> Option<Vec<Duration>> {
    let waits: Vec<u64> = serde_json::from_str(text).ok()?;
    Some(waits.into_iter().map(Duration::from_millis).collect())
}

/// Where a sealed value of a webhook lies.
#[derive(Clone, Copy)]
struct Place(WebhookId);

impl Place {
    fn of(self, what: &str) -> String {
        format!("webhook/{}/{what}", self.0)
    }
}

fn open_secret(sealer: &Sealer, place: &str, value: &[u8]) -> Result<SigningSecret> {
    let bytes = sealer.open(place, value)?;
    SigningSecret::from_bytes(bytes.to_vec()).map_err(|_| unreadable("signing secret", place))
}

/// The whole list is sealed, the names too: which headers a receiver asks for is nobody's business.
fn seal_headers(sealer: &Sealer, place: Place, headers: &[CustomHeader]) -> Result<Vec<u8>> {
    let list: Vec<(&str, &str)> =
        headers.iter().map(|header| (header.name.as_str(), header.value.expose_secret())).collect();
    let text = Zeroizing::new(json_text(&list)?);
    Ok(sealer.seal(&place.of("headers"), text.as_bytes()))
}

fn open_headers(sealer: &Sealer, place: Place, value: &[u8]) -> Result<Vec<CustomHeader>> {
    let place = place.of("headers");
    let text = sealer.open(&place, value)?;
    let list: Vec<(String, SecretText)> = serde_json::from_slice(&text)
        .map_err(|_| StoreError::Corrupt(format!("{place} is no list of headers")))?;
    Ok(list.into_iter().map(|(name, SecretText(value))| CustomHeader { name, value }).collect())
}

/// A text that goes from JSON straight into a [`SecretString`].
struct SecretText(SecretString);

impl<'de> serde::Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}
