//! A scripted https receiver on a free port of 127.0.0.1. It speaks HTTP/1.1 by hand, so that it can
//! misbehave in every way that a stranger's server may.
//!
//! - [`reply`]: what it answers
//! - `wire`: how requests are read and replies written
//! - `http2`: the same over HTTP/2, for what is no misbehaviour of HTTP/1.1

mod http2;
mod reply;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bocau_domain::{Clock, Timestamp};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use reply::{Gate, Reply};

use crate::patience::capped;
use crate::tls::{Certificate, TestCa, server_config};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Counts from 0, over all paths.
    pub number: usize,
    /// Which connection it came on; counts from 0.
    pub connection: usize,
    /// When, by the clock handed in.
    pub at: Option<Timestamp>,
    /// The method.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// The headers in their order, their names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// How a receiver is set up.
#[derive(Clone, Default)]
pub struct ReceiverOptions {
    /// What certificate it shows.
    pub certificate: Certificate,
    /// Whether it speaks HTTP/2 and nothing else.
    pub http2: bool,
    /// What tells the time of arrivals.
    pub clock: Option<Arc<dyn Clock>>,
}

/// The receiver. Dropping it closes its port and its connections.
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    arrived: watch::Sender<usize>,
    connections: AtomicUsize,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Default)]
struct Script {
    queued: HashMap<String, VecDeque<Reply>>,
    standing: HashMap<String, Reply>,
    default: Option<Reply>,
    requests: Vec<Request>,
    journal: Option<File>,
}

impl Receiver {
    /// A receiver with a good certificate.
    pub async fn start() -> Self {
        Self::with(ReceiverOptions::default()).await
    }

    /// A receiver set up like this.
    pub async fn with(options: ReceiverOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let protocol = if options.http2 { "h2" } else { "http/1.1" };
        let tls = TlsAcceptor::from(server_config(options.certificate, &[protocol]));
        let shared = Arc::new(Shared {
            script: Mutex::default(),
            arrived: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            clock: options.clock,
        });
        let accepting = tokio::spawn(accept_all(listener, tls, shared.clone(), options.http2));
        Self { shared, address, accepting }
    }

    /// The certificate of the authority that vouches for it, as PEM.
    pub fn ca_pem(&self) -> &'static str {
        TestCa::shared().pem()
    }

    /// The same as DER.
    pub fn ca_der(&self) -> CertificateDer<'static> {
        TestCa::shared().der().clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL with this path.
    pub fn https_url(&self, path: &str) -> String {
        self.https_url_at("127.0.0.1", path)
    }

    /// Its URL by another name of it.
    pub fn https_url_at(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// Appends to what requests to `path` are answered.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.shared.script.lock().queued.entry(path.to_owned()).or_default().push_back(reply);
    }

    /// What requests to `path` are answered once nothing else is left for them.
    pub fn always(&self, path: &str, reply: Reply) {
        self.shared.script.lock().standing.insert(path.to_owned(), reply);
    }

    /// What all other requests are answered; [`Reply::acknowledged`] unless set.
    pub fn default_reply(&self, reply: Reply) {
        self.shared.script.lock().default = Some(reply);
    }

    /// Writes the `webhook-id` of whatever arrives from now on into this file, a line each, before it is answered.
    ///
    /// # Panics
    ///
    /// Where the file cannot be made.
    pub fn journal_to(&self, path: &Path) {
        self.shared.script.lock().journal = Some(File::create_new(path).expect("a new file"));
    }

    /// All that has arrived, in its order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.script.lock().requests.clone()
    }

    /// What has arrived at this path.
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.path == path).collect()
    }

    /// How many requests have arrived.
    pub fn count(&self) -> usize {
        self.shared.script.lock().requests.len()
    }

    /// Waits until `count` requests have arrived in all, and answers them.
    pub async fn wait_for(&self, count: usize) -> Vec<Request> {
        self.wait_until(count, |_| true).await
    }

    /// Waits until `count` requests have arrived at this path, and answers them.
    pub async fn wait_for_at(&self, path: &str, count: usize) -> Vec<Request> {
        self.wait_until(count, |request| request.path == path).await
    }

    async fn wait_until(&self, count: usize, counts: impl Fn(&Request) -> bool) -> Vec<Request> {
        let found = || self.requests().into_iter().filter(&counts).collect::<Vec<_>>();
        let mut arrived = self.shared.arrived.subscribe();
        let waiting = async {
            loop {
                arrived.borrow_and_update();
                let found = found();
                if found.len() >= count {
                    return found;
                }
                arrived.changed().await.expect("the receiver holds the other end");
            }
        };
        capped(waiting, || {
            let came: Vec<String> = self
                .requests()
                .iter()
                .map(|request| format!("{} {}", request.method, request.path))
                .collect();
            format!("waiting for {count} requests; came {}: {came:?}", came.len())
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Keeps a request, and says what to answer.
    fn take(&self, mut request: Request) -> Reply {
        let (reply, count) = {
            let mut script = self.script.lock();
            request.number = script.requests.len();
            request.at = self.clock.as_ref().map(|clock| clock.now());
            let reply = script.reply_to(&request.path);
            if let Some(journal) = &mut script.journal {
                let line = format!("{}\n", request.header("webhook-id").unwrap_or_default());
                journal.write_all(line.as_bytes()).expect("the journal takes it");
            }
            script.requests.push(request);
            (reply, script.requests.len())
        };
        self.arrived.send_replace(count);
        reply
    }
}

impl Script {
    fn reply_to(&mut self, path: &str) -> Reply {
        let queued = self.queued.get_mut(path).and_then(VecDeque::pop_front);
        queued
            .or_else(|| self.standing.get(path).cloned())
            .or_else(|| self.default.clone())
            .unwrap_or_else(Reply::acknowledged)
    }
}

async fn accept_all(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>, http2: bool) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, tls.clone(), shared.clone(), http2));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>, http2: bool) {
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
    let _ = stream.set_nodelay(true);
    // Clients that refuse the certificate hang up here, as those do below that have heard enough.
    let Ok(stream) = tls.accept(stream).await else { return };
    if http2 {
        http2::serve(stream, connection, shared).await;
    } else {
        let _ = wire::serve(stream, connection, &shared).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_from_the_paths_queue_then_its_standing_one_then_the_default() {
        let mut script = Script::default();
        script.queued.entry("/a".into()).or_default().push_back(Reply::status(500));
        script.standing.insert("/a".into(), Reply::status(404));
        let statuses = ["/a", "/a", "/b"].map(|path| script.reply_to(path).status_code());
        assert_eq!(statuses, [Some(500), Some(404), Some(200)]);
    }
}
