//! Names that lead elsewhere: what is connected to is judged, after DNS and on every connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::address::{AddressRefusal, EgressRules};
use bocau_domain::{Attempt, Outcome, Status};
use bocau_engine::egress::Guard;
use bocau_engine::egress::guard::{ADDRESSES_MAX, ConnectError};
use bocau_testkit::harness::ip;
use bocau_testkit::{CanaryListener, DnsAnswer, EngineHarness, FakeResolver, HarnessOptions, Reply};
use tower::Service as _;

const HOST: &str = "shop.receiver.vn";

/// The receiver's address is open and its neighbour's is not, where a canary listens on the same port.
async fn with_a_closed_neighbour() -> (EngineHarness, CanaryListener) {
    let harness = EngineHarness::with(HarnessOptions::allowing("127.0.0.1/32")).await;
    let neighbour = SocketAddr::new(ip("127.0.0.2"), harness.receiver.address().port());
    let canary = CanaryListener::on(neighbour);
    harness.webhook_at(&harness.receiver.https_url_at(HOST, "/in")).await;
    (harness, canary)
}

async fn attempt(harness: &EngineHarness) -> Attempt {
    let id = harness.send("1").await;
    let (_, mut history) = harness.attempted(id, 1).await;
    history.remove(0)
}

#[tokio::test]
async fn a_name_that_leads_to_open_addresses_is_reached() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.1"]));
    assert_eq!(attempt(&harness).await.outcome, Outcome::Success);
    let request = harness.receiver.wait_for(1).await.remove(0);
    let host = format!("{HOST}:{}", harness.receiver.address().port());
    assert_eq!(request.header("host"), Some(host.as_str()));
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_with_one_closed_answer_is_blocked_whole() {
    let (harness, canary) = with_a_closed_neighbour().await;
    for (answers, reason) in [
        (vec!["127.0.0.1", "127.0.0.2"], "loopback_address"),
        (vec!["127.0.0.2", "127.0.0.1"], "loopback_address"),
        (vec!["127.0.0.1", "10.0.0.1"], "private_address"),
        (vec!["127.0.0.1", "169.254.169.254"], "metadata_address"),
        (vec!["127.0.0.1", "::ffff:127.0.0.1"], "embedded_ipv4_address"),
        (vec!["::1"], "loopback_address"),
        (vec!["0.0.0.0"], "unspecified_address"),
    ] {
        let host = format!("{}.receiver.vn", reason.replace('_', "-"));
        let harness_id = harness.webhook_at(&harness.receiver.https_url_at(&host, "/in")).await;
        harness.resolver.answer(&host, DnsAnswer::of(&answers));
        harness.resolver.answer(HOST, DnsAnswer::Error("not this time".into()));
        let published = harness.publish(vec![harness.event("1")]).await;
        let rows = bocau_store::Store::deliveries_of_event(
            &**harness.store(),
            &harness.store_id,
            published.events[0].0,
        )
        .await
        .expect("the store works");
        let row = rows.iter().find(|row| row.webhook_id == Some(harness_id)).expect("it takes everything");
        let (_, history) = harness.attempted(row.id, 1).await;
        assert_eq!(history[0].outcome, Outcome::Blocked, "{answers:?}");
        let error = history[0].error.clone().unwrap_or_default();
        assert!(error.contains(reason), "{answers:?}: {error}");
        harness.delete_webhook(harness_id).await;
    }
    assert_eq!(harness.receiver.count(), 0);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_that_is_bound_anew_is_judged_on_the_next_connection() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.1"]));
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.2"]));
    harness.receiver.reply("/in", Reply::status(500).closing());
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.advance(Duration::from_mins(5)).await;
    let (_, history) = harness.attempted(id, 2).await;
    let outcomes: Vec<_> = history.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::HttpError, Outcome::Blocked]);
    assert_eq!((harness.resolver.asked(HOST), harness.receiver.count()), (2, 1));
    canary.assert_untouched();
}

#[tokio::test]
async fn one_look_up_is_made_per_connection_so_nothing_comes_between_judging_and_connecting() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.1"]));
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.2"]));
    assert_eq!(attempt(&harness).await.outcome, Outcome::Success);
    assert_eq!(harness.resolver.asked(HOST), 1);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_with_very_many_addresses_is_refused() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::Addresses(vec![ip("127.0.0.1"); 5_000]));
    harness.resolver.answer(HOST, DnsAnswer::Addresses(vec![ip("127.0.0.1"); ADDRESSES_MAX + 1]));
    harness.resolver.answer(HOST, DnsAnswer::Addresses(vec![ip("127.0.0.1"); ADDRESSES_MAX]));
    assert_eq!(attempt(&harness).await.outcome, Outcome::DnsError);
    assert_eq!(attempt(&harness).await.outcome, Outcome::DnsError);
    assert_eq!(attempt(&harness).await.outcome, Outcome::Success);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_error() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::Error("SERVFAIL".into()));
    harness.resolver.answer(HOST, DnsAnswer::Addresses(Vec::new()));
    let failed = attempt(&harness).await;
    assert_eq!((failed.outcome, failed.status_code), (Outcome::DnsError, None));
    assert!(failed.error.is_some_and(|error| error.contains("SERVFAIL")));
    assert_eq!(attempt(&harness).await.outcome, Outcome::DnsError);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_silent_name_server_ends_at_the_deadline() {
    let (harness, canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::Silence);
    let id = harness.send("1").await;
    harness.clock.someone_lies_down_for(Duration::from_secs(10)).await;
    harness.advance(Duration::from_secs(10)).await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Timeout, Duration::from_secs(10)));
    assert_eq!(harness.receiver.count(), 0);
    canary.assert_untouched();
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_passed_over_for_the_next() {
    let harness = EngineHarness::start().await;
    // Nobody listens on the first.
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.9", "127.0.0.1"]));
    harness.webhook_at(&harness.receiver.https_url_at(HOST, "/in")).await;
    assert_eq!(attempt(&harness).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn localhost_means_this_machine_and_no_name_server_is_asked() {
    let harness = EngineHarness::with(HarnessOptions::allowing("127.0.0.1/32")).await;
    for host in ["localhost", "shop.localhost"] {
        harness.resolver.answer(host, DnsAnswer::of(&["127.0.0.2"]));
        harness.webhook_at(&harness.receiver.https_url_at(host, "/in")).await;
        assert_eq!(attempt(&harness).await.outcome, Outcome::Success, "{host}");
        assert_eq!(harness.resolver.asked(host), 0, "{host}");
    }
}

#[tokio::test]
async fn localhost_is_blocked_where_neither_of_its_addresses_is_open() {
    let canary = CanaryListener::start();
    for host in ["localhost", "shop.localhost", "LOCALHOST"] {
        let resolver = Arc::new(FakeResolver::new());
        resolver.answer(host, DnsAnswer::of(&["8.8.8.8"]));
        let mut guard = Guard::new(Arc::new(EgressRules::default()), resolver.clone());
        let uri = format!("https://{host}:{}/", canary.address().port()).parse().expect("a URI");
        let error = guard.call(uri).await.expect_err("it is closed");
        let is_loopback =
            matches!(error, ConnectError::Blocked { reason: AddressRefusal::LoopbackAddress, .. });
        assert!(is_loopback, "{host}: {error}");
        assert_eq!(resolver.asked(host), 0);
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn the_servers_own_address_is_never_called() {
    let (mut harness, _canary) = with_a_closed_neighbour().await;
    harness.resolver.answer(HOST, DnsAnswer::of(&["127.0.0.1"]));
    harness.stop().await;
    let own = vec![harness.receiver.address()];
    harness.rules = Arc::new(EgressRules { own, ..(*harness.rules).clone() });
    harness.resume().await;
    let blocked = attempt(&harness).await;
    assert_eq!(blocked.outcome, Outcome::Blocked);
    assert!(blocked.error.is_some_and(|error| error.contains("own_address")));
    assert_eq!(harness.receiver.count(), 0);
}

#[tokio::test]
async fn a_webhook_whose_network_was_closed_since_is_blocked() {
    let mut harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.stop().await;
    harness.rules = Arc::new(EgressRules::default());
    harness.resume().await;
    let blocked = attempt(&harness).await;
    assert_eq!((blocked.outcome, blocked.duration), (Outcome::Blocked, Duration::ZERO));
    assert_eq!(harness.receiver.count(), 0);
}

#[tokio::test]
async fn the_inboxes_name_leads_to_their_listener_without_dns_and_nothing_else_does() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let resolver = Arc::new(FakeResolver::new());
    resolver.answer("inbox.bocau.test", DnsAnswer::of(&["127.0.0.1"]));
    resolver.answer(HOST, DnsAnswer::of(&["127.0.0.1"]));
    let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
    let rules = EgressRules { allowed, inbox: Some(address), ..EgressRules::default() };
    let mut guard = Guard::new(Arc::new(rules.clone()), resolver.clone());
    let stream = guard.call("https://inbox.bocau.test/abc".parse().expect("a URI")).await.expect("connected");
    assert_eq!(stream.inner().peer_addr().expect("an address"), address);
    assert_eq!(resolver.asked("inbox.bocau.test"), 0);
    let port = address.port();
    for uri in [
        format!("https://inbox.bocau.test:{port}/abc"),
        format!("http://inbox.bocau.test:{port}/abc"),
        format!("https://{HOST}:{port}/abc"),
        format!("https://127.0.0.1:{port}/abc"),
        format!("https://localhost:{port}/abc"),
    ] {
        let error = guard.call(uri.parse().expect("a URI")).await.expect_err("it is closed");
        let is_own = matches!(error, ConnectError::Blocked { reason: AddressRefusal::OwnAddress, .. });
        assert!(is_own, "{uri}: {error}");
    }
    let rules = EgressRules { allowed: Vec::new(), inbox: None, ..rules };
    let error = Guard::new(Arc::new(rules), resolver.clone())
        .call("https://inbox.bocau.test/abc".parse().expect("a URI"))
        .await
        .expect_err("none listen");
    assert!(
        matches!(error, ConnectError::Blocked { reason: AddressRefusal::LoopbackAddress, .. }),
        "{error}"
    );
}
