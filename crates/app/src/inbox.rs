//! The listener of the test inboxes (hộp thử): an https server on a free port of this machine, which deliveries
//! to `https://inbox.bocau.test/<token>` are connected to and nothing else.
//!
//! It keeps what arrives, says whether a webhook of the inbox's store signed it, and answers what the inbox is
//! set to. The sender knows it by a certificate that is made at the start and trusted by this process alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use bocau_domain::limits::{INBOX_BODY_BYTES_MAX, PAYLOAD_BYTES_MAX};
use bocau_domain::{
    EventId, INBOX_HOST, IdSource, Inbox, InboxAnswer, InboxRequest, Rng, StoreId, Timestamp,
};
use bocau_engine::EngineClock;
use bocau_store::{Store, StoreError};
use http::StatusCode;
use http_body_util::BodyExt as _;
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::certificates::certificates;

/// How late a slow answer is.
const SLOW_ANSWER: Duration = Duration::from_secs(8);
/// The header with the signatures.
const SIGNATURE: &str = "webhook-signature";

/// The listener. Dropping it closes it with its connections.
pub struct InboxListener {
    address: SocketAddr,
    root: CertificateDer<'static>,
    handle: Handle<SocketAddr>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    ids: Arc<IdSource>,
}

impl InboxListener {
    /// Starts it on a free port of 127.0.0.1, with a certificate made for it.
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn EngineClock>,
        rng: Arc<dyn Rng>,
    ) -> anyhow::Result<Self> {
        let (root, config) = certificates(INBOX_HOST)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("the test inboxes have no port of this machine")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let ids = Arc::new(IdSource::new(clock.clone(), rng));
        let routes = Router::new()
            .route("/{token}", post(take))
            .fallback(async || answer(StatusCode::NOT_FOUND, "Not Found"))
            .with_state(Shared { store, clock, ids });
        tracing::info!(%address, "test inboxes listen");
        let handle = Handle::new();
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(Arc::new(config)))?
            .handle(handle.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = server.serve(routes.into_make_service()).await {
                tracing::error!(%error, "the listener of the test inboxes has stopped");
            }
        });
        Ok(Self { address, root, handle, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that its certificate is from.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }
}

impl Drop for InboxListener {
    fn drop(&mut self) {
        // Connections have tasks of their own.
        self.handle.shutdown();
    }
}

/// Keeps a request and answers it.
async fn take(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let inbox = match shared.store.find_inbox_by_token(&token).await {
        Ok(Some(inbox)) => inbox,
        Ok(None) => return answer(StatusCode::NOT_FOUND, "There is no such inbox"),
        Err(error) => return not_kept(&error),
    };
    let Ok(body) = read(body).await else {
        return answer(StatusCode::BAD_REQUEST, "The body broke off");
    };
    let status = match inbox.answer {
        InboxAnswer::Ok | InboxAnswer::Slow => StatusCode::OK,
        InboxAnswer::Fail => StatusCode::INTERNAL_SERVER_ERROR,
    };
    match shared.keep(&inbox, &headers, body, status).await {
        Ok(true) => {}
        Ok(false) => return answer(StatusCode::NOT_FOUND, "There is no such inbox"),
        Err(error) => return not_kept(&error),
    }
    if inbox.answer == InboxAnswer::Slow {
        shared.clock.sleep(SLOW_ANSWER).await;
    }
    let message = if status == StatusCode::OK { "OK" } else { "This inbox is set to fail" };
    answer(status, message)
}

/// The answer of the document.
fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "status": status.as_u16(), "message": message }))).into_response()
}

fn not_kept(error: &StoreError) -> Response {
    tracing::warn!(%error, "a test inbox could not keep a request");
    answer(StatusCode::SERVICE_UNAVAILABLE, "The request could not be kept")
}

/// What a body has, as far as it counts.
struct Read {
    bytes: Vec<u8>,
    /// Whether that is all; what is longer than a payload may be is no delivery of ours.
    is_whole: bool,
}

async fn read(mut body: Body) -> Result<Read, axum::Error> {
    let mut read = Read { bytes: Vec::new(), is_whole: true };
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = PAYLOAD_BYTES_MAX - read.bytes.len();
        read.bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            read.is_whole = false;
            break;
        }
    }
    Ok(read)
}

impl Shared {
    /// False where the inbox has gone meanwhile.
    async fn keep(
        &self,
        inbox: &Inbox,
        headers: &HeaderMap,
        body: Read,
        status: StatusCode,
    ) -> Result<bool, StoreError> {
        let verified = self.verified(&inbox.store, headers, &body).await?;
        let mut kept = body.bytes;
        kept.truncate(INBOX_BODY_BYTES_MAX);
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let request = InboxRequest {
            id: self.ids.inbox_request_id(),
            inbox: inbox.id,
            at: self.clock.now(),
            headers: headers.iter().map(header).collect(),
            body: kept,
            verified,
            answer_status: status.as_u16(),
        };
        self.store.add_inbox_request(request).await
    }

    /// Whether a webhook of the store signed this; none where nobody did.
    async fn verified(
        &self,
        store: &StoreId,
        headers: &HeaderMap,
        body: &Read,
    ) -> Result<Option<bool>, StoreError> {
        if !headers.contains_key(SIGNATURE) {
            return Ok(None);
        }
        let (Some((event, at, given)), true) = (signed(headers), body.is_whole) else {
            return Ok(Some(false));
        };
        let routes = self.store.routes(store).await?;
        let mut webhooks = routes.iter().flat_map(|routes| &routes.webhooks);
        Ok(Some(webhooks.any(|webhook| webhook.secrets.verify(event, at, &body.bytes, given))))
    }
}

/// What a signature is made over besides the body, and the signature (Standard Webhooks, “Signature scheme”).
fn signed(headers: &HeaderMap) -> Option<(EventId, Timestamp, &str)> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let event = text("webhook-id")?.parse().ok()?;
    let at = text("webhook-timestamp")?.parse::<i64>().ok()?.checked_mul(1_000)?;
    Some((event, Timestamp::from_millis(at), text(SIGNATURE)?))
}
