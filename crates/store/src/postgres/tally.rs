//! Writing what a transaction has counted: as rows that add up, so that no two commits wait for one another.

use tokio_postgres::types::ToSql;

use super::rows::{uuid, without_nul};
use super::tx::Write;
use crate::tally::{Deltas, Failure, Tally};

/// What writes what was counted, where anything was.
pub(super) fn write(tally: &Tally) -> Option<Write<'_>> {
    if tally.is_empty() {
        return None;
    }
    macro_rules! column {
        ($of:ident, |$key:pat_param, $each:pat_param| $value:expr) => {
            tally.$of.iter().map(|($key, $each)| $value).collect::<Vec<_>>()
        };
    }
    let failure = |read: fn(&Failure) -> Option<String>| -> Vec<Option<String>> {
        let read = |deltas: &Deltas| deltas.last_failure.as_ref().and_then(read);
        tally.deliveries.values().map(read).collect()
    };
    let by_status = |status: usize| -> Vec<i64> {
        tally.deliveries.values().map(|deltas| deltas.by_status[status]).collect()
    };
    let sql = "WITH durations AS (INSERT INTO hourly_durations (store_id, hour, class, attempts) \
         SELECT * FROM unnest($14::text[], $15::bigint[], $16::bigint[], $17::bigint[])) \
         INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, \
         skipped, last_failed_at, last_error, last_outcome, last_status_code) \
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], \
         $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::int[])";
    let values: Vec<Box<dyn ToSql + Sync + Send>> = vec![
        Box::new(column!(deliveries, |(store, _, _), _| store.as_str())),
        Box::new(column!(deliveries, |(_, hour, _), _| *hour)),
        Box::new(column!(deliveries, |(_, _, webhook), _| webhook.as_ref().map(|id| uuid(id.as_bytes())))),
        Box::new(column!(deliveries, |_, deltas| deltas.events)),
        Box::new(by_status(0)),
        Box::new(by_status(1)),
        Box::new(by_status(2)),
        Box::new(by_status(3)),
        Box::new(by_status(4)),
        Box::new(column!(deliveries, |_, deltas| deltas
            .last_failure
            .as_ref()
            .map(|failure| failure.at.as_millis()))),
        Box::new(failure(|failure| failure.error.as_deref().map(without_nul))),
        Box::new(failure(|failure| Some(failure.outcome.as_str().to_owned()))),
        Box::new(column!(deliveries, |_, deltas| failure_code(deltas))),
        Box::new(column!(durations, |(store, _, _), _| store.as_str())),
        Box::new(column!(durations, |(_, hour, _), _| *hour)),
        Box::new(column!(durations, |(_, _, class), _| *class)),
        Box::new(column!(durations, |_, attempts| *attempts)),
    ];
    Some(Write { sql, values })
}

fn failure_code(deltas: &Deltas) -> Option<i32> {
    deltas.last_failure.as_ref()?.status_code.map(i32::from)
}
