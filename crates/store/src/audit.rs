//! The audit log: every verb that changes configuration writes its entry in its own transaction, so a change
//! and its entry are there together or not at all.

use async_trait::async_trait;
use bocau_domain::{AuditEntry, AuditId, StoreId};

use crate::{Page, Result};

/// The verbs of the audit log.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes an entry about something that changes nothing else: that somebody signed in, or saw a secret.
    async fn note_audit(&self, entry: AuditEntry) -> Result<()>;

    /// The log, newest first: all of it, or what belongs to these stores. Of a store, only what was written
    /// since it was made: whoever had its id before is nobody's business.
    async fn list_audit(&self, stores: Option<Vec<StoreId>>, page: Page<AuditId>) -> Result<Vec<AuditEntry>>;
}
