//! The demo's receiver: an https server of a merchant in a few lines. It verifies the signature and answers
//! what the document asks for.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use bocau_domain::{EventId, SigningSecrets, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, header};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio_util::task::AbortOnDropHandle;

use crate::certificates::certificates;

/// The document's answer, byte for byte.
const ANSWER: &str = include_str!("../../../domain/catalogue/samples/response.json");
/// Requests that are remembered, for the report.
const SEEN_MAX: usize = 16;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The body.
    pub body: Bytes,
    /// Whether the signature is the webhook's over this very body.
    pub is_signed: bool,
}

/// A receiver that runs. Dropping it closes it.
pub struct Receiver {
    address: SocketAddr,
    root: CertificateDer<'static>,
    shared: Arc<Shared>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    secrets: Mutex<Option<SigningSecrets>>,
    seen: Mutex<VecDeque<(EventId, Seen)>>,
}

impl Receiver {
    /// Starts one on a free port of 127.0.0.1, with a certificate made for it.
    pub fn start() -> anyhow::Result<Self> {
        let (root, config) = certificates(&Ipv4Addr::LOCALHOST.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let routes = Router::new().route("/{*path}", post(take)).with_state(shared.clone());
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(Arc::new(config)))?;
        let serving = tokio::spawn(async move {
            if let Err(error) = server.serve(routes.into_make_service()).await {
                tracing::error!(%error, "the demo's receiver has stopped");
            }
        });
        Ok(Self { address, root, shared, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that its certificate is from.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// What signatures are verified with from now on.
    pub fn expect_signatures_of(&self, secrets: SigningSecrets) {
        *self.shared.secrets.lock() = Some(secrets);
    }

    /// The last request with this `webhook-id`, among those remembered.
    pub fn seen(&self, event: EventId) -> Option<Seen> {
        let seen = self.shared.seen.lock();
        seen.iter().rev().find(|(id, _)| *id == event).map(|(_, seen)| seen.clone())
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(event) = text(&headers, "webhook-id").and_then(|id| id.parse().ok()) {
        let is_signed =
            shared.secrets.lock().as_ref().is_some_and(|secrets| is_signed(secrets, event, &headers, &body));
        let mut seen = shared.seen.lock();
        if seen.len() == SEEN_MAX {
            seen.pop_front();
        }
        seen.push_back((event, Seen { body, is_signed }));
    }
    ([(header::CONTENT_TYPE, "application/json")], ANSWER).into_response()
}

/// Whether one of the signatures is ours (Standard Webhooks, “Signature scheme”).
fn is_signed(secrets: &SigningSecrets, event: EventId, headers: &HeaderMap, body: &[u8]) -> bool {
    let seconds = text(headers, "webhook-timestamp").and_then(|seconds| seconds.parse::<i64>().ok());
    let at = seconds.and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp::from_millis);
    let (Some(at), Some(given)) = (at, text(headers, "webhook-signature")) else { return false };
    secrets.verify(event, at, body, given)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
