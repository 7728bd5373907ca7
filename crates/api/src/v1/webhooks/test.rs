//! `POST /stores/{store}/webhooks/{id}/test`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bocau_domain::limits::CONFIG_REQUEST_BYTES_MAX;
use bocau_domain::{CatalogueEntry, EventType, Scope, Webhook};
use bocau_engine::{Engine, TestSend};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::get::find;
use crate::auth::Caller;
use crate::body;
use crate::path::Path;
use crate::problem::Problem;
use crate::refusals::{invalid, unknown_event_type};
use crate::router::Api;
use crate::v1::ProblemRef;
use crate::v1::deliveries::view::AttemptView;

/// What to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestSend)]
pub struct TestWebhook {
    /// The event type whose sample is sent; the first that the webhook takes where left out.
    r#type: Option<String>,
}

/// How it went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestResult)]
pub struct TestResult {
    /// The delivery that was made for it.
    delivery_id: String,
    #[serde(flatten)]
    attempt: AttemptView,
}

/// It has not had its turn yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestWaiting)]
pub struct TestWaiting {
    /// The delivery to look up later.
    delivery_id: String,
}

/// Sends a sample to a webhook (gửi thử), through the same path as real events, once, and answers how it
/// went. Works on a disabled webhook too. Needs `manage`.
#[utoipa::path(post, path = "/stores/{store}/webhooks/{id}/test", tag = "webhooks", params(("store" = String, Path, description = "The store's id"), ("id" = String, Path, description = "The webhook's id")), request_body(content = TestWebhook, description = "May be left out"), responses(
    (status = 200, description = "The attempt.", body = TestResult),
    (status = 202, description = "Still waiting for its turn behind other deliveries; look the delivery up.", body = TestWaiting),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn test_webhook(
    State(api): State<Api>,
    caller: Caller,
    Path((store, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let store = caller.store(&store, Scope::Manage)?;
    let bytes = body::read(&api, &headers, body, CONFIG_REQUEST_BYTES_MAX).await?;
    let asked = if bytes.is_empty() { TestWebhook::default() } else { body::parse(&bytes)? };
    let webhook = find(&api, &store, &id).await?;
    let engine = api.engine();
    let entry = entry(engine, &webhook, asked.r#type.as_deref())?;
    Ok(match engine.test_send(&store, webhook.id, entry).await? {
        TestSend::Done { delivery, attempt } => {
            let result =
                TestResult { delivery_id: delivery.id.to_string(), attempt: AttemptView::from(*attempt) };
            Json(result).into_response()
        }
        TestSend::Waiting(delivery) => {
            (StatusCode::ACCEPTED, Json(TestWaiting { delivery_id: delivery.to_string() })).into_response()
        }
    })
}

fn entry<'a>(
    engine: &'a Engine,
    webhook: &Webhook,
    asked: Option<&str>,
) -> Result<&'a CatalogueEntry, Problem> {
    let catalogue = engine.catalogue();
    if let Some(name) = asked {
        let known = name.parse::<EventType>().ok().and_then(|name| catalogue.get(&name));
        return known.ok_or_else(|| unknown_event_type("/type", name));
    }
    let taken = |entry: &&CatalogueEntry| {
        webhook.events.iter().any(|pattern| pattern.matches(&entry.name, &entry.group))
    };
    catalogue.iter().find(taken).ok_or_else(|| {
        invalid(
            "/type",
            "Webhook này không nhận loại sự kiện nào đang có. Hãy nêu rõ type.",
            "This webhook takes no event type that exists now. Name a type.",
        )
    })
}
