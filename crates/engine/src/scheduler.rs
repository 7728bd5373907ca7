//! Scheduler: brings back what is due again (retry, resend, crash, restart) from the store into the lanes.
//!
//! It claims only what the lanes can start soon, so the backlog of a receiver that is down stays in the
//! store. It sleeps until something is due, and looks at the whole store every [`POLL`] as the net below.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Timestamp, WebhookId};
use bocau_store::{ClaimRequest, Result, Store};
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;
use crate::dispatch::Dispatch;
use crate::journal::LEASE;
use crate::lanes::Lanes;
use crate::schedule::Schedule;

/// How often the whole store is asked what is due.
pub const POLL: Duration = Duration::from_secs(5);
/// Webhooks served by one claim.
const WEBHOOKS_PER_CLAIM: usize = 256;
/// Deliveries of one webhook claimed at a time.
const CLAIM_PER_WEBHOOK_MAX: usize = 512;
/// What must be left of a waiting delivery's lease at each look, lest it lapse before the next one.
const LEASE_LEFT_MIN: Duration = Duration::from_secs(10);
/// How long a webhook is left alone whose due deliveries could not be claimed, nor anybody else's.
const UNCLAIMABLE_PAUSE: Duration = Duration::from_secs(1);

/// Brings due deliveries into the lanes.
pub struct Scheduler {
    /// What is due.
    pub schedule: Arc<Schedule>,
    /// Where it is claimed.
    pub store: Arc<dyn Store>,
    /// Where it goes.
    pub lanes: Arc<Lanes>,
    /// Is told that there is something to do.
    pub dispatch: Arc<Dispatch>,
    /// The clock.
    pub clock: Arc<dyn EngineClock>,
}

impl Scheduler {
    /// Works until `stop` ends.
    pub async fn run(self, stop: CancellationToken) {
        let mut polled_at: Option<Duration> = None;
        while !stop.is_cancelled() {
            let mut has_more = false;
            let look = async {
                if polled_at.is_none_or(|at| self.clock.monotonic().saturating_sub(at) >= POLL) {
                    self.poll().await?;
                    polled_at = Some(self.clock.monotonic());
                }
                self.give_back_lapsing().await?;
                self.skip_stopped().await?;
                self.claim_due().await
            };
            match look.await {
                Ok(claimed) => has_more = claimed,
                Err(error) => tracing::warn!(%error, "the database does not say what is due; asking again"),
            }
            if has_more {
                continue;
            }
            let now = self.clock.now();
            let wait = self.schedule.next_after(now).map_or(POLL, |due| due.since(now).min(POLL));
            tokio::select! {
                () = self.schedule.changed() => {}
                () = self.clock.sleep(wait.max(Duration::from_millis(1))) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn poll(&self) -> Result<()> {
        for due in self.store.due_webhooks().await? {
            self.schedule.note(due.webhook, due.due_at);
        }
        Ok(())
    }

    /// What has waited in a lane for so long that it could not start any more goes back to the store.
    async fn give_back_lapsing(&self) -> Result<()> {
        let now = self.clock.now();
        let lapsing = self.lanes.lock().purge_lapsing(now + LEASE_LEFT_MIN);
        if lapsing.is_empty() {
            return Ok(());
        }
        for claimed in &lapsing {
            self.schedule.note(claimed.webhook, now);
        }
        self.store.release(lapsing.into_iter().map(|claimed| claimed.claim).collect()).await
    }

    /// What waits for webhooks that were disabled or deleted is skipped.
    async fn skip_stopped(&self) -> Result<()> {
        let stopped = self.schedule.take_stopped();
        for (place, webhook) in stopped.iter().enumerate() {
            if let Err(error) = self.skip_stopped_one(*webhook).await {
                self.schedule.put_back_stopped(&stopped[place..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn skip_stopped_one(&self, webhook: WebhookId) -> Result<()> {
        let purged = self.lanes.lock().purge(webhook);
        if !purged.is_empty() {
            self.store.release(purged.into_iter().map(|claimed| claimed.claim).collect()).await?;
        }
        self.schedule.forget(&[webhook]);
        self.skip_waiting(webhook).await?;
        self.refresh(vec![webhook]).await
    }

    async fn skip_waiting(&self, webhook: WebhookId) -> Result<usize> {
        let mut skipped = 0;
        loop {
            match self.store.skip_waiting(webhook, self.clock.now()).await? {
                0 => return Ok(skipped),
                some => skipped += some,
            }
        }
    }

    /// Claims what is due and fits into the lanes; answers whether there was anything.
    async fn claim_due(&self) -> Result<bool> {
        let now = self.clock.now();
        let ready = {
            let lanes = self.lanes.lock();
            self.schedule.ready(now, WEBHOOKS_PER_CLAIM, |webhook| lanes.room(webhook) > 0)
        };
        if ready.is_empty() {
            return Ok(false);
        }
        let (wants, bytes_max) = {
            let lanes = self.lanes.lock();
            let want = |webhook: &WebhookId| (*webhook, lanes.room(*webhook).min(CLAIM_PER_WEBHOOK_MAX));
            (ready.iter().map(want).collect(), lanes.bytes_left())
        };
        self.schedule.forget(&ready);
        let claimed = self.store.claim(ClaimRequest { now, lease: LEASE, wants, bytes_max }).await?;
        let served: HashSet<WebhookId> = claimed.iter().map(|claimed| claimed.webhook).collect();
        // Beside others that were served, a webhook may only have found the bytes used up.
        let pause = if served.is_empty() { UNCLAIMABLE_PAUSE } else { Duration::ZERO };
        {
            let mut lanes = self.lanes.lock();
            for claimed in claimed {
                lanes.push(claimed);
            }
        }
        self.dispatch.pump();
        let (served, unserved) = ready.into_iter().partition(|webhook| served.contains(webhook));
        self.refresh(served).await?;
        for webhook in unserved {
            self.tend_unclaimable(webhook, now + pause).await?;
        }
        Ok(true)
    }

    /// Nothing of this webhook could be claimed: it has stopped, or there was no room for more bytes. It is
    /// looked at again at `again_at`, or at once where something was skipped and more may be to skip.
    async fn tend_unclaimable(&self, webhook: WebhookId, again_at: Timestamp) -> Result<()> {
        let again_at = if self.skip_waiting(webhook).await? > 0 { self.clock.now() } else { again_at };
        for due in self.store.next_due(vec![webhook]).await? {
            self.schedule.note(webhook, due.due_at.max(again_at));
        }
        Ok(())
    }

    async fn refresh(&self, webhooks: Vec<WebhookId>) -> Result<()> {
        for due in self.store.next_due(webhooks).await? {
            self.schedule.note(due.webhook, due.due_at);
        }
        Ok(())
    }
}
