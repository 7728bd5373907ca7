//! Stores spread over several databases: which databases there are, and which of them has a store.

use std::sync::Arc;

use async_trait::async_trait;
use bocau_domain::{StoreId, Timestamp};

use crate::{Result, Store};

/// One of several databases that stores are spread over.
#[derive(Clone)]
pub struct Shard {
    /// Its name in the configuration; the first is the home.
    pub name: String,
    /// The stores that it has, and nothing of the others.
    pub store: Arc<dyn Store>,
}

/// How a shard is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardState {
    /// Its name.
    pub name: String,
    /// Why it does not work; `None` where it does.
    pub problem: Option<String>,
}

/// The verbs about shards. What is answered by default is that of a backend of one database.
#[async_trait]
pub trait Shards: Send + Sync {
    /// The databases, always in the same order; empty where there is one. What concerns one of them works through
    /// its own store, and never waits for another.
    fn shards(&self) -> Vec<Shard> {
        Vec::new()
    }

    /// Which of [`Shards::shards`] has a store, from memory where it is known; `None` where it is not there.
    async fn shard_of(&self, _store: &StoreId) -> Result<Option<usize>> {
        Ok(Some(0))
    }

    /// Forgets where a store is, because it was not found there.
    fn forget_shard_of(&self, _store: &StoreId) {}

    /// How the shards are, in the order of [`Shards::shards`].
    fn shard_states(&self) -> Vec<ShardState> {
        Vec::new()
    }

    /// Ends what processes that died have left half done: stores that were being made.
    async fn tend_shards(&self, _now: Timestamp) -> Result<()> {
        Ok(())
    }
}
