//! `bocau serve`: the server.

use anyhow::bail;
use bocau_domain::NodeRole;
use clap::Args;

use super::{ConfigArgs, block_on};
use crate::{lifecycle, logging};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// What this node does, where several share PostgreSQL: all, api (answers, sends nothing) or worker (sends) [default: all]
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Whose pages may show a portal link's in a frame: origins, comma-separated [default: nobody's]
    #[arg(long, value_name = "ORIGINS")]
    portal_origins: Option<String>,
    /// With an empty database: make a demo store and deliver the document's samples to a built-in receiver
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: ServeArgs) -> anyhow::Result<()> {
    let own = vec![("role", args.role), ("listen", args.listen), ("portal_origins", args.portal_origins)];
    let config = args.config.load(own)?;
    if args.demo && config.role != NodeRole::All {
        bail!("--demo shows a whole server: it needs the role all, not {}", config.role);
    }
    logging::start(&config);
    block_on(lifecycle::serve(config, args.demo))
}
