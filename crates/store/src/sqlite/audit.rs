//! The audit log: entries written with the changes they tell of, and the list of them. What changed is sealed:
//! the names of a webhook's headers are in it, and those are nobody's business.

use std::cmp::Reverse;
use std::fmt::Display;

use async_trait::async_trait;
use bocau_domain::{
    Actor, ActorKind, ApiKeyId, AuditAction, AuditEntry, AuditId, Email, StoreId, Timestamp, UserId,
};
use rusqlite::{Connection, Row, params};
use serde_json::Value;

use super::SqliteStore;
use super::rows::{all, from_count, json_text, some, store_id, time, unreadable, word};
use super::tx::Tx;
use crate::audit::{Audit, AuditNote};
use crate::seal::Sealer;
use crate::{Page, Result};

#[async_trait]
impl Audit for SqliteStore {
    async fn note_audit(&self, note: AuditNote) -> Result<()> {
        let AuditNote { at, actor, action, store, subject } = note;
        self.writer.run(move |tx| write(tx, Change::new(action, store.as_ref(), &subject, &actor, at))).await
    }

    async fn list_audit(&self, stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>> {
        let sealer = self.sealer.clone();
        self.readers.run(move |connection| list(connection, &sealer, stores.as_deref(), page)).await
    }
}

/// A change that an entry tells of.
pub(super) struct Change<'a> {
    pub(super) action: AuditAction,
    pub(super) store: Option<&'a StoreId>,
    pub(super) subject: String,
    pub(super) by: &'a Actor,
    pub(super) at: Timestamp,
    /// What changed, before and after; objects.
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
}

impl<'a> Change<'a> {
    pub(super) fn new(
        action: AuditAction,
        store: Option<&'a StoreId>,
        subject: impl Display,
        by: &'a Actor,
        at: Timestamp,
    ) -> Self {
        Self { action, store, subject: subject.to_string(), by, at, from: None, to: None }
    }
}

/// Writes the entry of a change made in this transaction.
pub(super) fn write(tx: &Tx<'_>, change: Change<'_>) -> Result<()> {
    let text = |value: Option<Value>| value.map(|value| json_text(&value)).transpose();
    let entry = AuditEntry {
        id: tx.audit_ids.next(change.at),
        at: change.at,
        actor: change.by.clone(),
        action: change.action,
        store: change.store.cloned(),
        subject: change.subject,
        from: text(change.from)?,
        to: text(change.to)?,
    };
    insert(tx, &entry)
}

/// A moment inside an entry, as it is on the wire.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.as_millis().to_string(), |at| format!("{at:.3}"))
}

/// Reads what [`moment`] writes.
pub(super) fn read_moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

fn insert(tx: &Tx<'_>, entry: &AuditEntry) -> Result<()> {
    let actor_id = match &entry.actor {
        Actor::Key { id, .. } => Some(*id.as_bytes()),
        Actor::User { id, .. } => Some(*id.as_bytes()),
        Actor::System | Actor::Portal { .. } => None,
    };
    let seal = |what, text: Option<&str>| {
        text.map(|text| tx.sealer.seal(&place_of(entry.id, what), text.as_bytes()))
    };
    tx.execute(
        "INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, store_id, subject, before, after) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            entry.id.as_bytes(),
            entry.at.as_millis(),
            entry.actor.kind().as_str(),
            actor_id,
            entry.actor.name(),
            entry.action.as_str(),
            entry.store.as_ref().map(StoreId::as_str),
            entry.subject,
            seal("from", entry.from.as_deref()),
            seal("to", entry.to.as_deref()),
        ],
    )?;
    Ok(())
}

/// For [`read`].
macro_rules! columns {
    () => {
        "a.id, a.at, a.actor_kind, a.actor_id, a.actor_name, a.action, a.store_id, a.subject, a.before, a.after"
    };
}

fn list(
    connection: &Connection,
    sealer: &Sealer,
    stores: Option<&[StoreId]>,
    page: Page<AuditId>,
) -> Result<Vec<AuditEntry>> {
    let before = page.after.unwrap_or(AuditId::from_bytes([0xff; 16]));
    let limit = from_count(page.limit);
    match stores {
        None => all(
            connection,
            concat!("SELECT ", columns!(), " FROM audit_log a WHERE a.id < ?1 ORDER BY a.id DESC LIMIT ?2"),
            params![before.as_bytes(), limit],
            |row| read(row, sealer),
        ),
        // One store, the usual case, is a walk over its index; of several, their pages are merged.
        Some(stores) => {
            let mut found = Vec::new();
            for store in stores {
                found.extend(list_of(connection, sealer, store, before, limit)?);
            }
            found.sort_by_key(|entry: &AuditEntry| Reverse(entry.id));
            found.dedup_by(|one, other| one.id == other.id);
            found.truncate(page.limit);
            Ok(found)
        }
    }
}

fn list_of(
    connection: &Connection,
    sealer: &Sealer,
    store: &StoreId,
    before: AuditId,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    all(
        connection,
        concat!(
            "SELECT ",
            columns!(),
            " FROM stores s CROSS JOIN audit_log a INDEXED BY audit_log_store ON a.store_id = s.id \
             WHERE s.id = ?1 AND s.deleted_at IS NULL AND a.id < ?2 AND a.at >= s.created_at \
             ORDER BY a.id DESC LIMIT ?3"
        ),
        params![store.as_str(), before.as_bytes(), limit],
        |row| read(row, sealer),
    )
}

fn read(row: &Row<'_>, sealer: &Sealer) -> Result<AuditEntry> {
    let id = AuditId::from_bytes(row.get(0)?);
    Ok(AuditEntry {
        id,
        at: time(row, 1)?,
        actor: actor(row)?,
        action: word(row, 5, "action", AuditAction::parse)?,
        store: some(row, 6, store_id)?,
        subject: row.get(7)?,
        from: open(sealer, &place_of(id, "from"), row.get(8)?)?,
        to: open(sealer, &place_of(id, "to"), row.get(9)?)?,
    })
}

fn place_of(id: AuditId, what: &str) -> String {
    format!("audit/{id}/{what}")
}

fn open(sealer: &Sealer, place: &str, kept: Option<Vec<u8>>) -> Result<Option<String>> {
    let Some(kept) = kept else { return Ok(None) };
    let text = sealer.open(place, &kept)?;
    let text = std::str::from_utf8(&text).map_err(|_| unreadable("text", place))?;
    Ok(Some(text.to_owned()))
}

fn actor(row: &Row<'_>) -> Result<Actor> {
    let (id, name): (Option<[u8; 16]>, String) = (row.get(3)?, row.get(4)?);
    Ok(match (word(row, 2, "kind of actor", ActorKind::parse)?, id) {
        (ActorKind::System, _) => Actor::System,
        (ActorKind::Key, Some(id)) => Actor::Key { id: ApiKeyId::from_bytes(id), name },
        (ActorKind::User, Some(id)) => {
            let email: Email = name.parse().map_err(|_| unreadable("e-mail address", &name))?;
            Actor::User { id: UserId::from_bytes(id), email }
        }
        (ActorKind::Portal, _) => {
            Actor::Portal { store: name.parse().map_err(|_| unreadable("store id", &name))? }
        }
        (kind, None) => return Err(unreadable("actor with an id", kind.as_str())),
    })
}
