//! Hostile URLs at the five doors.

use std::collections::HashMap;

use bocau_domain::address::EgressRules;
use bocau_domain::{Outcome, Trigger, WebhookUrl};
use bocau_testkit::{CanaryListener, HarnessOptions, TestApp};
use serde_json::json;

use crate::door::{attempted, blocked, count, left_behind, publish, resend, test_send};
use crate::table::{field, rows};

/// Webhooks that one store may have.
const WEBHOOKS_MAX: usize = 100;

/// Code and text of every URL that is refused, addresses in their plain form among them.
fn refused() -> Vec<(String, String)> {
    let urls = rows(include_str!("../../../domain/tests/data/urls_refused.txt"));
    let urls = urls.iter().map(|row| (field(row, 0).to_owned(), field(row, 1).to_owned()));
    let addresses = rows(include_str!("../../../domain/tests/data/addresses_refused.txt"));
    let addresses = addresses.iter().map(|row| {
        let address = field(row, 1);
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        (field(row, 0).to_owned(), format!("https://{host}/"))
    });
    urls.chain(addresses).collect()
}

/// Nothing but public addresses is open, and a canary listens on this machine.
async fn closed() -> (TestApp, CanaryListener) {
    count();
    let app = TestApp::with(HarnessOptions { allowed: Vec::new(), ..HarnessOptions::default() }).await;
    (app, CanaryListener::start())
}

fn assert_untouched(app: &TestApp, canary: &CanaryListener) {
    assert_eq!(app.harness.receiver.count(), 0);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_hostile_url_is_refused_where_a_webhook_is_made_or_changed() {
    let (app, canary) = closed().await;
    let new = json!({"url": "https://shop.vn/hook", "events": ["*"]});
    let made = app.post("/stores/552/webhooks", &new).send().await.expect(201);
    let path = format!("/stores/552/webhooks/{}", made["id"].as_str().expect("an id"));
    let table = refused();
    assert!(table.len() > 400, "{} rows", table.len());
    let mut expected: HashMap<String, u64> = HashMap::new();
    for (code, url) in &table {
        let create = app.post("/stores/552/webhooks", &json!({"url": url, "events": ["*"]})).send().await;
        let change = app.patch(&path, &json!({"url": url})).send().await;
        for (door, answer) in [("create", create), ("update", change)] {
            assert_eq!(answer.status, 422, "{door} {url:?}");
            assert_eq!(answer.problem(422), "webhook-url-refused", "{door} {url:?}");
            assert_eq!(answer.json()["reason"], **code, "{door} {url:?}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "/url", "{door} {url:?}");
            *expected.entry(code.clone()).or_default() += 1;
        }
    }
    assert_eq!(blocked(), expected, "each refusal is counted by its reason");
    let webhooks = app.get("/stores/552/webhooks").send().await.expect(200);
    assert_eq!(webhooks["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(webhooks["data"][0]["url"], "https://shop.vn/hook");
    assert_untouched(&app, &canary);
}

/// A URL that was taken when the rules were laxer, or written into the database by somebody else: what is no
/// public https URL still goes nowhere, whatever makes it go.
#[tokio::test]
async fn a_hostile_url_that_is_there_already_is_blocked_at_test_delivery_and_resend() {
    let (app, canary) = closed().await;
    let rules = EgressRules::default();
    let mut urls: Vec<String> = refused()
        .into_iter()
        .filter_map(|(_, url)| WebhookUrl::from_stored(&url).ok())
        // Some odd spellings mean a public host once a parser has repaired them.
        .filter(|url| url.judge(&rules).is_err())
        .map(|url| url.to_string())
        .collect();
    urls.sort();
    urls.dedup();
    urls.push(format!("https://{}/", canary.address()));
    assert!(urls.len() > 150, "{} URLs", urls.len());
    for (number, chunk) in urls.chunks(WEBHOOKS_MAX).enumerate() {
        let store = format!("s{number}");
        app.harness.store_called(&store).await;
        let mut webhooks = HashMap::new();
        for url in chunk {
            let id = left_behind(&app, &store, url).await.expect("it was parsed above");
            webhooks.insert(id, url);
        }
        for (id, url) in &webhooks {
            let before = blocked();
            let tried = test_send(&app, &store, *id).await;
            assert_eq!((&tried["outcome"], &tried["trigger"]), (&json!("blocked"), &json!("test")), "{url}");
            assert!(tried["error"].as_str().is_some_and(|error| !error.is_empty()), "{url}: {tried}");
            assert_counted_once(&before, url);
        }
        let rows = publish(&app, &store).await;
        assert_eq!(rows.len(), webhooks.len());
        for (webhook, delivery) in &rows {
            let url = webhooks[webhook];
            let history = attempted(&app, &store, *delivery, 1).await;
            assert_eq!((history[0].outcome, history[0].trigger), (Outcome::Blocked, Trigger::Auto), "{url}");
        }
        for (webhook, delivery) in rows {
            let url = webhooks[&webhook];
            let before = blocked();
            resend(&app, &store, delivery).await;
            let history = attempted(&app, &store, delivery, 2).await;
            assert_eq!(
                (history[1].outcome, history[1].trigger),
                (Outcome::Blocked, Trigger::Manual),
                "{url}"
            );
            assert_eq!(history[1].status_code, None);
            assert_counted_once(&before, url);
        }
    }
    assert_untouched(&app, &canary);
}

/// The reason that was counted since is the one that the URL is judged by now.
fn assert_counted_once(before: &HashMap<String, u64>, url: &str) {
    let stored = WebhookUrl::from_stored(url).expect("a URL");
    let reason = stored.judge(&EgressRules::default()).expect_err("it is refused").code();
    let mut expected = before.clone();
    *expected.entry(reason.to_owned()).or_default() += 1;
    assert_eq!(blocked(), expected, "{url}");
}
