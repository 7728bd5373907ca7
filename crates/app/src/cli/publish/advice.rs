//! What is said of a run that broke off: what went wrong, what was published, and how to go on without
//! publishing anything twice or leaving anything out.

use std::path::PathBuf;

use super::Sent;
use super::client::{Failure, Problem};
use super::input::{Batch, InputError, Place};

/// The `type` of the API's answer where a key came with another body than before.
const KEY_REUSED: &str = "idempotency-key-reused";

/// What of the command line matters to going on.
#[derive(Debug)]
pub(super) struct Run {
    /// The idempotency key.
    pub(super) key: Option<String>,
    /// The file; none where standard input is read.
    pub(super) file: Option<PathBuf>,
}

impl Run {
    /// The key of a request; they count from 1.
    pub(super) fn key_of(&self, request: u64) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(if request == 1 { key.clone() } else { format!("{key}-{request}") })
    }
}

/// Why a run broke off.
#[derive(Debug)]
pub(super) enum Stop {
    /// The input cannot be read on.
    Input(InputError),
    /// The server refused a batch; nothing of it was written.
    Refused(Problem, Batch),
    /// An earlier run with the key sent something else in this batch's place.
    KeyReused(Batch),
    /// A batch was not sent.
    NotSent(String, Batch),
    /// Nobody knows whether a batch was written.
    Unanswered(String, Batch),
}

impl Stop {
    /// Of a batch that was not published.
    pub(super) fn sending(failure: Failure, batch: Batch) -> Self {
        match failure {
            Failure::Refused(problem) if problem.slug == KEY_REUSED => Self::KeyReused(batch),
            Failure::Refused(problem) => Self::Refused(problem, batch),
            Failure::NotSent(text) => Self::NotSent(text, batch),
            Failure::Unanswered(text) => Self::Unanswered(text, batch),
        }
    }
}

/// All that is said, after `sent` was published.
pub(super) fn told(stop: &Stop, run: &Run, sent: Sent) -> String {
    match stop {
        Stop::Input(InputError { problem, from }) => {
            format!("{problem}\n{}\n{}", so_far(sent, *from), going_on("Repair it", run, sent, *from))
        }
        Stop::Refused(problem, batch) => {
            let (problem, from) = (refusal(problem, batch), first_of(batch));
            format!("{problem}\n{}\n{}", so_far(sent, from), going_on("Mend that", run, sent, from))
        }
        Stop::NotSent(text, batch) => {
            let from = first_of(batch);
            format!("{text}\n{}\n{}", so_far(sent, from), going_on("Mend that", run, sent, from))
        }
        Stop::KeyReused(batch) => key_reused(batch, run, sent),
        Stop::Unanswered(text, batch) => unanswered(text, batch, run, sent),
    }
}

fn so_far(sent: Sent, from: Place) -> String {
    if sent.events == 0 {
        "Nothing was published.".to_owned()
    } else {
        format!("Before that: {}. From {from} on nothing was published.", sent.summary())
    }
}

/// How the rest comes after what was published, when `first` is done.
fn going_on(first: &str, run: &Run, sent: Sent, from: Place) -> String {
    if sent.events == 0 {
        return format!("{first} and run the same command again.");
    }
    if run.key.is_some() {
        return format!(
            "{first} and run the same command again: with --idempotency-key nothing is published twice. That \
             holds for 24 hours, and as long as nothing before {from} is changed."
        );
    }
    format!(
        "{first} and go on from {from}: the whole input would publish the first {} twice. {}",
        sent.events,
        rest(run, from)
    )
}

/// How to give only the values from a place on.
fn rest(run: &Run, from: Place) -> String {
    let Place { value, line, begins_line } = from;
    if !begins_line {
        return format!("Give the input without its first {} values.", value - 1);
    }
    let file = run.file.as_ref().map_or_else(String::new, |file| format!(" {}", file.display()));
    format!("Give it the output of `tail -n +{line}{file}` on standard input.")
}

fn unanswered(text: &str, batch: &Batch, run: &Run, sent: Sent) -> String {
    let before = if sent.events == 0 { String::new() } else { format!("Before that: {}.\n", sent.summary()) };
    let range = range_of(batch);
    let advice = if run.key.is_some() {
        "run the same command again: with --idempotency-key nothing is published twice. That holds for 24 \
         hours, and as long as the input is not changed."
            .to_owned()
    } else {
        let from = first_of(batch);
        format!(
            "see whether the deliveries of the store show them. If not, go on from {from}. {} An \
             --idempotency-key makes a repetition harmless from the start.",
            rest(run, from)
        )
    };
    format!("{text}\n{before}Whether {range} arrived is not known; {advice}")
}

/// The API's own advice, a new key, would publish a second time what the batches before have brought in.
fn key_reused(batch: &Batch, run: &Run, sent: Sent) -> String {
    let key = run.key.as_deref().unwrap_or_default();
    let (range, from) = (range_of(batch), first_of(batch));
    let problem = format!(
        "with --idempotency-key {key} another input, or the same with other flags, was published within the \
         last 24 hours: {range} differ from what stood in their place.\n{}",
        so_far(sent, from)
    );
    if sent.events == 0 && batch.items.len() == 1 {
        return format!("{problem}\nGive a new event a key of its own.");
    }
    if sent.events == 0 {
        return format!(
            "{problem}\nFor an input that has nothing to do with that one, use another key. For the same one \
             with changes do not: whatever is in both would be published twice. Run it as it was then, and put \
             only what is new in a file of its own, with a key of its own."
        );
    }
    format!(
        "{problem}\nDo not run the whole input with another key: what is in already would be published twice. \
         Run it as it was then, and put only what is new in a file of its own, with a key of its own."
    )
}

fn first_of(batch: &Batch) -> Place {
    batch.items.first().expect("a batch that is sent has an event in it").place
}

fn range_of(batch: &Batch) -> String {
    match batch.items.as_slice() {
        [first, .., last] => format!("{} to {}", first.place, last.place),
        _ => first_of(batch).to_string(),
    }
}

/// The server's problem, each pointer with the value of the input that it means.
fn refusal(problem: &Problem, batch: &Batch) -> String {
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
        lines.push(format!("  in the request with {}", range_of(batch)));
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

#[cfg(test)]
mod tests {
    use super::super::input::Item;
    use super::*;

    const SOME: Sent = Sent { requests: 1, events: 500, deliveries: 500, duplicates: 0 };

    fn place(value: u64) -> Place {
        Place { value, line: value + 1, begins_line: true }
    }

    fn run(key: Option<&str>) -> Run {
        Run { key: key.map(str::to_owned), file: Some("in.ndjson".into()) }
    }

    fn batch(values: &[u64]) -> Batch {
        let item = |value: &u64| Item { place: place(*value), json: String::new() };
        let mut batch = Batch::default();
        batch.items.extend(values.iter().map(item));
        batch
    }

    fn broken(from: Place) -> Stop {
        Stop::Input(InputError { problem: "value 507 is no JSON".into(), from })
    }

    #[track_caller]
    fn check(stop: &Stop, key: Option<&str>, sent: Sent, expected: &[&str]) {
        let text = told(stop, &run(key), sent);
        for part in expected {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn a_key_makes_the_same_command_the_way_on() {
        let expected = [
            "Before that: 500 events published",
            "From value 501 (line 502) on nothing",
            "Repair it and run the same command again: with --idempotency-key nothing is published twice",
        ];
        check(&broken(place(501)), Some("k"), SOME, &expected);
    }

    #[test]
    fn without_a_key_only_the_rest_is_to_be_sent() {
        check(&broken(place(501)), None, SOME, &["publish the first 500 twice", "`tail -n +502 in.ndjson`"]);
        let within_a_line = Place { begins_line: false, ..place(501) };
        check(&broken(within_a_line), None, SOME, &["without its first 500 values"]);
        let text = told(&broken(place(1)), &run(None), Sent::default());
        assert_eq!(
            text,
            "value 507 is no JSON\nNothing was published.\nRepair it and run the same command again."
        );
    }

    #[test]
    fn a_key_that_had_another_input_is_not_answered_with_another_key() {
        let stop = Stop::KeyReused(batch(&[501, 502]));
        let expected = [
            "value 501 (line 502) to value 502 (line 503) differ",
            "Do not run the whole input with another key",
        ];
        check(&stop, Some("k"), SOME, &expected);
        let stop = Stop::KeyReused(batch(&[1, 2]));
        check(
            &stop,
            Some("k"),
            Sent::default(),
            &["nothing to do with that one, use another key", "published twice"],
        );
        check(
            &Stop::KeyReused(batch(&[1])),
            Some("k"),
            Sent::default(),
            &["Give a new event a key of its own"],
        );
    }

    #[test]
    fn what_may_have_arrived_is_told_from_what_cannot_have() {
        let stop = Stop::Unanswered("no answer".into(), batch(&[501, 502]));
        check(
            &stop,
            None,
            SOME,
            &["Whether value 501 (line 502) to value 502", "is not known", "tail -n +502"],
        );
        check(&stop, Some("k"), SOME, &["is not known; run the same command again"]);
        let stop = Stop::NotSent("no connection".into(), batch(&[501]));
        check(&stop, None, SOME, &["From value 501 (line 502) on nothing was published"]);
    }

    #[test]
    fn a_pointer_into_a_batch_names_the_event_and_the_rest() {
        assert_eq!(split_pointer("/events/17/payload"), (17, "/payload"));
        assert_eq!(split_pointer("/events/3/payload/a"), (3, "/payload/a"));
        assert_eq!(split_pointer("/events/3"), (3, ""));
        assert_eq!(split_pointer("/object_id"), (0, "/object_id"));
        assert_eq!(split_pointer("/events"), (0, "/events"));
    }
}
