//! Names that lead inside, at the doors behind DNS: what is connected to is judged, on every connection.

use std::net::SocketAddr;
use std::time::Duration;

use bocau_domain::{Outcome, Trigger, WebhookId};
use bocau_engine::egress::guard::ADDRESSES_MAX;
use bocau_testkit::harness::ip;
use bocau_testkit::{CanaryListener, DnsAnswer, HarnessOptions, NameServer, Reply, TestApp, Zone};
use serde_json::json;

use crate::door::{attempted, blocked, count, left_behind, publish, resend, test_send};
use crate::table::{field, rows};

const STORE: &str = "552";
const TIMEOUT: Duration = Duration::from_secs(10);

/// The receiver's address is open, its neighbour's is not: there a canary listens on the same port.
async fn beside_a_canary() -> (TestApp, CanaryListener) {
    count();
    let app = TestApp::with(HarnessOptions::allowing("127.0.0.1/32")).await;
    let neighbour = SocketAddr::new(ip("127.0.0.2"), app.harness.receiver.address().port());
    let canary = CanaryListener::on(neighbour);
    (app, canary)
}

/// A webhook at a name of its own, which a webhook may have: nothing is resolved where it is made.
async fn webhook_at(app: &TestApp, host: &str) -> WebhookId {
    let url = app.harness.receiver.https_url_at(host, "/in");
    let made =
        app.post("/stores/552/webhooks", &json!({"url": url, "events": ["*"]})).send().await.expect(201);
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    app.patch(&path, &json!({"url": url})).send().await.expect(200);
    made["id"].as_str().expect("an id").parse().expect("a webhook's id")
}

/// Counted once more by this reason, and by no other.
fn assert_counted(before: u64, reason: &str) {
    let after = blocked().get(reason).copied().unwrap_or_default();
    assert_eq!(after, before + u64::from(!reason.is_empty()), "{reason}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_blocked_at_test_delivery_and_resend() {
    let (app, canary) = beside_a_canary().await;
    let count_of = |reason: &str| blocked().get(reason).copied().unwrap_or_default();
    for (number, row) in rows(include_str!("names_refused.txt")).iter().enumerate() {
        let [outcome, reason, answers] = [0, 1, 2].map(|position| field(row, position));
        let host = format!("n{number}.receiver.vn");
        let addresses: Vec<&str> = answers.split(' ').collect();
        app.harness.resolver.answer(&host, DnsAnswer::of(&addresses));
        let webhook = webhook_at(&app, &host).await;

        let before = count_of(reason);
        let tried = test_send(&app, STORE, webhook).await;
        assert_eq!(tried["outcome"], outcome, "{answers}: {tried}");
        assert!(tried["error"].as_str().is_some_and(|error| error.contains(reason)), "{answers}: {tried}");
        assert_counted(before, reason);

        let delivery = publish(&app, STORE).await[&webhook];
        let history = attempted(&app, STORE, delivery, 1).await;
        assert_eq!((history[0].outcome, history[0].trigger), (Outcome::Blocked, Trigger::Auto), "{answers}");
        assert_counted(before + 1, reason);

        resend(&app, STORE, delivery).await;
        let history = attempted(&app, STORE, delivery, 2).await;
        assert_eq!(
            (history[1].outcome, history[1].trigger),
            (Outcome::Blocked, Trigger::Manual),
            "{answers}"
        );
        assert_counted(before + 2, reason);
        assert_eq!(app.harness.resolver.asked(&host), 3, "asked once for each connection");
        let path = format!("/stores/552/webhooks/{webhook}");
        app.delete(&path).send().await.expect(204);
    }
    assert_eq!(app.harness.receiver.count(), 0);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_that_is_bound_anew_is_blocked_at_each_door_that_comes_later() {
    let (app, canary) = beside_a_canary().await;
    let host = "rebound.receiver.vn";
    // Open for one look-up, inside for all that follow.
    app.harness.resolver.answer(host, DnsAnswer::of(&["127.0.0.1"]));
    app.harness.resolver.answer(host, DnsAnswer::of(&["127.0.0.2"]));
    app.harness.receiver.reply("/in", Reply::status(500).closing());
    let webhook = webhook_at(&app, host).await;
    assert_eq!(test_send(&app, STORE, webhook).await["outcome"], "http_error");
    assert_eq!(test_send(&app, STORE, webhook).await["outcome"], "blocked");
    let delivery = publish(&app, STORE).await[&webhook];
    assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::Blocked);
    resend(&app, STORE, delivery).await;
    assert_eq!(attempted(&app, STORE, delivery, 2).await[1].outcome, Outcome::Blocked);
    assert_eq!(app.harness.receiver.count(), 1);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_with_thousands_of_addresses_or_none_is_a_dns_error_at_each_door() {
    let (app, canary) = beside_a_canary().await;
    for (number, answer) in [
        DnsAnswer::Addresses(vec![ip("127.0.0.1"); 5_000]),
        DnsAnswer::Addresses(vec![ip("127.0.0.1"); ADDRESSES_MAX + 1]),
        DnsAnswer::Addresses(Vec::new()),
        DnsAnswer::Error("SERVFAIL".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("n{number}.receiver.vn");
        app.harness.resolver.answer(&host, answer);
        let webhook = webhook_at(&app, &host).await;
        assert_eq!(test_send(&app, STORE, webhook).await["outcome"], "dns_error", "{number}");
        let delivery = publish(&app, STORE).await[&webhook];
        assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::DnsError, "{number}");
        resend(&app, STORE, delivery).await;
        assert_eq!(attempted(&app, STORE, delivery, 2).await[1].outcome, Outcome::DnsError, "{number}");
    }
    assert_eq!(app.harness.receiver.count(), 0);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_silent_name_server_ends_at_the_deadline_at_each_door() {
    let (app, canary) = beside_a_canary().await;
    let host = "silent.receiver.vn";
    app.harness.resolver.answer(host, DnsAnswer::Silence);
    let webhook = webhook_at(&app, host).await;
    let passing = async || {
        app.harness.clock.someone_lies_down_for(TIMEOUT).await;
        app.harness.advance(TIMEOUT).await;
    };
    let (tried, ()) = tokio::join!(test_send(&app, STORE, webhook), passing());
    assert_eq!(tried["outcome"], "timeout");
    let delivery = publish(&app, STORE).await[&webhook];
    passing().await;
    assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::Timeout);
    resend(&app, STORE, delivery).await;
    passing().await;
    assert_eq!(attempted(&app, STORE, delivery, 2).await[1].outcome, Outcome::Timeout);
    assert_eq!(app.harness.receiver.count(), 0);
    canary.assert_untouched();
}

/// The names that mean this machine are judged without a name server, whatever one would say.
#[tokio::test]
async fn a_name_of_this_machine_is_blocked_at_each_door() {
    count();
    let app = TestApp::with(HarnessOptions { allowed: Vec::new(), ..HarnessOptions::default() }).await;
    let canary = CanaryListener::start();
    let port = canary.address().port();
    for host in ["localhost", "shop.localhost", "metadata.google.internal", "printer.local", "router"] {
        app.harness.resolver.answer(host, DnsAnswer::of(&["127.0.0.1"]));
        let webhook = left_behind(&app, STORE, &format!("https://{host}:{port}/")).await.expect("a URL");
        assert_eq!(test_send(&app, STORE, webhook).await["outcome"], "blocked", "{host}");
        let delivery = publish(&app, STORE).await[&webhook];
        assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::Blocked, "{host}");
        resend(&app, STORE, delivery).await;
        assert_eq!(attempted(&app, STORE, delivery, 2).await[1].outcome, Outcome::Blocked, "{host}");
        assert_eq!(app.harness.resolver.asked(host), 0, "{host}");
    }
    canary.assert_untouched();
}

/// By the program's own resolver and a real name server, where nobody may remember the answer.
#[tokio::test]
async fn a_cname_that_leads_inside_is_blocked_at_test_delivery_and_resend() {
    let (app, canary) = beside_a_canary().await;
    let names = NameServer::start().await;
    for (number, (addresses, reason)) in [
        (&["127.0.0.2"][..], "loopback_address"),
        (&["169.254.169.254"], "metadata_address"),
        (&["127.0.0.1", "10.0.0.1"], "private_address"),
        (&["127.0.0.1", "::ffff:127.0.0.2"], "embedded_ipv4_address"),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("c{number}.receiver.vn");
        names.answer(&host, Zone::of(addresses).by_way_of("a.receiver.vn").by_way_of("db.internal"));
        app.harness.resolver.answer(&host, DnsAnswer::Ask(names.address()));
        let webhook = webhook_at(&app, &host).await;
        let before = blocked().get(reason).copied().unwrap_or_default();
        let tried = test_send(&app, STORE, webhook).await;
        assert_eq!(tried["outcome"], "blocked", "{addresses:?}: {tried}");
        let delivery = publish(&app, STORE).await[&webhook];
        attempted(&app, STORE, delivery, 1).await;
        resend(&app, STORE, delivery).await;
        let history = attempted(&app, STORE, delivery, 2).await;
        assert!(history.iter().all(|row| row.outcome == Outcome::Blocked), "{addresses:?}");
        assert_counted(before + 2, reason);
        app.delete(&format!("/stores/552/webhooks/{webhook}")).send().await.expect(204);
    }
    assert_eq!(app.harness.receiver.count(), 0);
    canary.assert_untouched();
}
