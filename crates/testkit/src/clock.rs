//! Time that stands still until a test moves it, and dice that fall the same way each time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bocau_domain::{Clock, Rng, Timestamp};
use bocau_engine::EngineClock;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::patience::capped;

/// The wall clock's time when a [`SimClock`] is made: 2026-11-24T02:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_795_485_600_000);

/// A clock that stands still. Clones share it.
#[derive(Clone, Default)]
pub struct SimClock(Arc<Shared>);

#[derive(Default)]
struct Shared {
    time: Mutex<Time>,
    sleepers: watch::Sender<usize>,
}

struct Time {
    wall: Timestamp,
    monotonic: Duration,
    sleepers: BTreeMap<SleeperKey, Sleeper>,
    laid_down: u64,
}

/// The moment to wake, then who lay down first.
type SleeperKey = (Duration, u64);

struct Sleeper {
    span: Duration,
    wake: oneshot::Sender<()>,
}

impl Default for Time {
    fn default() -> Self {
        Self { wall: START, monotonic: Duration::ZERO, sleepers: BTreeMap::new(), laid_down: 0 }
    }
}

impl Time {
    fn advance(&mut self, span: Duration) {
        self.monotonic += span;
        self.wall = self.wall + span;
        while let Some(first) = self.sleepers.first_entry()
            && first.key().0 <= self.monotonic
        {
            // Who has gone away meanwhile need not be woken.
            let _ = first.remove().wake.send(());
        }
    }

    fn has_napper(&self, span_max: Duration) -> bool {
        self.sleepers.values().any(|sleeper| sleeper.span <= span_max)
    }
}

impl SimClock {
    /// A clock that stands at [`START`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves wall and monotonic time, and wakes every sleeper whose time has come, in the order of their
    /// times.
    pub fn advance(&self, span: Duration) {
        let left = {
            let mut time = self.0.time.lock();
            time.advance(span);
            time.sleepers.len()
        };
        self.0.sleepers.send_replace(left);
    }

    /// Steps the wall clock forward, as an administrator or NTP may; nobody wakes.
    pub fn jump_wall_forward(&self, span: Duration) {
        let mut time = self.0.time.lock();
        time.wall = time.wall + span;
    }

    /// Steps the wall clock back; nobody wakes.
    pub fn jump_wall_back(&self, span: Duration) {
        let mut time = self.0.time.lock();
        time.wall = time.wall - span;
    }

    /// How long it is until the next sleeper wakes; `None` where nobody sleeps.
    pub fn next_wake(&self) -> Option<Duration> {
        let time = self.0.time.lock();
        time.sleepers.keys().next().map(|(wakes, _)| wakes.saturating_sub(time.monotonic))
    }

    /// How many sleep.
    pub fn sleepers(&self) -> usize {
        self.0.time.lock().sleepers.len()
    }

    /// Waits until somebody sleeps whose time comes within `span` from now.
    pub async fn someone_wakes_within(&self, span: Duration) {
        let is_so = |time: &Time| time.sleepers.keys().any(|(wakes, _)| *wakes <= time.monotonic + span);
        self.wait_until(|time| is_so(time).then_some(()), || format!("somebody who wakes within {span:?}"))
            .await;
    }

    /// Waits until somebody sleeps who lay down for `span_max` at most.
    pub async fn someone_naps(&self, span_max: Duration) {
        let story = || format!("somebody who lies down for {span_max:?} at most");
        self.wait_until(|time| time.has_napper(span_max).then_some(()), story).await;
    }

    /// Waits until somebody sleeps who lay down for exactly `span`: an attempt for its timeout, say.
    pub async fn someone_lies_down_for(&self, span: Duration) {
        let is_so = |time: &Time| time.sleepers.values().any(|sleeper| sleeper.span == span);
        self.wait_until(|time| is_so(time).then_some(()), || format!("somebody who lies down for {span:?}"))
            .await;
    }

    /// Lets naps of `nap` pass, one after the other, until somebody sleeps who lay down for exactly `span`.
    pub async fn naps_pass_until(&self, nap: Duration, span: Duration) {
        let lies = |time: &Time, span| time.sleepers.values().any(|sleeper| sleeper.span == span);
        let story = || format!("somebody who lies down for {span:?} after naps of {nap:?}");
        loop {
            let step = |time: &mut Time| (lies(time, span) || lies(time, nap)).then_some(());
            self.wait_until(step, story).await;
            if lies(&self.0.time.lock(), span) {
                return;
            }
            self.advance(nap);
        }
    }

    /// Waits until nobody sleeps any more: whoever did has stopped.
    pub async fn nobody_sleeps(&self) {
        self.wait_until(|time| time.sleepers.is_empty().then_some(()), || "nobody to sleep".to_owned()).await;
    }

    /// [`advance`](Self::advance), in the very moment in which somebody sleeps who lay down for `span_max` at
    /// most: a loop that reads the time and then naps cannot miss it in between.
    pub async fn advance_over_a_nap(&self, span_max: Duration, span: Duration) {
        let story = || format!("somebody who lies down for {span_max:?} at most");
        let step = |time: &mut Time| time.has_napper(span_max).then(|| time.advance(span));
        self.wait_until(step, story).await;
        self.0.sleepers.send_replace(self.sleepers());
    }

    async fn wait_until(&self, mut step: impl FnMut(&mut Time) -> Option<()>, what: impl Fn() -> String) {
        let mut changes = self.0.sleepers.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if step(&mut self.0.time.lock()).is_some() {
                    return;
                }
                changes.changed().await.expect("the clock holds the other end");
            }
        };
        capped(waiting, || {
            let time = self.0.time.lock();
            let spans: Vec<Duration> = time.sleepers.values().map(|sleeper| sleeper.span).collect();
            format!("waiting for {}; asleep are {spans:?}", what())
        })
        .await;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        START + self.0.time.lock().monotonic
    }
}

impl EngineClock for SimClock {
    fn wall(&self) -> Timestamp {
        self.0.time.lock().wall
    }

    fn monotonic(&self) -> Duration {
        self.0.time.lock().monotonic
    }

    /// The span counts from this call, not from the first poll.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (wake, woken) = oneshot::channel();
        let (key, count) = {
            let mut time = self.0.time.lock();
            time.laid_down += 1;
            let key = (time.monotonic + span, time.laid_down);
            if span.is_zero() {
                let _ = wake.send(());
            } else {
                time.sleepers.insert(key, Sleeper { span, wake });
            }
            (key, time.sleepers.len())
        };
        self.0.sleepers.send_replace(count);
        Box::pin(Sleep { clock: self.clone(), key, woken })
    }
}

struct Sleep {
    clock: SimClock,
    key: SleeperKey,
    woken: oneshot::Receiver<()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.woken).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let count = {
            let mut time = self.clock.0.time.lock();
            time.sleepers.remove(&self.key);
            time.sleepers.len()
        };
        self.clock.0.sleepers.send_replace(count);
    }
}

/// Dice that fall the same way each time (`SplitMix64`). Good enough for ids and test keys, and for nothing
/// else.
pub struct SeededRng(Mutex<u64>);

impl SeededRng {
    /// Dice of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = SimClock::new();
        let mut sleep = clock.sleep(2 * SECOND);
        clock.advance(SECOND);
        assert!(futures_now(&mut sleep).is_pending());
        clock.advance(SECOND);
        sleep.await;
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(clock.now(), START + 2 * SECOND);
    }

    #[tokio::test]
    async fn a_jump_of_the_wall_clock_wakes_nobody() {
        let clock = SimClock::new();
        let mut sleep = clock.sleep(SECOND);
        clock.jump_wall_forward(60 * SECOND);
        assert!(futures_now(&mut sleep).is_pending());
        clock.jump_wall_back(120 * SECOND);
        assert_eq!((clock.wall(), clock.monotonic()), (START - 60 * SECOND, Duration::ZERO));
        assert_eq!(clock.now(), START, "what the engine goes by does not step");
    }

    #[tokio::test]
    async fn who_stops_waiting_no_longer_sleeps() {
        let clock = SimClock::new();
        drop(clock.sleep(SECOND));
        assert_eq!(clock.sleepers(), 0);
        clock.sleep(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn time_moves_while_somebody_naps() {
        let clock = SimClock::new();
        let napper = {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep(SECOND).await;
                clock.now()
            })
        };
        clock.someone_wakes_within(SECOND).await;
        clock.advance_over_a_nap(SECOND, 5 * SECOND).await;
        assert_eq!(napper.await.expect("no panic"), START + 5 * SECOND);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let draw = |seed| {
            let mut bytes = [0; 11];
            SeededRng::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    fn futures_now(future: &mut Pin<Box<dyn Future<Output = ()> + Send>>) -> Poll<()> {
        future.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
