//! Erasing what is kept of an order, product or customer, batch after batch, and once more when the attempts that were
//! in flight have ended: what was answered to them is recorded by then.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Actor, DeliveryId, StoreId};
use bocau_store::{ObjectName, Result};

use crate::engine::Engine;

/// How long it is waited for attempts in flight: longer than an attempt may take.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasing {
    /// Deliveries of the object.
    pub deliveries: usize,
    /// Those that an attempt may still be in flight for.
    pub in_flight: usize,
}

impl Engine {
    /// Erases what is kept of an object. `None` where the store is not there.
    pub async fn erase_object(
        self: &Arc<Self>,
        store: StoreId,
        object: ObjectName,
        by: Actor,
    ) -> Result<Option<Erasing>> {
        self.to_the_end(move |engine| async move {
            let until = engine.clock().monotonic() + WAIT_MAX;
            let mut from = Some(None);
            let mut erasing = Erasing::default();
            while let Some(after) = from.take() {
                let Some((batch, last)) = engine.erase_batch(&store, &object, after, &by).await? else {
                    return Ok(None);
                };
                erasing.deliveries += batch.deliveries;
                erasing.in_flight += batch.in_flight;
                if last.is_some() {
                    from = Some(last);
                } else if erasing.in_flight > 0 && engine.clock().monotonic() < until {
                    engine.clock().sleep(LOOK).await;
                    erasing = Erasing::default();
                    // All of it again, without another entry of the audit log.
                    from = Some(Some(DeliveryId::from_bytes([0; 16])));
                }
            }
            Ok(Some(erasing))
        })
        .await
    }

    async fn erase_batch(
        &self,
        store: &StoreId,
        object: &ObjectName,
        after: Option<DeliveryId>,
        by: &Actor,
    ) -> Result<Option<(Erasing, Option<DeliveryId>)>> {
        let erased = self.store().erase_object(store, object, after, by, self.clock().now()).await?;
        let Some(erased) = erased else { return Ok(None) };
        for id in erased.skipped {
            self.tell_change(store, id);
        }
        Ok(Some((Erasing { deliveries: erased.deliveries, in_flight: erased.in_flight }, erased.next)))
    }
}
