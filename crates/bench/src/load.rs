//! Publishes a number of events over so many connections, as fast as they are taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::connection::{Connection, post};
use crate::program::{KEY, STORE};

/// Connections that publish at the same time.
pub(crate) const CONNECTIONS: usize = 64;

/// The order of the document, 2.3 KB.
pub(crate) fn order() -> Value {
    serde_json::from_str(include_str!("../../domain/catalogue/samples/order.json")).expect("JSON")
}

/// What publishing came to.
pub(crate) struct Published {
    /// How long each request took.
    pub(crate) latencies: Vec<Duration>,
    /// When the first was sent.
    pub(crate) began_at: Instant,
}

/// Publishes `events`, `batch` of them in each request.
pub(crate) async fn publish(address: SocketAddr, events: usize, batch: usize) -> anyhow::Result<Published> {
    let (path, body) = request(batch);
    let left = Arc::new(AtomicUsize::new(events / batch));
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address, None).await?);
    }
    let began_at = Instant::now();
    let mut publishers = JoinSet::new();
    for mut connection in connections {
        let (left, path, body) = (left.clone(), path.clone(), body.clone());
        publishers.spawn(async move {
            let mut latencies = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let sent_at = Instant::now();
                connection.expect(post(&path, KEY, body.clone()), 202).await?;
                latencies.push(sent_at.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::with_capacity(events / batch);
    while let Some(published) = publishers.join_next().await {
        latencies.extend(published.context("a publisher")??);
    }
    latencies.sort_unstable();
    Ok(Published { latencies, began_at })
}

/// The same request each time: events are told apart by the id that the server gives them.
fn request(batch: usize) -> (String, Bytes) {
    let event = json!({"type": "order.created", "object_id": "208610", "payload": order()});
    if batch == 1 {
        (format!("/api/v1/stores/{STORE}/events"), Bytes::from(event.to_string()))
    } else {
        let events = json!({"events": vec![event; batch]});
        (format!("/api/v1/stores/{STORE}/events/batch"), Bytes::from(events.to_string()))
    }
}

/// The value that so many of a hundred are below.
pub(crate) fn percentile(sorted: &[Duration], percent: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
