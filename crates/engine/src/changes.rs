//! Changes: tells whoever watches a store's report that rows of it are new or have changed, and how far its bulk
//! resends are.
//!
//! Nobody waits for it, and it costs nothing while nobody watches. A watcher that falls behind is told so
//! and looks at the store.

use bocau_domain::{DeliveryId, StoreId};
use bocau_store::resend_jobs::ResendJob;
use tokio::sync::broadcast;

/// Changes that a watcher may be behind.
const BEHIND_MAX: usize = 1_024;

/// Something that is new or has changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Whose.
    pub store: StoreId,
    /// What.
    pub what: Changed,
}

/// What is new or has changed.
#[derive(Debug, Clone)]
pub enum Changed {
    /// A row of the report.
    Delivery(DeliveryId),
    /// A bulk resend, as it now stands.
    ResendJob(Box<ResendJob>),
}

/// Where changes are told.
#[derive(Debug)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Changes {
    /// Tells of a row.
    pub fn tell(&self, store: &StoreId, delivery: DeliveryId) {
        if self.is_watched() {
            self.send(store, Changed::Delivery(delivery));
        }
    }

    /// Tells how far a bulk resend is.
    pub fn tell_job(&self, job: &ResendJob) {
        if self.is_watched() {
            self.send(&job.store, Changed::ResendJob(Box::new(job.clone())));
        }
    }

    fn send(&self, store: &StoreId, what: Changed) {
        // Nobody left to hear it is fine.
        let _ = self.0.send(Change { store: store.clone(), what });
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// What changes from now on.
    pub fn watch(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
