//! Where deliveries may go: to global unicast addresses, and to what the operator opened.
//!
//! Judged on the address that is connected to, after DNS and on every connection. The tables follow IANA's
//! registries of special-purpose addresses (RFC 6890, RFC 8190), as they stood on 2025-10-09.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::attempt::wire_enum;

wire_enum! {
    /// Why an address is refused. The words are also the `reason` of `bocau_egress_blocked_total`.
    AddressRefusal {
        /// A network of one's own: RFC 1918, unique local and site-local IPv6.
        PrivateAddress = "private_address",
        /// This machine.
        LoopbackAddress = "loopback_address",
        /// This cable.
        LinkLocalAddress = "link_local_address",
        /// Behind a carrier's NAT.
        SharedAddress = "shared_address",
        /// Where a cloud hands out its machines' credentials.
        MetadataAddress = "metadata_address",
        /// A group, not a host.
        MulticastAddress = "multicast_address",
        /// For examples in documents.
        DocumentationAddress = "documentation_address",
        /// For measuring networks.
        BenchmarkingAddress = "benchmarking_address",
        /// Set aside for protocols or for the future.
        ReservedAddress = "reserved_address",
        /// “No address”, which systems take for this machine.
        UnspecifiedAddress = "unspecified_address",
        /// An IPv6 form that leads to an IPv4 address, past the rules for those.
        EmbeddedIpv4Address = "embedded_ipv4_address",
        /// The server itself.
        OwnAddress = "own_address",
    }
}

impl std::error::Error for AddressRefusal {}

/// What the operator lets deliveries reach. The default is the public Internet by https and nothing else.
#[derive(Debug, Clone, Default)]
pub struct EgressRules {
    /// Networks that deliveries may reach besides public ones (`BOCAU_EGRESS_ALLOW`).
    pub allowed: Vec<IpNet>,
    /// Whether webhooks may use http (`BOCAU_EGRESS_ALLOW_HTTP`).
    pub allow_http: bool,
    /// The addresses the server listens on, refused even where `allowed` covers them. `0.0.0.0` and `[::]`
    /// stand for loopback on that port; which other addresses the machine has is not known here, so whoever
    /// knows them lists them too.
    pub own: Vec<SocketAddr>,
    /// Where the test inboxes listen, if they do: what `https://inbox.bocau.test/…` is connected to, the one
    /// name that no address is judged for. By every other way this address is one of the server's own.
    pub inbox: Option<SocketAddr>,
}

impl EgressRules {
    /// Judges what is about to be connected to.
    pub fn judge_socket(&self, socket: SocketAddr) -> Result<(), AddressRefusal> {
        self.judge_ip(socket.ip())?;
        if self.own.iter().chain(&self.inbox).any(|own| leads_to(socket, *own)) {
            Err(AddressRefusal::OwnAddress)
        } else {
            Ok(())
        }
    }

    /// Judges an address by itself. A form that embeds an IPv4 address is opened by an IPv6 network that it
    /// lies in, never by an IPv4 one.
    pub fn judge_ip(&self, ip: IpAddr) -> Result<(), AddressRefusal> {
        match special_purpose(ip) {
            Some(refusal) if !self.opens(ip) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Judges what a name resolved to: one bad answer refuses the name whole, since a mixture of public and
    /// private answers is an attack or a mistake. A name without answers passes; that it cannot be reached
    /// (`dns_error`) is for the caller to say.
    pub fn judge_answers(&self, addresses: &[IpAddr], port: u16) -> Result<(), AddressRefusal> {
        addresses.iter().try_for_each(|ip| self.judge_socket(SocketAddr::new(*ip, port)))
    }

    /// Whether `localhost` and the names under it may be used: an allowed network has `127.0.0.1` or `::1`,
    /// which they stand for (RFC 6761, 6.3).
    pub fn opens_loopback_names(&self) -> bool {
        self.opens(Ipv4Addr::LOCALHOST.into()) || self.opens(Ipv6Addr::LOCALHOST.into())
    }

    /// Whether names that mean a network inside may be used: one is open that is not this machine's loopback alone.
    pub fn opens_inside_names(&self) -> bool {
        let is_loopback =
            |network: &IpNet| network.network().is_loopback() && network.broadcast().is_loopback();
        !self.allowed.iter().all(is_loopback)
    }

    fn opens(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(&ip))
    }
}

/// Whether a connection to `target` may arrive at the listener `own`.
fn leads_to(target: SocketAddr, own: SocketAddr) -> bool {
    if target.port() != own.port() {
        return false;
    }
    // A listener on `::ffff:127.0.0.1` is one on 127.0.0.1, and the other way round.
    let (target, own) = (target.ip().to_canonical(), own.ip().to_canonical());
    // Linux connects to loopback where it is told to connect to the unspecified address.
    let stays_here = target.is_loopback() || target.is_unspecified();
    if own.is_unspecified() || own.is_loopback() { stays_here } else { target == own }
}

/// What keeps an address from being global unicast.
fn special_purpose(ip: IpAddr) -> Option<AddressRefusal> {
    if METADATA.contains(&ip) {
        return Some(AddressRefusal::MetadataAddress);
    }
    match ip {
        IpAddr::V4(ip) => {
            IPV4_BLOCKS.iter().find(|(block, _)| block.contains(&ip)).map(|(_, refusal)| *refusal)
        }
        IpAddr::V6(ip) => special_purpose_ipv6(ip),
    }
}

fn special_purpose_ipv6(ip: Ipv6Addr) -> Option<AddressRefusal> {
    if let Some((_, refusal)) = IPV6_BLOCKS.iter().find(|(block, _)| block.contains(&ip)) {
        return Some(*refusal);
    }
    if is_isatap(ip) {
        return Some(AddressRefusal::EmbeddedIpv4Address);
    }
    // Everything outside is unassigned (IANA, “Internet Protocol Version 6 Address Space”).
    (!GLOBAL_UNICAST_IPV6.contains(&ip)).then_some(AddressRefusal::ReservedAddress)
}

/// Interface ids `::0:5efe:a.b.c.d` and `::200:5efe:a.b.c.d` under any prefix (RFC 5214, 6.1); the two lowest
/// bits of the first byte are flags.
fn is_isatap(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    segments[4] & !0x0300 == 0 && segments[5] == 0x5efe
}

/// RFC 4291, 2.4: what IANA assigns from.
const GLOBAL_UNICAST_IPV6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Metadata services of clouds, inside special blocks or outside. Most answer on 169.254.169.254.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, GCP, DigitalOcean, OpenStack, …
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS ECS, credentials of a task
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),  // AWS EKS, credentials of a pod
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle Cloud
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure's WireServer, a public address otherwise
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // AWS EKS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // GCP
];

/// IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771).
const IPV4_BLOCKS: &[(Ipv4Net, AddressRefusal)] = &[
    (v4([0, 0, 0, 0], 8), AddressRefusal::UnspecifiedAddress), // RFC 791, 3.2: this network
    (v4([10, 0, 0, 0], 8), AddressRefusal::PrivateAddress),    // RFC 1918
    (v4([100, 64, 0, 0], 10), AddressRefusal::SharedAddress),  // RFC 6598
    (v4([127, 0, 0, 0], 8), AddressRefusal::LoopbackAddress),  // RFC 1122, 3.2.1.3
    (v4([169, 254, 0, 0], 16), AddressRefusal::LinkLocalAddress), // RFC 3927
    (v4([172, 16, 0, 0], 12), AddressRefusal::PrivateAddress), // RFC 1918
    (v4([192, 0, 0, 0], 24), AddressRefusal::ReservedAddress), // RFC 6890: IETF protocol assignments
    (v4([192, 0, 2, 0], 24), AddressRefusal::DocumentationAddress), // RFC 5737: TEST-NET-1
    (v4([192, 31, 196, 0], 24), AddressRefusal::ReservedAddress), // RFC 7535: AS112-v4, swallows reverse DNS
    (v4([192, 52, 193, 0], 24), AddressRefusal::ReservedAddress), // RFC 7450: AMT relays
    (v4([192, 88, 99, 0], 24), AddressRefusal::ReservedAddress), // RFC 7526: 6to4 relays
    (v4([192, 168, 0, 0], 16), AddressRefusal::PrivateAddress), // RFC 1918
    (v4([192, 175, 48, 0], 24), AddressRefusal::ReservedAddress), // RFC 7534: AS112 direct delegation
    (v4([198, 18, 0, 0], 15), AddressRefusal::BenchmarkingAddress), // RFC 2544
    (v4([198, 51, 100, 0], 24), AddressRefusal::DocumentationAddress), // RFC 5737: TEST-NET-2
    (v4([203, 0, 113, 0], 24), AddressRefusal::DocumentationAddress), // RFC 5737: TEST-NET-3
    (v4([224, 0, 0, 0], 4), AddressRefusal::MulticastAddress), // RFC 5771
    (v4([240, 0, 0, 0], 4), AddressRefusal::ReservedAddress),  // RFC 1112, 4; with broadcast (RFC 8190)
];

/// IANA IPv6 Special-Purpose Address Registry, and what embeds IPv4 or is deprecated. The first block that
/// has the address names the refusal, so the smaller ones stand before those they lie in.
const IPV6_BLOCKS: &[(Ipv6Net, AddressRefusal)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), AddressRefusal::UnspecifiedAddress), // RFC 4291, 2.5.2
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressRefusal::LoopbackAddress),    // RFC 4291, 2.5.3
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), AddressRefusal::EmbeddedIpv4Address), // RFC 4291, 2.5.5.1: compatible
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), AddressRefusal::EmbeddedIpv4Address), // RFC 4291, 2.5.5.2: mapped
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), AddressRefusal::EmbeddedIpv4Address), // RFC 2765, 2.1: SIIT
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), AddressRefusal::EmbeddedIpv4Address), // RFC 6052: NAT64
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), AddressRefusal::EmbeddedIpv4Address), // RFC 8215: local NAT64
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), AddressRefusal::ReservedAddress), // RFC 6666: discard-only
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), AddressRefusal::ReservedAddress), // RFC 9780: dummy prefix
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), AddressRefusal::EmbeddedIpv4Address), // RFC 4380: Teredo
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), AddressRefusal::BenchmarkingAddress), // RFC 5180
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), AddressRefusal::ReservedAddress), // RFC 2928: IETF, with ORCHID
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), AddressRefusal::DocumentationAddress), // RFC 3849
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), AddressRefusal::EmbeddedIpv4Address), // RFC 3056: 6to4
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), AddressRefusal::ReservedAddress), // RFC 7534: AS112
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), AddressRefusal::DocumentationAddress), // RFC 9637
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), AddressRefusal::ReservedAddress), // RFC 9602: segment routing
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressRefusal::PrivateAddress),  // RFC 4193: unique local
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), AddressRefusal::LinkLocalAddress), // RFC 4291, 2.5.6
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), AddressRefusal::PrivateAddress), // RFC 3879: site-local
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), AddressRefusal::MulticastAddress), // RFC 4291, 2.7
];

const fn v4(first: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(first), prefix)
}

const fn v6(first: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(first), prefix)
}
