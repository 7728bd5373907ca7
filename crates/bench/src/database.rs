//! What the `PostgreSQL` under a server uses.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio_postgres::{Client, NoTls};

/// The server of a database, as its own statistics and the system tell.
pub(crate) struct Database {
    client: Client,
    url: String,
    postmaster: Option<u32>,
    directory: PathBuf,
}

impl Database {
    /// Connects to it.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let client = connect(url).await?;
        for setting in ["fsync", "synchronous_commit"] {
            let value: String = client.query_one(&format!("SHOW {setting}"), &[]).await?.get(0);
            anyhow::ensure!(value == "on", "that server does not wait for the disk ({setting} = {value})");
        }
        let directory: String = client.query_one("SHOW data_directory", &[]).await?.get(0);
        let directory = PathBuf::from(directory);
        let pid = std::fs::read_to_string(directory.join("postmaster.pid"));
        let postmaster = pid.ok().and_then(|pid| pid.lines().next()?.parse().ok());
        Ok(Self { client, url: url.to_owned(), postmaster, directory })
    }

    /// Makes an empty database on the server; answers its URL.
    pub(crate) async fn make(&self, name: &str) -> anyhow::Result<String> {
        self.remove(name).await?;
        self.client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let (base, _) = self.url.rsplit_once('/').context("a URL that names a database")?;
        Ok(format!("{base}/{name}"))
    }

    /// Removes a database where it is there.
    pub(crate) async fn remove(&self, name: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?)
    }

    /// The process whose family does the server's work.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        self.postmaster
    }

    /// Its files, where they are on this machine.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.is_dir().then_some(&*self.directory)
    }

    /// Bytes of its log so far.
    pub(crate) async fn log_bytes(&self) -> anyhow::Result<u64> {
        let row =
            self.client.query_one("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint", &[]).await?;
        Ok(row.get::<_, i64>(0).cast_unsigned())
    }
}

/// Bytes of the database of this URL.
pub(crate) async fn bytes(url: &str) -> anyhow::Result<u64> {
    let row = connect(url).await?.query_one("SELECT pg_database_size(current_database())", &[]).await?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

/// A connection without TLS, as to a server on this machine.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}
