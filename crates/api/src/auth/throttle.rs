//! How often somebody may be wrong with a password. An attempt counts from its beginning, so that many at once
//! are as many; one that was right is taken back. What counts is who guesses, so that guessing at somebody's
//! address from elsewhere never locks them out:
//!
//! - one client at one address: [`FAILURES_MAX`] within [`WINDOW`], then it must wait
//! - one client at all addresses together: [`CLIENT_FAILURES_MAX`] within [`WINDOW`], then it must wait
//! - one address from all clients together: after [`ADDRESS_FAILURES_MAX`] within [`WINDOW`] each further attempt
//!   waits [`SLOWED`] before it is looked at, and is never refused
//! - all together: as many as are hashed at once (see [`super::passwords`]), at whatever rate
//!
//! So the owner of an address that is attacked gets in from another client than the attacker's within [`SLOWED`]
//! and their turn at hashing, which is 5 seconds at most; only who shares the attacker's address waits longer.
//! A client is told apart by its address: see [`super::client`].

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;

use super::client::Client;
use crate::problem::{Kind, Problem, text};

/// Failures of one client at one address within [`WINDOW`] after which it must wait.
pub const FAILURES_MAX: usize = 5;
/// Failures of one client at all addresses within [`WINDOW`] after which it must wait: an office behind one
/// address has a few people who mistype.
pub const CLIENT_FAILURES_MAX: usize = 50;
/// Failures at one address within [`WINDOW`], from wherever, after which further attempts are slowed.
pub const ADDRESS_FAILURES_MAX: usize = 20;
/// How long a failure counts.
pub const WINDOW: Duration = Duration::from_mins(15);
/// How long an attempt waits at an address that is attacked.
pub const SLOWED: Duration = Duration::from_secs(2);

/// Of each kind, how many are remembered at most.
const REMEMBERED_MAX: usize = 10_000;
/// Bytes of an address that are told apart.
const ADDRESS_LENGTH_MAX: usize = 254;

/// Remembers who was wrong of late. Times are monotonic.
#[derive(Default)]
pub struct Throttle(Mutex<State>);

#[derive(Default)]
struct State {
    pairs: Failures<(Client, String)>,
    clients: Failures<Client>,
    addresses: Failures<String>,
}

impl Throttle {
    /// Counts an attempt that begins, and answers how long it must wait before it is looked at; or refuses it.
    pub fn begin(&self, client: Client, address: &str, now: Duration) -> Result<Duration, Problem> {
        let address = known_as(address);
        let mut state = self.0.lock();
        let both = (client, address.clone());
        let waits = [
            state.pairs.wait(&both, FAILURES_MAX, now),
            state.clients.wait(&client, CLIENT_FAILURES_MAX, now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(too_many(wait));
        }
        let is_attacked = state.addresses.wait(&address, ADDRESS_FAILURES_MAX, now).is_some();
        state.pairs.add(both, FAILURES_MAX, now);
        state.clients.add(client, CLIENT_FAILURES_MAX, now);
        state.addresses.add(address, ADDRESS_FAILURES_MAX, now);
        Ok(if is_attacked { SLOWED } else { Duration::ZERO })
    }

    /// The attempt was right: what this client got wrong at the address before is forgotten.
    pub fn succeeded(&self, client: Client, address: &str) {
        let address = known_as(address);
        let mut state = self.0.lock();
        state.clients.take_back(&client);
        state.addresses.take_back(&address);
        state.pairs.0.remove(&(client, address));
    }

    /// The attempt came to no end, by no fault of who made it.
    pub fn withdraw(&self, client: Client, address: &str) {
        let address = known_as(address);
        let mut state = self.0.lock();
        state.clients.take_back(&client);
        state.addresses.take_back(&address);
        state.pairs.take_back(&(client, address));
    }
}

/// When each of them was wrong, the latest last.
struct Failures<K>(HashMap<K, VecDeque<Duration>>);

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Failures<K> {
    /// How long until it has fewer than `max` again; none where it has.
    fn wait(&mut self, key: &K, max: usize, now: Duration) -> Option<Duration> {
        let times = self.0.get_mut(key)?;
        times.retain(|at| is_recent(*at, now));
        let first = times.len().checked_sub(max).and_then(|place| times.get(place).copied())?;
        Some((first + WINDOW).saturating_sub(now))
    }

    /// Notes one; more than the latest `max` need not be known.
    fn add(&mut self, key: K, max: usize, now: Duration) {
        self.make_room(now);
        let times = self.0.entry(key).or_default();
        if times.len() >= max {
            times.pop_front();
        }
        times.push_back(now);
    }

    fn take_back(&mut self, key: &K) {
        if let Some(times) = self.0.get_mut(key) {
            times.pop_back();
        }
    }

    fn make_room(&mut self, now: Duration) {
        if self.0.len() < REMEMBERED_MAX {
            return;
        }
        self.0.retain(|_, times| times.back().is_some_and(|last| is_recent(*last, now)));
        if self.0.len() < REMEMBERED_MAX {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, times)| times.back().copied());
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            self.0.remove(&oldest);
        }
    }
}

fn is_recent(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) < WINDOW
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
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const LAN: &str = "lan@example.vn";
    const NO_WAIT: Duration = Duration::ZERO;

    fn client(number: u32) -> Client {
        Client::at(IpAddr::V4(Ipv4Addr::from_bits(0xcb00_0000 + number)))
    }

    #[test]
    fn a_client_may_be_wrong_at_an_address_five_times_in_a_quarter_of_an_hour() {
        let (throttle, here) = (Throttle::default(), client(1));
        for second in 0..5 {
            throttle.begin(here, LAN, Duration::from_secs(second)).expect("may try");
        }
        let problem =
            throttle.begin(here, " LAN@example.vn ", Duration::from_mins(1)).expect_err("too often");
        assert_eq!((problem.kind, problem.retry_after), (Kind::TooManyAttempts, Some(14 * 60)));
        throttle.begin(here, "tu@example.vn", Duration::from_mins(1)).expect("somebody else may try");
        let elsewhere = throttle.begin(client(2), LAN, Duration::from_mins(1));
        assert_eq!(elsewhere.expect("the owner may try elsewhere"), NO_WAIT);
        throttle.begin(here, LAN, WINDOW).expect("the first failure is over");
        throttle.begin(here, LAN, WINDOW).expect_err("the second is not");
    }

    #[test]
    fn a_client_may_be_wrong_fifty_times_whatever_the_address() {
        let (throttle, here) = (Throttle::default(), client(1));
        for number in 0..CLIENT_FAILURES_MAX {
            throttle.begin(here, &format!("{number}@example.vn"), NO_WAIT).expect("may try");
        }
        let problem = throttle.begin(here, LAN, Duration::from_mins(5)).expect_err("too many");
        assert_eq!(problem.retry_after, Some(10 * 60));
        throttle.begin(client(2), LAN, Duration::from_mins(5)).expect("others may");
        throttle.begin(here, LAN, WINDOW).expect("it is over");
    }

    #[test]
    fn an_address_that_many_clients_guess_at_is_slowed_and_never_locked() {
        let throttle = Throttle::default();
        for number in 0..20 {
            assert_eq!(throttle.begin(client(number), LAN, NO_WAIT).expect("may try"), NO_WAIT);
        }
        for number in 20..5_000 {
            assert_eq!(throttle.begin(client(number), LAN, NO_WAIT).expect("may try"), SLOWED);
        }
        assert_eq!(throttle.begin(client(1), "tu@example.vn", NO_WAIT).expect("may try"), NO_WAIT);
        assert_eq!(throttle.begin(client(6_000), LAN, NO_WAIT).expect("the owner may try"), SLOWED);
        throttle.succeeded(client(6_000), LAN);
        assert_eq!(throttle.begin(client(6_001), LAN, NO_WAIT).expect("may try"), NO_WAIT, "one was right");
        assert_eq!(throttle.begin(client(6_002), LAN, NO_WAIT).expect("may try"), SLOWED);
        assert_eq!(throttle.begin(client(6_003), LAN, WINDOW).expect("may try"), NO_WAIT, "all is over");
    }

    #[test]
    fn an_attempt_that_was_right_forgets_those_before_and_one_withdrawn_never_was() {
        let (throttle, here) = (Throttle::default(), client(1));
        for _ in 0..200 {
            assert_eq!(throttle.begin(here, LAN, NO_WAIT).expect("may try"), NO_WAIT);
            throttle.withdraw(here, LAN);
        }
        for _ in 0..5 {
            throttle.begin(here, LAN, NO_WAIT).expect("may try");
        }
        throttle.succeeded(here, LAN);
        for _ in 0..5 {
            throttle.begin(here, LAN, NO_WAIT).expect("may try again");
        }
        throttle.begin(here, LAN, NO_WAIT).expect_err("too often");
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let throttle = Throttle::default();
        for number in 0..u32::try_from(REMEMBERED_MAX).expect("fits") + 10 {
            let now = Duration::from_millis(u64::from(number));
            throttle.begin(client(number), &format!("{number}@example.vn"), now).expect("may try");
        }
        let state = throttle.0.lock();
        let counts = [state.pairs.0.len(), state.clients.0.len(), state.addresses.0.len()];
        assert_eq!(counts, [REMEMBERED_MAX; 3]);
    }
}
