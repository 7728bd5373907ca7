//! A PostgreSQL server for the time that a command runs: `cargo run -p xtask -- with-postgres cargo nextest run`.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use bocau_test_postgres::{Durability, PostgresServer};

/// Tells the command where the server is.
const SERVER: &str = "BOCAU_TEST_POSTGRES";

/// Runs `command` beside a server; ends as it ends.
pub(crate) fn run(command: &[String]) -> anyhow::Result<ExitCode> {
    let [program, arguments @ ..] = command else { bail!("with-postgres needs a command to run") };
    let server = PostgresServer::start(Durability::Lost)?;
    let status = Command::new(program)
        .args(arguments)
        .env(SERVER, server.url())
        .status()
        .with_context(|| format!("{program} does not start"))?;
    drop(server);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
