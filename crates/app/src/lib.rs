//! The program: what an operator starts, configures and calls.
//!
//! - [`cli`]: the commands, one file each
//! - [`config`]: where settings come from, and what is allowed in them
//! - [`storage`]: the data directory with its master key and database
//! - [`lifecycle`]: how a server starts, drains and ends
//! - [`http_server`]: the listener, and how it keeps slow clients from holding it up
//! - [`tls`]: the listener's certificate, and how it is renewed
//! - [`dashboard`]: the pages, embedded
//! - [`inbox`]: the listener of the test inboxes, with [`certificates`] of its own
//! - [`logging`], [`measuring`]: what the server tells about itself
//! - [`demo`]: the store, receiver and events of `serve --demo`

pub mod certificates;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod demo;
pub mod http_server;
pub mod inbox;
pub mod lifecycle;
pub mod logging;
pub mod measuring;
pub mod storage;
pub mod tls;

use std::io::Write as _;
use std::process::ExitCode;

/// The exit code for a configuration or a command line that cannot be used.
const EXIT_UNUSABLE: u8 = 2;
/// The exit code for everything else that went wrong.
const EXIT_FAILED: u8 = 1;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told where standard error is closed.
            let _ = writeln!(std::io::stderr(), "bocau: {error:#}");
            let unusable = error.is::<config::ConfigError>();
            ExitCode::from(if unusable { EXIT_UNUSABLE } else { EXIT_FAILED })
        }
    }
}
