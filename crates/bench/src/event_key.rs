//! The id of an event as a number: `evt_` and 26 digits of Crockford's base32, as the server writes it.

use anyhow::Context as _;
use serde_json::Value;

const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Which event it is.
pub(crate) type EventKey = u128;

/// Reads the text form.
pub(crate) fn read(text: &str) -> Option<EventKey> {
    text.strip_prefix("evt_")?.bytes().try_fold(0, |key: u128, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        Some((key << 5) | digit as u128)
    })
}

/// The events that a 202 promises: of one event or of a batch.
pub(crate) fn of_answer(body: &[u8]) -> anyhow::Result<Vec<EventKey>> {
    let answer: Value = serde_json::from_slice(body).context("a 202")?;
    let one = |event: &Value| event["id"].as_str().and_then(read).context("a 202 without an event's id");
    match answer["results"].as_array() {
        Some(results) => results.iter().map(one).collect(),
        None => Ok(vec![one(&answer)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_a_202_of_one_event_and_of_a_batch() {
        let id = "evt_00000000000000000000000010";
        assert_eq!(of_answer(format!(r#"{{"id": "{id}"}}"#).as_bytes()).unwrap(), [32]);
        assert_eq!(of_answer(format!(r#"{{"results": [{{"id": "{id}"}}]}}"#).as_bytes()).unwrap(), [32]);
        assert!(of_answer(br#"{"id": "dlv_00000000000000000000000010"}"#).is_err());
    }
}
