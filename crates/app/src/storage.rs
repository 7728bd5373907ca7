//! The master key and the database, in the data directory or elsewhere, and how every command opens both.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bocau_domain::Rng;
use bocau_engine::{SystemClock, SystemRng};
use bocau_store::postgres::{PostgresOptions, PostgresUrl};
use bocau_store::seal::MASTER_KEY_FILE;
use bocau_store::sharded::{self, ShardedOptions, ShardedStore};
use bocau_store::sqlite::{self, DATABASE_FILE, SqliteOptions, SqliteStore};
use bocau_store::{MasterKey, Store, StoreError};

use crate::config::Config;

/// An open database, and the key it is sealed with.
pub struct Storage {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The key.
    pub master_key: MasterKey,
}

impl Storage {
    /// Opens what the configuration names; makes data directory, master key and database where there are
    /// none, and brings an older schema up to date, unless `migrate_on_start` forbids it. Does not take the lock
    /// of a server.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        config.check_data_dir()?;
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let master_key = master_key(config, &*rng)?;
        let store: Arc<dyn Store> = if let Some(url) = &config.database_url {
            if config.database_shards.is_empty() {
                let options = PostgresOptions::new(url.clone(), master_key.clone(), rng);
                let options = PostgresOptions { migrates: config.migrate_on_start, ..options };
                let opened = sharded::open_alone(options).await;
                opened.map_err(plain).with_context(|| format!("the database {url}"))?
            } else {
                Arc::new(open_shards(config, url, &master_key, &rng).await?)
            }
        } else {
            check_not_moved(config)?;
            let options = SqliteOptions::new(&config.data_dir, master_key.clone(), rng);
            let options = SqliteOptions { migrates: config.migrate_on_start, ..options };
            Arc::new(open(options).await?.map_err(plain)?)
        };
        Ok(Self { store, master_key })
    }

    /// The clock of a process that works on it: where others do too, the database's.
    pub async fn clock(&self) -> anyhow::Result<SystemClock> {
        let now = self.store.database_now().await.map_err(plain)?;
        Ok(now.map_or_else(SystemClock::new, SystemClock::starting_at))
    }
}

/// A database that was left for another would send once more what the other has sent since.
fn check_not_moved(config: &Config) -> anyhow::Result<()> {
    let path = database_path(config);
    match sqlite::moved_to(&path).map_err(plain)? {
        None => Ok(()),
        Some(target) => bail!(
            "{} was moved to {target}: set BOCAU_DATABASE_URL to that, or go back to it as it was then with \
             `bocau migrate --take-back`",
            path.display()
        ),
    }
}

/// Opens the databases that the configuration spreads stores over.
pub(crate) async fn open_sharded(config: &Config) -> anyhow::Result<ShardedStore> {
    config.check_data_dir()?;
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let url = config.database_url.as_ref().context("BOCAU_DATABASE_URL is not set")?;
    open_shards(config, url, &master_key(config, &*rng)?, &rng).await
}

async fn open_shards(
    config: &Config,
    url: &PostgresUrl,
    master_key: &MasterKey,
    rng: &Arc<dyn Rng>,
) -> anyhow::Result<ShardedStore> {
    let options = |url: &PostgresUrl| {
        let options = PostgresOptions::new(url.clone(), master_key.clone(), rng.clone());
        PostgresOptions { migrates: config.migrate_on_start, ..options }
    };
    let shards = config.database_shards.iter().map(|(name, url)| (name.clone(), options(url))).collect();
    let opened = ShardedStore::open(ShardedOptions { home: options(url), shards }).await;
    opened.map_err(plain).with_context(|| format!("the database {url}"))
}

/// Opens a database on a thread that may wait.
pub(crate) async fn open(options: SqliteOptions) -> anyhow::Result<Result<SqliteStore, StoreError>> {
    let opened = tokio::task::spawn_blocking(|| SqliteStore::open(options)).await;
    opened.context("opening the database broke off")
}

/// Where the file of the configuration's database lies, where it is one of SQLite.
pub fn database_path(config: &Config) -> PathBuf {
    config.data_dir.join(DATABASE_FILE)
}

/// The configuration's database, as people are told of it; without its password.
pub fn database_name(config: &Config) -> String {
    match &config.database_url {
        None => database_path(config).display().to_string(),
        Some(url) => url.to_string(),
    }
}

/// Where the master key lies, where it is not configured.
pub fn master_key_path(config: &Config) -> PathBuf {
    config.data_dir.join(MASTER_KEY_FILE)
}

/// Where the master key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// It is configured.
    Configured,
    /// Its file is there.
    File,
    /// It will be made with the database.
    New,
}

/// Where the master key comes from; an error where the database has lost it.
pub fn key_source(config: &Config) -> anyhow::Result<KeySource> {
    if config.master_key.is_some() {
        return Ok(KeySource::Configured);
    }
    // The key is made before the database, so a database without one has lost it. A new key would not open
    // what is sealed, and would stand in the way of the old one.
    let (database, file) = (database_path(config), master_key_path(config));
    if let (Some(url), false) = (&config.database_url, file.exists()) {
        bail!(
            "{url} needs a master key that every node is given, and that outlives this directory: make one once \
             (head -c 32 /dev/urandom | base64), keep it safe, and set BOCAU_MASTER_KEY"
        );
    }
    match (file.exists(), database.exists()) {
        (true, _) => Ok(KeySource::File),
        (false, false) => Ok(KeySource::New),
        (false, true) => bail!(
            "{} is there but its master key {} is not: put the file back or set BOCAU_MASTER_KEY",
            database.display(),
            file.display()
        ),
    }
}

/// The key: the configured one, or the file's, which is made where there is none yet.
pub(crate) fn master_key(config: &Config, rng: &dyn Rng) -> anyhow::Result<MasterKey> {
    key_source(config)?;
    match &config.master_key {
        Some(key) => Ok(key.clone()),
        None => MasterKey::load_or_create(&config.data_dir, rng).map_err(plain),
    }
}

/// The store's words without the sorting in front of them, which is for programs.
pub fn plain(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Unavailable(text) | StoreError::Corrupt(text) | StoreError::Refused(text) => {
            anyhow::anyhow!(text)
        }
        StoreError::Moving | StoreError::Closed => error.into(),
    }
}
