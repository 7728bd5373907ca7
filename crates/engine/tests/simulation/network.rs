//! The merchants' servers, and the network before them: each request has a fate that the dice give it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bocau_domain::{Clock as _, Timestamp};
use bocau_engine::EngineClock as _;
use bocau_engine::sender::{Answer, Outgoing, SeenHead, SendError, Transport};
use bocau_testkit::{SeededRng, SimClock};
use parking_lot::Mutex;

use crate::ledger::{Ledger, Said};
use crate::node::NodeClock;

/// How a merchant's server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes everything.
    Well,
    /// Anything may happen.
    Flaky,
    /// It refuses everything.
    Down,
    /// It takes connections and says nothing.
    Hanging,
    /// Its owner has taken it away for good.
    Gone,
}

/// Where all requests go.
pub(crate) struct Network {
    pub(crate) ledger: Arc<Ledger>,
    clock: SimClock,
    dice: SeededRng,
    moods: Mutex<Vec<Mood>>,
}

/// What becomes of one request.
struct Fate {
    way_there: Duration,
    arrivals: u32,
    thinking: Duration,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Status(u16, &'static str),
    /// 429 or 503 with `Retry-After`, in seconds.
    Later(u16, u64),
    NoName,
    NoConnection,
    Reset,
    BrokenOff,
    Silence,
}

impl Network {
    pub(crate) fn new(clock: SimClock, ledger: Arc<Ledger>, seed: u64) -> Self {
        let moods = vec![Mood::Well; ledger.plans().len()];
        Self { ledger, clock, dice: SeededRng::new(seed), moods: Mutex::new(moods) }
    }

    pub(crate) fn set_mood(&self, place: usize, mood: Mood) {
        self.moods.lock()[place] = mood;
        self.ledger.note(format!("receiver {place} is {mood:?}"));
    }

    pub(crate) fn mood(&self, place: usize) -> Mood {
        self.moods.lock()[place]
    }

    /// A node dies: what it had sent may arrive all the same. A runtime drops its tasks in an order of its own, which is
    /// not the same each time; this goes by the order in which they were sent.
    pub(crate) fn died(&self, run: usize) {
        for post in self.ledger.open_posts(run) {
            self.given_up(post);
        }
    }

    fn given_up(&self, post: usize) {
        if self.ledger.given_up(post) && self.roll(2) == 0 {
            self.ledger.arrived(post);
        }
    }

    fn roll(&self, sides: u64) -> u64 {
        self.dice.next_u64() % sides
    }

    fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most))
    }

    fn fate(&self, place: usize) -> Fate {
        let mood = self.moods.lock()[place];
        let quick = |end| Fate { way_there: self.millis(50), arrivals: 1, thinking: self.millis(200), end };
        match mood {
            Mood::Well => quick(End::Status(200, r#"{"status": 200, "message": "OK"}"#)),
            Mood::Down => quick(if self.roll(2) == 0 { End::Status(500, "") } else { End::NoConnection }),
            Mood::Hanging => quick(End::Silence),
            Mood::Gone => quick(End::Status(410, "")),
            Mood::Flaky => {
                let arrivals = if self.roll(8) == 0 { 2 } else { 1 };
                // Now and then later than anybody waits.
                let thinking = if self.roll(4) == 0 { self.millis(30_000) } else { self.millis(2_000) };
                Fate { way_there: self.millis(3_000), arrivals, thinking, end: self.any_end() }
            }
        }
    }

    fn any_end(&self) -> End {
        match self.roll(16) {
            0..=4 => End::Status(200, ""),
            5 => End::Status(200, r#"{"status": 500}"#),
            6 => End::Status(500, ""),
            7 => End::Status(302, ""),
            8 => End::Later(503, self.roll(120)),
            // A day is as long as a receiver may ask for.
            9 => End::Later(429, if self.roll(4) == 0 { 40 * 86_400 } else { self.roll(900) }),
            10 => End::NoName,
            11 => End::NoConnection,
            12 => End::Reset,
            13 => End::BrokenOff,
            14 => End::Silence,
            _ => End::Status(204, ""),
        }
    }
}

/// A node's way to the network.
pub(crate) struct Wire {
    pub(crate) network: Arc<Network>,
    pub(crate) clock: NodeClock,
    pub(crate) run: usize,
}

#[async_trait]
impl Transport for Wire {
    async fn post(&self, outgoing: Outgoing<'_>, head: &SeenHead) -> Result<Answer, SendError> {
        let (network, ledger) = (&*self.network, &*self.network.ledger);
        let host = outgoing.url.strip_prefix("https://receiver-").and_then(|rest| rest.split('.').next());
        let place: usize = host.and_then(|place| place.parse().ok()).expect("a receiver of the simulation");
        let webhook = ledger.plans()[place].id;
        let post = ledger.posted(self.run, self.clock.now(), webhook, outgoing.headers, outgoing.body);
        let _underway = Underway { network, post };
        let fate = network.fate(place);
        network.clock.sleep(fate.way_there).await;
        match fate.end {
            End::NoName => return self.hears(post, Err(SendError::Dns("no such name".into()))),
            End::NoConnection => return self.hears(post, Err(SendError::Connect("refused".into()))),
            _ => {}
        }
        for _ in 0..fate.arrivals {
            ledger.arrived(post);
        }
        network.clock.sleep(fate.thinking).await;
        let answer = |status, headers, body: &str| {
            Ok(Answer { status, headers, body: body.as_bytes().to_vec(), is_whole: true })
        };
        match fate.end {
            End::Status(status, body) => {
                ledger.said_to(post, said(status, body));
                self.hears(post, answer(status, vec![], body))
            }
            End::Later(status, seconds) => {
                ledger.said_to(post, Said::Later(self.asked_for(seconds)));
                let header = ("Retry-After".to_owned(), seconds.to_string());
                self.hears(post, answer(status, vec![header], ""))
            }
            End::Reset => self.hears(post, Err(SendError::Protocol("reset".into()))),
            End::BrokenOff => {
                head.saw(200, &[]);
                self.hears(post, Err(SendError::BrokeOff("reset in the body".into())))
            }
            End::NoName | End::NoConnection | End::Silence => std::future::pending().await,
        }
    }
}

impl Wire {
    fn hears(&self, post: usize, result: Result<Answer, SendError>) -> Result<Answer, SendError> {
        self.network.ledger.heard(post);
        result
    }

    fn asked_for(&self, seconds: u64) -> Timestamp {
        self.clock.now() + Duration::from_secs(seconds)
    }
}

fn said(status: u16, body: &str) -> Said {
    match status {
        410 => Said::Gone,
        200..=299 if !body.contains("500") => Said::Acknowledged,
        _ => Said::Refused,
    }
}

/// A request that its node may stop waiting for. What had left may arrive all the same.
struct Underway<'a> {
    network: &'a Network,
    post: usize,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.network.given_up(self.post);
    }
}
