//! From which machine a request comes: that of the connection, or what a proxy in front says of it.
//!
//! `X-Forwarded-For` is believed only of a proxy that the configuration lists (`trusted_proxies`), and only the
//! last address in it that is none of those: whatever stands before may have been made up by the client.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::router::Api;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Of an IPv6 address, what belongs to one customer: they have the rest to themselves.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// The other end of the connection, which the server adds to each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The machine that a request comes from, as far as machines are told apart: an IPv4 address, or a network of
/// 64 bits of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The one at this address.
    pub fn at(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK)),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// The one that a request comes from.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, api: &Api) -> Self {
        let peer = extensions.get::<Peer>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0);
        Self::at(origin_of(peer, headers, api.trusted_proxies()))
    }
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers, api))
    }
}

/// Goes back from the connection as long as what is found is a proxy that is believed.
fn origin_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut found = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut told = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',').map(str::trim));
    while is_trusted(found) {
        let Some(before) = told.next().and_then(address_of) else { break };
        found = before.to_canonical();
    }
    found
}

/// An address, as proxies write it: some with a port.
fn address_of(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_where_it_is_listed_and_a_client_never() {
        let trusted: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/8"].map(|net| net.parse().expect("one")).into();
        for (peer, lines, expected) in [
            ("203.0.113.5", &[][..], "203.0.113.5"),
            ("203.0.113.5", &["198.51.100.1"], "203.0.113.5"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("::ffff:127.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("127.0.0.1", &["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            ("127.0.0.1", &["198.51.100.1", "203.0.113.5, 10.1.1.1"], "203.0.113.5"),
            ("127.0.0.1", &["203.0.113.5:4711"], "203.0.113.5"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["10.0.0.9"], "10.0.0.9"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().expect("a header value"));
            }
            let found = origin_of(peer.parse().expect("an address"), &headers, &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_customers_ipv6_addresses_are_one_client() {
        let at = |text: &str| Client::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("203.0.113.5"), at("203.0.113.6"));
        assert_eq!(at("::ffff:203.0.113.5"), at("203.0.113.5"));
    }
}
