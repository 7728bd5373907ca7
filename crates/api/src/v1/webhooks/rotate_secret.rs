//! `POST /stores/{store}/webhooks/{id}/secret/rotate`

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{Scope, SigningSecret, Timestamp, WebhookChange};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::get::find;
use super::secret::{SecretView, answer};
use crate::auth::Caller;
use crate::body;
use crate::path::Path;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::ProblemRef;

/// How a secret is rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub struct RotateSecret {
    /// Rotate although the secret before the present one still signs, which ends that one at once: for a
    /// secret that has leaked.
    #[serde(default)]
    #[schema(default = false)]
    force: bool,
}

/// Gives a webhook a new secret. Needs `manage`. The old one signs beside it for 24 hours, so that the
/// receiver can change over without missing a request; rotating once more within that time needs `force`.
#[utoipa::path(post, path = "/stores/{store}/webhooks/{id}/secret/rotate", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), request_body(content = RotateSecret, description = "May be left out"), responses(
    (status = 200, description = "The new secret.", body = SecretView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn rotate_webhook_secret(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let bytes = body::read(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let asked = if bytes.is_empty() { RotateSecret::default() } else { body::parse(&bytes)? };
    let webhook = find(&api, &store, &id).await?;
    let (id, now) = (webhook.id, api.engine().clock().now());
    if let Some((_, until)) = webhook.secrets.previous
        && until > now
        && !asked.force
    {
        return Err(rotated_recently(until));
    }
    let engine = api.engine();
    let secret = SigningSecret::generate(&**engine.rng());
    let change = WebhookChange { secret: Some(secret), ..WebhookChange::default() };
    let changed = engine.change_webhook(store, id, change, caller.actor()).await?;
    let webhook = changed.ok_or_else(Problem::no_webhook)?;
    Ok(answer(&webhook, engine.clock().now()))
}

fn rotated_recently(until: Timestamp) -> Problem {
    let until = to_rfc3339(until);
    let detail = text(
        format!(
            "Khóa ký cũ còn ký song song đến {until}. Đổi lần nữa sẽ ngắt khóa cũ ngay; nếu cần, gửi {{\"force\": true}}."
        ),
        format!(
            "The secret before signs beside the present one until {until}. Rotating again ends it at once; send {{\"force\": true}} if you must."
        ),
    );
    Problem::new(Kind::SecretRotatedRecently, detail)
}
