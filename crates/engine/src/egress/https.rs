//! The shared https client: keep-alive, HTTP/2 by ALPN, and a limit on every part of an answer.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::sync::Semaphore;

use crate::egress::guard::{ConnectError, Guard};
use crate::sender::{Answer, Outgoing, SeenHead, SendError, Transport};

/// Bytes of an answer's body that are read; what is longer is judged by its status alone.
pub const BODY_READ_MAX: usize = 64 * 1024;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 100;
/// How long an idle connection is kept: less than the 5 s after which widespread servers close theirs, so
/// that a request is seldom written into a closing connection.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// How often a busy HTTP/2 connection is asked whether it is alive, and how long it may take to say so: a
/// dead one would take every attempt to its host down with it.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_PATIENCE: Duration = Duration::from_secs(5);
/// How long connecting may take, name look-up and handshake included. The client goes on connecting when the
/// attempt that began it has ended or got another connection, so the attempt's deadline does not bound it.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Connections to one host that are being opened at once; further ones wait their turn. A host that takes
/// connections and never ends the handshake holds so many sockets and no more.
const CONNECTING_PER_HOST_MAX: usize = 16;
/// Hosts after which those are forgotten that nobody connects to any more.
const HOSTS_REMEMBERED: usize = 1_024;
/// Idle connections kept to one host: as many as there are attempts in flight by default. With fewer, those above
/// would be closed after each attempt, and a handshake costs ten times what an attempt does.
const IDLE_PER_HOST_MAX: usize = 512;

/// Bytes of an answer that an HTTP/2 server may send ahead of our reading them: they wait in memory, so it is
/// little more than is read at all. The library's own are 2 and 5 MiB.
const HTTP2_STREAM_WINDOW: u32 = 128 * 1024;
/// The same of all answers on one connection.
const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What the transport is set up with.
#[derive(Debug, Clone, Default)]
pub struct HttpsOptions {
    /// Certificates that are trusted besides the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Sends over real connections, through the guard.
pub struct HttpsTransport {
    client: Client<Bounded<HttpsConnector<Guard>>, Full<Bytes>>,
}

/// The TLS settings cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A certificate of [`HttpsOptions::extra_roots`] is none.
    #[error("an extra trusted certificate is unusable: {0}")]
    ExtraRoot(rustls::Error),
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

impl HttpsTransport {
    /// A client that trusts the system's certificates and the extra ones, and connects through `guard`.
    pub fn new(guard: Guard, options: HttpsOptions) -> Result<Self, TransportError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(options)?)
            // Which scheme is allowed was judged with the webhook's URL.
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(guard);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_PATIENCE)
            .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_headers(HEADERS_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX as usize)
            .http2_max_header_list_size(HEAD_BYTES_MAX)
            .build(Bounded { connector, hosts: Arc::default() });
        Ok(Self { client })
    }
}

fn tls_config(options: HttpsOptions) -> Result<ClientConfig, TransportError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "a certificate store of the system cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    for root in options.extra_roots {
        roots.add(root).map_err(TransportError::ExtraRoot)?;
    }
    if roots.is_empty() {
        tracing::warn!(
            "no trusted certificate authority was found; every https webhook will fail with tls_error"
        );
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TransportError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A connector that gives up after [`CONNECT_MAX`], and opens few connections to one host at once.
#[derive(Clone)]
struct Bounded<C> {
    connector: C,
    hosts: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
}

impl<C> Bounded<C> {
    fn turns_of(&self, uri: &Uri) -> Arc<Semaphore> {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut hosts = self.hosts.lock();
        if let Some(turns) = hosts.get(host).and_then(Weak::upgrade) {
            return turns;
        }
        if hosts.len() >= HOSTS_REMEMBERED {
            hosts.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(CONNECTING_PER_HOST_MAX));
        hosts.insert(host.to_owned(), Arc::downgrade(&turns));
        turns
    }
}

impl<C> tower::Service<Uri> for Bounded<C>
where
    C: tower::Service<Uri, Error = BoxError> + Clone + Send + 'static,
    C::Future: Send,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    #[expect(clippy::disallowed_methods, reason = "bounds a real connection; simulated transports have none")]
    fn call(&mut self, uri: Uri) -> Self::Future {
        let turns = self.turns_of(&uri);
        let mut connector = self.connector.clone();
        let connecting = async move {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            connector.call(uri).await
        };
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_MAX, connecting).await;
            connected.unwrap_or_else(|_| Err(ConnectError::Late(CONNECT_MAX).into()))
        })
    }
}

#[async_trait]
impl Transport for HttpsTransport {
    async fn post(&self, outgoing: Outgoing<'_>, head: &SeenHead) -> Result<Answer, SendError> {
        let request = build_request(outgoing)?;
        let response = self.client.request(request).await.map_err(|error| classify(&error))?;
        read_answer(response, head).await
    }
}

fn build_request(outgoing: Outgoing<'_>) -> Result<Request<Full<Bytes>>, SendError> {
    let unusable = |what: &str| SendError::Protocol(format!("the request cannot be built: {what}"));
    let mut headers = HeaderMap::with_capacity(outgoing.headers.len());
    for (name, value) in outgoing.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| unusable("header name"))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| unusable("header value"))?;
        // Kept out of HPACK's tables and of debug output: the owner's values may be passwords.
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = outgoing.url.parse().map_err(|_| unusable("URL"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn read_answer(response: Response<Incoming>, head: &SeenHead) -> Result<Answer, SendError> {
    let status = response.status().as_u16();
    if response.headers().len() > HEADERS_MAX {
        return Err(SendError::Protocol(format!("the answer has more than {HEADERS_MAX} headers")));
    }
    // The client's own limit is on its buffer, which may hold somewhat more when the head ends.
    if head_bytes(response.headers()) > HEAD_BYTES_MAX as usize {
        return Err(SendError::Protocol(format!("the answer's head has more than {HEAD_BYTES_MAX} bytes")));
    }
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    head.saw(status, &headers);
    let mut body = response.into_body();
    let mut read = Vec::new();
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        let broke_off = |error: hyper::Error| SendError::BrokeOff(describe(&error));
        let Ok(data) = frame.map_err(broke_off)?.into_data() else { continue };
        let room = BODY_READ_MAX - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            is_whole = false;
            break;
        }
    }
    Ok(Answer { status, headers, body: read, is_whole })
}

/// The headers with what stands between names and values in HTTP/1.1.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// What an error of the client means. Whatever is known to have gone wrong before the request was sent is
/// told apart from an answer that was no good.
fn classify(error: &hyper_util::client::legacy::Error) -> SendError {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            return match connect {
                ConnectError::Blocked { reason, .. } => {
                    SendError::Blocked { reason: reason.as_str(), detail: connect.to_string() }
                }
                ConnectError::Dns { .. } | ConnectError::NoHost => SendError::Dns(connect.to_string()),
                ConnectError::Connect { .. } | ConnectError::Late(_) => {
                    SendError::Connect(connect.to_string())
                }
            };
        }
        if let Some(tls) = tls_error(cause) {
            return SendError::Tls(explain_tls(tls));
        }
        source = cause.source();
    }
    // While connecting, everything that is not the guard's own is the TLS handshake.
    if error.is_connect() { SendError::Tls(describe(error)) } else { SendError::Protocol(describe(error)) }
}

/// TLS errors travel inside I/O errors, which do not name them as their source.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    inner
        .downcast_ref::<rustls::Error>()
        .or_else(|| inner.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())
}

/// What a refused certificate or handshake means, and what its owner can do.
fn explain_tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else { return error.to_string() };
    match certificate {
        Certificate::Expired | Certificate::ExpiredContext { .. } => {
            "the certificate has expired: renew it".into()
        }
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "the certificate is not valid yet: check its dates and the server's clock".into()
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "the certificate is not for this name: use one that names the URL's host".into()
        }
        Certificate::UnknownIssuer => "the certificate is not from a trusted authority: use one of a public \
             authority, and let the server send the whole chain, intermediates included"
            .into(),
        Certificate::Revoked => "the certificate was revoked: get a new one".into(),
        other => format!("the certificate is refused: {other}"),
    }
}

/// An error with its causes, without repeating what one takes over from the next.
fn describe(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            // The TLS library's own words for it end in an address of its manual.
            Some(ErrorKind::UnexpectedEof) => "the connection was closed in the middle".into(),
            _ => cause.to_string(),
        };
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tower::Service as _;

    use super::*;

    /// Takes every connection and never ends the handshake of one; counts those that are open, and the most
    /// that ever were.
    #[derive(Clone, Default)]
    struct Hanging {
        open: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Drop for Open {
        fn drop(&mut self) {
            self.0.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    struct Open(Hanging);

    impl tower::Service<Uri> for Hanging {
        type Response = ();
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(open, Ordering::Relaxed);
            let socket = Open(self.clone());
            Box::pin(async move {
                let _socket = socket;
                std::future::pending().await
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_never_ends_a_handshake_holds_few_sockets_and_not_for_long() {
        let hanging = Hanging::default();
        let mut bounded = Bounded { connector: hanging.clone(), hosts: Arc::default() };
        let uri = Uri::from_static("https://slow.example/");
        let connecting = (0..100).map(|_| bounded.call(uri.clone()));
        for ended in futures_util::future::join_all(connecting).await {
            let error = ended.expect_err("nobody answers");
            assert!(matches!(error.downcast_ref(), Some(ConnectError::Late(_))), "{error}");
        }
        let counts = (hanging.most.load(Ordering::Relaxed), hanging.open.load(Ordering::Relaxed));
        assert_eq!(counts, (CONNECTING_PER_HOST_MAX, 0));
    }
}
