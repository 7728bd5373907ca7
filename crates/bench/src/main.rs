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
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured, and with what.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program under test, a release build
    #[arg(long, default_value = "target/release/bocau")]
    program: PathBuf,
    /// An empty PostgreSQL database with fsync on; without it, SQLite is measured
    #[arg(long)]
    postgres: Option<String>,
    /// Events of each run
    #[arg(long, default_value_t = 40_000)]
    events: usize,
    /// Where the figures are written as JSON too
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("threads")?;
    runtime.block_on(run::run(&arguments))
}
