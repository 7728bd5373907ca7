//! How one setting is read from its text, and what is allowed in it.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bocau_api::personal::PersonalFields;
use bocau_domain::limits::RETENTION_DAYS_MAX;
use bocau_domain::node::NAME_LENGTH_MAX;
use bocau_domain::retry::{ATTEMPTS_MAX, INTERVAL_MAX, TIMEOUT_MAX};
use bocau_domain::{NodeRole, RetentionDays, api_key};
use bocau_store::postgres::PostgresUrl;
use bocau_store::sharded::is_shard_name;
use bocau_store::{MasterKey, StoreError};
use ipnet::IpNet;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use super::{LogFormat, quoted, unreadable};

/// The value, or what is wrong with it: the end of a sentence that begins with the value.
pub(super) type Read<T> = Result<T, String>;

/// How durations are written.
pub(crate) const DURATIONS: &str = "a duration such as 2s, 5m or 1h";
/// Characters of a header prefix at most.
const HEADER_PREFIX_LENGTH_MAX: usize = 32;
/// Characters of a host's name at most (RFC 1035).
const HOST_LENGTH_MAX: usize = 253;
/// Prefixes that mean something else: Standard Webhooks' own, and proxies'.
const HEADER_PREFIXES_TAKEN: &[&str] = &["webhook", "proxy"];

/// A duration in one unit: milliseconds, seconds, minutes or hours. One that is too long to count is the longest
/// there is, so that it is refused for its length and not for its form.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    Some(Duration::from_millis(digits.parse().unwrap_or(u64::MAX).saturating_mul(millis)))
}

fn duration_within(text: &str, max: Duration, range: &str) -> Read<Duration> {
    let span = duration(text).ok_or_else(|| format!("is not {DURATIONS} ({range})"))?;
    if (Duration::from_secs(1)..=max).contains(&span) { Ok(span) } else { Err(format!("is outside {range}")) }
}

pub(super) fn retry_interval(text: &str) -> Read<Duration> {
    duration_within(text, INTERVAL_MAX, "1s to 24h")
}

pub(super) fn timeout(text: &str) -> Read<Duration> {
    duration_within(text, TIMEOUT_MAX, "1s to 25s")
}

pub(super) fn max_attempts(text: &str) -> Read<u32> {
    number_within(text, ATTEMPTS_MAX)
}

pub(super) fn retention_days(text: &str) -> Read<RetentionDays> {
    let days = number_within(text, u32::from(RETENTION_DAYS_MAX))?;
    RetentionDays::new(days).ok_or_else(|| format!("is outside 1 to {RETENTION_DAYS_MAX}"))
}

pub(super) fn count(text: &str, max: usize) -> Read<usize> {
    number_within(text, max)
}

/// Names of JSON fields with commas between; none where the text is empty.
pub(super) fn personal_fields(text: &str) -> Read<PersonalFields> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    if names.clone().any(|name| name.contains(['"', '\\']) || name.contains(char::is_control)) {
        return Err(
            "has a name that no field has; write names with commas between, such as tel,email".to_owned()
        );
    }
    Ok(names.collect())
}

/// Requests per second.
pub(super) fn rate_limit(text: &str, max: u32) -> Read<NonZeroU32> {
    number_within(text, max).map(|count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
}

/// A whole number from 1 to `max`.
fn number_within<N: Copy + FromStr + PartialOrd + Display + From<u8>>(text: &str, max: N) -> Read<N> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("is not a whole number (1 to {max})"));
    }
    // A number that does not fit is outside as well.
    let is_allowed = |count: &N| *count >= N::from(1) && *count <= max;
    text.parse().ok().filter(is_allowed).ok_or_else(|| format!("is outside 1 to {max}"))
}

pub(super) fn boolean(text: &str) -> Read<bool> {
    text.parse().map_err(|_| "is neither true nor false".to_owned())
}

/// What a node does. Only those that share a database can share the work.
pub(super) fn role(text: &str, is_shared: bool) -> Read<NodeRole> {
    match NodeRole::parse(text) {
        Some(role) if role == NodeRole::All || is_shared => Ok(role),
        Some(_) => {
            Err("needs PostgreSQL (database_url): a SQLite database has one node, whose role is all".into())
        }
        None => Err("is neither all, api nor worker".to_owned()),
    }
}

/// Up to so many characters on one line.
pub(super) fn node_name(text: &str) -> Read<String> {
    let length = text.chars().count();
    if (1..=NAME_LENGTH_MAX).contains(&length) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("is not 1 to {NAME_LENGTH_MAX} characters on one line"))
}

pub(super) fn listen(text: &str) -> Read<SocketAddr> {
    text.parse().map_err(|_| {
        let port = text.rsplit_once(':').map_or("", |(_, port)| port);
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && port.parse::<u16>().is_err() {
            "has a port outside 0 to 65535".to_owned()
        } else {
            "is not an IP address with a port, such as 127.0.0.1:8080 or [::]:8080".to_owned()
        }
    })
}

/// Scheme, host and port, without a slash at the end.
pub(super) fn public_url(text: &str) -> Read<String> {
    let url: Option<http::Uri> = text.parse().ok();
    let is_fit = |url: &http::Uri| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && url.path() == "/"
            && url.query().is_none()
            && !text.contains('#')
    };
    if url.as_ref().is_some_and(is_fit) {
        return Ok(text.trim_end_matches('/').to_ascii_lowercase());
    }
    Err("is not an http or https URL without a path, such as https://bocau.example.vn".to_owned())
}

/// Origins with commas between them: https, or http at this machine.
pub(super) fn origins(text: &str) -> Read<Vec<String>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(origin).collect()
}

/// One origin, as browsers write it. What stands here goes into a policy for browsers, so nothing but a name or
/// an IPv4 address and a port may: no wildcard, no path, and no IPv6 address, which such a policy cannot have.
fn origin(text: &str) -> Read<String> {
    let written = text.to_ascii_lowercase();
    let fit = written.split_once("://").and_then(|(scheme, place)| {
        let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
        let port = port
            .map(|port| port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port));
        let usual = match scheme {
            "https" => 443,
            "http" if is_loopback(host) => 80,
            _ => return None,
        };
        match port {
            _ if !is_host(host) => None,
            Some(None) => None,
            Some(Some(port)) if port != usual => Some(format!("{scheme}://{host}:{port}")),
            _ => Some(format!("{scheme}://{host}")),
        }
    });
    fit.ok_or_else(|| {
        format!(
            "has {} in it, which is no origin such as https://admin.example.vn (https; http only for localhost \
             and 127.0.0.0/8; no path, no *)",
            quoted(text)
        )
    })
}

/// A name of dotted labels or an IPv4 address.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= HOST_LENGTH_MAX
        && text.split('.').all(is_label)
        && (!text.rsplit('.').next().is_some_and(is_number) || text.parse::<Ipv4Addr>().is_ok())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn path(text: &str) -> Read<PathBuf> {
    if text.is_empty() { Err("is no path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// An empty text is the default.
pub(super) fn database_url(text: &str) -> Read<Option<PostgresUrl>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| match error {
        StoreError::Refused(why) => format!("cannot be used: {why}"),
        error => error.to_string(),
    })
}

/// Names and URLs with commas between them, `a=postgres://…,b=postgres://…`.
pub(super) fn database_shards(text: &str) -> Read<Vec<(String, PostgresUrl)>> {
    let mut shards: Vec<(String, PostgresUrl)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, url) =
            part.split_once('=').filter(|(name, _)| is_shard_name(name)).ok_or_else(|| {
                "is not a list such as a=postgres://…,b=postgres://…; a name is 1 to 32 of a-z 0-9 -, and not home"
                    .to_owned()
            })?;
        if shards.iter().any(|(known, _)| known == name) {
            return Err(format!("has the shard {name} twice"));
        }
        let url = database_url(url).map_err(|problem| format!("has a shard {name} that {problem}"))?;
        shards.push((name.to_owned(), url.ok_or_else(|| format!("has a shard {name} without a URL"))?));
    }
    Ok(shards)
}

pub(super) fn master_key(text: &str) -> Read<MasterKey> {
    MasterKey::from_base64(text).map_err(|_| "is not the base64 of 32 bytes".to_owned())
}

pub(super) fn api_key(text: &str) -> Read<SecretString> {
    if api_key::is_well_formed(text) {
        return Ok(SecretString::from(text));
    }
    let (prefix, min, max) = (api_key::KEY_PREFIX, api_key::KEY_LENGTH_MIN, api_key::KEY_LENGTH_MAX);
    Err(format!("is not {prefix} and at least {min} of A-Z a-z 0-9 _ - ({max} characters at most)"))
}

/// Networks with commas between them; an address stands for itself alone.
pub(super) fn networks(text: &str) -> Read<Vec<IpNet>> {
    let one =
        |part: &str| part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read: Option<Vec<IpNet>> = parts.map(one).collect();
    read.ok_or_else(|| "is not a list of networks such as 10.0.0.0/8,fd00::/8".to_owned())
}

pub(super) fn certificates(text: &str) -> Read<Vec<CertificateDer<'static>>> {
    let path = Path::new(text);
    let pem =
        std::fs::read(path).map_err(|error| format!("is no usable file: {}", unreadable(path, &error)))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = read.map_err(|error| format!("is not a file of certificates in PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("has no certificate in PEM in it".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| format!("has an unusable certificate in it: {error}"))?;
    }
    Ok(certificates)
}

pub(super) fn header_prefix(text: &str) -> Read<String> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = text.len() <= HEADER_PREFIX_LENGTH_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(is_allowed)
        && !HEADER_PREFIXES_TAKEN.contains(&text);
    if fits {
        return Ok(text.to_owned());
    }
    let taken = HEADER_PREFIXES_TAKEN.join(" and ");
    Err(format!(
        "is not 1 to {HEADER_PREFIX_LENGTH_MAX} of a-z 0-9 - that begin with a letter ({taken} are taken)"
    ))
}

pub(super) fn log_filter(text: &str) -> Read<String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("is not a log filter such as info or info,bocau_engine=debug".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> Read<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("is neither text nor json".to_owned()),
    }
}
