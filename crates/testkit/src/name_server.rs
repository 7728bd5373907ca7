//! A name server that speaks DNS (RFC 1035) over UDP and TCP and answers what the test says: what a resolver makes of
//! a CNAME, of a time to live of 0 and of an answer that fits no datagram is seen with it alone.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// Bytes of an answer over UDP; a longer one must be asked for over TCP.
const DATAGRAM_BYTES_MAX: usize = 512;
const HEAD_BYTES: usize = 12;
const PORTS_TRIED: usize = 100;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// An answer, to a question that wished for recursion, by a server that offers it.
const ANSWER: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;
const NO_SUCH_NAME: u16 = 3;

/// What is answered about a name.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    /// The names that lead to the addresses, one after the other.
    pub cnames: Vec<String>,
    /// The addresses at their end.
    pub addresses: Vec<IpAddr>,
    /// How long it may be remembered, in seconds.
    pub ttl: u32,
}

impl Zone {
    /// These addresses, written as text, which nobody may remember.
    pub fn of(addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().expect("an IP address")).collect();
        Self { addresses, ..Self::default() }
    }

    /// The same by way of another name.
    #[must_use]
    pub fn by_way_of(mut self, name: &str) -> Self {
        self.cnames.push(name.to_owned());
        self
    }

    /// To be remembered for so many seconds.
    #[must_use]
    pub fn for_seconds(self, ttl: u32) -> Self {
        Self { ttl, ..self }
    }
}

/// The server, on one port of 127.0.0.1 for UDP and TCP. Dropping it closes it.
pub struct NameServer {
    address: SocketAddr,
    script: Arc<Mutex<HashMap<String, Host>>>,
    serving: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Host {
    zones: VecDeque<Zone>,
    asked_for_ipv4: usize,
}

impl NameServer {
    /// A server that knows no name.
    pub async fn start() -> Self {
        let (udp, tcp) = bind().await;
        let address = udp.local_addr().expect("it is bound");
        let script: Arc<Mutex<HashMap<String, Host>>> = Arc::default();
        let serving = [
            tokio::spawn(serve_datagrams(udp, script.clone())),
            tokio::spawn(serve_connections(tcp, script.clone())),
        ];
        Self { address, script, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Appends to what is said of `host`, a look-up each; the last is said for good.
    pub fn answer(&self, host: &str, zone: Zone) {
        self.script.lock().entry(host.to_owned()).or_default().zones.push_back(zone);
    }

    /// How often the IPv4 addresses of `host` were asked for.
    pub fn asked(&self, host: &str) -> usize {
        self.script.lock().get(host).map_or(0, |host| host.asked_for_ipv4)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

/// The same port for both; one that is free for TCP may be taken for UDP.
async fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..PORTS_TRIED {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = tcp.local_addr().expect("it is bound");
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp);
        }
    }
    panic!("no port of {PORTS_TRIED} is free for both");
}

type Script = Arc<Mutex<HashMap<String, Host>>>;

async fn serve_datagrams(socket: UdpSocket, script: Script) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let Some(mut answer) = answer(&buffer[..length], &script) else { continue };
        if answer.len() > DATAGRAM_BYTES_MAX {
            answer = truncated(&buffer[..length]).unwrap_or_default();
        }
        // A client that is gone asks no more.
        let _ = socket.send_to(&answer, peer).await;
    }
}

async fn serve_connections(listener: TcpListener, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        let script = script.clone();
        tokio::spawn(async move {
            // It ends with the client's end of the connection.
            let _ = converse(stream, &script).await;
        });
    }
}

async fn converse(mut stream: TcpStream, script: &Script) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        let Some(answer) = answer(&question, script) else { return Ok(()) };
        let length = u16::try_from(answer.len()).expect("the test's answer fits a message");
        stream.write_u16(length).await?;
        stream.write_all(&answer).await?;
    }
}

/// What is asked: the name, the type, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let (mut labels, mut place) = (Vec::new(), HEAD_BYTES);
    loop {
        let length = usize::from(*message.get(place)?);
        place += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(place..place + length)?).to_ascii_lowercase());
        place += length;
    }
    let kind = u16::from_be_bytes(message.get(place..place + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, place + 4))
}

fn head(message: &[u8], flags: u16, answers: usize) -> Option<Vec<u8>> {
    let (_, _, end) = question(message)?;
    let mut head = message.get(..2)?.to_vec();
    head.extend(flags.to_be_bytes());
    head.extend(1_u16.to_be_bytes());
    head.extend(u16::try_from(answers).ok()?.to_be_bytes());
    head.extend([0; 4]);
    head.extend(message.get(HEAD_BYTES..end)?);
    Some(head)
}

fn truncated(message: &[u8]) -> Option<Vec<u8>> {
    head(message, ANSWER | TRUNCATED, 0)
}

fn answer(message: &[u8], script: &Script) -> Option<Vec<u8>> {
    let (name, kind, _) = question(message)?;
    let mut script = script.lock();
    let Some(host) = script.get_mut(&name) else { return head(message, ANSWER | NO_SUCH_NAME, 0) };
    let zone = host.zones.front()?.clone();
    if kind == A {
        host.asked_for_ipv4 += 1;
        // The questions for both families of one look-up get the same; the next begins with the next for IPv4.
        if host.zones.len() > 1 {
            host.zones.pop_front();
        }
    }
    drop(script);
    let mut records = Vec::new();
    let mut owner = name;
    for target in &zone.cnames {
        records.push(record(&owner, CNAME, zone.ttl, &written(target)));
        owner.clone_from(target);
    }
    for address in &zone.addresses {
        match address {
            IpAddr::V4(address) if kind == A => records.push(record(&owner, A, zone.ttl, &address.octets())),
            IpAddr::V6(address) if kind == AAAA => {
                records.push(record(&owner, AAAA, zone.ttl, &address.octets()));
            }
            _ => {}
        }
    }
    let mut whole = head(message, ANSWER, records.len())?;
    whole.extend(records.concat());
    Some(whole)
}

/// A name as labels.
fn written(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a label is short"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = written(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).expect("data is short").to_be_bytes());
    bytes.extend(data);
    bytes
}
