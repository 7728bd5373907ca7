//! How many requests per second are answered, of each API key and of each machine; more get 429 with
//! `Retry-After`. Off unless configured. A node counts for itself.
//!
//! A key or machine that was quiet may send a second's worth at once, and then one in each interval.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::Request;
use parking_lot::Mutex;

use crate::auth::client::Client;
use crate::problem::{Kind, Problem, text};
use crate::router::Api;

/// What is sent within this time may come at once.
const BURST: Duration = Duration::from_secs(1);
/// Of each kind, how many are remembered at most.
const REMEMBERED_MAX: usize = 100_000;

/// Requests per second; none where there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of one API key.
    pub per_key: Option<NonZeroU32>,
    /// Of one machine, whoever calls from there.
    pub per_ip: Option<NonZeroU32>,
}

/// Counts requests.
pub struct RateLimiter {
    keys: Option<Limit<[u8; 32]>>,
    machines: Option<Limit<Client>>,
}

impl RateLimiter {
    /// With these limits.
    pub fn new(limits: RateLimits) -> Self {
        Self { keys: limits.per_key.map(Limit::new), machines: limits.per_ip.map(Limit::new) }
    }

    /// Counts a request with this key, known by its hash.
    pub(crate) fn count_key(&self, hash: [u8; 32], now: Duration) -> Result<(), Problem> {
        self.keys.as_ref().map_or(Ok(()), |limit| limit.count(hash, now))
    }

    /// Counts a request for the machine that it comes from; says why where it is beyond its limit.
    pub(crate) fn refuses_machine(&self, request: &Request, api: &Api) -> Option<Problem> {
        let limit = self.machines.as_ref()?;
        let client = Client::of(request.extensions(), request.headers(), api);
        limit.count(client, api.engine().clock().monotonic()).err()
    }
}

/// One limit for each of many. For each it is known when the last request would have been due, had they come
/// evenly (the generic cell rate algorithm).
struct Limit<K> {
    interval: Duration,
    due: Mutex<HashMap<K, Duration>>,
}

impl<K: Eq + Hash> Limit<K> {
    fn new(per_second: NonZeroU32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.get(), due: Mutex::default() }
    }

    fn count(&self, key: K, now: Duration) -> Result<(), Problem> {
        let mut due = self.due.lock();
        if due.len() >= REMEMBERED_MAX && !due.contains_key(&key) {
            due.retain(|_, due| *due > now);
            // So many at once are more than a limit for each can hold off.
            if due.len() >= REMEMBERED_MAX {
                due.clear();
            }
        }
        let own = due.entry(key).or_default();
        let next = (*own).max(now) + self.interval;
        let wait = next.saturating_sub(now + BURST.max(self.interval));
        if !wait.is_zero() {
            return Err(too_many(wait));
        }
        *own = next;
        Ok(())
    }
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    let detail = text(
        format!("Quá nhiều yêu cầu. Hãy thử lại sau {seconds} giây."),
        format!("Too many requests. Try again in {seconds} seconds."),
    );
    Problem::new(Kind::TooManyRequests, detail).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32) -> Limit<u32> {
        Limit::new(NonZeroU32::new(per_second).expect("not 0"))
    }

    #[test]
    fn a_second_of_requests_may_come_at_once_and_then_one_in_each_interval() {
        let limit = limit(10);
        let at = Duration::from_millis;
        for _ in 0..10 {
            limit.count(1, at(5_000)).expect("within the limit");
        }
        let problem = limit.count(1, at(5_000)).expect_err("the eleventh");
        assert_eq!((problem.kind, problem.retry_after), (Kind::TooManyRequests, Some(1)));
        limit.count(2, at(5_000)).expect("another's");
        limit.count(1, at(5_100)).expect("an interval has passed");
        limit.count(1, at(5_100)).expect_err("one interval");
        limit.count(1, at(5_199)).expect_err("not yet");
        for _ in 0..10 {
            limit.count(1, at(60_000)).expect("it was quiet");
        }
    }

    #[test]
    fn a_limit_of_one_lets_one_through_each_second() {
        let limit = limit(1);
        limit.count(1, Duration::ZERO).expect("the first");
        limit.count(1, Duration::from_millis(999)).expect_err("too early");
        limit.count(1, Duration::from_secs(1)).expect("the next second");
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let limit = limit(1);
        for number in 0..u32::try_from(REMEMBERED_MAX).expect("fits") + 10 {
            limit.count(number, Duration::ZERO).expect("each for the first time");
        }
        assert!(limit.due.lock().len() <= REMEMBERED_MAX);
    }
}
