//! Counting what a transaction changes, for the overview: gathered in memory, and written once per store,
//! hour and webhook before the commit, so that a flood pays for its counting once per group and not per row.
//! The backends write it.

use std::collections::HashMap;
use std::time::Duration;

use bocau_domain::{DeliveryId, EventId, Outcome, Status, StoreId, Timestamp, WebhookId};

use crate::figures::OVERVIEW_STEP;
use crate::results::AttemptRecord;

/// Durations below this have a class of their own per millisecond; above, each power of two has this many.
const CLASSES_PER_POWER: u64 = 16;
const CLASS_BITS: u32 = CLASSES_PER_POWER.ilog2();

/// What changed since the counters were last written.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By store, hour and webhook.
    pub(crate) deliveries: HashMap<(StoreId, i64, Option<WebhookId>), Deltas>,
    /// How many attempts, by store, hour and class of durations.
    pub(crate) durations: HashMap<(StoreId, i64, i64), i64>,
}

/// What changed of one hour of one webhook.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Events taken in.
    pub(crate) events: i64,
    /// Deliveries more or fewer in each state.
    pub(crate) by_status: [i64; Status::ALL.len()],
    /// The last attempt that failed.
    pub(crate) last_failure: Option<Failure>,
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    /// When it ended.
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<String>,
    pub(crate) status_code: Option<u16>,
}

impl Tally {
    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.durations.is_empty()
    }

    /// An event was taken in.
    pub(crate) fn event(&mut self, store: &StoreId, id: EventId) {
        self.deltas(store, id.made_at(), None).events += 1;
    }

    /// A delivery was made.
    pub(crate) fn made(&mut self, store: &StoreId, id: DeliveryId, webhook: Option<WebhookId>, is: Status) {
        self.deltas(store, id.made_at(), webhook).by_status[is as usize] += 1;
    }

    /// A delivery is in another state.
    pub(crate) fn moved(
        &mut self,
        store: &StoreId,
        id: DeliveryId,
        webhook: Option<WebhookId>,
        (was, is): (Status, Status),
    ) {
        if was != is {
            let deltas = self.deltas(store, id.made_at(), webhook);
            deltas.by_status[was as usize] -= 1;
            deltas.by_status[is as usize] += 1;
        }
    }

    /// An attempt was made and its end is known.
    pub(crate) fn attempt(&mut self, record: &AttemptRecord) {
        let (store, hour) = (&record.claim.store, hour_of(record.claim.delivery.made_at()));
        *self.durations.entry((store.clone(), hour, class_of(millis(record.duration)))).or_default() += 1;
    }

    /// An attempt failed, and its delivery's state says so.
    pub(crate) fn failure(
        &mut self,
        store: &StoreId,
        id: DeliveryId,
        webhook: Option<WebhookId>,
        failure: Failure,
    ) {
        self.deltas(store, id.made_at(), webhook).last_failure = Some(failure);
    }

    fn deltas(&mut self, store: &StoreId, at: Timestamp, webhook: Option<WebhookId>) -> &mut Deltas {
        self.deliveries.entry((store.clone(), hour_of(at), webhook)).or_default()
    }
}

/// A span of time as the database keeps it.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The hour of a moment, counted from 1970.
pub(crate) fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(millis(OVERVIEW_STEP))
}

/// The beginning of an hour.
pub(crate) fn beginning_of(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour.saturating_mul(millis(OVERVIEW_STEP)))
}

/// The class of a duration: as wide as a sixteenth of the power of two below it.
fn class_of(duration_ms: i64) -> i64 {
    let duration = duration_ms.unsigned_abs();
    let shift = duration.checked_ilog2().unwrap_or(0).saturating_sub(CLASS_BITS);
    let class = u64::from(shift) * CLASSES_PER_POWER + (duration >> shift);
    i64::try_from(class).unwrap_or(i64::MAX)
}

/// The longest duration of a class.
pub(crate) fn longest_of(class: i64) -> u64 {
    let class = class.unsigned_abs();
    if class < 2 * CLASSES_PER_POWER {
        return class;
    }
    let shift = class / CLASSES_PER_POWER - 1;
    let head = class - shift * CLASSES_PER_POWER;
    ((head + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_as_wide_as_a_sixteenth_of_what_it_holds() {
        let mut last = 0;
        for duration in 0..200_000_i64 {
            let class = class_of(duration);
            assert!(class == last || class == last + 1, "{duration}");
            last = class;
            let longest = longest_of(class);
            let exact = duration.unsigned_abs();
            assert!(longest >= exact && longest - exact <= exact / 16, "{duration}: {longest}");
        }
    }

    #[test]
    fn an_hour_begins_where_it_begins() {
        let at = Timestamp::from_millis(7_200_001);
        assert_eq!((hour_of(at), beginning_of(hour_of(at)).as_millis()), (2, 7_200_000));
    }
}
