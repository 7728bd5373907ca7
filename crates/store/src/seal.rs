//! The master key, and what is sealed with it: signing secrets and header values at rest.
//!
//! Nothing is encrypted or hashed with the master key itself: each use has a sub-key of its own, derived by
//! HMAC over a label. A sealed value is `version (1 byte) | key id (4) | nonce (24) | ciphertext and tag`,
//! XChaCha20-Poly1305 with the row's identity as associated data, so that a value copied into another row
//! does not open there.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bocau_domain::Rng;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Result, StoreError, files};

/// The file of the master key in the data directory.
pub const MASTER_KEY_FILE: &str = "master.key";

const KEY_BYTES: usize = 32;
/// More than a key file ever holds, and little enough to read whatever lies there.
const KEY_FILE_BYTES_MAX: u64 = 1024;
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;

/// The key that everything kept secret hangs on.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// A new key.
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rng.fill(&mut *bytes);
        Self(bytes)
    }

    /// From the base64 of 32 bytes, with or without padding or space around it.
    pub fn from_base64(text: &str) -> Result<Self> {
        let refused = || StoreError::Refused("a master key is the base64 of 32 bytes".into());
        let padded = Zeroizing::new(format!("{:=<44}", text.trim()));
        let decoded = Zeroizing::new(BASE64.decode(padded.as_bytes()).map_err(|_| refused())?);
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if decoded.len() != KEY_BYTES {
            return Err(refused());
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self(bytes))
    }

    /// The key of [`MASTER_KEY_FILE`] in `data_dir`; a new one where there is none. Of two processes that
    /// start at once, both end up with the same key.
    pub fn load_or_create(data_dir: &Path, rng: &dyn Rng) -> Result<Self> {
        let path = data_dir.join(MASTER_KEY_FILE);
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        if let Some(key) = Self::load(&path)? {
            return Ok(key);
        }
        files::create_private_dir(data_dir).map_err(failed)?;
        let key = Self::generate(rng);
        if key.create_file(&path, rng).map_err(failed)? {
            return Ok(key);
        }
        Self::load(&path)?.ok_or_else(|| StoreError::Unavailable(format!("{} came and went", path.display())))
    }

    /// The keyed hash under which an API key is kept.
    pub fn hash_api_key(&self, token: &str) -> [u8; 32] {
        self.hash_token("bocau api key hash v1", token)
    }

    /// The keyed hash under which a session is kept.
    pub fn hash_session(&self, token: &str) -> [u8; 32] {
        self.hash_token("bocau session hash v1", token)
    }

    /// The keyed hash under which a link that signs in once is kept.
    pub fn hash_sign_in_link(&self, token: &str) -> [u8; 32] {
        self.hash_token("bocau sign-in link hash v1", token)
    }

    /// Each use has a label of its own, so that no token passes for one of another kind.
    fn hash_token(&self, label: &str, token: &str) -> [u8; 32] {
        let mut sub_key = self.sub_key(label);
        let hash = hmac(&sub_key, token.as_bytes());
        sub_key.zeroize();
        hash
    }

    fn load(path: &Path) -> Result<Option<Self>> {
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if files::is_open_to_others(&file).map_err(failed)? {
            tracing::warn!(path = %path.display(), "the master key can be read by others; chmod 600 it");
        }
        let mut text = Zeroizing::new(String::with_capacity(64));
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let key = Self::from_base64(&text)
            .map_err(|_| StoreError::Corrupt(format!("{} is not the base64 of 32 bytes", path.display())))?;
        Ok(Some(key))
    }

    /// Writes the key under `path`; false where a key is there already. The file is complete from the moment
    /// it has its name, and a name that is taken is never taken over.
    fn create_file(&self, path: &Path, rng: &dyn Rng) -> io::Result<bool> {
        let mut tail = [0; 8];
        rng.fill(&mut tail);
        let draft = path.with_extension(format!("{:016x}.tmp", u64::from_be_bytes(tail)));
        let written = self.write_to(files::create_private_file(&draft)?);
        let named = written.and_then(|()| match fs::hard_link(&draft, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Some file systems have no links; there the name alone must decide the race.
            Err(_) => match files::create_private_file(path) {
                Ok(file) => self.write_to(file).map(|()| true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            },
        });
        fs::remove_file(&draft)?;
        files::sync_dir_of(path)?;
        named
    }

    fn write_to(&self, mut file: File) -> io::Result<()> {
        let text = Zeroizing::new(format!("{}\n", BASE64.encode(*self.0)));
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn sub_key(&self, label: &str) -> [u8; KEY_BYTES] {
        hmac(&*self.0, label.as_bytes())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Seals what is kept secret, and opens it again.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID_BYTES],
    rng: Arc<dyn Rng>,
}

impl Sealer {
    /// Under this master key, with nonces from these dice.
    pub fn new(master: &MasterKey, rng: Arc<dyn Rng>) -> Self {
        let mut sub_key = master.sub_key("bocau seal v1");
        let named = master.sub_key("bocau key id v1");
        let mut key_id = [0; KEY_ID_BYTES];
        key_id.copy_from_slice(&named[..KEY_ID_BYTES]);
        let cipher = XChaCha20Poly1305::new(&Key::from(sub_key));
        sub_key.zeroize();
        Self { cipher, key_id, rng }
    }

    /// The dice that the nonces come from.
    pub(crate) fn rng(&self) -> Arc<dyn Rng> {
        self.rng.clone()
    }

    /// Seals `plain` for the place that `aad` names.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.rng.fill(&mut nonce);
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: aad.as_bytes() })
            .expect("what is sealed is far below the cipher's limit of 256 GiB");
        let mut sealed = Vec::with_capacity(HEAD_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.key_id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    /// Opens what was sealed for the place that `aad` names.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let broken =
            || StoreError::Corrupt(format!("what is sealed as {aad} is broken or belongs elsewhere"));
        let (head, ciphertext) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(broken)?;
        let (named, nonce) = head[1..].split_at(KEY_ID_BYTES);
        if head[0] != VERSION {
            return Err(StoreError::Corrupt(format!("{aad} is sealed in the unknown form {}", head[0])));
        }
        if named != self.key_id {
            let key_id = hex(named);
            return Err(StoreError::Corrupt(format!("sealed with another master key (key id {key_id})")));
        }
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| broken())?;
        self.cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: aad.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| broken())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key id {})", hex(&self.key_id))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Every byte differs from the one before.
    struct Counting(AtomicU8);

    impl Rng for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn dice(first: u8) -> Arc<Counting> {
        Arc::new(Counting(AtomicU8::new(first)))
    }

    fn sealer(first: u8) -> Sealer {
        Sealer::new(&MasterKey::generate(&*dice(first)), dice(first))
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let sealer = sealer(1);
        let value = sealer.seal("webhook/1/secret", b"hush");
        assert_eq!(sealer.open("webhook/1/secret", &value).expect("opens").as_slice(), b"hush");
        assert!(matches!(sealer.open("webhook/2/secret", &value), Err(StoreError::Corrupt(_))));
        assert!(!value.windows(4).any(|window| window == b"hush"));
    }

    #[test]
    fn the_same_value_is_never_sealed_alike_twice() {
        let sealer = sealer(1);
        assert_ne!(sealer.seal("a", b"hush"), sealer.seal("a", b"hush"));
    }

    #[test]
    fn another_master_key_is_named_in_the_error() {
        let value = sealer(1).seal("a", b"hush");
        let error = sealer(2).open("a", &value).expect_err("another key").to_string();
        assert!(error.contains("sealed with another master key (key id "), "{error}");
    }

    #[test]
    fn a_value_that_was_touched_or_cut_does_not_open() {
        let sealer = sealer(1);
        let value = sealer.seal("a", b"hush");
        for place in 0..value.len() {
            let mut touched = value.clone();
            touched[place] ^= 1;
            assert!(sealer.open("a", &touched).is_err(), "byte {place}");
            assert!(sealer.open("a", &value[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_key_is_read_with_or_without_padding_and_space() {
        let text = BASE64.encode([7; 32]);
        for text in [text.clone(), format!(" {text}\n"), text.trim_end_matches('=').to_owned()] {
            assert_eq!(*MasterKey::from_base64(&text).expect("valid").0, [7; 32], "{text:?}");
        }
        for text in [String::new(), BASE64.encode([7; 31]), BASE64.encode([7; 33]), "*".repeat(44)] {
            assert!(MasterKey::from_base64(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_hash_depends_on_the_token_its_kind_and_the_master_key() {
        let [one, two] = [1, 2].map(|first| MasterKey::generate(&*dice(first)));
        assert_eq!(one.hash_api_key("bck_a"), one.clone().hash_api_key("bck_a"));
        assert_ne!(one.hash_api_key("bck_a"), one.hash_api_key("bck_b"));
        assert_ne!(one.hash_api_key("bck_a"), two.hash_api_key("bck_a"));
        let hashes = [one.hash_api_key("a"), one.hash_session("a"), one.hash_sign_in_link("a")];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }

    #[test]
    fn the_key_file_is_made_once_and_closed_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let first = MasterKey::load_or_create(&data, &*dice(1)).expect("made");
        let again = MasterKey::load_or_create(&data, &*dice(99)).expect("read");
        assert_eq!(*first.0, *again.0);
        let names: Vec<_> =
            fs::read_dir(&data).expect("reads").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, [MASTER_KEY_FILE]);
        let file = File::open(data.join(MASTER_KEY_FILE)).expect("opens");
        assert!(!files::is_open_to_others(&file).expect("reads"));
    }

    #[test]
    fn of_two_that_make_the_key_at_once_one_wins() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let path = dir.path();
            let racers: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || MasterKey::load_or_create(path, &*dice(n * 31))))
                .collect();
            racers.into_iter().map(|racer| *racer.join().expect("no panic").expect("a key").0).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn nothing_of_a_key_shows_in_debug_output() {
        let master = MasterKey::generate(&*dice(1));
        assert_eq!(format!("{master:?}"), "MasterKey(…)");
    }
}
