//! A receiver that writes the bytes it is given, once and then over and over, whatever it is sent. With it a test is
//! a server that no library would be: frames out of order, heads without an end, floods.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::patience::within;
use crate::tls::{Certificate, server_config};

/// What is written at once of bytes that are repeated.
const FLOOD_BYTES: usize = 64 * 1024;

/// How long a client may hold a connection that is of no use: as long as a receiver may take nothing, and then some.
const LEFT_ALONE_WITHIN: Duration = Duration::from_secs(45);

/// What a raw receiver does on each connection, once a request has begun to arrive.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Written first.
    pub once: Vec<u8>,
    /// Written after it without an end; where it is empty, nothing more comes and the connection stays open.
    pub repeated: Vec<u8>,
    /// Waited before each byte of what is repeated; without it, it comes as fast as it is taken.
    pub pace: Option<Duration>,
    /// Whether it goes on reading what it is sent.
    pub reads: bool,
}

impl RawAnswer {
    /// These bytes, then others without an end.
    pub fn flood(once: &[u8], repeated: &[u8]) -> Self {
        Self { once: once.to_vec(), repeated: repeated.to_vec(), pace: None, reads: true }
    }

    /// These bytes, then nothing.
    pub fn then_silence(once: &[u8]) -> Self {
        Self::flood(once, b"")
    }
}

/// The receiver, on a free port of 127.0.0.1. Dropping it closes its port and its connections.
pub struct RawReceiver {
    address: SocketAddr,
    open: Arc<watch::Sender<Connections>>,
    accepting: JoinHandle<()>,
}

/// How many connections came, and how many of them are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// All that ever were.
    pub came: usize,
    /// Those that neither side has closed.
    pub open: usize,
}

impl RawReceiver {
    /// One that speaks this protocol of ALPN (`http/1.1` or `h2`) and answers like this.
    pub async fn start(protocol: &str, answer: RawAnswer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let tls = TlsAcceptor::from(server_config(Certificate::Good, &[protocol]));
        let open = Arc::new(watch::Sender::default());
        let accepting = tokio::spawn(accept_all(listener, tls, answer, open.clone()));
        Self { address, open, accepting }
    }

    /// Its URL.
    pub fn https_url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Its connections.
    pub fn connections(&self) -> Connections {
        *self.open.borrow()
    }

    /// Waits until its client has closed all connections.
    pub async fn until_left_alone(&self, what: &str) {
        let mut open = self.open.subscribe();
        let closing = async { open.wait_for(|all| all.open == 0).await.is_ok() };
        let is_closed =
            within(LEFT_ALONE_WITHIN, closing, || format!("{what}: {:?}", self.connections())).await;
        assert!(is_closed, "the receiver holds the other end");
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(
    listener: TcpListener,
    tls: TlsAcceptor,
    answer: RawAnswer,
    open: Arc<watch::Sender<Connections>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        open.send_modify(|all| *all = Connections { came: all.came + 1, open: all.open + 1 });
        let (tls, answer, open) = (tls.clone(), answer.clone(), open.clone());
        connections.spawn(async move {
            // Every end is the client's.
            let _ = serve(stream, tls, answer).await;
            open.send_modify(|all| all.open -= 1);
        });
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, answer: RawAnswer) -> io::Result<()> {
    let (mut reading, writing) = tokio::io::split(tls.accept(stream).await?);
    let mut some = [0; 256];
    if reading.read(&mut some).await? == 0 {
        return Ok(());
    }
    let is_quiet = answer.repeated.is_empty();
    let writing = write(writing, &answer);
    if answer.reads || is_quiet {
        tokio::select! {
            written = writing => written,
            read = read_on(reading) => read,
        }
    } else {
        writing.await
    }
}

async fn read_on(mut reading: ReadHalf<TlsStream<TcpStream>>) -> io::Result<()> {
    let mut ignored = vec![0; 16 * 1024];
    while reading.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn write(mut writing: WriteHalf<TlsStream<TcpStream>>, answer: &RawAnswer) -> io::Result<()> {
    writing.write_all(&answer.once).await?;
    writing.flush().await?;
    if answer.repeated.is_empty() {
        return std::future::pending().await;
    }
    let clock = SystemClock::new();
    let flood = answer.repeated.repeat(FLOOD_BYTES.div_ceil(answer.repeated.len()));
    loop {
        match answer.pace {
            None => writing.write_all(&flood).await?,
            Some(pace) => {
                for byte in &answer.repeated {
                    clock.sleep(pace).await;
                    writing.write_all(&[*byte]).await?;
                    writing.flush().await?;
                }
            }
        }
    }
}
