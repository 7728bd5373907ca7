//! `bocau migrate`: brings the database, and its shards, to this version's schema. `serve` does so as well; this is for those
//! who want it done before.

use anyhow::Context as _;
use bocau_store::{postgres, sqlite};
use clap::Args;

use super::{ConfigArgs, block_on, tell};
use crate::config::Config;
use crate::logging;
use crate::storage::{Storage, database_name, database_path, plain};

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let config = args.config.load(vec![])?;
    logging::start_quietly(&config);
    block_on(migrate(config))
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
