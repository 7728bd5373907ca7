//! Notices: hears what other nodes on the same database tell, and has the router and the scheduler know.
//!
//! A notice only makes things faster: the journal compares versions all the same, and the scheduler asks the
//! store every few seconds.

use std::sync::Arc;

use bocau_store::{Notice, Store};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;
use crate::router::Router;
use crate::schedule::Schedule;

/// Who is told.
pub struct Notices {
    /// Forgets what is old.
    pub router: Arc<Router>,
    /// Notes what is due.
    pub schedule: Arc<Schedule>,
    /// The clock.
    pub clock: Arc<dyn EngineClock>,
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
                Ok(Notice::Due(webhook)) => self.schedule.note(webhook, self.clock.now()),
                Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => self.router.forget_all(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}
