//! The books of a test under faults: what publishers were answered, what arrived, and what the database says of it.
//!
//! A publisher writes each 202 into its journal and syncs it, and repeats an event with its key until it has one. The
//! receiver writes each arrival into a journal of its own. [`Ledger::balance`] holds the two against each other and
//! against the rows: nothing that was acknowledged is missing, and what came twice came because something broke it off.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bocau_domain::Rng as _;
use bocau_engine::{EngineClock as _, SystemClock, SystemRng};
use bocau_testkit::database::psql;
use bocau_testkit::patience::within;
use bocau_testkit::{Receiver, Reply, SeededRng};
use parking_lot::{Mutex, RwLock};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{Answer, Api, STORE, look_for};

/// Names a seed, where a run is to be repeated.
const SEED: &str = "BOCAU_SEED";
/// How long a publisher that was refused waits: not as long as it was told, so that it meets all that can be met.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);
/// Bytes that pad a payload at most, unless a test wants more.
const PADDING_MAX: u64 = 2_048;

/// The dice of a run: those of `BOCAU_SEED`, or new ones. What they are stands in the output of a test that fails.
pub(crate) fn dice() -> (u64, SeededRng) {
    let seed = std::env::var(SEED).ok().map(|text| text.parse().expect("BOCAU_SEED is a number"));
    let seed = seed.unwrap_or_else(|| {
        let mut bytes = [0; 4];
        SystemRng.fill(&mut bytes);
        u64::from(u32::from_ne_bytes(bytes))
    });
    println!("{SEED}={seed}");
    (seed, SeededRng::new(seed))
}

/// A number below `end`.
pub(crate) fn below(dice: &SeededRng, end: u64) -> u64 {
    dice.next_u64() % end
}

/// Where a ledger finds the rows.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    /// A directory where SQLite cannot open it, in another name space: its files are copied while nobody writes.
    #[cfg(target_os = "linux")]
    Elsewhere(PathBuf),
    Postgres(String),
}

/// The books.
pub(crate) struct Ledger {
    dir: TempDir,
    pub(crate) padding_max: u64,
    nodes: RwLock<Vec<Api>>,
    acknowledged: watch::Sender<usize>,
    refused: AtomicUsize,
    /// Requests whose connection broke off.
    broken: AtomicUsize,
    /// What no publisher may be answered.
    bad: Mutex<Vec<String>>,
    /// How long what was acknowledged took, in microseconds.
    latencies: Mutex<Vec<u64>>,
    is_over: AtomicBool,
    /// The end of an attempt whose lease lapsed may be heard of late: it is told as well.
    pub(crate) hears_late: AtomicBool,
}

/// What the rows say of one event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) status: String,
    /// Whether it has a time at which it goes on.
    pub(crate) is_due: bool,
    /// Attempts that were cut short.
    interrupted: usize,
    /// Attempts whose end is known.
    told: usize,
    /// And of these, those that were acknowledged.
    successes: usize,
}

/// How the books stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Balance {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    pub(crate) broken: usize,
    /// Requests that arrived.
    pub(crate) arrivals: usize,
    /// Events that came more often than their history explains, but for attempts that were cut short.
    pub(crate) repeats: usize,
    /// Attempts that were cut short.
    pub(crate) interrupted: usize,
    pub(crate) waiting: usize,
    /// Events that nobody was told of being taken in.
    pub(crate) untold: usize,
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged, {} refused, {} connections broken off; {} arrived, {} of them again as {} attempts were \
             cut short; {} wait, {} are there that nobody was told of",
            self.acknowledged,
            self.refused,
            self.broken,
            self.arrivals,
            self.repeats,
            self.interrupted,
            self.waiting,
            self.untold
        )
    }
}

impl Ledger {
    pub(crate) fn open() -> Arc<Self> {
        Self::open_with_payloads(PADDING_MAX)
    }

    /// With payloads of up to so many bytes.
    pub(crate) fn open_with_payloads(padding_max: u64) -> Arc<Self> {
        Arc::new(Self {
            dir: tempfile::tempdir().expect("a directory"),
            padding_max,
            nodes: RwLock::default(),
            acknowledged: watch::Sender::new(0),
            refused: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            bad: Mutex::default(),
            latencies: Mutex::default(),
            is_over: AtomicBool::new(false),
            hears_late: AtomicBool::new(false),
        })
    }

    /// A receiver that keeps its journal here, and fails in every way now and then.
    pub(crate) async fn receiver(&self, dice: &SeededRng, failures: usize) -> Receiver {
        let receiver = Receiver::start().await;
        self.keep_arrivals_of(&receiver);
        for _ in 0..failures {
            let reply = match below(dice, 12) {
                0 => Reply::status(500),
                1 => Reply::ResetBeforeAnswer,
                2 => Reply::ResetMidBody,
                3 => Reply::LyingLength { announced: 100, body: b"{".to_vec() },
                _ => Reply::acknowledged(),
            };
            receiver.reply("/hook", reply);
        }
        receiver
    }

    /// Keeps the journal of this receiver.
    pub(crate) fn keep_arrivals_of(&self, receiver: &Receiver) {
        receiver.journal_to(&self.arrivals());
    }

    fn arrivals(&self) -> PathBuf {
        self.dir.path().join("arrivals")
    }

    /// Where publishers go from now on.
    pub(crate) fn publish_to(&self, nodes: Vec<Api>) {
        *self.nodes.write() = nodes;
    }

    /// Lets these many publish from now on, with payloads by these dice.
    pub(crate) fn publishers(self: &Arc<Self>, count: usize, seed: u64) -> JoinSet<()> {
        let mut publishers = JoinSet::new();
        for number in 0..count {
            publishers.spawn(self.clone().publish(number, seed));
        }
        publishers
    }

    async fn publish(self: Arc<Self>, publisher: usize, seed: u64) {
        let dice = SeededRng::new(seed ^ publisher as u64);
        let mut journal = self.new_journal(&publisher.to_string());
        let clock = SystemClock::new();
        for number in publisher.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{publisher}-{number}");
            let padding = "x".repeat(usize::try_from(below(&dice, self.padding_max)).expect("small"));
            let payload = json!({"id": key, "padding": padding});
            let mut turn = number;
            loop {
                let Some(api) = self.node(turn) else {
                    clock.sleep(REFUSED_PAUSE).await;
                    continue;
                };
                let began = clock.monotonic();
                let answer = api.publish_with_key(STORE, &key, &payload).await;
                if let Some(event) = self.note(answer) {
                    // A 202 that is not in the books would be one that nobody misses.
                    tokio::task::block_in_place(|| {
                        journal.write_all(format!("{event}\n").as_bytes()).expect("written");
                        journal.sync_data().expect("synced");
                    });
                    self.note_latency(clock.monotonic().saturating_sub(began));
                    self.acknowledged.send_modify(|count| *count += 1);
                    break;
                }
                turn += 1;
                clock.sleep(REFUSED_PAUSE).await;
            }
        }
    }

    fn node(&self, turn: usize) -> Option<Api> {
        let nodes = self.nodes.read();
        nodes.get(turn % nodes.len().max(1)).cloned()
    }

    /// The journal of a publisher of this name.
    pub(crate) fn new_journal(&self, name: &str) -> File {
        File::create_new(self.dir.path().join(format!("publisher-{name}"))).expect("a new file")
    }

    pub(crate) fn note_latency(&self, took: Duration) {
        self.latencies.lock().push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Notes an answer; the event where it was acknowledged.
    pub(crate) fn note(&self, answer: Option<Answer>) -> Option<String> {
        let Some(answer) = answer else {
            self.broken.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let is_problem =
            answer.headers.get("content-type").is_some_and(|value| value == "application/problem+json");
        let says_when = answer.headers.contains_key("retry-after");
        match answer.status {
            202 => return Some(answer.body["id"].as_str().expect("an id").to_owned()),
            429 | 503 if is_problem && says_when => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            status => self.bad.lock().push(format!("{status} {:?} {}", answer.headers, answer.text)),
        }
        None
    }

    /// How many were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        *self.acknowledged.borrow()
    }

    /// How many were refused so far.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many more were acknowledged.
    pub(crate) async fn wait_for(&self, more: usize, span: Duration) {
        let mut acknowledged = self.acknowledged.subscribe();
        let wanted = *acknowledged.borrow() + more;
        let enough = acknowledged.wait_for(|count| *count >= wanted);
        let story =
            || format!("too few are acknowledged; refused {}, bad {:?}", self.refused(), self.bad.lock());
        drop(within(span, enough, story).await);
    }

    /// Waits until more were refused than these.
    pub(crate) async fn wait_for_refusal(&self, refused: usize, span: Duration) {
        look_for(span, async || (self.refused() > refused).then_some(())).await;
    }

    /// Lets each publisher end with what it has begun.
    pub(crate) async fn end(&self, publishers: JoinSet<()>, span: Duration) {
        self.is_over.store(true, Ordering::Relaxed);
        within(span, publishers.join_all(), || format!("publishers do not end: {:?}", self.bad.lock())).await;
        self.check_answers();
    }

    /// Nobody was told what no publisher may be told.
    pub(crate) fn check_answers(&self) {
        assert!(self.bad.lock().is_empty(), "{:#?}", self.bad.lock());
    }

    /// How long what was acknowledged took, of a hundred.
    pub(crate) fn latency(&self, percent: usize) -> Duration {
        let mut latencies = self.latencies.lock().clone();
        latencies.sort_unstable();
        let place = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        Duration::from_micros(latencies.get(place).copied().unwrap_or_default())
    }

    /// The events of the publishers' journals.
    pub(crate) fn events(&self) -> HashSet<String> {
        let mut events = HashSet::new();
        for entry in std::fs::read_dir(self.dir.path()).expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path == self.arrivals() {
                continue;
            }
            for event in std::fs::read_to_string(path).expect("read").lines() {
                assert!(events.insert(event.to_owned()), "the event {event} was given twice");
            }
        }
        events
    }

    /// How often each event arrived.
    pub(crate) fn arrived(&self) -> HashMap<String, usize> {
        let mut arrived = HashMap::new();
        for event in std::fs::read_to_string(self.arrivals()).expect("read").lines() {
            *arrived.entry(event.to_owned()).or_default() += 1;
        }
        arrived
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn drained(&self, database: &Database, span: Duration) {
        let is_drained = async || {
            let rows = rows(database);
            rows.values().all(|row| row.status == "succeeded").then_some(())
        };
        look_for(span, is_drained).await;
    }

    /// Holds the books against the rows, and panics with what does not fit.
    pub(crate) fn balance(&self, database: &Database) -> Balance {
        // In this order: what goes on meanwhile has arrived by then, and is expected to arrive by the rows.
        let (events, rows, arrived) = (self.events(), rows(database), self.arrived());
        let mut balance = Balance {
            acknowledged: events.len(),
            refused: self.refused(),
            broken: self.broken.load(Ordering::Relaxed),
            arrivals: arrived.values().sum(),
            repeats: 0,
            interrupted: 0,
            waiting: 0,
            untold: rows.keys().filter(|event| !events.contains(*event)).count(),
        };
        let mut wrong = Vec::new();
        for event in &events {
            let Some(row) = rows.get(event) else {
                wrong.push(format!("{event} was acknowledged and is not in the database"));
                continue;
            };
            let waits = matches!(row.status.as_str(), "pending" | "retrying");
            balance.waiting += usize::from(waits);
            if waits && !row.is_due {
                wrong.push(format!("{event} waits for ever: {row:?}"));
            }
            if !waits && (row.status != "succeeded" || !arrived.contains_key(event)) {
                wrong.push(format!("{event} neither waits nor has arrived: {row:?}"));
            }
        }
        for (event, row) in &rows {
            let arrivals = arrived.get(event).copied().unwrap_or(0);
            balance.interrupted += row.interrupted;
            balance.repeats += arrivals.saturating_sub(row.told);
            // An attempt that runs has no row yet.
            let running = usize::from(row.is_due);
            let late = if self.hears_late.load(Ordering::Relaxed) { row.interrupted } else { 0 };
            let is_repeated = row.successes > 1 + late;
            if arrivals > row.told + row.interrupted + running || is_repeated {
                wrong.push(format!("{event} arrived {arrivals} times, and nothing explains it: {row:?}"));
            }
        }
        for event in arrived.keys().filter(|event| !rows.contains_key(*event)) {
            wrong.push(format!("{event} arrived and is not in the database"));
        }
        wrong.truncate(20);
        assert!(wrong.is_empty(), "the books do not balance: {balance:?}\n{wrong:#?}");
        balance
    }
}

/// What the rows say, by event.
pub(crate) fn rows(database: &Database) -> HashMap<String, Row> {
    const REST: &str = "d.status, CASE WHEN d.due_at IS NULL THEN 0 ELSE 1 END, coalesce(a.interrupted, 0), \
        coalesce(a.told, 0), coalesce(a.successes, 0) FROM deliveries d LEFT JOIN (SELECT delivery_id, \
        sum(CASE WHEN outcome = 'interrupted' THEN 1 ELSE 0 END) AS interrupted, \
        sum(CASE WHEN outcome = 'interrupted' THEN 0 ELSE 1 END) AS told, \
        sum(CASE WHEN outcome = 'success' THEN 1 ELSE 0 END) AS successes \
        FROM attempts GROUP BY delivery_id) a ON a.delivery_id = d.id";
    match database {
        Database::Sqlite(path) => {
            let side =
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("it opens");
            // What a kill left is for the server to put in order.
            side.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("set");
            side.busy_timeout(Duration::from_secs(5)).expect("set");
            let mut rows = side.prepare(&format!("SELECT lower(hex(d.event_id)), {REST}")).expect("prepared");
            let row = |row: &rusqlite::Row<'_>| {
                let text = (0..6).map(|place| row.get_ref(place).map(text_of));
                text.collect::<rusqlite::Result<Vec<String>>>()
            };
            let rows = rows.query_map([], row).expect("asked").map(|row| row.expect("read"));
            rows.map(|row| read(&row)).collect()
        }
        #[cfg(target_os = "linux")]
        Database::Elsewhere(dir) => {
            let copy = tempfile::tempdir().expect("a directory");
            for name in ["bocau.db", "bocau.db-wal"] {
                std::fs::copy(dir.join(name), copy.path().join(name)).expect("copied");
            }
            rows(&Database::Sqlite(copy.path().join("bocau.db")))
        }
        Database::Postgres(url) => {
            let said = psql(url, &format!("SELECT replace(d.event_id::text, '-', ''), {REST}"));
            said.lines().map(|line| read(&line.split('|').map(str::to_owned).collect::<Vec<_>>())).collect()
        }
    }
}

fn text_of(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
        other => other.as_str().expect("text").to_owned(),
    }
}

fn read(fields: &[String]) -> (String, Row) {
    let number = |place: usize| fields[place].parse().expect("a number");
    let row = Row {
        status: fields[1].clone(),
        is_due: number(2) == 1,
        interrupted: number(3),
        told: number(4),
        successes: number(5),
    };
    (event_id(&fields[0]), row)
}

/// As the API writes it.
fn event_id(hex: &str) -> String {
    let number = u128::from_str_radix(hex, 16).expect("an id in hex");
    bocau_domain::EventId::from_bytes(number.to_be_bytes()).to_string()
}
