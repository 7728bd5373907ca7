//! The wait for the result of “gửi thử” where another node may be the one that sends it.

use std::time::Duration;

use bocau_domain::{Delivery, DeliveryId, StoreId};
use bocau_store::Store;

use crate::clock::EngineClock;

/// How often the store is asked. Somebody waits for it, and for a few seconds.
const LOOK: Duration = Duration::from_millis(200);

/// Ends with the delivery once an attempt of it is recorded, by whichever node.
pub(crate) async fn recorded(
    store: &dyn Store,
    clock: &dyn EngineClock,
    of: &StoreId,
    id: DeliveryId,
) -> Delivery {
    loop {
        clock.sleep(LOOK).await;
        match store.find_delivery(of, id).await {
            Ok(Some(delivery)) if delivery.state.attempts > 0 => return delivery,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a test send cannot be looked for"),
        }
    }
}
