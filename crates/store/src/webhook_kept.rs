//! What of a webhook is kept sealed, or as the text of a list. The backends write it.

use std::time::Duration;

use bocau_domain::{
    CustomHeader, EventPattern, SigningSecret, SigningSecrets, Timestamp, Webhook, WebhookId,
};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::seal::Sealer;
use crate::{Result, StoreError};

/// The columns of a webhook that are no plain values.
pub(crate) struct Kept {
    /// A JSON list of patterns.
    pub(crate) events: String,
    /// A JSON list of milliseconds.
    pub(crate) schedule: Option<String>,
    /// Sealed, as are the next two.
    pub(crate) secret: Vec<u8>,
    pub(crate) previous_secret: Option<Vec<u8>>,
    pub(crate) headers: Vec<u8>,
}

impl Kept {
    pub(crate) fn of(webhook: &Webhook, sealer: &Sealer) -> Result<Self> {
        let events: Vec<String> = webhook.events.iter().map(ToString::to_string).collect();
        let millis = |wait: &Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let schedule = webhook.policy.schedule.as_ref();
        let schedule = schedule.map(|waits| waits.iter().map(millis).collect::<Vec<_>>());
        let place = Place(webhook.id);
        let seal_secret = |what, secret: &SigningSecret| sealer.seal(&place.of(what), secret.expose_bytes());
        let previous = webhook.secrets.previous.as_ref();
        Ok(Self {
            events: json_text(&events)?,
            schedule: schedule.map(|waits| json_text(&waits)).transpose()?,
            secret: seal_secret("secret", &webhook.secrets.current),
            previous_secret: previous.map(|(secret, _)| seal_secret("previous_secret", secret)),
            headers: seal_headers(sealer, place, &webhook.headers)?,
        })
    }
}

/// Opens the secrets of a webhook; the previous one comes with its end.
pub(crate) fn open_secrets(
    sealer: &Sealer,
    id: WebhookId,
    current: &[u8],
    previous: (Option<&[u8]>, Option<Timestamp>),
) -> Result<SigningSecrets> {
    let place = Place(id);
    let previous = match previous {
        (Some(value), Some(until)) => {
            Some((open_secret(sealer, &place.of("previous_secret"), value)?, until))
        }
        _ => None,
    };
    Ok(SigningSecrets { current: open_secret(sealer, &place.of("secret"), current)?, previous })
}

pub(crate) fn open_headers(sealer: &Sealer, id: WebhookId, value: &[u8]) -> Result<Vec<CustomHeader>> {
    let place = Place(id).of("headers");
    let text = sealer.open(&place, value)?;
    let list: Vec<(String, SecretText)> = serde_json::from_slice(&text)
        .map_err(|_| StoreError::Corrupt(format!("{place} is no list of headers")))?;
    Ok(list.into_iter().map(|(name, SecretText(value))| CustomHeader { name, value }).collect())
}

pub(crate) fn read_patterns(text: &str) -> Option<Vec<EventPattern>> {
    let patterns: Vec<String> = serde_json::from_str(text).ok()?;
    patterns.iter().map(|pattern| EventPattern::from_stored(pattern)).collect()
}

pub(crate) fn read_schedule(text: &str) -> Option<Vec<Duration>> {
    let waits: Vec<u64> = serde_json::from_str(text).ok()?;
    Some(waits.into_iter().map(Duration::from_millis).collect())
}

/// Where a sealed value of a webhook lies.
#[derive(Clone, Copy)]
struct Place(WebhookId);

impl Place {
    fn of(self, what: &str) -> String {
        format!("webhook/{}/{what}", self.0)
    }
}

fn open_secret(sealer: &Sealer, place: &str, value: &[u8]) -> Result<SigningSecret> {
    let bytes = sealer.open(place, value)?;
    SigningSecret::from_bytes(bytes.to_vec())
        .map_err(|_| StoreError::Corrupt(format!("{place} is no signing secret")))
}

/// The whole list is sealed, the names too: which headers a receiver asks for is nobody's business.
fn seal_headers(sealer: &Sealer, place: Place, headers: &[CustomHeader]) -> Result<Vec<u8>> {
    let list: Vec<(&str, &str)> =
        headers.iter().map(|header| (header.name.as_str(), header.value.expose_secret())).collect();
    let text = Zeroizing::new(json_text(&list)?);
    Ok(sealer.seal(&place.of("headers"), text.as_bytes()))
}

fn json_text<T: serde::Serialize>(list: &T) -> Result<String> {
    serde_json::to_string(list).map_err(|error| StoreError::Refused(format!("no JSON: {error}")))
}

/// A text that goes from JSON straight into a [`SecretString`].
struct SecretText(SecretString);

impl<'de> serde::Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}
