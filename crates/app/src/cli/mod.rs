//! The commands, one file each. What people are told goes to standard error, what programs read to standard
//! output.

pub mod backup;
pub mod check_config;
pub mod key;
pub mod migrate;
pub mod publish;
pub mod restore;
mod rotate_master;
pub mod serve;
pub mod shard;
pub mod user;

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::{Config, ConfigError, Inputs};

/// Bồ Câu delivers the events of shops to the systems of their owners, as signed webhooks.
#[derive(Debug, Parser)]
#[command(name = "bocau", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Check the configuration and show where each setting comes from
    CheckConfig(check_config::CheckConfigArgs),
    /// Make, list and revoke API keys; also before the first start and beside a running server
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make people who may sign in; also before the first start and beside a running server
    #[command(subcommand)]
    User(user::UserCommand),
    /// Publish events from a file or standard input
    Publish(publish::PublishArgs),
    /// Bring the database to the schema of this version
    Migrate(migrate::MigrateArgs),
    /// Show the databases that stores are spread over, and move a store from one to another
    #[command(subcommand)]
    Shard(shard::ShardCommand),
    /// Copy the database, also while a server runs
    Backup(backup::BackupArgs),
    /// Put a backup in the database's place, while no server runs
    Restore(restore::RestoreArgs),
}

/// Where a command finds its configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: bocau.toml, where it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database and the master key lie [default: ./data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// What is logged, such as info or `info,bocau_engine=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look: text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigArgs {
    /// The configuration, with `more` flags that only one command has.
    fn load(self, more: Vec<(&'static str, Option<String>)>) -> Result<Config, ConfigError> {
        let own = [("data_dir", self.data_dir), ("log", self.log), ("log_format", self.log_format)];
        let given = own.into_iter().chain(more).filter_map(|(key, value)| Some((key, value?)));
        Config::load(&Inputs {
            file: self.config,
            environment: std::env::vars_os().collect(),
            flags: given.collect(),
        })
    }
}

/// Reads the command line and runs what it names. A command line that cannot be read ends the process with
/// exit code 2, as clap does.
pub(crate) fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::CheckConfig(args) => check_config::run(args),
        Command::Key(command) => key::run(command),
        Command::User(command) => user::run(command),
        Command::Publish(args) => publish::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Shard(command) => shard::run(command),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
    }
}

/// Runs an asynchronous command to its end. What it left on other threads is not waited for.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the program cannot be started")?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}

/// Where a person sees how far something has come: on standard error, and only where that is a terminal.
fn progress_bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Says something to the person at the keyboard.
fn tell(text: &str) {
    // Nobody is there where standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes what a program reads.
fn write_out(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("standard output cannot be written")
}
