//! People who sign in, with the hashes of their passwords sealed.

use bocau_domain::limits::{STORES_PER_USER_MAX, USERS_MAX};
use bocau_domain::{Actor, Email, Role, StoreId, Timestamp, User, UserChange, UserId};
use rusqlite::{Connection, Row, params};
use secrecy::SecretString;

use super::audit;
use super::rows::{all, first, only, time, time_or_none, word};
use super::sessions;
use super::tx::Tx;
use crate::seal::Sealer;
use crate::user_kept::{open_password, seal_password, stores_of};
use crate::{NotChanged, Result, user_kept};

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
            password_hash.map(|hash| seal_password(tx.sealer, user.id, hash)),
            user.created_at.as_millis(),
        ],
    )?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    write_stores(tx, user.id, &stores)?;
    audit::write(tx, user_kept::created(user, &stores, by))?;
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
        let hash = kept.map(|kept| open_password(sealer, user.id, &kept)).transpose()?;
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
            change.password_hash.as_ref().map(|hash| seal_password(tx.sealer, id, hash)),
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
    for change in user_kept::changed(&before, &after, change.password_hash.is_some(), (by, now)) {
        audit::write(tx, change)?;
    }
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
    audit::write(tx, user_kept::deleted(&user, by, now))?;
    Ok(Ok(()))
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
