//! `bocau serve`: the server.

use clap::Args;

use super::{ConfigArgs, block_on};
use crate::{lifecycle, logging};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
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
    let config = args.config.load(vec![("listen", args.listen), ("portal_origins", args.portal_origins)])?;
    logging::start(&config);
    block_on(lifecycle::serve(config, args.demo))
}
