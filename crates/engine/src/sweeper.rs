//! Sweeper: removes what is over (rows of deleted stores, old idempotency keys) in small batches, so that
//! no writer waits for long.

use std::sync::Arc;
use std::time::Duration;

use bocau_store::Store;
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;

/// The pause after everything that is over has been removed.
const PAUSE: Duration = Duration::from_mins(1);
/// How often it is looked for stores that a process left between two databases: they stand still until then.
const TEND_EVERY: Duration = Duration::from_secs(10);
/// The pause between two batches while there is more.
const BREATH: Duration = Duration::from_millis(20);

/// Brings to its end what processes that died have left between two databases, until `stop` ends.
pub async fn tend_shards(store: Arc<dyn Store>, clock: Arc<dyn EngineClock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // It may wait for others' transactions for long; broken off, it is begun again by whoever is next.
        let tended = tokio::select! {
            tended = store.tend_shards(clock.now()) => tended,
            () = stop.cancelled() => return,
        };
        if let Err(error) = tended {
            tracing::warn!(%error, "what was left between two databases cannot be looked for; trying again");
        }
        tokio::select! {
            () = clock.sleep(TEND_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Removes what is over until `stop` ends.
pub async fn run(store: Arc<dyn Store>, clock: Arc<dyn EngineClock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match store.sweep(clock.now()).await {
            Ok(true) => BREATH,
            Ok(false) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "sweeping failed; trying again");
                PAUSE
            }
        };
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}
