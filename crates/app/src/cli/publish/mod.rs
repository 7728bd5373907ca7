//! `bocau publish`: events from a file or standard input, of any length, to a server.
//!
//! [`input`] reads JSON values one after the other on a thread of its own and gathers them into batches,
//! [`client`] sends a batch and understands the answer, and [`advice`] tells how a run goes on that broke off.
//! At most a few batches are in memory, and they do not
//! depend on timing: the same input makes the same requests, so that a repeated `--idempotency-key` finds them
//! again.

mod advice;
mod client;
mod input;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use bocau_domain::limits::IDEMPOTENCY_KEY_LENGTH_MAX;
use bocau_domain::{EventType, ObjectId, StoreId};
use bocau_engine::{EngineClock, SystemClock};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::{block_on, tell};
use advice::{Run, Stop};
use client::{Client, Failure};
use input::{Batch, InputError, ObjectSource, Shape};

/// Batches that are read ahead while one is being sent.
const BATCHES_AHEAD: usize = 2;
/// What follows the key of all requests but the first: a dash and the request's number.
const KEY_SUFFIX_LENGTH_MAX: usize = 21;
/// What stands for standard input.
const STDIN: &str = "-";

/// What `--help` says beneath the list of flags.
const SHAPES: &str = "\
Without --type each value of the input is an event as the API takes it:
  {\"type\": \"order.created\", \"object_id\": \"208610\", \"payload\": {…}}
With --type each value is a payload, which is sent byte for byte:
  bocau publish --store 552 --type order.created orders.ndjson
One value makes one request; more are sent in batches of up to 500.";

#[derive(Debug, Args)]
#[command(after_help = SHAPES)]
pub(crate) struct PublishArgs {
    /// The store whose events they are
    #[arg(long, value_name = "ID")]
    store: StoreId,
    /// The server
    #[arg(long, env = "BOCAU_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key with the scope publish
    #[arg(long, env = "BOCAU_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: SecretString,
    /// Each value is the payload of an event of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<EventType>,
    /// The object that the payload is about
    #[arg(long, value_name = "ID", requires = "event_type", conflicts_with = "object_id_field")]
    object_id: Option<ObjectId>,
    /// The field of each payload that has the object's id, a string or a number
    #[arg(long, value_name = "FIELD", requires = "event_type", default_value = "id")]
    object_id_field: String,
    /// Makes a repeated run with the same input harmless for 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A file of one JSON value, one on each line, or one after the other; - is standard input
    #[arg(default_value = STDIN)]
    file: PathBuf,
}

pub(super) fn run(args: PublishArgs) -> anyhow::Result<()> {
    let shape = match (args.event_type, args.object_id) {
        (None, _) => Shape::Events,
        (Some(event_type), Some(id)) => Shape::Payloads { event_type, object: ObjectSource::Id(id) },
        (Some(event_type), None) => {
            Shape::Payloads { event_type, object: ObjectSource::Field(args.object_id_field) }
        }
    };
    if let Some(key) = &args.idempotency_key {
        let max = IDEMPOTENCY_KEY_LENGTH_MAX - KEY_SUFFIX_LENGTH_MAX;
        if key.is_empty() || key.len() > max || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("--idempotency-key is 1 to {max} printable ASCII characters without spaces");
        }
    }
    let source = open(&args.file)?;
    let run = Run { key: args.idempotency_key, file: (args.file != Path::new(STDIN)).then_some(args.file) };
    block_on(async move {
        let clock: Arc<dyn EngineClock> = Arc::new(SystemClock::new());
        let client = Client::new(&args.url, &args.store, &args.api_key, clock)?;
        publish(source, shape, &client, &run).await
    })
}

/// What is read, and how long it is where that is known.
struct Source {
    reader: Box<dyn Read + Send>,
    bytes: Option<u64>,
}

fn open(path: &Path) -> anyhow::Result<Source> {
    if path == Path::new(STDIN) {
        return Ok(Source { reader: Box::new(BufReader::new(std::io::stdin())), bytes: None });
    }
    let cannot = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(cannot)?;
    let metadata = file.metadata().with_context(cannot)?;
    if metadata.is_dir() {
        bail!("{} is a directory; give a file, or {STDIN} for standard input", path.display());
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    Ok(Source { reader: Box::new(BufReader::new(file)), bytes })
}

/// What has been sent so far.
#[derive(Debug, Default, Clone, Copy)]
struct Sent {
    requests: u64,
    events: u64,
    deliveries: u64,
    duplicates: u64,
}

impl Sent {
    fn summary(&self) -> String {
        let duplicates = match self.duplicates {
            0 => String::new(),
            count => format!(", of which {count} had been published before"),
        };
        let untaken = if self.deliveries == 0 { ": no webhook of the store takes them" } else { "" };
        let (events, deliveries) = (counted(self.events, "event"), deliveries(self.deliveries));
        format!("{events} published, {deliveries} to be made{untaken}{duplicates}")
    }
}

fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn deliveries(count: u64) -> String {
    format!("{count} {}", if count == 1 { "delivery" } else { "deliveries" })
}

async fn publish(source: Source, shape: Shape, client: &Client, run: &Run) -> anyhow::Result<()> {
    let (batches, mut read) = mpsc::channel::<Result<Batch, InputError>>(BATCHES_AHEAD);
    let bytes = source.bytes;
    // Not awaited: where sending fails, the thread may hang in a read of standard input for ever.
    let _reading = tokio::task::spawn_blocking(move || input::read(source.reader, &shape, &batches));
    let mut sent = Sent::default();
    let mut bar = None;
    while let Some(batch) = read.recv().await {
        let stop = match batch {
            Ok(batch) => {
                let bar = (sent.requests > 0).then(|| bar.get_or_insert_with(|| progress_bar(bytes)));
                match send(&batch, client, run, &mut sent, bar.as_deref()).await {
                    Ok(()) => {
                        if let Some(bar) = bar {
                            advance(bar, &batch, bytes, sent);
                        }
                        continue;
                    }
                    Err(failure) => Stop::sending(failure, batch),
                }
            }
            Err(error) => Stop::Input(error),
        };
        clear(bar.as_ref());
        return Err(anyhow!(advice::told(&stop, run, sent)));
    }
    clear(bar.as_ref());
    if sent.events == 0 {
        bail!("the input has no JSON value in it; nothing was sent");
    }
    tell(&sent.summary());
    Ok(())
}

async fn send(
    batch: &Batch,
    client: &Client,
    run: &Run,
    sent: &mut Sent,
    bar: Option<&ProgressBar>,
) -> Result<(), Failure> {
    let waiting = |text: String| match bar {
        Some(bar) => bar.println(text),
        None => tell(&text),
    };
    let published = client.publish(batch, run.key_of(sent.requests + 1).as_deref(), waiting).await?;
    sent.requests += 1;
    for event in published {
        sent.events += 1;
        sent.deliveries += u64::from(event.delivery_count);
        sent.duplicates += u64::from(event.duplicate);
    }
    Ok(())
}

/// On standard error, and only where that is a terminal.
fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{wide_bar} {percent}%, {msg}, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}, {elapsed}"),
    };
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()),
    )
}

fn advance(bar: &ProgressBar, batch: &Batch, bytes: Option<u64>, sent: Sent) {
    bar.set_message(counted(sent.events, "event"));
    if bytes.is_some() {
        bar.set_position(batch.end);
    } else {
        bar.tick();
    }
}

fn clear(bar: Option<&ProgressBar>) {
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        let sent = Sent { requests: 1, events: 1, deliveries: 1, duplicates: 0 };
        assert_eq!(sent.summary(), "1 event published, 1 delivery to be made");
        let sent = Sent { deliveries: 0, ..sent };
        assert_eq!(
            sent.summary(),
            "1 event published, 0 deliveries to be made: no webhook of the store takes them"
        );
        let sent = Sent { events: 700, deliveries: 1400, duplicates: 200, requests: 2 };
        assert_eq!(
            sent.summary(),
            "700 events published, 1400 deliveries to be made, of which 200 had been published before"
        );
    }
}
