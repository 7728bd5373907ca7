//! Publishes by a schedule, whatever becomes of what was published before.
//!
//! A request's time begins when it should have been sent. Clients that wait for an answer before they send the next would
//! send less while the server stands still, and so measure its pauses once in place of once for each who would have come
//! (coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::connection::Connection;
use crate::load::{Answered, CONNECTIONS};
use crate::subjects::cast;

/// How many requests, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Requests in a second.
    pub(crate) rate: f64,
    pub(crate) span: Duration,
}

/// What came of it.
pub(crate) struct Kept {
    pub(crate) requests: Vec<Answered>,
    /// How late each request left, which is in its time too: the fault of whoever measures.
    pub(crate) lateness: Vec<Duration>,
}

/// Sends what `request` makes of each number.
pub(crate) async fn send(
    address: SocketAddr,
    schedule: Schedule,
    request: impl Fn(usize) -> Request<Full<Bytes>> + Send + 'static,
) -> anyhow::Result<Kept> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address, None).await?);
    }
    let idle = Arc::new(Mutex::new(connections));
    let (sent, mut to_await) = mpsc::unbounded_channel();
    let runtime = Handle::current();
    // A thread of its own: the runtime's timers go by whole milliseconds.
    std::thread::spawn(move || {
        let began_at = Instant::now();
        for number in 0.. {
            let after = Duration::from_secs_f64(cast(number) / schedule.rate);
            if after > schedule.span {
                return;
            }
            let request = request(number);
            let asked_at = began_at + after;
            std::thread::sleep(asked_at.saturating_duration_since(Instant::now()));
            let late = asked_at.elapsed();
            let task = runtime.spawn(send_one(address, idle.clone(), request, asked_at));
            // Nobody waits any more where the run was broken off.
            if sent.send((late, task)).is_err() {
                return;
            }
        }
    });
    let mut kept = Kept { requests: Vec::new(), lateness: Vec::new() };
    while let Some((late, task)) = to_await.recv().await {
        kept.requests.push(task.await.context("a publisher")??);
        kept.lateness.push(late);
    }
    Ok(kept)
}

async fn send_one(
    address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
    request: Request<Full<Bytes>>,
    asked_at: Instant,
) -> anyhow::Result<Answered> {
    let known = idle.lock().pop();
    let mut connection = match known {
        Some(connection) => connection,
        None => Connection::open(address, None).await?,
    };
    let body = connection.expect(request, 202).await?;
    let ended_at = Instant::now();
    idle.lock().push(connection);
    Ok(Answered { asked_at, ended_at, body })
}
