//! What the audit log says of a store that was made or changed; both backends write it.

use bocau_domain::{Actor, AuditAction, RetentionDays, StoreInfo, Timestamp};
use serde_json::{Value, json};

use crate::change::Change;

/// A store that was made.
pub(crate) fn made(store: &StoreInfo) -> Value {
    let mut made = json!({ "name": store.name });
    if let Some(retention) = store.retention {
        made["retention_days"] = retention.days().into();
    }
    made
}

/// An entry for each thing that is not what it was.
pub(crate) fn changes<'a>(
    was: &StoreInfo,
    is: &'a StoreInfo,
    by: &'a Actor,
    now: Timestamp,
) -> Vec<Change<'a>> {
    let change = |action, from, to| Change {
        from: Some(from),
        to: Some(to),
        ..Change::new(action, Some(&is.id), &is.id, by, now)
    };
    let mut changes = Vec::new();
    if was.name != is.name {
        let name = |store: &StoreInfo| json!({ "name": store.name });
        changes.push(change(AuditAction::StoreRenamed, name(was), name(is)));
    }
    if was.retention != is.retention {
        let days = |store: &StoreInfo| json!({ "retention_days": store.retention.map(RetentionDays::days) });
        changes.push(change(AuditAction::StoreRetentionChanged, days(was), days(is)));
    }
    changes
}
