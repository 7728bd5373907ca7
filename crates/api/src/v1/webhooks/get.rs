//! `GET /stores/{store}/webhooks/{id}`

use axum::Json;
use axum::extract::State;
use bocau_domain::{Scope, StoreId, Webhook};

use super::view::{WebhookView, view};
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// A webhook of a store, by the id of a path.
pub(super) async fn find(api: &Api, store: &StoreId, id: &str) -> Result<Webhook, Problem> {
    let id = id.parse().map_err(|_| Problem::no_webhook())?;
    let routes = api.engine().store().routes(store).await?.ok_or_else(Problem::no_store)?;
    routes.webhooks.into_iter().find(|webhook| webhook.id == id).ok_or_else(Problem::no_webhook)
}

/// One webhook.
#[utoipa::path(get, path = "/stores/{store}/webhooks/{id}", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), responses(
    (status = 200, description = "The webhook.", body = WebhookView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_webhook(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
) -> Result<Json<WebhookView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let webhook = find(&api, &store, &id).await?;
    Ok(Json(view(&webhook, api.engine(), caller.may(Scope::Manage))))
}
