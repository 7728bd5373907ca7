//! How long events are kept, with their deliveries and attempts.

use std::time::Duration;

use crate::limits::{RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX};

/// A number of days from 1 to [`RETENTION_DAYS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetentionDays(u16);

impl RetentionDays {
    /// So many days; `None` where that is none or more than allowed.
    pub fn new(days: u32) -> Option<Self> {
        u16::try_from(days).ok().filter(|days| (1..=RETENTION_DAYS_MAX).contains(days)).map(Self)
    }

    /// How many.
    pub const fn days(self) -> u16 {
        self.0
    }

    /// As a span of time.
    pub const fn span(self) -> Duration {
        Duration::from_hours(self.0 as u64 * 24)
    }

    /// What holds in a store that has set this: it can only keep for a shorter time than the server.
    #[must_use]
    pub fn within(self, own: Option<Self>) -> Self {
        own.map_or(self, |own| own.min(self))
    }
}

impl Default for RetentionDays {
    fn default() -> Self {
        Self(RETENTION_DAYS_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_kept_for_one_day_to_ten_years() {
        for days in [1, 30, 3_650] {
            let kept = RetentionDays::new(days).expect("allowed");
            assert_eq!(kept.span(), Duration::from_hours(u64::from(days) * 24));
        }
        for days in [0, 3_651, 65_536, u32::MAX] {
            assert_eq!(RetentionDays::new(days), None, "{days}");
        }
    }

    #[test]
    fn a_store_can_only_keep_for_a_shorter_time() {
        let server = RetentionDays::default();
        for (own, holds) in [(None, 30), (Some(7), 7), (Some(30), 30), (Some(90), 30)] {
            assert_eq!(server.within(own.and_then(RetentionDays::new)).days(), holds, "{own:?}");
        }
    }
}
