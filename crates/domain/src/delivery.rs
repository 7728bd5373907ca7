//! A delivery: one event on its way to one webhook, a row of the page Sự kiện webhook.

use std::time::Duration;

use crate::attempt::{Outcome, Trigger, wire_enum};
use crate::event::{EventType, ObjectId};
use crate::ids::{DeliveryId, EventId, WebhookId};
use crate::time::Timestamp;

wire_enum! {
    /// The five stored states. “Đang gửi” is shown while an attempt is in flight and is not one of them.
    Status {
        /// Chờ gửi: not tried yet.
        Pending = "pending",
        /// Chờ gửi lại: the last attempt failed, another is planned.
        Retrying = "retrying",
        /// Thành công: the last attempt was acknowledged.
        Succeeded = "succeeded",
        /// Thất bại: the last attempt failed and no other is planned.
        Failed = "failed",
        /// Bỏ qua: not sent, with the reason.
        Skipped = "skipped",
    }
}

wire_enum! {
    /// Why a delivery was skipped, or failed before its attempts were used up.
    Reason {
        /// No webhook of the store takes this type.
        NoWebhook = "no_webhook",
        /// The webhook was disabled while the delivery waited.
        WebhookDisabled = "webhook_disabled",
        /// The webhook was deleted while the delivery waited.
        WebhookDeleted = "webhook_deleted",
        /// The receiver answered 410 Gone, which disabled the webhook.
        WebhookGone = "webhook_gone",
        /// Five attempts in a row ended unknown: whatever is sent, the node that sends it dies.
        Interrupted = "interrupted",
        /// It was still waiting a week after its time in the store was over.
        Expired = "expired",
        /// What is kept of its object was erased.
        ObjectErased = "object_erased",
    }
}

/// The number of a claim; it grows with each, so that a result of an older one is known as stale.
pub type ClaimNumber = u32;

/// The part of a delivery that changes. Only [`crate::transition()`] changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryState {
    /// Where it stands.
    pub status: Status,
    /// Why it was skipped, or failed early.
    pub reason: Option<Reason>,
    /// When the next automatic attempt is due; only while `pending` or `retrying`.
    pub next_attempt_at: Option<Timestamp>,
    /// When somebody asked for a resend that has not been made yet.
    pub resend_at: Option<Timestamp>,
    /// The number of the last claim.
    pub claim: ClaimNumber,
    /// When the lease of the open claim ends; `None` while nobody holds it.
    pub claimed_until: Option<Timestamp>,
    /// Automatic attempts made, those that count against the policy.
    pub auto_attempts: u32,
    /// Attempts `interrupted` in a row.
    pub interruptions: u32,
    /// The number of the last row of the history.
    pub last_number: u32,
    /// Attempts sent, whoever asked for them; `interrupted` ones, of which nobody knows, are not counted.
    pub attempts: u32,
    /// Attempts that were answered: the document's “Số lần đã xử lý”.
    pub responses: u32,
    /// The status code of the last answer.
    pub last_status_code: Option<u16>,
}

impl DeliveryState {
    /// Of a new delivery that is due at once.
    pub const fn pending(now: Timestamp) -> Self {
        Self { status: Status::Pending, next_attempt_at: Some(now), ..Self::skipped(None) }
    }

    /// Of a new delivery that was never meant to be sent.
    pub const fn skipped(reason: Option<Reason>) -> Self {
        Self {
            status: Status::Skipped,
            reason,
            next_attempt_at: None,
            resend_at: None,
            claim: 0,
            claimed_until: None,
            auto_attempts: 0,
            interruptions: 0,
            last_number: 0,
            attempts: 0,
            responses: 0,
            last_status_code: None,
        }
    }

    /// The single clock of a delivery: it may be claimed from this moment on, and not at all where there is
    /// none. An open claim's is the end of its lease.
    pub fn due_at(&self) -> Option<Timestamp> {
        match (self.claimed_until, self.resend_at, self.next_attempt_at) {
            (Some(lease_end), _, _) => Some(lease_end),
            (None, Some(resend), Some(planned)) => Some(resend.min(planned)),
            (None, resend, planned) => resend.or(planned),
        }
    }

    /// What sets off the attempt that a claim made at `now` leads to: what was asked for until then comes first.
    pub fn next_trigger(&self, is_test: bool, now: Timestamp) -> Trigger {
        if self.resend_at.is_some_and(|asked| asked <= now) {
            Trigger::Manual
        } else if is_test {
            Trigger::Test
        } else {
            Trigger::Auto
        }
    }

    /// Whether an attempt is still to come.
    pub fn is_waiting(&self) -> bool {
        self.due_at().is_some()
    }
}

/// A row of the report page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event it carries.
    pub event_id: EventId,
    /// Where it goes; none for an event that no webhook takes.
    pub webhook_id: Option<WebhookId>,
    /// The webhook's URL.
    pub url: Option<String>,
    /// The event's type.
    pub event_type: EventType,
    /// The event's object.
    pub object_id: ObjectId,
    /// Whether it came from “gửi thử” and carries a sample.
    pub is_test: bool,
    /// Where it stands.
    pub state: DeliveryState,
    /// What went wrong last, in words for a programmer.
    pub last_error: Option<String>,
    /// How the last attempt ended whose result moved the state; an `interrupted` one counts, a stale one does
    /// not. `None` before the first, and where it was made before this was kept.
    pub last_outcome: Option<Outcome>,
    /// How long that attempt took; `None` also where it was `interrupted`, since nobody knows when it ended.
    pub last_duration: Option<Duration>,
    /// When it was made.
    pub created_at: Timestamp,
}
