//! A TCP proxy that breaks what goes through it: to a database, or to a receiver.
//!
//! What a test says holds at once, for connections that are there as for those that come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It passes.
    None,
    /// Every connection is reset, those that come as well.
    Cut,
    /// Connections stand and are taken in, and nothing passes: a cable that was pulled out behind a switch.
    BlackHole,
    /// What the client says passes, and the answers do not: a firewall that has forgotten one way.
    HalfOpen,
    /// What the client says does not pass, and the answers do: the same the other way round.
    Unheard,
    /// Connections that stood when it began are in the hole for good; new ones pass: a firewall that was restarted.
    Forgotten,
    /// Every piece waits this long.
    Slow(Duration),
    /// Each connection is reset once this many bytes of answers have passed.
    ResetAfter(usize),
    /// Each connection is ended in order once this many bytes of answers have passed: less than was announced.
    EndAfter(usize),
}

/// The proxy. Dropping it closes its port and its connections.
pub struct FaultProxy {
    address: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// The largest piece that passes at once.
const PIECE_BYTES: usize = 16 * 1024;

impl FaultProxy {
    /// A proxy in front of `target`; everything passes.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let connections = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept_all(listener, target, fault.clone(), connections.clone()));
        Self { address, fault, connections, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this happens.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(
    listener: TcpListener,
    target: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    count: Arc<AtomicUsize>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        count.fetch_add(1, Ordering::Relaxed);
        connections.spawn(pass_through(client, target, fault.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass_through(mut client: TcpStream, target: SocketAddr, mut fault: watch::Receiver<Fault>) {
    // One that connects into the hole is taken in by the system's backlog, as behind a switch.
    let waited = fault.wait_for(|fault| *fault != Fault::BlackHole).await.map(|fault| *fault);
    if matches!(waited, Err(_) | Ok(Fault::Cut)) {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return reset(&client) };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let began = if *fault.borrow() == Fault::Forgotten { Fault::Forgotten } else { Fault::None };
    let is_reset = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        let mut cut = fault.clone();
        let there = pump(client_reads, server_writes, fault.clone(), Way { began, is_answer: false });
        let back = pump(server_reads, client_writes, fault, Way { began, is_answer: true });
        tokio::select! {
            ends = async { tokio::try_join!(there, back) } => ends.is_err(),
            _ = cut.wait_for(|fault| *fault == Fault::Cut) => true,
        }
    };
    if is_reset {
        reset(&client);
        reset(&server);
    }
}

/// The connection is to be reset.
struct Reset;

/// One direction of a connection.
struct Way {
    /// [`Fault::Forgotten`] where that was so when it began.
    began: Fault,
    is_answer: bool,
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut fault: watch::Receiver<Fault>,
    way: Way,
) -> Result<(), Reset> {
    let Way { began, is_answer } = way;
    let mut is_forgotten = false;
    let clock = SystemClock::new();
    let mut passed = 0;
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(mut length @ 1..) = from.read(&mut piece).await {
        is_forgotten |= *fault.borrow() == Fault::Forgotten && began != Fault::Forgotten;
        let holds = |fault: &Fault| {
            let holds_all = is_forgotten || *fault == Fault::BlackHole;
            let holds_way = if is_answer { Fault::HalfOpen } else { Fault::Unheard };
            holds_all || *fault == holds_way
        };
        let Ok(now) = fault.wait_for(|fault| !holds(fault)).await.map(|fault| *fault) else { break };
        let mut is_last = false;
        match now {
            Fault::Slow(span) => clock.sleep(span).await,
            Fault::ResetAfter(bytes) | Fault::EndAfter(bytes) if is_answer && passed + length >= bytes => {
                length = bytes.saturating_sub(passed);
                is_last = true;
            }
            _ => {}
        }
        passed += length;
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
        if is_last && matches!(now, Fault::ResetAfter(_)) {
            return Err(Reset);
        }
        if is_last {
            break;
        }
    }
    let _ = to.shutdown().await;
    Ok(())
}

/// The system answers with a reset when the stream is dropped.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patience::capped;

    /// A server that answers each piece with as many bytes, and a proxy in front of it.
    async fn echo() -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    let _ = tokio::io::copy(&mut reads, &mut writes).await;
                });
            }
        });
        FaultProxy::start(address).await
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        let read = capped(stream.read(&mut answer), || "no answer".into()).await?;
        answer.truncate(read);
        Ok(answer)
    }

    #[tokio::test]
    async fn what_is_said_passes_until_it_is_cut_and_then_is_reset() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("it listens");
        assert_eq!(ask(&mut stream, b"one").await.expect("it passes"), b"one");
        proxy.set(Fault::Cut);
        let error = capped(stream.read(&mut [0; 8]), || "no end".into()).await.expect_err("it is reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the port is there");
        let end = capped(stream.read(&mut [0; 8]), || "no end".into()).await;
        assert!(!matches!(end, Ok(1..)), "{end:?}");
        proxy.set(Fault::None);
        let mut stream = TcpStream::connect(proxy.address()).await.expect("it listens");
        assert_eq!(ask(&mut stream, b"two").await.expect("it passes again"), b"two");
        assert_eq!(proxy.connections(), 3);
    }

    #[tokio::test]
    async fn what_fell_into_the_hole_comes_out_when_it_is_mended() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("it listens");
        assert_eq!(ask(&mut stream, b"one").await.expect("it passes"), b"one");
        for fault in [Fault::BlackHole, Fault::HalfOpen, Fault::Unheard] {
            proxy.set(fault);
            stream.write_all(b"two").await.expect("the system takes it");
            proxy.set(Fault::None);
            let mut answer = [0; 3];
            capped(stream.read_exact(&mut answer), || "no answer".into()).await.expect("it passes");
            assert_eq!(&answer, b"two");
        }
    }

    #[tokio::test]
    async fn an_answer_is_ended_or_reset_where_it_is_told_to() {
        for (fault, is_reset) in [(Fault::EndAfter(2), false), (Fault::ResetAfter(2), true)] {
            let proxy = echo().await;
            proxy.set(fault);
            let mut stream = TcpStream::connect(proxy.address()).await.expect("it listens");
            stream.write_all(b"answer").await.expect("sent");
            let mut answer = Vec::new();
            let end = capped(stream.read_to_end(&mut answer), || "no end".into()).await;
            assert_eq!(end.is_err(), is_reset, "{fault:?}: {end:?}");
            assert!(answer.len() <= 2 && (is_reset || answer == b"an"), "{answer:?}");
        }
    }
}
