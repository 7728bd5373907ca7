//! `GET /stores/{store}/webhooks/{id}/secret`

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bocau_domain::{AuditAction, Scope, Timestamp, Webhook};
use bocau_store::AuditNote;
use http::header::CACHE_CONTROL;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::get::find;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::{ProblemRef, revealed};

/// What a webhook's requests are signed with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub struct SecretView {
    /// `whsec_…`, of Standard Webhooks.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    secret: SecretString,
    /// Until when the secret before it signs beside it.
    #[schema(required, format = DateTime)]
    previous_valid_until: Option<String>,
}

/// An answer that no cache keeps.
pub(super) fn answer(webhook: &Webhook, now: Timestamp) -> impl IntoResponse + use<> {
    let previous = webhook.secrets.previous.as_ref().map(|(_, until)| *until).filter(|until| *until > now);
    let view = SecretView {
        secret: webhook.secrets.current.reveal(),
        previous_valid_until: previous.map(to_rfc3339),
    };
    ([(CACHE_CONTROL, "no-store")], Json(view))
}

/// The secret (khóa ký) of a webhook. Needs `manage`.
#[utoipa::path(get, path = "/stores/{store}/webhooks/{id}/secret", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), responses(
    (status = 200, description = "The secret.", body = SecretView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_webhook_secret(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let webhook = find(&api, &store, &id).await?;
    let (engine, now) = (api.engine(), api.engine().clock().now());
    let note = AuditNote {
        at: now,
        actor: caller.actor(),
        action: AuditAction::WebhookSecretShown,
        store: Some(store),
        subject: webhook.id.to_string(),
    };
    // Nobody sees a secret without a line about it.
    engine.store().note_audit(note).await?;
    Ok(answer(&webhook, now))
}
