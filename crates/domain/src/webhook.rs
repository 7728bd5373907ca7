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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::EgressRules;

    const MADE: Timestamp = Timestamp::from_millis(1_000);
    const NOW: Timestamp = Timestamp::from_millis(2_000);

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::from_bytes(vec![byte; 32]).expect("long enough")
    }

    fn url(text: &str) -> WebhookUrl {
        WebhookUrl::parse(text, &EgressRules::default()).expect("a public address")
    }

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::from_bytes([1; 16]),
            store: "552".parse().expect("an id"),
            url: url("https://shop.example.com/a"),
            events: vec![EventPattern::Group("order".into())],
            headers: Vec::new(),
            description: "kho".into(),
            enabled: false,
            disabled_reason: Some(Reason::WebhookGone),
            policy: PolicyOverrides::default(),
            secrets: SigningSecrets::new(secret(1)),
            created_at: MADE,
            updated_at: MADE,
        }
    }

    #[test]
    fn a_webhook_wants_what_one_of_its_patterns_means() {
        let created = "order.created".parse().expect("a type");
        let webhook = Webhook {
            events: vec![EventPattern::Group("product".into()), EventPattern::Group("order".into())],
            ..webhook()
        };
        assert!(webhook.wants(&created, "order"));
        assert!(!webhook.wants(&created, "customer"));
    }

    #[test]
    fn a_change_sets_what_it_names_and_leaves_the_rest() {
        let changed = webhook().changed(WebhookChange::default(), NOW);
        assert_eq!(
            (changed.url.as_str(), changed.description.as_str()),
            ("https://shop.example.com/a", "kho")
        );
        assert_eq!((changed.enabled, changed.disabled_reason), (false, Some(Reason::WebhookGone)));
        assert!(changed.secrets.previous.is_none());
        assert_eq!((changed.created_at, changed.updated_at), (MADE, NOW));

        let change = WebhookChange {
            url: Some(url("https://shop.example.com/b")),
            events: Some(vec![EventPattern::All]),
            description: Some(String::new()),
            enabled: Some(true),
            policy: PolicyChange { interval: Some(Some(Duration::from_mins(1))), ..PolicyChange::default() },
            ..WebhookChange::default()
        };
        let changed = webhook().changed(change, NOW);
        assert_eq!(changed.url.as_str(), "https://shop.example.com/b");
        assert_eq!((changed.events, changed.description.as_str()), (vec![EventPattern::All], ""));
        assert_eq!((changed.enabled, changed.disabled_reason), (true, None));
        assert_eq!(changed.policy.interval, Some(Duration::from_mins(1)));
    }

    #[test]
    fn an_old_secret_goes_on_signing_for_its_lifetime_after_a_new_one() {
        let change = WebhookChange { secret: Some(secret(2)), ..WebhookChange::default() };
        let secrets = webhook().changed(change, NOW).secrets;
        assert_eq!(secrets.current.expose_bytes(), [2; 32]);
        let (old, until) = secrets.previous.expect("is kept");
        assert_eq!((old.expose_bytes(), until), (&[1; 32][..], NOW + OLD_SECRET_LIFETIME));
    }
}
