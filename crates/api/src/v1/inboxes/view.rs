//! A test inbox and what it received, on the wire.

use bocau_domain::header::{MASK, is_ours};
use bocau_domain::{Inbox, InboxRequest, inbox_url};
use serde::Serialize;
use utoipa::ToSchema;

use crate::personal::PersonalFields;
use crate::problem::Problem;
use crate::time::to_rfc3339;
use crate::v1::HeaderView;
use crate::v1::words::InboxAnswer;

/// A test inbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Inbox)]
pub struct InboxView {
    /// Its id.
    pub id: String,
    /// What people call it; may be empty.
    pub name: String,
    /// The webhook URL that leads to it. It is this server's own and means nothing elsewhere.
    pub url: String,
    /// What it answers.
    #[schema(value_type = InboxAnswer)]
    pub answer: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<Inbox> for InboxView {
    fn from(inbox: Inbox) -> Self {
        Self {
            id: inbox.id.to_string(),
            name: inbox.name,
            url: inbox_url(&inbox.token),
            answer: inbox.answer.as_str(),
            created_at: to_rfc3339(inbox.created_at),
        }
    }
}

/// A request that a test inbox received.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InboxRequest)]
pub struct InboxRequestView {
    /// Its id.
    pub id: String,
    /// When it came in.
    #[schema(format = DateTime)]
    pub at: String,
    /// Its headers. Without `manage` the values are masked, except of those that Bồ Câu sets.
    pub headers: Vec<HeaderView>,
    /// The first 64 KiB of its body; what is no UTF-8 is replaced by `�`.
    pub body: String,
    /// Whether its signature was that of a webhook of the store; `null` where it had none.
    #[schema(required)]
    pub verified: Option<bool>,
    /// The status code it was answered with.
    pub answer_status: u16,
}

/// The view of a request for one who may see header values, or may not. `prefix` is the one of our own
/// headers.
pub(super) fn request_view(
    request: InboxRequest,
    prefix: &str,
    shows_values: bool,
    masks: &PersonalFields,
) -> InboxRequestView {
    let header = |(key, value): (String, String)| {
        let is_shown = shows_values || is_ours(&key, prefix);
        HeaderView { key, value: if is_shown { value } else { MASK.to_owned() } }
    };
    InboxRequestView {
        id: request.id.to_string(),
        at: to_rfc3339(request.at),
        headers: request.headers.into_iter().map(header).collect(),
        body: masks.mask_body(String::from_utf8_lossy(&request.body).into_owned()),
        verified: request.verified,
        answer_status: request.answer_status,
    }
}

/// No such inbox.
pub(super) fn no_inbox() -> Problem {
    Problem::not_found("hộp thử này", "test inbox")
}
