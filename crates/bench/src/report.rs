//! What was measured, for people and for programs.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::limit::Limit;

/// One run from publishing to arrival.
pub(crate) struct EndToEnd {
    /// Events of one request.
    pub(crate) batch: usize,
    /// Events published.
    pub(crate) events: usize,
    /// From the first post to the last arrival.
    pub(crate) events_per_second: f64,
    /// From the first post to the last 202.
    pub(crate) published_per_second: f64,
    /// The server's processor time for one event, in microseconds.
    pub(crate) server_cpu_us: f64,
    /// The same of PostgreSQL.
    pub(crate) database_cpu_us: f64,
    /// PostgreSQL's log for one event.
    pub(crate) log_bytes: u64,
    /// What one event adds to the database.
    pub(crate) disk_bytes: u64,
    /// The server's memory at its most.
    pub(crate) peak_memory: u64,
    /// How long a request took to its 202.
    pub(crate) answered_p50: Duration,
    pub(crate) answered_p99: Duration,
    /// Arrivals of what had arrived.
    pub(crate) repeats: usize,
}

/// Prints the tables.
pub(crate) fn print(limit: &Limit, runs: &[EndToEnd], is_postgres: bool) {
    println!("{}\n", if is_postgres { "PostgreSQL" } else { "SQLite" });
    let mut table = table(&["limit of this machine", "per second", "CPU µs each"]);
    table.add_row([
        "in: posts over http, 64 at a time".to_owned(),
        number(limit.exchanges_in),
        number(limit.cpu_in),
    ]);
    table.add_row([
        "out: posts over https, 64 at a time".to_owned(),
        number(limit.exchanges_out),
        number(limit.cpu_out),
    ]);
    table.add_row(["rows: events written, 256 a commit".to_owned(), number(limit.rows), String::new()]);
    table.add_row(["L = 1 / (1/in + 1/out + 1/rows)".to_owned(), number(limit.composed()), String::new()]);
    println!("{table}\n");
    let mut columns = vec!["end to end".to_owned()];
    columns.extend(runs.iter().map(|run| match run.batch {
        1 => "one at a time".to_owned(),
        batch => format!("batches of {batch}"),
    }));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = self::table(&columns);
    let mut row = |name: &str, of: &dyn Fn(&EndToEnd) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(runs.iter().map(of));
        table.add_row(cells);
    };
    row("events", &|run| run.events.to_string());
    row("events/s, to the last arrival", &|run| number(run.events_per_second));
    row("  share of L", &|run| format!("{:.2}", run.events_per_second / limit.composed()));
    row("events/s, to the last 202", &|run| number(run.published_per_second));
    row("server CPU µs per event", &|run| number(run.server_cpu_us));
    if is_postgres {
        row("PostgreSQL CPU µs per event", &|run| number(run.database_cpu_us));
        row("log bytes per event", &|run| run.log_bytes.to_string());
    }
    row("bytes on disk per event", &|run| run.disk_bytes.to_string());
    row("request to 202, p50", &|run| millis(run.answered_p50));
    row("request to 202, p99", &|run| millis(run.answered_p99));
    row("peak memory of the server", &|run| format!("{} MiB", run.peak_memory / 1_048_576));
    row("repeats", &|run| run.repeats.to_string());
    println!("{table}");
}

/// The same for a program.
pub(crate) fn json(limit: &Limit, runs: &[EndToEnd], is_postgres: bool) -> String {
    let run = |run: &EndToEnd| {
        json!({
            "batch": run.batch,
            "events": run.events,
            "events_per_second": run.events_per_second,
            "share_of_limit": run.events_per_second / limit.composed(),
            "published_per_second": run.published_per_second,
            "server_cpu_us_per_event": run.server_cpu_us,
            "database_cpu_us_per_event": run.database_cpu_us,
            "log_bytes_per_event": run.log_bytes,
            "disk_bytes_per_event": run.disk_bytes,
            "peak_memory_bytes": run.peak_memory,
            "answered_p50_ms": run.answered_p50.as_secs_f64() * 1e3,
            "answered_p99_ms": run.answered_p99.as_secs_f64() * 1e3,
            "repeats": run.repeats,
        })
    };
    let all = json!({
        "database": if is_postgres { "postgres" } else { "sqlite" },
        "limit": {
            "in_per_second": limit.exchanges_in,
            "out_per_second": limit.exchanges_out,
            "rows_per_second": limit.rows,
            "composed_per_second": limit.composed(),
            "in_cpu_us": limit.cpu_in,
            "out_cpu_us": limit.cpu_out,
        },
        "end_to_end": runs.iter().map(run).collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    for place in 1..header.len() {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn number(value: f64) -> String {
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}
