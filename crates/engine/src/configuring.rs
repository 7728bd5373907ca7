//! Changes of configuration that the engine must hear of.
//!
//! Each runs to its end on a task of its own: a caller that hangs up half-way leaves no change behind that
//! the router and the lanes have not been told.

use std::future::Future;
use std::sync::Arc;

use bocau_domain::{Actor, DeliveryId, StoreId, Webhook, WebhookChange, WebhookId};
use bocau_store::{NotChanged, Resend, Result, StoreError};

use crate::engine::{Engine, PublishError};

impl Engine {
    /// Makes a webhook. What is published from now on counts it.
    pub async fn create_webhook(
        self: &Arc<Self>,
        webhook: Webhook,
        by: Actor,
    ) -> Result<std::result::Result<(), NotChanged>> {
        self.to_the_end(move |engine| async move {
            let store = webhook.store.clone();
            let created = engine.store().create_webhook(webhook, &by).await?;
            engine.config_changed(&store, None).await;
            Ok(created)
        })
        .await
    }

    /// Changes a webhook; where it is disabled by it, what waits for it is skipped. `None` where it is not
    /// there.
    pub async fn change_webhook(
        self: &Arc<Self>,
        store: StoreId,
        id: WebhookId,
        change: WebhookChange,
        by: Actor,
    ) -> Result<Option<Webhook>> {
        self.to_the_end(move |engine| async move {
            let now = engine.clock().now();
            let changed = engine.store().change_webhook(&store, id, change, &by, now).await?;
            let webhook = changed.map(|changed| changed.webhook);
            let stops = webhook.as_ref().is_some_and(|webhook| !webhook.enabled);
            engine.config_changed(&store, stops.then_some(id)).await;
            Ok(webhook)
        })
        .await
    }

    /// Deletes a webhook, and skips what waits for it. `false` where it is not there.
    pub async fn delete_webhook(self: &Arc<Self>, store: StoreId, id: WebhookId, by: Actor) -> Result<bool> {
        self.to_the_end(move |engine| async move {
            let deleted = engine.store().delete_webhook(&store, id, &by, engine.clock().now()).await?;
            engine.config_changed(&store, deleted.then_some(id)).await;
            Ok(deleted)
        })
        .await
    }

    /// Deletes a store with everything below it. `false` where it is not there.
    pub async fn delete_store(self: &Arc<Self>, id: StoreId, by: Actor) -> Result<bool> {
        self.to_the_end(move |engine| async move {
            let deleted = engine.store().delete_store(&id, &by, engine.clock().now()).await?;
            engine.config_changed(&id, None).await;
            Ok(deleted)
        })
        .await
    }

    /// Asks for a manual attempt, as soon as none is in flight.
    pub async fn resend(
        self: &Arc<Self>,
        store: StoreId,
        id: DeliveryId,
    ) -> std::result::Result<Resend, PublishError> {
        if self.is_stopping() {
            return Err(PublishError::Stopping);
        }
        let resend = self
            .to_the_end(move |engine| async move {
                let now = engine.clock().now();
                let resend = engine.store().request_resend(&store, id, now).await?;
                if let Resend::Accepted { webhook, .. } = &resend {
                    engine.note_due(&store, *webhook, now).await;
                    engine.tell_change(&store, id);
                }
                Ok(resend)
            })
            .await?;
        Ok(resend)
    }

    /// Goes on where the caller does not.
    pub(crate) async fn to_the_end<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let work = tokio::spawn(work(self.clone()));
        work.await.unwrap_or_else(|error| {
            Err(StoreError::Refused(format!("a change of configuration failed: {error}")))
        })
    }
}
