//! A webhook's URL: the text is judged as it was typed, then the place that it names, all without DNS.
//!
//! The addresses that a name resolves to are judged when they are connected to, by [`EgressRules`].

mod spelling;

use std::fmt;
use std::net::SocketAddr;
use std::sync::OnceLock;

use url::{Host, Url};

use crate::address::{AddressRefusal, EgressRules};
use crate::inbox::INBOX_HOST;
use crate::limits::URL_LENGTH_MAX;

/// Where a webhook's deliveries go.
#[derive(Clone)]
pub struct WebhookUrl {
    url: Url,
    /// What the text was found to be when it was judged first: it is judged before every attempt and never changes.
    spelling: OnceLock<Result<(), UrlRefusal>>,
}

/// Why a URL is refused. [`code`](Self::code) is the stable word for it, the text is for programmers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Too many bytes, as typed or as normalised.
    #[error("a URL has at most {URL_LENGTH_MAX} bytes")]
    TooLong,
    /// A space, control or invisible character anywhere, the ends included: parsers drop some silently.
    #[error("the URL contains a space, control or invisible character (U+{:04X})", u32::from(*.0))]
    InvisibleCharacter(char),
    /// Parsers disagree on whether it ends the host.
    #[error("the URL contains a backslash")]
    Backslash,
    /// Another scheme, or none; also http, where the rules do not allow it.
    #[error("the URL must begin with https://")]
    NotHttps,
    /// Not exactly two of them.
    #[error("exactly two slashes must follow the scheme")]
    Slashes,
    /// Also an empty one.
    #[error("the URL contains a user name or password; use a header instead")]
    UserInfo,
    /// It would never be sent.
    #[error("the URL contains a fragment (#…), which is never sent")]
    Fragment,
    /// In the path or the query.
    #[error("the character {:?} must be percent-encoded outside the host", *.0)]
    NonAscii(char),
    /// Nothing between the slashes and the path.
    #[error("the URL has no host")]
    NoHost,
    /// A host needs none, so it hides something.
    #[error("the host contains percent-encoding")]
    PercentInHost,
    /// A character that turns into ASCII or nothing: full-width, circled, mathematical, an ideographic dot.
    #[error("the host contains {:?}, another spelling of ASCII", *.0)]
    DisguisedHost(char),
    /// Hexadecimal, octal, short, overlong or with parts missing.
    #[error("an address is written 192.0.2.1 or [2001:db8::1], in no other form")]
    AddressSpelling,
    /// It names an interface of this machine.
    #[error("the address contains a zone (%…)")]
    ZoneId,
    /// Another spelling of the name without it.
    #[error("the host ends in a dot")]
    TrailingDot,
    /// Empty, 0, too large, or no plain number.
    #[error("a port is a number from 1 to 65535")]
    BadPort,
    /// Not what DNS and IDNA allow.
    #[error("the host is no valid domain name")]
    BadName,
    /// A name that leads inside: `localhost`, `.internal`, a name without a dot.
    #[error("the name means a host of an internal network")]
    InsideName,
    /// A name that is never in the public DNS: `.invalid`, `.onion`.
    #[error("the name is reserved and never public")]
    ReservedName,
    /// An address that deliveries may not reach.
    #[error("deliveries may not go to this address ({0})")]
    Address(#[from] AddressRefusal),
    /// A stored text that is no URL of ours.
    #[error("the text is no http or https URL")]
    Malformed,
}

impl UrlRefusal {
    /// The stable word, the same in answers, logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::InvisibleCharacter(_) => "invisible_character",
            Self::Backslash => "backslash",
            Self::NotHttps => "not_https",
            Self::Slashes => "slashes",
            Self::UserInfo => "user_info",
            Self::Fragment => "fragment",
            Self::NonAscii(_) => "non_ascii",
            Self::NoHost => "no_host",
            Self::PercentInHost => "percent_in_host",
            Self::DisguisedHost(_) => "disguised_host",
            Self::AddressSpelling => "address_spelling",
            Self::ZoneId => "zone_id",
            Self::TrailingDot => "trailing_dot",
            Self::BadPort => "bad_port",
            Self::BadName => "bad_name",
            Self::InsideName => "inside_name",
            Self::ReservedName => "reserved_name",
            Self::Address(refusal) => refusal.as_str(),
            Self::Malformed => "malformed",
        }
    }
}

impl WebhookUrl {
    fn of(url: Url) -> Self {
        Self { url, spelling: OnceLock::new() }
    }

    /// From what somebody typed. The text is judged before it is parsed, because the parser repairs silently
    /// what an attack is made of: tabs, backslashes, missing slashes, odd numbers (WHATWG URL).
    pub fn parse(raw: &str, rules: &EgressRules) -> Result<Self, UrlRefusal> {
        let url = Self::of(spelling::read(raw)?);
        url.judge_place(rules)?;
        Ok(url)
    }

    /// Judges the URL again, text and place, before an attempt: the rules may have changed since it was taken.
    pub fn judge(&self, rules: &EgressRules) -> Result<(), UrlRefusal> {
        (*self.spelling.get_or_init(|| spelling::read(self.as_str()).map(drop)))?;
        self.judge_place(rules)
    }

    /// From what [`as_str`](Self::as_str) gave. Anything that is an http URL is read back, so that a webhook
    /// stays readable when the rules get stricter; it is [`judge`](Self::judge) that then stops its deliveries.
    pub fn from_stored(text: &str) -> Result<Self, UrlRefusal> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http"))
            .map(Self::of)
            .ok_or(UrlRefusal::Malformed)
    }

    /// The normalised text: lower-case ASCII host, no default port, a path.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The host, a name in its ASCII form.
    pub fn host(&self) -> Host<&str> {
        self.url.host().expect("an http URL has a host")
    }

    /// The port, also where the text leaves it out.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().expect("an http URL has a default port")
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The readable form of a host that is written in punycode, to be shown beside it and never alone: it
    /// may look like another name.
    pub fn unicode_host(&self) -> Option<String> {
        let Host::Domain(name) = self.host() else { return None };
        let (unicode, result) = idna::domain_to_unicode(name);
        (result.is_ok() && unicode != name).then_some(unicode)
    }

    /// Whether this is `https://inbox.bocau.test/` and a token, and nothing besides.
    fn is_inbox(&self) -> bool {
        let is_token = |path: &str| {
            !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        self.is_https()
            && self.host() == Host::Domain(INBOX_HOST)
            && self.url.port().is_none()
            && self.url.query().is_none()
            && self.url.path().strip_prefix('/').is_some_and(is_token)
    }

    fn judge_place(&self, rules: &EgressRules) -> Result<(), UrlRefusal> {
        if rules.inbox.is_some() && self.is_inbox() {
            return Ok(());
        }
        if !self.is_https() && !rules.allow_http {
            return Err(UrlRefusal::NotHttps);
        }
        let judge_ip = |ip| Ok(rules.judge_socket(SocketAddr::new(ip, self.port()))?);
        match self.host() {
            Host::Domain(name) => judge_name(name, rules),
            Host::Ipv4(ip) => judge_ip(ip.into()),
            Host::Ipv6(ip) => judge_ip(ip.into()),
        }
    }
}

impl PartialEq for WebhookUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for WebhookUrl {}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Loopback by definition, whatever the resolver says (RFC 6761, 6.3).
const LOOPBACK_NAME: &str = "localhost";

/// Names that mean inside, like every name without a dot.
const INSIDE_NAMES: &[&str] = &[
    "belkin",                  // what routers of that make call their network; never delegated
    "cluster",                 // Kubernetes, never delegated
    "consul",                  // service discovery, never delegated
    "corp",                    // never delegated because of its private use (ICANN, 2018)
    "docker",                  // gateway.docker and its like, never delegated
    "domain",                  // the example of a thousand manuals, never delegated
    "fritz.box",               // what routers of that make call their network
    "home",                    // never delegated because of its private use (ICANN, 2018)
    "home.arpa",               // RFC 8375
    "internal",                // set aside for private use (ICANN, 2024); clouds and containers use it
    "intranet",                // RFC 6762, appendix G
    "lan",                     // RFC 6762, appendix G
    "local",                   // RFC 6762: multicast DNS; also cluster.local
    "localdomain",             // what many systems call themselves
    "localdomain4",            // the same, in hosts files
    "localdomain6",            // the same
    "localnet",                // the same
    "mail",                    // never delegated because of its private use (ICANN, 2018)
    "metadata.goog",           // GCP's metadata service
    "metadata.tencentyun.com", // Tencent Cloud's
    "nomad",                   // service discovery, never delegated
    "private",                 // RFC 6762, appendix G
    "svc",                     // Kubernetes, cut short by its search list
    "test",                    // RFC 6761, 6.2: a test network's own
    "workgroup",               // what many systems call their network; never delegated
];

/// Names that no network of an operator's makes reachable.
const RESERVED_NAMES: &[&str] = &[
    "alt",     // RFC 9476
    "arpa",    // RFC 3172: infrastructure; RFC 9120
    "bit",     // Namecoin
    "example", // RFC 6761, 6.5 (example.com and its like are ordinary names)
    "exit",    // Tor, as “onion”
    "gnu",     // GNU Name System
    "i2p",     // I2P
    "invalid", // RFC 6761, 6.4
    "onion",   // RFC 7686
    "zkey",    // GNU Name System
];

/// Opened networks open the names that lead there, because what they resolve to is judged in any case.
fn judge_name(name: &str, rules: &EgressRules) -> Result<(), UrlRefusal> {
    let is_under =
        |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if is_under(LOOPBACK_NAME) {
        return if rules.opens_loopback_names() { Ok(()) } else { Err(UrlRefusal::InsideName) };
    }
    let means_inside = !name.contains('.') || INSIDE_NAMES.iter().any(|inside| is_under(inside));
    if means_inside && !rules.opens_inside_names() {
        return Err(UrlRefusal::InsideName);
    }
    let is_reserved = RESERVED_NAMES.iter().any(|reserved| is_under(reserved)) && !is_under("home.arpa");
    if is_reserved { Err(UrlRefusal::ReservedName) } else { Ok(()) }
}
