//! What a node answers that only sends: how it is, and for all else that others answer it.

use axum::Router;
use axum::routing::get;

use crate::health;
use crate::problem::{Kind, Problem, text};
use crate::router::{Api, ApiParts, surround};

/// Seconds after which a client may try again: with the next node, where there is a proxy that knows others.
const RETRY_AFTER: u32 = 5;

/// The router of a node that only sends.
pub fn worker_router(parts: ApiParts) -> Router {
    let routes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(async || elsewhere());
    surround(routes, Api::new(parts))
}

/// No 404: whoever publishes would take it for an answer.
fn elsewhere() -> Problem {
    let detail = text(
        "Nút này là worker: nó chỉ gửi, không có API và trang. Hãy gọi một nút có role là all hoặc api.",
        "This node is a worker: it only sends, and has neither API nor pages. Call a node whose role is all or api.",
    );
    Problem::new(Kind::WorkerNode, detail).retry_after(RETRY_AFTER)
}
