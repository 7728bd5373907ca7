//! Changes: tells whoever watches a store's report that rows of it are new or have changed, and how far its bulk
//! resends are.
//!
//! Nobody waits for it, and it costs nothing while nobody watches. A watcher that falls behind is told so
//! and looks at the store. Where nodes share a database, each says which stores are watched on it, and hears of
//! the others' rows of these alone, several at a time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bocau_domain::{DeliveryId, StoreId, Timestamp};
use bocau_store::resend_jobs::ResendJob;
use bocau_store::{NOTICE_ROWS_MAX, Notice};
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

/// Changes that a watcher may be behind.
const BEHIND_MAX: usize = 1_024;
/// How long a node is told of a store's rows after it said that somebody watches there; said again before.
pub const WATCHED_FOR: Duration = Duration::from_secs(40);

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
    /// More rows than are told one by one.
    Many,
    /// A bulk resend, as it now stands.
    ResendJob(Box<ResendJob>),
}

/// Where changes are told.
#[derive(Debug)]
pub struct Changes {
    here: broadcast::Sender<Change>,
    elsewhere: Mutex<Elsewhere>,
    has_some: Notify,
}

/// What other nodes want to hear.
#[derive(Debug, Default)]
struct Elsewhere {
    /// The stores that somebody watches there, and until when.
    watched: HashMap<StoreId, Timestamp>,
    /// What they have not been told yet; a row more than can be told stands for more than that.
    untold: HashMap<StoreId, BTreeSet<DeliveryId>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            here: broadcast::Sender::new(BEHIND_MAX),
            elsewhere: Mutex::default(),
            has_some: Notify::new(),
        }
    }
}

impl Changes {
    /// Tells of a row.
    pub fn tell(&self, store: &StoreId, delivery: DeliveryId) {
        self.tell_here(store, Changed::Delivery(delivery));
        let mut elsewhere = self.elsewhere.lock();
        if elsewhere.watched.contains_key(store) {
            let untold = elsewhere.untold.entry(store.clone()).or_default();
            if untold.len() <= NOTICE_ROWS_MAX {
                untold.insert(delivery);
            }
            self.has_some.notify_one();
        }
    }

    /// Tells how far a bulk resend is.
    pub fn tell_job(&self, job: &ResendJob) {
        if self.here.receiver_count() > 0 {
            self.tell_here(&job.store, Changed::ResendJob(Box::new(job.clone())));
        }
    }

    /// Tells those who watch on this node.
    pub(crate) fn tell_here(&self, store: &StoreId, what: Changed) {
        if self.here.receiver_count() > 0 {
            // Nobody left to hear it is fine.
            let _ = self.here.send(Change { store: store.clone(), what });
        }
    }

    /// Whether anybody watches, here or elsewhere.
    pub fn is_watched(&self) -> bool {
        self.here.receiver_count() > 0 || !self.elsewhere.lock().watched.is_empty()
    }

    /// What changes from now on.
    pub fn watch(&self) -> broadcast::Receiver<Change> {
        self.here.subscribe()
    }

    /// Another node says that somebody watches this store there.
    pub(crate) fn watched_elsewhere(&self, store: StoreId, now: Timestamp) {
        self.elsewhere.lock().watched.insert(store, now + WATCHED_FOR);
    }

    /// Ends when there is something that other nodes want to hear.
    pub(crate) async fn has_some(&self) {
        self.has_some.notified().await;
    }

    /// What other nodes want to hear; each thing once.
    pub(crate) fn untold(&self, now: Timestamp) -> Vec<Notice> {
        let mut elsewhere = self.elsewhere.lock();
        elsewhere.watched.retain(|_, until| *until > now);
        let notice = |(store, rows): (StoreId, BTreeSet<DeliveryId>)| {
            let rows = if rows.len() > NOTICE_ROWS_MAX { Vec::new() } else { rows.into_iter().collect() };
            Notice::Rows(store, rows)
        };
        elsewhere.untold.drain().map(notice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_node_hears_of_the_stores_that_are_watched_there_and_for_as_long() {
        let changes = Changes::default();
        let now = Timestamp::from_millis(1_760_000_000_000);
        let (store, other): (StoreId, StoreId) =
            ("552".parse().expect("an id"), "553".parse().expect("an id"));
        let row = |number| DeliveryId::first_of(now + Duration::from_millis(number));
        changes.tell(&store, row(0));
        assert!(changes.untold(now).is_empty() && !changes.is_watched());

        changes.watched_elsewhere(store.clone(), now);
        assert!(changes.is_watched());
        for told in [row(1), row(2), row(1)] {
            changes.tell(&store, told);
            changes.tell(&other, told);
        }
        assert_eq!(changes.untold(now), [Notice::Rows(store.clone(), vec![row(1), row(2)])]);
        assert!(changes.untold(now).is_empty(), "each thing is told once");

        (0..=NOTICE_ROWS_MAX as u64).for_each(|number| changes.tell(&store, row(number)));
        assert_eq!(changes.untold(now), [Notice::Rows(store.clone(), vec![])]);

        assert!(changes.untold(now + WATCHED_FOR).is_empty());
        changes.tell(&store, row(3));
        assert!(changes.untold(now).is_empty() && !changes.is_watched());
    }
}
