//! The merchant's server: answers as the document says, as fast as it can, and knows what has arrived.
//!
//! A URL ends with the number of its webhook. Under `/hang` nothing is ever answered. While it is down, connections are
//! refused.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::arrivals::Arrivals;
use crate::certificates::{self, Authority};
use crate::event_key;

const ANSWER: &[u8] = br#"{"status": 200, "message": "OK"}"#;
const BACKLOG: u32 = 1_024;

/// A receiver on this machine.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Who signed its certificate.
    pub(crate) authority: Authority,
    /// What has arrived.
    pub(crate) arrivals: Arc<Arrivals>,
    is_up: watch::Sender<bool>,
    /// Never listens: it keeps the port while nobody does.
    _port: TcpSocket,
}

impl Receiver {
    /// Starts one, with TLS or without.
    pub(crate) fn start(with_tls: bool) -> anyhow::Result<Self> {
        let port = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = port.local_addr()?;
        let listener = socket(address)?.listen(BACKLOG)?;
        let (authority, tls) = certificates::make()?;
        let arrivals = Arc::new(Arrivals::default());
        let acceptor = with_tls.then(|| TlsAcceptor::from(tls));
        let (is_up, told) = watch::channel(true);
        tokio::spawn(stand(listener, acceptor, arrivals.clone(), told));
        Ok(Self { address, authority, arrivals, is_up, _port: port })
    }

    /// The URL of a webhook.
    pub(crate) fn url(&self, number: usize) -> String {
        format!("https://{}/{number}", self.address)
    }

    /// The URL of a webhook that is never answered.
    pub(crate) fn hanging_url(&self) -> String {
        format!("https://{}/hang", self.address)
    }

    /// Ends all connections, and refuses new ones.
    pub(crate) fn go_down(&self) {
        self.is_up.send_replace(false);
    }

    /// Takes connections again.
    pub(crate) fn come_back(&self) {
        self.is_up.send_replace(true);
    }
}

/// A socket on an address that others of these may have too.
fn socket(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens whenever it is up, until the receiver is dropped.
async fn stand(
    mut listener: TcpListener,
    tls: Option<TlsAcceptor>,
    arrivals: Arc<Arrivals>,
    mut is_up: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    loop {
        accept(listener, tls.as_ref(), &arrivals, &mut is_up).await;
        let is_dropped = is_up.has_changed().is_err();
        if is_dropped || is_up.wait_for(|is_up| *is_up).await.is_err() {
            return Ok(());
        }
        listener = socket(address)?.listen(BACKLOG)?;
    }
}

/// Takes connections until it is told to go down; then none is left.
async fn accept(
    listener: TcpListener,
    tls: Option<&TlsAcceptor>,
    arrivals: &Arc<Arrivals>,
    is_up: &mut watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, tls.cloned(), arrivals.clone()));
            },
            Some(_) = connections.join_next() => {}
            _ = is_up.wait_for(|is_up| !is_up) => return,
        }
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, arrivals: Arc<Arrivals>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &arrivals));
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

async fn answer(
    request: Request<Incoming>,
    arrivals: &Arrivals,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let _ = body.collect().await;
    let id = head.headers.get("webhook-id").and_then(|id| event_key::read(id.to_str().ok()?));
    let path = head.uri.path().trim_start_matches('/');
    if path == "hang" {
        std::future::pending::<()>().await;
    }
    if let (Some(event), Ok(webhook)) = (id, path.parse()) {
        arrivals.note(event, webhook);
    }
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}
