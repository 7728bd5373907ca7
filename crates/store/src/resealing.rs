//! Resealing: what older master keys sealed is sealed anew with the present one, a batch at a time, while others read
//! and write.

use async_trait::async_trait;
use bocau_domain::{AuditId, InboxRequestId, UserId, WebhookId};

use crate::Result;

/// Values that one call seals anew.
pub const RESEAL_BATCH: usize = 500;

/// A column whose values are sealed, of a table with an `id` of 16 bytes.
pub(crate) struct SealedColumn {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// What the value of the row with this id is sealed for.
    pub(crate) place: fn([u8; 16]) -> String,
}

const fn column(table: &'static str, column: &'static str, place: fn([u8; 16]) -> String) -> SealedColumn {
    SealedColumn { table, column, place }
}

/// Every one of them, besides what `meta` has. The places are those that the values are written with.
pub(crate) const SEALED_COLUMNS: [SealedColumn; 7] = [
    column("webhooks", "secret", |id| format!("webhook/{}/secret", WebhookId::from_bytes(id))),
    column("webhooks", "previous_secret", |id| {
        format!("webhook/{}/previous_secret", WebhookId::from_bytes(id))
    }),
    column("webhooks", "headers", |id| format!("webhook/{}/headers", WebhookId::from_bytes(id))),
    column("users", "password_hash", |id| format!("user/{}/password_hash", UserId::from_bytes(id))),
    column("audit_log", "before", |id| format!("audit/{}/from", AuditId::from_bytes(id))),
    column("audit_log", "after", |id| format!("audit/{}/to", AuditId::from_bytes(id))),
    column("inbox_requests", "headers", |id| {
        format!("inbox request/{}/headers", InboxRequestId::from_bytes(id))
    }),
];

/// The verb about sealing anew.
#[async_trait]
pub trait Resealing: Send + Sync {
    /// Seals anew up to [`RESEAL_BATCH`] values that another key than the present one has sealed; answers how many there
    /// were, 0 where none is left.
    async fn reseal(&self) -> Result<usize>;
}
