//! Time and randomness as the engine wants them: a clock that can also be waited on.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use bocau_domain::{Clock, Rng, Timestamp};

/// A clock that tells the time, measures spans and wakes who waits.
///
/// [`Clock::now`] never steps: leases, due times and ids go by it, so that a correction of the machine's clock
/// neither repeats an attempt in flight nor holds up what is due. [`EngineClock::wall`] is what other machines
/// agree on, and signatures carry it.
pub trait EngineClock: Clock + 'static {
    /// The machine's idea of the time, which an administrator or NTP may step.
    fn wall(&self) -> Timestamp;

    /// Time since some fixed moment, never stepping back: for durations.
    fn monotonic(&self) -> Duration;

    /// Ends when `span` has passed.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's clock: what it said when the process started, and the time that has passed since.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    started_at: Timestamp,
}

impl SystemClock {
    /// A clock that says `now` now: the one that all nodes on a database go by, who may not agree otherwise.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn starting_at(now: Timestamp) -> Self {
        Self { started: Instant::now(), started_at: now }
    }

    /// The machine's clock, from now on.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn new() -> Self {
        Self { started: Instant::now(), started_at: wall() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.started_at + self.started.elapsed()
    }
}

impl EngineClock for SystemClock {
    fn wall(&self) -> Timestamp {
        wall()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The operating system's random source.
#[derive(Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has random bytes");
    }
}
