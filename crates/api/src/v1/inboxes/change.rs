//! `PATCH /stores/{store}/inboxes/{id}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{InboxAnswer, Scope};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{InboxView, no_inbox};
use crate::auth::Caller;
use crate::body::read_json;
use crate::path::Path;
use crate::problem::Problem;
use crate::refusals::invalid;
use crate::router::Api;
use crate::v1::{ProblemRef, words};

/// What to change of a test inbox; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InboxChange)]
pub struct InboxChange {
    /// What it answers from now on.
    #[schema(value_type = Option<words::InboxAnswer>)]
    answer: Option<String>,
}

/// Lets a test inbox answer otherwise. Needs `manage`.
#[utoipa::path(patch, path = "/stores/{store}/inboxes/{id}", tag = "inboxes", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The inbox's id")), request_body = InboxChange, responses(
    (status = 200, description = "The inbox as it now stands.", body = InboxView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn change_inbox(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<InboxView>, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let id = id.parse().map_err(|_| no_inbox())?;
    let change: InboxChange = read_json(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let engine = api.engine();
    let changed = match change.answer.as_deref().map(answer).transpose()? {
        Some(answer) => {
            let now = engine.clock().now();
            engine.store().change_inbox(&store, id, answer, &caller.actor(), now).await?
        }
        None => engine.store().find_inbox(&store, id).await?,
    };
    Ok(Json(changed.ok_or_else(no_inbox)?.into()))
}

fn answer(word: &str) -> Result<InboxAnswer, Problem> {
    InboxAnswer::parse(word)
        .ok_or_else(|| invalid("/answer", "answer là ok, fail hoặc slow.", "answer is ok, fail or slow."))
}
