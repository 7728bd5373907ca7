//! Time and randomness as parameters: the only clock and the only dice the rest of the workspace may use.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as Standard Webhooks signs them.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this moment is; zero where it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Tells the time. The program hands in the machine's clock, tests one that they set.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Random bytes. The program hands in the operating system's source, tests a seeded one.
pub trait Rng: Send + Sync {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and dice of this crate's own unit tests.
#[cfg(test)]
pub(crate) mod tests_support {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::{Clock, Rng, Timestamp};

    pub(crate) struct FixedClock(AtomicI64);

    impl FixedClock {
        pub(crate) fn new(millis: i64) -> Self {
            Self(AtomicI64::new(millis))
        }

        pub(crate) fn set(&self, millis: i64) {
            self.0.store(millis, Ordering::Relaxed);
        }
    }

    impl Clock for FixedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    pub(crate) struct Zeros;

    impl Rng for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_add_up_and_stop_at_the_ends() {
        let (moment, span) = (Timestamp::from_millis(10_000), Duration::from_millis(2_500));
        assert_eq!((moment + span, moment - span), (Timestamp(12_500), Timestamp(7_500)));
        assert_eq!(((moment + span).since(moment), moment.since(moment + span)), (span, Duration::ZERO));
        assert_eq!(Timestamp(i64::MAX) + Duration::MAX, Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN) - Duration::MAX, Timestamp(i64::MIN));
    }

    #[test]
    fn seconds_are_whole_ones_that_have_passed() {
        for (millis, seconds) in [(0, 0), (999, 0), (1_000, 1), (-1, -1), (-1_000, -1)] {
            assert_eq!(Timestamp(millis).as_seconds(), seconds, "{millis}");
        }
    }

    #[test]
    fn a_moment_is_printed_with_its_unit() {
        assert_eq!(format!("{:?}", Timestamp(7)), "7 ms");
    }
}
