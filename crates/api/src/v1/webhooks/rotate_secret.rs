//! `POST /stores/{store}/webhooks/{id}/secret/rotate`

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use bocau_domain::{Scope, SigningSecret, WebhookChange};

use super::secret::{SecretView, answer};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Gives a webhook a new secret. Needs `manage`. The old one signs beside it for 24 hours, so that the
/// receiver can change over without missing a request.
#[utoipa::path(post, path = "/stores/{store}/webhooks/{id}/secret/rotate", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), responses(
    (status = 200, description = "The new secret.", body = SecretView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn rotate_webhook_secret(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| Problem::no_webhook())?;
    let engine = api.engine();
    let secret = SigningSecret::generate(&**engine.rng());
    let change = WebhookChange { secret: Some(secret), ..WebhookChange::default() };
    let now = engine.clock().now();
    let changed =
        engine.store().change_webhook(&store, id, change, now).await?.ok_or_else(Problem::no_webhook)?;
    engine.config_changed(&store, None);
    Ok(answer(&changed.webhook, now))
}
