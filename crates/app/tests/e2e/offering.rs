//! Publishers that do not wait: as much as is taken, and more than that.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::SeededRng;
use bocau_testkit::patience::within;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::ledger::{Ledger, below};

/// Between two looks how much is due.
const TICK: Duration = Duration::from_millis(5);
/// How long a publisher waits, as any does: where more connections come than the system keeps for a server, it drops
/// their first packets, and sends them again for two minutes.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);
/// Publishers that wait at once: more would measure the test's own process.
const OUTSTANDING_MAX: usize = 4_000;
/// Every request is answered or given up within this, one way or another: the server gives them a minute.
const ANSWERED_WITHIN: Duration = Duration::from_secs(90);

/// What those who share a journal work with. It is not synced: the machine does not crash, and what is measured is the
/// server.
struct Offering {
    ledger: Arc<Ledger>,
    journal: Mutex<File>,
    api: Api,
    clock: SystemClock,
    name: &'static str,
    paddings: Vec<String>,
    number: AtomicUsize,
}

impl Offering {
    fn begin(ledger: &Arc<Ledger>, api: &Api, name: &'static str, seed: u64) -> Arc<Self> {
        const PADDINGS: usize = 64;
        let dice = SeededRng::new(seed);
        let padding = |_| "x".repeat(usize::try_from(below(&dice, ledger.padding_max)).expect("small"));
        Arc::new(Self {
            ledger: ledger.clone(),
            journal: Mutex::new(ledger.new_journal(name)),
            api: api.clone(),
            clock: SystemClock::new(),
            name,
            paddings: (0..PADDINGS).map(padding).collect(),
            number: AtomicUsize::new(0),
        })
    }

    /// One request; whatever is answered is what it was.
    async fn publish_one(&self) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let key = format!("{}-{number}", self.name);
        let payload: Value = json!({"id": key, "padding": self.paddings[number % self.paddings.len()]});
        let began = self.clock.monotonic();
        let answer = tokio::select! {
            answer = self.api.publish_with_key(crate::api::STORE, &key, &payload) => answer,
            () = self.clock.sleep(GIVEN_UP_AFTER) => None,
        };
        if let Some(event) = self.ledger.note(answer) {
            self.journal.lock().write_all(format!("{event}\n").as_bytes()).expect("written");
            self.ledger.note_latency(self.clock.monotonic().saturating_sub(began));
        }
    }
}

impl Ledger {
    /// Publishes one after the other with so many at once; answers how many were sent in `span`.
    pub(crate) async fn take_what_is_given(
        self: &Arc<Self>,
        api: &Api,
        publishers: usize,
        span: Duration,
        seed: u64,
    ) -> usize {
        let offering = Offering::begin(self, api, "capacity", seed);
        let until = offering.clock.monotonic() + span;
        let mut running = JoinSet::new();
        for _ in 0..publishers {
            let offering = offering.clone();
            running.spawn(async move {
                while offering.clock.monotonic() < until {
                    offering.publish_one().await;
                }
            });
        }
        running.join_all().await;
        offering.number.load(Ordering::Relaxed)
    }

    /// Offers so many events a second, whatever is answered; answers how many it were.
    pub(crate) async fn offer(
        self: &Arc<Self>,
        api: &Api,
        per_second: usize,
        span: Duration,
        seed: u64,
    ) -> usize {
        let offering = Offering::begin(self, api, "offered", seed);
        let clock = SystemClock::new();
        let began = clock.monotonic();
        let (mut running, mut sent) = (JoinSet::new(), 0);
        loop {
            let passed = clock.monotonic().saturating_sub(began);
            if passed >= span {
                break;
            }
            let due = per_second * usize::try_from(passed.as_millis()).expect("small") / 1_000;
            for _ in sent..due {
                if running.len() >= OUTSTANDING_MAX {
                    break;
                }
                let offering = offering.clone();
                running.spawn(async move { offering.publish_one().await });
            }
            sent = sent.max(due);
            while running.try_join_next().is_some() {}
            clock.sleep(TICK).await;
        }
        within(ANSWERED_WITHIN, running.join_all(), || "requests are not answered".to_owned()).await;
        offering.number.load(Ordering::Relaxed)
    }
}
