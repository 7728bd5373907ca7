//! What the cases share: a store (552) with a clock that they set, and short ways to say what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bocau_domain::{
    Actor, Clock, Delivery, DeliveryId, DeliveryState, EventPattern, IdSource, Outcome, PolicyOverrides,
    Reason, RetentionDays, RetryPolicy, Rng, SigningSecret, SigningSecrets, StoreId, StoreInfo, Timestamp,
    Webhook, WebhookChange, WebhookId, WebhookUrl,
};
use bytes::Bytes;

use crate::{
    Appended, AttemptRecord, ClaimRequest, Claimed, NewDelivery, NewEvent, Page, Recorded, Retire,
    RetirePlace, Retired, Store, Submission,
};

/// The lease of the cases' claims.
pub const LEASE: Duration = Duration::from_secs(45);
/// The wait between two automatic attempts.
pub const INTERVAL: Duration = Duration::from_mins(5);
/// How long the cases' attempts take where they do not say.
pub const ATTEMPT: Duration = Duration::from_millis(120);
/// When the cases begin.
pub const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// Who changes things where the case does not say.
pub const BY: &Actor = &Actor::System;

/// A clock that only the case moves.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// That stands at this moment.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Dice that fall the same way each time (`SplitMix64`).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// With this seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Rng for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut value = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
                .wrapping_add(0x9e37_79b9_7f4a_7c15);
            value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(value ^ (value >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A store of the platform and what happens to it.
pub struct World {
    /// The storage.
    pub store: Arc<dyn Store>,
    /// The store 552.
    pub shop: StoreId,
    /// Ids.
    pub ids: IdSource,
    clock: Arc<HandClock>,
    dice: Arc<Dice>,
}

/// Where the webhook of this id goes.
pub fn url_of(id: WebhookId) -> String {
    format!("https://example.com/{id}")
}

impl World {
    /// An empty storage with the store 552.
    pub async fn new(store: Arc<dyn Store>) -> Self {
        let world = Self::without_shop(store);
        world.make_shop(&world.shop).await;
        world
    }

    /// An empty storage.
    pub fn without_shop(store: Arc<dyn Store>) -> Self {
        let (clock, dice) = (Arc::new(HandClock::new(START)), Arc::new(Dice::new(1)));
        let ids = IdSource::new(clock.clone(), dice.clone());
        Self { store, shop: shop_id("552"), ids, clock, dice }
    }

    /// Makes a store of this id.
    pub async fn make_shop(&self, id: &StoreId) {
        let info = StoreInfo {
            id: id.clone(),
            name: format!("Cửa hàng {id}"),
            retention: None,
            created_at: self.now(),
        };
        self.store.create_store(info, BY).await.expect("works").expect("made");
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).expect("fits");
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// A signing secret.
    pub fn secret(&self) -> SigningSecret {
        SigningSecret::generate(&*self.dice)
    }

    /// A webhook of store 552 that takes everything, not written yet.
    pub fn draft(&self) -> Webhook {
        let id = self.ids.webhook_id();
        Webhook {
            id,
            store: self.shop.clone(),
            url: WebhookUrl::from_stored(&url_of(id)).expect("a URL"),
            events: vec![EventPattern::All],
            headers: Vec::new(),
            description: String::new(),
            enabled: true,
            disabled_reason: None,
            policy: PolicyOverrides::default(),
            secrets: SigningSecrets::new(self.secret()),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// Makes a webhook.
    pub async fn make_webhook(&self) -> WebhookId {
        let webhook = self.draft();
        let id = webhook.id;
        self.store.create_webhook(webhook, BY).await.expect("works").expect("made");
        id
    }

    /// Changes a webhook.
    pub async fn change(&self, id: WebhookId, change: WebhookChange) -> crate::WebhookChanged {
        self.store
            .change_webhook(&self.shop, id, change, BY, self.now())
            .await
            .expect("works")
            .expect("there")
    }

    /// Disables a webhook; answers how many deliveries were skipped with it.
    pub async fn disable(&self, id: WebhookId) -> usize {
        self.change(id, WebhookChange { enabled: Some(false), ..WebhookChange::default() }).await.skipped
    }

    /// Deletes a webhook.
    pub async fn delete_webhook(&self, id: WebhookId) {
        assert!(self.store.delete_webhook(&self.shop, id, BY, self.now()).await.expect("works"));
    }

    /// Deletes store 552.
    pub async fn delete_shop(&self) {
        assert!(self.store.delete_store(&self.shop, BY, self.now()).await.expect("works"));
    }

    /// The version of store 552's configuration.
    pub async fn config_version(&self) -> u64 {
        self.store.routes(&self.shop).await.expect("works").expect("there").config_version
    }

    /// An event on its way to these webhooks, due now; none: skipped. Each payload is different.
    pub fn event(&self, webhooks: &[WebhookId]) -> NewEvent {
        let id = self.ids.event_id();
        let to = |webhook| NewDelivery {
            id: self.ids.delivery_id(id),
            webhook_id: Some(webhook),
            state: DeliveryState::pending(self.now()),
        };
        let nowhere = NewDelivery {
            id: self.ids.delivery_id(id),
            webhook_id: None,
            state: DeliveryState::skipped(Some(Reason::NoWebhook)),
        };
        let deliveries =
            if webhooks.is_empty() { vec![nowhere] } else { webhooks.iter().copied().map(to).collect() };
        NewEvent {
            id,
            event_type: "order.created".parse().expect("a type"),
            object_id: "208610".parse().expect("an object id"),
            occurred_at: None,
            payload: Bytes::from(format!("{{\"id\":\"{id}\"}}")),
            is_test: false,
            deliveries,
        }
    }

    /// A request with these events, routed by the present configuration.
    pub async fn submission(&self, events: Vec<NewEvent>) -> Submission {
        let config_version = self.config_version().await;
        Submission { store: self.shop.clone(), config_version, events, idempotency: None, now: self.now() }
    }

    /// Writes one request.
    pub async fn append(&self, submission: Submission) -> Appended {
        self.store.append(vec![submission]).await.pop().expect("one answer").expect("works")
    }

    /// Writes these events.
    pub async fn write(&self, events: Vec<NewEvent>) {
        let submission = self.submission(events).await;
        assert_eq!(self.append(submission).await, Appended::Accepted);
    }

    /// Sends an event to a webhook; answers its delivery.
    pub async fn send(&self, webhook: WebhookId) -> DeliveryId {
        let event = self.event(&[webhook]);
        let id = event.deliveries[0].id;
        self.write(vec![event]).await;
        id
    }

    /// Claims up to `count` of a webhook.
    pub async fn claim(&self, webhook: WebhookId, count: usize) -> Vec<Claimed> {
        let wants = vec![(webhook, count)];
        let request = ClaimRequest { now: self.now(), lease: LEASE, wants, bytes_max: usize::MAX };
        self.store.claim(request).await.expect("works")
    }

    /// Claims the one delivery that is due.
    pub async fn claim_one(&self, webhook: WebhookId) -> Claimed {
        let mut claimed = self.claim(webhook, 10).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// An attempt under this claim that begins now and ends after [`ATTEMPT`] with this status code.
    pub fn attempt(&self, claimed: &Claimed, status_code: u16) -> AttemptRecord {
        let is_success = (200..300).contains(&status_code);
        AttemptRecord {
            claim: claimed.claim.clone(),
            webhook: claimed.webhook,
            trigger: claimed.trigger,
            started_at: self.now(),
            duration: ATTEMPT,
            outcome: if is_success { Outcome::Success } else { Outcome::HttpError },
            status_code: Some(status_code),
            error: (!is_success).then(|| format!("HTTP {status_code}")),
            request_headers: vec![("webhook-id".into(), claimed.event.to_string())],
            response_headers: vec![("content-type".into(), "application/json".into())],
            response_body: b"{}".to_vec(),
            response_truncated: false,
            gone: (status_code == 410).then(|| url_of(claimed.webhook)),
            retry_after: None,
            policy: RetryPolicy::Every { max_attempts: 3, interval: INTERVAL },
        }
    }

    /// Records one attempt.
    pub async fn record(&self, attempt: AttemptRecord) -> Recorded {
        self.store.record(vec![attempt]).await.pop().expect("one answer").expect("works")
    }

    /// Claims the one delivery that is due, makes an attempt that ends so, and answers how it then stands.
    pub async fn try_once(&self, webhook: WebhookId, status_code: u16) -> Delivery {
        let claimed = self.claim_one(webhook).await;
        match self.record(self.attempt(&claimed, status_code)).await {
            Recorded::Moved { delivery, .. } => *delivery,
            other => panic!("the claim holds: {other:?}"),
        }
    }

    /// A delivery of store 552.
    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.find_delivery(&self.shop, id).await.expect("works").expect("there")
    }

    /// The outcomes of a delivery's history.
    pub async fn outcomes(&self, id: DeliveryId) -> Vec<Outcome> {
        let attempts = self.store.attempts(&self.shop, id).await.expect("works");
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, (1..=u32::try_from(attempts.len()).expect("few")).collect::<Vec<_>>());
        attempts.into_iter().map(|attempt| attempt.outcome).collect()
    }

    /// All deliveries of store 552, newest first.
    pub async fn all_deliveries(&self) -> Vec<Delivery> {
        let page = Page { after: None, limit: 10_000 };
        self.store.list_deliveries(&self.shop, crate::DeliveryFilter::default(), page).await.expect("works")
    }

    /// One pass of a server that keeps events for so many days. Answers what it has done, call by call.
    pub async fn retire(&self, keep: u32) -> Vec<Retired> {
        let keep = RetentionDays::new(keep).expect("allowed");
        let mut place = Some(RetirePlace::default());
        let mut done = Vec::new();
        while let Some(from) = place.take() {
            let retired = self.store.retire(Retire { now: self.now(), keep, from }).await.expect("works");
            place.clone_from(&retired.next);
            done.push(retired);
        }
        done
    }

    /// Removes all that is over.
    pub async fn sweep(&self) {
        while self.store.sweep(self.now()).await.expect("works") {}
    }
}

/// A store's id.
pub fn shop_id(text: &str) -> StoreId {
    text.parse().expect("a store id")
}
