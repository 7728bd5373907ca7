//! The keys of an installation: the one that seals, those before it that still open, and the one that tokens are
//! hashed with. That one stays the first of all for good: what was hashed cannot be hashed anew.
//!
//! Written with commas, space or lines between: `NEW`, or `NEW,OLD,tokens=FIRST` while what the old one sealed is
//! sealed anew, or `NEW,tokens=FIRST` from then on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::KeyInit as _;
use chacha20poly1305::{Key as CipherKey, XChaCha20Poly1305};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KEY_BYTES, KEY_ID_BYTES, hmac};
use crate::{Result, StoreError};

/// What the key of the tokens' hashes is marked with.
const TOKENS: &str = "tokens=";
/// Keys that open, at most.
const KEYS_MAX: usize = 8;

pub(super) type Bytes = Zeroizing<[u8; KEY_BYTES]>;

/// One key, and what is worked out of it.
pub(super) struct Key {
    bytes: Bytes,
    pub(super) id: [u8; KEY_ID_BYTES],
    pub(super) cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(bytes: Bytes) -> Self {
        let mut sub_key = hmac(&*bytes, b"bocau seal v1");
        let named = hmac(&*bytes, b"bocau key id v1");
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&named[..KEY_ID_BYTES]);
        let cipher = XChaCha20Poly1305::new(&CipherKey::from(sub_key));
        sub_key.zeroize();
        Self { bytes, id, cipher }
    }
}

/// The keys; the first seals.
pub(super) struct Ring {
    keys: Vec<Key>,
    tokens: Bytes,
}

impl Ring {
    pub(super) fn of(bytes: Bytes) -> Self {
        Self { tokens: bytes.clone(), keys: vec![Key::new(bytes)] }
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let (mut keys, mut tokens) = (Vec::new(), None);
        for word in text.split([',', '\n', '\r', '\t', ' ']).filter(|word| !word.is_empty()) {
            match word.strip_prefix(TOKENS) {
                Some(_) if tokens.is_some() => return Err(refused()),
                Some(key) => tokens = Some(decode(key)?),
                None => keys.push(decode(word)?),
            }
        }
        if keys.len() > KEYS_MAX {
            return Err(refused());
        }
        let tokens = tokens.or_else(|| keys.first().cloned()).ok_or_else(refused)?;
        let keys: Vec<Key> = keys.into_iter().map(Key::new).collect();
        if keys.is_empty() { Err(refused()) } else { Ok(Self { keys, tokens }) }
    }

    /// As a file has it.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            text.push_str(&Zeroizing::new(BASE64.encode(*key.bytes)));
            text.push('\n');
        }
        if *self.tokens != *self.keys[0].bytes {
            text.push_str(TOKENS);
            text.push_str(&Zeroizing::new(BASE64.encode(*self.tokens)));
            text.push('\n');
        }
        text
    }

    /// With a new key that seals from now on; the others still open.
    pub(super) fn with(&self, bytes: Bytes) -> Self {
        let older = self.keys.iter().map(|key| key.bytes.clone()).take(KEYS_MAX - 1);
        Self {
            keys: std::iter::once(bytes).chain(older).map(Key::new).collect(),
            tokens: self.tokens.clone(),
        }
    }

    /// Without those that only open.
    pub(super) fn without_old(&self) -> Self {
        Self { keys: vec![Key::new(self.keys[0].bytes.clone())], tokens: self.tokens.clone() }
    }

    /// The key that seals.
    pub(super) fn current(&self) -> &Key {
        &self.keys[0]
    }

    /// The key of this id.
    pub(super) fn find(&self, id: &[u8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// How many open.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// What tokens are hashed with.
    pub(super) fn tokens(&self) -> &[u8; KEY_BYTES] {
        &self.tokens
    }

    /// Whether both are the same keys in the same order.
    pub(super) fn is(&self, other: &Self) -> bool {
        let ids = |ring: &Self| ring.keys.iter().map(|key| key.id).collect::<Vec<_>>();
        ids(self) == ids(other) && *self.tokens == *other.tokens
    }
}

/// The base64 of 32 bytes, with or without padding.
fn decode(text: &str) -> Result<Bytes> {
    let padded = Zeroizing::new(format!("{text:=<44}"));
    let decoded = Zeroizing::new(BASE64.decode(padded.as_bytes()).map_err(|_| refused())?);
    if decoded.len() != KEY_BYTES {
        return Err(refused());
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    bytes.copy_from_slice(&decoded);
    Ok(bytes)
}

fn refused() -> StoreError {
    StoreError::Refused("a master key is the base64 of 32 bytes".into())
}
