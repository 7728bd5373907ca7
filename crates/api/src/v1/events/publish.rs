//! `POST /stores/{store}/events`

use axum::Json;
use axum::extract::{Request, State};
use bocau_domain::Scope;
use bocau_domain::limits::EVENT_REQUEST_BYTES_MAX;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use super::view::{NewEvent, PublishedView, idempotency_key};
use crate::auth::Caller;
use crate::body;
use crate::path::Path;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Bytes around a payload that are kept with it rather than copied from.
const AROUND_PAYLOAD_MAX: usize = 1024;

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
    request: Request,
) -> Result<(StatusCode, Json<PublishedView>), Problem> {
    let store = caller.store(&store, Scope::Publish)?;
    let engine = api.engine();
    let (Parts { headers, .. }, body) = request.into_parts();
    let bytes = body::read(&api, &headers, body, EVENT_REQUEST_BYTES_MAX).await?;
    let idempotency = idempotency_key(&headers, &bytes)?;
    let new: NewEvent<'_> = body::parse(&bytes)?;
    let event = new.checked("", engine.catalogue(), |payload| kept(&bytes, payload))?;
    let published = engine.publish(&store, vec![event], idempotency).await?;
    let first = published.events.first().copied().ok_or_else(Problem::internal)?;
    Ok((StatusCode::ACCEPTED, Json(PublishedView::new(first, published.is_duplicate))))
}

/// The payload stays where it is in the request's own buffer, unless that would hold much more in memory than
/// the payload.
fn kept(body: &Bytes, payload: &str) -> Bytes {
    if body.len() <= payload.len() + AROUND_PAYLOAD_MAX {
        body.slice_ref(payload.as_bytes())
    } else {
        Bytes::copy_from_slice(payload.as_bytes())
    }
}
