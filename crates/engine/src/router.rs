//! Router: which webhooks of a store want an event, from a snapshot in memory.
//!
//! A change of configuration drops the store's snapshot. A notice of it can come late (another node, another
//! process), so the journal's transaction compares the version a submission was routed by with the store's,
//! and has it routed again where they differ.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bocau_domain::{EventType, StoreId, Webhook, WebhookId};
use bocau_store::{Result, Store};
use parking_lot::RwLock;

/// Snapshots kept at most; beyond that one is dropped for each new one.
const SNAPSHOTS_MAX: usize = 100_000;

/// The webhooks of one store, as of one version of its configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// The version.
    pub config_version: u64,
    webhooks: Vec<Arc<Webhook>>,
    /// The store moves to another database, or has moved: nothing is taken in or sent here.
    pub is_moving: bool,
}

impl Snapshot {
    /// The webhooks that are set up for events of this type, disabled ones among them.
    pub fn takers<'a>(
        &'a self,
        event_type: &'a EventType,
        group: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Webhook>> {
        self.webhooks.iter().filter(move |webhook| webhook.wants(event_type, group))
    }

    /// One webhook, enabled or not.
    pub fn webhook(&self, id: WebhookId) -> Option<&Arc<Webhook>> {
        self.webhooks.iter().find(|webhook| webhook.id == id)
    }
}

/// Keeps the snapshots.
pub struct Router {
    store: Arc<dyn Store>,
    snapshots: RwLock<HashMap<StoreId, Arc<Snapshot>>>,
    /// Grows with everything that is forgotten: what was being loaded meanwhile may be old already.
    forgotten: AtomicU64,
}

impl Router {
    /// Over this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, snapshots: RwLock::default(), forgotten: AtomicU64::new(0) }
    }

    /// The snapshot of a store; `None` where there is no such store.
    pub async fn snapshot(&self, store: &StoreId) -> Result<Option<Arc<Snapshot>>> {
        if let Some(snapshot) = self.snapshots.read().get(store) {
            return Ok(Some(snapshot.clone()));
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let Some(routes) = self.store.routes(store).await? else {
            return Ok(None);
        };
        let snapshot = Arc::new(Snapshot {
            config_version: routes.config_version,
            webhooks: routes.webhooks.into_iter().map(Arc::new).collect(),
            is_moving: routes.is_moving,
        });
        if snapshot.is_moving {
            // It is over in a moment; then whoever asks must see it.
            return Ok(Some(snapshot));
        }
        let mut snapshots = self.snapshots.write();
        if self.forgotten.load(Ordering::Acquire) == forgotten {
            if snapshots.len() >= SNAPSHOTS_MAX
                && let Some(any) = snapshots.keys().next().cloned()
            {
                snapshots.remove(&any);
            }
            snapshots.insert(store.clone(), snapshot.clone());
        }
        Ok(Some(snapshot))
    }

    /// Forgets a store's snapshot, because its configuration has changed.
    pub fn forget(&self, store: &StoreId) {
        let mut snapshots = self.snapshots.write();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        snapshots.remove(store);
    }

    /// Forgets all snapshots, because anything may have changed.
    pub fn forget_all(&self) {
        let mut snapshots = self.snapshots.write();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        snapshots.clear();
    }

    /// Forgets the snapshots of these stores that are of other versions than these.
    pub fn forget_others(&self, versions: &[(StoreId, u64)]) {
        let mut snapshots = self.snapshots.write();
        for (store, version) in versions {
            if snapshots.get(store).is_some_and(|snapshot| snapshot.config_version != *version) {
                self.forgotten.fetch_add(1, Ordering::AcqRel);
                snapshots.remove(store);
            }
        }
    }

    /// Forgets a store's snapshot where it is not newer than this version, which is known to be old.
    pub fn forget_version(&self, store: &StoreId, version: u64) {
        let mut snapshots = self.snapshots.write();
        if snapshots.get(store).is_some_and(|snapshot| snapshot.config_version <= version) {
            self.forgotten.fetch_add(1, Ordering::AcqRel);
            snapshots.remove(store);
        }
    }
}
