//! The test inbox (hộp thử): a receiver of our own, for trying webhooks before one has a server.

use std::fmt;

use crate::attempt::wire_enum;
pub use crate::ids::{InboxId, InboxRequestId};
use crate::store::StoreId;
use crate::time::Timestamp;

/// The name of all test inboxes, in a domain that the public DNS never has (RFC 6761, 6.2). Deliveries to it
/// go to a listener of this very process, without DNS: see [`crate::address::EgressRules::inbox`].
pub const INBOX_HOST: &str = "inbox.bocau.test";

/// The URL of the inbox with this token.
pub fn inbox_url(token: &str) -> String {
    format!("https://{INBOX_HOST}/{token}")
}

wire_enum! {
    /// What an inbox answers.
    InboxAnswer {
        /// 200 and `{"status": 200, "message": "OK"}`.
        Ok = "ok",
        /// 500.
        Fail = "fail",
        /// 200, but late.
        Slow = "slow",
    }
}

/// A test inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// Its id.
    pub id: InboxId,
    /// Whose it is.
    pub store: StoreId,
    /// What people call it; may be empty.
    pub name: String,
    /// The random part of its URL's path. Who knows it may send to it, and nothing more.
    pub token: String,
    /// What it answers.
    pub answer: InboxAnswer,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A request that an inbox received.
#[derive(Clone, PartialEq, Eq)]
pub struct InboxRequest {
    /// Its id.
    pub id: InboxRequestId,
    /// The inbox.
    pub inbox: InboxId,
    /// When it came in.
    pub at: Timestamp,
    /// Its headers, in the order they came in.
    pub headers: Vec<(String, String)>,
    /// Its body, as much as is kept of it ([`crate::limits::INBOX_BODY_BYTES_MAX`]).
    pub body: Vec<u8>,
    /// Whether its signature was that of a webhook of the store; `None` where it had none.
    pub verified: Option<bool>,
    /// The status code it was answered with.
    pub answer_status: u16,
}

/// Without what was sent: its headers are those of a webhook, which may be passwords.
impl fmt::Debug for InboxRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxRequest")
            .field("id", &self.id)
            .field("inbox", &self.inbox)
            .field("at", &self.at)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_has_an_address_that_no_name_server_knows() {
        assert_eq!(inbox_url("abc"), "https://inbox.bocau.test/abc");
    }

    #[test]
    fn a_request_prints_nothing_of_what_was_sent() {
        let request = InboxRequest {
            id: InboxRequestId::from_bytes([1; 16]),
            inbox: InboxId::from_bytes([2; 16]),
            at: Timestamp::from_millis(7),
            headers: vec![("authorization".into(), "Bearer hunter2".into())],
            body: b"hunter2".to_vec(),
            verified: Some(true),
            answer_status: 200,
        };
        let printed = format!("{request:?}");
        assert!(printed.contains("at: 7 ms") && printed.contains("verified: Some(true)"), "{printed}");
        assert!(!printed.contains("hunter2") && !printed.contains("104, 117"), "{printed}");
    }
}
