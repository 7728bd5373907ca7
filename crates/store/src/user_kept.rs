//! People who sign in, as they are kept and as the audit log tells of them.

use bocau_domain::{Actor, AuditAction, Email, Role, StoreId, Timestamp, User, UserId};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::change::Change;
use crate::seal::Sealer;
use crate::{Result, StoreError};

/// An admin has every store and needs no list.
pub(crate) fn stores_of(role: Role, stores: &[StoreId]) -> Vec<StoreId> {
    let mut stores = if role == Role::Admin { Vec::new() } else { stores.to_vec() };
    stores.sort();
    stores.dedup();
    stores
}

pub(crate) fn seal_password(sealer: &Sealer, id: UserId, hash: &SecretString) -> Vec<u8> {
    sealer.seal(&place_of(id), hash.expose_secret().as_bytes())
}

/// Opens what [`seal_password`] seals.
pub(crate) fn open_password(sealer: &Sealer, id: UserId, kept: &[u8]) -> Result<SecretString> {
    let place = place_of(id);
    let hash = sealer.open(&place, kept)?;
    let hash = std::str::from_utf8(&hash)
        .map_err(|_| StoreError::Corrupt(format!("{place} is no hash of a password")))?;
    Ok(SecretString::from(hash))
}

/// With the stores that were written.
pub(crate) fn created<'a>(user: &User, stores: &[StoreId], by: &'a Actor) -> Change<'a> {
    let change = Change::new(AuditAction::UserCreated, None, user.id, by, user.created_at);
    Change { to: Some(described(&user.email, user.role, stores).into()), ..change }
}

/// An entry of what differs, and one of its own for a new password.
pub(crate) fn changed<'a>(
    before: &User,
    after: &User,
    has_new_password: bool,
    (by, now): (&'a Actor, Timestamp),
) -> Vec<Change<'a>> {
    let [mut from, mut to] = [before, after].map(|user| described(&user.email, user.role, &user.stores));
    for name in ["email", "role", "stores"] {
        if from.get(name) == to.get(name) {
            from.shift_remove(name);
            to.shift_remove(name);
        }
    }
    let change = |action| Change::new(action, None, after.id, by, now);
    let mut changes = Vec::new();
    if !to.is_empty() {
        let change = change(AuditAction::UserChanged);
        changes.push(Change { from: Some(from.into()), to: Some(to.into()), ..change });
    }
    if has_new_password {
        changes.push(change(AuditAction::UserPasswordChanged));
    }
    changes
}

pub(crate) fn deleted<'a>(user: &User, by: &'a Actor, now: Timestamp) -> Change<'a> {
    let change = Change::new(AuditAction::UserDeleted, None, user.id, by, now);
    Change { from: Some(described(&user.email, user.role, &user.stores).into()), ..change }
}

fn described(email: &Email, role: Role, stores: &[StoreId]) -> Map<String, Value> {
    let stores: Vec<&str> = stores.iter().map(StoreId::as_str).collect();
    let told = [("email", json!(email.as_str())), ("role", json!(role.as_str())), ("stores", json!(stores))];
    told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn place_of(id: UserId) -> String {
    format!("user/{id}/password_hash")
}
