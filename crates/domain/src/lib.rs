//! What the words of Bồ Câu mean: types that carry the rules, and pure functions over them.
//!
//! No I/O, no async, no serde, no SQL: time and randomness are handed in ([`Clock`], [`Rng`]), and the
//! boundaries (store, API) convert. Everything else in the workspace depends on this crate, and it depends
//! on none of the others.

pub mod acknowledgement;
pub mod address;
pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod catalogue;
pub mod delivery;
pub mod event;
pub mod header;
pub mod ids;
pub mod inbox;
pub mod limits;
pub mod node;
pub mod resend_job;
pub mod retention;
pub mod retry;
pub mod signing;
pub mod store;
pub mod time;
pub mod transition;
pub mod user;
pub mod webhook;
pub mod webhook_url;

pub use acknowledgement::{Verdict, judge_response};
pub use api_key::{ApiKey, ApiKeyId, Owner, Scope, Scopes};
pub use attempt::{Attempt, Outcome, Trigger};
pub use audit::{Actor, ActorKind, AuditAction, AuditEntry, AuditId, AuditIds};
pub use catalogue::{Catalogue, CatalogueEntry, EventPattern};
pub use delivery::{Delivery, DeliveryState, Reason, Status};
pub use event::{Event, EventType, ObjectId};
pub use header::{CustomHeader, HeaderRefusal};
pub use ids::{DeliveryId, EventId, IdSource, WebhookId};
pub use inbox::{INBOX_HOST, Inbox, InboxAnswer, InboxId, InboxRequest, InboxRequestId, inbox_url};
pub use node::{Node, NodeCard, NodeId, NodeRole};
pub use resend_job::{ResendJobId, ResendJobState};
pub use retention::RetentionDays;
pub use retry::{DeliveryPolicy, PolicyOverrides, RetryPolicy};
pub use signing::{SigningSecret, SigningSecrets};
pub use store::{StoreChange, StoreId, StoreInfo};
pub use time::{Clock, Rng, Timestamp};
pub use transition::{Input, Refusal, transition};
pub use user::{Email, Role, User, UserChange, UserId};
pub use webhook::{Webhook, WebhookChange};
pub use webhook_url::{UrlRefusal, WebhookUrl};
