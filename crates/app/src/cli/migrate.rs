//! `bocau migrate`: brings the database to this version's schema. `serve` does so as well; this is for those
//! who want it done before.

use clap::Args;

use super::{ConfigArgs, block_on, tell};
use crate::config::Config;
use crate::logging;
use crate::storage::{Storage, database_path};

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
    let path = database_path(&config);
    let is_new = !path.exists();
    let storage = Storage::open(&config).await?;
    storage.store.close().await;
    tell(&format!(
        "{}: {} the schema of bocau {}",
        path.display(),
        if is_new { "made with" } else { "at" },
        env!("CARGO_PKG_VERSION")
    ));
    Ok(())
}
