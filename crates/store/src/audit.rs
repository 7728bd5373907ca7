//! The audit log: every verb that changes configuration writes its entry in its own transaction, so a change
//! and its entry are there together or not at all.

use async_trait::async_trait;
use bocau_domain::{Actor, AuditAction, AuditEntry, AuditId, StoreId, Timestamp};

use crate::{Page, Result};

/// Something that changes nothing else, to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub action: AuditAction,
    /// In which store; none where it is the platform's.
    pub store: Option<StoreId>,
    /// To what: an id.
    pub subject: String,
}

/// The verbs of the audit log.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes an entry about something that changes nothing else: that somebody saw a secret. Its id comes from
    /// the log itself, as with every other entry.
    async fn note_audit(&self, note: AuditNote) -> Result<()>;

    /// The log, newest first: all of it, or what belongs to these stores. Of a store, only what was written
    /// since it was made: whoever had its id before is nobody's business.
    async fn list_audit(&self, stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>>;
}
