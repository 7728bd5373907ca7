//! `bocau check-config`: the effective configuration, each value with its source.

use clap::Args;

use super::{ConfigArgs, tell, write_out};
use crate::config::{Config, Setting};
use crate::storage::{KeySource, key_source, master_key_path};

/// The setting that a file stands in for.
const MASTER_KEY: &str = "master_key";

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// As `serve` would be told
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: CheckConfigArgs) -> anyhow::Result<()> {
    let mut config = args.config.load(vec![("listen", args.listen)])?;
    show_master_key(&mut config);
    let width = |of: fn(&Setting) -> &str| {
        config.settings.iter().map(|setting| of(setting).chars().count()).max().unwrap_or(0)
    };
    let (key_width, value_width) = (width(|setting| &setting.key), width(|setting| &setting.value));
    let line = |setting: &Setting| {
        format!("{:key_width$} = {:value_width$}  # {}", setting.key, setting.value, setting.origin)
    };
    let lines: Vec<String> = config.settings.iter().map(line).collect();
    write_out(&lines.join("\n"))?;
    config.check_data_dir()?;
    key_source(&config)?;
    tell("The configuration can be used.");
    Ok(())
}

/// Nobody is to think that there is none where none is configured.
fn show_master_key(config: &mut Config) {
    let file = master_key_path(config).display().to_string();
    let shown = match key_source(config) {
        Ok(KeySource::Configured) => return,
        Ok(KeySource::File) => format!("(the file {file})"),
        Ok(KeySource::New) => format!("(the file {file}, made at the first start)"),
        Err(_) => format!("(the file {file}, which is missing)"),
    };
    if let Some(setting) = config.settings.iter_mut().find(|setting| setting.key == MASTER_KEY) {
        setting.value = shown;
    }
}
