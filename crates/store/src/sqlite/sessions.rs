//! Sessions and links that sign in once, kept by the keyed hashes of their tokens.

use bocau_domain::limits::SESSION_TOUCH_INTERVAL;
use bocau_domain::{Actor, AuditAction, Role, StoreId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};
use serde_json::json;

use super::audit::{self, Change, moment};
use super::rows::{first, some, store_id, time, unreadable, word_or_none};
use super::tx::Tx;
use super::{stores, users};
use crate::people::{LinkPurpose, Session, SessionOwner, SessionRecord, SignInLink, SignedIn};
use crate::{NotChanged, Result};

pub(super) fn create(tx: &Tx<'_>, session: &SessionRecord) -> Result<std::result::Result<(), NotChanged>> {
    let (user, store, role) = match &session.owner {
        SessionOwner::User(id) => {
            let signed_in = tx.execute(
                "UPDATE users SET last_sign_in_at = ?2 WHERE id = ?1",
                params![id.as_bytes(), session.created_at.as_millis()],
            )?;
            let user = if signed_in == 0 { None } else { users::find(tx.connection, *id)? };
            let Some(user) = user else { return Ok(Err(NotChanged::NotFound)) };
            let by = Actor::User { id: *id, email: user.email };
            let change = Change::new(AuditAction::UserSignedIn, None, id, &by, session.created_at);
            audit::write(tx, change)?;
            (Some(*id.as_bytes()), None, None)
        }
        SessionOwner::Portal { store, .. } if tx.config_version(store)?.is_none() => {
            return Ok(Err(NotChanged::NotFound));
        }
        SessionOwner::Portal { store, role } => (None, Some(store.as_str()), Some(role.as_str())),
    };
    tx.execute(
        "INSERT INTO sessions (hash, user_id, store_id, role, created_at, touched_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
        params![
            session.hash,
            user,
            store,
            role,
            session.created_at.as_millis(),
            session.expires_at.as_millis(),
        ],
    )?;
    Ok(Ok(()))
}

/// Who it belongs to is read as they stand now: a role that was taken away is gone at once.
pub(super) fn find(connection: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>> {
    let row = first(
        connection,
        "SELECT user_id, store_id, role, created_at, expires_at FROM sessions WHERE hash = ?1 AND expires_at > ?2",
        params![hash, now.as_millis()],
        |row| Ok((owner(row)?, time(row, 3)?, time(row, 4)?)),
    )?;
    let Some((owner, created_at, expires_at)) = row else { return Ok(None) };
    let who = match owner {
        SessionOwner::User(id) => users::find(connection, id)?.map(SignedIn::User),
        SessionOwner::Portal { store, role } => {
            stores::find(connection, &store)?.map(|store| SignedIn::Portal { store, role })
        }
    };
    Ok(who.map(|who| Session { who, created_at, expires_at }))
}

/// Whether the end is to be put off. Looked at before the writer is asked, for most of the time it is not.
pub(super) fn is_stale(connection: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM sessions \
               WHERE hash = ?1 AND user_id IS NOT NULL AND expires_at > ?2 AND touched_at <= ?3";
    let before = now - SESSION_TOUCH_INTERVAL;
    Ok(connection.prepare_cached(sql)?.exists(params![hash, now.as_millis(), before.as_millis()])?)
}

pub(super) fn touch(tx: &Tx<'_>, hash: &[u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool> {
    let before = now - SESSION_TOUCH_INTERVAL;
    let touched = tx.execute(
        "UPDATE sessions SET touched_at = ?2, expires_at = max(expires_at, ?4) \
         WHERE hash = ?1 AND user_id IS NOT NULL AND expires_at > ?2 AND touched_at <= ?3",
        params![hash, now.as_millis(), before.as_millis(), expires_at.as_millis()],
    )?;
    Ok(touched > 0)
}

pub(super) fn delete(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<bool> {
    Ok(tx.execute("DELETE FROM sessions WHERE hash = ?1", [hash])? > 0)
}

pub(super) fn delete_of_user(tx: &Tx<'_>, id: UserId, except: Option<&[u8; 32]>) -> Result<usize> {
    tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND hash IS NOT ?2", params![id.as_bytes(), except])
}

/// Only a portal's link is told of: the first admin's is printed at each start until it is used.
pub(super) fn create_link(
    tx: &Tx<'_>,
    link: &SignInLink,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let portal = match &link.purpose {
        LinkPurpose::FirstAdmin => None,
        LinkPurpose::Portal { store, .. } if tx.config_version(store)?.is_none() => {
            return Ok(Err(NotChanged::NotFound));
        }
        LinkPurpose::Portal { store, role } => Some((store, *role)),
    };
    tx.execute(
        "INSERT INTO sign_in_links (hash, store_id, role, created_at, expires_at, session_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            link.hash,
            portal.map(|(store, _)| store.as_str()),
            portal.map(|(_, role)| role.as_str()),
            link.created_at.as_millis(),
            link.expires_at.as_millis(),
            link.session_until.as_millis(),
        ],
    )?;
    if let Some((store, role)) = portal {
        let told = json!({ "role": role.as_str(), "expires_at": moment(link.expires_at) });
        let change = Change::new(AuditAction::PortalLinkCreated, Some(store), store, by, link.created_at);
        audit::write(tx, Change { to: Some(told), ..change })?;
    }
    Ok(Ok(()))
}

/// It is gone whatever comes of it.
pub(super) fn redeem_link(tx: &Tx<'_>, hash: &[u8; 32], now: Timestamp) -> Result<Option<SignInLink>> {
    let link = first(
        tx.connection,
        "SELECT store_id, role, created_at, expires_at, session_until FROM sign_in_links WHERE hash = ?1",
        [hash],
        |row| {
            Ok(SignInLink {
                hash: *hash,
                purpose: portal(row, 0)?
                    .map_or(LinkPurpose::FirstAdmin, |(store, role)| LinkPurpose::Portal { store, role }),
                created_at: time(row, 2)?,
                expires_at: time(row, 3)?,
                session_until: time(row, 4)?,
            })
        },
    )?;
    let Some(link) = link else { return Ok(None) };
    tx.execute("DELETE FROM sign_in_links WHERE hash = ?1", [hash])?;
    let is_there = match &link.purpose {
        LinkPurpose::FirstAdmin => true,
        LinkPurpose::Portal { store, .. } => tx.config_version(store)?.is_some(),
    };
    Ok((is_there && link.expires_at > now).then_some(link))
}

fn owner(row: &Row<'_>) -> Result<SessionOwner> {
    match (row.get::<_, Option<[u8; 16]>>(0)?, portal(row, 1)?) {
        (Some(id), None) => Ok(SessionOwner::User(UserId::from_bytes(id))),
        (None, Some((store, role))) => Ok(SessionOwner::Portal { store, role }),
        _ => Err(unreadable("session of one owner", "")),
    }
}

/// A store and the role there, of two columns.
fn portal(row: &Row<'_>, column: usize) -> Result<Option<(StoreId, Role)>> {
    Ok(some(row, column, store_id)?.zip(word_or_none(row, column + 1, "role", Role::parse)?))
}
