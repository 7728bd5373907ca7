//! Deliveries and attempts on the wire.

use std::time::Duration;

use bocau_domain::{Attempt, Delivery};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::personal::PersonalFields;
use crate::problem::Problem;
use crate::time::to_rfc3339;
use crate::v1::HeaderView;
use crate::v1::words::{AttemptOutcome, AttemptTrigger, DeliveryReason, DeliveryStatus};

/// A row of the page Sự kiện webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// The event it carries.
    pub event_id: String,
    /// Where it goes; `null` for an event that no webhook takes.
    #[schema(required)]
    pub webhook_id: Option<String>,
    /// The webhook's URL.
    #[schema(required)]
    pub url: Option<String>,
    /// Loại sự kiện.
    pub event_type: String,
    /// ID đối tượng.
    pub object_id: String,
    /// Trạng thái.
    #[schema(value_type = DeliveryStatus)]
    pub status: String,
    /// Why it was skipped, or failed before its attempts were used up.
    #[schema(required, value_type = Option<DeliveryReason>)]
    pub reason: Option<String>,
    /// Whether it came from “gửi thử” and carries a sample.
    pub test: bool,
    /// Attempts sent.
    pub attempts: u32,
    /// Số lần đã xử lý: attempts that were answered.
    pub responses: u32,
    /// The status code of the last attempt's answer.
    #[schema(required)]
    pub last_status_code: Option<u16>,
    /// What went wrong in the last attempt.
    #[schema(required)]
    pub last_error: Option<String>,
    /// How the last attempt ended; `null` before the first, and where an earlier version made it that did not
    /// keep this.
    #[schema(required, value_type = Option<AttemptOutcome>)]
    pub last_outcome: Option<String>,
    /// Milliseconds that the last attempt took, from its start to the end of the answer or to giving up; `null`
    /// where `last_outcome` is, and where that is `interrupted`, since nobody knows.
    #[schema(required)]
    pub last_duration_ms: Option<u64>,
    /// Ngày tạo.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the next automatic attempt is due.
    #[schema(required, format = DateTime)]
    pub next_attempt_at: Option<String>,
    /// Whether a resend was asked for and is still to come.
    pub resend_waiting: bool,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id.to_string(),
            event_id: row.event_id.to_string(),
            webhook_id: row.webhook_id.map(|id| id.to_string()),
            url: row.url,
            event_type: row.event_type.to_string(),
            object_id: row.object_id.to_string(),
            status: row.state.status.to_string(),
            reason: row.state.reason.map(|reason| reason.to_string()),
            test: row.is_test,
            attempts: row.state.attempts,
            responses: row.state.responses,
            last_status_code: row.state.last_status_code,
            last_error: row.last_error,
            last_outcome: row.last_outcome.map(|outcome| outcome.to_string()),
            last_duration_ms: row.last_duration.map(millis),
            created_at: to_rfc3339(row.created_at),
            next_attempt_at: row.state.next_attempt_at.map(to_rfc3339),
            resend_waiting: row.state.resend_at.is_some(),
        }
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A row of the popup Lịch sử sự kiện.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    /// Counts from 1 within the delivery.
    pub number: u32,
    /// What set it off.
    #[schema(value_type = AttemptTrigger)]
    pub trigger: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Milliseconds from its start to the end of the answer, or to giving up.
    pub duration_ms: u64,
    /// How it ended.
    #[schema(value_type = AttemptOutcome)]
    pub outcome: String,
    /// The answer's status code.
    #[schema(required)]
    pub status_code: Option<u16>,
    /// What went wrong, in words for a programmer.
    #[schema(required)]
    pub error: Option<String>,
    /// What was sent; the values of the webhook's own headers are masked.
    pub request_headers: Vec<HeaderView>,
    /// What was answered.
    pub response_headers: Vec<HeaderView>,
    /// The beginning of the answer's body, up to 16 KiB; what is no UTF-8 is replaced by `�`.
    pub response_body: String,
    /// Whether the body was longer than that.
    pub response_truncated: bool,
}

impl From<Attempt> for AttemptView {
    fn from(row: Attempt) -> Self {
        let headers = |list: Vec<(String, String)>| {
            list.into_iter().map(|(key, value)| HeaderView { key, value }).collect()
        };
        Self {
            number: row.number,
            trigger: row.trigger.to_string(),
            started_at: to_rfc3339(row.started_at),
            duration_ms: millis(row.duration),
            outcome: row.outcome.to_string(),
            status_code: row.status_code,
            error: row.error,
            request_headers: headers(row.request_headers),
            response_headers: headers(row.response_headers),
            response_body: String::from_utf8_lossy(&row.response_body).into_owned(),
            response_truncated: row.response_truncated,
        }
    }
}

/// A delivery with its payload and history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryWithHistory)]
pub struct DeliveryWithHistory {
    /// The row.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// What is sent, in the very bytes that were received.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// The attempts, oldest first.
    pub history: Vec<AttemptView>,
}

impl AttemptView {
    /// With the personal data of the answer masked.
    pub fn masked(row: Attempt, masks: &PersonalFields) -> Self {
        let view = Self::from(row);
        Self { response_body: masks.mask_body(view.response_body), ..view }
    }
}

/// A stored payload as JSON text, with personal data masked.
pub fn payload(bytes: Vec<u8>, masks: &PersonalFields) -> Result<Box<RawValue>, Problem> {
    // It was checked to be JSON when it came in.
    let text = String::from_utf8(bytes).map_err(|_| Problem::internal())?;
    let text = masks.mask_json(&text).map_err(|_| Problem::internal())?;
    RawValue::from_string(text).map_err(|_| Problem::internal())
}
