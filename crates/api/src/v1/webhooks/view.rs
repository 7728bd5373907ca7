//! A webhook on the wire, and what a request says of one.

use std::time::Duration;

use bocau_domain::limits::{DESCRIPTION_LENGTH_MAX, PATTERNS_PER_WEBHOOK_MAX};
use bocau_domain::retry::PolicyChange;
use bocau_domain::{CustomHeader, EventPattern, PolicyOverrides, RetryPolicy, Webhook, WebhookUrl};
use bocau_engine::Engine;
use bocau_engine::sender::MASK;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::given;
use crate::problem::Problem;
use crate::refusals::{header_refused, invalid, policy_refused, unknown_event_type, url_refused};
use crate::time::to_rfc3339;
use crate::v1::HeaderView;
use crate::v1::words::WebhookSetting;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// Where the events go.
    pub url: String,
    /// The URL's host in readable letters, where it is written in punycode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_host_readable: Option<String>,
    /// Event types (`order.created`), groups (`order.*`) or all (`*`).
    pub events: Vec<String>,
    /// What is sent along. Values are masked for a key without `manage`.
    pub headers: Vec<HeaderView>,
    /// A note of the owner's.
    pub description: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// `webhook_gone` where the receiver disabled it by answering 410.
    #[schema(required)]
    pub disabled_reason: Option<String>,
    /// Automatic attempts in all, the webhook's own or the server's.
    pub max_attempts: u32,
    /// Seconds between two automatic attempts; `null` where a schedule stands instead.
    #[schema(required)]
    pub retry_interval_seconds: Option<u64>,
    /// Seconds before each further attempt; `null` where number and interval stand instead.
    #[schema(required)]
    pub retry_schedule_seconds: Option<Vec<u64>>,
    /// The deadline of one attempt, the answer's body included.
    pub timeout_seconds: u64,
    /// Which of the four settings above are the webhook's own; the others follow the server's (`GET /defaults`).
    #[schema(value_type = Vec<WebhookSetting>)]
    pub own_settings: Vec<&'static str>,
    /// The part of the last 24 hours' ended deliveries that was acknowledged, 0 to 1; `null` where none has
    /// ended, and outside the list.
    #[schema(required)]
    pub success_rate_24h: Option<f64>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// The view of a webhook for one who may see header values, or may not.
pub fn view(webhook: &Webhook, engine: &Engine, shows_values: bool) -> WebhookView {
    let policy = webhook.policy.over(engine.policy());
    let (interval, schedule) = match &policy.retry {
        RetryPolicy::Every { interval, .. } => (Some(interval.as_secs()), None),
        RetryPolicy::Schedule(waits) => (None, Some(waits.iter().map(Duration::as_secs).collect())),
    };
    let header = |header: &CustomHeader| HeaderView {
        key: header.name.clone(),
        value: if shows_values { header.value.expose_secret().to_owned() } else { MASK.to_owned() },
    };
    WebhookView {
        id: webhook.id.to_string(),
        url: webhook.url.to_string(),
        url_host_readable: webhook.url.unicode_host(),
        events: webhook.events.iter().map(EventPattern::to_string).collect(),
        headers: webhook.headers.iter().map(header).collect(),
        description: webhook.description.clone(),
        enabled: webhook.enabled,
        disabled_reason: webhook.disabled_reason.map(|reason| reason.to_string()),
        max_attempts: policy.retry.max_attempts(),
        retry_interval_seconds: interval,
        retry_schedule_seconds: schedule,
        timeout_seconds: policy.timeout.as_secs(),
        own_settings: own_settings(&webhook.policy),
        success_rate_24h: None,
        created_at: to_rfc3339(webhook.created_at),
        updated_at: to_rfc3339(webhook.updated_at),
    }
}

/// By the names of their fields, in the order of [`WebhookSetting::ALL`].
fn own_settings(policy: &PolicyOverrides) -> Vec<&'static str> {
    let PolicyOverrides { max_attempts, interval, schedule, timeout } = policy;
    let is_own = [max_attempts.is_some(), interval.is_some(), schedule.is_some(), timeout.is_some()];
    WebhookSetting::ALL.iter().zip(is_own).filter_map(|(name, is_own)| is_own.then_some(*name)).collect()
}

/// What a request sets of the delivery policy. A field left out stays as it is; `null` goes back to the
/// server's setting.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PolicyFields {
    /// Automatic attempts in all: 1 to 20.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    pub max_attempts: Option<Option<u32>>,
    /// Seconds between two automatic attempts: 1 to 86400.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub retry_interval_seconds: Option<Option<u64>>,
    /// Instead of number and interval: seconds before each further attempt, 1 to 19 of them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<u64>>)]
    pub retry_schedule_seconds: Option<Option<Vec<u64>>>,
    /// The deadline of one attempt in seconds: 1 to 25.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub timeout_seconds: Option<Option<u64>>,
}

impl PolicyFields {
    /// As a change, checked against the limits.
    pub fn checked(self) -> Result<PolicyChange, Problem> {
        let seconds = |value: Option<Option<u64>>| value.map(|value| value.map(Duration::from_secs));
        let waits = |list: Vec<u64>| list.into_iter().map(Duration::from_secs).collect();
        let change = PolicyChange {
            max_attempts: self.max_attempts,
            interval: seconds(self.retry_interval_seconds),
            schedule: self.retry_schedule_seconds.map(|list| list.map(waits)),
            timeout: seconds(self.timeout_seconds),
        };
        let asked = PolicyOverrides {
            max_attempts: change.max_attempts.flatten(),
            interval: change.interval.flatten(),
            schedule: change.schedule.clone().flatten(),
            timeout: change.timeout.flatten(),
        };
        asked.check().map_err(policy_refused)?;
        Ok(change)
    }
}

/// Checks a URL.
pub(super) fn url(raw: &str, engine: &Engine) -> Result<WebhookUrl, Problem> {
    WebhookUrl::parse(raw, engine.rules()).map_err(|refusal| url_refused("/url", refusal))
}

/// Checks the events: some, all in the catalogue, none twice.
pub(super) fn events(names: &[String], engine: &Engine) -> Result<Vec<EventPattern>, Problem> {
    if !(1..=PATTERNS_PER_WEBHOOK_MAX).contains(&names.len()) {
        return Err(invalid(
            "/events",
            "Chọn từ 1 đến 100 sự kiện; “*” là tất cả.",
            "Name 1 to 100 events; “*” is all.",
        ));
    }
    let mut patterns = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let pointer = format!("/events/{place}");
        let pattern = engine.catalogue().pattern(name).ok_or_else(|| unknown_event_type(&pointer, name))?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

/// Checks the headers.
pub(super) fn headers(headers: Vec<HeaderView>, engine: &Engine) -> Result<Vec<CustomHeader>, Problem> {
    let pairs: Vec<(String, String)> = headers.into_iter().map(|header| (header.key, header.value)).collect();
    CustomHeader::parse_all(&pairs, engine.header_prefix()).map_err(|(place, refusal)| {
        use bocau_domain::HeaderRefusal as Refusal;
        let part = match refusal {
            Refusal::TooMany => return header_refused("/headers", refusal),
            Refusal::ValueControlCharacter
            | Refusal::ValueNotAscii
            | Refusal::ValueOuterSpace
            | Refusal::ValueTooLong => "value",
            _ => "key",
        };
        header_refused(&format!("/headers/{place}/{part}"), refusal)
    })
}

/// Checks the note.
pub(super) fn description(text: String) -> Result<String, Problem> {
    let is_fine = |character: char| !character.is_control() || character == '\n';
    if text.chars().count() <= DESCRIPTION_LENGTH_MAX && text.chars().all(is_fine) {
        return Ok(text);
    }
    Err(invalid(
        "/description",
        "Ghi chú tối đa 500 ký tự, không có ký tự điều khiển.",
        "A description has at most 500 characters, no control characters.",
    ))
}
