//! What is measured, one after the other.

mod end_to_end;
mod fan_out;
mod history;
mod isolation;
mod latency;
mod limit;
mod memory;
mod outage;

use std::time::Duration;

use clap::ValueEnum;

use crate::bed::Bed;
use crate::load::{self, Load};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::report::Report;
use end_to_end::EndToEnd;
use limit::Limit;

/// Events that go through before anything is measured: plans, connections and caches are warm then.
const WARM_UP: usize = 4_000;
/// How long nothing new may arrive before what is missing counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// What the machine can do without us
    Limit,
    /// Events per second from the first post to the last arrival
    EndToEnd,
    /// From a request's scheduled time to its 202, and to its arrival
    Latency,
    /// What a webhook that hangs takes from others
    Isolation,
    /// One event to many webhooks
    FanOut,
    /// A receiver that is down for a while, and how long it takes to catch up
    Outage,
    /// End to end with a history, against an empty database
    History,
    /// What much that waits takes up
    Memory,
}

impl Subject {
    /// What is measured where nothing was chosen.
    const USUAL: [Self; 6] =
        [Self::Limit, Self::EndToEnd, Self::Latency, Self::Isolation, Self::FanOut, Self::Outage];
}

/// How much of each.
#[derive(Debug, clap::Args)]
pub(crate) struct Sizes {
    /// limit, end-to-end: events of each run
    #[arg(long, default_value_t = 40_000)]
    events: usize,
    /// latency, isolation: how long the schedule of each run goes
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,
    /// latency: requests in a second of the first run; the second goes at half of what end-to-end reached
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// isolation: deliveries that wait for the webhook that hangs
    #[arg(long, default_value_t = 100_000)]
    hanging: usize,
    /// fan-out: events
    #[arg(long, default_value_t = 5_000)]
    fan_out_events: usize,
    /// fan-out: webhooks that want each of them
    #[arg(long, default_value_t = 20)]
    fan_out_webhooks: u16,
    /// outage: how long the receiver is down
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    outage_seconds: u64,
    /// history: old deliveries
    #[arg(long, value_name = "DELIVERIES", default_value_t = 5_000_000)]
    history: usize,
    /// history: how often each is measured, by turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// memory: deliveries that wait
    #[arg(long, default_value_t = 1_000_000)]
    waiting: usize,
}

impl Sizes {
    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What earlier subjects have found, for later ones.
#[derive(Default)]
struct Found {
    limit: Option<Limit>,
    one_at_a_time: Option<EndToEnd>,
}

/// Measures what was chosen.
pub(crate) async fn run(bed: &Bed, chosen: &[Subject], sizes: &Sizes) -> anyhow::Result<Report> {
    let chosen = if chosen.is_empty() { &Subject::USUAL } else { chosen };
    let mut report = Report::new(bed.is_postgres());
    let mut found = Found::default();
    for subject in Subject::value_variants().iter().filter(|subject| chosen.contains(subject)) {
        report.add(match subject {
            Subject::Limit => limit::measure(bed, sizes, &mut found).await?,
            Subject::EndToEnd => end_to_end::measure(bed, sizes, &mut found).await?,
            Subject::Latency => latency::measure(bed, sizes, &mut found).await?,
            Subject::Isolation => isolation::measure(bed, sizes).await?,
            Subject::FanOut => fan_out::measure(bed, sizes).await?,
            Subject::Outage => outage::measure(bed, sizes).await?,
            Subject::History => history::measure(bed, sizes).await?,
            Subject::Memory => memory::measure(bed, sizes).await?,
        });
    }
    Ok(report)
}

/// Sends enough through that what comes next finds everything warm, and forgets it.
async fn warm_up(program: &Program, receiver: &Receiver, webhooks: usize) -> anyhow::Result<()> {
    let events = WARM_UP / webhooks;
    load::publish(program.address, Load::orders(events, 1)).await?;
    receiver.arrivals.expect_all(events * webhooks, PATIENCE).await
}

#[expect(clippy::cast_precision_loss, reason = "a count that is far below 2^52")]
pub(crate) fn cast(count: usize) -> f64 {
    count as f64
}
