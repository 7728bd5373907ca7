//! The one reserved name: what it opens where test inboxes listen, and that it opens nothing else.

use bocau_domain::address::EgressRules;
use bocau_domain::{UrlRefusal, WebhookUrl, inbox_url};

fn listening() -> EgressRules {
    EgressRules { inbox: Some("127.0.0.1:40000".parse().expect("an address")), ..EgressRules::default() }
}

fn code(raw: &str, rules: &EgressRules) -> &'static str {
    WebhookUrl::parse(raw, rules).map_or_else(|refusal| UrlRefusal::code(&refusal), |_| "ok")
}

#[test]
fn the_name_with_a_token_is_taken_where_inboxes_listen_and_nothing_like_it() {
    for (expected, raw) in [
        ("ok", "https://inbox.bocau.test/a-Z_9"),
        ("ok", "https://INBOX.bocau.test:443/abc"),
        ("inside_name", "https://inbox.bocau.test/"),
        ("inside_name", "https://inbox.bocau.test"),
        ("inside_name", "https://inbox.bocau.test/abc/"),
        ("inside_name", "https://inbox.bocau.test/abc/def"),
        ("inside_name", "https://inbox.bocau.test/abc?a=b"),
        ("inside_name", "https://inbox.bocau.test/%61"),
        ("inside_name", "https://inbox.bocau.test:444/abc"),
        ("not_https", "http://inbox.bocau.test/abc"),
        ("not_https", "http://inbox.bocau.test:443/abc"),
        ("trailing_dot", "https://inbox.bocau.test./abc"),
        ("user_info", "https://a@inbox.bocau.test/abc"),
        ("inside_name", "https://x.inbox.bocau.test/abc"),
        ("inside_name", "https://xinbox.bocau.test/abc"),
        ("inside_name", "https://bocau.test/abc"),
        ("inside_name", "https://test/abc"),
    ] {
        assert_eq!(code(raw, &listening()), expected, "{raw}");
    }
}

#[test]
fn a_webhook_to_an_inbox_is_judged_again_when_none_listen() {
    let url = WebhookUrl::parse(&inbox_url("abc"), &listening()).expect("taken");
    assert_eq!(url.judge(&listening()), Ok(()));
    assert_eq!(url.judge(&EgressRules::default()), Err(UrlRefusal::InsideName));
}

#[test]
fn the_listener_itself_is_the_servers_own_address_whatever_is_open() {
    let allowed = vec!["127.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")];
    let open = EgressRules { allowed, allow_http: true, ..listening() };
    for raw in [
        "https://127.0.0.1:40000/abc",
        "http://127.0.0.1:40000/abc",
        "https://127.0.0.2:40000/abc",
        "https://[::1]:40000/abc",
    ] {
        assert_eq!(code(raw, &open), "own_address", "{raw}");
    }
    assert_eq!(code("https://127.0.0.1:40001/abc", &open), "ok");
    assert_eq!(code("https://127.0.0.1:40000/abc", &listening()), "loopback_address");
}
