//! API keys, as they are kept and as the audit log tells of them.

use bocau_domain::{Actor, ApiKey, AuditAction, Owner, Scope, Scopes, StoreId, Timestamp};
use serde_json::{Value, json};

use crate::change::{Change, moment};

/// Words with spaces between.
pub(crate) fn scopes_text(scopes: Scopes) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// Reads what [`scopes_text`] writes.
pub(crate) fn read_scopes(text: &str) -> Option<Scopes> {
    text.split_whitespace().map(Scope::parse).collect()
}

pub(crate) fn created<'a>(key: &'a ApiKey, by: &'a Actor) -> Change<'a> {
    let change = Change::new(AuditAction::KeyCreated, store_of(key), key.id, by, key.created_at);
    Change { to: Some(described(key)), ..change }
}

pub(crate) fn revoked<'a>(key: &'a ApiKey, by: &'a Actor, now: Timestamp) -> Change<'a> {
    let change = Change::new(AuditAction::KeyRevoked, store_of(key), key.id, by, now);
    Change { from: Some(described(key)), ..change }
}

fn store_of(key: &ApiKey) -> Option<&StoreId> {
    match &key.owner {
        Owner::Platform => None,
        Owner::Store(store) => Some(store),
    }
}

fn described(key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    json!({ "name": key.name, "scopes": scopes, "expires_at": key.expires_at.map(moment) })
}
