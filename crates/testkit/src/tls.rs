//! Certificates of the tests: one authority per process, and the wrong ones that must be refused.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The names that good certificates are made for.
pub const NAMES: &[&str] =
    &["localhost", "shop.localhost", "receiver.vn", "*.receiver.vn", "127.0.0.1", "::1"];

/// What certificate a server shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Certificate {
    /// A good one, for [`NAMES`].
    #[default]
    Good,
    /// Over since 2020.
    Expired,
    /// Signed by itself.
    SelfSigned,
    /// Signed by an authority that nobody trusts.
    UnknownCa,
    /// Good, for another name.
    WrongName,
}

/// A certificate authority.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

impl TestCa {
    /// A new authority.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Bồ Câu test authority");
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// The authority of this process, which the tests' clients trust.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestCa> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// Its certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate as DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// A certificate for `names` and its key, as PEM.
    pub fn issue_pem(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params_for(names, false).signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// A certificate for `names`, which are domain names or addresses, and its key; over since 2020 where
    /// `is_expired`.
    pub fn issue(
        &self,
        names: &[&str],
        is_expired: bool,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let params = params_for(names, is_expired);
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

fn params_for(names: &[&str], is_expired: bool) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are well formed");
    params.distinguished_name.push(DnType::CommonName, "receiver");
    if is_expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    params
}

/// A server's TLS settings with this certificate, offering these protocols.
pub fn server_config(certificate: Certificate, protocols: &[&str]) -> Arc<ServerConfig> {
    let (chain, key) = match certificate {
        Certificate::Good => TestCa::shared().issue(NAMES, false),
        Certificate::Expired => TestCa::shared().issue(NAMES, true),
        Certificate::WrongName => TestCa::shared().issue(&["elsewhere.vn"], false),
        Certificate::UnknownCa => TestCa::new().issue(NAMES, false),
        Certificate::SelfSigned => {
            let key = KeyPair::generate().expect("a key pair");
            let certificate = params_for(NAMES, false).self_signed(&key).expect("a certificate");
            (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("certificate and key fit");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}
