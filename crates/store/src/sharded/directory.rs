//! Where each store is: the home's directory, remembered.
//!
//! What is remembered can be old, and that harms nothing: a database that a store has left takes nothing in for
//! it, and whoever hears that asks anew. Nodes are told of each change; one that may have missed something forgets
//! all it knows. What was known goes on to hold while the home does not answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bocau_domain::StoreId;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use super::part::{Part, ask};
use crate::{Notice, Result, StoreError};

/// Places remembered at most; beyond that one is dropped for each new one.
const PLACES_MAX: usize = 200_000;

/// Where the stores are.
pub(super) struct Directory {
    home: Arc<Part>,
    /// Of all databases, in their order.
    names: Vec<String>,
    places: RwLock<HashMap<StoreId, usize>>,
    /// Grows with everything that is forgotten: what was being read meanwhile may be old already.
    forgotten: AtomicU64,
}

impl Directory {
    pub(super) fn new(home: Arc<Part>, names: Vec<String>) -> Self {
        Self { home, names, places: RwLock::default(), forgotten: AtomicU64::new(0) }
    }

    /// Where a store is among all databases; `None` where it is not there.
    pub(super) async fn place_of(&self, store: &StoreId) -> Result<Option<usize>> {
        if let Some(place) = self.places.read().get(store) {
            return Ok(Some(*place));
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let home = &self.home;
        let Some(name) = ask!(home, |db| db.shard_of(store))? else { return Ok(None) };
        let place = self.place_named(&name)?;
        let mut places = self.places.write();
        if self.forgotten.load(Ordering::Acquire) == forgotten {
            if places.len() >= PLACES_MAX
                && let Some(any) = places.keys().next().cloned()
            {
                places.remove(&any);
            }
            places.insert(store.clone(), place);
        }
        Ok(Some(place))
    }

    /// The place of the database of this name.
    pub(super) fn place_named(&self, name: &str) -> Result<usize> {
        let place = self.names.iter().position(|known| known == name);
        place.ok_or_else(|| StoreError::Unavailable(format!("the shard {name} is not configured here")))
    }

    /// Forgets where a store is.
    pub(super) fn forget(&self, store: &StoreId) {
        let mut places = self.places.write();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        places.remove(store);
    }

    fn forget_all(&self) {
        let mut places = self.places.write();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        places.clear();
    }

    /// Hears what the home's nodes tell, until nobody tells any more.
    pub(super) async fn listen(self: Arc<Self>, mut notices: broadcast::Receiver<Notice>) {
        loop {
            match notices.recv().await {
                Ok(Notice::Configured(store)) => self.forget(&store),
                Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => self.forget_all(),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}
