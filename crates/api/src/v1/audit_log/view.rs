//! A line of the audit log on the wire.

use bocau_domain::AuditEntry;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::time::to_rfc3339;
use crate::v1::words;

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditEntryView {
    /// The line's id.
    pub id: String,
    /// When it was done.
    #[schema(format = DateTime)]
    pub at: String,
    /// By whom.
    pub actor: ActorView,
    /// What was done.
    #[schema(value_type = words::AuditAction)]
    pub action: &'static str,
    /// In which store; `null` where it is the platform's.
    #[schema(required)]
    pub store_id: Option<String>,
    /// To what: the id of a store, webhook, key, member, job or inbox.
    pub subject: String,
    /// What changed, as it was before. Secrets and the values of headers are masked.
    #[schema(required, value_type = Option<Object>)]
    pub from: Option<Box<RawValue>>,
    /// What changed, as it was afterwards.
    #[schema(required, value_type = Option<Object>)]
    pub to: Option<Box<RawValue>>,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorView {
    /// Bồ Câu itself or its command line, an API key, a user, or somebody who came through a portal link.
    #[schema(value_type = words::ActorKind)]
    pub kind: &'static str,
    /// A key's name, a user's e-mail address, a portal's store.
    pub name: String,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        let json = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        Self {
            id: entry.id.to_string(),
            at: to_rfc3339(entry.at),
            actor: ActorView { kind: entry.actor.kind().as_str(), name: entry.actor.name().into_owned() },
            action: entry.action.as_str(),
            store_id: entry.store.map(|store| store.to_string()),
            subject: entry.subject,
            from: json(entry.from),
            to: json(entry.to),
        }
    }
}
