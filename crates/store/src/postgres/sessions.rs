//! Sessions and links that sign in once, kept by the keyed hashes of their tokens.

use std::collections::HashSet;

use bocau_domain::limits::SESSION_TOUCH_INTERVAL;
use bocau_domain::{Actor, AuditAction, Email, Role, StoreId, Timestamp, UserId};
use serde_json::json;
use tokio_postgres::Row;

use super::audit;
use super::rows::{id_or_none, store_id, time, unreadable, uuid, word, word_or_none};
use super::tx::{Connection, Result, Tx};
use super::{stores, users};
use crate::NotChanged;
use crate::change::{Change, moment};
use crate::people::{LinkPurpose, Session, SessionOwner, SessionRecord, SignInLink, SignedIn};

pub(super) async fn create(tx: &Tx, session: &SessionRecord) -> Result<std::result::Result<(), NotChanged>> {
    let (user, store, role) = match &session.owner {
        SessionOwner::User(id) => {
            tx.lock_people().await?;
            let user = uuid(id.as_bytes());
            let sql = "UPDATE users SET last_sign_in_at = $2 WHERE id = $1 RETURNING email";
            let email = tx.first(sql, &[&user, &session.created_at.as_millis()], email).await?;
            let Some(email) = email else { return Ok(Err(NotChanged::NotFound)) };
            let by = Actor::User { id: *id, email };
            let change = Change::new(AuditAction::UserSignedIn, None, id, &by, session.created_at);
            audit::write(tx, change).await?;
            (Some(user), None, None)
        }
        SessionOwner::Portal { store, role } => {
            if !keep_store(tx, store).await? {
                return Ok(Err(NotChanged::NotFound));
            }
            (None, Some(store.as_str()), Some(role.as_str()))
        }
    };
    tx.execute(
        "INSERT INTO sessions (hash, user_id, store_id, role, created_at, touched_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $5, $6)",
        &[
            &session.hash.as_slice(),
            &user,
            &store,
            &role,
            &session.created_at.as_millis(),
            &session.expires_at.as_millis(),
        ],
    )
    .await?;
    Ok(Ok(()))
}

/// Who it belongs to is read as they stand now: a role that was taken away is gone at once.
pub(super) async fn find(
    connection: &Connection,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>> {
    let sql = "SELECT user_id, store_id, role, created_at, expires_at FROM sessions \
               WHERE hash = $1 AND expires_at > $2";
    let row = connection
        .first(sql, &[&hash.as_slice(), &now.as_millis()], |row| {
            Ok((owner(row)?, time(row, 3)?, time(row, 4)?))
        })
        .await?;
    let Some((owner, created_at, expires_at)) = row else { return Ok(None) };
    let who = match owner {
        SessionOwner::User(id) => users::find(connection, id).await?.map(SignedIn::User),
        SessionOwner::Portal { store, role } => {
            stores::find(connection, &store).await?.map(|store| SignedIn::Portal { store, role })
        }
    };
    Ok(who.map(|who| Session { who, created_at, expires_at }))
}

/// Whether the end is to be put off. Looked at before a transaction is begun, for most of the time it is not.
pub(super) async fn is_stale(connection: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM sessions \
               WHERE hash = $1 AND user_id IS NOT NULL AND expires_at > $2 AND touched_at <= $3";
    let before = now - SESSION_TOUCH_INTERVAL;
    connection.exists(sql, &[&hash.as_slice(), &now.as_millis(), &before.as_millis()]).await
}

pub(super) async fn touch(tx: &Tx, hash: &[u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool> {
    let before = now - SESSION_TOUCH_INTERVAL;
    let touched = tx
        .execute(
            "UPDATE sessions SET touched_at = $2, expires_at = greatest(expires_at, $4) \
             WHERE hash = $1 AND user_id IS NOT NULL AND expires_at > $2 AND touched_at <= $3",
            &[&hash.as_slice(), &now.as_millis(), &before.as_millis(), &expires_at.as_millis()],
        )
        .await?;
    Ok(touched > 0)
}

pub(super) async fn delete(tx: &Tx, hash: &[u8; 32]) -> Result<bool> {
    Ok(tx.execute("DELETE FROM sessions WHERE hash = $1", &[&hash.as_slice()]).await? > 0)
}

/// Whoever holds the lock of the people: none is begun meanwhile.
pub(super) async fn delete_of_user(tx: &Tx, id: UserId, except: Option<&[u8; 32]>) -> Result<usize> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND hash IS DISTINCT FROM $2";
    tx.execute(sql, &[&uuid(id.as_bytes()), &except.map(<[u8; 32]>::as_slice)]).await
}

/// Only a portal's link is told of: the first admin's is printed at each start until it is used.
pub(super) async fn create_link(
    tx: &Tx,
    link: &SignInLink,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let portal = match &link.purpose {
        LinkPurpose::FirstAdmin => None,
        LinkPurpose::Portal { store, role } => {
            if !keep_store(tx, store).await? {
                return Ok(Err(NotChanged::NotFound));
            }
            Some((store, *role))
        }
    };
    tx.execute(
        "INSERT INTO sign_in_links (hash, store_id, role, created_at, expires_at, session_until) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &link.hash.as_slice(),
            &portal.map(|(store, _)| store.as_str()),
            &portal.map(|(_, role)| role.as_str()),
            &link.created_at.as_millis(),
            &link.expires_at.as_millis(),
            &link.session_until.as_millis(),
        ],
    )
    .await?;
    if let Some((store, role)) = portal {
        let told = json!({ "role": role.as_str(), "expires_at": moment(link.expires_at) });
        let change = Change::new(AuditAction::PortalLinkCreated, Some(store), store, by, link.created_at);
        audit::write(tx, Change { to: Some(told), ..change }).await?;
    }
    Ok(Ok(()))
}

/// It is gone whatever comes of it; of two that delete its row, one gets it.
pub(super) async fn redeem_link(tx: &Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<SignInLink>> {
    let sql = "DELETE FROM sign_in_links WHERE hash = $1 \
               RETURNING store_id, role, created_at, expires_at, session_until";
    let link = tx
        .first(sql, &[&hash.as_slice()], |row| {
            Ok(SignInLink {
                hash: *hash,
                purpose: portal(row, 0)?
                    .map_or(LinkPurpose::FirstAdmin, |(store, role)| LinkPurpose::Portal { store, role }),
                created_at: time(row, 2)?,
                expires_at: time(row, 3)?,
                session_until: time(row, 4)?,
            })
        })
        .await?;
    let Some(link) = link else { return Ok(None) };
    let is_there = match &link.purpose {
        LinkPurpose::FirstAdmin => true,
        LinkPurpose::Portal { store, .. } => stores::is_there(tx, store).await?,
    };
    Ok((is_there && link.expires_at > now).then_some(link))
}

/// Keeps the store where it is until what is written for it is there to be removed with it: what is left of one
/// store must not open the next of the same id. False where it is not there.
async fn keep_store(tx: &Tx, store: &StoreId) -> Result<bool> {
    tx.share_stores(&HashSet::from([store])).await?;
    stores::is_there(tx, store).await
}

fn email(row: &Row) -> Result<Email> {
    word(row, 0, "e-mail address", |text| text.parse().ok())
}

fn owner(row: &Row) -> Result<SessionOwner> {
    match (id_or_none(row, 0, UserId::from_bytes)?, portal(row, 1)?) {
        (Some(id), None) => Ok(SessionOwner::User(id)),
        (None, Some((store, role))) => Ok(SessionOwner::Portal { store, role }),
        _ => Err(unreadable("session of one owner", "").into()),
    }
}

/// A store and the role there, of two columns.
fn portal(row: &Row, column: usize) -> Result<Option<(StoreId, Role)>> {
    let store = row.try_get::<_, Option<&str>>(column)?.map(|_| store_id(row, column)).transpose()?;
    Ok(store.zip(word_or_none(row, column + 1, "role", Role::parse)?))
}
