//! What a webhook that hangs, with much waiting for it, takes from others.

use serde_json::json;

use super::{PATIENCE, Sizes};
use crate::bed::Bed;
use crate::event_key;
use crate::load::{self, Load, Until};
use crate::open_loop::{self, Schedule};
use crate::order;
use crate::program::{Program, STORE};
use crate::receiver::Receiver;
use crate::report::{Bound, Goal, SPREAD_COLUMNS, Section, Tally, spread_row, table};
use crate::spread::Spread;
use crate::usage;

/// Webhooks that answer, each of a store of its own; the one that hangs is of the first store too.
const HEALTHY: u16 = 50;
/// Events in a second, to one of them after the other.
const RATE: f64 = 1_000.0;
/// What goes to the webhook that hangs, and to no other.
const HANGING_TYPE: &str = "customer.created";
const BATCH: usize = 100;
/// How many times as long an arrival may take beside it.
const RATIO_MAX: f64 = 2.0;

/// The same load without the webhook that hangs and with it, on one server.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes) -> anyhow::Result<Section> {
    let receiver = Receiver::start(true)?;
    // The defaults of the server, its limits in flight above all, are what keeps others apart.
    let program = bed.serve(&receiver, &[]).await?;
    for number in 0..HEALTHY {
        let store = store(number);
        if number > 0 {
            program.make_store(&store).await?;
        }
        let url = receiver.url(number.into());
        program.make_webhook(&store, &json!({"url": url, "events": ["order.*"]})).await?;
    }
    let schedule = Schedule { rate: RATE, span: sizes.span() };
    // The first tells only what the others find warm.
    run(&program, &receiver, Schedule { rate: RATE, span: sizes.span() / 4 }).await?;
    let (alone, mut tally) = run(&program, &receiver, schedule).await?;
    let hanging = json!({"url": receiver.hanging_url(), "events": ["customer.*"]});
    program.make_webhook(STORE, &hanging).await?;
    let until = Until::Events(sizes.hanging);
    load::publish(program.address, Load { event_type: HANGING_TYPE, batch: BATCH, until }).await?;
    let (beside, other) = run(&program, &receiver, schedule).await?;
    tally += other;
    let ratio = beside.p99.as_secs_f64() / alone.p99.as_secs_f64();

    let mut table = table(&[&["to the arrival"], &SPREAD_COLUMNS[..]].concat());
    table.add_row(spread_row("without", &alone));
    table.add_row(spread_row("beside the webhook that hangs", &beside));
    let bound = Bound::AtMost(RATIO_MAX);
    let name = "p99 of healthy webhooks beside one that hangs".into();
    let json = json!({
        "healthy_webhooks": HEALTHY,
        "per_second": RATE,
        "hanging_deliveries": sizes.hanging,
        "without": alone.json(),
        "beside": beside.json(),
        "p99_ratio": ratio,
        "peak_memory_bytes": usage::peak_memory(program.pid()),
    });
    Ok(Section {
        name: "isolation",
        title: format!(
            "Isolation: {HEALTHY} webhooks beside one that hangs, {} waiting for it",
            sizes.hanging
        ),
        table,
        json,
        goals: vec![Goal { name, measured: ratio, bound, unit: "×" }],
        tally,
    })
}

/// How long arrivals took, and what was lost.
async fn run(program: &Program, receiver: &Receiver, schedule: Schedule) -> anyhow::Result<(Spread, Tally)> {
    let request = |number: usize| order::request(&store(healthy(number)), "order.created", 1);
    let sent = open_loop::send(program.address, schedule, request).await?;
    let promised = sent.requests.len();
    let arrived = receiver.arrivals.take_all(promised, PATIENCE).await;
    let mut to_arrival = Vec::with_capacity(promised);
    for (number, request) in sent.requests.iter().enumerate() {
        for event in event_key::of_answer(&request.body)? {
            to_arrival.extend(arrived.at(event, healthy(number)).map(|at| at - request.asked_at));
        }
    }
    let tally = Tally { promised, losses: promised - to_arrival.len(), repeats: arrived.repeats };
    Ok((Spread::of(to_arrival), tally))
}

/// Which webhook a request is for.
fn healthy(request: usize) -> u16 {
    u16::try_from(request % usize::from(HEALTHY)).expect("less than there are webhooks")
}

/// The store of a webhook.
fn store(number: u16) -> String {
    if number == 0 { STORE.to_owned() } else { format!("{STORE}-{number}") }
}
