//! The server's own TLS: what it speaks, and a certificate that is renewed while it runs.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bocau_testkit::TestCa;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::api::look_until;
use crate::server::Home;

const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Writes a new certificate of the tests' authority and its key.
fn renew(home: &Home) -> CertificateDer<'static> {
    let (certificate, key) = TestCa::shared().issue(&["localhost"], false);
    let PrivateKeyDer::Pkcs8(key) = key else { panic!("a key in PKCS #8") };
    std::fs::write(home.path("key.pem"), pem("PRIVATE KEY", key.secret_pkcs8_der())).expect("written");
    std::fs::write(home.path("cert.pem"), pem("CERTIFICATE", &certificate)).expect("written");
    certificate
}

/// What `GET /livez` is answered over TLS, and the certificate that was shown.
async fn livez(address: &str) -> (String, CertificateDer<'static>) {
    let mut roots = RootCertStore::empty();
    roots.add(TestCa::shared().der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    stream.write_all(REQUEST).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    let shown = stream.get_ref().1.peer_certificates().expect("it shows one")[0].clone().into_owned();
    (answer, shown)
}

#[tokio::test]
async fn the_server_speaks_https_and_shows_a_renewed_certificate_without_a_restart() {
    let home = Home::new().with("BOCAU_TLS_CERT", "cert.pem").with("BOCAU_TLS_KEY", "key.pem");
    let first = renew(&home);
    let server = home.serve().await;
    let address = server.url().strip_prefix("https://").expect("it says https").to_owned();
    let (answer, shown) = livez(&address).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    assert_eq!(shown, first);

    // Whoever speaks plain HTTP there gets nothing of the API.
    let mut plain = TcpStream::connect(&address).await.expect("a connection");
    plain.write_all(REQUEST).await.expect("written");
    let mut answer = Vec::new();
    // The server may close with a reset, since it has not read all.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));

    let second = renew(&home);
    look_until(async || (livez(&address).await.1 == second).then_some(())).await;
    std::fs::write(home.path("cert.pem"), "nothing").expect("written");
    look_until(async || server.log().contains("the certificate stays as it was").then_some(())).await;
    assert_eq!(livez(&address).await.1, second);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_stops_the_start_with_one_line() {
    let home = Home::new().with("BOCAU_TLS_CERT", "cert.pem");
    let ended = home.run(&["check-config"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("BOCAU_TLS_CERT: a certificate needs its key"), "{ended:?}");
    let home = home.with("BOCAU_TLS_KEY", "key.pem");
    let ended = home.run(&["serve"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("BOCAU_TLS_CERT: cert.pem cannot be read"), "{ended:?}");
}
