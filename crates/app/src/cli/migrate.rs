//! `bocau migrate`: brings the database, and its shards, to this version's schema; `serve` does so as well, this is for
//! those who want it done before. With `--from sqlite --to postgres` it moves an installation.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use bocau_engine::SystemRng;
use bocau_store::moving::{self, Counted, Move, Progress};
use bocau_store::sqlite::DataDirLock;
use bocau_store::{postgres, sqlite};
use clap::{Args, ValueEnum};

use super::{ConfigArgs, block_on, progress_bar, tell};
use crate::config::Config;
use crate::logging;
use crate::storage::{Storage, database_name, database_path, master_key, plain};

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Move the installation away from here: the data directory's database
    #[arg(long, value_enum, requires = "to")]
    from: Option<Backend>,
    /// Move the installation to here: the empty database of `BOCAU_DATABASE_URL`
    #[arg(long, value_enum, requires = "from")]
    to: Option<Backend>,
    /// Copy what is there while the server still runs, so that moving in earnest takes less time
    #[arg(long, requires = "from")]
    ahead: bool,
    /// Take a move back: servers start on the data directory's database again, as they left it
    #[arg(long, conflicts_with_all = ["from", "to", "ahead"])]
    take_back: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

pub(super) fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let config = args.config.load(vec![])?;
    // Whatever a start may do: this is the command that is for it.
    let config = Config { migrate_on_start: true, ..config };
    logging::start_quietly(&config);
    if args.take_back {
        return take_back(&config);
    }
    match (args.from, args.to) {
        (None, _) | (_, None) => block_on(migrate(config)),
        (Some(Backend::Sqlite), Some(Backend::Postgres)) => block_on(move_away(config, args.ahead)),
        _ => bail!("an installation moves from sqlite to postgres, and in no other direction"),
    }
}

async fn migrate(config: Config) -> anyhow::Result<()> {
    let before = version(&config).await?;
    let mut shards = Vec::new();
    for (name, url) in &config.database_shards {
        // One that does not answer is told of below.
        shards.push((name, url, postgres::schema_version(url).await.ok().flatten()));
    }
    let storage = Storage::open(&config).await?;
    storage.store.close().await;
    let after = version(&config).await?;
    tell(&format!("{}: {}", database_name(&config), told(before, after)));
    for (name, url, before) in shards {
        let after =
            postgres::schema_version(url).await.map_err(plain).context(format!("the shard {name}"))?;
        tell(&format!("{name}: {url}: {}", told(before, after)));
    }
    Ok(())
}

async fn version(config: &Config) -> anyhow::Result<Option<i32>> {
    match &config.database_url {
        None => sqlite::schema_version(&database_path(config)).map_err(plain),
        Some(url) => postgres::schema_version(url).await.map_err(plain),
    }
}

fn told(before: Option<i32>, after: Option<i32>) -> String {
    let version =
        |version: Option<i32>| version.map_or_else(|| "none".to_owned(), |number| number.to_string());
    match before {
        None => format!("made with schema version {}", version(after)),
        _ if before == after => format!("is at schema version {} already", version(after)),
        _ => format!("brought from schema version {} to {}", version(before), version(after)),
    }
}

async fn move_away(config: Config, ahead: bool) -> anyhow::Result<()> {
    let Some(url) = &config.database_url else {
        bail!("set BOCAU_DATABASE_URL to the PostgreSQL database that the installation moves to");
    };
    let from = database_path(&config);
    if !from.exists() {
        bail!("there is nothing to move: {} does not exist", from.display());
    }
    let what = Move {
        to: url.clone(),
        master_key: master_key(&config, &SystemRng)?,
        rng: Arc::new(SystemRng),
        from: from.clone(),
    };
    let bar = progress_bar("{msg:18} {wide_bar} {percent}% of {len} rows, {eta} left");
    let progress = |Progress { table, done, total }: Progress| {
        // What a running server adds meanwhile was not counted.
        bar.set_length(total.max(done));
        bar.set_position(done);
        bar.set_message(table);
    };
    if ahead {
        let written = moving::move_ahead(&what, progress).await;
        bar.finish_and_clear();
        let written = written.map_err(plain)?;
        tell(&format!(
            "Copied ahead: {written} rows are new in {url}. Now stop the server and run the same command without \
             --ahead: it copies what has changed since, and switches over."
        ));
        return Ok(());
    }
    let lock = DataDirLock::acquire(&config.data_dir).map_err(plain).context(
        "the last changes are copied while no server runs: stop it, or copy most of it beforehand with --ahead",
    )?;
    let counts = moving::finish(&what, progress).await;
    bar.finish_and_clear();
    let counts = counts.map_err(plain)?;
    drop(lock);
    tell(&explanation(&counts, &from.display().to_string(), &url.to_string()));
    Ok(())
}

fn explanation(counts: &[Counted], from: &str, to: &str) -> String {
    let lines: Vec<String> = counts
        .iter()
        .map(|Counted { table, from, to }| {
            format!("  {table:18} {from:>12} rows in SQLite {to:>12} in PostgreSQL")
        })
        .collect();
    format!(
        "{}\n\
         Moved to {to}, and counted on both sides. Start servers with BOCAU_DATABASE_URL and with the same master key \
         (BOCAU_MASTER_KEY) from now on. None starts on {from} any more; `bocau migrate --take-back` undoes that, \
         and what PostgreSQL has taken in by then is not in it.",
        lines.join("\n")
    )
}

fn take_back(config: &Config) -> anyhow::Result<()> {
    let path = database_path(config);
    let _lock = DataDirLock::acquire(&config.data_dir).map_err(plain)?;
    if sqlite::take_move_back(&path).map_err(plain)? {
        tell(&format!("Servers start on {} again, without BOCAU_DATABASE_URL.", path.display()));
    } else {
        tell(&format!("{} was not moved.", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_from_which_version_to_which() {
        assert_eq!(told(None, Some(3)), "made with schema version 3");
        assert_eq!(told(Some(1), Some(3)), "brought from schema version 1 to 3");
        assert_eq!(told(Some(3), Some(3)), "is at schema version 3 already");
    }
}
