//! An event on the wire, and what a request says of one.

use std::borrow::Cow;

use bocau_domain::limits::{IDEMPOTENCY_KEY_LENGTH_MAX, JSON_DEPTH_MAX, PAYLOAD_BYTES_MAX};
use bocau_domain::{Catalogue, EventId, EventType};
use bocau_engine::IncomingEvent;
use bocau_store::IdempotencyKey;
use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::body::is_nested_deeper;
use crate::problem::{Kind, Problem, text};
use crate::refusals::{invalid, unknown_event_type};
use crate::time::from_rfc3339;
use crate::v1::deliveries::view::DeliveryView;

/// An event to publish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEvent)]
pub struct NewEvent<'a> {
    /// A type of the catalogue, such as `order.created`.
    #[serde(borrow)]
    #[schema(value_type = String)]
    r#type: Cow<'a, str>,
    /// The id of the order, product or customer: 1 to 128 printable ASCII characters without spaces.
    #[serde(borrow)]
    #[schema(value_type = String)]
    object_id: Cow<'a, str>,
    /// The object, up to 512 KiB. Receivers get these very bytes.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    payload: &'a RawValue,
    /// When it happened (RFC 3339).
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<Cow<'a, str>>,
}

impl NewEvent<'_> {
    /// Checked; `keep` turns the payload's text into bytes to keep, and `pointer` says where the event
    /// stands in the body.
    pub(super) fn checked(
        &self,
        pointer: &str,
        catalogue: &Catalogue,
        keep: impl FnOnce(&str) -> Bytes,
    ) -> Result<IncomingEvent, Problem> {
        let at = |field: &str| format!("{pointer}/{field}");
        let known = self.r#type.parse::<EventType>().ok().filter(|name| catalogue.get(name).is_some());
        let event_type = known.ok_or_else(|| unknown_event_type(&at("type"), &self.r#type))?;
        let object_id = self.object_id.parse().map_err(|_| {
            invalid(
                at("object_id"),
                "object_id gồm 1 đến 128 ký tự ASCII nhìn thấy được, không có khoảng trắng.",
                "object_id is 1 to 128 printable ASCII characters without spaces.",
            )
        })?;
        let occurred_at = match &self.occurred_at {
            None => None,
            Some(written) => Some(from_rfc3339(written).ok_or_else(|| {
                invalid(
                    at("occurred_at"),
                    "occurred_at phải theo RFC 3339, ví dụ 2026-06-10T10:48:14+07:00.",
                    "occurred_at is RFC 3339, such as 2026-06-10T10:48:14+07:00.",
                )
            })?),
        };
        check_payload(self.payload.get(), &at("payload"))?;
        Ok(IncomingEvent { event_type, object_id, occurred_at, payload: keep(self.payload.get()) })
    }
}

fn check_payload(payload: &str, pointer: &str) -> Result<(), Problem> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        let detail = text(
            "payload vượt quá giới hạn 512 KiB. Không có gì được ghi.",
            "The payload is over the limit of 512 KiB. Nothing was written.",
        );
        return Err(Problem::field(Kind::TooLarge, pointer, detail));
    }
    if !payload.starts_with('{') {
        return Err(invalid(
            pointer,
            "payload phải là một đối tượng JSON {…}.",
            "payload must be a JSON object {…}.",
        ));
    }
    if is_nested_deeper(payload.as_bytes(), JSON_DEPTH_MAX) {
        return Err(invalid(
            pointer,
            "payload lồng nhau quá 64 tầng.",
            "payload is nested deeper than 64 levels.",
        ));
    }
    Ok(())
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The request's `Idempotency-Key`, where it has one, with the hash of what it asks.
pub(super) fn idempotency_key(headers: &HeaderMap, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(
            "Idempotency-Key",
            "Chỉ gửi một Idempotency-Key cho mỗi yêu cầu.",
            "Send one Idempotency-Key with a request.",
        ));
    }
    let fits = |key: &&str| {
        (1..=IDEMPOTENCY_KEY_LENGTH_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = value.to_str().ok().filter(fits).ok_or_else(|| {
        invalid(
            "Idempotency-Key",
            "Idempotency-Key gồm 1 đến 255 ký tự ASCII nhìn thấy được, không có khoảng trắng.",
            "Idempotency-Key is 1 to 255 printable ASCII characters without spaces.",
        )
    })?;
    Ok(Some(IdempotencyKey { key: key.to_owned(), body_hash: Sha256::digest(body).into() }))
}

/// What became of a published event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedEvent)]
pub struct PublishedView {
    /// The event's id; receivers see it as `webhook-id`.
    pub id: String,
    /// How many webhooks it goes to.
    pub delivery_count: u32,
    /// The same request had come before under its `Idempotency-Key`; nothing new was made.
    pub duplicate: bool,
}

impl PublishedView {
    pub(super) fn new((id, delivery_count): (EventId, u32), duplicate: bool) -> Self {
        Self { id: id.to_string(), delivery_count, duplicate }
    }
}

/// An event with its payload and where it went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its id.
    pub id: String,
    /// What happened.
    pub r#type: String,
    /// To which object.
    pub object_id: String,
    /// When it happened, where the publisher said so.
    #[schema(required, format = DateTime)]
    pub occurred_at: Option<String>,
    /// When it was taken in.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The object, in the very bytes that were received.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// Where it went.
    pub deliveries: Vec<DeliveryView>,
}
