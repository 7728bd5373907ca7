//! Events end to end beside a long history, against an empty database.

mod fill_postgres;
mod fill_sqlite;

use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;
use serde_json::json;

use super::Sizes;
use super::end_to_end::{self, BATCHES, EndToEnd};
use crate::bed::Bed;
use crate::order::{OLD_COUNT, OLD_FIRST};
use crate::program::{Program, STORE, WIDE};
use crate::receiver::Receiver;
use crate::report::{Bound, Goal, Section, Tally, mebibytes, number, table};

/// Stores that the history is about, that of the measured events first.
const STORES: usize = 10;
/// Days that the history goes back, up to the beginning of today (UTC).
const DAYS: i64 = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// What one old delivery with its event and its attempt takes up at the most, on either database.
const ROW_BYTES_MAX: u64 = 1_500;
/// The share of the rate on an empty database.
const SHARE_MIN: f64 = 0.9;

/// What old events carried: small, so that what is measured is the number of rows and not the size of the disk.
const PAYLOAD: &str = r#"{"id":208610,"status":"completed","total":350000}"#;
/// One of so many deliveries of the history has failed.
const FAILED_EVERY: u64 = 50;

/// Old deliveries: so many, with even spaces of time between.
#[derive(Clone, Copy)]
struct History {
    rows: i64,
    /// The first one's millisecond.
    begins_at: i64,
}

impl History {
    /// Ends with yesterday.
    fn until_today(rows: usize) -> anyhow::Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        let today = i64::try_from(now)?.div_euclid(DAY_MS);
        Ok(Self { rows: i64::try_from(rows)?, begins_at: (today - DAYS) * DAY_MS })
    }

    /// The first row of a day of it, or the end of all.
    fn first_of(&self, day: i64) -> i64 {
        (day * self.rows).div_euclid(DAYS) + i64::from((day * self.rows).rem_euclid(DAYS) > 0)
    }

    /// As SQL, the millisecond of row `n`.
    fn at(&self) -> String {
        format!("({} + n * {} / {})", self.begins_at, DAYS * DAY_MS, self.rows)
    }

    /// As SQL, the number of the object of row `n`.
    fn object(&self) -> String {
        format!("({OLD_FIRST} + n * {OLD_COUNT} / {})", self.rows)
    }
}

/// By turns, on an empty database and beside the history.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes) -> anyhow::Result<Section> {
    let history = History::until_today(sizes.history)?;
    let receiver = Receiver::start(true)?;
    let mut program = bed.serve_on_history(&receiver, &[WIDE]).await?;
    let began_at = Instant::now();
    fill(bed, &mut program, &receiver, history).await?;
    let filled_in = began_at.elapsed();
    let bytes = bed.bytes_on_disk(&program).await?;
    println!("{} old deliveries, {}, made in {:.0?}\n", sizes.history, mebibytes(bytes), filled_in);

    let mut pairs = Vec::new();
    let mut tally = Tally::default();
    for batch in BATCHES {
        let (mut empty, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..sizes.rounds.max(1) {
            empty.push(end_to_end::fresh(bed, sizes.events, batch).await?);
            beside.push(end_to_end::through(bed, &program, &receiver, sizes.events, batch).await?);
        }
        for run in empty.iter().chain(&beside) {
            tally += run.tally;
        }
        pairs.push((median(empty), median(beside)));
    }
    Ok(section(sizes, &pairs, filled_in, bytes, tally))
}

fn section(
    sizes: &Sizes,
    pairs: &[(EndToEnd, EndToEnd)],
    filled_in: Duration,
    bytes: u64,
    tally: Tally,
) -> Section {
    let mut table = table(&["events/s, to the last arrival", "empty", "with the history", "share"]);
    let mut goals = Vec::new();
    for (empty, beside) in pairs {
        let share = beside.events_per_second / empty.events_per_second;
        let rates = [empty, beside].map(|run| number(run.events_per_second));
        let [empty_rate, beside_rate] = rates;
        table.add_row([empty.name(), empty_rate, beside_rate, format!("{share:.2}")]);
        goals.push(Goal {
            name: format!("share of an empty database's rate, {}", empty.name()),
            measured: share,
            bound: Bound::AtLeast(SHARE_MIN),
            unit: "×",
        });
    }
    let runs = pairs.iter().map(|(empty, beside)| {
        let share = beside.events_per_second / empty.events_per_second;
        json!({"empty": empty.json(None), "with_history": beside.json(None), "share": share})
    });
    Section {
        name: "history",
        title: format!(
            "History: {} old deliveries of {DAYS} days (medians of {})",
            sizes.history, sizes.rounds
        ),
        table,
        json: json!({
            "deliveries": sizes.history,
            "disk_bytes": bytes,
            "fill_seconds": filled_in.as_secs_f64(),
            "runs": runs.collect::<Vec<_>>(),
        }),
        goals,
        tally,
    }
}

/// The run in the middle.
fn median(mut runs: Vec<EndToEnd>) -> EndToEnd {
    runs.sort_by(|one, other| one.events_per_second.total_cmp(&other.events_per_second));
    runs.swap_remove(runs.len() / 2)
}

/// Lets the server make its schema, stores and webhooks, and writes the history while it is away.
async fn fill(bed: &Bed, program: &mut Program, receiver: &Receiver, history: History) -> anyhow::Result<()> {
    let directory = bed.data_directory(program).to_owned();
    let stat = rustix::fs::statvfs(&directory)?;
    let (free, needed) = (stat.f_bavail * stat.f_frsize, history.rows.unsigned_abs() * ROW_BYTES_MAX);
    ensure!(
        free > needed,
        "{} has {} left, and the history may need {}",
        directory.display(),
        mebibytes(free),
        mebibytes(needed)
    );
    for number in 0..STORES {
        let store = if number == 0 { STORE.to_owned() } else { format!("{STORE}-{number}") };
        if number > 0 {
            program.make_store(&store).await?;
        }
        program.make_webhook(&store, &json!({"url": receiver.url(number), "events": ["*"]})).await?;
    }
    program.stop().await?;
    let rows = if let Some(url) = &program.postgres {
        fill_postgres::fill(url, history).await?
    } else {
        let file = program.sqlite_file();
        tokio::task::spawn_blocking(move || fill_sqlite::fill(&file, history)).await??
    };
    ensure!(rows == history.rows, "{rows} old deliveries in place of {}", history.rows);
    program.start_again()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_history_share_its_rows_without_a_gap() {
        for rows in [0, 1, 19, 20, 21, 5_000_000] {
            let history = History { rows, begins_at: 0 };
            assert_eq!((history.first_of(0), history.first_of(DAYS)), (0, rows));
            for day in 0..DAYS {
                for row in history.first_of(day)..history.first_of(day + 1).min(history.first_of(day) + 3) {
                    assert_eq!((row * DAYS * DAY_MS / rows).div_euclid(DAY_MS), day, "row {row} of {rows}");
                }
            }
        }
    }
}
