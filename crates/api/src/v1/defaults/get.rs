//! `GET /defaults`

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::router::Api;
use crate::v1::ProblemRef;

/// What the server's configuration says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Defaults)]
pub struct DefaultsView {
    /// Automatic attempts in all (`max_attempts`).
    max_attempts: u32,
    /// Seconds between two automatic attempts (`retry_interval`).
    retry_interval_seconds: u64,
    /// The deadline of one attempt in seconds, the answer's body included (`timeout`).
    timeout_seconds: u64,
    /// Days that events are kept, where their store sets no shorter time (`retention_days`).
    retention_days: u16,
}

/// What holds for a webhook or a store where it sets nothing itself. A webhook's `own_settings` names those that it
/// does.
#[utoipa::path(get, path = "/defaults", tag = "webhooks", responses(
    (status = 200, description = "The server's settings.", body = DefaultsView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_defaults(State(api): State<Api>, caller: Caller) -> Result<Json<DefaultsView>, Problem> {
    caller.require(Scope::Read)?;
    let policy = api.engine().policy();
    let (max_attempts, interval) = policy.retry.number_and_interval();
    Ok(Json(DefaultsView {
        max_attempts,
        retry_interval_seconds: interval.as_secs(),
        timeout_seconds: policy.timeout.as_secs(),
        retention_days: api.engine().retention().days(),
    }))
}
