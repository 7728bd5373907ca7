//! What has arrived at a receiver, and when.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use anyhow::bail;
use parking_lot::Mutex;

use crate::event_key::EventKey;

/// How often it is asked whether all have arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Which webhook: the number at the end of its URL.
pub(crate) type WebhookNumber = u16;

/// What has arrived so far.
#[derive(Default)]
pub(crate) struct Arrivals(Mutex<Arrived>);

/// The first arrival of each event at each webhook.
#[derive(Default)]
pub(crate) struct Arrived {
    first: HashMap<(EventKey, WebhookNumber), Instant>,
    /// When the last new one came.
    pub(crate) last_at: Option<Instant>,
    /// Arrivals of what had arrived.
    pub(crate) repeats: usize,
}

impl Arrived {
    /// When an event came to a webhook.
    pub(crate) fn at(&self, event: EventKey, webhook: WebhookNumber) -> Option<Instant> {
        self.first.get(&(event, webhook)).copied()
    }

    /// How many of these events never came to these webhooks.
    pub(crate) fn lost(&self, events: &[EventKey], webhooks: WebhookNumber) -> usize {
        let lost_of =
            |event: &EventKey| (0..webhooks).filter(|number| self.at(*event, *number).is_none()).count();
        events.iter().map(lost_of).sum()
    }
}

impl Arrivals {
    /// Notes that an event came to a webhook.
    pub(crate) fn note(&self, event: EventKey, webhook: WebhookNumber) {
        let mut arrived = self.0.lock();
        let now = Instant::now();
        match arrived.first.entry((event, webhook)) {
            Entry::Occupied(_) => arrived.repeats += 1,
            Entry::Vacant(place) => {
                place.insert(now);
                arrived.last_at = Some(now);
            }
        }
    }

    /// Different ones so far.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().first.len()
    }

    /// Takes what has arrived, and begins anew.
    pub(crate) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.0.lock())
    }

    /// Takes what has arrived when it is so many, or when nothing new has come for so long.
    pub(crate) async fn take_all(&self, count: usize, patience: Duration) -> Arrived {
        let (mut seen, mut seen_at) = (0, Instant::now());
        loop {
            let now = self.count();
            if now >= count {
                return self.take();
            }
            if now > seen {
                (seen, seen_at) = (now, Instant::now());
            } else if seen_at.elapsed() > patience {
                return self.take();
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// The same, where less than all is no use: before anything is measured.
    pub(crate) async fn expect_all(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let arrived = self.take_all(count, patience).await.first.len();
        if arrived < count {
            bail!("{} of {count} deliveries never arrived", count - arrived);
        }
        Ok(())
    }
}
