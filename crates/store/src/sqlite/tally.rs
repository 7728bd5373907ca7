//! Counting what a transaction changes, for the overview: gathered in memory, and written once per store,
//! hour and webhook before the commit, so that a flood pays for its counting once per group and not per row.

use std::collections::HashMap;

use bocau_domain::{DeliveryId, EventId, Outcome, Status, StoreId, Timestamp, WebhookId};
use rusqlite::params;

use super::rows::millis;
use super::tx::Tx;
use crate::Result;
use crate::figures::OVERVIEW_STEP;
use crate::results::AttemptRecord;

/// Durations below this have a class of their own per millisecond; above, each power of two has this many.
const CLASSES_PER_POWER: u64 = 16;
const CLASS_BITS: u32 = CLASSES_PER_POWER.ilog2();

/// What changed since the counters were last written.
#[derive(Debug, Default)]
pub(super) struct Tally {
    deliveries: HashMap<(StoreId, i64, Option<WebhookId>), Deltas>,
    durations: HashMap<(StoreId, i64, i64), i64>,
}

#[derive(Debug, Default)]
struct Deltas {
    events: i64,
    by_status: [i64; Status::ALL.len()],
    last_failure: Option<Failure>,
}

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    /// When it ended.
    pub(super) at: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) status_code: Option<u16>,
}

impl Tally {
    /// An event was taken in.
    pub(super) fn event(&mut self, store: &StoreId, id: EventId) {
        self.deltas(store, id.made_at(), None).events += 1;
    }

    /// A delivery was made.
    pub(super) fn made(&mut self, store: &StoreId, id: DeliveryId, webhook: Option<WebhookId>, is: Status) {
        self.deltas(store, id.made_at(), webhook).by_status[is as usize] += 1;
    }

    /// A delivery is in another state.
    pub(super) fn moved(
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
    pub(super) fn attempt(&mut self, record: &AttemptRecord) {
        let (store, hour) = (&record.claim.store, hour_of(record.claim.delivery.made_at()));
        *self.durations.entry((store.clone(), hour, class_of(millis(record.duration)))).or_default() += 1;
    }

    /// An attempt failed, and its delivery's state says so.
    pub(super) fn failure(
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

/// Writes what was counted.
pub(super) fn write(tx: &Tx<'_>, tally: Tally) -> Result<()> {
    for ((store, hour, webhook), deltas) in tally.deliveries {
        write_deliveries(tx, &store, hour, webhook, &deltas)?;
    }
    for ((store, hour, class), attempts) in tally.durations {
        tx.execute(
            "INSERT INTO hourly_durations (store_id, hour, class, attempts) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (store_id, hour, class) DO UPDATE SET attempts = attempts + excluded.attempts",
            params![store.as_str(), hour, class, attempts],
        )?;
    }
    Ok(())
}

fn write_deliveries(
    tx: &Tx<'_>,
    store: &StoreId,
    hour: i64,
    webhook: Option<WebhookId>,
    deltas: &Deltas,
) -> Result<()> {
    let [pending, retrying, succeeded, failed, skipped] = deltas.by_status;
    let failure = deltas.last_failure.as_ref();
    tx.execute(
        "INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, \
         skipped, last_failed_at, last_error, last_status_code, last_outcome) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (store_id, hour, webhook_id) DO UPDATE SET events = events + excluded.events, \
         pending = pending + excluded.pending, retrying = retrying + excluded.retrying, \
         succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed, \
         skipped = skipped + excluded.skipped, \
         last_error = iif(excluded.last_failed_at IS NULL, last_error, excluded.last_error), \
         last_status_code = iif(excluded.last_failed_at IS NULL, last_status_code, excluded.last_status_code), \
         last_outcome = iif(excluded.last_failed_at IS NULL, last_outcome, excluded.last_outcome), \
         last_failed_at = coalesce(excluded.last_failed_at, last_failed_at)",
        params![
            store.as_str(),
            hour,
            webhook.as_ref().map_or(&[][..], |id| &id.as_bytes()[..]),
            deltas.events,
            pending,
            retrying,
            succeeded,
            failed,
            skipped,
            failure.map(|failure| failure.at.as_millis()),
            failure.and_then(|failure| failure.error.as_deref()),
            failure.and_then(|failure| failure.status_code),
            failure.map(|failure| failure.outcome.as_str()),
        ],
    )?;
    Ok(())
}

/// The hour of a moment, counted from 1970.
pub(super) fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(millis(OVERVIEW_STEP))
}

/// The beginning of an hour.
pub(super) fn beginning_of(hour: i64) -> Timestamp {
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
pub(super) fn longest_of(class: i64) -> u64 {
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
