//! The words about who may call.

use utoipa::ToSchema;

words! {
    /// Whose a session is.
    SessionKind {
        User = "user",
        Portal = "portal",
    }
    /// What a member may do.
    MemberRole {
        Admin = "admin",
        Member = "member",
        Viewer = "viewer",
    }
    /// What whoever opens a portal link may do.
    PortalRole {
        Member = "member",
        Viewer = "viewer",
    }
    /// What a key may be used for.
    KeyScope {
        Publish = "publish",
        Read = "read",
        Manage = "manage",
    }
    /// What kind of actor it was.
    ActorKind {
        System = "system",
        Key = "key",
        User = "user",
        Portal = "portal",
    }
    /// What was done.
    AuditAction {
        StoreCreated = "store.created",
        StoreRenamed = "store.renamed",
        StoreRetentionChanged = "store.retention_changed",
        StoreDeleted = "store.deleted",
        WebhookCreated = "webhook.created",
        WebhookChanged = "webhook.changed",
        WebhookDisabledByReceiver = "webhook.disabled_by_receiver",
        WebhookDeleted = "webhook.deleted",
        WebhookSecretRotated = "webhook.secret_rotated",
        WebhookSecretShown = "webhook.secret_shown",
        KeyCreated = "key.created",
        KeyRevoked = "key.revoked",
        UserCreated = "user.created",
        UserChanged = "user.changed",
        UserDeleted = "user.deleted",
        UserPasswordChanged = "user.password_changed",
        UserSignedIn = "user.signed_in",
        PortalLinkCreated = "portal_link.created",
        ResendJobStarted = "resend_job.started",
        ResendJobStopped = "resend_job.stopped",
        InboxCreated = "inbox.created",
        InboxChanged = "inbox.changed",
        InboxDeleted = "inbox.deleted",
        ObjectErased = "object.erased",
    }
}

/// A user signed in.
pub const USER_SESSION: &str = SessionKind::ALL[0];
/// Somebody came through a portal link.
pub const PORTAL_SESSION: &str = SessionKind::ALL[1];

#[cfg(test)]
mod tests {
    use bocau_domain::{Role, Scope};

    use super::*;

    #[test]
    fn the_document_names_the_words_that_are_sent() {
        let sent: [Vec<&str>; 4] = [
            Role::ALL.iter().map(|word| word.as_str()).collect(),
            Scope::ALL.iter().map(|word| word.as_str()).collect(),
            bocau_domain::ActorKind::ALL.iter().map(|word| word.as_str()).collect(),
            bocau_domain::AuditAction::ALL.iter().map(|word| word.as_str()).collect(),
        ];
        let named = [MemberRole::ALL, KeyScope::ALL, ActorKind::ALL, AuditAction::ALL];
        assert_eq!(named.map(<[&str]>::to_vec), sent);
        assert_eq!((USER_SESSION, PORTAL_SESSION), ("user", "portal"));
    }
}
