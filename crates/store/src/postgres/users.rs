//! People who sign in, with the hashes of their passwords sealed.

use std::collections::HashSet;

use bocau_domain::limits::{STORES_PER_USER_MAX, USERS_MAX};
use bocau_domain::{Actor, Email, Role, StoreId, Timestamp, User, UserChange, UserId};
use secrecy::SecretString;
use tokio_postgres::Row;

use super::audit;
use super::rows::{from_count, id, only, store_id, time, time_or_none, unreadable, uuid, word};
use super::sessions;
use super::tx::{Connection, Result, Tx};
use crate::seal::Sealer;
use crate::user_kept::{open_password, seal_password, stores_of};
use crate::{NotChanged, user_kept};

/// For [`read`]. One statement, so that a user and their stores are of one moment.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.role, u.password_hash IS NOT NULL, u.created_at, u.last_sign_in_at, \
         ARRAY(SELECT m.store_id FROM user_stores m JOIN stores s ON s.id = m.store_id AND s.deleted_at IS NULL \
         WHERE m.user_id = u.id ORDER BY m.store_id)"
    };
}
/// How many they are.
const USER_COLUMN_COUNT: usize = 7;

pub(super) async fn create(
    tx: &Tx,
    user: &User,
    password_hash: Option<&SecretString>,
    by: &Actor,
) -> Result<std::result::Result<(), NotChanged>> {
    let stores = stores_of(user.role, &user.stores);
    tx.lock_people().await?;
    if count(tx).await? >= USERS_MAX || stores.len() > STORES_PER_USER_MAX {
        return Ok(Err(NotChanged::TooMany));
    }
    tx.share_stores(&stores.iter().collect()).await?;
    if !are_there(tx, &stores).await? {
        return Ok(Err(NotChanged::NoStore));
    }
    let made = tx
        .execute(
            "INSERT INTO users (id, email, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
            &[
                &uuid(user.id.as_bytes()),
                &user.email.as_str(),
                &user.role.as_str(),
                &password_hash.map(|hash| seal_password(&tx.sealer, user.id, hash)),
                &user.created_at.as_millis(),
            ],
        )
        .await?;
    if made == 0 {
        return Ok(Err(NotChanged::Taken));
    }
    write_stores(tx, user.id, &stores).await?;
    audit::write(tx, user_kept::created(user, &stores, by)).await?;
    Ok(Ok(()))
}

pub(super) async fn find(connection: &Connection, id: UserId) -> Result<Option<User>> {
    let sql = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
    connection.first(sql, &[&uuid(id.as_bytes())], read).await
}

pub(super) async fn find_by_email(
    connection: &Connection,
    sealer: &Sealer,
    email: &Email,
) -> Result<Option<(User, Option<SecretString>)>> {
    let sql = concat!("SELECT ", user_columns!(), ", u.password_hash FROM users u WHERE u.email = $1");
    connection
        .first(sql, &[&email.as_str()], |row| {
            let user = read(row)?;
            let kept: Option<&[u8]> = row.try_get(USER_COLUMN_COUNT)?;
            let hash = kept.map(|kept| open_password(sealer, user.id, kept)).transpose()?;
            Ok((user, hash))
        })
        .await
}

pub(super) async fn list(connection: &Connection) -> Result<Vec<User>> {
    let sql = concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.id");
    connection.all(sql, &[], read).await
}

pub(super) async fn count(connection: &Connection) -> Result<usize> {
    let count: Option<i64> = connection.first("SELECT COUNT(*) FROM users", &[], only).await?;
    Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
}

pub(super) async fn change(
    tx: &Tx,
    id: UserId,
    change: &UserChange,
    keep: Option<&[u8; 32]>,
    (by, now): (&Actor, Timestamp),
) -> Result<std::result::Result<User, NotChanged>> {
    tx.lock_people().await?;
    share_stores(tx, id, change.stores.as_deref().unwrap_or_default()).await?;
    let Some(before) = find(tx, id).await? else { return Ok(Err(NotChanged::NotFound)) };
    let role = change.role.unwrap_or(before.role);
    let email = change.email.as_ref().unwrap_or(&before.email);
    let stores = stores_of(role, change.stores.as_ref().unwrap_or(&before.stores));
    if stores.len() > STORES_PER_USER_MAX {
        return Ok(Err(NotChanged::TooMany));
    }
    if !are_there(tx, &stores).await? {
        return Ok(Err(NotChanged::NoStore));
    }
    if before.role == Role::Admin && role != Role::Admin && !has_other_admin(tx, id).await? {
        return Ok(Err(NotChanged::LastAdmin));
    }
    if is_taken(tx, id, email).await? {
        return Ok(Err(NotChanged::Taken));
    }
    tx.execute(
        "UPDATE users SET email = $2, role = $3, password_hash = coalesce($4, password_hash) WHERE id = $1",
        &[
            &uuid(id.as_bytes()),
            &email.as_str(),
            &role.as_str(),
            &change.password_hash.as_ref().map(|hash| seal_password(&tx.sealer, id, hash)),
        ],
    )
    .await?;
    write_stores(tx, id, &stores).await?;
    if change.password_hash.is_some() {
        sessions::delete_of_user(tx, id, keep).await?;
    }
    let after = User {
        email: email.clone(),
        role,
        stores,
        has_password: before.has_password || change.password_hash.is_some(),
        ..before.clone()
    };
    for change in user_kept::changed(&before, &after, change.password_hash.is_some(), (by, now)) {
        audit::write(tx, change).await?;
    }
    Ok(Ok(after))
}

pub(super) async fn delete(
    tx: &Tx,
    id: UserId,
    by: &Actor,
    now: Timestamp,
) -> Result<std::result::Result<(), NotChanged>> {
    tx.lock_people().await?;
    let Some(user) = find(tx, id).await? else { return Ok(Err(NotChanged::NotFound)) };
    if user.role == Role::Admin && !has_other_admin(tx, id).await? {
        return Ok(Err(NotChanged::LastAdmin));
    }
    for sql in [
        "DELETE FROM sessions WHERE user_id = $1",
        "DELETE FROM user_stores WHERE user_id = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        tx.execute(sql, &[&uuid(id.as_bytes())]).await?;
    }
    audit::write(tx, user_kept::deleted(&user, by, now)).await?;
    Ok(Ok(()))
}

/// Keeps the stores that a user has or is to have where they are until the user's row says so: a row that names a
/// store after all of it was removed would open the next store of the same id to the user.
async fn share_stores(tx: &Tx, id: UserId, named: &[StoreId]) -> Result<()> {
    let sql = "SELECT store_id FROM user_stores WHERE user_id = $1";
    let listed = tx.all(sql, &[&uuid(id.as_bytes())], |row| store_id(row, 0)).await?;
    let stores: HashSet<&StoreId> = named.iter().chain(&listed).collect();
    tx.share_stores(&stores).await.map(drop)
}

/// Whether somebody else is an admin who can sign in: with a password, or with a link used before.
async fn has_other_admin(tx: &Tx, id: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE role = 'admin' AND id <> $1 \
               AND (password_hash IS NOT NULL OR last_sign_in_at IS NOT NULL) LIMIT 1";
    tx.exists(sql, &[&uuid(id.as_bytes())]).await
}

async fn is_taken(tx: &Tx, id: UserId, email: &Email) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE email = $1 AND id <> $2";
    tx.exists(sql, &[&email.as_str(), &uuid(id.as_bytes())]).await
}

/// Each is named once.
async fn are_there(tx: &Tx, stores: &[StoreId]) -> Result<bool> {
    let ids: Vec<&str> = stores.iter().map(StoreId::as_str).collect();
    let sql = "SELECT COUNT(*) FROM stores WHERE id = ANY($1) AND deleted_at IS NULL";
    let found: Option<i64> = tx.first(sql, &[&ids], only).await?;
    Ok(found == Some(from_count(stores.len())))
}

async fn write_stores(tx: &Tx, id: UserId, stores: &[StoreId]) -> Result<()> {
    let user = uuid(id.as_bytes());
    let ids: Vec<&str> = stores.iter().map(StoreId::as_str).collect();
    tx.execute("DELETE FROM user_stores WHERE user_id = $1", &[&user]).await?;
    let sql = "INSERT INTO user_stores (user_id, store_id) SELECT $1, * FROM unnest($2::text[])";
    tx.execute(sql, &[&user, &ids]).await.map(drop)
}

/// Reads [`user_columns`].
fn read(row: &Row) -> Result<User> {
    let stores: Vec<&str> = row.try_get(6)?;
    let stores = stores.into_iter().map(|id| id.parse().map_err(|_| unreadable("store id", id)));
    Ok(User {
        id: id(row, 0, UserId::from_bytes)?,
        email: word(row, 1, "e-mail address", |text| text.parse().ok())?,
        role: word(row, 2, "role", Role::parse)?,
        has_password: row.try_get(3)?,
        created_at: time(row, 4)?,
        last_sign_in_at: time_or_none(row, 5)?,
        stores: stores.collect::<crate::Result<_>>()?,
    })
}
