//! `POST /stores/{store}/events`

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use bocau_domain::Scope;
use bocau_domain::limits::EVENT_REQUEST_BYTES_MAX;
use http::{HeaderMap, StatusCode};

use super::view::{NewEvent, PublishedView, idempotency_key};
use crate::auth::Caller;
use crate::body;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Publishes an event. Needs `publish`. It is durable when this answers 202.
#[utoipa::path(post, path = "/stores/{store}/events", tag = "events",
    params(
        ("store" = String, Path, description = "The store's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request harmless for 24 hours; the same key with another body is 409"),
    ),
    request_body = NewEvent,
    responses(
        (status = 202, description = "Kept, and on its way.", body = PublishedView),
        (status = "4XX", description = "Refused; nothing was written.", body = ProblemRef, content_type = "application/problem+json"),
        (status = 503, description = "Not now; nothing was written. Send it again after `Retry-After`.", body = ProblemRef, content_type = "application/problem+json"),
    )
)]
pub async fn publish_event(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PublishedView>), Problem> {
    let store = caller.store(&store, Scope::Publish)?;
    let engine = api.engine();
    let bytes = body::read(&headers, body, EVENT_REQUEST_BYTES_MAX).await?;
    let idempotency = idempotency_key(&headers, &bytes)?;
    let new: NewEvent<'_> = body::parse(&bytes)?;
    // The payload stays where it is in the request's own buffer.
    let event = new.checked("", engine.catalogue(), |payload| bytes.slice_ref(payload.as_bytes()))?;
    let published = engine.publish(&store, vec![event], idempotency).await?;
    let first = published.events.first().copied().ok_or_else(Problem::internal)?;
    Ok((StatusCode::ACCEPTED, Json(PublishedView::new(first, published.is_duplicate))))
}
