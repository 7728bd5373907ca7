//! Notices: hears what other nodes on the same database tell, and has the router and the scheduler know.
//!
//! A notice only makes things faster: the journal compares versions all the same, and the scheduler asks the
//! store every few seconds.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::NodeRole;
use bocau_store::{Notice, Store};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::changes::{Changed, Changes};
use crate::clock::EngineClock;
use crate::router::Router;
use crate::schedule::Schedule;

/// Who is told.
pub struct Notices {
    /// Forgets what is old.
    pub router: Arc<Router>,
    /// Notes what is due.
    pub schedule: Arc<Schedule>,
    /// Tells who watches a store's report.
    pub changes: Arc<Changes>,
    /// The clock.
    pub clock: Arc<dyn EngineClock>,
    /// What this node does.
    pub role: NodeRole,
}

impl Notices {
    /// Begins to listen, before anything is read that a notice may be about. `None` where this process is alone
    /// with its database.
    pub async fn begin(store: &dyn Store) -> bocau_store::Result<Option<broadcast::Receiver<Notice>>> {
        store.notices().await
    }

    /// Listens until `stop` ends.
    pub async fn run(self, mut notices: broadcast::Receiver<Notice>, stop: CancellationToken) {
        loop {
            let notice = tokio::select! {
                notice = notices.recv() => notice,
                () = stop.cancelled() => return,
            };
            match notice {
                Ok(Notice::Configured(store)) => self.router.forget(&store),
                // A node that does not send would only tell it on, and hear it again.
                Ok(Notice::Due(_)) if !self.role.sends() => {}
                Ok(Notice::Due(webhook)) => self.schedule.note(webhook, self.clock.now()),
                Ok(Notice::Watched(store)) => self.changes.watched_elsewhere(store, self.clock.now()),
                Ok(Notice::Rows(store, rows)) if rows.is_empty() => {
                    self.changes.tell_here(&store, Changed::Many);
                }
                Ok(Notice::Rows(store, rows)) => {
                    for row in rows {
                        self.changes.tell_here(&store, Changed::Delivery(row));
                    }
                }
                Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => self.router.forget_all(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

/// How long rows are gathered before other nodes are told: a flood is told a few times a second.
const GATHER: Duration = Duration::from_millis(250);

/// Tells other nodes what their watchers want to hear, until `stop` ends.
pub async fn tell_others(
    store: Arc<dyn Store>,
    changes: Arc<Changes>,
    clock: Arc<dyn EngineClock>,
    stop: CancellationToken,
) {
    let telling = async {
        loop {
            changes.has_some().await;
            clock.sleep(GATHER).await;
            if let Err(error) = store.tell(changes.untold(clock.now())).await {
                tracing::debug!(%error, "other nodes do not hear of new rows");
            }
        }
    };
    tokio::select! {
        () = telling => {}
        () = stop.cancelled() => {}
    }
}
