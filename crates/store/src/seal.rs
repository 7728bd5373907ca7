//! The master key, and what is sealed with it: signing secrets and header values at rest.
//!
//! Nothing is encrypted or hashed with the master key itself: each use has a sub-key of its own, derived by
//! HMAC over a label. A sealed value is `version (1 byte) | key id (4) | nonce (24) | ciphertext and tag`,
//! XChaCha20-Poly1305 with the row's identity as associated data, so that a value copied into another row
//! does not open there.
//!
//! The key can be rotated while a server runs: [`MasterKey::rotate`] puts a new one in front, [`crate::Resealing`] seals
//! anew what the others sealed, [`MasterKey::forget_old`] ends it. A process learns of it from the file.

mod ring;

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bocau_domain::Rng;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead as _, Payload};
use hmac::{Hmac, Mac as _};
use parking_lot::RwLock;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use self::ring::Ring;
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

/// The key that everything kept secret hangs on, with those that were it before; see `ring`. Clones are one.
#[derive(Clone)]
pub struct MasterKey {
    ring: Arc<RwLock<Ring>>,
    /// Where it lies, where it is no setting.
    file: Option<Arc<Path>>,
}

impl MasterKey {
    /// A new key.
    pub fn generate(rng: &dyn Rng) -> Self {
        Self::of(Ring::of(new_bytes(rng)), None)
    }

    /// From the base64 of 32 bytes, with or without padding or space around it; or of several, the first of which
    /// seals, with `tokens=` before the one that tokens are hashed with where that is not the first.
    pub fn from_base64(text: &str) -> Result<Self> {
        Ok(Self::of(Ring::parse(text)?, None))
    }

    fn of(ring: Ring, file: Option<&Path>) -> Self {
        Self { ring: Arc::new(RwLock::new(ring)), file: file.map(Arc::from) }
    }

    /// Whether it lies in a file; else it is a setting.
    pub fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether there are keys that only open.
    pub fn has_old(&self) -> bool {
        self.ring.read().count() > 1
    }

    /// Puts a new key in front, in the file first: it seals from now on, here and, within seconds, wherever else the
    /// file is looked at.
    pub fn rotate(&self, rng: &dyn Rng) -> Result<()> {
        let next = self.ring.read().with(new_bytes(rng));
        self.replace(next, rng)
    }

    /// Forgets the keys that only open: nothing may be sealed with them any more.
    pub fn forget_old(&self, rng: &dyn Rng) -> Result<()> {
        let next = self.ring.read().without_old();
        self.replace(next, rng)
    }

    fn replace(&self, next: Ring, rng: &dyn Rng) -> Result<()> {
        let Some(path) = &self.file else {
            return Err(StoreError::Refused(
                "the master key is a setting and cannot be changed from here".into(),
            ));
        };
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let draft = draft_of(path, rng);
        write_text(files::create_private_file(&draft).map_err(failed)?, &next).map_err(failed)?;
        fs::rename(&draft, path).map_err(failed)?;
        files::sync_dir_of(path).map_err(failed)?;
        *self.ring.write() = next;
        Ok(())
    }

    /// Looks at the file again; true where another process has changed it. One that cannot be read, or that would
    /// change how tokens are hashed, changes nothing.
    pub fn look(&self) -> bool {
        let Some(path) = &self.file else { return false };
        let found = match read_ring(path) {
            Ok(Some(found)) => found,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(%error, "the master key stays as it was");
                return false;
            }
        };
        let mut ring = self.ring.write();
        if ring.is(&found) || ring.tokens() != found.tokens() {
            return false;
        }
        *ring = found;
        true
    }

    /// The key of [`MASTER_KEY_FILE`] in `data_dir`; a new one where there is none. Of two processes that
    /// start at once, both end up with the same key.
    pub fn load_or_create(data_dir: &Path, rng: &dyn Rng) -> Result<Self> {
        let path = data_dir.join(MASTER_KEY_FILE);
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        if let Some(keys) = read_ring(&path)? {
            return Ok(Self::of(keys, Some(&path)));
        }
        files::create_private_dir(data_dir).map_err(failed)?;
        let keys = Ring::of(new_bytes(rng));
        if create_file(&keys, &path, rng).map_err(failed)? {
            return Ok(Self::of(keys, Some(&path)));
        }
        let keys = read_ring(&path)?;
        keys.map(|keys| Self::of(keys, Some(&path)))
            .ok_or_else(|| StoreError::Unavailable(format!("{} came and went", path.display())))
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
        let mut sub_key = hmac(self.ring.read().tokens(), label.as_bytes());
        let hash = hmac(&sub_key, token.as_bytes());
        sub_key.zeroize();
        hash
    }
}

fn new_bytes(rng: &dyn Rng) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rng.fill(&mut *bytes);
    bytes
}

fn read_ring(path: &Path) -> Result<Option<Ring>> {
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
    let ring = Ring::parse(&text)
        .map_err(|_| StoreError::Corrupt(format!("{} is not the base64 of 32 bytes", path.display())))?;
    Ok(Some(ring))
}

/// Writes the key under `path`; false where a key is there already. The file is complete from the moment
/// it has its name, and a name that is taken is never taken over.
fn create_file(keys: &Ring, path: &Path, rng: &dyn Rng) -> io::Result<bool> {
    let draft = draft_of(path, rng);
    let written = write_text(files::create_private_file(&draft)?, keys);
    let named = written.and_then(|()| match fs::hard_link(&draft, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no links; there the name alone must decide the race.
        Err(_) => match files::create_private_file(path) {
            Ok(file) => write_text(file, keys).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    });
    fs::remove_file(&draft)?;
    files::sync_dir_of(path)?;
    named
}

fn draft_of(path: &Path, rng: &dyn Rng) -> PathBuf {
    let mut tail = [0; 8];
    rng.fill(&mut tail);
    path.with_extension(format!("{:016x}.tmp", u64::from_be_bytes(tail)))
}

fn write_text(mut file: File, ring: &Ring) -> io::Result<()> {
    file.write_all(ring.text().as_bytes())?;
    file.sync_all()
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
    master: MasterKey,
    rng: Arc<dyn Rng>,
}

impl Sealer {
    /// Under this master key, with nonces from these dice.
    pub fn new(master: &MasterKey, rng: Arc<dyn Rng>) -> Self {
        Self { master: master.clone(), rng }
    }

    /// The dice that the nonces come from.
    pub(crate) fn rng(&self) -> Arc<dyn Rng> {
        self.rng.clone()
    }

    /// What stands in all that is sealed with the present key: after the version, [`KEY_ID_BYTES`] of it.
    pub(crate) fn key_id(&self) -> [u8; KEY_ID_BYTES] {
        self.master.ring.read().current().id
    }

    /// Seals `plain` for the place that `aad` names.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.rng.fill(&mut nonce);
        let ring = self.master.ring.read();
        let key = ring.current();
        let ciphertext = key
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: aad.as_bytes() })
            .expect("what is sealed is far below the cipher's limit of 256 GiB");
        let mut sealed = Vec::with_capacity(HEAD_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
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
        // Another process may have rotated the key a moment ago.
        if self.master.ring.read().find(named).is_none() {
            self.master.look();
        }
        let ring = self.master.ring.read();
        let Some(key) = ring.find(named) else {
            let key_id = hex(named);
            return Err(StoreError::Corrupt(format!("sealed with another master key (key id {key_id})")));
        };
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| broken())?;
        key.cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: aad.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| broken())
    }

    /// The same under the present key, for the same place.
    pub(crate) fn seal_anew(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        Ok(self.seal(aad, &self.open(aad, sealed)?))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key id {})", hex(&self.key_id()))
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

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    /// Of a file's text, or of one like it.
    fn text(key: &MasterKey) -> String {
        key.ring.read().text().to_string()
    }

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
            let key = MasterKey::from_base64(&text).expect("valid");
            assert_eq!(super::tests::text(&key).trim(), BASE64.encode([7; 32]), "{text:?}");
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
        assert_eq!(text(&first), text(&again));
        let names: Vec<_> =
            fs::read_dir(&data).expect("reads").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, [MASTER_KEY_FILE]);
        let file = File::open(data.join(MASTER_KEY_FILE)).expect("opens");
        assert!(!files::is_open_to_others(&file).expect("reads"));
    }

    #[test]
    fn of_two_that_make_the_key_at_once_one_wins() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys: Vec<String> = std::thread::scope(|scope| {
            let path = dir.path();
            let racers: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || MasterKey::load_or_create(path, &*dice(n * 31))))
                .collect();
            racers.into_iter().map(|racer| text(&racer.join().expect("no panic").expect("a key"))).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn nothing_of_a_key_shows_in_debug_output() {
        let master = MasterKey::generate(&*dice(1));
        assert_eq!(format!("{master:?}"), "MasterKey(…)");
    }

    #[test]
    fn a_rotated_key_seals_and_the_old_one_opens_until_it_is_forgotten() {
        let dir = tempfile::tempdir().expect("a directory");
        let here = MasterKey::load_or_create(dir.path(), &*dice(1)).expect("made");
        let there = MasterKey::load_or_create(dir.path(), &*dice(1)).expect("read");
        let sealers = [&here, &there].map(|key| Sealer::new(key, dice(7)));
        let before = sealers[0].seal("a", b"hush");
        let hash = here.hash_api_key("bck_a");
        here.rotate(&*dice(50)).expect("rotated");
        let after = sealers[0].seal("a", b"hush");
        assert_ne!(before[1..5], after[1..5], "by another key");
        for sealer in &sealers {
            for value in [&before, &after] {
                assert_eq!(sealer.open("a", value).expect("opens").as_slice(), b"hush");
            }
        }
        assert_eq!(sealers[1].seal("a", b"")[1..5], after[1..5], "the other process has heard of it");
        assert!(here.has_old() && !there.look());
        assert_eq!(sealers[0].seal_anew("a", &before).expect("sealed anew")[1..5], after[1..5]);

        here.forget_old(&*dice(60)).expect("forgotten");
        assert!(there.look() && !there.has_old());
        for sealer in &sealers {
            assert!(sealer.open("a", &before).is_err());
            assert!(sealer.open("a", &after).is_ok());
        }
        let read = MasterKey::load_or_create(dir.path(), &*dice(1)).expect("read");
        for key in [&here, &there, &read] {
            assert_eq!(key.hash_api_key("bck_a"), hash, "tokens stay good");
        }
        let file = File::open(dir.path().join(MASTER_KEY_FILE)).expect("opens");
        assert!(!files::is_open_to_others(&file).expect("reads"));
        assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 1, "no draft is left");
    }

    #[test]
    fn keys_are_read_as_a_list_with_the_one_of_the_tokens_marked() {
        let [one, two] = [[1; 32], [2; 32]].map(|bytes| BASE64.encode(bytes));
        let alone = MasterKey::from_base64(&one).expect("valid");
        for text in
            [format!("{one},{two}"), format!("{two},tokens={one}"), format!("{two}\n{one}\ntokens={one}\n")]
        {
            let key = MasterKey::from_base64(&text).expect("valid");
            assert_eq!(key.hash_session("a"), alone.hash_session("a"), "{text}");
        }
        for text in [format!("tokens={one}"), format!("{one},tokens={one},tokens={two}"), format!("{one},x")]
        {
            assert!(MasterKey::from_base64(&text).is_err(), "{text}");
        }
        assert!(alone.rotate(&*dice(1)).is_err(), "a setting is not a file");
    }

    #[test]
    fn a_file_that_would_change_the_hashes_of_tokens_is_not_taken_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let key = MasterKey::load_or_create(dir.path(), &*dice(1)).expect("made");
        let before = text(&key);
        for other in [BASE64.encode([9; 32]), "nothing".to_owned()] {
            fs::write(dir.path().join(MASTER_KEY_FILE), other).expect("written");
            assert!(!key.look());
            assert_eq!(text(&key), before);
        }
    }
}
