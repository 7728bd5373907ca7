//! `serve --demo`: something to look at within a second of the first start.
//!
//! With an empty database it makes the document's store, a webhook that points at the built-in receiver
//! ([`receiver`]), publishes the document's three samples through the real path and shows what became of them
//! ([`report`]). With a database that has stores it only points the demo webhook, where there still is one, at
//! the receiver's new address. The network that is opened and the certificate authority that is trusted for it
//! hold for this process alone.

pub mod receiver;
pub mod report;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bocau_api::auth::keys::new_key;
use bocau_domain::{
    Actor, ApiKey, CustomHeader, Delivery, EventId, EventPattern, EventType, Owner, PolicyOverrides, Scopes,
    SigningSecret, SigningSecrets, StoreId, StoreInfo, Webhook, WebhookChange, WebhookUrl,
};
use bocau_engine::{Engine, EngineClock, IncomingEvent};
use bocau_store::{MasterKey, Page, Store};
use bytes::Bytes;
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use secrecy::ExposeSecret as _;

use crate::storage::plain;
use receiver::Receiver;
use report::Row;

/// The store of the document's samples.
const STORE_ID: &str = "552";
const STORE_NAME: &str = "Điểm bán 1";
/// By what a later start knows the webhook again.
const DESCRIPTION: &str = "demo";
const HEADER: (&str, &str) = ("x-demo", "bo-cau");
/// One per sample of the document.
const EVENT_TYPES: &[&str] = &["order.created", "product.created", "customer.created"];
/// How long the report waits for the first attempts.
const ATTEMPTS_TIME_MAX: Duration = Duration::from_secs(20);
/// How long the key that is shown may be used.
const KEY_LIFETIME: Duration = Duration::from_hours(24);
/// Stores that are named on a later start.
const STORES_NAMED_MAX: usize = 20;

/// A demo whose receiver runs, and whose server has not started.
pub struct Demo {
    receiver: Receiver,
    is_first: bool,
}

impl Demo {
    /// Starts the receiver. A demo webhook of an earlier start is pointed at it before the engine takes up
    /// what was left waiting.
    pub async fn prepare(store: &dyn Store, clock: &dyn EngineClock) -> anyhow::Result<Self> {
        let receiver = Receiver::start().context("the demo's receiver cannot start")?;
        let is_first = store.list_stores(Page { after: None, limit: 1 }).await.map_err(plain)?.is_empty();
        if !is_first && let Some(webhook) = demo_webhook(store).await? {
            let change = WebhookChange { url: Some(receiver_url(&receiver)?), ..WebhookChange::default() };
            store
                .change_webhook(&webhook.store, webhook.id, change, &Actor::System, clock.now())
                .await
                .map_err(plain)?;
            receiver.expect_signatures_of(webhook.secrets);
        }
        Ok(Self { receiver, is_first })
    }

    /// What deliveries must be allowed to reach.
    pub fn network(&self) -> IpNet {
        IpNet::from(self.receiver.address().ip())
    }

    /// The authority that the receiver's certificate is from.
    pub fn root(&self) -> &CertificateDer<'static> {
        self.receiver.root()
    }

    /// Shows the way of three events, or what is there from an earlier start; then keeps the receiver.
    pub async fn run(self, engine: &Arc<Engine>, master_key: &MasterKey, url: &str) {
        let shown = if self.is_first { self.show_first(engine).await } else { self.show_again(engine).await };
        let steps = match shown {
            Ok(text) => next_steps(engine, master_key, url).await.map(|steps| format!("{text}\n{steps}")),
            Err(error) => Err(error),
        };
        match steps {
            Ok(text) => {
                let mut stdout = std::io::stdout().lock();
                if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
                    tracing::debug!(%error, "standard output is closed");
                }
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the demo failed; the server goes on");
            }
        }
        std::future::pending::<()>().await;
    }

    async fn show_first(&self, engine: &Arc<Engine>) -> anyhow::Result<String> {
        let (store, now) = (demo_store_id(), engine.clock().now());
        let info =
            StoreInfo { id: store.clone(), name: STORE_NAME.to_owned(), retention: None, created_at: now };
        let made = engine.store().create_store(info, &Actor::System).await.map_err(plain)?;
        made.map_err(|_| anyhow!("the store {STORE_ID} is there already"))?;
        let webhook = self.webhook(engine)?;
        let (id, secrets) = (webhook.id, webhook.secrets.clone());
        let made = engine.create_webhook(webhook, Actor::System).await.map_err(plain)?;
        made.map_err(|_| anyhow!("the webhook was refused"))?;
        self.receiver.expect_signatures_of(secrets);

        let events = publish_samples(engine, &store).await?;
        wait_for_attempts(engine, &store, &events).await?;
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            rows.push(self.row(engine, &store, event).await?);
        }
        Ok(format!(
            "\nMade the demo store {STORE_ID} “{STORE_NAME}” and the webhook {id} to {}.\n\
             Published the document's three samples; this is what became of them:\n\n{}\n",
            receiver_url(&self.receiver)?,
            report::table(&rows)
        ))
    }

    async fn show_again(&self, engine: &Engine) -> anyhow::Result<String> {
        let newest = Page { after: None, limit: STORES_NAMED_MAX };
        let stores = engine.store().list_stores(newest).await.map_err(plain)?;
        let named: Vec<String> =
            stores.iter().map(|store| format!("{} “{}”", store.id, store.name)).collect();
        let webhook = match demo_webhook(&**engine.store()).await? {
            Some(webhook) => format!("The demo webhook {} now points at {}.", webhook.id, webhook.url),
            None => format!("The receiver at {} has no webhook any more.", receiver_url(&self.receiver)?),
        };
        Ok(format!("\nThe database has these stores: {}.\n{webhook}\n", named.join(", ")))
    }

    fn webhook(&self, engine: &Engine) -> anyhow::Result<Webhook> {
        let now = engine.clock().now();
        let header = CustomHeader::parse(HEADER.0, HEADER.1, engine.header_prefix())?;
        Ok(Webhook {
            id: engine.ids().webhook_id(),
            store: demo_store_id(),
            url: receiver_url(&self.receiver)?,
            events: vec![EventPattern::All],
            headers: vec![header],
            description: DESCRIPTION.to_owned(),
            enabled: true,
            disabled_reason: None,
            policy: PolicyOverrides::default(),
            secrets: SigningSecrets::new(SigningSecret::generate(&**engine.rng())),
            created_at: now,
            updated_at: now,
        })
    }

    async fn row(&self, engine: &Engine, store: &StoreId, event: EventId) -> anyhow::Result<Row> {
        let deliveries = engine.store().deliveries_of_event(store, event).await.map_err(plain)?;
        let delivery = deliveries.into_iter().next().context("an event of the demo has no delivery")?;
        let attempt = engine.store().attempts(store, delivery.id).await.map_err(plain)?.pop();
        let sample = engine.catalogue().get(&delivery.event_type).map(|entry| entry.sample.clone());
        let seen = self.receiver.seen(event);
        Ok(Row {
            event_type: delivery.event_type.to_string(),
            object_id: delivery.object_id.to_string(),
            status: delivery.state.status,
            status_code: delivery.state.last_status_code,
            duration: attempt.map(|attempt| attempt.duration),
            is_same: seen.as_ref().zip(sample).map(|(seen, sample)| *seen.body == *sample.as_bytes()),
            is_signed: seen.map(|seen| seen.is_signed),
        })
    }
}

fn demo_store_id() -> StoreId {
    STORE_ID.parse().expect("the demo's store id is well formed")
}

fn receiver_url(receiver: &Receiver) -> anyhow::Result<WebhookUrl> {
    Ok(WebhookUrl::from_stored(&format!("https://{}/webhook", receiver.address()))?)
}

/// The webhook that an earlier start made, where it is still there.
async fn demo_webhook(store: &dyn Store) -> anyhow::Result<Option<Webhook>> {
    let routes = store.routes(&demo_store_id()).await.map_err(plain)?;
    let mut webhooks = routes.into_iter().flat_map(|routes| routes.webhooks);
    // Somebody may call a webhook of their own a demo; it does not lead to this machine.
    let is_ours = |webhook: &Webhook| {
        webhook.description == DESCRIPTION && webhook.url.as_str().starts_with("https://127.0.0.1:")
    };
    Ok(webhooks.find(is_ours))
}

async fn publish_samples(engine: &Engine, store: &StoreId) -> anyhow::Result<Vec<EventId>> {
    let mut events = Vec::with_capacity(EVENT_TYPES.len());
    for name in EVENT_TYPES {
        let event_type: EventType = name.parse()?;
        let entry = engine.catalogue().get(&event_type).context("the catalogue has the document's types")?;
        events.push(IncomingEvent {
            object_id: entry.sample_object_id.parse()?,
            payload: Bytes::copy_from_slice(entry.sample.as_bytes()),
            event_type,
            occurred_at: None,
        });
    }
    let published = engine.publish(store, events, None).await?;
    Ok(published.events.into_iter().map(|(event, _)| event).collect())
}

/// Waits until each event's delivery has had its first attempt.
async fn wait_for_attempts(engine: &Engine, store: &StoreId, events: &[EventId]) -> anyhow::Result<()> {
    let mut progress = engine.progress();
    let was_tried = |delivery: &Delivery| delivery.state.attempts > 0 || !delivery.state.is_waiting();
    let all_tried = async {
        for event in events {
            loop {
                progress.borrow_and_update();
                let deliveries = engine.store().deliveries_of_event(store, *event).await.map_err(plain)?;
                if deliveries.iter().all(was_tried) {
                    break;
                }
                progress.changed().await.context("the engine has stopped")?;
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = all_tried => ended,
        // The table then shows what is still waiting.
        () = engine.clock().sleep(ATTEMPTS_TIME_MAX) => Ok(()),
    }
}

/// What to try next, with a key to try it with.
async fn next_steps(engine: &Engine, master_key: &MasterKey, url: &str) -> anyhow::Result<String> {
    let store = demo_store_id();
    if engine.store().find_store(&store).await.map_err(plain)?.is_none() {
        return Ok(report::next_steps_without_store(url));
    }
    let token = new_key(&**engine.rng());
    let now = engine.clock().now();
    let key = ApiKey {
        id: engine.ids().api_key_id(),
        name: DESCRIPTION.to_owned(),
        owner: Owner::Store(store),
        scopes: Scopes::ALL,
        created_at: now,
        expires_at: Some(now + KEY_LIFETIME),
        last_used_at: None,
    };
    let hash = master_key.hash_api_key(token.expose_secret());
    let made = engine.store().create_api_key(key, hash, &Actor::System).await.map_err(plain)?;
    made.map_err(|_| anyhow!("the demo's key was refused"))?;
    Ok(report::next_steps(url, STORE_ID, token.expose_secret()))
}
