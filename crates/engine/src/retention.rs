//! Retention: removes what is older than it is kept, and gives up what is still unfinished a week after that. Each
//! node does it; the store sees to it that two do not do the same at once.
//!
//! A lane may still hold a copy of what is given up here. It is never sent: what is given up has no open claim, so the
//! copy's lease is over, and no attempt begins without one.

use std::sync::Arc;
use std::time::Duration;

use bocau_domain::RetentionDays;
use bocau_store::{Retire, RetirePlace, Retired, Store};
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::clock::EngineClock;

/// The pause between two passes.
pub const PAUSE: Duration = Duration::from_mins(10);
/// The pause between two batches of a pass, in which others write: as long as the batch took, within these.
pub const BREATH_MIN: Duration = Duration::from_millis(20);
const BREATH_MAX: Duration = Duration::from_secs(1);

/// Makes one pass after the other until `stop` ends. A call that is under way then is left alone: the store takes up
/// with the next pass what is half done. `keep` is how long the server keeps events; who watches a report hears by
/// `changes` of what is given up in it.
pub async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    changes: Arc<Changes>,
    keep: RetentionDays,
    stop: CancellationToken,
) {
    let retention = Retention { store, clock, changes, keep };
    let passes = async {
        loop {
            retention.pass().await;
            retention.clock.sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = passes => {}
        () = stop.cancelled() => {}
    }
}

struct Retention {
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    changes: Arc<Changes>,
    keep: RetentionDays,
}

impl Retention {
    /// One pass over all that is kept.
    async fn pass(&self) {
        let (mut events, mut deliveries) = (0, 0);
        let mut place = Some(RetirePlace::default());
        while let Some(from) = place {
            let began = self.clock.monotonic();
            let retire = Retire { now: self.clock.now(), keep: self.keep, from };
            match self.store.retire(retire).await {
                Ok(retired) => {
                    self.report(&retired);
                    events += retired.events;
                    deliveries += retired.deliveries;
                    place = retired.next;
                }
                Err(error) => {
                    tracing::warn!(%error, "removing what is no longer kept failed; trying again");
                    break;
                }
            }
            if place.is_some() {
                let took = self.clock.monotonic().saturating_sub(began);
                self.clock.sleep(took.clamp(BREATH_MIN, BREATH_MAX)).await;
            }
        }
        if events > 0 || deliveries > 0 {
            tracing::info!(events, deliveries, "removed what is no longer kept");
        }
    }

    fn report(&self, retired: &Retired) {
        metrics::counter!("bocau_events_retired_total").increment(retired.events as u64);
        metrics::counter!("bocau_days_dropped_total").increment(u64::from(retired.day.is_some()));
        metrics::counter!("bocau_deliveries_expired_total").increment(retired.expired.len() as u64);
        if let Some(day) = &retired.day {
            tracing::info!(%day, "dropped a day of events that is no longer kept");
        }
        if !retired.expired.is_empty() {
            let count = retired.expired.len();
            tracing::warn!(
                count,
                "gave deliveries up that were still waiting a week after their time was over"
            );
        }
        for (store, delivery) in &retired.expired {
            self.changes.tell(store, *delivery);
        }
    }
}
