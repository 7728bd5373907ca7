//! `/livez`, `/readyz`, `/metrics`: for the one who operates the server, outside `/api/v1` and without a key.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bocau_store::StoreError;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::Mutex;

use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// How long the answer of a write probe holds: probing must not become load.
const PROBE_HOLDS: Duration = Duration::from_secs(2);

/// Remembers whether writing worked of late.
#[derive(Default)]
pub struct WriteProbe(Mutex<Option<(Duration, Result<(), StoreError>)>>);

impl WriteProbe {
    async fn check(&self, api: &Api) -> Result<(), StoreError> {
        let clock = api.engine().clock();
        let mut last = self.0.lock().await;
        let now = clock.monotonic();
        if let Some((at, result)) = &*last
            && now.saturating_sub(*at) < PROBE_HOLDS
        {
            return result.clone();
        }
        let result = api.engine().store().probe_write(clock.now()).await;
        *last = Some((clock.monotonic(), result.clone()));
        result
    }
}

/// Whether the process runs. Touches no database.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, description = "It runs.", body = String, content_type = "text/plain")))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be served: the database reads and writes, and the server is not stopping. Where stores are
/// spread over several databases, the home and one of its shards do; a line names each that does not.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Ready.", body = String, content_type = "text/plain"),
    (status = 503, description = "Not ready; the detail says why.", body = crate::v1::ProblemRef, content_type = "application/problem+json"),
))]
pub async fn readyz(State(api): State<Api>) -> Result<String, Problem> {
    if api.engine().is_stopping() {
        return Err(Problem::shutting_down());
    }
    let works = match api.engine().store().ping().await {
        Ok(()) => api.write_probe().check(&api).await,
        Err(error) => Err(error),
    };
    let ready = || {
        let silent = api.engine().store().shard_states().into_iter();
        let silent = silent.filter_map(|shard| Some(format!("shard {}: {}\n", shard.name, shard.problem?)));
        ["ready\n".to_owned()].into_iter().chain(silent).collect()
    };
    works.map(|()| ready()).map_err(|error| {
        let detail = text(format!("Cơ sở dữ liệu: {error}."), format!("Database: {error}."));
        Problem::new(Kind::Unavailable, detail).retry_after(5)
    })
}

/// Counters and timings in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")))]
pub async fn metrics(State(api): State<Api>) -> Response {
    let (in_flight, waiting) = api.engine().lane_counts();
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    {
        ::metrics::gauge!("bocau_attempts_in_flight").set(in_flight as f64);
        ::metrics::gauge!("bocau_lane_waiting").set(waiting as f64);
    }
    for shard in api.engine().store().shard_states() {
        let is_up = if shard.problem.is_none() { 1.0 } else { 0.0 };
        ::metrics::gauge!("bocau_shard_up", "shard" => shard.name).set(is_up);
    }
    let Some(handle) = api.metrics() else { return StatusCode::NOT_FOUND.into_response() };
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
}
