//! Writes a history into SQLite, while no server has it.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{FAILED_EVERY, History, PAYLOAD, STORES};

/// Pages in memory while it is written, in KiB.
const CACHE_KIB: i64 = 1024 * 1024;

/// Answers how many deliveries there are then.
pub(super) fn fill(file: &Path, history: History) -> anyhow::Result<i64> {
    let mut database = Connection::open(file)?;
    database.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    // What is lost when this breaks off is thrown away anyway.
    database.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "OFF")?;
    database.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let indexes = take_indexes(&database)?;
    write(&mut database, history)?;
    // Sorted once, which is faster than as many insertions.
    database.execute_batch(&indexes.join(";"))?;
    let rows = database.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0))?;
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    Ok(rows)
}

/// Drops the indexes of the three tables; answers how they are made.
fn take_indexes(database: &Connection) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL \
               AND tbl_name IN ('events', 'deliveries', 'attempts')";
    let mut statement = database.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let indexes = rows.collect::<Result<Vec<_>, _>>()?;
    for (name, _) in &indexes {
        database.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

fn write(database: &mut Connection, history: History) -> anyhow::Result<()> {
    let (at, object, rows) = (history.at(), history.object(), history.rows);
    let id = |variant: char| {
        format!(
            "unhex(printf('%012x7%03x{variant}%015x', {at}, n & 4095, (n * 2654435761) & 0xfffffffffffffff))"
        )
    };
    let (event_id, delivery_id) = (id('8'), id('9'));
    let numbers = |from: usize, step: usize| {
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT {from} WHERE {from} < {rows} \
             UNION ALL SELECT n + {step} FROM numbers WHERE n + {step} < {rows})"
        )
    };
    let has_failed = format!("n % {FAILED_EVERY} = 0");
    let transaction = database.transaction()?;
    transaction.execute_batch(
        "CREATE TEMP TABLE owners AS SELECT row_number() OVER (ORDER BY store_id) - 1 AS number, store_id, id AS webhook_id \
         FROM webhooks; CREATE UNIQUE INDEX temp.owners_number ON owners (number)",
    )?;
    transaction.execute(
        &format!(
            "{} INSERT INTO events (id, store_id, event_type, object_id, created_at, is_test, payload) \
             SELECT {event_id}, o.store_id, 'order.created', CAST({object} AS TEXT), {at}, 0, ?1 \
             FROM numbers CROSS JOIN owners o ON o.number = n % {STORES}",
            numbers(0, 1)
        ),
        params![PAYLOAD.as_bytes()],
    )?;
    // One store after the other, as the table is ordered.
    for number in 0..STORES {
        transaction.execute(
            &format!(
                "{} INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, \
                 created_at, last_error, last_outcome, last_duration_ms, status, claim, auto_attempts, interruptions, \
                 last_number, attempts, responses, last_status_code) \
                 SELECT o.store_id, {delivery_id}, {event_id}, o.webhook_id, 'order.created', CAST({object} AS TEXT), 0, \
                 {at}, iif({has_failed}, 'HTTP 500', NULL), iif({has_failed}, 'http_error', 'success'), 12, \
                 iif({has_failed}, 'failed', 'succeeded'), 1, 1, 0, 1, 1, 1, iif({has_failed}, 500, 200) \
                 FROM numbers CROSS JOIN owners o ON o.number = {number}",
                numbers(number, STORES)
            ),
            [],
        )?;
    }
    transaction.execute(
        &format!(
            "{} INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, \
             request_headers, response_headers, response_truncated, response_body) \
             SELECT {delivery_id}, 1, 'auto', {at}, 12, iif({has_failed}, 'http_error', 'success'), \
             iif({has_failed}, 500, 200), '[]', '[]', 0, x'7b7d' FROM numbers",
            numbers(0, 1)
        ),
        [],
    )?;
    transaction.execute_batch(
        "INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, skipped) \
         SELECT store_id, created_at / 3600000, webhook_id, 0, 0, 0, sum(status = 'succeeded'), sum(status = 'failed'), 0 \
         FROM deliveries GROUP BY 1, 2, 3 \
         UNION ALL SELECT store_id, created_at / 3600000, x'', count(*), 0, 0, 0, 0, 0 FROM deliveries GROUP BY 1, 2",
    )?;
    Ok(transaction.commit()?)
}
