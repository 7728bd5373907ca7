//! Test inboxes, and the last requests that each received. The headers of a request are sealed: a webhook's
//! own are among them, and those are secrets.

use async_trait::async_trait;
use bocau_domain::{Actor, Inbox, InboxAnswer, InboxId, InboxRequest, StoreId, Timestamp};

use crate::{NotChanged, Result};

/// The verbs about test inboxes.
#[async_trait]
pub trait Inboxes: Send + Sync {
    /// Makes an inbox. `NotFound`: the store is not there; `Taken`: the id or the token; `TooMany`.
    async fn create_inbox(&self, inbox: Inbox, by: &Actor) -> Result<std::result::Result<(), NotChanged>>;

    /// The inboxes of a store, the oldest first.
    async fn list_inboxes(&self, store: &StoreId) -> Result<Vec<Inbox>>;

    /// One inbox of a store.
    async fn find_inbox(&self, store: &StoreId, id: InboxId) -> Result<Option<Inbox>>;

    /// The inbox whose URL has this token.
    async fn find_inbox_by_token(&self, token: &str) -> Result<Option<Inbox>>;

    /// Lets an inbox answer otherwise; `None` where it is not there.
    async fn change_inbox(
        &self,
        store: &StoreId,
        id: InboxId,
        answer: InboxAnswer,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Inbox>>;

    /// Deletes an inbox with its requests; false where it is not there.
    async fn delete_inbox(&self, store: &StoreId, id: InboxId, by: &Actor, now: Timestamp) -> Result<bool>;

    /// Keeps a request, in place of the oldest where there are
    /// [`bocau_domain::limits::INBOX_REQUESTS_MAX`]; of its body the first
    /// [`bocau_domain::limits::INBOX_BODY_BYTES_MAX`] bytes. False where the inbox is not there.
    async fn add_inbox_request(&self, request: InboxRequest) -> Result<bool>;

    /// What an inbox received, the newest first; empty where it is not there.
    async fn list_inbox_requests(&self, store: &StoreId, id: InboxId) -> Result<Vec<InboxRequest>>;
}
