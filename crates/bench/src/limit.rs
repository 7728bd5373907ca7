//! The machine's own limit: what one event costs at the least, without us.
//!
//! An event takes one exchange in, one exchange out and its rows. `L = 1 / (1/in + 1/out + 1/rows)` is what a server
//! could do that did nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rusqlite::params;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::connection::{Connection, post};
use crate::database::connect;
use crate::load::{CONNECTIONS, order};
use crate::receiver::{Authority, Receiver};
use crate::usage;

/// Events of one transaction.
const BATCH: usize = 256;
/// Connections to PostgreSQL.
const WRITERS: usize = 4;
/// How long rows are written.
const SPAN: Duration = Duration::from_secs(5);
const WARM_UP_POSTS: usize = 2_000;

/// What the machine does in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Posts of an order over http, 64 at a time.
    pub(crate) exchanges_in: f64,
    /// The same over https.
    pub(crate) exchanges_out: f64,
    /// Events whose rows are written, on all cores.
    pub(crate) rows: f64,
    /// The processor time of one exchange in, both ends, in microseconds.
    pub(crate) cpu_in: f64,
    /// The same of one exchange out.
    pub(crate) cpu_out: f64,
}

impl Limit {
    /// Events per second of a server that did nothing but this.
    pub(crate) fn composed(&self) -> f64 {
        1.0 / (1.0 / self.exchanges_in + 1.0 / self.exchanges_out + 1.0 / self.rows)
    }
}

/// Measures it, with the rows in the database that the server will use.
pub(crate) async fn measure(postgres: Option<&str>, posts: usize) -> anyhow::Result<Limit> {
    let (exchanges_in, cpu_in) = exchanges(false, posts).await?;
    let (exchanges_out, cpu_out) = exchanges(true, posts).await?;
    let rows = if let Some(url) = postgres {
        rows_in_postgres(url).await?
    } else {
        let per_core = tokio::task::spawn_blocking(rows_in_sqlite).await??;
        per_core * cast(usage::cores())
    };
    Ok(Limit { exchanges_in, exchanges_out, rows, cpu_in, cpu_out })
}

/// Exchanges per second between 64 clients and a sink, and the processor time of one.
async fn exchanges(with_tls: bool, posts: usize) -> anyhow::Result<(f64, f64)> {
    let sink = Receiver::start(with_tls).await?;
    let authority = with_tls.then_some(&sink.authority);
    exchange(sink.address, authority, WARM_UP_POSTS).await?;
    let (began_at, cpu) = (Instant::now(), usage::cpu(std::process::id()));
    exchange(sink.address, authority, posts).await?;
    let used = usage::cpu(std::process::id()).saturating_sub(cpu);
    let each = cast(posts);
    Ok((each / began_at.elapsed().as_secs_f64(), used.as_secs_f64() * 1e6 / each))
}

async fn exchange(address: SocketAddr, authority: Option<&Authority>, posts: usize) -> anyhow::Result<()> {
    let body = Bytes::from(order().to_string());
    let left = Arc::new(AtomicUsize::new(posts));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(address, authority).await?;
        let (left, body) = (left.clone(), body.clone());
        clients.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                connection.expect(post("/", "none", body.clone()), 200).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.context("a client")??;
    }
    Ok(())
}

/// An event's rows as SQLite takes them, durable, on one core.
fn rows_in_sqlite() -> anyhow::Result<f64> {
    let dir = tempfile::tempdir()?;
    let mut database = rusqlite::Connection::open(Path::new(dir.path()).join("limit.db"))?;
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    database.execute_batch(include_str!("../../store/migrations/sqlite/V1__first_schema.sql"))?;
    let payload = order().to_string();
    let webhook = Uuid::now_v7();
    let began_at = Instant::now();
    let mut events = 0;
    while began_at.elapsed() < SPAN {
        let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
        let transaction = database.transaction()?;
        for id in &ids {
            transaction
                .prepare_cached(
                    "INSERT INTO events (id, store_id, event_type, object_id, created_at, is_test, payload)
                     VALUES (?1, '552', 'order.created', '208610', 0, 0, ?2)",
                )?
                .execute(params![id.as_bytes(), payload.as_bytes()])?;
            transaction
                .prepare_cached(
                    "INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test,
                     created_at, status, claim, claimed_until, auto_attempts, interruptions, last_number, attempts,
                     responses, due_at)
                     VALUES ('552', ?1, ?1, ?2, 'order.created', '208610', 0, 0, 'pending', 1, 1, 0, 0, 0, 0, 0, 1)",
                )?
                .execute(params![id.as_bytes(), webhook.as_bytes()])?;
        }
        transaction.commit()?;
        let transaction = database.transaction()?;
        for id in &ids {
            transaction
                .prepare_cached(
                    "INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code,
                     request_headers, response_headers, response_truncated, response_body)
                     VALUES (?1, 1, 'auto', 0, 1, 'success', 200, '[]', '[]', 0, x'7b7d')",
                )?
                .execute(params![id.as_bytes()])?;
            transaction
                .prepare_cached(
                    "UPDATE deliveries SET status = 'succeeded', claimed_until = NULL, due_at = NULL, attempts = 1,
                     auto_attempts = 1, last_number = 1, responses = 1 WHERE store_id = '552' AND id = ?1",
                )?
                .execute(params![id.as_bytes()])?;
        }
        transaction.commit()?;
        events += BATCH;
    }
    Ok(cast(events) / began_at.elapsed().as_secs_f64())
}

/// An event's rows as `PostgreSQL` takes them, durable, over four connections and whatever cores it gets.
async fn rows_in_postgres(url: &str) -> anyhow::Result<f64> {
    let client = connect(url).await?;
    client.batch_execute(include_str!("../../store/migrations/postgres/V1__first_schema.sql")).await?;
    client
        .batch_execute(
            "CREATE TABLE events_all PARTITION OF events DEFAULT WITH (toast_tuple_target = 8160);
             CREATE TABLE deliveries_all PARTITION OF deliveries DEFAULT WITH (fillfactor = 70);
             CREATE TABLE attempts_all PARTITION OF attempts DEFAULT",
        )
        .await?;
    let events = Arc::new(AtomicUsize::new(0));
    let began_at = Instant::now();
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (client, events) = (connect(url).await?, events.clone());
        writers.spawn(async move {
            client
                .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
                .await?;
            let come = client.prepare(COME).await?;
            let end = client.prepare(END).await?;
            let payloads = vec![order().to_string().into_bytes(); BATCH];
            while began_at.elapsed() < SPAN {
                let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                client.execute(&come, &[&ids, &payloads]).await?;
                client.execute(&end, &[&ids]).await?;
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

/// What is written when events come in.
const COME: &str = "WITH come AS (SELECT * FROM unnest($1::uuid[], $2::bytea[]) AS come (id, payload)), \
    written AS (INSERT INTO events (id, store_id, event_type, object_id, created_at, is_test, payload) \
        SELECT id, '552', 'order.created', '208610', 0, FALSE, payload FROM come) \
    INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, created_at, status, \
        claim, claimed_until, auto_attempts, interruptions, last_number, attempts, responses, due_at) \
    SELECT '552', id, id, '00000000-0000-0000-0000-000000000001'::uuid, 'order.created', '208610', FALSE, 0, 'pending', \
        1, 1, 0, 0, 0, 0, 0, 1 FROM come";

/// What is written when they have been sent.
const END: &str = "WITH ended AS (SELECT * FROM unnest($1::uuid[]) AS ended (id)), \
    written AS (INSERT INTO attempts (delivery_id, number, trigger, started_at, duration_ms, outcome, status_code, \
        request_headers, response_headers, response_truncated, response_body) \
        SELECT id, 1, 'auto', 0, 1, 'success', 200, '[]', '[]', FALSE, '\\x7b7d' FROM ended) \
    UPDATE deliveries d SET status = 'succeeded', claimed_until = NULL, due_at = NULL, attempts = 1, \
        auto_attempts = 1, last_number = 1, responses = 1 FROM ended WHERE d.store_id = '552' AND d.id = ended.id";

#[expect(clippy::cast_precision_loss, reason = "a count that is far below 2^52")]
pub(crate) fn cast(count: usize) -> f64 {
    count as f64
}
