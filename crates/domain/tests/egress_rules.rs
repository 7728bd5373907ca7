//! What may be reached and what may be sent along: one test per table under `data/`. To add a case, add a
//! line; a test reports every line that fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bocau_domain::address::{AddressRefusal, EgressRules};
use bocau_domain::header::{CustomHeader, HeaderRefusal};
use bocau_domain::limits::{HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX, HEADERS_MAX, URL_LENGTH_MAX};
use bocau_domain::webhook_url::{UrlRefusal, WebhookUrl};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use secrecy::ExposeSecret as _;
use url::Host;

const PREFIX: &str = "bocau";

/// Runs `judge` over a table's rows of `N` fields and fails with all that it complains of.
fn check<const N: usize>(table: &str, judge: impl Fn([&str; N]) -> Result<(), String>) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (index, line) in table.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<String> = line.split('\t').map(unescape).collect();
        assert!(fields.len() <= N, "line {}: more than {N} fields", index + 1);
        let field = |position: usize| fields.get(position).map_or("", String::as_str);
        count += 1;
        if let Err(complaint) = judge(std::array::from_fn(field)) {
            failures.push(format!("line {}: {line}: {complaint}", index + 1));
        }
    }
    assert!(count > 0, "the table is empty");
    assert!(failures.is_empty(), "{} of {count} lines fail:\n{}", failures.len(), failures.join("\n"));
}

fn unescape(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match characters.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('\\') => '\\',
            Some('u') => {
                let digits: String = characters.by_ref().skip(1).take_while(|digit| *digit != '}').collect();
                u32::from_str_radix(&digits, 16)
                    .ok()
                    .and_then(char::from_u32)
                    .expect("\\u{…} has a character's number")
            }
            other => panic!("no such escape: {other:?}"),
        });
    }
    text
}

fn expect_code(expected: &str, actual: &str) -> Result<(), String> {
    if expected == actual { Ok(()) } else { Err(format!("{actual} instead of {expected}")) }
}

fn code_of<T>(result: &Result<T, UrlRefusal>) -> &'static str {
    result.as_ref().map_or_else(UrlRefusal::code, |_| "ok")
}

fn word_of(result: Result<(), AddressRefusal>) -> &'static str {
    result.map_or_else(AddressRefusal::as_str, |()| "ok")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn opening(networks: &str) -> EgressRules {
    let allowed = networks.split(',').map(|network| network.parse().expect("a network")).collect();
    EgressRules { allowed, allow_http: true, ..EgressRules::default() }
}

fn with_own(networks: &str, own: &str) -> EgressRules {
    EgressRules { own: vec![own.parse().expect("an address and a port")], ..opening(networks) }
}

// Addresses

#[test]
fn special_addresses_are_refused() {
    check(include_str!("data/addresses_refused.txt"), |[code, address]| {
        expect_code(code, word_of(EgressRules::default().judge_ip(ip(address))))
    });
}

#[test]
fn global_unicast_addresses_are_reached() {
    check(include_str!("data/addresses_accepted.txt"), |[address]| {
        expect_code("ok", word_of(EgressRules::default().judge_ip(ip(address))))
    });
}

#[test]
fn special_blocks_end_where_their_registry_says() {
    let blocks = blocks();
    check(include_str!("data/address_blocks.txt"), |[_, network]| {
        let network: IpNet = network.parse().map_err(|_| "no network".to_owned())?;
        assert_eq!(network, network.trunc(), "the network is written with its first address");
        let (first, last) = (network.network(), network.broadcast());
        for address in [step(first, -1), Some(first), Some(last), step(last, 1)].into_iter().flatten() {
            expect_code(expected(&blocks, address), word_of(EgressRules::default().judge_ip(address)))
                .map_err(|complaint| format!("{address}: {complaint}"))?;
        }
        Ok(())
    });
}

fn blocks() -> Vec<(IpNet, &'static str)> {
    include_str!("data/address_blocks.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(code, network)| (network.parse().expect("a network"), code))
        .collect()
}

/// The code of the smallest block that has the address.
fn expected(blocks: &[(IpNet, &'static str)], address: IpAddr) -> &'static str {
    let holding = blocks.iter().filter(|(network, _)| network.contains(&address));
    holding.max_by_key(|(network, _)| network.prefix_len()).map_or("ok", |(_, code)| *code)
}

fn step(address: IpAddr, by: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            address.to_bits().checked_add_signed(by.into()).map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(address) => {
            address.to_bits().checked_add_signed(by.into()).map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}

#[test]
fn an_allowed_network_opens_what_lies_in_it_and_nothing_else() {
    for (networks, address, word) in [
        ("10.0.0.0/8", "10.255.255.255", "ok"),
        ("10.0.0.0/8", "11.0.0.0", "ok"),
        ("10.0.0.0/8", "192.168.0.1", "private_address"),
        ("10.1.2.3/32", "10.1.2.3", "ok"),
        ("10.1.2.3/32", "10.1.2.4", "private_address"),
        ("127.0.0.0/8", "127.0.0.1", "ok"),
        ("127.0.0.0/8", "0.0.0.0", "unspecified_address"),
        ("127.0.0.0/8", "::1", "loopback_address"),
        ("0.0.0.0/0", "169.254.169.254", "ok"),
        ("0.0.0.0/0", "::1", "loopback_address"),
        ("fd00::/8,10.0.0.0/8", "fd12::1", "ok"),
        // What embeds an IPv4 address is opened in its own form only.
        ("127.0.0.0/8", "::ffff:127.0.0.1", "embedded_ipv4_address"),
        ("0.0.0.0/0", "64:ff9b::8.8.8.8", "embedded_ipv4_address"),
        ("10.0.0.0/8", "2606:4700::5efe:10.0.0.1", "embedded_ipv4_address"),
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "ok"),
        ("::ffff:10.0.0.0/104", "10.0.0.1", "private_address"),
        ("64:ff9b::/96", "64:ff9b::10.0.0.1", "ok"),
    ] {
        assert_eq!(
            word_of(opening(networks).judge_ip(ip(address))),
            word,
            "{address} where {networks} is open"
        );
    }
}

#[test]
fn the_servers_own_address_is_refused_even_where_its_network_is_open() {
    const OPEN: &str = "0.0.0.0/0,::/0";
    for (own, target, word) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", "own_address"),
        ("127.0.0.1:8080", "127.0.0.1:8081", "ok"),
        ("127.0.0.1:8080", "0.0.0.0:8080", "own_address"),
        ("127.0.0.1:8080", "[::]:8080", "own_address"),
        ("127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", "own_address"),
        ("127.0.0.1:8080", "10.0.0.1:8080", "ok"),
        ("[::1]:8080", "[::1]:8080", "own_address"),
        ("[::1]:8080", "[::2]:8080", "ok"),
        ("10.0.0.5:8080", "10.0.0.5:8080", "own_address"),
        ("10.0.0.5:8080", "[::ffff:10.0.0.5]:8080", "own_address"),
        ("10.0.0.5:8080", "10.0.0.6:8080", "ok"),
        ("10.0.0.5:8080", "127.0.0.1:8080", "ok"),
        ("8.8.8.8:443", "8.8.8.8:443", "own_address"),
        ("0.0.0.0:8080", "127.0.0.1:8080", "own_address"),
        ("0.0.0.0:8080", "127.9.9.9:8080", "own_address"),
        ("0.0.0.0:8080", "[::1]:8080", "own_address"),
        ("0.0.0.0:8080", "0.0.0.0:8080", "own_address"),
        ("0.0.0.0:8080", "127.0.0.1:8081", "ok"),
        ("0.0.0.0:8080", "192.168.0.7:8080", "ok"),
        ("0.0.0.0:8080", "10.0.0.5:8080", "ok"),
        ("0.0.0.0:8080", "8.8.8.8:8080", "ok"),
        ("[::]:8080", "127.0.0.1:8080", "own_address"),
        ("[::]:8080", "[::1]:8080", "own_address"),
        ("[::]:8080", "[fd00::7]:8080", "ok"),
        ("[::]:8080", "[2606:4700::1]:8080", "ok"),
    ] {
        let socket: SocketAddr = target.parse().expect("an address and a port");
        assert_eq!(word_of(with_own(OPEN, own).judge_socket(socket)), word, "{target} of a server on {own}");
    }
}

#[test]
fn an_address_that_is_closed_anyway_is_not_called_the_servers_own() {
    let rules = EgressRules { own: vec!["0.0.0.0:8080".parse().expect("valid")], ..EgressRules::default() };
    let judged = rules.judge_socket("10.0.0.1:8080".parse().expect("valid"));
    assert_eq!(judged, Err(AddressRefusal::PrivateAddress));
}

#[test]
fn a_name_with_one_bad_answer_is_refused_whole() {
    let rules = EgressRules::default();
    let judge = |answers: &[&str]| {
        let addresses: Vec<IpAddr> = answers.iter().map(|answer| ip(answer)).collect();
        word_of(rules.judge_answers(&addresses, 443))
    };
    assert_eq!(judge(&["8.8.8.8", "2606:4700::1"]), "ok");
    assert_eq!(judge(&["8.8.8.8", "10.0.0.1"]), "private_address");
    assert_eq!(judge(&["127.0.0.1", "8.8.8.8"]), "loopback_address");
    assert_eq!(judge(&["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"]), "embedded_ipv4_address");
    assert_eq!(judge(&[]), "ok");
}

#[test]
fn a_name_that_leads_to_the_server_itself_is_refused() {
    let rules = with_own("127.0.0.0/8", "127.0.0.1:8080");
    assert_eq!(rules.judge_answers(&[ip("127.0.0.1")], 8080), Err(AddressRefusal::OwnAddress));
    assert_eq!(rules.judge_answers(&[ip("127.0.0.1")], 8081), Ok(()));
}

#[test]
fn every_address_refusal_has_a_word_of_its_own_that_reads_back() {
    for refusal in AddressRefusal::ALL {
        assert_eq!(AddressRefusal::parse(refusal.as_str()), Some(*refusal));
        assert_eq!(UrlRefusal::from(*refusal).code(), refusal.as_str());
    }
}

// URLs

#[test]
fn hostile_urls_are_refused() {
    check(include_str!("data/urls_refused.txt"), |[code, raw]| {
        expect_code(code, code_of(&WebhookUrl::parse(raw, &EgressRules::default())))
    });
}

#[test]
fn public_https_urls_are_taken_and_normalised() {
    check(include_str!("data/urls_accepted.txt"), |[raw, normalised]| {
        let url = WebhookUrl::parse(raw, &EgressRules::default()).map_err(|refusal| refusal.to_string())?;
        expect_code(normalised, url.as_str())
    });
}

#[test]
fn open_networks_open_the_names_that_lead_there_and_no_odd_spelling() {
    check(include_str!("data/urls_with_open_networks.txt"), |[networks, code, raw]| {
        expect_code(code, code_of(&WebhookUrl::parse(raw, &opening(networks))))
    });
}

#[test]
fn http_is_taken_only_where_it_is_allowed() {
    let https_only = EgressRules { allow_http: false, ..opening("127.0.0.0/8") };
    assert_eq!(WebhookUrl::parse("http://127.0.0.1/", &https_only), Err(UrlRefusal::NotHttps));
    let url = WebhookUrl::parse("http://127.0.0.1/", &opening("127.0.0.0/8")).expect("allowed");
    assert!(!url.is_https());
    assert_eq!(url.port(), 80);
}

#[test]
fn a_url_that_names_the_servers_own_address_is_refused() {
    let rules = with_own("127.0.0.0/8", "127.0.0.1:8080");
    let refusal = WebhookUrl::parse("http://127.0.0.1:8080/", &rules).expect_err("own");
    assert_eq!(refusal, UrlRefusal::Address(AddressRefusal::OwnAddress));
    assert!(WebhookUrl::parse("http://127.0.0.1:8081/", &rules).is_ok());
}

#[test]
fn a_url_is_equal_to_itself_and_prints_as_it_is_kept() {
    let parse = |text: &str| WebhookUrl::parse(text, &EgressRules::default()).expect("allowed");
    let url = parse("https://EXAMPLE.com:443/a");
    assert_eq!(url, parse("https://example.com/a"));
    assert_ne!(url, parse("https://example.com/b"));
    assert_eq!((url.to_string(), format!("{url:?}")), (url.as_str().to_owned(), url.as_str().to_owned()));
}

#[test]
fn a_url_is_judged_again_when_the_rules_have_changed() {
    let url = WebhookUrl::parse("http://10.0.0.1/", &opening("10.0.0.0/8")).expect("allowed");
    let judge = |rules: &EgressRules| url.judge(rules).map_err(|refusal| refusal.code());
    assert_eq!(judge(&opening("10.0.0.0/8")), Ok(()));
    assert_eq!(judge(&opening("192.168.0.0/16")), Err("private_address"));
    assert_eq!(judge(&EgressRules::default()), Err("not_https"));
}

#[test]
fn a_stored_url_is_read_back_whatever_the_rules_are_now() {
    for text in [
        "https://example.com/a?b=c",
        "http://localhost:8080/",
        "https://[::1]/",
        "https://xn--mnchen-3ya.de/",
    ] {
        assert_eq!(WebhookUrl::from_stored(text).expect("a URL").as_str(), text);
    }
    for text in ["", "example.com", "ftp://example.com/", "https://", "https://[::1"] {
        assert_eq!(WebhookUrl::from_stored(text), Err(UrlRefusal::Malformed), "{text}");
    }
}

#[test]
fn what_is_read_back_is_judged_in_full_before_it_is_used() {
    for (text, code) in [
        ("https://user@example.com/", "user_info"),
        ("https://example.com/#a", "fragment"),
        ("https://example.com./", "trailing_dot"),
        ("https://2130706433/", "loopback_address"),
        ("https://localhost/", "inside_name"),
    ] {
        let url = WebhookUrl::from_stored(text).expect("a URL");
        assert_eq!(url.judge(&EgressRules::default()).map_err(|refusal| refusal.code()), Err(code), "{text}");
    }
}

#[test]
fn a_url_may_be_as_long_as_the_limit_and_no_longer() {
    let parse = |length: usize| {
        let path = "a".repeat(length - "https://example.com/".len());
        WebhookUrl::parse(&format!("https://example.com/{path}"), &EgressRules::default())
    };
    assert!(parse(URL_LENGTH_MAX).is_ok());
    assert_eq!(parse(URL_LENGTH_MAX + 1), Err(UrlRefusal::TooLong));
    // Each of these becomes three characters.
    let grows = format!("https://example.com/{}", "<".repeat(URL_LENGTH_MAX / 2));
    assert_eq!(WebhookUrl::parse(&grows, &EgressRules::default()), Err(UrlRefusal::TooLong));
}

#[test]
fn a_name_may_be_as_long_as_dns_allows_and_no_longer() {
    let label = "a".repeat(62);
    let parse = |last: usize| {
        let name = format!("{label}.{label}.{label}.{}.vn", "b".repeat(last));
        assert_eq!(name.len(), 192 + last);
        WebhookUrl::parse(&format!("https://{name}/"), &EgressRules::default())
    };
    assert!(parse(61).is_ok());
    assert_eq!(parse(62), Err(UrlRefusal::BadName));
}

#[test]
fn an_internationalised_name_can_be_shown_beside_its_punycode() {
    for (raw, name, unicode) in [
        ("https://cửa-hàng.vn/", "xn--ca-hng-lta4562d.vn", Some("cửa-hàng.vn")),
        ("https://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de", Some("münchen.de")),
        ("https://example.com/", "example.com", None),
    ] {
        let url = WebhookUrl::parse(raw, &EgressRules::default()).expect("allowed");
        assert_eq!(url.host(), Host::Domain(name));
        assert_eq!(url.unicode_host().as_deref(), unicode);
    }
    let address = WebhookUrl::parse("https://8.8.8.8/", &EgressRules::default()).expect("allowed");
    assert_eq!(address.unicode_host(), None);
}

// Headers

#[test]
fn hostile_headers_are_refused() {
    check(include_str!("data/headers_refused.txt"), |[code, name, value]| {
        let parsed = CustomHeader::parse(name, value, PREFIX);
        expect_code(code, parsed.as_ref().map_or_else(HeaderRefusal::code, |_| "ok"))
    });
}

#[test]
fn ordinary_headers_are_taken_as_they_are() {
    check(include_str!("data/headers_accepted.txt"), |[name, value]| {
        let header = CustomHeader::parse(name, value, PREFIX).map_err(|refusal| refusal.to_string())?;
        expect_code(name, &header.name)?;
        expect_code(value, header.value.expose_secret())
    });
}

#[test]
fn headers_with_the_configured_prefix_are_refused() {
    assert_eq!(CustomHeader::parse("Acme-Event", "a", "acme").err(), Some(HeaderRefusal::NameOfOurs));
    assert_eq!(CustomHeader::parse("acme-event", "a", "Acme").err(), Some(HeaderRefusal::NameOfOurs));
    assert_eq!(CustomHeader::parse("webhook-id", "a", "acme").err(), Some(HeaderRefusal::NameOfOurs));
    assert!(CustomHeader::parse("Acmes-Event", "a", "acme").is_ok());
    assert!(CustomHeader::parse("bocau-event", "a", "acme").is_ok());
}

#[test]
fn a_header_may_be_as_long_as_the_limits_and_no_longer() {
    let parse =
        |name: usize, value: usize| CustomHeader::parse(&"n".repeat(name), &"v".repeat(value), PREFIX).err();
    assert_eq!(parse(HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX), None);
    assert_eq!(parse(HEADER_NAME_BYTES_MAX + 1, 1), Some(HeaderRefusal::NameTooLong));
    assert_eq!(parse(1, HEADER_VALUE_BYTES_MAX + 1), Some(HeaderRefusal::ValueTooLong));
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_webhook_may_have_as_many_headers_as_the_limit_and_no_more() {
    let mut headers: Vec<_> = (0..HEADERS_MAX).map(|number| pair(&format!("X-{number}"), "a")).collect();
    assert_eq!(CustomHeader::parse_all(&headers, PREFIX).map(|parsed| parsed.len()).ok(), Some(HEADERS_MAX));
    headers.push(pair("X-More", "a"));
    assert_eq!(CustomHeader::parse_all(&headers, PREFIX).err(), Some((HEADERS_MAX, HeaderRefusal::TooMany)));
}

#[test]
fn the_culprit_among_several_headers_is_named() {
    let headers = [pair("X-A", "a"), pair("Host", "a"), pair("X-B", "\n")];
    assert_eq!(CustomHeader::parse_all(&headers, PREFIX).err(), Some((1, HeaderRefusal::NameOfConnection)));
    let repeated = [pair("X-A", "a"), pair("X-B", "a"), pair("x-a", "b")];
    assert_eq!(CustomHeader::parse_all(&repeated, PREFIX).err(), Some((2, HeaderRefusal::NameRepeated)));
    assert!(CustomHeader::parse_all(&[], PREFIX).expect("none is allowed").is_empty());
}

#[test]
fn a_headers_value_never_shows_in_debug_output_or_errors() {
    let header = CustomHeader::parse("X-Token", "canary", PREFIX).expect("allowed");
    assert!(!format!("{header:?} {:?}", header.clone()).contains("canary"));
    let refusal = CustomHeader::parse("X-Token", "canary\n", PREFIX).expect_err("a line break");
    assert!(!format!("{refusal:?} {refusal}").contains("canary"));
}

// Whatever comes

/// The same inputs each time, unless `PROPTEST_CASES` asks for many others.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(552) };
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        rng_seed,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Pieces that URLs and attacks on them are made of.
fn url_of_pieces() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "https",
        "http",
        "HTTPS",
        ":",
        "//",
        "/",
        "\\",
        "@",
        "[",
        "]",
        "[::1]",
        "[2606:4700::1]",
        "::1",
        "127.0.0.1",
        "8.8.8.8",
        "0x7f",
        "010",
        "1",
        "１２７",
        "①",
        "。",
        ".",
        "..",
        "%31",
        "%",
        "localhost",
        "internal",
        "example",
        ".com",
        ".vn",
        "xn--",
        "mnchen-3ya",
        "ồ",
        "O\u{302}\u{300}",
        "ß",
        "İ",
        "½",
        "\t",
        "\n",
        " ",
        "\u{200b}",
        "?",
        "#",
        ":443",
        ":0",
        ":8443",
        "a",
        "-",
        "_",
        "q=1",
    ]);
    let free = prop::collection::vec(pieces.clone(), 0..12).prop_map(|pieces| pieces.concat());
    let rooted =
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| format!("https://{}", pieces.concat()));
    let plausible = "https?://[a-zđồ0-9_-]{1,12}(\\.[a-zấ0-9-]{1,8}){1,4}(:[0-9]{1,5})?([/?][!-~]{0,20})?";
    prop_oneof![free, rooted, plausible, any::<String>()]
}

proptest! {
    #![proptest_config(config(4096))]

    #[test]
    fn an_accepted_url_is_plain_public_https_and_can_be_sent(raw in url_of_pieces()) {
        let rules = EgressRules::default();
        let Ok(url) = WebhookUrl::parse(&raw, &rules) else { return Ok(()) };
        let text = url.as_str();
        prop_assert!(text.is_ascii() && text.len() <= URL_LENGTH_MAX);
        prop_assert!(url.is_https() && url.port() != 0);
        let parsed = url::Url::parse(text).expect("a URL");
        prop_assert!(parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none());
        match url.host() {
            Host::Domain(name) => prop_assert!(name.contains('.') && name.parse::<IpAddr>().is_err()),
            Host::Ipv4(address) => prop_assert_eq!(rules.judge_ip(address.into()), Ok(())),
            Host::Ipv6(address) => prop_assert_eq!(rules.judge_ip(address.into()), Ok(())),
        }
        // The text that is kept means the same as the one that was typed.
        prop_assert_eq!(WebhookUrl::parse(text, &rules), Ok(url.clone()));
        prop_assert_eq!(WebhookUrl::from_stored(text), Ok(url.clone()));
        prop_assert_eq!(url.judge(&rules), Ok(()));
        // Nothing further on turns it away: not the HTTP client, not the check of the certificate's name.
        let uri: http::Uri = text.parse().expect("hyper takes the URL");
        let host = uri.host().expect("a host").trim_matches(['[', ']']).to_owned();
        prop_assert!(rustls_pki_types::ServerName::try_from(host).is_ok());
    }

    #[test]
    fn any_url_text_is_answered_without_a_panic(raw in any::<String>(), rooted in any::<bool>()) {
        let raw = if rooted { format!("https://{raw}") } else { raw };
        let _ = WebhookUrl::parse(&raw, &opening("0.0.0.0/0,::/0"));
        let _ = WebhookUrl::from_stored(&raw).map(|url| (url.port(), url.unicode_host(), url.host().to_owned()));
    }

    #[test]
    fn an_accepted_header_is_one_that_http_takes_and_never_more(name in "[ -~]{0,12}|\\PC{0,6}", value in any::<String>()) {
        let Ok(header) = CustomHeader::parse(&name, &value, PREFIX) else { return Ok(()) };
        prop_assert!(http::HeaderName::from_bytes(header.name.as_bytes()).is_ok());
        prop_assert!(http::HeaderValue::from_str(header.value.expose_secret()).is_ok());
        prop_assert!(!value.contains(['\r', '\n', '\0']));
    }

    #[test]
    fn every_ipv4_address_is_judged_by_the_smallest_block_that_has_it(bits in any::<u32>()) {
        let address = IpAddr::from(Ipv4Addr::from_bits(bits));
        prop_assert_eq!(word_of(EgressRules::default().judge_ip(address)), expected(&blocks(), address));
    }

    #[test]
    fn every_ipv6_address_is_judged_by_the_smallest_block_that_has_it(bits in any::<u128>(), near in 0..64_u32) {
        // Random bits after the beginning of some block, else nearly all of them fall into the largest.
        let blocks = blocks();
        let block = blocks[near as usize % blocks.len()].0;
        let IpAddr::V6(first) = block.network() else { return Ok(()) };
        let host_mask = u128::MAX.checked_shr(u32::from(block.prefix_len()).saturating_sub(2)).unwrap_or(0);
        let address = Ipv6Addr::from_bits(first.to_bits() ^ (bits & host_mask));
        prop_assume!(address.segments()[5] != 0x5efe);
        let address = IpAddr::from(address);
        prop_assert_eq!(word_of(EgressRules::default().judge_ip(address)), expected(&blocks, address));
    }
}
