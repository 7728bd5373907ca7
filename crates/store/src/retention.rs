//! Retention: removing what is older than it is kept, and giving up what is unfinished a week after.
//!
//! Old is what an id says: its millisecond. What is removed is an event with its deliveries and their attempts;
//! what a pass over the whole storage does is cut into calls of [`Retention::retire`], each short.

use async_trait::async_trait;
use bocau_domain::limits::EXPIRY_GRACE;
use bocau_domain::{DeliveryId, EventId, RetentionDays, StoreId, Timestamp};

use crate::Result;

/// Rows that one call looks at or removes. Each with its payload, its attempts and its places in five indexes is more
/// than a row that sweeping removes, so there are fewer.
pub const RETIRE_BATCH: usize = 200;

/// What the look into a store costs of a batch, in rows: it is one in vain for most.
pub(crate) const STORE_COST: usize = 10;

/// What a call is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retire {
    /// The time.
    pub now: Timestamp,
    /// How long the server keeps events; stores may say a shorter time.
    pub keep: RetentionDays,
    /// How far the pass has come; it begins with the default.
    pub from: RetirePlace,
}

/// How far a pass has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetirePlace {
    /// Of every store what the server no longer keeps: all events up to this one have been looked at.
    Server {
        /// The last event that was looked at, or the last of a day.
        after: Option<EventId>,
    },
    /// The stores that keep their events for a shorter time, by that and their ids.
    Stores {
        /// The last that was looked at.
        after: Option<(RetentionDays, StoreId)>,
    },
    /// One of them.
    Store {
        /// How long it keeps its events.
        days: RetentionDays,
        /// Which.
        store: StoreId,
        /// Its last delivery that was looked at.
        after: Option<DeliveryId>,
    },
    /// What is left of deleted webhooks.
    Webhooks,
    /// One of several databases. One that is alone is each of them.
    Database {
        /// Its number.
        number: usize,
        /// How far the pass has come there.
        from: Box<RetirePlace>,
    },
}

impl Default for RetirePlace {
    fn default() -> Self {
        Self::Server { after: None }
    }
}

/// What a call has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// Events removed row by row; those of whole days are not counted.
    pub events: usize,
    /// Deliveries removed row by row, with their attempts.
    pub deliveries: usize,
    /// Deliveries that were given up: they are `failed` with `expired`, or lost a resend that waited. They are
    /// removed with the next pass.
    pub expired: Vec<(StoreId, DeliveryId)>,
    /// A day that was dropped whole, as `2026-11-24`.
    pub day: Option<String>,
    /// Where the next call goes on; `None` at the end of the pass, also where another process makes it.
    pub next: Option<RetirePlace>,
}

impl Retire {
    /// What was made before this moment is no longer kept.
    pub(crate) fn over_before(&self, own: Option<RetentionDays>) -> Timestamp {
        self.now - self.keep.within(own).span()
    }

    /// What was made before this moment and is unfinished is given up.
    pub(crate) fn expired_before(&self, own: Option<RetentionDays>) -> Timestamp {
        self.over_before(own) - EXPIRY_GRACE
    }

    /// Nothing names a webhook any more that was deleted before this moment. A day more than deliveries are kept,
    /// since whole days go when their last event is old enough.
    pub(crate) fn webhooks_before(&self) -> Timestamp {
        self.expired_before(None) - RetentionDays::new(1).map_or_else(Default::default, RetentionDays::span)
    }
}

/// The verb about old events.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Goes on with a pass: looks at up to [`RETIRE_BATCH`] old rows, or one old day where days can be
    /// dropped whole. Finished deliveries go with their attempts, events when no delivery of theirs is left.
    /// What is unfinished stays for [`EXPIRY_GRACE`] and is then given up; see [`bocau_domain::Input::Expire`].
    /// It may be broken off at any moment: what is half done is taken up by the next pass.
    async fn retire(&self, retire: Retire) -> Result<Retired>;
}
