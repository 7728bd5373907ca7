//! What was looked up of late, by hash, for [`REMEMBER`].

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::REMEMBER;

/// Entries remembered at most.
const REMEMBERED_MAX: usize = 10_000;

/// What was looked up of late. `now` is monotonic time.
pub(super) struct Remembered<T>(Mutex<Known<T>>);

struct Known<T> {
    by_hash: HashMap<[u8; 32], (T, Duration)>,
    /// How often something was forgotten on purpose.
    forgotten: u64,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Mutex::new(Known { by_hash: HashMap::new(), forgotten: 0 }))
    }
}

impl<T: Clone> Remembered<T> {
    /// What is remembered under a hash.
    pub(super) fn get(&self, hash: &[u8; 32], now: Duration) -> Option<T> {
        let known = self.0.lock();
        known.by_hash.get(hash).filter(|(_, seen)| is_fresh(*seen, now)).map(|(value, _)| value.clone())
    }

    /// To be noted before something is looked up, for [`Self::put`].
    pub(super) fn epoch(&self) -> u64 {
        self.0.lock().forgotten
    }

    /// Remembers what was looked up, unless something was forgotten since `epoch`: it may be this.
    pub(super) fn put(&self, hash: [u8; 32], value: T, now: Duration, epoch: u64) {
        let mut known = self.0.lock();
        if known.forgotten != epoch {
            return;
        }
        if known.by_hash.len() >= REMEMBERED_MAX {
            known.by_hash.retain(|_, (_, seen)| is_fresh(*seen, now));
            if known.by_hash.len() >= REMEMBERED_MAX {
                known.by_hash.clear();
            }
        }
        known.by_hash.insert(hash, (value, now));
    }

    /// Forgets those of which `which` is true, so that they are looked up anew.
    pub(super) fn forget(&self, which: impl Fn(&T) -> bool) {
        let mut known = self.0.lock();
        known.forgotten += 1;
        known.by_hash.retain(|_, (value, _)| !which(value));
    }

    /// Forgets the one under this hash.
    pub(super) fn forget_hash(&self, hash: &[u8; 32]) {
        let mut known = self.0.lock();
        known.forgotten += 1;
        known.by_hash.remove(hash);
    }
}

fn is_fresh(seen: Duration, now: Duration) -> bool {
    now.saturating_sub(seen) < REMEMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_up_before_something_was_forgotten_is_not_remembered() {
        let remembered = Remembered::default();
        let epoch = remembered.epoch();
        remembered.forget(|value: &u8| *value == 1);
        remembered.put([1; 32], 1, Duration::ZERO, epoch);
        assert_eq!(remembered.get(&[1; 32], Duration::ZERO), None);
        remembered.put([1; 32], 1, Duration::ZERO, remembered.epoch());
        assert_eq!(remembered.get(&[1; 32], Duration::ZERO), Some(1));
        assert_eq!(remembered.get(&[1; 32], REMEMBER), None, "its time is over");
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let remembered = Remembered::default();
        for number in 0..=REMEMBERED_MAX {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
            remembered.put(hash, number, Duration::ZERO, 0);
        }
        assert!(remembered.0.lock().by_hash.len() <= REMEMBERED_MAX);
    }
}
