//! One event that many webhooks want.

use serde_json::json;

use super::{PATIENCE, Sizes, cast, warm_up};
use crate::bed::Bed;
use crate::load::{self, Load};
use crate::program::STORE;
use crate::receiver::Receiver;
use crate::report::{Section, Tally, mebibytes, number, table};
use crate::usage;

/// Publishes one at a time until every webhook has everything.
pub(super) async fn measure(bed: &Bed, sizes: &Sizes) -> anyhow::Result<Section> {
    let webhooks = sizes.fan_out_webhooks;
    let receiver = Receiver::start(true)?;
    let program = bed.serve(&receiver, &[]).await?;
    for number in 0..usize::from(webhooks) {
        program.make_webhook(STORE, &json!({"url": receiver.url(number), "events": ["*"]})).await?;
    }
    warm_up(&program, &receiver, webhooks.into()).await?;
    let cpu = usage::cpu(program.pid());
    let published = load::publish(program.address, Load::orders(sizes.fan_out_events, 1)).await?;
    let promised = published.requests.len() * usize::from(webhooks);
    let arrived = receiver.arrivals.take_all(promised, PATIENCE).await;
    let used = usage::cpu(program.pid()).saturating_sub(cpu);
    let losses = arrived.lost(&published.events()?, webhooks);
    let tally = Tally { promised, losses, repeats: arrived.repeats };
    let span = arrived.last_at.unwrap_or(published.ended_at) - published.began_at;
    let per_second = cast(promised - losses) / span.as_secs_f64();
    let cpu_us = used.as_secs_f64() * 1e6 / cast(promised);
    let peak_memory = usage::peak_memory(program.pid());

    let mut table = table(&["", ""]);
    table.add_row(["deliveries/s, to the last arrival", &number(per_second)]);
    table.add_row(["server CPU µs per delivery", &number(cpu_us)]);
    table.add_row(["peak memory of the server", &mebibytes(peak_memory)]);
    Ok(Section {
        name: "fan_out",
        title: format!("Fan-out: {} events to {webhooks} webhooks each", published.requests.len()),
        table,
        json: json!({
            "events": published.requests.len(),
            "webhooks": webhooks,
            "deliveries_per_second": per_second,
            "server_cpu_us_per_delivery": cpu_us,
            "peak_memory_bytes": peak_memory,
        }),
        goals: Vec::new(),
        tally,
    })
}
