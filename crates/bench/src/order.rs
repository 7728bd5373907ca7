//! What is published: the order of the document, about one object or another.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::connection::post;
use crate::program::KEY;

/// The order of the document, 2.3 KB.
pub(crate) static ORDER: LazyLock<String> = LazyLock::new(|| {
    let sample = include_str!("../../domain/catalogue/samples/order.json");
    serde_json::from_str::<serde_json::Value>(sample).expect("JSON").to_string()
});

/// Events that are about one new object.
const EVENTS_OF_AN_OBJECT: u64 = 3;
/// One of so many events is about any of the old objects.
const OLD_EVERY: u64 = 4;
/// Numbers of old objects, which a database with a history knows, and how many there are.
pub(crate) const OLD_FIRST: u64 = 10_000_000;
pub(crate) const OLD_COUNT: u64 = 1_000_000;
/// The number of the first new object.
const NEW_FIRST: u64 = 50_000_000;

/// The object of the next event.
///
/// As shops do it: new orders come with rising numbers and change a few times, and now and then something old changes.
/// With one object for all events, an index of objects would be written at one warm page whatever its size.
pub(crate) fn next_object() -> u64 {
    static EVENTS: AtomicU64 = AtomicU64::new(0);
    let event = EVENTS.fetch_add(1, Ordering::Relaxed);
    if event.is_multiple_of(OLD_EVERY) {
        OLD_FIRST + scattered(event) % OLD_COUNT
    } else {
        NEW_FIRST + event / EVENTS_OF_AN_OBJECT
    }
}

/// A number that looks like any other, the same for the same one.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Publishes this many events of a type to a store.
pub(crate) fn request(store: &str, event_type: &str, batch: usize) -> Request<Full<Bytes>> {
    if batch == 1 {
        let body = event(event_type);
        return post(&format!("/api/v1/stores/{store}/events"), KEY, body.into());
    }
    let events: Vec<String> = (0..batch).map(|_| event(event_type)).collect();
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    post(&format!("/api/v1/stores/{store}/events/batch"), KEY, body.into())
}

fn event(event_type: &str) -> String {
    let (object, order) = (next_object(), &*ORDER);
    format!(r#"{{"type":"{event_type}","object_id":"{object}","payload":{order}}}"#)
}
