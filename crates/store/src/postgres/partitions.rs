//! The parts of a day that events, deliveries and attempts are cut into.
//!
//! They are made ahead by sweeping, so that nobody waits for it when a day begins; what comes in for a day without
//! them makes them first. An id begins with its millisecond, so a day is a range of ids, and the three tables are
//! cut at the same places: a delivery's id carries its event's millisecond, and attempts go by the delivery's.

use std::collections::BTreeSet;

use bocau_domain::{DeliveryId, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use super::rows::uuid;
use super::tx::{Result, Tx};

/// A day of ids, counted from 1970 in UTC.
pub(super) type Day = i64;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Days whose parts are made before they begin.
pub(super) const DAYS_AHEAD: i64 = 2;

/// A table that is cut into days, and what is set for its parts.
struct Cut {
    name: &'static str,
    settings: &'static str,
}

/// What the settings are for stands in docs/POSTGRESQL.md.
const CUTS: [Cut; 3] = [
    Cut {
        name: "events",
        settings: "toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.2",
    },
    Cut {
        name: "deliveries",
        settings: "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, \
                   autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05",
    },
    Cut { name: "attempts", settings: "autovacuum_vacuum_insert_scale_factor = 0.2" },
];

/// The days whose parts are known to be there.
#[derive(Debug, Default)]
pub(super) struct Days(Mutex<BTreeSet<Day>>);

impl Days {
    /// Those that are not known.
    pub(super) fn missing(&self, days: impl IntoIterator<Item = Day>) -> BTreeSet<Day> {
        let known = self.0.lock();
        days.into_iter().filter(|day| !known.contains(day)).collect()
    }

    /// These are there.
    pub(super) fn note(&self, days: &BTreeSet<Day>) {
        self.0.lock().extend(days);
    }

    /// Another node may have dropped any of them.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }
}

/// The day of a moment.
pub(super) fn day_of(at: Timestamp) -> Day {
    at.as_millis().div_euclid(DAY_MS)
}

/// The first moment of a day.
pub(super) fn beginning_of(day: Day) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY_MS))
}

/// Makes the parts of these days where they are not there.
pub(super) async fn make(tx: &Tx, days: &BTreeSet<Day>) -> Result<()> {
    tx.lock_days().await?;
    for day in days {
        for Cut { name, settings } in &CUTS {
            let part = part_of(name, *day);
            if tx.exists("SELECT 1 FROM pg_class WHERE oid = to_regclass($1)", &[&part]).await? {
                continue;
            }
            let (from, to) = bounds_of(*day);
            // Made alone and then attached: attaching lets writers of the other days go on.
            tx.run(&format!(
                "CREATE TABLE {part} (LIKE {name} INCLUDING DEFAULTS INCLUDING STORAGE) WITH ({settings}); \
                 ALTER TABLE {name} ATTACH PARTITION {part} FOR VALUES FROM ('{from}') TO ('{to}')"
            ))
            .await?;
        }
    }
    Ok(())
}

/// The first id of a day, and the first after it.
pub(super) fn bounds_of(day: Day) -> (Uuid, Uuid) {
    let first_of = |day| uuid(DeliveryId::first_of(beginning_of(day)).as_bytes());
    (first_of(day), first_of(day + 1))
}

/// The name of a table's part of a day: the table's, and the day as eight digits.
pub(super) fn part_of(table: &str, day: Day) -> String {
    format!("{table}_{}", date_of(day, "%Y%m%d"))
}

/// A day in this form of `strftime`.
pub(super) fn date_of(day: Day, form: &str) -> String {
    jiff::Timestamp::from_millisecond(beginning_of(day).as_millis())
        .map_or_else(|_| day.to_string(), |at| at.strftime(form).to_string())
}

/// Reads the day of what [`part_of`] writes.
pub(super) fn day_of_part(part: &str) -> Option<Day> {
    let (_, date) = part.rsplit_once('_')?;
    let date = jiff::civil::Date::strptime("%Y%m%d", date).ok()?;
    let beginning = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(day_of(Timestamp::from_millis(beginning.as_millisecond())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_by_its_day() {
        for (day, name) in [(0, "events_19700101"), (20_370, "events_20251009"), (11_016, "events_20000229")]
        {
            assert_eq!(part_of("events", day), name);
            assert_eq!(day_of_part(name), Some(day));
        }
        assert_eq!(day_of_part("events_old"), None);
        assert_eq!(day_of_part("events"), None);
    }
}
