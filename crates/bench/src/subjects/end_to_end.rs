//! Events from the first post to the last arrival, as fast as they are taken.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::limit::Limit;
use super::{Found, PATIENCE, Sizes, cast, warm_up};
use crate::bed::Bed;
use crate::load::{self, CONNECTIONS, Load};
use crate::program::{Program, STORE, WIDE};
use crate::receiver::Receiver;
use crate::report::{Bound, Goal, Section, Tally, mebibytes, millis, number, table};
use crate::spread::Spread;
use crate::usage;

/// Events of a request, in the order of the runs.
pub(super) const BATCHES: [usize; 2] = [1, 100];
/// How much more than at the least an event may cost.
const CPU_FACTOR: f64 = 2.0;

/// One run.
pub(crate) struct EndToEnd {
    /// Events of one request.
    batch: usize,
    events: usize,
    /// From the first post to the last arrival.
    pub(crate) events_per_second: f64,
    /// From the first post to the last 202.
    published_per_second: f64,
    /// The server's processor time for one event, in microseconds.
    server_cpu_us: f64,
    /// The same of PostgreSQL.
    database_cpu_us: f64,
    /// PostgreSQL's log for one event.
    log_bytes: u64,
    /// What one event adds to the database.
    disk_bytes: u64,
    /// The server's memory at its most.
    peak_memory: u64,
    /// How long a request took to its 202.
    answered: Spread,
    pub(super) tally: Tally,
}

/// Runs one at a time, and in batches.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes, found: &mut Found) -> anyhow::Result<Section> {
    let mut runs = Vec::new();
    for batch in BATCHES {
        runs.push(fresh(bed, sizes.events, batch).await?);
    }
    let section = section(bed, &runs, found.limit.as_ref());
    found.one_at_a_time = Some(runs.swap_remove(0));
    Ok(section)
}

/// A run on an empty database.
pub(super) async fn fresh(bed: &Bed, events: usize, batch: usize) -> anyhow::Result<EndToEnd> {
    let receiver = Receiver::start(true)?;
    let program = bed.serve(&receiver, &[WIDE]).await?;
    program.make_webhook(STORE, &json!({"url": receiver.url(0), "events": ["*"]})).await?;
    through(bed, &program, &receiver, events, batch).await
}

/// Publishes to a server with one webhook until its receiver has everything.
pub(super) async fn through(
    bed: &Bed,
    program: &Program,
    receiver: &Receiver,
    events: usize,
    batch: usize,
) -> anyhow::Result<EndToEnd> {
    warm_up(program, receiver, 1).await?;
    let before = Used::so_far(bed, program).await?;
    let published = load::publish(program.address, Load::orders(events, batch)).await?;
    let promised = published.requests.len() * batch;
    let arrived = receiver.arrivals.take_all(promised, PATIENCE).await;
    let after = Used::so_far(bed, program).await?;
    let since = |end: Instant| (end - published.began_at).as_secs_f64();
    let cpu_us = |of: &dyn Fn(&Used) -> Duration| {
        of(&after).saturating_sub(of(&before)).as_secs_f64() * 1e6 / cast(promised)
    };
    let bytes = |of: &dyn Fn(&Used) -> u64| of(&after).saturating_sub(of(&before)) / promised as u64;
    let losses = arrived.lost(&published.events()?, 1);
    Ok(EndToEnd {
        batch,
        events: promised,
        events_per_second: cast(promised - losses) / since(arrived.last_at.unwrap_or(published.ended_at)),
        published_per_second: cast(promised) / since(published.ended_at),
        server_cpu_us: cpu_us(&|used| used.server),
        database_cpu_us: cpu_us(&|used| used.database),
        log_bytes: bytes(&|used| used.log_bytes),
        disk_bytes: bytes(&|used| used.disk_bytes),
        peak_memory: usage::peak_memory(program.pid()),
        answered: Spread::of(published.latencies()),
        tally: Tally { promised, losses, repeats: arrived.repeats },
    })
}

/// What was used until a moment.
struct Used {
    server: Duration,
    database: Duration,
    log_bytes: u64,
    disk_bytes: u64,
}

impl Used {
    async fn so_far(bed: &Bed, program: &Program) -> anyhow::Result<Self> {
        Ok(Self {
            server: usage::cpu(program.pid()),
            database: bed.database_cpu(),
            log_bytes: bed.log_bytes().await?,
            disk_bytes: bed.bytes_on_disk(program).await?,
        })
    }
}

fn section(bed: &Bed, runs: &[EndToEnd], limit: Option<&Limit>) -> Section {
    let mut columns = vec![String::new()];
    columns.extend(runs.iter().map(EndToEnd::name));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = table(&columns);
    let mut row = |name: &str, of: &dyn Fn(&EndToEnd) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(runs.iter().map(of));
        table.add_row(cells);
    };
    row("events", &|run| run.events.to_string());
    row("events/s, to the last arrival", &|run| number(run.events_per_second));
    if let Some(limit) = limit {
        row("  share of L", &|run| format!("{:.2}", run.events_per_second / limit.composed()));
    }
    row("events/s, to the last 202", &|run| number(run.published_per_second));
    row("server CPU µs per event", &|run| number(run.server_cpu_us));
    let least = limit.and_then(Limit::cpu_us);
    if let Some(least) = least {
        row("  times half in + half out + store", &|run| format!("{:.2}", run.server_cpu_us / least));
    }
    if bed.is_postgres() {
        row("PostgreSQL CPU µs per event", &|run| number(run.database_cpu_us));
        row("log bytes per event", &|run| run.log_bytes.to_string());
    }
    row("bytes on disk per event", &|run| run.disk_bytes.to_string());
    row("request to 202, p50", &|run| millis(run.answered.p50));
    row("request to 202, p99", &|run| millis(run.answered.p99));
    row("peak memory of the server", &|run| mebibytes(run.peak_memory));
    row("losses", &|run| run.tally.losses.to_string());
    row("repeats", &|run| run.tally.repeats.to_string());
    let goal = |run: &EndToEnd| {
        Some(Goal {
            name: format!("server CPU of an event, {}", run.name()),
            measured: run.server_cpu_us,
            bound: Bound::AtMost(CPU_FACTOR * least?),
            unit: "µs",
        })
    };
    let goals = runs.iter().filter_map(goal).collect();
    let mut tally = Tally::default();
    for run in runs {
        tally += run.tally;
    }
    let json = runs.iter().map(|run| run.json(limit)).collect();
    let title = format!("End to end, {CONNECTIONS} publishers");
    Section { name: "end_to_end", title, table, json, goals, tally }
}

impl EndToEnd {
    pub(super) fn name(&self) -> String {
        match self.batch {
            1 => "one at a time".to_owned(),
            batch => format!("batches of {batch}"),
        }
    }

    pub(super) fn json(&self, limit: Option<&Limit>) -> Value {
        json!({
            "batch": self.batch,
            "events": self.events,
            "events_per_second": self.events_per_second,
            "share_of_limit": limit.map(|limit| self.events_per_second / limit.composed()),
            "published_per_second": self.published_per_second,
            "server_cpu_us_per_event": self.server_cpu_us,
            "database_cpu_us_per_event": self.database_cpu_us,
            "log_bytes_per_event": self.log_bytes,
            "disk_bytes_per_event": self.disk_bytes,
            "peak_memory_bytes": self.peak_memory,
            "answered": self.answered.json(),
        })
    }
}
