//! JSON values out of a stream, each with its place, gathered into batches.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use bocau_domain::limits::{BATCH_EVENTS_MAX, EVENT_REQUEST_BYTES_MAX};
use bocau_domain::{EventType, ObjectId};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// Bytes of the events of a batch: under the server's 8 MiB, with room for what stands around them.
const BATCH_BYTES_MAX: usize = 7 * 1024 * 1024;
/// Bytes of a value and the space before it; what is longer is no event, and is not gathered in memory.
const VALUE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What a value of the input is.
pub(super) enum Shape {
    /// An event as the API takes it.
    Events,
    /// A payload.
    Payloads {
        /// The type of the events.
        event_type: EventType,
        /// Where their object ids are.
        object: ObjectSource,
    },
}

/// Where a payload's object id is.
pub(super) enum ObjectSource {
    /// The same for all.
    Id(ObjectId),
    /// In this field of it.
    Field(String),
}

/// Where a value stands; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    value: u64,
    line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value {} (line {})", self.value, self.line)
    }
}

/// One event as it is sent.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it stood.
    pub place: Place,
    /// Its JSON.
    pub json: String,
}

/// Events that are sent together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In the order of the input.
    pub items: Vec<Item>,
    /// Bytes of the input up to the end of the last.
    pub end: u64,
    bytes: usize,
}

/// Why the input cannot be read on.
#[derive(Debug)]
pub(super) struct InputError(String);

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads to the end of the input, to the first value that is no event, or until nobody takes the batches.
/// What was gathered before such a value is handed on first.
pub(super) fn read(input: impl Read, shape: &Shape, batches: &mpsc::Sender<Result<Batch, InputError>>) {
    let mut batch = Batch::default();
    let mut is_wanted = true;
    let mut failed = None;
    for_each_value(input, |value| {
        let (item, end) =
            value.and_then(|value| Ok((item(&value, shape)?, value.end))).unwrap_or_else(|error| {
                failed = Some(error);
                (None, 0)
            });
        let Some(item) = item else { return false };
        let is_full =
            batch.items.len() == BATCH_EVENTS_MAX || batch.bytes + item.json.len() > BATCH_BYTES_MAX;
        if is_full && !batch.items.is_empty() {
            is_wanted = batches.blocking_send(Ok(std::mem::take(&mut batch))).is_ok();
        }
        batch.bytes += item.json.len() + 1;
        batch.end = end;
        batch.items.push(item);
        is_wanted
    });
    if is_wanted && !batch.items.is_empty() {
        is_wanted = batches.blocking_send(Ok(batch)).is_ok();
    }
    if is_wanted && let Some(error) = failed {
        // Nobody to tell is nobody to tell.
        drop(batches.blocking_send(Err(error)));
    }
}

/// A value of the input.
struct RawItem {
    json: Box<RawValue>,
    place: Place,
    /// Where it ends.
    end: u64,
}

/// Hands each value over until there is none, one is broken, or `take` has enough.
fn for_each_value(input: impl Read, mut take: impl FnMut(Result<RawItem, InputError>) -> bool) {
    let lines = Rc::new(RefCell::new(Lines::default()));
    let counted = Counted { inner: input, lines: lines.clone() };
    let mut values = serde_json::Deserializer::from_reader(counted).into_iter::<Box<RawValue>>();
    let mut count = 0;
    while let Some(value) = values.next() {
        count += 1;
        let end = values.byte_offset() as u64;
        let value =
            value.map_err(|error| InputError(format!("value {count} of the input is no JSON: {error}")));
        let value = value.map(|json| {
            let line = lines.borrow_mut().line_at(end.saturating_sub(json.get().len() as u64));
            lines.borrow_mut().value_ended(end);
            RawItem { json, place: Place { value: count, line }, end }
        });
        let is_broken = value.is_err();
        if !take(value) || is_broken {
            break;
        }
    }
}

/// The event that a value stands for.
fn item(value: &RawItem, shape: &Shape) -> Result<Option<Item>, InputError> {
    let place = value.place;
    let refused = |problem: String| InputError(format!("{place} {problem}"));
    let json = value.json.get();
    if json.starts_with('[') {
        return Err(refused(
            "is an array; give its elements one after the other (jq -c '.[]' does that)".into(),
        ));
    }
    if !json.starts_with('{') {
        return Err(refused("is not a JSON object".into()));
    }
    let json = match shape {
        Shape::Events => json.to_owned(),
        Shape::Payloads { event_type, object } => {
            let object_id = match object {
                ObjectSource::Id(id) => id.clone(),
                ObjectSource::Field(field) => object_id(json, field).map_err(refused)?,
            };
            let object_id = serde_json::Value::from(object_id.as_str());
            // The payload goes in as it came: every byte of it is the receiver's.
            format!(r#"{{"type":"{event_type}","object_id":{object_id},"payload":{json}}}"#)
        }
    };
    if json.len() > EVENT_REQUEST_BYTES_MAX {
        return Err(refused(format!("has {} bytes; an event has at most 512 KiB", json.len())));
    }
    Ok(Some(Item { place, json }))
}

/// The object id in a field of a payload: a text, or an integer as it is written.
fn object_id(payload: &str, field: &str) -> Result<ObjectId, String> {
    let fields: HashMap<String, &RawValue> =
        serde_json::from_str(payload).map_err(|error| format!("is not a JSON object: {error}"))?;
    let value = fields.get(field).ok_or_else(|| format!("has no field {field:?} for its object id"))?.get();
    let is_integer = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let text = if is_integer { Some(value.to_owned()) } else { serde_json::from_str::<String>(value).ok() };
    text.ok_or_else(|| format!("has neither a text nor a whole number in its field {field:?}"))?
        .parse()
        .map_err(|error| format!("has no object id in its field {field:?}: {error}"))
}

/// Where the lines end that no value has passed yet.
#[derive(Default)]
struct Lines {
    read: u64,
    breaks: VecDeque<u64>,
    passed: u64,
    /// Where the last value ended.
    value_end: u64,
}

impl Lines {
    /// The line of a byte; never asked for one before the last.
    fn line_at(&mut self, offset: u64) -> u64 {
        while self.breaks.front().is_some_and(|line_break| *line_break < offset) {
            self.breaks.pop_front();
            self.passed += 1;
        }
        self.passed + 1
    }

    fn value_ended(&mut self, at: u64) {
        self.value_end = at;
    }
}

/// Notes the line breaks of what is read, and ends a value that has no end.
struct Counted<R> {
    inner: R,
    lines: Rc<RefCell<Lines>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut lines = self.lines.borrow_mut();
        let start = lines.read;
        lines.read += count as u64;
        let breaks = buffer[..count].iter().zip(start..).filter(|(byte, _)| **byte == b'\n');
        lines.breaks.extend(breaks.map(|(_, offset)| offset));
        if lines.read - lines.value_end > VALUE_BYTES_MAX {
            let text = format!("a value is longer than {} MiB", VALUE_BYTES_MAX / 1024 / 1024);
            return Err(io::Error::other(text));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(object: ObjectSource) -> Shape {
        Shape::Payloads { event_type: "order.created".parse().expect("a type"), object }
    }

    /// What is sent, and how it ended.
    fn all(input: &str, shape: &Shape) -> (Vec<Batch>, Option<String>) {
        let (sender, mut receiver) = mpsc::channel(64);
        read(input.as_bytes(), shape, &sender);
        drop(sender);
        let (mut batches, mut error) = (Vec::new(), None);
        while let Ok(next) = receiver.try_recv() {
            match next {
                Ok(batch) => batches.push(batch),
                Err(failed) => error = Some(failed.to_string()),
            }
        }
        (batches, error)
    }

    #[test]
    fn values_are_read_on_lines_one_after_the_other_and_over_many_lines() {
        let (batches, error) = all("{\"a\":1}{\"b\":\n2}\n\n{\"c\":3}\n", &Shape::Events);
        let items: Vec<_> =
            batches[0].items.iter().map(|item| (item.json.as_str(), item.place.line)).collect();
        assert_eq!(items, [("{\"a\":1}", 1), ("{\"b\":\n2}", 1), ("{\"c\":3}", 4)]);
        assert_eq!(error, None);
    }

    #[test]
    fn a_payload_keeps_every_byte_and_gives_its_object_id() {
        let payload = "{ \"id\" : 208610 ,\"total\":1.50,\"name\":\"\\u0110\", \"x\":1e2 }";
        let (batches, error) = all(payload, &payloads(ObjectSource::Field("id".into())));
        assert_eq!(error, None);
        let expected =
            format!("{{\"type\":\"order.created\",\"object_id\":\"208610\",\"payload\":{payload}}}");
        assert_eq!(batches[0].items[0].json, expected);
        let (batches, _) = all("{\"code\":\"DH-1\"}", &payloads(ObjectSource::Field("code".into())));
        assert!(batches[0].items[0].json.contains(r#""object_id":"DH-1""#));
        let (batches, _) = all("{}", &payloads(ObjectSource::Id("7".parse().expect("an id"))));
        assert!(batches[0].items[0].json.contains(r#""object_id":"7""#));
    }

    #[test]
    fn what_is_no_event_is_named_with_its_line_and_what_came_before_is_sent() {
        let field = || payloads(ObjectSource::Field("id".into()));
        for (input, problem) in [
            ("{\"id\":1}\n{\"no\":1}", "value 2 (line 2) has no field \"id\""),
            ("{\"id\":1}\n{\"id\":1.5}", "value 2 (line 2) has neither a text nor a whole number"),
            ("{\"id\":1}\n\n{\"id\":\"a b\"}", "value 2 (line 3) has no object id"),
            ("{\"id\":1}\n[1]", "value 2 (line 2) is an array"),
            ("{\"id\":1}\n17 ", "value 2 (line 2) is not a JSON object"),
            ("{\"id\":1}\n{\"id\":", "value 2 of the input is no JSON: EOF"),
            ("{\"id\":1}\n{\"id\":x}", "value 2 of the input is no JSON: expected value at line 2"),
        ] {
            let (batches, error) = all(input, &field());
            assert_eq!(batches[0].items.len(), 1, "{input}");
            let error = error.expect("an error");
            assert!(error.starts_with(problem), "{input}: {error}");
        }
    }

    #[test]
    fn batches_end_at_500_events_or_7_mib() {
        let (batches, _) = all(&"{\"id\":1}\n".repeat(1_201), &Shape::Events);
        let sizes: Vec<_> = batches.iter().map(|batch| batch.items.len()).collect();
        assert_eq!(sizes, [500, 500, 201]);
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(500 * 1024));
        let (batches, error) = all(&large.repeat(16), &Shape::Events);
        assert_eq!(error, None);
        let sizes: Vec<_> = batches.iter().map(|batch| batch.items.len()).collect();
        assert_eq!(sizes, [14, 2]);
    }

    #[test]
    fn a_value_without_an_end_is_given_up() {
        let endless = io::repeat(b'x').take(u64::MAX);
        let input = io::Cursor::new("{\"id\":\"").chain(endless);
        let (sender, mut receiver) = mpsc::channel(4);
        read(input, &Shape::Events, &sender);
        let error = receiver.try_recv().expect("an answer").expect_err("an error").to_string();
        assert!(error.contains("longer than 8 MiB"), "{error}");
    }

    #[test]
    fn too_large_an_event_is_refused_before_it_is_sent() {
        let (_, error) = all(&format!("{{\"id\":\"{}\"}}", "x".repeat(600 * 1024)), &Shape::Events);
        assert!(error.expect("an error").contains("at most 512 KiB"));
    }
}
