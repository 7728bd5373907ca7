//! Metrics: the recorder that the whole process reports to, and what each metric means. `GET /metrics` of the
//! API shows them; nothing here listens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bocau_engine::EngineClock;
use metrics::{Unit, describe_counter, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds of a commit: from a fast disk's fsync to one that is in trouble.
const COMMIT_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Seconds of an attempt, up to the longest timeout a webhook may have.
const ATTEMPT_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];
/// How often what was recorded is folded into the buckets, so that memory stays bounded between scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Installs the recorder. Called once, before anything is measured.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("bocau_commit_seconds".into()), COMMIT_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("bocau_attempt_seconds".into()), ATTEMPT_BUCKETS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .context("the metrics cannot be set up")?;
    describe();
    Ok(handle)
}

/// Keeps the recorder small; ends with the task it runs in.
pub async fn keep_up(handle: PrometheusHandle, clock: Arc<dyn EngineClock>) {
    loop {
        clock.sleep(UPKEEP_INTERVAL).await;
        handle.run_upkeep();
    }
}

fn describe() {
    describe_counter!("bocau_events_accepted_total", "Events taken in and durable");
    describe_counter!("bocau_attempts_total", "Attempts made, by outcome");
    describe_counter!("bocau_results_total", "Results recorded, by the delivery's new status");
    describe_counter!("bocau_stale_results_total", "Results of claims that were no longer held");
    describe_counter!(
        "bocau_egress_blocked_total",
        "Attempts that the egress guard did not let out, by reason"
    );
    describe_histogram!(
        "bocau_commit_seconds",
        Unit::Seconds,
        "Duration of a group commit, of the journal or of the recorder"
    );
    describe_histogram!("bocau_attempt_seconds", Unit::Seconds, "Duration of an attempt");
}
