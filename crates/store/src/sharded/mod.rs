//! One store over several `PostgreSQL` databases: the home and its shards.
//!
//! Everything of a store lies in one database, and every verb about a store goes to that one alone. The home has
//! the people, sessions, links and API keys, and the directory of where each store is; it may have stores as well.
//! There is no transaction over two databases: where two are written, the order is such that a crash between them
//! can be made good by doing it again.
//!
//! - `part`: one of the databases, which is watched: while it does not answer, its verbs fail at once
//! - `directory`: where a store is, remembered
//! - `verbs`, `subjects`: each verb of the trait, to where it belongs
//! - `making`: stores are made, renamed and deleted
//! - `relocation`: a store moves from one to another while it is used
//! - `part_verbs`: every verb of one database, with `forward` to write them down shortly

mod directory;
mod forward;
mod making;
mod part;
mod part_verbs;
mod relocation;
mod subjects;
mod verbs;

use std::fmt;
use std::sync::Arc;

use bocau_domain::{AuditIds, StoreId};

use crate::postgres::{HOME, PostgresOptions};
use crate::{Result, Store, StoreError};
use directory::Directory;
use part::{Opening, Part};
pub use relocation::{MoveStep, ShardReport};

/// How to open a [`ShardedStore`].
#[derive(Debug, Clone)]
pub struct ShardedOptions {
    /// The database with the people and the directory.
    pub home: PostgresOptions,
    /// The shards, by the names that the directory keeps.
    pub shards: Vec<(String, PostgresOptions)>,
}

/// Opens one database that no others belong to, and watches it as those of several are: while it does not answer,
/// its verbs fail at once.
///
/// # Errors
///
/// Those of [`crate::postgres::PostgresStore::open`]; [`StoreError::Refused`] where others belong to it.
pub async fn open_alone(options: PostgresOptions) -> Result<Arc<dyn Store>> {
    let part = Part::open_alone(options).await?;
    Ok(part)
}

/// The store over several databases.
pub struct ShardedStore {
    /// The home first.
    parts: Vec<Arc<Part>>,
    directory: Arc<Directory>,
}

impl ShardedStore {
    /// Opens the home, and the shards as far as they answer; the others are opened when they do.
    ///
    /// # Errors
    ///
    /// Those of [`crate::postgres::PostgresStore::open`] for the home, and for a shard that answers;
    /// [`StoreError::Refused`] where URLs are mixed up, or the directory names a shard that is not given.
    pub async fn open(options: ShardedOptions) -> Result<Self> {
        let audit_ids = Arc::new(AuditIds::new(options.home.rng.clone()));
        let (home, home_id) = Part::open_home(options.home, audit_ids.clone()).await?;
        let mut parts = vec![home.clone()];
        for (name, options) in options.shards {
            let home_id = home_id.clone();
            let opening = Opening { name, options, home_id, audit_ids: audit_ids.clone() };
            parts.push(Part::open_shard(opening).await?);
        }
        let names: Vec<String> = parts.iter().map(|part| part.name().to_owned()).collect();
        for named in home.open_store()?.shards_named().await? {
            if !names.contains(&named) {
                let why = format!("there are stores on the shard {named}, which is not configured");
                return Err(StoreError::Refused(why));
            }
        }
        let directory = Arc::new(Directory::new(home.clone(), names));
        home.heard_by(&directory);
        Ok(Self { parts, directory })
    }

    fn home(&self) -> &Part {
        &self.parts[0]
    }

    /// The database that has a store; `None` where the store is not there.
    async fn part_of(&self, store: &StoreId) -> Result<Option<(usize, &Part)>> {
        let Some(place) = self.directory.place_of(store).await? else { return Ok(None) };
        Ok(Some((place, self.part(place)?)))
    }

    fn part(&self, place: usize) -> Result<&Part> {
        let part = self.parts.get(place).map(Arc::as_ref);
        part.ok_or_else(|| StoreError::Unavailable(format!("there is no shard number {place}")))
    }

    /// Whether a store is no longer where it was looked for.
    async fn has_moved(&self, store: &StoreId, from: usize) -> Result<bool> {
        self.directory.forget(store);
        Ok(self.directory.place_of(store).await? != Some(from))
    }
}

impl fmt::Debug for ShardedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedStore").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// Whether a shard may have this name: it stands in the directory for good.
pub fn is_shard_name(name: &str) -> bool {
    const LENGTH_MAX: usize = 32;
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(is_allowed) && name != HOME
}
