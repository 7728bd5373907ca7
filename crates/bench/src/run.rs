//! The runs, one after the other.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::Arguments;
use crate::database::Database;
use crate::limit::{self, Limit, cast};
use crate::load::{self, percentile};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::{self, EndToEnd};
use crate::usage;

/// Events that go through before anything is measured: plans, connections and caches are warm then.
const WARM_UP: usize = 4_000;
/// How long nothing new may arrive before a run counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// Names of the databases that are made.
const LIMIT_DATABASE: &str = "bocau_bench_limit";
const RUN_DATABASE: &str = "bocau_bench";

/// Measures everything, and tells.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let database = match &arguments.postgres {
        Some(url) => Some((Database::open(url).await?, url.as_str())),
        None => None,
    };
    let limit = limit(database.as_ref(), arguments.events).await?;
    let mut runs = Vec::new();
    for batch in [1, 100] {
        runs.push(end_to_end(arguments, database.as_ref(), batch).await?);
    }
    report::print(&limit, &runs, arguments.postgres.is_some());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json(&limit, &runs, arguments.postgres.is_some()))?;
    }
    Ok(())
}

async fn limit(database: Option<&(Database, &str)>, posts: usize) -> anyhow::Result<Limit> {
    let url = match database {
        Some((database, url)) => Some(database.make(url, LIMIT_DATABASE).await?),
        None => None,
    };
    limit::measure(url.as_deref(), posts).await
}

/// Publishes until the receiver has everything.
async fn end_to_end(
    arguments: &Arguments,
    database: Option<&(Database, &str)>,
    batch: usize,
) -> anyhow::Result<EndToEnd> {
    let receiver = Receiver::start(true).await?;
    let url = match database {
        Some((database, url)) => Some(database.make(url, RUN_DATABASE).await?),
        None => None,
    };
    let program = Program::start(&arguments.program, url.as_deref(), &receiver, 1).await?;
    let events = arguments.events - arguments.events % batch;
    let warm_up = WARM_UP - WARM_UP % batch;
    load::publish(program.address, warm_up, batch).await?;
    arrive(&receiver, warm_up).await?;
    receiver.forget();

    let postmaster = database.and_then(|(database, _)| database.postmaster());
    let database_cpu = || postmaster.map_or(Duration::ZERO, usage::cpu_of_family);
    let written = async || match database {
        Some((database, _)) => anyhow::Ok((database.log_bytes().await?, database.bytes(RUN_DATABASE).await?)),
        None => Ok((0, program.bytes_on_disk())),
    };
    let before = (usage::cpu(program.pid()), database_cpu(), written().await?);
    let published = load::publish(program.address, events, batch).await?;
    let published_in = published.began_at.elapsed();
    arrive(&receiver, events).await?;
    let arrived_at = receiver.last_at().unwrap_or(published.began_at);
    let span = arrived_at.duration_since(published.began_at);
    let after = (usage::cpu(program.pid()), database_cpu(), written().await?);
    let each = |used: Duration| used.as_secs_f64() * 1e6 / cast(events);
    Ok(EndToEnd {
        batch,
        events,
        events_per_second: cast(events) / span.as_secs_f64(),
        published_per_second: cast(events) / published_in.as_secs_f64(),
        server_cpu_us: each(after.0.saturating_sub(before.0)),
        database_cpu_us: each(after.1.saturating_sub(before.1)),
        log_bytes: after.2.0.saturating_sub(before.2.0) / events as u64,
        disk_bytes: after.2.1.saturating_sub(before.2.1) / events as u64,
        peak_memory: usage::peak_memory(program.pid()),
        answered_p50: percentile(&published.latencies, 50.0),
        answered_p99: percentile(&published.latencies, 99.0),
        repeats: receiver.requests() - receiver.events(),
    })
}

/// Waits until so many different events have arrived.
async fn arrive(receiver: &Receiver, events: usize) -> anyhow::Result<()> {
    let (mut seen, mut seen_at) = (0, Instant::now());
    loop {
        let now = receiver.events();
        if now >= events {
            return Ok(());
        }
        if now > seen {
            (seen, seen_at) = (now, Instant::now());
        } else if seen_at.elapsed() > PATIENCE {
            bail!("{} of {events} events never arrived", events - now);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
