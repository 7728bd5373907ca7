//! The listener of the API: HTTP/1.1 with a limit on whatever a client may hold up.
//!
//! A client that is slow with the head of its request is dropped, one that is slow with the body is answered
//! 408, and all of them together hold a bounded number of connections; those beyond are answered 503. HTTP/2
//! without TLS is left out on purpose: telling the two apart waits for the client's first bytes without a
//! deadline. TLS, where it is set up (see [`crate::tls`]), has the same limits around it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use axum::body::Body;
use axum::response::Response;
use bocau_api::Problem;
use bocau_api::auth::client::Peer;
use bocau_api::problem::Language;
use bocau_engine::EngineClock;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// How long a client may take for the head of a request; also how long an idle connection is kept.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a client may take from the head of a request to its answer: 8 MiB at a little over 1 Mbit/s.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(1);
/// How long a client may take nothing of an answer that is ready for it.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Connections at once, where the system's limit of open files allows as many.
const CONNECTIONS_MAX: usize = 8_192;
/// Connections at once at least, however low that limit is.
const CONNECTIONS_MIN: usize = 64;
/// Connections that wait to be taken in; systems allow 4,096.
const BACKLOG: u32 = 4_096;
/// One place in so many is for connections beyond the others, which are told so and closed: a client that is left in the
/// system's backlog instead takes itself for connected, and waits until some other's idle connection is over.
const REFUSALS_SHARE: usize = 4;
/// How long such a connection may take for the head of its request, and as long for its body; and how many bytes of that
/// are read before it is answered, as not every client reads an answer while it still writes.
const REFUSAL_TIME_MAX: Duration = Duration::from_millis(250);
const REFUSAL_HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(2);
const REFUSAL_BODY_BYTES_MAX: usize = 1024 * 1024;
/// What is answered on them all the same: a server that is busy is not one to be restarted.
const NEVER_REFUSED: &[&str] = &["/livez", "/readyz", "/metrics"];
/// Open files kept for the database, idle connections to receivers, and the rest of the process.
const FILES_RESERVED: usize = 256;
/// How long accepting rests when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that is bound and not yet answering; what connects meanwhile waits in its backlog.
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl HttpServer {
    /// Takes the port.
    pub fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        match listen(address) {
            Ok(listener) => {
                let address = listener.local_addr()?;
                Ok(Self { listener, address, tls: None })
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                bail!(
                    "{address} is taken by another program; set listen (BOCAU_LISTEN, --listen) to another address"
                )
            }
            Err(error) => bail!("cannot listen on {address}: {error}"),
        }
    }

    /// Where it listens, with the port the system chose where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// With TLS on every connection.
    #[must_use]
    pub fn with_tls(self, tls: Option<TlsAcceptor>) -> Self {
        Self { tls, ..self }
    }

    /// Answers until `stop`, then ends when the requests under way are answered.
    pub async fn run(
        self,
        router: axum::Router,
        clock: Arc<dyn EngineClock>,
        connections_max: usize,
        stop: CancellationToken,
    ) {
        let refused = (connections_max / REFUSALS_SHARE).max(1);
        let rooms = Rooms {
            guests: Arc::new(Semaphore::new(connections_max.saturating_sub(refused).max(1))),
            refused: Arc::new(Semaphore::new(refused)),
        };
        let connections = TaskTracker::new();
        loop {
            let (stream, place) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = accept(&self.listener, &rooms, &*clock) => accepted,
            };
            let parts = Parts {
                router: router.clone(),
                clock: clock.clone(),
                stop: stop.clone(),
                is_refused: place.is_refused,
            };
            connections.spawn(welcome(stream, self.tls.clone(), parts, place));
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

/// Binds as [`TcpListener::bind`] does, with room for more that have come and are not yet taken in: where there is none,
/// the system lets clients take themselves for connected and has them try again, for up to half a minute.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that is started again takes the port over from connections that are just ending.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many connections there may be of each kind.
struct Rooms {
    guests: Arc<Semaphore>,
    refused: Arc<Semaphore>,
}

/// What a connection takes up as long as it stands.
struct Place {
    is_refused: bool,
    _permit: OwnedSemaphorePermit,
}

impl Rooms {
    /// The best place that is free, when one is.
    async fn place(&self) -> Place {
        let open = "the semaphore is never closed";
        tokio::select! {
            biased;
            permit = self.guests.clone().acquire_owned() => {
                Place { is_refused: false, _permit: permit.expect(open) }
            }
            permit = self.refused.clone().acquire_owned() => {
                Place { is_refused: true, _permit: permit.expect(open) }
            }
        }
    }
}

/// The next connection that there is room for.
async fn accept(listener: &TcpListener, rooms: &Rooms, clock: &dyn EngineClock) -> (TcpStream, Place) {
    loop {
        match listener.accept().await {
            // Not before it has come: a place may be free by then.
            Ok((stream, _)) => return (stream, rooms.place().await),
            // The client has gone again.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What a connection works with.
struct Parts {
    router: axum::Router,
    clock: Arc<dyn EngineClock>,
    stop: CancellationToken,
    is_refused: bool,
}

/// One connection, from its handshake to its end.
async fn welcome(stream: TcpStream, tls: Option<TlsAcceptor>, parts: Parts, _place: Place) {
    // Answers are small and written whole: waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let peer = match stream.peer_addr() {
        Ok(address) => Peer(address.ip()),
        Err(error) => return tracing::debug!(%error, "a connection broke off"),
    };
    let stream = Box::pin(impatient(stream));
    let Some(tls) = tls else { return converse(stream, peer, parts).await };
    let time_max = if parts.is_refused { REFUSAL_HANDSHAKE_TIME_MAX } else { HANDSHAKE_TIME_MAX };
    let handshake = tokio::select! {
        handshake = tls.accept(stream) => handshake,
        () = parts.clock.sleep(time_max) => return,
        () = parts.stop.cancelled() => return,
    };
    match handshake {
        Ok(stream) => converse(stream, peer, parts).await,
        Err(error) => tracing::debug!(%error, "a TLS handshake broke off"),
    }
}

/// The requests of one connection, one after the other.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, parts: Parts) {
    let Parts { router, clock, stop, is_refused } = parts;
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        answer(router.clone(), clock.clone(), request, is_refused)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_refused { REFUSAL_TIME_MAX } else { HEAD_TIME_MAX })
        .keep_alive(!is_refused)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// A client that stops reading loses its connection, and with it the answers that were kept for it.
fn impatient(stream: TcpStream) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL_MAX));
    stream
}

async fn answer(
    router: axum::Router,
    clock: Arc<dyn EngineClock>,
    request: Request<Incoming>,
    is_refused: bool,
) -> Result<Response, Infallible> {
    let answering = async {
        if is_refused && !NEVER_REFUSED.contains(&request.uri().path()) {
            return Ok(refuse(request, &*clock).await);
        }
        router.oneshot(request.map(Body::new)).await
    };
    tokio::select! {
        response = answering => response,
        () = clock.sleep(REQUEST_TIME_MAX) => {
            let mut response = Problem::too_slow().render(Language::default());
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            Ok(response)
        }
    }
}

/// What the connections are told that are too many.
async fn refuse(request: Request<Incoming>, clock: &dyn EngineClock) -> Response {
    metrics::counter!("bocau_connections_refused_total").increment(1);
    // What is longer, or does not come, is not waited for.
    tokio::select! {
        _ = Limited::new(request.into_body(), REFUSAL_BODY_BYTES_MAX).collect() => {}
        () = clock.sleep(REFUSAL_TIME_MAX) => {}
    }
    Problem::too_many_connections().render(Language::default())
}

/// Asks the system for as many open files as it lets the process have, and answers how many connections that
/// leaves beside `in_flight_max` attempts: else a crowd of clients could keep deliveries from connecting.
pub fn connections_max(in_flight_max: usize) -> usize {
    let files = raise_file_limit().unwrap_or(usize::MAX);
    files.saturating_sub(in_flight_max + FILES_RESERVED).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

/// The limit of open files after raising it; none where there is none.
#[cfg(unix)]
fn raise_file_limit() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Enough for all that the server opens; systems often allow absurdly more.
    const FILES_WANTED: u64 = 65_536;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current?;
    let wanted = maximum.unwrap_or(FILES_WANTED).min(FILES_WANTED).max(current);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    usize::try_from(if raised.is_ok() { wanted } else { current }).ok()
}

#[cfg(not(unix))]
fn raise_file_limit() -> Option<usize> {
    None
}
