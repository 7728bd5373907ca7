//! The merchant's server: answers as the document says, as fast as it can, and knows what has arrived.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = br#"{"status": 200, "message": "OK"}"#;

/// A receiver on this machine.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Who signed its certificate.
    pub(crate) authority: Authority,
    arrived: Arc<Arrived>,
}

/// Its authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
}

#[derive(Default)]
struct Arrived {
    requests: AtomicUsize,
    /// The `webhook-id`s, to know repeats; the last moment something new came.
    ids: Mutex<(HashSet<String>, Option<Instant>)>,
}

impl Receiver {
    /// Starts one, with TLS or without.
    pub(crate) async fn start(with_tls: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (authority, tls) = certificates()?;
        let arrived = Arc::new(Arrived::default());
        let acceptor = with_tls.then(|| TlsAcceptor::from(tls));
        tokio::spawn(accept(listener, acceptor, arrived.clone()));
        Ok(Self { address, authority, arrived })
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.arrived.requests.load(Ordering::Relaxed)
    }

    /// Different events so far.
    pub(crate) fn events(&self) -> usize {
        self.arrived.ids.lock().0.len()
    }

    /// When the last new event came.
    pub(crate) fn last_at(&self) -> Option<Instant> {
        self.arrived.ids.lock().1
    }

    /// Forgets what has arrived.
    pub(crate) fn forget(&self) {
        self.arrived.requests.store(0, Ordering::Relaxed);
        *self.arrived.ids.lock() = Default::default();
    }
}

fn certificates() -> anyhow::Result<(Authority, Arc<rustls::ServerConfig>)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let authority = Authority { pem: certificate.pem(), der: certificate.der().clone() };
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let mut config = rustls::ServerConfig::builder_with_provider(crate::connection::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .context("the receiver's certificate")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((authority, Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, arrived: Arc<Arrived>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, tls.clone(), arrived.clone()));
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, arrived: Arc<Arrived>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &arrived));
    let http = hyper::server::conn::http1::Builder::new();
    // A client that hangs up has had its answers.
    let _ = match tls {
        None => http.serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
            Err(_) => return,
        },
    };
}

async fn answer(request: Request<Incoming>, arrived: &Arrived) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let _ = body.collect().await;
    arrived.requests.fetch_add(1, Ordering::Relaxed);
    if let Some(id) = head.headers.get("webhook-id").and_then(|id| id.to_str().ok()) {
        let mut ids = arrived.ids.lock();
        if ids.0.insert(id.to_owned()) {
            ids.1 = Some(Instant::now());
        }
    }
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}
