//! Which of several databases one is: written into it once, so that URLs that were mixed up are found at the start.

use bocau_domain::StoreId;

use super::rows::{only, to_u64};
use super::tx::{Result, Tx};
use super::{PostgresStore, transact};
use crate::StoreError;

/// The name of the database that has the people, the keys and the directory.
pub const HOME: &str = "home";

/// Under this key stands “who of which home”.
const KEY: &str = "shard";
const HOME_ID_BYTES: usize = 16;

impl PostgresStore {
    /// Makes this database the home of shards, where it is none yet; answers the home's id.
    pub(crate) async fn become_home(&self) -> crate::Result<String> {
        let mut id = [0; HOME_ID_BYTES];
        self.sealer.rng().fill(&mut id);
        let id = uuid::Uuid::from_bytes(id).simple().to_string();
        transact!(self, |tx| become_home(&tx, &id).await)
    }

    /// Makes this database the shard of this name, where it is none yet.
    pub(crate) async fn become_shard(&self, home: &str, name: &str) -> crate::Result<()> {
        transact!(self, |tx| become_shard(&tx, home, name).await)
    }

    /// How many bytes the database takes up.
    pub(crate) async fn bytes(&self) -> crate::Result<u64> {
        let sql = "SELECT pg_database_size(current_database())";
        let read = |row: &tokio_postgres::Row| Ok(to_u64(row.try_get(0)?));
        Ok(self.lookup().await?.first(sql, &[], read).await?.unwrap_or(0))
    }

    /// Refuses a database that is not the only one: a shard, or a home with stores elsewhere.
    pub async fn check_alone(&self) -> crate::Result<()> {
        transact!(self, |tx| check_alone(&tx).await)
    }
}

async fn become_home(tx: &Tx, id: &str) -> Result<String> {
    tx.lock_directory().await?;
    match identity(tx).await? {
        None => {
            write(tx, id, HOME).await?;
            Ok(id.to_owned())
        }
        Some((home, name)) if name == HOME => Ok(home),
        Some((_, name)) => Err(refused(format!(
            "this database is the shard {name} of others: give the URL of their home, and this one as a shard"
        ))),
    }
}

async fn become_shard(tx: &Tx, home: &str, name: &str) -> Result<()> {
    tx.lock_directory().await?;
    match identity(tx).await? {
        Some((known, own)) if known == home && own == name => Ok(()),
        Some((known, own)) if known == home && own == HOME => {
            Err(refused(format!("the shard {name} is the home itself: it needs a database of its own")))
        }
        Some((known, own)) if known == home => {
            Err(refused(format!("the database of the shard {name} is that of the shard {own}")))
        }
        Some(_) => Err(refused(format!("the database of the shard {name} belongs to another home"))),
        None => {
            let sql = "SELECT id FROM stores LIMIT 1";
            let store = tx.first(sql, &[], |row| super::rows::store_id(row, 0)).await?;
            match store {
                None => write(tx, home, name).await,
                Some(store) => Err(has_stores(name, &store)),
            }
        }
    }
}

async fn check_alone(tx: &Tx) -> Result<()> {
    match identity(tx).await? {
        None => Ok(()),
        Some((_, name)) if name != HOME => Err(refused(format!(
            "this database is the shard {name} of others: give the URL of their home in BOCAU_DATABASE_URL, and \
             all shards in BOCAU_DATABASE_SHARDS"
        ))),
        Some(_) => {
            let sql = "SELECT shard FROM directory WHERE shard <> $1 LIMIT 1";
            match tx.first(sql, &[&HOME], only::<String>).await? {
                None => Ok(()),
                Some(shard) => Err(refused(format!(
                    "there are stores on the shard {shard}: name all shards in BOCAU_DATABASE_SHARDS"
                ))),
            }
        }
    }
}

/// The id of the home, and the own name.
pub(super) async fn identity(tx: &Tx) -> Result<Option<(String, String)>> {
    let Some(value) = tx.first("SELECT value FROM meta WHERE key = $1", &[&KEY], only::<Vec<u8>>).await?
    else {
        return Ok(None);
    };
    let text = String::from_utf8(value).ok();
    let halves = text.as_deref().and_then(|text| text.split_once(' '));
    let (home, name) = halves.ok_or_else(|| StoreError::Corrupt("the name of the shard".into()))?;
    Ok(Some((home.to_owned(), name.to_owned())))
}

async fn write(tx: &Tx, home: &str, name: &str) -> Result<()> {
    let value = format!("{home} {name}");
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2)";
    tx.execute(sql, &[&KEY, &value.as_bytes()]).await.map(drop)
}

fn has_stores(name: &str, store: &StoreId) -> super::errors::Failed {
    refused(format!("the database of the shard {name} has stores of its own ({store}): a shard begins empty"))
}

fn refused(why: String) -> super::errors::Failed {
    StoreError::Refused(why).into()
}
