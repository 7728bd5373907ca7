//! A change of configuration, as the audit log tells of it. The backends write its entry.

use std::fmt::Display;

use bocau_domain::{Actor, AuditAction, AuditEntry, AuditId, StoreId, Timestamp};
use serde_json::Value;

/// A change that an entry tells of.
pub(crate) struct Change<'a> {
    pub(crate) action: AuditAction,
    pub(crate) store: Option<&'a StoreId>,
    pub(crate) subject: String,
    pub(crate) by: &'a Actor,
    pub(crate) at: Timestamp,
    /// What changed, before and after; objects.
    pub(crate) from: Option<Value>,
    pub(crate) to: Option<Value>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(
        action: AuditAction,
        store: Option<&'a StoreId>,
        subject: impl Display,
        by: &'a Actor,
        at: Timestamp,
    ) -> Self {
        Self { action, store, subject: subject.to_string(), by, at, from: None, to: None }
    }

    /// The entry that tells of it.
    pub(crate) fn entry(self, id: AuditId) -> AuditEntry {
        let text = |value: Option<Value>| value.map(|value| value.to_string());
        AuditEntry {
            id,
            at: self.at,
            actor: self.by.clone(),
            action: self.action,
            store: self.store.cloned(),
            subject: self.subject,
            from: text(self.from),
            to: text(self.to),
        }
    }
}

/// A moment inside an entry, as it is on the wire.
pub(crate) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.as_millis().to_string(), |at| format!("{at:.3}"))
}

/// Reads what [`moment`] writes.
pub(crate) fn read_moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}
