//! The audit log (nhật ký thay đổi): who changed what, and when.

use std::borrow::Cow;

use crate::attempt::wire_enum;
use crate::ids::{ApiKeyId, UserId};
pub use crate::ids::{AuditId, AuditIds};
use crate::store::StoreId;
use crate::time::Timestamp;
use crate::user::Email;

wire_enum! {
    /// What kind of actor it was.
    ActorKind {
        /// Bồ Câu itself, or somebody at the command line.
        System = "system",
        /// A program with an API key.
        Key = "key",
        /// A person who signed in.
        User = "user",
        /// A person who came through a portal link, known to the platform and not to us.
        Portal = "portal",
    }
}

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// See [`ActorKind::System`].
    System,
    /// See [`ActorKind::Key`].
    Key {
        /// The key's id.
        id: ApiKeyId,
        /// What people call it.
        name: String,
    },
    /// See [`ActorKind::User`].
    User {
        /// The user's id.
        id: UserId,
        /// The address as it was then.
        email: Email,
    },
    /// See [`ActorKind::Portal`].
    Portal {
        /// The one store that the link is for.
        store: StoreId,
    },
}

impl Actor {
    /// What kind of actor it is.
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::System => ActorKind::System,
            Self::Key { .. } => ActorKind::Key,
            Self::User { .. } => ActorKind::User,
            Self::Portal { .. } => ActorKind::Portal,
        }
    }

    /// What people know it by: a key's name, a user's address, a portal's store.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::System => Cow::Borrowed("bocau"),
            Self::Key { name, .. } => Cow::Borrowed(name),
            Self::User { email, .. } => Cow::Borrowed(email.as_str()),
            Self::Portal { store } => Cow::Borrowed(store.as_str()),
        }
    }
}

wire_enum! {
    /// What was done.
    AuditAction {
        /// A store was made.
        StoreCreated = "store.created",
        /// A store got another name.
        StoreRenamed = "store.renamed",
        /// A store's events are kept for another time.
        StoreRetentionChanged = "store.retention_changed",
        /// A store was deleted with all that lies under it.
        StoreDeleted = "store.deleted",
        /// A webhook was made.
        WebhookCreated = "webhook.created",
        /// A webhook was changed.
        WebhookChanged = "webhook.changed",
        /// A receiver answered 410 Gone, which disabled its webhook.
        WebhookDisabledByReceiver = "webhook.disabled_by_receiver",
        /// A webhook was deleted.
        WebhookDeleted = "webhook.deleted",
        /// A webhook got another signing secret.
        WebhookSecretRotated = "webhook.secret_rotated",
        /// Somebody looked at a webhook's signing secret.
        WebhookSecretShown = "webhook.secret_shown",
        /// An API key was made.
        KeyCreated = "key.created",
        /// An API key was taken away.
        KeyRevoked = "key.revoked",
        /// A user was made.
        UserCreated = "user.created",
        /// A user's address, role or stores changed.
        UserChanged = "user.changed",
        /// A user was deleted.
        UserDeleted = "user.deleted",
        /// A user got another password.
        UserPasswordChanged = "user.password_changed",
        /// A user signed in.
        UserSignedIn = "user.signed_in",
        /// A link into the store's pages was made.
        PortalLinkCreated = "portal_link.created",
        /// A resend of many deliveries was begun.
        ResendJobStarted = "resend_job.started",
        /// A resend of many deliveries was stopped before its end.
        ResendJobStopped = "resend_job.stopped",
        /// A test inbox was made.
        InboxCreated = "inbox.created",
        /// A test inbox answers otherwise.
        InboxChanged = "inbox.changed",
        /// A test inbox was deleted.
        InboxDeleted = "inbox.deleted",
        /// What is kept of an order, product or customer was erased.
        ObjectErased = "object.erased",
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; a later entry has a greater one.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub action: AuditAction,
    /// In which store; none where it is the platform's.
    pub store: Option<StoreId>,
    /// To what: the id of a store, webhook, key, user, job or inbox.
    pub subject: String,
    /// What changed, as it was before: a JSON object. Never a secret; the values of headers are masked.
    pub from: Option<String>,
    /// What changed, as it was afterwards.
    pub to: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named_by_what_people_know_it_by() {
        let email: Email = "Lan@Example.com".parse().expect("an address");
        for (actor, kind, name) in [
            (Actor::System, "system", "bocau"),
            (Actor::Key { id: ApiKeyId::from_bytes([1; 16]), name: "Kho".into() }, "key", "Kho"),
            (Actor::User { id: UserId::from_bytes([1; 16]), email }, "user", "lan@example.com"),
            (Actor::Portal { store: "552".parse().expect("a store id") }, "portal", "552"),
        ] {
            assert_eq!((actor.kind().as_str(), &*actor.name()), (kind, name));
        }
    }
}
