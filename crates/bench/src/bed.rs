//! What servers under test are started on: the program, and a database that is empty each time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::database::{self, Database};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::usage;

/// Names of the databases that are made.
const LIMIT_DATABASE: &str = "bocau_bench_limit";
const RUN_DATABASE: &str = "bocau_bench";
const HISTORY_DATABASE: &str = "bocau_bench_history";

/// The program and the kind of database.
pub(crate) struct Bed {
    program: PathBuf,
    database: Option<Database>,
}

impl Bed {
    /// Looks whether both are there.
    pub(crate) async fn new(program: &Path, postgres: Option<&str>) -> anyhow::Result<Self> {
        let program = program
            .canonicalize()
            .with_context(|| format!("{} is not there: cargo build --release --locked", program.display()))?;
        let database = match postgres {
            Some(url) => Some(Database::open(url).await?),
            None => None,
        };
        Ok(Self { program, database })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Starts a server on an empty database, in place of that of the one before. It trusts the receiver, and has these
    /// settings beside the usual ones.
    pub(crate) async fn serve(
        &self,
        receiver: &Receiver,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Program> {
        self.serve_on(RUN_DATABASE, receiver, settings).await
    }

    /// The same on a database that stays beside those.
    pub(crate) async fn serve_on_history(
        &self,
        receiver: &Receiver,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Program> {
        self.serve_on(HISTORY_DATABASE, receiver, settings).await
    }

    async fn serve_on(
        &self,
        database: &str,
        receiver: &Receiver,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Program> {
        let url = match &self.database {
            Some(server) => Some(server.make(database).await?),
            None => None,
        };
        Program::start(&self.program, url, &receiver.authority, settings).await
    }

    /// An empty database for the machine's limit; none where it is SQLite, which makes its own.
    pub(crate) async fn limit_database(&self) -> anyhow::Result<Option<String>> {
        match &self.database {
            Some(database) => database.make(LIMIT_DATABASE).await.map(Some),
            None => Ok(None),
        }
    }

    /// The processor time of PostgreSQL so far.
    pub(crate) fn database_cpu(&self) -> Duration {
        let postmaster = self.database.as_ref().and_then(Database::postmaster);
        postmaster.map_or(Duration::ZERO, usage::cpu_of_family)
    }

    /// Bytes of PostgreSQL's log so far.
    pub(crate) async fn log_bytes(&self) -> anyhow::Result<u64> {
        match &self.database {
            Some(database) => database.log_bytes().await,
            None => Ok(0),
        }
    }

    /// Bytes of the database that the server works on.
    pub(crate) async fn bytes_on_disk(&self, program: &Program) -> anyhow::Result<u64> {
        match &program.postgres {
            Some(url) => database::bytes(url).await,
            None => Ok(program.bytes_on_disk()),
        }
    }

    /// Where the database keeps its files, as far as this machine has them.
    pub(crate) fn data_directory<'a>(&'a self, program: &'a Program) -> &'a Path {
        self.database.as_ref().and_then(Database::directory).unwrap_or_else(|| program.directory())
    }

    /// Removes the databases that were made.
    pub(crate) async fn clear(&self) -> anyhow::Result<()> {
        if let Some(database) = &self.database {
            for name in [LIMIT_DATABASE, RUN_DATABASE, HISTORY_DATABASE] {
                database.remove(name).await?;
            }
        }
        Ok(())
    }
}
