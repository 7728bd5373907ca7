//! The three doors behind a webhook that is there already: a test send, a delivery, a resend.

use std::collections::HashMap;
use std::sync::LazyLock;

use bocau_domain::header::CustomHeader;
use bocau_domain::{Actor, Attempt, DeliveryId, Status, StoreId, Webhook, WebhookId, WebhookUrl};
use bocau_store::Store as _;
use bocau_testkit::TestApp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};

/// The counters of this process; each test is one.
static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| PrometheusBuilder::new().install_recorder().expect("nobody else counts"));

/// Counts from now on, where nobody did yet.
pub(crate) fn count() {
    LazyLock::force(&METRICS);
}

/// What `bocau_egress_blocked_total` says, by reason.
pub(crate) fn blocked() -> HashMap<String, u64> {
    let shown = METRICS.render();
    let lines = shown.lines().filter_map(|line| {
        let (reason, count) =
            line.strip_prefix("bocau_egress_blocked_total{reason=\"")?.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse().expect("a number")))
    });
    lines.collect()
}

/// A webhook as an older, laxer configuration may have left it behind: whatever reads as a URL.
pub(crate) async fn left_behind(app: &TestApp, store: &str, url: &str) -> Option<WebhookId> {
    let url = WebhookUrl::from_stored(url).ok()?;
    let store: StoreId = store.parse().expect("a store id");
    let webhook = Webhook { url, store, ..app.harness.new_webhook("https://shop.vn/") };
    let id = webhook.id;
    let made = app.harness.engine().create_webhook(webhook, Actor::System).await;
    made.expect("the store works").expect("there is room for a webhook");
    Some(id)
}

/// A webhook with a header that was taken when the rules were laxer, or written into the database by somebody else.
pub(crate) async fn left_behind_with_header(app: &TestApp, url: &str, name: &str, value: &str) -> WebhookId {
    let header = CustomHeader { name: name.to_owned(), value: value.into() };
    let webhook = Webhook { headers: vec![header], ..app.harness.new_webhook(url) };
    let id = webhook.id;
    let made = app.harness.engine().create_webhook(webhook, Actor::System).await;
    made.expect("the store works").expect("there is room for a webhook");
    id
}

/// The test send of a webhook, as the API answers it.
pub(crate) async fn test_send(app: &TestApp, store: &str, webhook: WebhookId) -> Value {
    app.post(&format!("/stores/{store}/webhooks/{webhook}/test"), &json!({})).send().await.expect(200)
}

/// Publishes one event by the API, and answers the delivery to each webhook.
pub(crate) async fn publish(app: &TestApp, store: &str) -> HashMap<WebhookId, DeliveryId> {
    let event = json!({"type": "order.created", "object_id": "1", "payload": {"id": "1"}});
    let taken = app.post(&format!("/stores/{store}/events"), &event).send().await.expect(202);
    let id = taken["id"].as_str().expect("an id").parse().expect("an event's id");
    let store: StoreId = store.parse().expect("a store id");
    let rows = app.harness.store().deliveries_of_event(&store, id).await.expect("the store works");
    rows.iter().map(|row| (row.webhook_id.expect("it takes everything"), row.id)).collect()
}

/// Waits until the history of a delivery has `count` rows and nothing is in flight.
pub(crate) async fn attempted(app: &TestApp, store: &str, id: DeliveryId, count: usize) -> Vec<Attempt> {
    let of: StoreId = store.parse().expect("a store id");
    let look = async || {
        let row = app.harness.store().find_delivery(&of, id).await.expect("the store works");
        let row = row.expect("the delivery is there");
        let is_done = row.state.last_number as usize >= count && row.state.claimed_until.is_none();
        if !is_done {
            return None;
        }
        assert_ne!(row.state.status, Status::Succeeded);
        Some(app.harness.store().attempts(&of, id).await.expect("the store works"))
    };
    app.harness.until("an attempt", look).await
}

/// Asks by the API for a resend.
pub(crate) async fn resend(app: &TestApp, store: &str, id: DeliveryId) {
    app.post(&format!("/stores/{store}/deliveries/{id}/resend"), &json!({})).send().await.expect(202);
}
