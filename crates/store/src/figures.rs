//! Figures about a store's deliveries: counts, rates and the overview.
//!
//! They are kept as counters, an hour of the deliveries' ids each, and written with the rows they count. So
//! the overview costs the same for ten deliveries as for a million, and its spans are whole hours.

use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{Outcome, Reason, Status, StoreId, Timestamp, WebhookId};

use crate::{DeliveryFilter, Result};

/// The finest step of the overview.
pub const OVERVIEW_STEP: Duration = Duration::from_hours(1);

/// How many deliveries are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusCounts {
    /// Not tried yet.
    pub pending: u64,
    /// Tried, and to be tried again.
    pub retrying: u64,
    /// Acknowledged.
    pub succeeded: u64,
    /// Given up.
    pub failed: u64,
    /// Not sent.
    pub skipped: u64,
}

impl StatusCounts {
    /// Those in one state.
    pub const fn of(&self, status: Status) -> u64 {
        match status {
            Status::Pending => self.pending,
            Status::Retrying => self.retrying,
            Status::Succeeded => self.succeeded,
            Status::Failed => self.failed,
            Status::Skipped => self.skipped,
        }
    }

    /// What part of those that have come to an end was acknowledged; `None` where none has.
    #[expect(clippy::cast_precision_loss, reason = "a rate; 2^53 deliveries are not counted in a life")]
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.succeeded + self.failed;
        (ended > 0).then(|| self.succeeded as f64 / ended as f64)
    }
}

impl std::ops::AddAssign for StatusCounts {
    fn add_assign(&mut self, other: Self) {
        self.pending += other.pending;
        self.retrying += other.retrying;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What the overview is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverviewSpan {
    /// Deliveries made from this moment on; the beginning of its hour is meant.
    pub from: Timestamp,
    /// Deliveries made before this moment; the end of its hour is meant.
    pub to: Timestamp,
    /// How long each step of the series is; whole hours, at least [`OVERVIEW_STEP`].
    pub step: Duration,
}

/// How a store's deliveries went.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The beginning of the first hour that counts.
    pub from: Timestamp,
    /// The end of the last hour that counts.
    pub to: Timestamp,
    /// Events taken in.
    pub events: u64,
    /// Their deliveries, by the state they are in now.
    pub deliveries: StatusCounts,
    /// The duration that 95 of 100 of their attempts stay within, to about 6 in 100; `None` without attempts.
    /// Attempts whose end nobody knows are not counted.
    pub p95: Option<Duration>,
    /// The deliveries by when they were made, without gaps, the oldest step first.
    pub series: Vec<OverviewStep>,
    /// Webhooks with deliveries that did not get through, those with the most first, at most
    /// [`bocau_domain::limits::OVERVIEW_FAILING_MAX`].
    pub failing: Vec<FailingWebhook>,
}

/// A step of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverviewStep {
    /// Its beginning.
    pub at: Timestamp,
    /// The deliveries made in it, by the state they are in now.
    pub deliveries: StatusCounts,
}

/// A webhook whose deliveries do not all get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingWebhook {
    /// Its id.
    pub webhook: WebhookId,
    /// Where it goes.
    pub url: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why not, where the receiver did it.
    pub disabled_reason: Option<Reason>,
    /// Deliveries of the span that are `failed` or `retrying` now.
    pub failures: u64,
    /// What went wrong last, in words for a programmer.
    pub last_error: Option<String>,
    /// How the last failed attempt ended; `None` where that was before this was kept.
    pub last_outcome: Option<Outcome>,
    /// The status code of the last failed attempt.
    pub last_status_code: Option<u16>,
    /// When the last failed attempt ended.
    pub last_failed_at: Option<Timestamp>,
}

/// The verbs that count.
#[async_trait]
pub trait Figures: Send + Sync {
    /// How many deliveries the filter finds; no more than `cap` are counted.
    async fn count_deliveries(&self, store: &StoreId, filter: DeliveryFilter, cap: usize) -> Result<usize>;

    /// How the deliveries of a span went; `None` where the store is not there.
    async fn overview(&self, store: &StoreId, span: OverviewSpan) -> Result<Option<Overview>>;

    /// How the deliveries to each webhook went that were made since the beginning of this moment's hour.
    /// Webhooks without any are left out.
    async fn webhook_figures(
        &self,
        store: &StoreId,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, StatusCounts)>>;
}
