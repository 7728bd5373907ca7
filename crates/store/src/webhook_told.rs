//! What the audit log says of webhooks: everything but secrets, under the names of the API.

use std::time::Duration;

use bocau_domain::header::MASK;
use bocau_domain::{Actor, AuditAction, CustomHeader, EventPattern, Webhook};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::change::Change;

pub(crate) fn created<'a>(webhook: &'a Webhook, by: &'a Actor) -> Change<'a> {
    let mut told = described(webhook);
    told.retain(|_, value| !value.is_null());
    let change =
        Change::new(AuditAction::WebhookCreated, Some(&webhook.store), webhook.id, by, webhook.created_at);
    Change { to: Some(told.into()), ..change }
}

/// An entry of what differs, and one of its own for a new secret; neither where nothing was changed.
pub(crate) fn changed<'a>(
    before: &Webhook,
    after: &'a Webhook,
    has_new_secret: bool,
    by: &'a Actor,
) -> Vec<Change<'a>> {
    let change = |action| Change::new(action, Some(&after.store), after.id, by, after.updated_at);
    let (mut from, mut to) = (described(before), described(after));
    // Their values are masked and look alike before and after.
    let headers_differ = differ(&before.headers, &after.headers);
    let same: Vec<String> = from
        .iter()
        .filter(|(name, value)| {
            to.get(*name) == Some(value) && !(name.as_str() == "headers" && headers_differ)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        from.shift_remove(&name);
        to.shift_remove(&name);
    }
    let mut changes = Vec::new();
    if !to.is_empty() {
        let change = change(AuditAction::WebhookChanged);
        changes.push(Change { from: Some(from.into()), to: Some(to.into()), ..change });
    }
    if has_new_secret {
        changes.push(change(AuditAction::WebhookSecretRotated));
    }
    changes
}

fn described(webhook: &Webhook) -> Map<String, Value> {
    let policy = &webhook.policy;
    let seconds = |span: Duration| span.as_secs_f64();
    let waits = |waits: &Vec<Duration>| waits.iter().copied().map(seconds).collect::<Vec<_>>();
    let headers: Vec<Value> =
        webhook.headers.iter().map(|header| json!({ "key": header.name, "value": MASK })).collect();
    let told = [
        ("url", json!(webhook.url.as_str())),
        ("events", json!(webhook.events.iter().map(EventPattern::to_string).collect::<Vec<_>>())),
        ("headers", headers.into()),
        ("description", json!(webhook.description)),
        ("enabled", json!(webhook.enabled)),
        ("disabled_reason", json!(webhook.disabled_reason.map(bocau_domain::Reason::as_str))),
        ("max_attempts", json!(policy.max_attempts)),
        ("retry_interval_seconds", json!(policy.interval.map(seconds))),
        ("retry_schedule_seconds", json!(policy.schedule.as_ref().map(waits))),
        ("timeout_seconds", json!(policy.timeout.map(seconds))),
    ];
    told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn differ(before: &[CustomHeader], after: &[CustomHeader]) -> bool {
    let revealed = |header: &CustomHeader| (header.name.clone(), header.value.expose_secret().to_owned());
    !before.iter().map(revealed).eq(after.iter().map(revealed))
}
