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
    /// Its number among the values.
    pub value: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Whether no other value stands before it on that line.
    pub begins_line: bool,
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
pub(super) struct InputError {
    /// What is wrong with which value.
    pub problem: String,
    /// The first value that was not handed on; the one that is wrong, or one before it.
    pub from: Place,
}

/// What is wrong with the value at a place.
struct BadValue {
    place: Place,
    problem: String,
}

/// Reads to the end of the input, to the first value that is no event, or until nobody takes the batches.
///
/// A batch that such a value interrupts is not handed on: sent under its idempotency key, it would keep the
/// full batch, which the repaired input makes, from ever being taken in.
pub(super) fn read(input: impl Read, shape: &Shape, batches: &mpsc::Sender<Result<Batch, InputError>>) {
    let mut batch = Batch::default();
    let mut is_wanted = true;
    let mut failed = None;
    for_each_value(input, |value| {
        let (item, end) = match value.and_then(|value| Ok((item(&value, shape)?, value.end))) {
            Ok(read) => read,
            Err(bad) => {
                failed = Some(bad);
                return false;
            }
        };
        let mut hand_on =
            |batch: &mut Batch| is_wanted &= batches.blocking_send(Ok(std::mem::take(batch))).is_ok();
        if batch.bytes + item.json.len() > BATCH_BYTES_MAX && !batch.items.is_empty() {
            hand_on(&mut batch);
        }
        batch.bytes += item.json.len() + 1;
        batch.end = end;
        batch.items.push(item);
        if batch.items.len() == BATCH_EVENTS_MAX {
            hand_on(&mut batch);
        }
        is_wanted
    });
    let last = match failed {
        Some(BadValue { place, problem }) => {
            let from = batch.items.first().map_or(place, |first| first.place);
            Err(InputError { problem: format!("{place} {problem}"), from })
        }
        None => Ok(batch),
    };
    if is_wanted && last.as_ref().map_or(true, |batch| !batch.items.is_empty()) {
        // Nobody to tell is nobody to tell.
        drop(batches.blocking_send(last));
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
fn for_each_value(input: impl Read, mut take: impl FnMut(Result<RawItem, BadValue>) -> bool) {
    let lines = Rc::new(RefCell::new(Lines::default()));
    let counted = Counted { inner: input, lines: lines.clone() };
    let mut values = serde_json::Deserializer::from_reader(counted).into_iter::<Box<RawValue>>();
    let mut count = 0;
    while let Some(value) = values.next() {
        count += 1;
        let end = values.byte_offset() as u64;
        let mut lines = lines.borrow_mut();
        let start = value.as_ref().map_or(lines.value_start(), |json| end - json.get().len() as u64);
        let (line, begins_line) = lines.value_begins(start);
        let place = Place { value: count, line, begins_line };
        let value = match value {
            Ok(json) => {
                lines.value_ended(end);
                Ok(RawItem { json, place, end })
            }
            Err(error) if error.is_io() => {
                Err(BadValue { place, problem: format!("cannot be read: {error}") })
            }
            Err(error) => Err(BadValue { place, problem: format!("is no JSON: {error}") }),
        };
        drop(lines);
        let is_broken = value.is_err();
        if !take(value) || is_broken {
            break;
        }
    }
}

/// The event that a value stands for.
fn item(value: &RawItem, shape: &Shape) -> Result<Item, BadValue> {
    let place = value.place;
    let refused = |problem: String| BadValue { place, problem };
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
    Ok(Item { place, json })
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
    /// The line on which it ended; 0 before the first.
    value_end_line: u64,
    /// The first byte after it that is no space.
    next_start: Option<u64>,
}

impl Lines {
    /// Where the value begins that is being read.
    fn value_start(&self) -> u64 {
        self.next_start.unwrap_or(self.read)
    }

    /// The line of a value's first byte, and whether no other value stands on it before.
    fn value_begins(&mut self, start: u64) -> (u64, bool) {
        let line = self.line_at(start);
        (line, line > self.value_end_line)
    }

    fn value_ended(&mut self, at: u64) {
        self.value_end = at;
        self.value_end_line = self.line_at(at);
        self.next_start = None;
    }

    /// The line of a byte; never asked for one before the last.
    fn line_at(&mut self, offset: u64) -> u64 {
        while self.breaks.front().is_some_and(|line_break| *line_break < offset) {
            self.breaks.pop_front();
            self.passed += 1;
        }
        self.passed + 1
    }

    fn note(&mut self, bytes: &[u8]) {
        for (byte, offset) in bytes.iter().zip(self.read..) {
            if *byte == b'\n' {
                self.breaks.push_back(offset);
            }
            if self.next_start.is_none() && !byte.is_ascii_whitespace() {
                self.next_start = Some(offset);
            }
        }
        self.read += bytes.len() as u64;
    }
}

/// Notes the line breaks of what is read, and ends a value that has no end. The deserializer asks for one byte
/// after the other, and for none beyond the end of an object before it has been handed over.
struct Counted<R> {
    inner: R,
    lines: Rc<RefCell<Lines>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut lines = self.lines.borrow_mut();
        lines.note(&buffer[..count]);
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
    fn all(input: &str, shape: &Shape) -> (Vec<Batch>, Option<InputError>) {
        let (sender, mut receiver) = mpsc::channel(64);
        read(input.as_bytes(), shape, &sender);
        drop(sender);
        let (mut batches, mut error) = (Vec::new(), None);
        while let Ok(next) = receiver.try_recv() {
            match next {
                Ok(batch) => batches.push(batch),
                Err(failed) => error = Some(failed),
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
        assert!(error.is_none());
    }

    #[test]
    fn a_payload_keeps_every_byte_and_gives_its_object_id() {
        let payload = "{ \"id\" : 208610 ,\"total\":1.50,\"name\":\"\\u0110\", \"x\":1e2 }";
        let (batches, error) = all(payload, &payloads(ObjectSource::Field("id".into())));
        assert!(error.is_none());
        let expected =
            format!("{{\"type\":\"order.created\",\"object_id\":\"208610\",\"payload\":{payload}}}");
        assert_eq!(batches[0].items[0].json, expected);
        let (batches, _) = all("{\"code\":\"DH-1\"}", &payloads(ObjectSource::Field("code".into())));
        assert!(batches[0].items[0].json.contains(r#""object_id":"DH-1""#));
        let (batches, _) = all("{}", &payloads(ObjectSource::Id("7".parse().expect("an id"))));
        assert!(batches[0].items[0].json.contains(r#""object_id":"7""#));
    }

    #[test]
    fn what_is_no_event_is_named_with_its_line_and_its_batch_is_not_sent() {
        let field = || payloads(ObjectSource::Field("id".into()));
        for (input, problem) in [
            ("{\"id\":1}\n{\"no\":1}", "value 2 (line 2) has no field \"id\""),
            ("{\"id\":1}\n{\"id\":1.5}", "value 2 (line 2) has neither a text nor a whole number"),
            ("{\"id\":1}\n\n{\"id\":\"a b\"}", "value 2 (line 3) has no object id"),
            ("{\"id\":1}\n[1]", "value 2 (line 2) is an array"),
            ("{\"id\":1}\n17 ", "value 2 (line 2) is not a JSON object"),
            ("{\"id\":1}\n{\"id\":", "value 2 (line 2) is no JSON: EOF"),
            ("{\"id\":1}\n{\"id\":x}", "value 2 (line 2) is no JSON: expected value at line 2"),
            (
                "{\"id\":1}\n{\"id\":2\n{\"id\":3}",
                "value 2 (line 2) is no JSON: expected `,` or `}` at line 3",
            ),
        ] {
            let (batches, error) = all(input, &field());
            assert!(batches.is_empty(), "{input}");
            let error = error.expect("an error");
            assert!(error.problem.starts_with(problem), "{input}: {error:?}");
            assert_eq!(error.from, Place { value: 1, line: 1, begins_line: true }, "{input}");
        }
    }

    #[test]
    fn an_error_tells_from_which_value_on_nothing_was_sent() {
        let good = "{\"id\":1}\n";
        for (before, value) in [(0, 1), (499, 1), (500, 501), (501, 501), (999, 501), (1_000, 1_001)] {
            let (batches, error) = all(&format!("{}oops\n{good}", good.repeat(before)), &Shape::Events);
            let sent: usize = batches.iter().map(|batch| batch.items.len()).sum();
            let from = error.expect("an error").from;
            assert_eq!(from, Place { value, line: value, begins_line: true }, "{before}");
            assert_eq!(sent as u64 + 1, value, "{before}");
        }
        let (_, error) = all(&format!("{}oops", "{\"id\":1}".repeat(500)), &Shape::Events);
        let from = Place { value: 501, line: 1, begins_line: false };
        assert_eq!(error.expect("an error").from, from, "no line begins with it");
    }

    #[test]
    fn batches_end_at_500_events_or_7_mib() {
        let (batches, _) = all(&"{\"id\":1}\n".repeat(1_201), &Shape::Events);
        let sizes: Vec<_> = batches.iter().map(|batch| batch.items.len()).collect();
        assert_eq!(sizes, [500, 500, 201]);
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(500 * 1024));
        let (batches, error) = all(&large.repeat(16), &Shape::Events);
        assert!(error.is_none());
        let sizes: Vec<_> = batches.iter().map(|batch| batch.items.len()).collect();
        assert_eq!(sizes, [14, 2]);
    }

    #[test]
    fn a_value_without_an_end_is_given_up() {
        let endless = io::repeat(b'x').take(u64::MAX);
        let input = io::Cursor::new("{\"id\":\"").chain(endless);
        let (sender, mut receiver) = mpsc::channel(4);
        read(input, &Shape::Events, &sender);
        let error = receiver.try_recv().expect("an answer").expect_err("an error").problem;
        assert!(
            error.starts_with("value 1 (line 1) cannot be read: a value is longer than 8 MiB"),
            "{error}"
        );
    }

    #[test]
    fn too_large_an_event_is_refused_before_it_is_sent() {
        let (_, error) = all(&format!("{{\"id\":\"{}\"}}", "x".repeat(600 * 1024)), &Shape::Events);
        assert!(error.expect("an error").problem.contains("at most 512 KiB"));
    }
}
