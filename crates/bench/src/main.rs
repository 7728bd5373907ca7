//! Measures a server against the machine's own limit, in one run: `make bench`.
//!
//! Every figure is a ratio of what was measured minutes apart on the same machine; nothing is compared with another day.
//! `limit` measures what the machine can do without us, `load` publishes, `receiver` is the merchant's server, `program`
//! is the server under test, `database` is what its `PostgreSQL` uses, and `report` tells.
#![expect(clippy::disallowed_methods, reason = "what is measured here is the machine's own time")]

mod connection;
mod database;
mod limit;
mod load;
mod program;
mod receiver;
mod report;
mod run;
mod usage;

use std::path::PathBuf;

use anyhow::Context as _;
use bocau_test_postgres::{Durability, PostgresServer};
use clap::Parser;

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
    /// Events of each run
    #[arg(long, default_value_t = 40_000)]
    events: usize,
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
    let ended = runtime.block_on(run::run(&arguments));
    drop(own);
    ended
}
