//! The machine's own limit: what one event costs at the least, without us.
//!
//! An event takes one exchange in, one exchange out and its rows. `L = 1 / (1/in + 1/out + 1/(n × store))` is what a
//! server could do that did nothing else: `in` and `out` are of all cores, `store` is of one core, and `n` is how many
//! there are.

mod rows_in_postgres;
mod rows_in_sqlite;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Found, Sizes, cast};
use crate::bed::Bed;
use crate::certificates::Authority;
use crate::connection::{Connection, post};
use crate::load::CONNECTIONS;
use crate::order::ORDER;
use crate::receiver::Receiver;
use crate::report::{Section, Tally, number, table};
use crate::usage;

/// Events of one transaction.
const BATCH: usize = 256;
/// How long rows are written.
const SPAN: Duration = Duration::from_secs(5);
const WARM_UP_POSTS: usize = 4_000;

/// What the history keeps of an attempt's headers: those of the server and of the receiver of this run.
const REQUEST_HEADERS: &str = r#"[["content-type","application/json"],["accept-encoding","identity"],["user-agent","bocau/0.1.0"],["webhook-id","evt_01kaw0v7mse5r8vn1y2mw1t3q4"],["webhook-timestamp","1763998985"],["webhook-signature","v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],["bocau-event","order.created"],["bocau-object-id","50208610"],["bocau-store","552"],["bocau-attempt","1"]]"#;
const RESPONSE_HEADERS: &str = r#"[["content-type","application/json"],["content-length","32"],["date","Mon, 24 Nov 2025 15:43:05 GMT"]]"#;
const RESPONSE_BODY: &[u8] = br#"{"status": 200, "message": "OK"}"#;

/// What the machine does in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Posts of an order over http, 64 at a time, on all cores.
    exchanges_in: Exchanges,
    /// The same over https.
    exchanges_out: Exchanges,
    rows: Rows,
}

/// Exchanges of a request and its answer.
#[derive(Debug, Clone, Copy)]
struct Exchanges {
    per_second: f64,
    /// The processor time of one, both ends, in microseconds.
    cpu_us: f64,
}

/// The rows of events.
#[derive(Debug, Clone, Copy)]
struct Rows {
    /// Events per second whose rows one connection writes, which is what one core does.
    per_core: f64,
    /// Events per second over several connections at once, where the database can.
    together: Option<f64>,
    /// The processor time of the rows of one event, in microseconds; none where another process writes them.
    cpu_us: Option<f64>,
}

impl Limit {
    /// Events per second of a server that did nothing but this.
    pub(crate) fn composed(&self) -> f64 {
        let rows = self.rows.per_core * cast(usage::cores());
        1.0 / (1.0 / self.exchanges_in.per_second + 1.0 / self.exchanges_out.per_second + 1.0 / rows)
    }

    /// What an event costs such a server on SQLite: its ends of the exchanges, and the rows. In microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        Some(f64::midpoint(self.exchanges_in.cpu_us, self.exchanges_out.cpu_us) + self.rows.cpu_us?)
    }
}

/// Measures it, with the rows in the kind of database that the server will use.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes, found: &mut Found) -> anyhow::Result<Section> {
    let exchanges_in = exchanges(false, sizes.events).await?;
    let exchanges_out = exchanges(true, sizes.events).await?;
    let rows = match bed.limit_database().await? {
        Some(url) => rows_in_postgres::measure(&url).await?,
        None => tokio::task::spawn_blocking(rows_in_sqlite::measure).await??,
    };
    let limit = Limit { exchanges_in, exchanges_out, rows };
    found.limit = Some(limit);
    Ok(section(&limit))
}

fn section(limit: &Limit) -> Section {
    let Limit { exchanges_in, exchanges_out, rows } = limit;
    let cores = usage::cores();
    let mut table = table(&["", "per second", "CPU µs each"]);
    let mut row = |name: String, per_second: Option<f64>, cpu_us: Option<f64>| {
        let cell = |value: Option<f64>| value.map_or(String::new(), number);
        table.add_row([name, cell(per_second), cell(cpu_us)]);
    };
    let mut exchange = |name: &str, of: &Exchanges| {
        row(format!("{name}, {CONNECTIONS} at a time"), Some(of.per_second), Some(of.cpu_us));
        row("  half of it: one end".into(), None, Some(of.cpu_us / 2.0));
    };
    exchange("in: posts of an order over http", exchanges_in);
    exchange("out: the same over https", exchanges_out);
    row(
        format!("store: events whose rows one connection writes, {BATCH} a commit"),
        Some(rows.per_core),
        rows.cpu_us,
    );
    if let Some(together) = rows.together {
        row(format!("  over {} connections", rows_in_postgres::WRITERS), Some(together), None);
    }
    row(format!("L = 1 / (1/in + 1/out + 1/({cores} × store))"), Some(limit.composed()), None);
    if let Some(cpu_us) = limit.cpu_us() {
        row("CPU of an event at the least: half in + half out + store".into(), None, Some(cpu_us));
    }
    let json = json!({
        "in_per_second": exchanges_in.per_second,
        "out_per_second": exchanges_out.per_second,
        "store_per_second_per_core": rows.per_core,
        "store_per_second_together": rows.together,
        "composed_per_second": limit.composed(),
        "half_in_cpu_us": exchanges_in.cpu_us / 2.0,
        "half_out_cpu_us": exchanges_out.cpu_us / 2.0,
        "store_cpu_us": rows.cpu_us,
        "event_cpu_us": limit.cpu_us(),
    });
    let title = "Limit of this machine".into();
    Section { name: "limit", title, table, json, goals: Vec::new(), tally: Tally::default() }
}

/// Exchanges between 64 clients and a sink.
async fn exchanges(with_tls: bool, posts: usize) -> anyhow::Result<Exchanges> {
    let sink = Receiver::start(with_tls)?;
    let authority = with_tls.then_some(&sink.authority);
    exchange(sink.address, authority, WARM_UP_POSTS).await?;
    let (began_at, cpu) = (Instant::now(), usage::own_cpu());
    exchange(sink.address, authority, posts).await?;
    let used = usage::own_cpu().saturating_sub(cpu);
    let each = cast(posts);
    let per_second = each / began_at.elapsed().as_secs_f64();
    Ok(Exchanges { per_second, cpu_us: used.as_secs_f64() * 1e6 / each })
}

async fn exchange(address: SocketAddr, authority: Option<&Authority>, posts: usize) -> anyhow::Result<()> {
    let body = Bytes::from(ORDER.as_str());
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
