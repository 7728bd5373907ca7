//! A receiver that is down for a while under full load, and how long the server takes to catch up.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATIENCE, Sizes, cast, warm_up};
use crate::bed::Bed;
use crate::load::{self, Load, Until};
use crate::program::{STORE, WIDE};
use crate::receiver::Receiver;
use crate::report::{Section, Tally, mebibytes, number, table};
use crate::usage;

/// More than are needed while it is down.
const ATTEMPTS_MAX: u64 = 20;
/// As many retries fall into the outage.
const RETRIES: u64 = 6;

/// Publishes as fast as it is taken while connections are refused; then nothing more, until all has arrived.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes) -> anyhow::Result<Section> {
    let down_for = Duration::from_secs(sizes.outage_seconds);
    let retry_interval = sizes.outage_seconds.div_ceil(RETRIES).max(1);
    let receiver = Receiver::start(true)?;
    let program = bed.serve(&receiver, &[WIDE]).await?;
    let webhook = json!({
        "url": receiver.url(0),
        "events": ["*"],
        "max_attempts": ATTEMPTS_MAX,
        "retry_interval_seconds": retry_interval,
    });
    program.make_webhook(STORE, &webhook).await?;
    warm_up(&program, &receiver, 1).await?;
    let cpu = usage::cpu(program.pid());

    receiver.go_down();
    let until = Until::Moment(Instant::now() + down_for);
    let published =
        load::publish(program.address, Load { event_type: "order.created", batch: 1, until }).await?;
    receiver.come_back();
    let back_at = Instant::now();
    let promised = published.requests.len();
    // Something is due again at the latest when an interval has passed.
    let patience = PATIENCE + Duration::from_secs(retry_interval);
    let arrived = receiver.arrivals.take_all(promised, patience).await;
    let drained_in = arrived.last_at.unwrap_or(back_at).saturating_duration_since(back_at);

    let events = published.events()?;
    let losses = arrived.lost(&events, 1);
    let first_at = events.iter().filter_map(|event| arrived.at(*event, 0)).min().unwrap_or(back_at);
    let first_after = first_at.saturating_duration_since(back_at);
    let published_per_second = cast(promised) / (published.ended_at - published.began_at).as_secs_f64();
    let drained_per_second = cast(promised - losses) / drained_in.as_secs_f64();
    let cpu_us = usage::cpu(program.pid()).saturating_sub(cpu).as_secs_f64() * 1e6 / cast(promised);
    let peak_memory = usage::peak_memory(program.pid());
    let mut table = table(&["", ""]);
    table.add_row(["events/s taken in while it was down", &number(published_per_second)]);
    table.add_row(["to the first arrival after that", &seconds(first_after)]);
    table.add_row(["to the last arrival after that", &seconds(drained_in)]);
    table.add_row(["events/s, drained", &number(drained_per_second)]);
    table.add_row(["server CPU µs per event, retries and all", &number(cpu_us)]);
    table.add_row(["peak memory of the server", &mebibytes(peak_memory)]);
    Ok(Section {
        name: "outage",
        title: format!(
            "Outage: {} s, tried every {retry_interval} s, {promised} events waiting at its end",
            sizes.outage_seconds
        ),
        table,
        json: json!({
            "down_seconds": sizes.outage_seconds,
            "retry_interval_seconds": retry_interval,
            "events": promised,
            "published_per_second": published_per_second,
            "first_arrival_seconds": first_after.as_secs_f64(),
            "drain_seconds": drained_in.as_secs_f64(),
            "drained_per_second": drained_per_second,
            "server_cpu_us_per_event": cpu_us,
            "peak_memory_bytes": peak_memory,
        }),
        goals: Vec::new(),
        tally: Tally { promised, losses, repeats: arrived.repeats },
    })
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
