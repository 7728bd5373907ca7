//! The data directory: the master key, the database, and how both are opened by every command.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bocau_domain::Rng;
use bocau_engine::SystemRng;
use bocau_store::seal::MASTER_KEY_FILE;
use bocau_store::sqlite::{DATABASE_FILE, SqliteOptions, SqliteStore};
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
    /// none. Does not take the lock of a server.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let master_key = master_key(config, &*rng)?;
        let options = SqliteOptions::new(&config.data_dir, master_key.clone(), rng);
        let opened = tokio::task::spawn_blocking(|| SqliteStore::open(options)).await;
        let store = opened.context("opening the database broke off")?.map_err(plain)?;
        Ok(Self { store: Arc::new(store), master_key })
    }
}

/// Where the configuration's database lies.
pub fn database_path(config: &Config) -> PathBuf {
    config.data_dir.join(DATABASE_FILE)
}

/// Where the master key lies, where it is not configured.
pub fn master_key_path(config: &Config) -> PathBuf {
    config.data_dir.join(MASTER_KEY_FILE)
}

fn master_key(config: &Config, rng: &dyn Rng) -> anyhow::Result<MasterKey> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    // The key is made before the database, so a database without one has lost it. A new key would not open
    // what is sealed, and would stand in the way of the old one.
    let (database, file) = (database_path(config), master_key_path(config));
    if database.exists() && !file.exists() {
        bail!(
            "{} is there but its master key {} is not: put the file back or set BOCAU_MASTER_KEY",
            database.display(),
            file.display()
        );
    }
    MasterKey::load_or_create(&config.data_dir, rng).map_err(plain)
}

/// The store's words without the sorting in front of them, which is for programs.
pub fn plain(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Unavailable(text) | StoreError::Corrupt(text) | StoreError::Refused(text) => {
            anyhow::anyhow!(text)
        }
        StoreError::Closed => error.into(),
    }
}
