//! `POST /stores/{store}/events/batch`

use std::fmt;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_domain::limits::{BATCH_EVENTS_MAX, BATCH_REQUEST_BYTES_MAX};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::view::{NewEvent, PublishedView, idempotency_key};
use crate::auth::Caller;
use crate::body;
use crate::path::Path;
use crate::problem::Problem;
use crate::refusals::invalid;
use crate::router::Api;
use crate::v1::ProblemRef;

/// Events to publish together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEvents)]
pub struct NewEvents<'a> {
    /// 1 to 500 events, 8 MiB in all.
    #[serde(borrow, deserialize_with = "at_most_one_too_many")]
    #[schema(value_type = Vec<NewEvent>)]
    events: Vec<&'a RawValue>,
}

/// Reads one element more than there may be and passes over the rest: a body of eight million zeros is
/// refused without becoming a list of them.
fn at_most_one_too_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    struct Events;

    impl<'de> Visitor<'de> for Events {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut events = Vec::new();
            while events.len() <= BATCH_EVENTS_MAX {
                match list.next_element()? {
                    Some(event) => events.push(event),
                    None => return Ok(events),
                }
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(events)
        }
    }

    deserializer.deserialize_seq(Events)
}

/// What became of them, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedEvents)]
pub struct PublishedEvents {
    /// One for each event.
    results: Vec<PublishedView>,
}

/// Publishes up to 500 events, all or none. Needs `publish`. They are durable when this answers 202.
#[utoipa::path(post, path = "/stores/{store}/events/batch", tag = "events",
    params(
        ("store" = String, Path, description = "The store's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request harmless for 24 hours; the same key with another body is 409"),
    ),
    request_body = NewEvents,
    responses(
        (status = 202, description = "Kept, and on their way.", body = PublishedEvents),
        (status = "4XX", description = "Refused; nothing was written.", body = ProblemRef, content_type = "application/problem+json"),
        (status = 503, description = "Not now; nothing was written. Send it again after `Retry-After`.", body = ProblemRef, content_type = "application/problem+json"),
    )
)]
pub async fn publish_events(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PublishedEvents>), Problem> {
    let store = caller.store(&store, Scope::Publish)?;
    let engine = api.engine();
    let bytes = body::read(&api, &headers, body, BATCH_REQUEST_BYTES_MAX).await?;
    let idempotency = idempotency_key(&headers, &bytes)?;
    let batch: NewEvents<'_> = body::parse(&bytes)?;
    if !(1..=BATCH_EVENTS_MAX).contains(&batch.events.len()) {
        return Err(invalid(
            "/events",
            "Mỗi yêu cầu có từ 1 đến 500 sự kiện.",
            "A batch has 1 to 500 events.",
        ));
    }
    let mut events = Vec::with_capacity(batch.events.len());
    for (place, new) in batch.events.iter().enumerate() {
        let pointer = format!("/events/{place}");
        let new: NewEvent<'_> = body::parse_part(new.get().as_bytes(), &pointer)?;
        // A copy of its own: one slow delivery must not hold the whole batch's buffer.
        let keep = |payload: &str| Bytes::copy_from_slice(payload.as_bytes());
        events.push(new.checked(&pointer, engine.catalogue(), keep)?);
    }
    let published = engine.publish(&store, events, idempotency).await?;
    let view = |event| PublishedView::new(event, published.is_duplicate);
    let results = published.events.iter().copied().map(view).collect();
    Ok((StatusCode::ACCEPTED, Json(PublishedEvents { results })))
}
