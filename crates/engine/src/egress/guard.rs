//! The guard: from a host to a TCP connection, judging the very address that is connected to.
//!
//! A name with one bad answer is refused whole, and the answer that was judged is the one that is used: no
//! second look-up stands between the judgement and the connection (DNS rebinding).
//! The one name that is not judged is the test inboxes', which leads to their listener in this process and is
//! never looked up.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::INBOX_HOST;
use bocau_domain::address::{AddressRefusal, EgressRules};
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::egress::stream::EgressStream;

/// Addresses a name may have; a longer answer is refused.
pub const ADDRESSES_MAX: usize = 64;
/// Addresses that are tried one after the other.
const ADDRESSES_TRIED: usize = 4;
/// How long one address is tried while another is left.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// How long one question to a name server waits; two are asked before giving up.
const DNS_PATIENCE: Duration = Duration::from_secs(3);

/// Why no connection came about.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The guard refused.
    #[error("{address} is refused: {reason}")]
    Blocked {
        /// The address or name that was asked for.
        address: String,
        /// Why.
        reason: AddressRefusal,
    },
    /// The name has no usable answer.
    #[error("name look-up of {host} failed: {detail}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// No address took the connection.
    #[error("connecting to {address} failed: {detail}")]
    Connect {
        /// The last address tried.
        address: SocketAddr,
        /// What the system said.
        detail: String,
    },
    /// Opening the connection, or waiting for a turn to, took too long.
    #[error("no connection within {} s", .0.as_secs())]
    Late(Duration),
    /// The URI names no host. Webhook URLs always do.
    #[error("the address has no host")]
    NoHost,
}

/// Looks names up. The program hands in the system's, tests one that answers what they say.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, or why there is none, in words for a programmer.
    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String>;
}

/// The name servers and the hosts file that the system is set up with.
pub struct SystemResolver(TokioResolver);

impl SystemResolver {
    /// Reads the system's configuration.
    pub fn new() -> Result<Self, String> {
        Self::of(TokioResolver::builder_tokio().map_err(|error| error.to_string())?)
    }

    /// Asks this name server and no other.
    pub fn asking(server: SocketAddr) -> Result<Self, String> {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut name_server.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_name_servers(vec![name_server]);
        Self::of(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
    }

    fn of(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, String> {
        let options = builder.options_mut();
        options.timeout = DNS_PATIENCE;
        options.attempts = 2;
        // Both families are asked, so that the whole answer is judged.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self(builder.build().map_err(|error| error.to_string())?))
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        // With a dot at the end no search domain is tried: `shop.vn` never becomes `shop.vn.corp.example`.
        let query = if host.contains('.') { format!("{host}.") } else { host.to_owned() };
        let answer = self.0.lookup_ip(query).await.map_err(|error| {
            let is_unknown = error.is_nx_domain() || error.is_no_records_found();
            if is_unknown { "the name has no address".to_owned() } else { error.to_string() }
        })?;
        Ok(answer.iter().collect())
    }
}

/// Connects to where the rules let it.
#[derive(Clone)]
pub struct Guard {
    rules: Arc<EgressRules>,
    resolver: Arc<dyn Resolver>,
}

impl Guard {
    /// With these rules and this resolver.
    pub fn new(rules: Arc<EgressRules>, resolver: Arc<dyn Resolver>) -> Self {
        Self { rules, resolver }
    }

    /// The rules.
    pub fn rules(&self) -> &EgressRules {
        &self.rules
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let mut found = match literal {
            Ok(address) => vec![address],
            Err(_) if is_loopback_name(host) => self.loopback_addresses(port),
            Err(_) => self
                .resolver
                .lookup(host)
                .await
                .map_err(|detail| ConnectError::Dns { host: host.to_owned(), detail })?,
        };
        if found.is_empty() || found.len() > ADDRESSES_MAX {
            let detail = format!("{} addresses", found.len());
            return Err(ConnectError::Dns { host: host.to_owned(), detail });
        }
        self.rules
            .judge_answers(&found, port)
            .map_err(|reason| ConnectError::Blocked { address: host.to_owned(), reason })?;
        found.sort_by_key(IpAddr::is_ipv6);
        Ok(found.into_iter().take(ADDRESSES_TRIED).map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// What `localhost` stands for: of its two addresses those that the rules open; both where they open
    /// neither, so that the judgement says why.
    fn loopback_addresses(&self, port: u16) -> Vec<IpAddr> {
        let both = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let is_open = |ip: &IpAddr| self.rules.judge_socket(SocketAddr::new(*ip, port)).is_ok();
        let open: Vec<IpAddr> = both.into_iter().filter(is_open).collect();
        if open.is_empty() { both.to_vec() } else { open }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<EgressStream>, ConnectError> {
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default_port);
        if let Some(listener) = self.rules.inbox.filter(|_| is_inbox(&uri, host, port)) {
            let connected = connect_to(listener, true).await;
            return connected
                .map(EgressStream::new)
                .map(TokioIo::new)
                .map_err(|detail| ConnectError::Connect { address: listener, detail });
        }
        let addresses = self.addresses(host, port).await?;
        let mut last = ConnectError::NoHost;
        for (index, address) in addresses.iter().enumerate() {
            let is_last = index + 1 == addresses.len();
            match connect_to(*address, is_last).await {
                Ok(stream) if self.leads_home(&stream, *address) => {
                    let reason = AddressRefusal::OwnAddress;
                    return Err(ConnectError::Blocked { address: address.to_string(), reason });
                }
                Ok(stream) => return Ok(TokioIo::new(EgressStream::new(stream))),
                Err(detail) => last = ConnectError::Connect { address: *address, detail },
            }
        }
        Err(last)
    }
}

impl Guard {
    /// Whether a connection ends at this very server, which listens on all addresses of the machine: both
    /// its ends have the same address then. Nothing has been sent over it.
    fn leads_home(&self, stream: &TcpStream, address: SocketAddr) -> bool {
        let is_ours = |own: &SocketAddr| own.ip().is_unspecified() && own.port() == address.port();
        self.rules.own.iter().any(is_ours)
            && stream.local_addr().is_ok_and(|local| local.ip() == address.ip())
    }
}

/// Whether the address is the test inboxes', by https on its own port; that alone goes to their listener.
fn is_inbox(uri: &Uri, host: &str, port: u16) -> bool {
    uri.scheme_str() == Some("https") && host == INBOX_HOST && port == 443
}

/// Whether the name means this machine by definition, so that no name server is asked (RFC 6761, 6.3).
fn is_loopback_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// The last address may take what is left of the attempt's deadline, which ends it from outside.
#[expect(
    clippy::disallowed_methods,
    reason = "bounds a real connection attempt; simulated transports have none"
)]
async fn connect_to(address: SocketAddr, is_last: bool) -> Result<TcpStream, String> {
    let connecting = TcpStream::connect(address);
    let connected = if is_last {
        connecting.await
    } else {
        tokio::time::timeout(CONNECT_PATIENCE, connecting).await.map_err(|_| "no answer".to_owned())?
    };
    let stream = connected.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

impl tower::Service<Uri> for Guard {
    type Response = TokioIo<EgressStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
