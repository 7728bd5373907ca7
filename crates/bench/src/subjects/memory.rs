//! What the server takes up when much waits.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::{Sizes, cast};
use crate::bed::Bed;
use crate::database::connect;
use crate::load::{self, Load};
use crate::program::{Program, STORE, WIDE};
use crate::receiver::Receiver;
use crate::report::{Bound, Goal, Section, Tally, mebibytes, number, table};
use crate::usage;

/// Events of a request.
const BATCH: usize = 100;
/// How long the server goes on with what waits before its memory is read.
const SETTLING: Duration = Duration::from_secs(15);
const MEMORY_MAX_MIB: f64 = 300.0;
const WAITING: &str = "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying')";

/// Publishes to a webhook whose receiver is down, and starts the server once more on what waits.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes) -> anyhow::Result<Section> {
    let receiver = Receiver::start(true)?;
    receiver.go_down();
    let mut program = bed.serve(&receiver, &[WIDE]).await?;
    let webhook = json!({"url": receiver.url(0), "events": ["*"], "retry_interval_seconds": 86_400});
    program.make_webhook(STORE, &webhook).await?;
    let published = load::publish(program.address, Load::orders(sizes.waiting, BATCH)).await?;
    let promised = published.requests.len() * BATCH;
    let published_per_second = cast(promised) / (published.ended_at - published.began_at).as_secs_f64();
    tokio::time::sleep(SETTLING).await;
    let peak = usage::peak_memory(program.pid());
    let bytes_on_disk = bed.bytes_on_disk(&program).await?;
    program.stop().await?;
    let waiting = waiting(&program).await?;
    program.start_again()?;
    tokio::time::sleep(SETTLING).await;
    let peak_after_start = usage::peak_memory(program.pid());

    let mut table = table(&["", ""]);
    table.add_row(["deliveries that wait", &waiting.to_string()]);
    table.add_row(["events/s taken in", &number(published_per_second)]);
    table.add_row(["database on the disk", &mebibytes(bytes_on_disk)]);
    table.add_row(["peak memory of the server", &mebibytes(peak)]);
    table.add_row(["peak memory after a start with all that waiting", &mebibytes(peak_after_start)]);
    let goal = |name: &str, bytes: u64| Goal {
        name: format!("{name} with {waiting} deliveries waiting"),
        measured: mebibytes_of(bytes),
        bound: Bound::AtMost(MEMORY_MAX_MIB),
        unit: "MiB",
    };
    Ok(Section {
        name: "memory",
        title: format!("Memory: {promised} deliveries to a receiver that is down"),
        table,
        json: json!({
            "waiting": waiting,
            "published_per_second": published_per_second,
            "disk_bytes": bytes_on_disk,
            "peak_memory_bytes": peak,
            "peak_memory_after_start_bytes": peak_after_start,
        }),
        goals: vec![goal("peak memory", peak), goal("peak memory after a start", peak_after_start)],
        // Nothing is to arrive; what does not wait is lost.
        tally: Tally { promised, losses: promised.saturating_sub(waiting), repeats: 0 },
    })
}

/// Deliveries that wait, as the rows of a server that has stopped say.
async fn waiting(program: &Program) -> anyhow::Result<usize> {
    let count: i64 = match &program.postgres {
        Some(url) => connect(url).await?.query_one(WAITING, &[]).await?.get(0),
        None => {
            rusqlite::Connection::open(program.sqlite_file())?.query_row(WAITING, [], |row| row.get(0))?
        }
    };
    ensure!(count >= 0, "a count of rows");
    Ok(usize::try_from(count)?)
}

#[expect(clippy::cast_precision_loss, reason = "some hundred millions at most")]
fn mebibytes_of(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
