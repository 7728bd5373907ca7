//! When a failed delivery is sent again: the document's “sau x phút sẽ gửi lại … tối đa 3 lần tự động gửi”.

use std::time::Duration;

/// Automatic attempts at most, of any policy.
pub const ATTEMPTS_MAX: u32 = 20;
/// The longest wait between two automatic attempts.
pub const INTERVAL_MAX: Duration = Duration::from_hours(24);
/// The longest deadline of one attempt; with it a lease leaves room for an attempt to end and be recorded.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(25);

/// How many automatic attempts are made, and how far apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryPolicy {
    /// `max_attempts` in all, `interval` apart.
    Every {
        /// Automatic attempts in all, the first included.
        max_attempts: u32,
        /// The document's x.
        interval: Duration,
    },
    /// One more attempt after each of these waits.
    Schedule(Vec<Duration>),
}

impl RetryPolicy {
    /// Automatic attempts in all, the first included.
    pub fn max_attempts(&self) -> u32 {
        match self {
            Self::Every { max_attempts, .. } => *max_attempts,
            Self::Schedule(waits) => u32::try_from(waits.len()).unwrap_or(u32::MAX).saturating_add(1),
        }
    }

    /// As a number and an interval: of a schedule, its first wait.
    pub fn number_and_interval(&self) -> (u32, Duration) {
        match self {
            Self::Every { max_attempts, interval } => (*max_attempts, *interval),
            Self::Schedule(waits) => (self.max_attempts(), waits.first().copied().unwrap_or(INTERVAL_MAX)),
        }
    }

    /// How long to wait after the `made`-th automatic attempt failed; `None` where that was the last.
    pub fn wait_after(&self, made: u32) -> Option<Duration> {
        match self {
            Self::Every { max_attempts, interval } => (made < *max_attempts).then_some(*interval),
            Self::Schedule(waits) => waits.get((made as usize).checked_sub(1)?).copied(),
        }
    }
}

/// What holds for one webhook: its own settings over the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// The deadline of one attempt, the body included.
    pub timeout: Duration,
}

impl Default for DeliveryPolicy {
    /// The document's three attempts, 5 minutes apart, 10 seconds each.
    fn default() -> Self {
        Self {
            retry: RetryPolicy::Every { max_attempts: 3, interval: Duration::from_mins(5) },
            timeout: Duration::from_secs(10),
        }
    }
}

/// What a webhook sets itself; the rest follows the server's settings, also when those change later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyOverrides {
    /// Automatic attempts in all.
    pub max_attempts: Option<u32>,
    /// The wait between two.
    pub interval: Option<Duration>,
    /// A list of waits instead of number and interval.
    pub schedule: Option<Vec<Duration>>,
    /// The deadline of one attempt.
    pub timeout: Option<Duration>,
}

/// A change of [`PolicyOverrides`]: `None` stays, `Some(None)` goes back to the server's setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    /// See [`PolicyOverrides::max_attempts`].
    pub max_attempts: Option<Option<u32>>,
    /// See [`PolicyOverrides::interval`].
    pub interval: Option<Option<Duration>>,
    /// See [`PolicyOverrides::schedule`].
    pub schedule: Option<Option<Vec<Duration>>>,
    /// See [`PolicyOverrides::timeout`].
    pub timeout: Option<Option<Duration>>,
}

/// A setting outside its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not 1 to [`ATTEMPTS_MAX`] attempts.
    #[error("max_attempts is 1 to {ATTEMPTS_MAX}")]
    Attempts,
    /// Not 1 second to [`INTERVAL_MAX`].
    #[error("an interval is 1 to 86400 seconds")]
    Interval,
    /// A wait of a schedule that is not 1 second to [`INTERVAL_MAX`]; the number is its place.
    #[error("a wait is 1 to 86400 seconds")]
    Wait(usize),
    /// Not 1 to [`ATTEMPTS_MAX`] - 1 waits.
    #[error("a schedule has 1 to 19 waits")]
    ScheduleLength,
    /// Not 1 second to [`TIMEOUT_MAX`].
    #[error("a timeout is 1 to 25 seconds")]
    Timeout,
    /// A schedule beside a number or an interval.
    #[error(
        "retry_schedule_seconds takes the place of max_attempts and retry_interval_seconds; give one or the other, or retry_schedule_seconds: null to go back to those"
    )]
    ScheduleAndInterval,
}

impl PolicyOverrides {
    /// Checks every setting against its limits.
    pub fn check(&self) -> Result<(), PolicyError> {
        let second = Duration::from_secs(1);
        let interval_fits = |wait: &Duration| (second..=INTERVAL_MAX).contains(wait);
        if self.max_attempts.is_some_and(|count| !(1..=ATTEMPTS_MAX).contains(&count)) {
            return Err(PolicyError::Attempts);
        }
        if self.interval.as_ref().is_some_and(|wait| !interval_fits(wait)) {
            return Err(PolicyError::Interval);
        }
        if self.timeout.is_some_and(|timeout| !(second..=TIMEOUT_MAX).contains(&timeout)) {
            return Err(PolicyError::Timeout);
        }
        if let Some(waits) = &self.schedule {
            if self.max_attempts.is_some() || self.interval.is_some() {
                return Err(PolicyError::ScheduleAndInterval);
            }
            if !(1..ATTEMPTS_MAX as usize).contains(&waits.len()) {
                return Err(PolicyError::ScheduleLength);
            }
            if let Some(place) = waits.iter().position(|wait| !interval_fits(wait)) {
                return Err(PolicyError::Wait(place));
            }
        }
        Ok(())
    }

    /// The settings with a change. A schedule takes the place of number and interval; to go back to those it
    /// is taken away first, or [`PolicyOverrides::check`] refuses what comes out.
    #[must_use]
    pub fn changed(mut self, change: PolicyChange) -> Self {
        if change.schedule.as_ref().is_some_and(Option::is_some) {
            (self.max_attempts, self.interval) = (None, None);
        }
        self.max_attempts = change.max_attempts.unwrap_or(self.max_attempts);
        self.interval = change.interval.unwrap_or(self.interval);
        self.schedule = change.schedule.unwrap_or(self.schedule);
        self.timeout = change.timeout.unwrap_or(self.timeout);
        self
    }

    /// What holds where these settings stand over the server's `defaults`.
    pub fn over(&self, defaults: &DeliveryPolicy) -> DeliveryPolicy {
        let retry = match &self.schedule {
            Some(waits) => RetryPolicy::Schedule(waits.clone()),
            None if self.max_attempts.is_none() && self.interval.is_none() => defaults.retry.clone(),
            None => {
                let (max_attempts, interval) = defaults.retry.number_and_interval();
                RetryPolicy::Every {
                    max_attempts: self.max_attempts.unwrap_or(max_attempts),
                    interval: self.interval.unwrap_or(interval),
                }
            }
        };
        DeliveryPolicy { retry, timeout: self.timeout.unwrap_or(defaults.timeout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(list: &[u64]) -> Vec<Duration> {
        list.iter().copied().map(Duration::from_secs).collect()
    }

    #[test]
    fn the_default_is_three_attempts_five_minutes_apart() {
        let policy = DeliveryPolicy::default().retry;
        let wait = Some(Duration::from_mins(5));
        assert_eq!([1, 2, 3, 4].map(|made| policy.wait_after(made)), [wait, wait, None, None]);
    }

    #[test]
    fn a_schedule_gives_one_attempt_more_than_it_has_waits() {
        let policy = RetryPolicy::Schedule(seconds(&[1, 30]));
        assert_eq!(policy.max_attempts(), 3);
        assert_eq!(policy.wait_after(1), Some(Duration::from_secs(1)));
        assert_eq!(policy.wait_after(2), Some(Duration::from_secs(30)));
        assert_eq!(policy.wait_after(3), None);
    }

    #[test]
    fn a_webhooks_setting_stands_over_the_servers_and_the_rest_follows() {
        let own = PolicyOverrides { interval: Some(Duration::from_mins(1)), ..PolicyOverrides::default() };
        let policy = own.over(&DeliveryPolicy::default());
        assert_eq!(policy.retry, RetryPolicy::Every { max_attempts: 3, interval: Duration::from_mins(1) });
        assert_eq!(policy.timeout, Duration::from_secs(10));
        let retry = RetryPolicy::Schedule(seconds(&[1, 30]));
        let by_schedule = DeliveryPolicy { retry: retry.clone(), ..DeliveryPolicy::default() };
        assert_eq!(PolicyOverrides::default().over(&by_schedule).retry, retry);
    }

    #[test]
    fn a_schedule_takes_the_place_of_number_and_interval_and_is_not_lost_by_them() {
        let by_number = PolicyOverrides { max_attempts: Some(5), ..PolicyOverrides::default() };
        let to_schedule = PolicyChange { schedule: Some(Some(seconds(&[1]))), ..PolicyChange::default() };
        let by_schedule = by_number.changed(to_schedule);
        assert_eq!((by_schedule.max_attempts, &by_schedule.schedule), (None, &Some(seconds(&[1]))));
        let to_number = PolicyChange { max_attempts: Some(Some(2)), ..PolicyChange::default() };
        assert_eq!(
            by_schedule.clone().changed(to_number.clone()).check(),
            Err(PolicyError::ScheduleAndInterval)
        );
        let again = by_schedule.changed(PolicyChange { schedule: Some(None), ..to_number });
        assert_eq!((again.max_attempts, again.schedule.clone()), (Some(2), None));
        let to_default = PolicyChange { max_attempts: Some(None), ..PolicyChange::default() };
        assert_eq!(again.changed(to_default), PolicyOverrides::default());
    }

    #[test]
    fn settings_outside_their_limits_are_refused() {
        let none = PolicyOverrides::default;
        for (overrides, error) in [
            (PolicyOverrides { max_attempts: Some(0), ..none() }, PolicyError::Attempts),
            (PolicyOverrides { max_attempts: Some(21), ..none() }, PolicyError::Attempts),
            (PolicyOverrides { interval: Some(Duration::ZERO), ..none() }, PolicyError::Interval),
            (
                PolicyOverrides { interval: Some(Duration::from_secs(86_401)), ..none() },
                PolicyError::Interval,
            ),
            (PolicyOverrides { timeout: Some(Duration::from_secs(26)), ..none() }, PolicyError::Timeout),
            (PolicyOverrides { timeout: Some(Duration::ZERO), ..none() }, PolicyError::Timeout),
            (PolicyOverrides { schedule: Some(vec![]), ..none() }, PolicyError::ScheduleLength),
            (PolicyOverrides { schedule: Some(seconds(&[1; 20])), ..none() }, PolicyError::ScheduleLength),
            (PolicyOverrides { schedule: Some(seconds(&[1, 0])), ..none() }, PolicyError::Wait(1)),
            (
                PolicyOverrides { schedule: Some(seconds(&[1])), max_attempts: Some(3), ..none() },
                PolicyError::ScheduleAndInterval,
            ),
        ] {
            assert_eq!(overrides.check(), Err(error), "{overrides:?}");
        }
        assert_eq!(none().check(), Ok(()));
        assert_eq!(PolicyOverrides { schedule: Some(seconds(&[1; 19])), ..none() }.check(), Ok(()));
    }
}
