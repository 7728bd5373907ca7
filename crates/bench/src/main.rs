//! Measures a server against the machine's own limit, in one run: `make bench`, `make bench-long`.
//!
//! Every figure is one of the machine of this run; nothing is compared with another day (docs/PERFORMANCE.md says how
//! each is measured). `subjects` has what is measured, a file each. They publish with `load` (as fast as it is taken) or
//! `open_loop` (by a schedule) to a `program` on a `bed`, which sends to a `receiver`, whose `arrivals` tell what was
//! lost or came twice; `report` tells.
#![expect(clippy::disallowed_methods, reason = "what is measured here is the machine's own time")]

mod arrivals;
mod bed;
mod certificates;
mod connection;
mod database;
mod disk;
mod event_key;
mod load;
mod open_loop;
mod order;
mod program;
mod receiver;
mod report;
mod spread;
mod subjects;
mod usage;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use bocau_test_postgres::{Durability, PostgresServer};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::subjects::{Sizes, Subject};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands for a server of the run's own.
const OWN: &str = "own";

/// What is measured, and with what.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program under test, a release build
    #[arg(long, default_value = "target/release/bocau")]
    program: PathBuf,
    /// Measure on PostgreSQL: on the server of this URL, or on one that is started for it; without it, on SQLite
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = OWN)]
    postgres: Option<String>,
    /// What is measured, with commas between; without it, all but history and memory
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    #[command(flatten)]
    sizes: Sizes,
    /// Where the figures are written as JSON too
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    let mut own = None;
    if arguments.postgres.as_deref() == Some(OWN) {
        let server = PostgresServer::start(Durability::Kept).context("PostgreSQL")?;
        arguments.postgres = Some(server.url());
        own = Some(server);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("threads")?;
    let ended = runtime.block_on(async {
        // Whatever a subject has made goes with it, so that nothing stays behind where it is broken off.
        tokio::select! {
            ended = measure(&arguments) => ended,
            broken_off = told_to_end() => broken_off.and_then(|()| bail!("broken off")),
        }
    });
    runtime.shutdown_background();
    drop(own);
    ended
}

/// By Ctrl-C, or by whoever limits its time.
async fn told_to_end() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let bed = bed::Bed::new(&arguments.program, arguments.postgres.as_deref()).await?;
    let measured = subjects::run(&bed, &arguments.only, &arguments.sizes).await;
    bed.clear().await?;
    let report = measured?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()).with_context(|| path.display().to_string())?;
    }
    report.end()
}
