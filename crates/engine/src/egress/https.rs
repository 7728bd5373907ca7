//! The shared https client: keep-alive, HTTP/2 by ALPN, and a limit on every part of an answer.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::egress::guard::{ConnectError, Guard};
use crate::sender::{Answer, Outgoing, SendError, Transport};

/// Bytes of an answer's body that are read; what is longer is judged by its status alone.
pub const BODY_READ_MAX: usize = 64 * 1024;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 100;
/// How long an idle connection is kept: less than the 5 s after which widespread servers close theirs, so
/// that a request is seldom written into a closing connection.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// Idle connections kept to one host.
const IDLE_PER_HOST_MAX: usize = 32;

/// What the transport is set up with.
#[derive(Debug, Clone, Default)]
pub struct HttpsOptions {
    /// Certificates that are trusted besides the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Sends over real connections, through the guard.
pub struct HttpsTransport {
    client: Client<HttpsConnector<Guard>, Full<Bytes>>,
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
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_headers(HEADERS_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX as usize)
            .http2_max_header_list_size(HEAD_BYTES_MAX)
            .build(connector);
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

#[async_trait]
impl Transport for HttpsTransport {
    async fn post(&self, outgoing: Outgoing) -> Result<Answer, SendError> {
        let request = build_request(outgoing)?;
        let response = self.client.request(request).await.map_err(|error| classify(&error))?;
        read_answer(response).await
    }
}

fn build_request(outgoing: Outgoing) -> Result<Request<Full<Bytes>>, SendError> {
    let unusable = |what: &str| SendError::Protocol(format!("the request cannot be built: {what}"));
    let mut headers = HeaderMap::with_capacity(outgoing.headers.len());
    for (name, value) in &outgoing.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| unusable("header name"))?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| unusable("header value"))?;
        headers.append(name, value);
    }
    let mut request = Request::new(Full::new(outgoing.body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = outgoing.url.parse().map_err(|_| unusable("URL"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn read_answer(response: Response<Incoming>) -> Result<Answer, SendError> {
    let status = response.status().as_u16();
    // The client's own limit is on its buffer, which may hold somewhat more when the head ends.
    if head_bytes(response.headers()) > HEAD_BYTES_MAX as usize {
        return Err(SendError::Protocol(format!("the answer's head has more than {HEAD_BYTES_MAX} bytes")));
    }
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = response.into_body();
    let mut read = Vec::new();
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        let broke_off = |error: hyper::Error| SendError::BrokeOff { status, detail: describe(&error) };
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
                ConnectError::Connect { .. } => SendError::Connect(connect.to_string()),
            };
        }
        if let Some(tls) = tls_error(cause) {
            return SendError::Tls(tls.to_string());
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

/// An error with its causes, without repeating what one takes over from the next.
fn describe(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}
