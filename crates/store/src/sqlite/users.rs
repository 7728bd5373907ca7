//! People who sign in, with the hashes of their passwords sealed.

use bocau_domain::limits::{STORES_PER_USER_MAX, USERS_MAX};
use bocau_domain::{Actor, AuditAction, Email, Role, StoreId, Timestamp, User, UserChange, UserId};
use rusqlite::{Connection, Row, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::audit::{self, Change};
use super::rows::{all, first, only, time, time_or_none, unreadable, word};
use super::sessions;
use super::tx::Tx;
use crate::seal::Sealer;
use crate::{NotChanged, Result};

/// For [`read`]. One statement, so that a user and their stores are of one moment.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.role, u.password_hash IS NOT NULL, u.created_at, u.last_sign_in_at, \
         (SELECT json_group_array(m.store_id ORDER BY m.store_id) FROM user_stores m \
          JOIN stores s ON s.id = m.store_id AND s.deleted_at IS NULL WHERE m.user_id = u.id)"
    };
}
/// How many they are.
const USER_COLUMN_COUNT: usize = 7;

pub(super) fn create(
    tx: &Tx<'_>,
    user: &User,
    password_hash: Option<&SecretString>,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let stores = stores_of(user.role, &user.stores);
    if count(tx.connection)? >= USERS_MAX || stores.len() > STORES_PER_USER_MAX {
        return Ok(Err(NotChanged::TooMany));
    }
    if !are_there(tx, &stores)? {
        return Ok(Err(NotChanged::NoStore));
    }
    let made = tx.execute(
        "INSERT INTO users (id, email, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO NOTHING",
        params![
            user.id.as_bytes(),
            user.email.as_str(),
            user.role.as_str(),
            password_hash.map(|hash| seal(tx.sealer, user.id, hash)),
            user.created_at.as_millis(),
        ],
    )?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    write_stores(tx, user.id, &stores)?;
    let change = Change::new(AuditAction::UserCreated, None, user.id, by, user.created_at);
    let told = described(&user.email, user.role, &stores);
    audit::write(tx, Change { to: Some(told.into()), ..change })?;
    Ok(Ok(()))
}

pub(super) fn find(connection: &Connection, id: UserId) -> Result<Option<User>> {
    let sql = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ?1");
    first(connection, sql, [id.as_bytes()], read)
}

pub(super) fn find_by_email(
    connection: &Connection,
    sealer: &Sealer,
    email: &Email,
) -> Result<Option<(User, Option<SecretString>)>> {
    let sql = concat!("SELECT ", user_columns!(), ", u.password_hash FROM users u WHERE u.email = ?1");
    first(connection, sql, [email.as_str()], |row| {
        let user = read(row)?;
        let kept: Option<Vec<u8>> = row.get(USER_COLUMN_COUNT)?;
        let hash = kept.map(|kept| open(sealer, user.id, &kept)).transpose()?;
        Ok((user, hash))
    })
}

pub(super) fn list(connection: &Connection) -> Result<Vec<User>> {
    let sql = concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.id");
    all(connection, sql, [], read)
}

pub(super) fn count(connection: &Connection) -> Result<usize> {
    let count: Option<i64> = first(connection, "SELECT COUNT(*) FROM users", [], only)?;
    Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
}

pub(super) fn change(
    tx: &Tx<'_>,
    id: UserId,
    change: &UserChange,
    keep: Option<&[u8; 32]>,
    (by, now): (&Actor, Timestamp),
) -> Result<std::result::Result<User, NotChanged>> {
    let Some(before) = find(tx.connection, id)? else { return Ok(Err(NotChanged::NotFound)) };
    let role = change.role.unwrap_or(before.role);
    let email = change.email.as_ref().unwrap_or(&before.email);
    let stores = stores_of(role, change.stores.as_ref().unwrap_or(&before.stores));
    if stores.len() > STORES_PER_USER_MAX {
        return Ok(Err(NotChanged::TooMany));
    }
    if !are_there(tx, &stores)? {
        return Ok(Err(NotChanged::NoStore));
    }
    if before.role == Role::Admin && role != Role::Admin && !has_other_admin(tx, id)? {
        return Ok(Err(NotChanged::LastAdmin));
    }
    if is_taken(tx, id, email)? {
        return Ok(Err(NotChanged::Taken));
    }
    tx.execute(
        "UPDATE users SET email = ?2, role = ?3, password_hash = coalesce(?4, password_hash) WHERE id = ?1",
        params![
            id.as_bytes(),
            email.as_str(),
            role.as_str(),
            change.password_hash.as_ref().map(|hash| seal(tx.sealer, id, hash)),
        ],
    )?;
    write_stores(tx, id, &stores)?;
    if change.password_hash.is_some() {
        sessions::delete_of_user(tx, id, keep)?;
    }
    let after = User {
        email: email.clone(),
        role,
        stores,
        has_password: before.has_password || change.password_hash.is_some(),
        ..before.clone()
    };
    note_change(tx, &before, &after, change.password_hash.is_some(), (by, now))?;
    Ok(Ok(after))
}

pub(super) fn delete(
    tx: &Tx<'_>,
    id: UserId,
    by: &Actor,
    now: Timestamp,
) -> Result<std::result::Result<(), NotChanged>> {
    let Some(user) = find(tx.connection, id)? else { return Ok(Err(NotChanged::NotFound)) };
    if user.role == Role::Admin && !has_other_admin(tx, id)? {
        return Ok(Err(NotChanged::LastAdmin));
    }
    for sql in [
        "DELETE FROM sessions WHERE user_id = ?1",
        "DELETE FROM user_stores WHERE user_id = ?1",
        "DELETE FROM users WHERE id = ?1",
    ] {
        tx.execute(sql, [id.as_bytes()])?;
    }
    let change = Change::new(AuditAction::UserDeleted, None, id, by, now);
    let told = described(&user.email, user.role, &user.stores);
    audit::write(tx, Change { from: Some(told.into()), ..change })?;
    Ok(Ok(()))
}

/// An entry of what differs, and one of its own for a new password.
fn note_change(
    tx: &Tx<'_>,
    before: &User,
    after: &User,
    has_new_password: bool,
    (by, now): (&Actor, Timestamp),
) -> Result<()> {
    let [mut from, mut to] = [before, after].map(|user| described(&user.email, user.role, &user.stores));
    for name in ["email", "role", "stores"] {
        if from.get(name) == to.get(name) {
            from.shift_remove(name);
            to.shift_remove(name);
        }
    }
    let change = |action| Change::new(action, None, after.id, by, now);
    if !to.is_empty() {
        let change = change(AuditAction::UserChanged);
        audit::write(tx, Change { from: Some(from.into()), to: Some(to.into()), ..change })?;
    }
    if has_new_password {
        audit::write(tx, change(AuditAction::UserPasswordChanged))?;
    }
    Ok(())
}

/// Whether somebody else is an admin who can sign in: with a password, or with a link used before.
fn has_other_admin(tx: &Tx<'_>, id: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE role = 'admin' AND id <> ?1 \
               AND (password_hash IS NOT NULL OR last_sign_in_at IS NOT NULL)";
    Ok(tx.connection.prepare_cached(sql)?.exists([id.as_bytes()])?)
}

fn is_taken(tx: &Tx<'_>, id: UserId, email: &Email) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE email = ?1 AND id <> ?2";
    Ok(tx.connection.prepare_cached(sql)?.exists(params![email.as_str(), id.as_bytes()])?)
}

/// An admin has every store and needs no list.
fn stores_of(role: Role, stores: &[StoreId]) -> Vec<StoreId> {
    let mut stores = if role == Role::Admin { Vec::new() } else { stores.to_vec() };
    stores.sort();
    stores.dedup();
    stores
}

fn are_there(tx: &Tx<'_>, stores: &[StoreId]) -> Result<bool> {
    for store in stores {
        if tx.config_version(store)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_stores(tx: &Tx<'_>, id: UserId, stores: &[StoreId]) -> Result<()> {
    tx.execute("DELETE FROM user_stores WHERE user_id = ?1", [id.as_bytes()])?;
    for store in stores {
        tx.execute(
            "INSERT INTO user_stores (user_id, store_id) VALUES (?1, ?2)",
            params![id.as_bytes(), store.as_str()],
        )?;
    }
    Ok(())
}

fn described(email: &Email, role: Role, stores: &[StoreId]) -> Map<String, Value> {
    let stores: Vec<&str> = stores.iter().map(StoreId::as_str).collect();
    let told = [("email", json!(email.as_str())), ("role", json!(role.as_str())), ("stores", json!(stores))];
    told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn place_of(id: UserId) -> String {
    format!("user/{id}/password_hash")
}

fn seal(sealer: &Sealer, id: UserId, hash: &SecretString) -> Vec<u8> {
    sealer.seal(&place_of(id), hash.expose_secret().as_bytes())
}

fn open(sealer: &Sealer, id: UserId, kept: &[u8]) -> Result<SecretString> {
    let place = place_of(id);
    let hash = sealer.open(&place, kept)?;
    let hash = std::str::from_utf8(&hash).map_err(|_| unreadable("hash of a password", &place))?;
    Ok(SecretString::from(hash))
}

/// Reads [`user_columns`].
fn read(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: UserId::from_bytes(row.get(0)?),
        email: word(row, 1, "e-mail address", |text| text.parse().ok())?,
        role: word(row, 2, "role", Role::parse)?,
        has_password: row.get(3)?,
        created_at: time(row, 4)?,
        last_sign_in_at: time_or_none(row, 5)?,
        stores: word(row, 6, "list of stores", read_stores)?,
    })
}

fn read_stores(text: &str) -> Option<Vec<StoreId>> {
    let ids: Vec<String> = serde_json::from_str(text).ok()?;
    ids.iter().map(|id| id.parse().ok()).collect()
}
