//! `bocau publish`: events from a file or standard input, of any length, to a server.
//!
//! [`input`] reads JSON values one after the other on a thread of its own and gathers them into batches,
//! [`client`] sends a batch and understands the answer. At most a few batches are in memory, and they do not
//! depend on timing: the same input makes the same requests, so that a repeated `--idempotency-key` finds them
//! again.

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
use client::{Client, Failure, Problem};
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
    block_on(async move {
        let clock: Arc<dyn EngineClock> = Arc::new(SystemClock::new());
        let client = Client::new(&args.url, &args.store, &args.api_key, clock)?;
        publish(source, shape, &client, args.idempotency_key).await
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

async fn publish(source: Source, shape: Shape, client: &Client, key: Option<String>) -> anyhow::Result<()> {
    let (batches, mut read) = mpsc::channel::<Result<Batch, InputError>>(BATCHES_AHEAD);
    let bytes = source.bytes;
    // Not awaited: where sending fails, the thread may hang in a read of standard input for ever.
    let _reading = tokio::task::spawn_blocking(move || input::read(source.reader, &shape, &batches));
    let mut sent = Sent::default();
    let mut bar = None;
    while let Some(batch) = read.recv().await {
        let result = match batch {
            Ok(batch) => {
                let bar = (sent.requests > 0).then(|| bar.get_or_insert_with(|| progress_bar(bytes)));
                let result = send(&batch, client, key.as_deref(), &mut sent, bar.as_deref()).await;
                if let Some(bar) = bar {
                    advance(bar, &batch, bytes, sent);
                }
                result
            }
            Err(error) => Err(anyhow!("{error}")),
        };
        if let Err(error) = result {
            clear(bar.as_ref());
            bail!("{error}\n{}", so_far(sent));
        }
    }
    clear(bar.as_ref());
    if sent.events == 0 {
        bail!("the input has no JSON value in it; nothing was sent");
    }
    tell(&sent.summary());
    Ok(())
}

fn so_far(sent: Sent) -> String {
    if sent.events == 0 {
        "Nothing was published.".to_owned()
    } else {
        format!("Before that: {}.", sent.summary())
    }
}

async fn send(
    batch: &Batch,
    client: &Client,
    key: Option<&str>,
    sent: &mut Sent,
    bar: Option<&ProgressBar>,
) -> anyhow::Result<()> {
    let number = sent.requests + 1;
    let key = key.map(|key| if number == 1 { key.to_owned() } else { format!("{key}-{number}") });
    let waiting = |text: String| match bar {
        Some(bar) => bar.println(text),
        None => tell(&text),
    };
    let published =
        client.publish(batch, key.as_deref(), waiting).await.map_err(|failure| match failure {
            Failure::Refused(problem) => anyhow!(told(&problem, batch)),
            Failure::Unreachable(text) => anyhow!("{text}"),
        })?;
    sent.requests += 1;
    for event in published {
        sent.events += 1;
        sent.deliveries += u64::from(event.delivery_count);
        sent.duplicates += u64::from(event.duplicate);
    }
    Ok(())
}

/// The server's problem, each pointer with the value of the input that it means.
fn told(problem: &Problem, batch: &Batch) -> String {
    let mut first = format!("the server refused ({}): {}", problem.status, problem.title);
    if !problem.detail.is_empty() {
        first.push_str(": ");
        first.push_str(&problem.detail);
    }
    let mut lines = vec![first];
    lines.extend(problem.errors.iter().map(|error| {
        let (index, field) = split_pointer(&error.pointer);
        let place = batch.items.get(index).map_or_else(String::new, |item| format!("{}: ", item.place));
        format!("  {place}{field}: {}", error.detail)
    }));
    if problem.errors.is_empty() {
        lines.push(match batch.items.as_slice() {
            [only] => format!("  in the request with {}", only.place),
            [first, .., last] => format!("  in the request with {} to {}", first.place, last.place),
            [] => String::new(),
        });
    }
    lines.join("\n")
}

/// `/events/17/payload` means `/payload` of the batch's eighteenth event; without a batch it is the only one.
fn split_pointer(pointer: &str) -> (usize, &str) {
    let within = || {
        let (index, field) = pointer.strip_prefix("/events/")?.split_once('/').map_or_else(
            || Some((pointer.strip_prefix("/events/")?, "")),
            |(index, _)| Some((index, &pointer["/events/".len() + index.len()..])),
        )?;
        Some((index.parse().ok()?, field))
    };
    within().unwrap_or((0, pointer))
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
    fn a_pointer_into_a_batch_names_the_event_and_the_rest() {
        assert_eq!(split_pointer("/events/17/payload"), (17, "/payload"));
        assert_eq!(split_pointer("/events/3/payload/a"), (3, "/payload/a"));
        assert_eq!(split_pointer("/events/3"), (3, ""));
        assert_eq!(split_pointer("/object_id"), (0, "/object_id"));
        assert_eq!(split_pointer("/events"), (0, "/events"));
    }

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
