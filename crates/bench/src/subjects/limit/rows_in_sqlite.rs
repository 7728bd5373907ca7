//! The rows of events as SQLite takes them, durable.

use std::time::Instant;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{BATCH, REQUEST_HEADERS, RESPONSE_BODY, RESPONSE_HEADERS, Rows, SPAN};
use crate::order::{ORDER, next_object};
use crate::subjects::cast;
use crate::usage;

/// The server's own schema.
const SCHEMA: [&str; 6] = [
    include_str!("../../../../store/migrations/sqlite/V1__first_schema.sql"),
    include_str!("../../../../store/migrations/sqlite/V2__people.sql"),
    include_str!("../../../../store/migrations/sqlite/V3__figures.sql"),
    include_str!("../../../../store/migrations/sqlite/V4__asked_first.sql"),
    include_str!("../../../../store/migrations/sqlite/V5__last_outcome.sql"),
    include_str!("../../../../store/migrations/sqlite/V6__retention.sql"),
];

const EVENT: &str = "INSERT INTO events (id, store_id, event_type, object_id, created_at, is_test, payload) \
    VALUES (?1, '552', 'order.created', ?2, 0, 0, ?3)";
const DELIVERY: &str = "INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, \
    created_at, status, claim, claimed_until, auto_attempts, interruptions, last_number, attempts, responses, due_at) \
    VALUES ('552', ?1, ?1, ?2, 'order.created', ?3, 0, 0, 'pending', 1, 1, 0, 0, 0, 0, 0, 1)";
const ATTEMPT: &str = "INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, \
    status_code, request_headers, response_headers, response_truncated, response_body) \
    VALUES (?1, 1, 'auto', 0, 1, 'success', 200, ?2, ?3, 0, ?4)";
const STATE: &str = "UPDATE deliveries SET status = 'succeeded', claimed_until = NULL, due_at = NULL, attempts = 1, \
    auto_attempts = 1, last_number = 1, responses = 1, last_status_code = 200, last_outcome = 'success', \
    last_duration_ms = 1 WHERE store_id = '552' AND id = ?1";

/// Writes for a while on one connection, which is what one core does: there is never a second writer.
pub(super) fn measure() -> anyhow::Result<Rows> {
    let dir = tempfile::Builder::new().prefix("bocau-bench-").tempdir()?;
    let mut database = Connection::open(dir.path().join("limit.db"))?;
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    database.pragma_update(None, "cache_size", -65_536)?;
    database.execute_batch(&SCHEMA.concat())?;
    let webhook = Uuid::now_v7();
    let (began_at, cpu) = (Instant::now(), usage::own_cpu());
    let mut events = 0;
    while began_at.elapsed() < SPAN {
        let batch: Vec<(Uuid, String)> =
            (0..BATCH).map(|_| (Uuid::now_v7(), next_object().to_string())).collect();
        write(&mut database, &batch, webhook)?;
        events += batch.len();
    }
    let used = usage::own_cpu().saturating_sub(cpu);
    Ok(Rows {
        per_core: cast(events) / began_at.elapsed().as_secs_f64(),
        together: None,
        cpu_us: Some(used.as_secs_f64() * 1e6 / cast(events)),
    })
}

/// In two commits, as there are when events come in and when they have been sent.
fn write(database: &mut Connection, batch: &[(Uuid, String)], webhook: Uuid) -> anyhow::Result<()> {
    let transaction = database.transaction()?;
    for (id, object) in batch {
        let event = params![id.as_bytes(), object, ORDER.as_bytes()];
        transaction.prepare_cached(EVENT)?.execute(event)?;
        let delivery = params![id.as_bytes(), webhook.as_bytes(), object];
        transaction.prepare_cached(DELIVERY)?.execute(delivery)?;
    }
    transaction.commit()?;
    let transaction = database.transaction()?;
    for (id, _) in batch {
        let attempt = params![id.as_bytes(), REQUEST_HEADERS, RESPONSE_HEADERS, RESPONSE_BODY];
        transaction.prepare_cached(ATTEMPT)?.execute(attempt)?;
        transaction.prepare_cached(STATE)?.execute(params![id.as_bytes()])?;
    }
    Ok(transaction.commit()?)
}
