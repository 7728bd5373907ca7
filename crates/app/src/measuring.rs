//! Metrics: the recorder that the whole process reports to, and what each metric means. `GET /metrics` of the
//! API shows them; nothing here listens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bocau_engine::EngineClock;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
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
    let handle = builder()?.install_recorder().context("the metrics cannot be set up")?;
    describe();
    Ok(handle)
}

fn builder() -> anyhow::Result<PrometheusBuilder> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("bocau_commit_seconds".into()), COMMIT_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("bocau_attempt_seconds".into()), ATTEMPT_BUCKETS)
        })
        .context("the metrics cannot be set up")
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
    describe_counter!(
        "bocau_connections_refused_total",
        "Requests answered 503 because there were too many connections"
    );
    describe_counter!("bocau_stale_results_total", "Results of claims that were no longer held");
    describe_counter!(
        "bocau_egress_blocked_total",
        "Attempts that the egress guard did not let out, by reason"
    );
    describe_counter!(
        "bocau_events_retired_total",
        "Events removed after their time; those of days that were dropped whole are not counted"
    );
    describe_counter!("bocau_days_dropped_total", "Days of events dropped whole after their time");
    describe_counter!(
        "bocau_deliveries_expired_total",
        "Deliveries given up because they still waited a week after their time"
    );
    describe_histogram!(
        "bocau_commit_seconds",
        Unit::Seconds,
        "Duration of a group commit, of the journal or of the recorder"
    );
    describe_histogram!("bocau_attempt_seconds", Unit::Seconds, "Duration of an attempt");
    describe_gauge!("bocau_nodes", "Nodes of late by state: alive (heard of within 30 s) or silent");
    describe_gauge!("bocau_node_info", "1, with this node's name, role and version");
    describe_gauge!("bocau_attempts_in_flight", "Attempts under way");
    describe_gauge!("bocau_shard_up", "Whether a database of several answers: 1, or 0 where it does not");
    describe_gauge!("bocau_lane_waiting", "Deliveries that are due and wait for their turn");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The kind of each metric that the sources report, by its name.
    fn reported() -> BTreeMap<String, String> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of all crates");
        let mut found = BTreeMap::new();
        let mut folders: Vec<_> =
            ["api", "app", "engine", "store"].iter().map(|name| crates.join(name).join("src")).collect();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("it is there") {
                let path = entry.expect("it can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    note_metrics(&fs::read_to_string(&path).expect("it can be read"), &mut found);
                }
            }
        }
        found
    }

    fn note_metrics(source: &str, found: &mut BTreeMap<String, String>) {
        for kind in ["counter", "gauge", "histogram"] {
            for after in source.split(&format!("metrics::{kind}!(")).skip(1) {
                // The calls of this test have a variable there.
                if let Some(name) =
                    after.trim_start().strip_prefix('"').and_then(|name| name.split('"').next())
                {
                    found.insert(name.to_owned(), kind.to_owned());
                }
            }
        }
    }

    /// What is shown of a process that reported every metric once.
    fn rendered() -> String {
        let recorder = builder().expect("the buckets are usable").build_recorder();
        let report = || {
            describe();
            for (name, kind) in reported() {
                match kind.as_str() {
                    "counter" => metrics::counter!(name, "label" => "a\"b\\c\nd").increment(1),
                    "gauge" => metrics::gauge!(name).set(1.0),
                    _ => metrics::histogram!(name).record(0.3),
                }
            }
        };
        metrics::with_local_recorder(&recorder, report);
        recorder.handle().render()
    }

    #[test]
    fn every_metric_is_described_and_every_duration_has_buckets() {
        let (reported, text) = (reported(), rendered());
        assert!(reported.len() >= 9, "{reported:?}");
        for (name, kind) in reported {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} is described in\n{text}");
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} is a {kind} in\n{text}");
            let bucket = format!("{name}_bucket{{le=");
            assert!(kind != "histogram" || text.contains(&bucket), "{name} has buckets in\n{text}");
        }
    }

    #[test]
    fn a_label_is_escaped() {
        assert!(rendered().contains(r#"{label="a\"b\\c\nd"} 1"#), "{}", rendered());
    }
}
