//! The rows of events as `PostgreSQL` takes them, durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{BATCH, REQUEST_HEADERS, RESPONSE_BODY, RESPONSE_HEADERS, Rows, SPAN};
use crate::database::connect;
use crate::order::{ORDER, next_object};
use crate::subjects::cast;

/// Connections that write at once, to see what the server does with more than one.
pub(super) const WRITERS: usize = 4;

/// The server's own schema, with one part for all days.
const SCHEMA: [&str; 2] = [
    include_str!("../../../../store/migrations/postgres/V1__first_schema.sql"),
    "CREATE TABLE events_all PARTITION OF events DEFAULT WITH (toast_tuple_target = 8160);
     CREATE TABLE deliveries_all PARTITION OF deliveries DEFAULT WITH (fillfactor = 70);
     CREATE TABLE attempts_all PARTITION OF attempts DEFAULT",
];

/// What is written when events come in.
const COME: &str = "WITH come AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS come (id, object, payload)), \
    written AS (INSERT INTO events (id, store_id, event_type, object_id, created_at, is_test, payload) \
        SELECT id, '552', 'order.created', object, 0, FALSE, payload FROM come) \
    INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, created_at, status, \
        claim, claimed_until, auto_attempts, interruptions, last_number, attempts, responses, due_at) \
    SELECT '552', id, id, '00000000-0000-0000-0000-000000000001'::uuid, 'order.created', object, FALSE, 0, 'pending', \
        1, 1, 0, 0, 0, 0, 0, 1 FROM come";

/// What is written when they have been sent.
const END: &str = "WITH ended AS (SELECT * FROM unnest($1::uuid[]) AS ended (id)), \
    written AS (INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, \
        request_headers, response_headers, response_truncated, response_body) \
        SELECT id, 1, 'auto', 0, 1, 'success', 200, $2, $3, FALSE, $4 FROM ended) \
    UPDATE deliveries d SET status = 'succeeded', claimed_until = NULL, due_at = NULL, attempts = 1, \
        auto_attempts = 1, last_number = 1, responses = 1, last_status_code = 200, last_outcome = 'success', \
        last_duration_ms = 1 FROM ended WHERE d.store_id = '552' AND d.id = ended.id";

/// As on the connections of the server that write: docs/POSTGRESQL.md says what for.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; \
    SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
const WARM_UP: Duration = Duration::from_secs(1);

/// Writes for a while on one connection, and for a while on some.
pub(super) async fn measure(url: &str) -> anyhow::Result<Rows> {
    let client = connect(url).await?;
    client.batch_execute(&SCHEMA.join(";")).await?;
    over(url, 1, WARM_UP).await?;
    client.batch_execute("VACUUM (ANALYZE)").await?;
    let per_core = over(url, 1, SPAN).await?;
    let together = over(url, WRITERS, SPAN).await?;
    Ok(Rows { per_core, together: Some(together), cpu_us: None })
}

async fn over(url: &str, connections: usize, span: Duration) -> anyhow::Result<f64> {
    let events = Arc::new(AtomicUsize::new(0));
    let began_at = Instant::now();
    let mut writers = JoinSet::new();
    for _ in 0..connections {
        let (client, events) = (connect(url).await?, events.clone());
        writers.spawn(async move {
            client.batch_execute(SETTINGS).await?;
            let come = client.prepare(COME).await?;
            let end = client.prepare(END).await?;
            let payloads = vec![ORDER.as_bytes(); BATCH];
            while began_at.elapsed() < span {
                let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                let objects: Vec<String> = (0..BATCH).map(|_| next_object().to_string()).collect();
                client.execute(&come, &[&ids, &objects, &payloads]).await?;
                client.execute(&end, &[&ids, &REQUEST_HEADERS, &RESPONSE_HEADERS, &RESPONSE_BODY]).await?;
                events.fetch_add(BATCH, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.context("a writer")??;
    }
    Ok(cast(events.load(Ordering::Relaxed)) / began_at.elapsed().as_secs_f64())
}
