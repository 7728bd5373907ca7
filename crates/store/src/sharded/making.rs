//! Stores are made, changed and deleted in two databases: their own and the home.
//!
//! A store is noted in the directory before anything of it is made, and is there once its row is made and the
//! home's lists have it. Whoever dies between is made good by making it again, or by [`ShardedStore::tend`]. What is
//! changed or deleted is so in its own database first.

use std::time::Duration;

use bocau_domain::{Actor, StoreChange, StoreId, StoreInfo, Timestamp};

use super::ShardedStore;
use super::part::{Part, ask};
use crate::postgres::Standing;
use crate::{NotChanged, Result, Store, StoreError};

/// A store that was begun so long ago and is not there is nobody's any more.
const HALF_MADE_AFTER: Duration = Duration::from_mins(2);

impl ShardedStore {
    pub(super) async fn make_store(
        &self,
        store: StoreInfo,
        by: &Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let home = self.home();
        let up = self.parts[1..].iter().filter(|part| part.problem().is_none());
        let shards: Vec<String> = up.map(|part| part.name().to_owned()).collect();
        let shard = match ask!(home, |db| db.begin_store(&store.id, &shards, store.created_at))? {
            Ok(shard) => shard,
            Err(reason) => return Ok(Err(reason)),
        };
        let part = self.part(self.directory.place_named(&shard)?)?;
        let made = match part.create_store(store.clone(), by).await? {
            Ok(()) => store,
            Err(NotChanged::Taken) => {
                match (ask!(part, |db| db.standing(&store.id))?, part.find_store(&store.id).await?) {
                    // Whoever made it did not get to tell; it is theirs or ours, and called the same.
                    (Some(Standing::Here), Some(found)) if found.name == store.name => found,
                    (Some(Standing::Here) | None, _) => return Ok(Err(NotChanged::Taken)),
                    // Another of this id has been here and moved on; what is left of it goes soon.
                    (Some(_), _) => return self.not_made(&store.id, &shard, NotChanged::BeingDeleted).await,
                }
            }
            Err(reason) => return self.not_made(&store.id, &shard, reason).await,
        };
        ask!(home, |db| db.finish_store(&made, &shard))?;
        self.directory.forget(&made.id);
        Ok(Ok(()))
    }

    async fn not_made(
        &self,
        store: &StoreId,
        shard: &str,
        reason: NotChanged,
    ) -> Result<std::result::Result<(), NotChanged>> {
        let home = self.home();
        ask!(home, |db| db.unmake_store(store, shard))?;
        Ok(Err(reason))
    }

    pub(super) async fn change(
        &self,
        id: &StoreId,
        change: StoreChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<StoreInfo>> {
        let Some((place, part)) = self.part_of(id).await? else { return Ok(None) };
        let changed = part.change_store(id, change, by, now).await?;
        if let (Some(store), true) = (&changed, place > 0) {
            let home = self.home();
            ask!(home, |db| db.change_mirror(store))?;
        }
        Ok(changed)
    }

    /// A store that is moving, or whose old place does not know yet that it has moved, is deleted after that: of its
    /// rows in the other database nobody would know any more.
    pub(super) async fn delete(&self, id: &StoreId, by: &Actor, now: Timestamp) -> Result<bool> {
        let home = self.home();
        let Some(_no_move) = ask!(home, |db| db.lock_move(id))? else { return Err(StoreError::Moving) };
        if ask!(home, |db| db.entry(id))?.is_some_and(|entry| entry.other.is_some()) {
            return Err(StoreError::Moving);
        }
        let Some((place, part)) = self.part_of(id).await? else { return Ok(false) };
        let deleted = part.delete_store(id, by, now).await?;
        if place == 0 {
            return Ok(deleted);
        }
        // Also where it was gone from its own database before: whoever deleted it did not get to the lists.
        let unlisted = ask!(home, |db| db.delete_mirror(id, now))?;
        self.directory.forget(id);
        Ok(deleted || unlisted)
    }

    /// Ends what others have begun and not ended.
    pub(super) async fn tend(&self, now: Timestamp) -> Result<()> {
        let home = self.home();
        for (store, shard) in ask!(home, |db| db.half_made(now - HALF_MADE_AFTER))? {
            let part = self.part(self.directory.place_named(&shard)?)?;
            match self.end_making(part, &store, &shard).await {
                Ok(()) => tracing::info!(%store, shard, "the making of a store was brought to its end"),
                Err(error) => tracing::warn!(%error, %store, shard, "a store stays half made"),
            }
        }
        self.tend_moves().await?;
        self.let_go().await
    }

    async fn end_making(&self, part: &Part, store: &StoreId, shard: &str) -> Result<()> {
        let home = self.home();
        match part.find_store(store).await? {
            Some(made) => ask!(home, |db| db.finish_store(&made, shard)),
            None => ask!(home, |db| db.unmake_store(store, shard)),
        }
    }

    /// The store of shards is nobody's where none of them is given.
    pub(super) fn no_backup() -> StoreError {
        StoreError::Refused("a PostgreSQL database is backed up by its own tools, pg_dump for one".into())
    }
}
