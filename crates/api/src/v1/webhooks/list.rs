//! `GET /stores/{store}/webhooks`

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bocau_domain::{Scope, Webhook, WebhookId};
use bocau_store::figures::StatusCounts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{WebhookView, view};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, limit};
use crate::router::Api;
use crate::v1::{PageView, ProblemRef, page};

/// What the success rate goes over.
const DAY: Duration = Duration::from_hours(24);

/// The page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Rows of the page: 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A store's webhooks, newest first.
#[utoipa::path(get, path = "/stores/{store}/webhooks", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), Params), responses(
    (status = 200, description = "A page of webhooks.", body = PageView<WebhookView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_webhooks(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<PageView<WebhookView>>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let limit = limit(params.limit)?;
    let after: Option<WebhookId> = from_cursor(params.cursor.as_deref())?;
    let engine = api.engine();
    let routes = engine.store().routes(&store).await?.ok_or_else(Problem::no_store)?;
    let mut webhooks = routes.webhooks;
    webhooks.sort_by_key(|webhook| Reverse(webhook.id));
    webhooks.retain(|webhook| after.is_none_or(|after| webhook.id < after));
    webhooks.truncate(limit + 1);
    let shows_values = caller.may(Scope::Manage);
    let since = engine.clock().now() - DAY;
    let figures: HashMap<WebhookId, StatusCounts> =
        engine.store().webhook_figures(&store, since).await?.into_iter().collect();
    let row = |webhook: Webhook| WebhookView {
        success_rate_24h: figures.get(&webhook.id).and_then(StatusCounts::success_rate),
        ..view(&webhook, engine, shows_values)
    };
    Ok(Json(page(webhooks, limit, |row| row.id.to_string(), row)))
}
