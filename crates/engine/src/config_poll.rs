//! Config poll: asks now and then which stores were configured, so that a node which a notice did not reach goes on by
//! what was before for so long and no longer.

use std::sync::Arc;
use std::time::Duration;

use bocau_store::{Configured, Store};
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;
use crate::router::Router;

/// How often it is asked.
pub const EVERY: Duration = Duration::from_secs(15);

/// Asks until `stop` ends, or once where this process is alone with its database.
pub async fn run(
    store: Arc<dyn Store>,
    router: Arc<Router>,
    clock: Arc<dyn EngineClock>,
    stop: CancellationToken,
) {
    let polling = async {
        let mut since = None;
        loop {
            match store.configured_since(since).await {
                Ok(None) => return,
                Ok(Some(Configured { at, stores, is_complete })) => {
                    since = Some(at);
                    if is_complete {
                        router.forget_others(&stores);
                    } else {
                        router.forget_all();
                    }
                }
                Err(error) => tracing::debug!(%error, "the database does not say what was configured"),
            }
            clock.sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = polling => {}
        () = stop.cancelled() => {}
    }
}
