//! The text of a URL: one plain spelling for everything that decides where a request goes.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::UrlRefusal;
use crate::limits::URL_LENGTH_MAX;

/// Characters of a name in its ASCII form, and of one label of it (RFC 1035, 2.3.4).
const NAME_LENGTH_MAX: usize = 253;
const LABEL_LENGTH_MAX: usize = 63;

/// Judges a text and parses it. What passes reads the same to every parser, so the host that is judged is the
/// host that is called.
pub(super) fn read(raw: &str) -> Result<Url, UrlRefusal> {
    if raw.len() > URL_LENGTH_MAX {
        return Err(UrlRefusal::TooLong);
    }
    if let Some(hidden) = raw.chars().find(|character| is_invisible(*character)) {
        return Err(UrlRefusal::InvisibleCharacter(hidden));
    }
    if raw.contains('\\') {
        return Err(UrlRefusal::Backslash);
    }
    let (scheme, rest) = raw.split_once(':').ok_or(UrlRefusal::NotHttps)?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlRefusal::NotHttps);
    }
    let rest = rest.strip_prefix("//").filter(|rest| !rest.starts_with('/')).ok_or(UrlRefusal::Slashes)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UrlRefusal::UserInfo);
    }
    if rest.contains('#') {
        return Err(UrlRefusal::Fragment);
    }
    if let Some(foreign) = rest.chars().find(|character| !character.is_ascii()) {
        return Err(UrlRefusal::NonAscii(foreign));
    }
    let (host, port) = split_authority(authority)?;
    check_host(host)?;
    if let Some(port) = port {
        check_port(port)?;
    }
    let url = Url::parse(raw).map_err(|_| UrlRefusal::BadName)?;
    check_parsed_host(&url, host)?;
    if url.as_str().len() > URL_LENGTH_MAX {
        return Err(UrlRefusal::TooLong);
    }
    Ok(url)
}

/// White space, controls, formats and what else shows nothing: Unicode's `White_Space`, `Cc` and
/// `Default_Ignorable_Code_Point`, the invisible ones of `Cf`, and the empty Braille pattern.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The host, with the brackets of an IPv6 address, and what follows its colon.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), UrlRefusal> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(UrlRefusal::AddressSpelling);
    }
    let host_end = if authority.starts_with('[') {
        authority.find(']').ok_or(UrlRefusal::AddressSpelling)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    match authority.split_at(host_end) {
        (host, "") => Ok((host, None)),
        (host, rest) => Ok((host, Some(rest.strip_prefix(':').ok_or(UrlRefusal::AddressSpelling)?))),
    }
}

fn check_port(port: &str) -> Result<(), UrlRefusal> {
    // The number's own parser would take a sign.
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    if is_plain && port.parse::<u16>().is_ok() { Ok(()) } else { Err(UrlRefusal::BadPort) }
}

fn check_host(host: &str) -> Result<(), UrlRefusal> {
    if host.is_empty() {
        return Err(UrlRefusal::NoHost);
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return check_ipv6(address);
    }
    if host.contains('%') {
        return Err(UrlRefusal::PercentInHost);
    }
    if let Some(disguised) = host.chars().find(|character| is_disguised(*character)) {
        return Err(UrlRefusal::DisguisedHost(disguised));
    }
    if host.ends_with('.') {
        return Err(UrlRefusal::TrailingDot);
    }
    if ends_in_a_number(host) || ends_like_a_number(host) {
        // The standard library takes the plain form only: four decimal parts without leading zeros.
        return host.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| UrlRefusal::AddressSpelling);
    }
    let fits = |character: char| {
        !character.is_ascii() || character.is_ascii_alphanumeric() || "-_.".contains(character)
    };
    if host.chars().all(fits) { Ok(()) } else { Err(UrlRefusal::BadName) }
}

fn check_ipv6(address: &str) -> Result<(), UrlRefusal> {
    if address.contains('%') {
        return Err(UrlRefusal::ZoneId);
    }
    address.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| UrlRefusal::AddressSpelling)
}

/// Whether IDNA turns a character into ASCII or into nothing, or people read it as a part of a URL: then it only
/// hides what the name is. (Letters with marks, as in Vietnamese, stay what they are.)
fn is_disguised(character: char) -> bool {
    !character.is_ascii()
        && (looks_like_syntax(character)
            || idna::domain_to_unicode(character.encode_utf8(&mut [0; 4])).0.is_ascii())
}

/// What no name needs, and people take for a dot, a colon, a slash, a backslash, `#`, `?` or `@`, or for a digit with a
/// dot (Unicode Technical Standard 39, “confusables”).
fn looks_like_syntax(character: char) -> bool {
    matches!(character,
        '\u{2d0}'..='\u{2d1}' | '\u{2f8}' | '\u{5c3}' | '\u{6d4}' | '\u{701}'..='\u{704}' | '\u{1735}' | '\u{2022}'
        | '\u{2024}'..='\u{2027}' | '\u{2041}' | '\u{2044}' | '\u{2215}'..='\u{2216}' | '\u{2219}' | '\u{2236}'
        | '\u{22c5}' | '\u{2488}'..='\u{249b}' | '\u{2571}'..='\u{2572}' | '\u{27cb}' | '\u{27cd}'
        | '\u{29f5}'..='\u{29f9}' | '\u{2cf9}' | '\u{2e31}' | '\u{2e33}' | '\u{a4f8}' | '\u{a60e}' | '\u{a789}'
        | '\u{10101}' | '\u{1d16d}')
}

/// Whether parsers take the host for an IPv4 address (WHATWG URL, “ends in a number checker”).
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    is_decimal || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether the last part begins with a digit of any script, as no public name does (RFC 6912, 2.1), or is made of
/// digits alone, which some programs take for those of ASCII.
fn ends_like_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_foreign = !last.is_ascii() && last.chars().all(char::is_numeric);
    is_foreign || (host.contains('.') && last.starts_with(char::is_numeric))
}

/// Judges what the parser made of the host.
fn check_parsed_host(url: &Url, raw_host: &str) -> Result<(), UrlRefusal> {
    match url.host() {
        Some(Host::Domain(name)) => {
            // A certificate's name allows no hyphen at the ends of a label either (RFC 5280, 4.2.1.6).
            let label_fits = |label: &str| {
                (1..=LABEL_LENGTH_MAX).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            if name.len() <= NAME_LENGTH_MAX && name.split('.').all(label_fits) {
                Ok(())
            } else {
                Err(UrlRefusal::BadName)
            }
        }
        // Whatever the checks of the text let through, no name becomes an address.
        Some(Host::Ipv4(ip)) if raw_host.parse() != Ok(ip) => Err(UrlRefusal::AddressSpelling),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Ok(()),
        None => Err(UrlRefusal::NoHost),
    }
}
