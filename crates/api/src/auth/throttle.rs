//! How often somebody may be wrong with a password: a few times per address, and not too often in all, since
//! the router does not see from which machine a request comes. An attempt counts from its beginning, so that
//! many at once are as many; one that was right is taken back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use crate::problem::{Kind, Problem, text};

/// Failures of one address within [`WINDOW`] after which it must wait.
pub const FAILURES_MAX: usize = 5;
/// How long a failure counts.
pub const WINDOW: Duration = Duration::from_mins(15);
/// Failures of all addresses together that may come at once…
pub const BURST_MAX: u32 = 100;
/// …and how often one more may.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Addresses remembered at most.
const ADDRESSES_MAX: usize = 10_000;
/// Bytes of an address that are told apart.
const ADDRESS_LENGTH_MAX: usize = 254;

/// Remembers who was wrong of late. Times are monotonic.
#[derive(Default)]
pub struct Throttle(Mutex<State>);

#[derive(Default)]
struct State {
    by_address: HashMap<String, VecDeque<Duration>>,
    /// When the allowance of all is full again: it grows by [`INTERVAL`] with each failure.
    full_at: Duration,
}

impl Throttle {
    /// Counts an attempt that begins, or refuses it.
    pub fn begin(&self, address: &str, now: Duration) -> Result<(), Problem> {
        let mut state = self.0.lock();
        let full_at = state.full_at.max(now) + INTERVAL;
        let wait = full_at.saturating_sub(now + INTERVAL * BURST_MAX);
        if !wait.is_zero() {
            return Err(too_many(wait));
        }
        state.make_room(now);
        let failures = state.by_address.entry(known_as(address)).or_default();
        failures.retain(|at| now.saturating_sub(*at) < WINDOW);
        if failures.len() >= FAILURES_MAX {
            let first = failures.front().copied().unwrap_or(now);
            return Err(too_many((first + WINDOW).saturating_sub(now)));
        }
        failures.push_back(now);
        state.full_at = full_at;
        Ok(())
    }

    /// The attempt was right: what went before it is forgotten.
    pub fn succeeded(&self, address: &str) {
        let mut state = self.0.lock();
        state.by_address.remove(&known_as(address));
        state.full_at = state.full_at.saturating_sub(INTERVAL);
    }

    /// The attempt came to no end, by no fault of who made it.
    pub fn withdraw(&self, address: &str) {
        let mut state = self.0.lock();
        if let Some(failures) = state.by_address.get_mut(&known_as(address)) {
            failures.pop_back();
        }
        state.full_at = state.full_at.saturating_sub(INTERVAL);
    }
}

impl State {
    fn make_room(&mut self, now: Duration) {
        if self.by_address.len() < ADDRESSES_MAX {
            return;
        }
        self.by_address
            .retain(|_, failures| failures.back().is_some_and(|last| now.saturating_sub(*last) < WINDOW));
        if self.by_address.len() < ADDRESSES_MAX {
            return;
        }
        let oldest = self.by_address.iter().min_by_key(|(_, failures)| failures.back().copied());
        if let Some(oldest) = oldest.map(|(address, _)| address.clone()) {
            self.by_address.remove(&oldest);
        }
    }
}

/// The same address however it is written, whether it is one or not.
fn known_as(address: &str) -> String {
    let mut known = address.trim().to_lowercase();
    known.truncate(known.floor_char_boundary(ADDRESS_LENGTH_MAX));
    known
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
    let minutes = seconds.div_ceil(60);
    let detail = text(
        format!("Sai quá nhiều lần. Hãy thử lại sau {minutes} phút."),
        format!("Too many failures. Try again in {minutes} minutes."),
    );
    Problem::new(Kind::TooManyAttempts, detail).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAN: &str = "lan@example.vn";

    #[test]
    fn an_address_may_be_wrong_five_times_in_a_quarter_of_an_hour() {
        let throttle = Throttle::default();
        for second in 0..5 {
            throttle.begin(LAN, Duration::from_secs(second)).expect("may try");
        }
        let problem = throttle.begin(" LAN@example.vn ", Duration::from_mins(1)).expect_err("too often");
        assert_eq!((problem.kind, problem.retry_after), (Kind::TooManyAttempts, Some(14 * 60)));
        throttle.begin("tu@example.vn", Duration::from_mins(1)).expect("somebody else may try");
        throttle.begin(LAN, WINDOW).expect("the first failure is over");
        throttle.begin(LAN, WINDOW).expect_err("the second is not");
    }

    #[test]
    fn an_attempt_that_was_right_forgets_those_before_and_one_withdrawn_never_was() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            throttle.begin(LAN, Duration::ZERO).expect("may try");
            throttle.withdraw(LAN);
        }
        for _ in 0..4 {
            throttle.begin(LAN, Duration::ZERO).expect("may try");
        }
        throttle.begin(LAN, Duration::ZERO).expect("may try");
        throttle.succeeded(LAN);
        throttle.begin(LAN, Duration::ZERO).expect("may try again");
    }

    #[test]
    fn all_addresses_together_have_an_allowance_that_comes_back() {
        let throttle = Throttle::default();
        for number in 0..BURST_MAX {
            throttle.begin(&format!("{number}@example.vn"), Duration::ZERO).expect("may try");
        }
        let problem = throttle.begin(LAN, Duration::ZERO).expect_err("too many in all");
        assert_eq!(problem.retry_after, Some(1));
        throttle.begin(LAN, INTERVAL).expect("one more may");
    }

    #[test]
    fn no_more_addresses_are_remembered_than_the_limit() {
        let throttle = Throttle::default();
        for number in 0..u64::try_from(ADDRESSES_MAX).expect("fits") + 10 {
            let now = Duration::from_millis(number * 1_000);
            throttle.begin(&format!("{number}@example.vn"), now).expect("may try");
        }
        assert!(throttle.0.lock().by_address.len() <= ADDRESSES_MAX);
    }
}
