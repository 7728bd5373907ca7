//! How long an event takes at a load that the server bears: to its 202, and to its arrival.

use std::time::Duration;

use serde_json::{Value, json};

use super::end_to_end::{self, EndToEnd};
use super::{Found, PATIENCE, Sizes, warm_up};
use crate::bed::Bed;
use crate::disk;
use crate::event_key;
use crate::open_loop::{self, Schedule};
use crate::order;
use crate::program::{STORE, WIDE};
use crate::receiver::Receiver;
use crate::report::{Bound, Goal, SPREAD_COLUMNS, Section, Tally, number, spread_row, table};
use crate::spread::Spread;

/// What may take how long, or so many times what the disk takes where that is more.
const ANSWERED_P50_MS: f64 = 2.0;
const ANSWERED_P99_MS: f64 = 10.0;
const ARRIVED_P50_MS: f64 = 2.5;
const ARRIVED_P99_MS: f64 = 12.0;
const SYNCS: f64 = 3.0;

/// One run.
struct Run {
    rate: f64,
    answered: Spread,
    arrived: Spread,
    /// How late requests left.
    lateness: Spread,
    /// The disk, just before.
    sync: Spread,
    tally: Tally,
}

/// Runs at a low rate, and at half of what the server can do.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes, found: &mut Found) -> anyhow::Result<Section> {
    let capacity = match &found.one_at_a_time {
        Some(EndToEnd { events_per_second, .. }) => *events_per_second,
        None => end_to_end::fresh(bed, sizes.events, 1).await?.events_per_second,
    };
    let mut runs = Vec::new();
    for rate in [sizes.rate, capacity / 2.0] {
        runs.push(at(bed, Schedule { rate, span: sizes.span() }).await?);
    }
    Ok(section(&runs))
}

async fn at(bed: &Bed, schedule: Schedule) -> anyhow::Result<Run> {
    let receiver = Receiver::start(true)?;
    let program = bed.serve(&receiver, &[WIDE]).await?;
    program.make_webhook(STORE, &json!({"url": receiver.url(0), "events": ["*"]})).await?;
    warm_up(&program, &receiver, 1).await?;
    let sync = disk::sync_spread(bed.data_directory(&program)).await?;
    let request = |_| order::request(STORE, "order.created", 1);
    let sent = open_loop::send(program.address, schedule, request).await?;
    let promised = sent.requests.len();
    let arrived = receiver.arrivals.take_all(promised, PATIENCE).await;
    let mut to_arrival = Vec::with_capacity(promised);
    for request in &sent.requests {
        for event in event_key::of_answer(&request.body)? {
            to_arrival.extend(arrived.at(event, 0).map(|at| at - request.asked_at));
        }
    }
    Ok(Run {
        rate: schedule.rate,
        answered: Spread::of(sent.requests.iter().map(|request| request.ended_at - request.asked_at)),
        tally: Tally { promised, losses: promised - to_arrival.len(), repeats: arrived.repeats },
        arrived: Spread::of(to_arrival),
        lateness: Spread::of(sent.lateness),
        sync,
    })
}

fn section(runs: &[Run]) -> Section {
    let mut table = table(&[&[""], &SPREAD_COLUMNS[..]].concat());
    let (mut goals, mut tally) = (Vec::new(), Tally::default());
    for run in runs {
        let rate = format!("{}/s", number(run.rate));
        table.add_row(spread_row(&format!("{rate}: to the 202"), &run.answered));
        table.add_row(spread_row(&format!("{rate}: to the arrival"), &run.arrived));
        table.add_row(spread_row("  of it: sent late", &run.lateness));
        table.add_row(spread_row("  4 KiB to the disk", &run.sync));
        let mut goal = |name: &str, measured: Duration, most: f64| {
            let sync = SYNCS * millis(run.sync.p99);
            let name = format!("{rate}: {name}");
            goals.push(Goal {
                name,
                measured: millis(measured),
                bound: Bound::AtMost(most.max(sync)),
                unit: "ms",
            });
        };
        goal("p50 to the 202", run.answered.p50, ANSWERED_P50_MS);
        goal("p99 to the 202", run.answered.p99, ANSWERED_P99_MS);
        goal("p50 to the arrival", run.arrived.p50, ARRIVED_P50_MS);
        goal("p99 to the arrival", run.arrived.p99, ARRIVED_P99_MS);
        tally += run.tally;
    }
    let title = "Latency, by a schedule".into();
    Section { name: "latency", title, table, json: runs.iter().map(json_of).collect(), goals, tally }
}

fn json_of(run: &Run) -> Value {
    json!({
        "per_second": run.rate,
        "answered": run.answered.json(),
        "arrived": run.arrived.json(),
        "sent_late": run.lateness.json(),
        "sync": run.sync.json(),
    })
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
