//! `PATCH /stores/{store}/webhooks/{id}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Scope, WebhookChange, WebhookId};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::get::find;
use super::view::{PolicyFields, WebhookView, description, events, headers as custom_headers, url, view};
use crate::auth::Caller;
use crate::body::{given, not_null, read_json};
use crate::path::Path;
use crate::problem::Problem;
use crate::refusals::policy_refused;
use crate::router::Api;
use crate::v1::{HeaderView, ProblemRef};

/// What changes; a field left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub struct ChangeWebhook {
    /// A new URL.
    #[serde(default, deserialize_with = "not_null")]
    url: Option<String>,
    /// New events, all of them.
    #[serde(default, deserialize_with = "not_null")]
    events: Option<Vec<String>>,
    /// New headers, all of them, with their values.
    #[serde(default, deserialize_with = "not_null")]
    headers: Option<Vec<HeaderView>>,
    /// A new note.
    #[serde(default, deserialize_with = "not_null")]
    description: Option<String>,
    /// On or off. Off skips what waits.
    #[serde(default, deserialize_with = "not_null")]
    enabled: Option<bool>,
    /// Automatic attempts in all; `null` goes back to the server's setting.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    max_attempts: Option<Option<u32>>,
    /// Seconds between two automatic attempts; `null` goes back to the server's setting.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    retry_interval_seconds: Option<Option<u64>>,
    /// Instead of number and interval: seconds before each further attempt.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<u64>>)]
    retry_schedule_seconds: Option<Option<Vec<u64>>>,
    /// The deadline of one attempt in seconds; `null` goes back to the server's setting.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    timeout_seconds: Option<Option<u64>>,
}

/// Changes a webhook. Needs `manage`. Disabling it skips its waiting deliveries.
#[utoipa::path(patch, path = "/stores/{store}/webhooks/{id}", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), request_body = ChangeWebhook, responses(
    (status = 200, description = "The webhook.", body = WebhookView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_webhook(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookView>, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id: WebhookId = id.parse().map_err(|_| Problem::no_webhook())?;
    let change: ChangeWebhook = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let policy = PolicyFields {
        max_attempts: change.max_attempts,
        retry_interval_seconds: change.retry_interval_seconds,
        retry_schedule_seconds: change.retry_schedule_seconds,
        timeout_seconds: change.timeout_seconds,
    };
    let policy = policy.checked()?;
    find(&api, &store, &id.to_string())
        .await?
        .policy
        .changed(policy.clone())
        .check()
        .map_err(policy_refused)?;
    let change = WebhookChange {
        url: change.url.map(|raw| url(&raw, engine)).transpose()?,
        events: change.events.map(|names| events(&names, engine)).transpose()?,
        headers: change.headers.map(|list| custom_headers(list, engine)).transpose()?,
        description: change.description.map(description).transpose()?,
        enabled: change.enabled,
        policy,
        secret: None,
    };
    let changed = engine.change_webhook(store, id, change, caller.actor()).await?;
    let webhook = changed.ok_or_else(Problem::no_webhook)?;
    Ok(Json(view(&webhook, engine, true)))
}
