//! The log: to standard error, filtered by `BOCAU_LOG`, as text or JSON. At the default level nothing is
//! written per delivery; the history and the metrics have those.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// What a command that is no server logs, unless it was told.
const QUIET: &str = "warn";

/// Starts logging for a server, as configured. Called once.
pub fn start(config: &Config) {
    start_with(config, &config.log);
}

/// Starts logging for a command beside a server: its own words are what counts. Called once.
pub fn start_quietly(config: &Config) {
    start_with(config, if config.is_log_default { QUIET } else { &config.log });
}

fn start_with(config: &Config, filter: &str) {
    // The configuration has checked the filter.
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(QUIET));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.log_format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A test that runs commands within one process has a log already.
    drop(started);
}
