//! Lanes: one queue per webhook under one global limit, so that a slow or dead receiver delays nobody else.
//!
//! Nothing here waits, sends or stores: deliveries are put in, taken out and reported finished, and every
//! rule about who is next stands in [`LaneTable`].
//!
//! - A webhook has at most [`LaneLimits::per_webhook`] attempts in flight, all of them together at most
//!   [`LaneLimits::total`], and those whose last attempt failed share at most half of that.
//! - The fuller the server is, the fewer places one webhook gets: beyond half of the total its share shrinks
//!   towards one, so that many slow receivers, failing or not, leave room for everybody else.
//! - One store has at most [`STORE_SHARE`] times as many attempts in flight as there are places left, so three
//!   quarters of all where it is alone, and less the more others there are: some are always left.
//! - Who is next goes round: each lane gives one delivery per turn.
//! - A lane takes in what it can start soon ([`SOON`], by how long its attempts have taken of late); the
//!   rest stays in the store. All lanes together hold at most [`LaneLimits::bytes`] of payload, except that a
//!   lane with nothing waiting may take in one delivery more, up to double: a receiver that hangs on large
//!   payloads keeps nobody else from theirs.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bocau_domain::{StoreId, Timestamp, Trigger, WebhookId};
use bocau_store::Claimed;
use parking_lot::Mutex;

/// How far ahead a lane takes deliveries in.
pub const SOON: Duration = Duration::from_secs(5);
/// Deliveries that wait in one lane at most, however fast it is.
pub const LANE_WAITING_MAX: usize = 4_096;
/// How many attempts a store may have in flight for each place that is left.
pub const STORE_SHARE: usize = 3;
/// What an attempt is taken to last before a lane has made one.
const LATENCY_ASSUMED: Duration = Duration::from_millis(100);
/// Idle lanes whose latency is remembered; beyond that they are forgotten.
const LANES_REMEMBERED: usize = 10_000;
/// Entries of a ring beyond which it is cleared of those that no longer count.
const STALE_ENTRIES_MAX: usize = 64;
/// The weight of the newest attempt in a lane's latency, as one part of this many.
const LATENCY_SMOOTHING: u32 = 8;

/// The limits of all lanes.
#[derive(Debug, Clone, Copy)]
pub struct LaneLimits {
    /// Attempts in flight to one webhook.
    pub per_webhook: usize,
    /// Attempts in flight in all.
    pub total: usize,
    /// Bytes of payload that wait in all lanes together; see the module for the exception.
    pub bytes: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { per_webhook: 10, total: 512, bytes: 64 * 1024 * 1024 }
    }
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Claimed>,
    /// Places promised to deliveries that are being committed.
    reserved: usize,
    in_flight: usize,
    /// The last attempt failed.
    failing: bool,
    /// Stands in the ring of its kind.
    in_ring: bool,
    /// Waits for its store to have a place.
    held_back: bool,
    /// Which of its entries in the rings is the one that counts; older ones are passed over.
    entry: u32,
    latency: Option<Duration>,
}

impl Lane {
    fn capacity(&self, per_webhook: usize) -> usize {
        let latency = self.latency.unwrap_or(LATENCY_ASSUMED).max(Duration::from_micros(100));
        let startable = SOON.as_micros() / latency.as_micros() * per_webhook as u128;
        usize::try_from(startable).unwrap_or(LANE_WAITING_MAX).clamp(per_webhook, LANE_WAITING_MAX)
    }

    fn room(&self, per_webhook: usize) -> usize {
        self.capacity(per_webhook).saturating_sub(self.queue.len() + self.reserved)
    }

    fn has_nothing_waiting(&self) -> bool {
        self.queue.is_empty() && self.reserved == 0
    }

    fn is_idle(&self) -> bool {
        self.has_nothing_waiting() && self.in_flight == 0 && !self.in_ring && !self.held_back
    }
}

/// A lane's place in a ring. It counts while the lane is in a ring under this number.
#[derive(Debug, Clone, Copy)]
struct Entry {
    webhook: WebhookId,
    number: u32,
}

/// The lanes and whose turn it is. See the module for the rules.
#[derive(Debug)]
pub struct LaneTable {
    limits: LaneLimits,
    lanes: HashMap<WebhookId, Lane>,
    healthy: VecDeque<Entry>,
    failing: VecDeque<Entry>,
    failing_had_last_turn: bool,
    in_flight: usize,
    in_flight_failing: usize,
    /// Of the stores that have any.
    stores: HashMap<StoreId, StoreShare>,
    bytes: usize,
}

/// What one store takes up.
#[derive(Debug, Default)]
struct StoreShare {
    in_flight: usize,
    /// Lanes whose turn came while the store had its share; each finish of the store's lets one back in.
    held_back: VecDeque<WebhookId>,
}

/// A delivery whose turn has come.
#[derive(Debug)]
pub struct Turn {
    /// The delivery.
    pub claimed: Claimed,
    /// Whether its lane counted as failing when it was taken; given back to [`LaneTable::finish`].
    pub was_failing: bool,
}

impl LaneTable {
    /// Empty lanes.
    pub fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            healthy: VecDeque::new(),
            failing: VecDeque::new(),
            failing_had_last_turn: false,
            in_flight: 0,
            in_flight_failing: 0,
            stores: HashMap::new(),
            bytes: 0,
        }
    }

    /// Promises a place to a delivery that is about to be committed, where its lane can start it soon.
    pub fn reserve(&mut self, webhook: WebhookId, bytes: usize) -> bool {
        let has_nothing_waiting = self.lanes.get(&webhook).is_none_or(Lane::has_nothing_waiting);
        let fits = has_nothing_waiting || self.bytes + bytes <= self.limits.bytes;
        if !fits || self.room(webhook) == 0 {
            return false;
        }
        self.lanes.entry(webhook).or_default().reserved += 1;
        self.bytes += bytes;
        true
    }

    /// Takes a promise back: the commit did not come about.
    pub fn cancel(&mut self, webhook: WebhookId, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.reserved = lane.reserved.saturating_sub(1);
            self.drop_if_idle(webhook);
        }
    }

    /// Puts a delivery in the place that was promised to it.
    pub fn push_reserved(&mut self, claimed: Claimed) {
        if let Some(lane) = self.lanes.get_mut(&claimed.webhook) {
            lane.reserved = lane.reserved.saturating_sub(1);
        }
        self.bytes = self.bytes.saturating_sub(claimed.payload.len());
        self.push(claimed);
    }

    /// Puts a claimed delivery into its lane. What a person waits for goes to the front.
    pub fn push(&mut self, claimed: Claimed) {
        let webhook = claimed.webhook;
        self.bytes += claimed.payload.len();
        let lane = self.lanes.entry(webhook).or_default();
        match claimed.trigger {
            Trigger::Auto => lane.queue.push_back(claimed),
            Trigger::Manual | Trigger::Test => lane.queue.push_front(claimed),
        }
        self.enter_ring(webhook);
    }

    /// How many more deliveries of a webhook would start soon, where there are bytes left for them.
    pub fn room(&self, webhook: WebhookId) -> usize {
        let unused = Lane::default();
        let lane = self.lanes.get(&webhook).unwrap_or(&unused);
        if self.bytes < self.limits.bytes {
            lane.room(self.limits.per_webhook)
        } else {
            usize::from(lane.has_nothing_waiting() && self.bytes_left() > 0)
        }
    }

    /// Whether nothing waits in a lane.
    pub fn is_empty(&self, webhook: WebhookId) -> bool {
        self.lanes.get(&webhook).is_none_or(Lane::has_nothing_waiting)
    }

    /// Whether a lane has run half empty, so that more of its deliveries should be claimed.
    pub fn wants_more(&self, webhook: WebhookId) -> bool {
        let room = self.room(webhook);
        let is_half_empty =
            |lane: &Lane| lane.has_nothing_waiting() || room * 2 >= lane.capacity(self.limits.per_webhook);
        room > 0 && self.lanes.get(&webhook).is_none_or(is_half_empty)
    }

    /// Bytes of payload that may still be taken in by the lanes that have [`room`](Self::room).
    pub fn bytes_left(&self) -> usize {
        let limit = self.limits.bytes;
        let limit = if self.bytes < limit { limit } else { limit.saturating_mul(2) };
        limit.saturating_sub(self.bytes)
    }

    /// Takes out the delivery whose turn it is, where the limits let another attempt begin.
    pub fn next_turn(&mut self) -> Option<Turn> {
        loop {
            if self.in_flight >= self.limits.total {
                return None;
            }
            let failing_may = self.in_flight_failing < self.limits.total.div_ceil(2);
            let failing_first = !self.failing_had_last_turn || self.healthy.is_empty();
            let from_failing = failing_may && failing_first && !self.failing.is_empty();
            let entry = if from_failing { self.failing.pop_front() } else { self.healthy.pop_front() }?;
            self.failing_had_last_turn = from_failing;
            if let Some(turn) = self.take_turn(entry, from_failing) {
                return Some(turn);
            }
        }
    }

    /// The lane at the head of a ring gives one delivery, unless it has none or enough in flight. (Then its
    /// own next finish brings it back into the ring.)
    fn take_turn(&mut self, Entry { webhook, number }: Entry, from_failing: bool) -> Option<Turn> {
        let (places, store_places) = (self.places_per_lane(), self.store_places());
        let lane = self.lanes.get_mut(&webhook)?;
        if !lane.in_ring || lane.entry != number {
            return None;
        }
        lane.in_ring = false;
        if lane.in_flight >= places {
            return None;
        }
        let Some(claimed) = lane.queue.pop_front() else {
            self.drop_if_idle(webhook);
            return None;
        };
        let share = self.stores.entry(claimed.claim.store.clone()).or_default();
        if share.in_flight > 0 && share.in_flight >= store_places {
            share.held_back.push_back(webhook);
            lane.held_back = true;
            lane.queue.push_front(claimed);
            return None;
        }
        share.in_flight += 1;
        lane.in_flight += 1;
        self.in_flight += 1;
        self.in_flight_failing += usize::from(from_failing);
        self.bytes = self.bytes.saturating_sub(claimed.payload.len());
        self.enter_ring(webhook);
        Some(Turn { claimed, was_failing: from_failing })
    }

    /// A delivery that was taken out is done: `result` says whether its attempt failed and how long it
    /// lasted, or is `None` where none was made.
    pub fn finish(&mut self, claimed: &Claimed, was_failing: bool, result: Option<(bool, Duration)>) {
        let webhook = claimed.webhook;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_flight_failing = self.in_flight_failing.saturating_sub(usize::from(was_failing));
        self.leave_store(&claimed.claim.store);
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if let Some((failed, lasted)) = result {
            let has_turned = lane.failing != failed;
            lane.failing = failed;
            let before = lane.latency.unwrap_or(lasted);
            lane.latency = Some((before * (LATENCY_SMOOTHING - 1) + lasted) / LATENCY_SMOOTHING);
            if has_turned {
                self.leave_ring(webhook);
            }
        }
        self.enter_ring(webhook);
        self.drop_if_idle(webhook);
    }

    /// Takes out all that waits in one lane, because its webhook was disabled or deleted.
    pub fn purge(&mut self, webhook: WebhookId) -> Vec<Claimed> {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return Vec::new() };
        let purged: Vec<Claimed> = lane.queue.drain(..).collect();
        self.forget_bytes(&purged);
        self.leave_ring(webhook);
        if self.lanes.get(&webhook).is_some_and(Lane::is_idle) {
            self.lanes.remove(&webhook);
        }
        purged
    }

    /// Takes out all that waits in any lane, because the server stops.
    pub fn purge_all(&mut self) -> Vec<Claimed> {
        let purged: Vec<Claimed> = self.lanes.values_mut().flat_map(|lane| lane.queue.drain(..)).collect();
        self.forget_bytes(&purged);
        purged
    }

    /// Takes out what waits under a lease that ends before `by`: it cannot start any more.
    pub fn purge_lapsing(&mut self, by: Timestamp) -> Vec<Claimed> {
        let mut purged = Vec::new();
        for lane in self.lanes.values_mut() {
            if lane.queue.iter().any(|claimed| claimed.lease_until < by) {
                let (lapsing, kept) = lane.queue.drain(..).partition(|claimed| claimed.lease_until < by);
                lane.queue = kept;
                purged.extend::<VecDeque<Claimed>>(lapsing);
            }
        }
        self.forget_bytes(&purged);
        purged
    }

    /// Attempts in flight, and deliveries waiting.
    pub fn counts(&self) -> (usize, usize) {
        (self.in_flight, self.lanes.values().map(|lane| lane.queue.len()).sum())
    }

    fn forget_bytes(&mut self, gone: &[Claimed]) {
        let bytes: usize = gone.iter().map(|claimed| claimed.payload.len()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Attempts in flight that one store may have now.
    fn store_places(&self) -> usize {
        self.limits.total.saturating_sub(self.in_flight) * STORE_SHARE
    }

    /// A store has one attempt less in flight: one of its lanes that were held back may go on.
    fn leave_store(&mut self, store: &StoreId) {
        let Some(share) = self.stores.get_mut(store) else { return };
        share.in_flight = share.in_flight.saturating_sub(1);
        while let Some(webhook) = self.stores.get_mut(store).and_then(|share| share.held_back.pop_front()) {
            if let Some(lane) = self.lanes.get_mut(&webhook) {
                lane.held_back = false;
            }
            self.enter_ring(webhook);
            // One that was purged meanwhile has no use for the place.
            if self.lanes.get(&webhook).is_some_and(|lane| lane.in_ring) {
                return;
            }
        }
        if self.stores.get(store).is_some_and(|share| share.in_flight == 0) {
            self.stores.remove(store);
        }
    }

    /// Attempts in flight that one lane may have now. A lane without any always may have one.
    fn places_per_lane(&self) -> usize {
        let LaneLimits { per_webhook, total, .. } = self.limits;
        let free = total.saturating_sub(self.in_flight);
        (per_webhook * free * 2 / total.max(1)).clamp(1, per_webhook.max(1))
    }

    fn enter_ring(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        let may_enter = !lane.in_ring && !lane.held_back && !lane.queue.is_empty();
        if !may_enter || lane.in_flight >= self.limits.per_webhook {
            return;
        }
        lane.in_ring = true;
        lane.entry = lane.entry.wrapping_add(1);
        let entry = Entry { webhook, number: lane.entry };
        let ring = if lane.failing { &mut self.failing } else { &mut self.healthy };
        ring.push_back(entry);
        if ring.len() > self.lanes.len() + STALE_ENTRIES_MAX {
            let counts = |entry: &Entry| {
                self.lanes.get(&entry.webhook).is_some_and(|lane| lane.in_ring && lane.entry == entry.number)
            };
            ring.retain(counts);
        }
    }

    /// Takes a lane out of the ring it stands in: its entry is passed over when its turn comes.
    fn leave_ring(&mut self, webhook: WebhookId) {
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.in_ring = false;
        }
    }

    /// Idle lanes are remembered for their latency, and failing ones because their next delivery still
    /// counts as a failing one's; only so many of the others.
    fn drop_if_idle(&mut self, webhook: WebhookId) {
        let is_forgettable = |lane: &Lane| lane.is_idle() && !lane.failing;
        let is_known = |lane: &Lane| lane.latency.is_some() && self.lanes.len() <= LANES_REMEMBERED;
        if self.lanes.get(&webhook).is_some_and(|lane| is_forgettable(lane) && !is_known(lane)) {
            self.lanes.remove(&webhook);
        }
    }
}

/// The lanes as the steps of the engine share them.
#[derive(Debug)]
pub struct Lanes(Mutex<LaneTable>);

impl Lanes {
    /// Empty lanes.
    pub fn new(limits: LaneLimits) -> Self {
        Self(Mutex::new(LaneTable::new(limits)))
    }

    /// The table, for one short step.
    pub fn lock(&self) -> parking_lot::MutexGuard<'_, LaneTable> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests;
