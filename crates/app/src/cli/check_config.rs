//! `bocau check-config`: the effective configuration, each value with its source.

use clap::Args;

use super::{ConfigArgs, tell, write_out};

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// As `serve` would be told
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: CheckConfigArgs) -> anyhow::Result<()> {
    let config = args.config.load(vec![("listen", args.listen)])?;
    let width = |of: fn(&crate::config::Setting) -> &str| {
        config.settings.iter().map(|setting| of(setting).chars().count()).max().unwrap_or(0)
    };
    let (key_width, value_width) = (width(|setting| &setting.key), width(|setting| &setting.value));
    let line = |setting: &crate::config::Setting| {
        format!("{:key_width$} = {:value_width$}  # {}", setting.key, setting.value, setting.origin)
    };
    let lines: Vec<String> = config.settings.iter().map(line).collect();
    write_out(&lines.join("\n"))?;
    tell("The configuration can be used.");
    Ok(())
}
