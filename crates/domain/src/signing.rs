//! Signatures of Standard Webhooks: HMAC-SHA256 over `{id}.{timestamp}.{body}`, secrets written `whsec_…`.
//! (<https://www.standardwebhooks.com>, specification 1.0.)

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::Sha256;

use crate::ids::EventId;
use crate::time::{Rng, Timestamp};

const PREFIX: &str = "whsec_";
/// Bytes of a secret that we make.
const SECRET_BYTES: usize = 32;
/// Bytes that the specification allows.
const SECRET_BYTES_ALLOWED: std::ops::RangeInclusive<usize> = 24..=64;

/// The key that a webhook's requests are signed with.
#[derive(Clone)]
pub struct SigningSecret {
    bytes: Arc<SecretBox<Vec<u8>>>,
    /// The key schedule, worked out once instead of for every request.
    keyed: Hmac<Sha256>,
}

/// A text that is no signing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct SecretError;

impl SigningSecret {
    /// A new secret.
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = vec![0; SECRET_BYTES];
        rng.fill(&mut bytes);
        Self::from_bytes(bytes).expect("the length is allowed")
    }

    /// From the bytes themselves.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if !SECRET_BYTES_ALLOWED.contains(&bytes.len()) {
            return Err(SecretError);
        }
        let keyed = Hmac::new_from_slice(&bytes).expect("HMAC takes a key of any length");
        Ok(Self { bytes: Arc::new(SecretBox::new(Box::new(bytes))), keyed })
    }

    /// From the written form, `whsec_…`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        Self::from_bytes(BASE64.decode(encoded).map_err(|_| SecretError)?)
    }

    /// The written form, for the one who may see it.
    pub fn reveal(&self) -> SecretString {
        SecretString::from(format!("{PREFIX}{}", BASE64.encode(self.bytes.expose_secret())))
    }

    /// The bytes, for sealing.
    pub fn expose_bytes(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    fn sign(&self, id: &str, at: i64, body: &[u8]) -> String {
        format!("v1,{}", BASE64.encode(self.mac(id, at, body).finalize().into_bytes()))
    }

    /// In a time that does not depend on how much of the signature is right.
    fn verifies(&self, id: &str, at: i64, body: &[u8], signature: &str) -> bool {
        let tag = signature.strip_prefix("v1,").and_then(|encoded| BASE64.decode(encoded).ok());
        tag.is_some_and(|tag| self.mac(id, at, body).verify_slice(&tag).is_ok())
    }

    fn mac(&self, id: &str, at: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(at.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// A webhook's secret, and the one before it while receivers change over.
#[derive(Debug, Clone)]
pub struct SigningSecrets {
    /// Signs always.
    pub current: SigningSecret,
    /// Signs beside it until the moment given.
    pub previous: Option<(SigningSecret, Timestamp)>,
}

impl SigningSecrets {
    /// With a first secret.
    pub fn new(current: SigningSecret) -> Self {
        Self { current, previous: None }
    }

    /// The value of `webhook-signature` for an attempt that starts at `at`.
    pub fn signature(&self, event: EventId, at: Timestamp, body: &[u8]) -> String {
        let (id, seconds) = (event.to_string(), at.as_seconds());
        let mut signature = self.current.sign(&id, seconds, body);
        if let Some((previous, until)) = &self.previous
            && at < *until
        {
            signature.push(' ');
            signature.push_str(&previous.sign(&id, seconds, body));
        }
        signature
    }

    /// Whether one of the signatures in `given`, a value of `webhook-signature`, is one that
    /// [`signature`](Self::signature) makes.
    pub fn verify(&self, event: EventId, at: Timestamp, body: &[u8], given: &str) -> bool {
        let (id, seconds) = (event.to_string(), at.as_seconds());
        let previous = self.previous.iter().filter(|(_, until)| at < *until).map(|(secret, _)| secret);
        let mut secrets = std::iter::once(&self.current).chain(previous);
        secrets.any(|secret| given.split(' ').any(|one| secret.verifies(&id, seconds, body, one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("valid");
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_reads_back_and_never_shows_in_debug_output() {
        let secret = SigningSecret::from_bytes(vec![7; 32]).expect("valid");
        let written = secret.reveal();
        let again = SigningSecret::parse(written.expose_secret()).expect("valid");
        assert_eq!(again.expose_bytes(), secret.expose_bytes());
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    }

    #[test]
    fn secrets_of_a_wrong_length_or_form_are_refused() {
        for text in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"] {
            assert!(SigningSecret::parse(text).is_err(), "{text}");
        }
        assert!(SigningSecret::from_bytes(vec![0; 65]).is_err());
    }

    #[test]
    fn the_old_secret_signs_beside_the_new_one_until_its_end() {
        let [old, new] = [1, 2].map(|byte| SigningSecret::from_bytes(vec![byte; 32]).expect("valid"));
        let until = Timestamp::from_millis(10_000);
        let secrets = SigningSecrets { current: new.clone(), previous: Some((old.clone(), until)) };
        let event = EventId::from_bytes([0; 16]);
        let id = event.to_string();
        assert_eq!(
            secrets.signature(event, Timestamp::from_millis(9_999), b"{}"),
            format!("{} {}", new.sign(&id, 9, b"{}"), old.sign(&id, 9, b"{}")),
        );
        assert_eq!(secrets.signature(event, until, b"{}"), new.sign(&id, 10, b"{}"));
    }

    #[test]
    fn what_is_signed_is_verified_and_nothing_else() {
        let [old, new] = [1, 2].map(|byte| SigningSecret::from_bytes(vec![byte; 32]).expect("valid"));
        let until = Timestamp::from_millis(10_000);
        let secrets = SigningSecrets { current: new, previous: Some((old.clone(), until)) };
        let (event, at) = (EventId::from_bytes([0; 16]), Timestamp::from_millis(9_000));
        let signature = secrets.signature(event, at, b"{}");
        assert!(secrets.verify(event, at, b"{}", &signature));
        let of_old = |at| SigningSecrets::new(old.clone()).signature(event, at, b"{}");
        assert!(secrets.verify(event, at, b"{}", &format!("v2,x {}", of_old(at))), "while it signs");
        assert!(!secrets.verify(event, until, b"{}", &of_old(until)));
        assert!(!secrets.verify(event, at, b"{ }", &signature));
        assert!(!secrets.verify(event, until, b"{}", &signature));
        for wrong in ["", "v1,", "v1,AAAA", &signature[..30], &signature.replace("v1,", "v1a,")] {
            assert!(!secrets.verify(event, at, b"{}", wrong), "{wrong}");
        }
    }
}
