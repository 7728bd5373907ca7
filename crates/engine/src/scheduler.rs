//! Scheduler: brings back what is due again (retry, resend, crash, restart) from the store into the lanes.
//!
//! It claims only what the lanes can start soon, so the backlog of a receiver that is down stays in the
//! store. It sleeps until something is due, and looks at the whole store every [`POLL`] as the net below. On a node
//! that sends nothing it claims nothing, and tells those that do.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{Timestamp, WebhookId};
use bocau_store::{ClaimRequest, Claimed, Notice, Result, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;
use crate::dispatch::Dispatch;
use crate::journal::LEASE;
use crate::lanes::Lanes;
use crate::schedule::Schedule;

/// How often the whole store is asked what is due.
pub const POLL: Duration = Duration::from_secs(5);
/// How often the lanes are combed for what has waited too long.
const COMB: Duration = Duration::from_secs(1);
/// Webhooks served by one claim.
const WEBHOOKS_PER_CLAIM: usize = 256;
/// Deliveries of one webhook claimed at a time.
const CLAIM_PER_WEBHOOK_MAX: usize = 512;
/// What must be left of a waiting delivery's lease at each look, lest it lapse before the next one.
const LEASE_LEFT_MIN: Duration = Duration::from_secs(10);
/// Webhooks whose unclaimable deliveries one look tries to skip.
const SKIPS_PER_LOOK: usize = 16;
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
        let mut combed_at: Option<Duration> = None;
        while !stop.is_cancelled() {
            let now = self.clock.monotonic();
            let is_time = |last: Option<Duration>, every: Duration| {
                last.is_none_or(|at| now.saturating_sub(at) >= every)
            };
            let look = async {
                if !self.dispatch.role.sends() {
                    return Ok(self.skip_stopped().await | self.tell_due().await?);
                }
                if is_time(polled_at, POLL) {
                    self.poll().await?;
                    polled_at = Some(now);
                }
                if is_time(combed_at, COMB) {
                    self.give_back_lapsing().await?;
                    self.give_back_doubted().await?;
                    combed_at = Some(now);
                }
                let skipped = self.skip_stopped().await;
                Ok::<_, StoreError>(self.claim_due().await? || skipped)
            };
            match look.await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the database does not say what is due; asking again"),
            }
            let now = self.clock.now();
            let wait = self.schedule.next_after(now).map_or(POLL, |due| due.since(now).min(POLL));
            // In this order, so that a simulation of the same seed runs the same way.
            tokio::select! {
                biased;
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

    /// What is due is told to the nodes that send. Whatever they do not hear they find at their next poll.
    async fn tell_due(&self) -> Result<bool> {
        let ready = self.schedule.ready(self.clock.now(), WEBHOOKS_PER_CLAIM, |_| true);
        if ready.is_empty() {
            return Ok(false);
        }
        self.schedule.forget(&ready);
        self.store.tell(ready.into_iter().map(Notice::Due).collect()).await?;
        Ok(true)
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

    /// What may have been committed as claimed and is in no lane is free again, now that the database answers.
    async fn give_back_doubted(&self) -> Result<()> {
        let doubted = self.schedule.take_doubted();
        if doubted.is_empty() {
            return Ok(());
        }
        let claims = doubted.iter().map(|(_, claim)| claim.clone()).collect();
        let given_back = self.store.release(claims).await;
        let now = self.clock.now();
        match given_back {
            Ok(()) => doubted.iter().for_each(|(webhook, _)| self.schedule.note(*webhook, now)),
            // Their leases may end before the database is back; then nothing of them is held any more.
            Err(_) => self.schedule.doubt(doubted),
        }
        given_back
    }

    /// What waits for webhooks that were disabled or deleted is skipped, one batch of each at a time, so that
    /// nobody else waits for it. Answers whether something was skipped.
    async fn skip_stopped(&self) -> bool {
        let mut skipped_any = false;
        for webhook in self.schedule.take_stopped() {
            match self.skip_stopped_one(webhook).await {
                Ok(0) => {}
                Ok(_) => {
                    skipped_any = true;
                    self.schedule.put_back_stopped(&[webhook]);
                }
                Err(error) => {
                    tracing::warn!(%error, %webhook, "what waits for a stopped webhook cannot be skipped; trying again");
                    self.schedule.put_back_stopped(&[webhook]);
                }
            }
        }
        skipped_any
    }

    async fn skip_stopped_one(&self, webhook: WebhookId) -> Result<usize> {
        let purged = self.lanes.lock().purge(webhook);
        if !purged.is_empty() {
            self.store.release(purged.into_iter().map(|claimed| claimed.claim).collect()).await?;
        }
        self.schedule.forget(&[webhook]);
        let skipped = self.store.skip_waiting(webhook, self.clock.now()).await?;
        self.refresh(&[webhook]).await?;
        Ok(skipped)
    }

    /// Claims what is due and fits into the lanes; answers whether there was anything.
    async fn claim_due(&self) -> Result<bool> {
        // While results cannot be written, the claims they belong to would lapse under them.
        if self.dispatch.recorder.is_behind() {
            return Ok(false);
        }
        let now = self.clock.now();
        let (wants, bytes_max) = {
            let lanes = self.lanes.lock();
            let ready = self.schedule.ready(now, WEBHOOKS_PER_CLAIM, |webhook| lanes.wants_more(webhook));
            let want = |webhook: WebhookId| (webhook, lanes.room(webhook).min(CLAIM_PER_WEBHOOK_MAX));
            (ready.into_iter().map(want).collect::<Vec<_>>(), lanes.bytes_left())
        };
        if wants.is_empty() {
            return Ok(false);
        }
        let ready: Vec<WebhookId> = wants.iter().map(|(webhook, _)| *webhook).collect();
        self.schedule.forget(&ready);
        let claimed = self.claim(ClaimRequest { now, lease: LEASE, wants, bytes_max }).await?;
        let served: HashSet<WebhookId> = claimed.iter().map(|claimed| claimed.webhook).collect();
        {
            let mut lanes = self.lanes.lock();
            for claimed in claimed {
                lanes.push(claimed);
            }
        }
        self.dispatch.pump();
        // Beside others that were served, a webhook may only have found the bytes used up.
        let pause = if served.is_empty() { UNCLAIMABLE_PAUSE } else { Duration::ZERO };
        self.tend(&ready, &served, now, pause).await?;
        Ok(true)
    }

    /// Claims in one transaction; where a row of one webhook cannot be read, one webhook at a time, so that
    /// only that webhook waits.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claimed>> {
        match self.store.claim(request.clone()).await {
            Err(StoreError::Corrupt(_) | StoreError::Refused(_)) => {}
            result => return result,
        }
        let mut claimed = Vec::new();
        for want in request.wants {
            match self.store.claim(ClaimRequest { wants: vec![want], ..request }).await {
                Ok(more) => claimed.extend(more),
                Err(error) => {
                    tracing::error!(%error, webhook = %want.0, "what is due for a webhook cannot be claimed");
                }
            }
        }
        Ok(claimed)
    }

    /// Notes when these webhooks are due next. One that is due now although nothing of it could be claimed
    /// has stopped, or found no room for its bytes: what can be skipped is, and it is looked at again later.
    async fn tend(
        &self,
        ready: &[WebhookId],
        served: &HashSet<WebhookId>,
        now: Timestamp,
        pause: Duration,
    ) -> Result<()> {
        let mut skips = 0;
        for due in self.store.next_due(ready.to_vec()).await? {
            let is_stuck = due.due_at <= now && !served.contains(&due.webhook);
            if is_stuck && skips < SKIPS_PER_LOOK {
                skips += 1;
                let skipped = self.store.skip_waiting(due.webhook, now).await?;
                let again_at = if skipped > 0 { now } else { now + pause };
                self.schedule.note(due.webhook, due.due_at.max(again_at));
            } else if is_stuck {
                self.schedule.note(due.webhook, now + pause);
            } else {
                self.schedule.note(due.webhook, due.due_at);
            }
        }
        Ok(())
    }

    async fn refresh(&self, webhooks: &[WebhookId]) -> Result<()> {
        for due in self.store.next_due(webhooks.to_vec()).await? {
            self.schedule.note(due.webhook, due.due_at);
        }
        Ok(())
    }
}
