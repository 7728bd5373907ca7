//! `bocau backup`: a consistent copy of the database, also while a server runs.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use super::{ConfigArgs, block_on, progress_bar, tell};
use crate::config::Config;
use crate::logging;
use crate::storage::{Storage, database_path, master_key_path, plain};

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not be there
    target: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: BackupArgs) -> anyhow::Result<()> {
    let config = args.config.load(vec![])?;
    logging::start_quietly(&config);
    block_on(back_up(args.target, config))
}

async fn back_up(target: PathBuf, config: Config) -> anyhow::Result<()> {
    if let Some(url) = &config.database_url {
        bail!(
            "{url} is backed up by PostgreSQL's own tools, pg_dump or pg_basebackup; this copies a SQLite file"
        );
    }
    let database = database_path(&config);
    if !database.exists() {
        bail!("there is no database to copy: {} does not exist", database.display());
    }
    let storage = Storage::open(&config).await?;
    let bar = progress_bar("{wide_bar} {percent}% of {len} pages, {eta} left");
    let shown = bar.clone();
    let progress = move |copied, total| {
        shown.set_length(total);
        shown.set_position(copied);
    };
    let copied = storage.store.backup(&target, Box::new(progress)).await;
    bar.finish_and_clear();
    storage.store.close().await;
    copied.map_err(plain)?;
    tell(&explanation(&config, &target));
    Ok(())
}

fn explanation(config: &Config, target: &Path) -> String {
    let key = if config.master_key.is_some() {
        "It is configured as master_key (BOCAU_MASTER_KEY)".to_owned()
    } else {
        format!("It lies in {}", master_key_path(config).display())
    };
    format!(
        "Copied to {}.\n\
         The master key is NOT in the copy: without it nobody can read the signing secrets and header values in \
         it, you neither. {key}; keep a copy of it in another safe place.",
        target.display()
    )
}
