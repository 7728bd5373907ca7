//! What is written when an attempt has ended: a row of the history, and the delivery's new state.
//!
//! The state moves only where the claim still holds. A stale claim's result becomes a history row and
//! nothing more. A result that is there already – the database wrote it, and its answer was lost – is not
//! written again.

use std::time::Duration;

use bocau_domain::{Delivery, Outcome, RetryPolicy, Timestamp, Trigger, WebhookId};

use crate::claims::ClaimRef;

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// The claim it was made under.
    pub claim: ClaimRef,
    /// Where it went.
    pub webhook: WebhookId,
    /// What set it off.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer's status code.
    pub status_code: Option<u16>,
    /// What went wrong, in words for a programmer; never a secret.
    pub error: Option<String>,
    /// What was sent, with the values of the webhook's own headers masked.
    pub request_headers: Vec<(String, String)>,
    /// What was answered.
    pub response_headers: Vec<(String, String)>,
    /// The beginning of the answer's body.
    pub response_body: Vec<u8>,
    /// Whether the body was longer than that.
    pub response_truncated: bool,
    /// The receiver at this URL answered 410 Gone: where the state moves and the webhook still has the URL,
    /// it is disabled with `webhook_gone` (and the config version bumped) in the same transaction, and up to
    /// [`crate::SKIP_BATCH`] of its waiting deliveries are skipped.
    pub gone: Option<String>,
    /// The moment that `Retry-After` names.
    pub retry_after: Option<Timestamp>,
    /// The retry policy that holds for the webhook.
    pub policy: RetryPolicy,
}

impl AttemptRecord {
    /// When it ended.
    pub fn ended_at(&self) -> Timestamp {
        self.started_at + self.duration
    }
}

/// What came of recording an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The state moved: now, or when the same record was written before and nobody heard of it.
    Moved {
        /// The delivery as it now stands.
        delivery: Box<Delivery>,
        /// The number of the history row.
        number: u32,
        /// Whether the webhook was disabled by it, or may have been where that was before.
        webhook_disabled: bool,
    },
    /// The claim was no longer held: a row of the history, and nothing more.
    Stale {
        /// The number of the history row.
        number: u32,
    },
    /// The delivery is not there any more (its store was deleted): nothing was written.
    Vanished,
}
