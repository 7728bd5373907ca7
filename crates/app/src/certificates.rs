//! Certificates for the listeners that this process has for itself: made at the start, trusted by its own
//! sender, kept nowhere.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// An authority, and a server's settings with a certificate of it for `name`, a host's or an address. The
/// authority's key is gone when this returns: it never signs another.
pub fn certificates(name: &str) -> anyhow::Result<(CertificateDer<'static>, ServerConfig)> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "Bo Cau, this process only");
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?.der().clone();

    let mut server = CertificateParams::new([name.to_owned()])?;
    server.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((root, config))
}
