//! TLS of the server's own listener (`tls_cert`, `tls_key`): 1.2 and up, HTTP/1.1. The two files are looked at
//! every few seconds, and what they have become is shown from then on, so that a renewed certificate needs no
//! restart. Where they have become unusable, the last good pair stays.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bocau_engine::EngineClock;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Bytes of a certificate's or key's file at most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the certificate, with its chain, and its key lie: PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The bytes of both files; they tell a change.
#[derive(PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate that is shown now.
pub struct ServerCertificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    shown: Arc<Shown>,
    read: Read,
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

impl ServerCertificate {
    /// Reads both files; the error names the one that is no good.
    pub fn load(files: TlsFiles) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let read = read(&files)?;
        let certified = Arc::new(certified(&files, &read, &provider)?);
        Ok(Self { files, provider, shown: Arc::new(Shown(RwLock::new(certified))), read })
    }

    /// What makes TLS connections out of TCP ones, with whichever certificate is shown by then.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files for ever.
    pub async fn keep_up(mut self, clock: Arc<dyn EngineClock>) {
        loop {
            clock.sleep(LOOK).await;
            self.look();
        }
    }

    /// Takes over what the files have become. A problem is told once, until they change again.
    fn look(&mut self) {
        let read = match read(&self.files) {
            Ok(read) => read,
            // A renewal may be between taking one away and writing the other.
            Err(problem) => return tracing::warn!("the certificate stays as it was: {problem}"),
        };
        if read == self.read {
            return;
        }
        match certified(&self.files, &read, &self.provider) {
            Ok(certified) => {
                *self.shown.0.write() = Arc::new(certified);
                tracing::info!(path = %self.files.certificate.display(), "a new certificate is shown from now on");
            }
            Err(problem) => tracing::error!("the certificate stays as it was: {problem}"),
        }
        self.read = read;
    }
}

fn read(files: &TlsFiles) -> Result<Read, String> {
    Ok(Read { certificate: bytes_of(&files.certificate)?, key: bytes_of(&files.key)? })
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(bytes)
}

/// The pair, checked to belong together.
fn certified(files: &TlsFiles, read: &Read, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let path = files.certificate.display();
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(&read.certificate).collect();
    let chain = chain.map_err(|error| format!("{path} is no certificate in PEM: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{path} has no certificate in PEM"));
    }
    // What is wrong with a key is not quoted: the text may be part of one.
    let key = PrivateKeyDer::from_pem_slice(&read.key)
        .map_err(|_| format!("{} has no private key in PEM", files.key.display()))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("{path} and {} are no pair: {error}", files.key.display()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    fn write(dir: &Path, made: &Made<rcgen::KeyPair>) -> TlsFiles {
        let files = TlsFiles { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
        std::fs::write(&files.certificate, made.cert.pem()).expect("written");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
        files
    }

    fn made() -> Made<rcgen::KeyPair> {
        generate_simple_self_signed(["bocau.example.vn".to_owned()]).expect("a certificate")
    }

    fn shown(certificate: &ServerCertificate) -> Vec<u8> {
        certificate.shown.0.read().cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_an_unusable_one_never() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, second) = (made(), made());
        let files = write(dir.path(), &first);
        let mut certificate = ServerCertificate::load(files.clone()).expect("usable");
        assert_eq!(shown(&certificate), first.cert.der().to_vec());
        // Of a renewal, one file is there before the other.
        std::fs::write(&files.certificate, second.cert.pem()).expect("written");
        certificate.look();
        assert_eq!(shown(&certificate), first.cert.der().to_vec());
        write(dir.path(), &second);
        certificate.look();
        assert_eq!(shown(&certificate), second.cert.der().to_vec());
        std::fs::write(&files.certificate, "nothing").expect("written");
        certificate.look();
        std::fs::remove_file(&files.certificate).expect("removed");
        certificate.look();
        assert_eq!(shown(&certificate), second.cert.der().to_vec());
    }

    #[test]
    fn files_that_are_no_pair_are_named_and_no_key_is_quoted() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = write(dir.path(), &made());
        std::fs::write(&files.key, made().signing_key.serialize_pem()).expect("written");
        let problem = ServerCertificate::load(files.clone()).err().expect("no pair");
        assert!(problem.contains("cert.pem") && problem.contains("key.pem are no pair"), "{problem}");
        std::fs::write(&files.key, "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----")
            .expect("written");
        let problem = ServerCertificate::load(files.clone()).err().expect("no key");
        assert!(problem.contains("key.pem") && !problem.contains("canary"), "{problem}");
        std::fs::write(&files.key, "canary").expect("written");
        let problem = ServerCertificate::load(files.clone()).err().expect("no key");
        assert!(problem.contains("has no private key") && !problem.contains("canary"), "{problem}");
        std::fs::remove_file(&files.key).expect("removed");
        let problem = ServerCertificate::load(files).err().expect("no file");
        assert!(problem.contains("key.pem cannot be read"), "{problem}");
    }
}
