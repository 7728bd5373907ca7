//! A webhook (cấu hình webhook): where to send what.

use crate::catalogue::EventPattern;
use crate::delivery::Reason;
use crate::event::EventType;
use crate::header::CustomHeader;
use crate::ids::WebhookId;
use crate::limits::OLD_SECRET_LIFETIME;
use crate::retry::{PolicyChange, PolicyOverrides};
use crate::signing::{SigningSecret, SigningSecrets};
use crate::store::StoreId;
use crate::time::Timestamp;
use crate::webhook_url::WebhookUrl;

/// A webhook with its secrets in clear: it lives in memory only, and the store seals what it keeps.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub store: StoreId,
    /// Where the events go.
    pub url: WebhookUrl,
    /// Which events; never empty.
    pub events: Vec<EventPattern>,
    /// What is sent along, to tell the receiver where a request comes from.
    pub headers: Vec<CustomHeader>,
    /// A note of the owner's.
    pub description: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why it is disabled, where the receiver did it: `webhook_gone`.
    pub disabled_reason: Option<Reason>,
    /// What it sets of the delivery policy.
    pub policy: PolicyOverrides,
    /// What its requests are signed with.
    pub secrets: SigningSecrets,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What a change of a webhook sets; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// A new URL.
    pub url: Option<WebhookUrl>,
    /// New event types; not empty.
    pub events: Option<Vec<EventPattern>>,
    /// New headers, all of them.
    pub headers: Option<Vec<CustomHeader>>,
    /// A new note.
    pub description: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// What changes of the policy.
    pub policy: PolicyChange,
    /// A new signing secret; the old one goes on signing for [`OLD_SECRET_LIFETIME`].
    pub secret: Option<SigningSecret>,
}

impl Webhook {
    /// Whether it is set up for events of this type, which belongs to `group`; nothing is sent while it is
    /// disabled.
    pub fn wants(&self, event_type: &EventType, group: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(event_type, group))
    }

    /// The webhook with a change made at `now`.
    #[must_use]
    pub fn changed(mut self, change: WebhookChange, now: Timestamp) -> Self {
        if let Some(url) = change.url {
            self.url = url;
        }
        if let Some(events) = change.events {
            self.events = events;
        }
        if let Some(headers) = change.headers {
            self.headers = headers;
        }
        if let Some(description) = change.description {
            self.description = description;
        }
        self.policy = self.policy.changed(change.policy);
        if let Some(enabled) = change.enabled {
            self.enabled = enabled;
            self.disabled_reason = None;
        }
        if let Some(secret) = change.secret {
            let old = std::mem::replace(&mut self.secrets.current, secret);
            self.secrets.previous = Some((old, now + OLD_SECRET_LIFETIME));
        }
        self.updated_at = now;
        self
    }
}
