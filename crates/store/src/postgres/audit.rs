//! The audit log: entries written with the changes they tell of, and the list of them. What changed is sealed:
//! the names of a webhook's headers are in it, and those are nobody's business.

use std::cmp::Reverse;
use std::collections::HashSet;

use async_trait::async_trait;
use bocau_domain::{Actor, ActorKind, ApiKeyId, AuditAction, AuditEntry, AuditId, Email, StoreId, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{from_count, id, id_or_none, store_id, time, unreadable, uuid, word};
use super::tx::{Connection, Result, Tx};
use super::{PostgresStore, transact};
use crate::Page;
use crate::audit::{Audit, AuditNote};
use crate::change::Change;
use crate::seal::Sealer;

#[async_trait]
impl Audit for PostgresStore {
    async fn note_audit(&self, note: AuditNote) -> crate::Result<()> {
        let AuditNote { at, actor, action, store, subject } = note;
        transact!(self, |tx| write_note(&tx, Change::new(action, store.as_ref(), &subject, &actor, at)).await)
    }

    async fn list_audit(
        &self,
        stores: Option<Vec<StoreId>>,
        page: Page<AuditId>,
    ) -> crate::Result<Vec<AuditEntry>> {
        Ok(list(&self.lookup().await?, &self.sealer, stores.as_deref(), page).await?)
    }
}

async fn write_note(tx: &Tx, change: Change<'_>) -> Result<()> {
    if let Some(store) = change.store {
        tx.share_stores(&HashSet::from([store])).await?;
        tx.config_version(store).await?;
    }
    write(tx, change).await
}

/// Writes the entry of a change made in this transaction.
pub(super) async fn write(tx: &Tx, change: Change<'_>) -> Result<()> {
    let at = change.at;
    let entry = change.entry(tx.audit_ids.next(at));
    insert(tx, &entry).await
}

async fn insert(tx: &Tx, entry: &AuditEntry) -> Result<()> {
    let actor_id: Option<Uuid> = match &entry.actor {
        Actor::Key { id, .. } => Some(uuid(id.as_bytes())),
        Actor::User { id, .. } => Some(uuid(id.as_bytes())),
        Actor::System | Actor::Portal { .. } => None,
    };
    let seal = |what, text: Option<&str>| {
        text.map(|text| tx.sealer.seal(&place_of(entry.id, what), text.as_bytes()))
    };
    tx.execute(
        "INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, store_id, subject, before, after) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            &uuid(entry.id.as_bytes()),
            &entry.at.as_millis(),
            &entry.actor.kind().as_str(),
            &actor_id,
            &entry.actor.name(),
            &entry.action.as_str(),
            &entry.store.as_ref().map(StoreId::as_str),
            &entry.subject,
            &seal("from", entry.from.as_deref()),
            &seal("to", entry.to.as_deref()),
        ],
    )
    .await
    .map(drop)
}

/// For [`read`].
macro_rules! columns {
    () => {
        "a.id, a.at, a.actor_kind, a.actor_id, a.actor_name, a.action, a.store_id, a.subject, a.before, a.after"
    };
}

async fn list(
    connection: &Connection,
    sealer: &Sealer,
    stores: Option<&[StoreId]>,
    page: Page<AuditId>,
) -> Result<Vec<AuditEntry>> {
    let before = page.after.unwrap_or(AuditId::from_bytes([0xff; 16]));
    let limit = from_count(page.limit);
    match stores {
        None => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM audit_log a WHERE a.id < $1 ORDER BY a.id DESC LIMIT $2"
            );
            connection.all(sql, &[&uuid(before.as_bytes()), &limit], |row| read(row, sealer)).await
        }
        // One store, the usual case, is a walk over its index; of several, their pages are merged.
        Some(stores) => {
            let mut found = Vec::new();
            for store in stores {
                found.extend(list_of(connection, sealer, store, before, limit).await?);
            }
            found.sort_by_key(|entry: &AuditEntry| Reverse(entry.id));
            found.dedup_by(|one, other| one.id == other.id);
            found.truncate(page.limit);
            Ok(found)
        }
    }
}

async fn list_of(
    connection: &Connection,
    sealer: &Sealer,
    store: &StoreId,
    before: AuditId,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM stores s JOIN audit_log a ON a.store_id = s.id \
         WHERE s.id = $1 AND s.deleted_at IS NULL AND a.store_id = $1 AND a.id < $2 AND a.at >= s.created_at \
         ORDER BY a.id DESC LIMIT $3"
    );
    connection.all(sql, &[&store.as_str(), &uuid(before.as_bytes()), &limit], |row| read(row, sealer)).await
}

fn read(row: &Row, sealer: &Sealer) -> Result<AuditEntry> {
    let entry = id(row, 0, AuditId::from_bytes)?;
    Ok(AuditEntry {
        id: entry,
        at: time(row, 1)?,
        actor: actor(row)?,
        action: word(row, 5, "action", AuditAction::parse)?,
        store: row.try_get::<_, Option<&str>>(6)?.map(|_| store_id(row, 6)).transpose()?,
        subject: row.try_get(7)?,
        from: open(sealer, &place_of(entry, "from"), row.try_get(8)?)?,
        to: open(sealer, &place_of(entry, "to"), row.try_get(9)?)?,
    })
}

fn place_of(id: AuditId, what: &str) -> String {
    format!("audit/{id}/{what}")
}

fn open(sealer: &Sealer, place: &str, kept: Option<&[u8]>) -> Result<Option<String>> {
    let Some(kept) = kept else { return Ok(None) };
    let text = sealer.open(place, kept)?;
    let text = std::str::from_utf8(&text).map_err(|_| unreadable("text", place))?;
    Ok(Some(text.to_owned()))
}

fn actor(row: &Row) -> Result<Actor> {
    let id = id_or_none(row, 3, |bytes| bytes)?;
    let name: String = row.try_get(4)?;
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
        (kind, None) => return Err(unreadable("actor with an id", kind.as_str()).into()),
    })
}
