//! `bocau shard`: the databases that stores are spread over, and moving a store from one to another while it is used.

use anyhow::{Context as _, bail};
use bocau_domain::StoreId;
use bocau_store::Store as _;
use bocau_store::sharded::{MoveStep, ShardReport, ShardedStore};
use clap::{Args, Subcommand};

use super::{ConfigArgs, block_on, tell, write_out};
use crate::config::Config;
use crate::logging;
use crate::storage::{open_sharded, plain};

#[derive(Debug, Subcommand)]
pub(crate) enum ShardCommand {
    /// Show the databases, whether they answer, and what they have
    List(ListArgs),
    /// Move a store to another database while it is used; also goes on with a move that broke off
    Move(MoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The store
    store: StoreId,
    /// The name of the database to move it to; `home` for that of `BOCAU_DATABASE_URL`
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(command: ShardCommand) -> anyhow::Result<()> {
    match command {
        ShardCommand::List(ListArgs { config }) => {
            let config = config.load(vec![])?;
            logging::start_quietly(&config);
            block_on(list(config))
        }
        ShardCommand::Move(MoveArgs { store, to, config }) => {
            let config = config.load(vec![])?;
            logging::start_quietly(&config);
            block_on(relocate(config, store, to))
        }
    }
}

async fn open(config: &Config) -> anyhow::Result<ShardedStore> {
    if config.database_shards.is_empty() {
        bail!("there are no shards: set BOCAU_DATABASE_SHARDS, as a=postgres://…,b=postgres://…");
    }
    open_sharded(config).await
}

async fn list(config: Config) -> anyhow::Result<()> {
    let store = open(&config).await?;
    let reports = store.report().await.map_err(plain)?;
    store.close().await;
    write_out(&table(&reports))
}

/// With a header, a line per database, and columns that stand below one another.
fn table(reports: &[ShardReport]) -> String {
    let header = ["NAME", "STORES", "SIZE", "SCHEMA", "STATE", "URL"].map(str::to_owned);
    let line = |report: &ShardReport| {
        let (size, schema, state) = match &report.state {
            Ok((bytes, schema)) => (size(*bytes), schema.to_string(), "answers".to_owned()),
            Err(why) => ("-".to_owned(), "-".to_owned(), why.clone()),
        };
        [report.name.clone(), report.stores.to_string(), size, schema, state, report.url.clone()]
    };
    let rows: Vec<[String; 6]> = [header].into_iter().chain(reports.iter().map(line)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes / 1024, 0);
    while size >= 10_000 && unit + 1 < UNITS.len() {
        size /= 1024;
        unit += 1;
    }
    format!("{size} {}", UNITS[unit])
}

async fn relocate(config: Config, id: StoreId, to: String) -> anyhow::Result<()> {
    let store = open(&config).await?;
    let mut show = |step| tell(&told(&id, &to, step));
    let moved = store.relocate(&id, &to, &mut show).await.map_err(plain);
    store.close().await;
    moved.with_context(|| format!("{id} has not moved to {to}; the same command goes on where this ended"))
}

fn told(id: &StoreId, to: &str, step: MoveStep) -> String {
    match step {
        MoveStep::Copied(count) => format!("{id}: {count} deliveries copied"),
        MoveStep::Compared(compared, copied) => {
            format!("{id}: {compared} deliveries compared, {copied} copied again")
        }
        MoveStep::Draining(count) => format!("{id}: waiting for {count} deliveries in flight"),
        MoveStep::Still => format!("{id}: nothing is in flight; copying the rest"),
        MoveStep::Moved => format!("{id} is on {to} now"),
        MoveStep::Stayed => format!("{id} is on {to}, and stays there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_answers_and_what_does_not() {
        let report = |name: &str, stores, state| ShardReport {
            name: name.into(),
            url: format!("postgres://db/{name}"),
            stores,
            state,
        };
        let reports = [
            report("home", 12, Ok((20 * 1024 * 1024, 4))),
            report("a", 3, Err("no answer within 4 s".into())),
        ];
        let expected = "NAME  STORES  SIZE    SCHEMA  STATE                 URL\n\
                        home  12      20 MiB  4       answers               postgres://db/home\n\
                        a     3       -       -       no answer within 4 s  postgres://db/a";
        assert_eq!(table(&reports), expected);
    }
}
