//! Writes a history into `PostgreSQL`, while no server uses it.

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::{DAY_MS, DAYS, FAILED_EVERY, History, PAYLOAD, STORES};
use crate::database::connect;

/// Connections that write, each its own days.
const WRITERS: i64 = 2;
const TABLES: [&str; 3] = ["events", "deliveries", "attempts"];

/// Answers how many deliveries there are then.
pub(super) async fn fill(url: &str, history: History) -> anyhow::Result<i64> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = connect(url).await?;
        writers.spawn(async move {
            // What is lost when this breaks off is thrown away anyway.
            client.batch_execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'").await?;
            for day in (writer..DAYS).step_by(usize::try_from(WRITERS)?) {
                write_day(&client, history, day)
                    .await
                    .with_context(|| format!("day {day} of the history"))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.context("a writer")??;
    }
    let client = connect(url).await?;
    client
        .batch_execute(
            "INSERT INTO hourly_deliveries (store_id, hour, webhook_id, events, pending, retrying, succeeded, failed, \
             skipped, is_folded) \
             SELECT store_id, created_at / 3600000, webhook_id, 0, 0, 0, count(*) FILTER (WHERE status = 'succeeded'), \
             count(*) FILTER (WHERE status = 'failed'), 0, TRUE FROM deliveries GROUP BY 1, 2, 3 \
             UNION ALL SELECT store_id, created_at / 3600000, NULL, count(*), 0, 0, 0, 0, 0, TRUE \
             FROM deliveries GROUP BY 1, 2",
        )
        .await?;
    // What would be done behind the measured runs otherwise.
    client.batch_execute("VACUUM (ANALYZE)").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(client.query_one("SELECT count(*) FROM deliveries", &[]).await?.get(0))
}

/// Makes the parts of a day, with the settings that the server gives to those of today; their indexes come with
/// attaching them, sorted once.
async fn write_day(client: &Client, history: History, day: i64) -> anyhow::Result<()> {
    let begins_at = history.begins_at + day * DAY_MS;
    let date = client
        .query_one(
            "SELECT to_char(to_timestamp($1::bigint / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD')",
            &[&begins_at],
        )
        .await?;
    let date: String = date.get(0);
    let first_id = |at: i64| format!("{:08x}-{:04x}-7000-8000-000000000000", at >> 16, at & 0xffff);
    let (first, end) = (first_id(begins_at), first_id(begins_at + DAY_MS));
    for table in TABLES {
        let options = client
            .query_one(
                "SELECT coalesce(array_to_string(c.reloptions, ', '), '') FROM pg_inherits i \
                 JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass ORDER BY c.relname LIMIT 1",
                &[&table],
            )
            .await?;
        let options: String = options.get(0);
        let rows = rows_of(table, history);
        let (from, to) = (history.first_of(day), history.first_of(day + 1) - 1);
        client
            .batch_execute(&format!(
                "CREATE TABLE {table}_{date} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE) WITH ({options}); \
                 WITH owners AS MATERIALIZED (SELECT row_number() OVER (ORDER BY store_id) - 1 AS number, store_id, \
                     id AS webhook_id FROM webhooks) \
                 INSERT INTO {table}_{date} {rows} FROM generate_series({from}::bigint, {to}::bigint) AS numbers (n) \
                     JOIN owners o ON o.number = n % {STORES}; \
                 ALTER TABLE {table} ATTACH PARTITION {table}_{date} FOR VALUES FROM ('{first}') TO ('{end}')"
            ))
            .await?;
    }
    Ok(())
}

/// The columns of a table and what row `n` has in them.
fn rows_of(table: &str, history: History) -> String {
    let (at, object) = (history.at(), history.object());
    let id = |variant: char| {
        format!(
            "(lpad(to_hex({at}), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '{variant}' \
             || lpad(to_hex((n * 2654435761) & 1152921504606846975), 15, '0'))::uuid"
        )
    };
    let (event_id, delivery_id) = (id('8'), id('9'));
    let by_end = |failed: &str, succeeded: &str| {
        format!("CASE WHEN n % {FAILED_EVERY} = 0 THEN {failed} ELSE {succeeded} END")
    };
    let (status, outcome) = (by_end("'failed'", "'succeeded'"), by_end("'http_error'", "'success'"));
    let (error, code) = (by_end("'HTTP 500'", "NULL"), by_end("500", "200"));
    match table {
        "events" => format!(
            "(id, store_id, event_type, object_id, created_at, is_test, payload) \
             SELECT {event_id}, o.store_id, 'order.created', {object}::text, {at}, FALSE, '{PAYLOAD}'::text::bytea"
        ),
        "deliveries" => format!(
            "(store_id, id, event_id, webhook_id, event_type, object_id, is_test, created_at, last_error, last_outcome, \
             last_duration_ms, status, claim, auto_attempts, interruptions, last_number, attempts, responses, \
             last_status_code) \
             SELECT o.store_id, {delivery_id}, {event_id}, o.webhook_id, 'order.created', {object}::text, FALSE, {at}, \
             {error}, {outcome}, 12, {status}, 1, 1, 0, 1, 1, 1, {code}"
        ),
        _ => format!(
            "(delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, request_headers, \
             response_headers, response_truncated, response_body) \
             SELECT {delivery_id}, 1, 'auto', {at}, 12, {outcome}, {code}, '[]', '[]', FALSE, '\\x7b7d'"
        ),
    }
}
