//! `GET /stores/{store}/overview`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bocau_domain::Scope;
use bocau_store::figures::{FailingWebhook, Overview, OverviewSpan, OverviewStep, StatusCounts};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::{Query, invalid};
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::ProblemRef;
use crate::v1::words::{AttemptOutcome, DeliveryReason};

/// Hours of the overview at most: a week.
const HOURS_MAX: u64 = 168;
/// Hours beyond which the series goes by days.
const HOURLY_MAX: u64 = 48;

/// The span.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// How many hours back: 1 to 168.
    #[param(default = 24, minimum = 1, maximum = 168)]
    hours: Option<u64>,
}

/// How a store's deliveries went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Overview)]
pub struct OverviewView {
    /// The beginning of the first hour that counts.
    #[schema(format = DateTime)]
    from: String,
    /// The end of the last hour that counts.
    #[schema(format = DateTime)]
    to: String,
    /// Events taken in.
    events: u64,
    /// Their deliveries, by the state they are in now.
    deliveries: CountsView,
    /// The part of the ended deliveries that was acknowledged, 0 to 1; `null` where none has ended.
    #[schema(required)]
    success_rate: Option<f64>,
    /// Milliseconds that 95 of 100 attempts stay within, to about 6 in 100; `null` without attempts.
    #[schema(required)]
    p95_ms: Option<u64>,
    /// The deliveries by when they were made, oldest first: hours, or days where more than 48 hours are asked
    /// for.
    series: Vec<StepView>,
    /// Webhooks with deliveries that did not get through, those with the most first.
    failing: Vec<FailingView>,
}

/// How many deliveries are in each state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatusCounts)]
pub struct CountsView {
    pending: u64,
    retrying: u64,
    succeeded: u64,
    failed: u64,
    skipped: u64,
}

impl From<StatusCounts> for CountsView {
    fn from(counts: StatusCounts) -> Self {
        let StatusCounts { pending, retrying, succeeded, failed, skipped } = counts;
        Self { pending, retrying, succeeded, failed, skipped }
    }
}

/// A step of the series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverviewStep)]
pub struct StepView {
    /// Its beginning.
    #[schema(format = DateTime)]
    at: String,
    #[serde(flatten)]
    deliveries: CountsView,
}

/// A webhook whose deliveries do not all get through.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailingWebhook)]
pub struct FailingView {
    /// Its id.
    webhook_id: String,
    /// Where it goes.
    url: String,
    /// Whether anything is sent.
    enabled: bool,
    /// Why not, where the receiver did it.
    #[schema(required, value_type = Option<DeliveryReason>)]
    disabled_reason: Option<String>,
    /// Deliveries of the span that are `failed` or `retrying` now.
    failures: u64,
    /// What went wrong last.
    #[schema(required)]
    last_error: Option<String>,
    /// How the last failed attempt ended; `null` where an earlier version saw it that did not
    /// keep this.
    #[schema(required, value_type = Option<AttemptOutcome>)]
    last_outcome: Option<String>,
    /// The status code of the last failed attempt.
    #[schema(required)]
    last_status_code: Option<u16>,
    /// When the last failed attempt ended.
    #[schema(required, format = DateTime)]
    last_failed_at: Option<String>,
}

fn failing(webhook: FailingWebhook) -> FailingView {
    FailingView {
        webhook_id: webhook.webhook.to_string(),
        url: webhook.url,
        enabled: webhook.enabled,
        disabled_reason: webhook.disabled_reason.map(|reason| reason.to_string()),
        failures: webhook.failures,
        last_error: webhook.last_error,
        last_outcome: webhook.last_outcome.map(|outcome| outcome.to_string()),
        last_status_code: webhook.last_status_code,
        last_failed_at: webhook.last_failed_at.map(to_rfc3339),
    }
}

fn view(overview: Overview) -> OverviewView {
    let step = |step: OverviewStep| StepView { at: to_rfc3339(step.at), deliveries: step.deliveries.into() };
    OverviewView {
        from: to_rfc3339(overview.from),
        to: to_rfc3339(overview.to),
        events: overview.events,
        success_rate: overview.deliveries.success_rate(),
        deliveries: overview.deliveries.into(),
        p95_ms: overview.p95.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        series: overview.series.into_iter().map(step).collect(),
        failing: overview.failing.into_iter().map(failing).collect(),
    }
}

/// How a store's deliveries of the last hours went (Tổng quan). Whole hours count.
#[utoipa::path(get, path = "/stores/{store}/overview", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), Params), responses(
    (status = 200, description = "The overview.", body = OverviewView),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn get_overview(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<OverviewView>, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let hours = params.hours.unwrap_or(24);
    if !(1..=HOURS_MAX).contains(&hours) {
        return Err(invalid("hours", "hours từ 1 đến 168.", "hours is 1 to 168."));
    }
    let now = api.engine().clock().now();
    let step = Duration::from_hours(if hours > HOURLY_MAX { 24 } else { 1 });
    // The hour that runs is one of those asked for.
    let span = OverviewSpan {
        from: now - Duration::from_hours(hours - 1),
        to: now + Duration::from_millis(1),
        step,
    };
    let overview = api.engine().store().overview(&store, span).await?.ok_or_else(Problem::no_store)?;
    Ok(Json(view(overview)))
}
