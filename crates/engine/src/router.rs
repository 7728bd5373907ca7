//! Router: which webhooks of a store want an event, from a snapshot in memory.
//!
//! A change of configuration drops the store's snapshot. A notice of it can come late (another node, another
//! process), so the journal's transaction compares the version a submission was routed by with the store's,
//! and has it routed again where they differ.

use std::collections::HashMap;
use std::sync::Arc;

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
}

impl Snapshot {
    /// The webhooks that take events of this type.
    pub fn takers<'a>(
        &'a self,
        event_type: &'a EventType,
        group: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Webhook>> {
        self.webhooks.iter().filter(move |webhook| webhook.takes(event_type, group))
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
}

impl Router {
    /// Over this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, snapshots: RwLock::default() }
    }

    /// The snapshot of a store; `None` where there is no such store.
    pub async fn snapshot(&self, store: &StoreId) -> Result<Option<Arc<Snapshot>>> {
        if let Some(snapshot) = self.snapshots.read().get(store) {
            return Ok(Some(snapshot.clone()));
        }
        let Some(routes) = self.store.routes(store).await? else {
            return Ok(None);
        };
        let snapshot = Arc::new(Snapshot {
            config_version: routes.config_version,
            webhooks: routes.webhooks.into_iter().map(Arc::new).collect(),
        });
        let mut snapshots = self.snapshots.write();
        if snapshots.len() >= SNAPSHOTS_MAX
            && let Some(any) = snapshots.keys().next().cloned()
        {
            snapshots.remove(&any);
        }
        // A load that began before a change may end after a newer one: the newest version stays.
        let kept = snapshots.entry(store.clone()).or_insert_with(|| snapshot.clone());
        if kept.config_version < snapshot.config_version {
            *kept = snapshot;
        }
        Ok(Some(kept.clone()))
    }

    /// Forgets a store's snapshot, because its configuration has changed.
    pub fn forget(&self, store: &StoreId) {
        self.snapshots.write().remove(store);
    }
}
