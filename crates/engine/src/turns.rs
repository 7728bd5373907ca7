//! When a commit begins: so that it takes along all that came while the one before it ran.
//!
//! A commit costs a database the same whether it has one row or fifty. So one waits for the one before it to end, where
//! the store does not put commits together by itself; but one that is held up holds nobody up for long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bocau_store::Store;
use futures_util::future::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::clock::EngineClock;

/// Gives commits their turns.
pub(crate) struct Turns {
    clock: Arc<dyn EngineClock>,
    places: Arc<Semaphore>,
    /// How long one waits for the one before it.
    patience: Duration,
    before: Option<JoinHandle<()>>,
    running: TaskTracker,
}

/// One of the places for commits that run at the same time.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Turns {
    pub(crate) fn new(store: &dyn Store, clock: Arc<dyn EngineClock>) -> Self {
        Self {
            clock,
            places: Arc::new(Semaphore::new(store.commits_at_once())),
            patience: store.commit_patience(),
            before: None,
            running: TaskTracker::new(),
        }
    }

    /// Ends when there is a place.
    pub(crate) async fn next(&self) -> Turn {
        Turn(self.places.clone().acquire_owned().await.expect("the semaphore is never closed"))
    }

    /// Ends when the commit before has ended, or has taken unusually long.
    pub(crate) async fn after_the_one_before(&mut self) {
        if let Some(before) = self.before.take()
            && !self.patience.is_zero()
        {
            select(before, self.clock.sleep(self.patience)).await;
        }
    }

    /// Starts a commit.
    pub(crate) fn begin(&mut self, turn: Turn, commit: impl Future<Output = ()> + Send + 'static) {
        self.before = Some(self.running.spawn(async move {
            commit.await;
            drop(turn.0);
        }));
    }

    /// Ends when all commits have ended.
    pub(crate) async fn end(self) {
        self.running.close();
        self.running.wait().await;
    }
}
