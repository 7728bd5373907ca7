//! `POST /stores/{store}/webhooks`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::{CONFIG_REQUEST_BYTES_MAX, WEBHOOKS_PER_STORE_MAX};
use bocau_domain::{PolicyOverrides, Scope, SigningSecret, SigningSecrets, Webhook};
use bocau_store::NotChanged;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::{PolicyFields, WebhookView, description, events, headers as custom_headers, url, view};
use crate::auth::Caller;
use crate::body::{given, read_json};
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::v1::{HeaderView, ProblemRef, revealed};

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewWebhook {
    /// Where the events go: https, and an address that is public.
    url: String,
    /// Event types (`order.created`), groups (`order.*`) or all (`*`); at least one.
    events: Vec<String>,
    /// What is sent along, up to 50.
    #[serde(default)]
    headers: Vec<HeaderView>,
    /// A note, up to 500 characters.
    #[serde(default)]
    description: String,
    /// Whether anything is sent.
    #[serde(default = "enabled")]
    #[schema(default = true)]
    enabled: bool,
    /// Automatic attempts in all: 1 to 20. The server's setting where left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    max_attempts: Option<Option<u32>>,
    /// Seconds between two automatic attempts: 1 to 86400. The server's setting where left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    retry_interval_seconds: Option<Option<u64>>,
    /// Instead of number and interval: seconds before each further attempt, 1 to 19 of them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<u64>>)]
    retry_schedule_seconds: Option<Option<Vec<u64>>>,
    /// The deadline of one attempt in seconds: 1 to 25. The server's setting where left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    timeout_seconds: Option<Option<u64>>,
}

const fn enabled() -> bool {
    true
}

/// The new webhook, with the secret that its requests are signed with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedWebhook)]
pub struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookView,
    /// `whsec_…`, of Standard Webhooks. `GET …/secret` shows it again.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    secret: SecretString,
}

/// Makes a webhook. Needs `manage`.
#[utoipa::path(post, path = "/stores/{store}/webhooks", tag = "webhooks", params(("store" = String, Path, description = "The store's id")), request_body = NewWebhook, responses(
    (status = 201, description = "The webhook with its secret.", body = CreatedWebhook),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn create_webhook(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CreatedWebhook>), Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let new: NewWebhook = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let policy = PolicyFields {
        max_attempts: new.max_attempts,
        retry_interval_seconds: new.retry_interval_seconds,
        retry_schedule_seconds: new.retry_schedule_seconds,
        timeout_seconds: new.timeout_seconds,
    };
    let now = engine.clock().now();
    let webhook = Webhook {
        id: engine.ids().webhook_id(),
        store,
        url: url(&new.url, engine)?,
        events: events(&new.events, engine)?,
        headers: custom_headers(new.headers, engine)?,
        description: description(new.description)?,
        enabled: new.enabled,
        disabled_reason: None,
        policy: PolicyOverrides::default().changed(policy.checked()?),
        secrets: SigningSecrets::new(SigningSecret::generate(&**engine.rng())),
        created_at: now,
        updated_at: now,
    };
    let created =
        CreatedWebhook { secret: webhook.secrets.current.reveal(), webhook: view(&webhook, engine, true) };
    match engine.create_webhook(webhook, caller.actor()).await? {
        Ok(()) => Ok((StatusCode::CREATED, Json(created))),
        Err(NotChanged::TooMany) => {
            let detail = text(
                format!("Mỗi cửa hàng có tối đa {WEBHOOKS_PER_STORE_MAX} webhook. Hãy xóa bớt trước."),
                format!("A store has at most {WEBHOOKS_PER_STORE_MAX} webhooks. Delete one first."),
            );
            Err(Problem::new(Kind::TooManyWebhooks, detail))
        }
        Err(_) => Err(Problem::no_store()),
    }
}
