//! A PostgreSQL server that is stopped and started under load, again and again: nothing acknowledged is lost, and the
//! service is back by itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bocau_engine::{EngineClock, SystemClock};
use bocau_testkit::patience::within;
use bocau_testkit::{Durability, PostgresServer, Receiver, Request, Stop};
use http::Method;
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use crate::api::{Answer, Api, STORE, look_for, look_until};
use crate::nodes::home_on_url;
use crate::server::Server;

/// The service is back within this once the server lets clients in.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Claims that nobody could give back lapse within this.
const ALL_SENT_WITHIN: Duration = Duration::from_secs(90);
const PUBLISHERS: usize = 16;
/// Events that are taken in between two restarts at least.
const EVENTS_BETWEEN: u64 = 500;
/// How long a publisher that was refused waits: not as long as it was told, so that it meets all that can be met.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// What publishers were answered.
#[derive(Default)]
struct Answers {
    accepted: Mutex<HashSet<String>>,
    count: AtomicU64,
    refused: AtomicU64,
    /// What no publisher may be answered.
    bad: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Answers {
    /// Notes an answer; whether the event was taken in.
    fn note(&self, answer: Option<Answer>) -> bool {
        let Some(answer) = answer else {
            self.bad.lock().push("the connection was broken off".into());
            return false;
        };
        let is_problem =
            answer.headers.get("content-type").is_some_and(|value| value == "application/problem+json");
        let says_when = answer.headers.contains_key("retry-after");
        match answer.status {
            202 => {
                self.accepted.lock().insert(answer.body["id"].as_str().expect("an id").to_owned());
                self.count.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            503 if is_problem && says_when => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            status => self.bad.lock().push(format!("{status} {:?} {}", answer.headers, answer.text)),
        }
        false
    }
}

/// Publishes one event after the other until it is over.
async fn publish(api: Api, name: String, answers: Arc<Answers>) {
    let path = format!("/api/v1/stores/{STORE}/events");
    let clock = SystemClock::new();
    let mut number = 0;
    while !answers.is_over.load(Ordering::Relaxed) {
        let object_id = format!("{name}-{number}");
        let event = json!({"type": "order.updated", "object_id": object_id, "payload": {"id": object_id}});
        number += 1;
        if !answers.note(api.send(Method::POST, &path, event.to_string()).await) {
            clock.sleep(REFUSED_PAUSE).await;
        }
    }
}

/// Stops and starts the server; answers how long after it was ready an event was taken in.
async fn restart(
    server: PostgresServer,
    how: Stop,
    node: &Server,
    answers: &Answers,
) -> (PostgresServer, Duration) {
    let clock = SystemClock::new();
    let stopped = tokio::task::spawn_blocking(move || {
        let mut server = server;
        server.stop(how).expect("it stops");
        server
    });
    let mut server = stopped.await.expect("no panic");
    let readiness = look_until(async || {
        let answer = node.api().get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let detail = readiness.body["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.starts_with("Cơ sở dữ liệu: "), "/readyz says why: {}", readiness.text);
    let refused = answers.refused.load(Ordering::Relaxed);
    look_until(async || (answers.refused.load(Ordering::Relaxed) > refused).then_some(())).await;
    let started = tokio::task::spawn_blocking(move || {
        server.start_again().expect("it starts");
        server
    });
    let server = started.await.expect("no panic");
    let (ready_at, before) = (clock.monotonic(), answers.count.load(Ordering::Relaxed));
    let back = async {
        while answers.count.load(Ordering::Relaxed) == before {
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    within(BACK_WITHIN, back, || format!("no event is taken in again; it said:\n{}", node.log())).await;
    let back_after = clock.monotonic().saturating_sub(ready_at);
    look_for(BACK_WITHIN, async || (node.api().get("/readyz").await.status == 200).then_some(())).await;
    look_until(async || (answers.count.load(Ordering::Relaxed) >= before + EVENTS_BETWEEN).then_some(()))
        .await;
    (server, back_after)
}

/// How many deliveries there are of each status.
async fn statuses(url: &str) -> Vec<(String, i64)> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it is up");
    tokio::spawn(connection);
    let sql = "SELECT status, count(*) FROM deliveries GROUP BY 1 ORDER BY 1";
    let rows = client.query(sql, &[]).await.expect("it answers");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn the_database_is_restarted(times: usize) {
    let receiver = Receiver::start().await;
    let made = tokio::task::spawn_blocking(|| PostgresServer::start(Durability::Kept));
    let mut server = made.await.expect("no panic").expect("a server of its own");
    let url = server.url();
    let node = home_on_url(&url).serve().await;
    node.api().set_up(&receiver.https_url("/hook")).await;
    // A key of the database, as publishers have.
    let made =
        node.api().post("/api/v1/keys", &json!({"name": "tải", "scopes": ["publish"]})).await.expect(201);
    let key = made["key"].as_str().expect("a key").to_owned();
    let answers = Arc::new(Answers::default());
    let mut publishers = JoinSet::new();
    for name in 0..PUBLISHERS {
        publishers.spawn(publish(Api::new(node.url(), &key), name.to_string(), answers.clone()));
    }
    look_until(async || (answers.count.load(Ordering::Relaxed) >= EVENTS_BETWEEN).then_some(())).await;
    let mut longest = Duration::ZERO;
    for time in 0..times {
        let how = if time % 2 == 0 { Stop::Immediate } else { Stop::Fast };
        let (again, back_after) = restart(server, how, &node, &answers).await;
        server = again;
        longest = longest.max(back_after);
    }
    answers.is_over.store(true, Ordering::Relaxed);
    publishers.join_all().await;
    assert!(answers.bad.lock().is_empty(), "{:#?}", answers.bad.lock());

    let accepted = answers.accepted.lock().clone();
    let clock = SystemClock::new();
    let over_at = clock.monotonic();
    let arrived = || -> HashSet<String> {
        let id = |request: &Request| request.header("webhook-id").map(str::to_owned);
        receiver.requests().iter().filter_map(id).collect()
    };
    look_for(ALL_SENT_WITHIN, async || accepted.is_subset(&arrived()).then_some(())).await;
    look_for(ALL_SENT_WITHIN, async || {
        let statuses = statuses(&url).await;
        matches!(&statuses[..], [(status, _)] if status == "succeeded").then_some(())
    })
    .await;
    let arrived = arrived();
    println!(
        "{times} restarts: {} events answered 202, {} answered 503, all arrived {:.1} s after the last; back after \
         {:.2} s at most; {} arrived that were not acknowledged, {} repeats",
        accepted.len(),
        answers.refused.load(Ordering::Relaxed),
        clock.monotonic().saturating_sub(over_at).as_secs_f64(),
        longest.as_secs_f64(),
        arrived.len() - accepted.len(),
        receiver.count() - arrived.len(),
    );
    let errors: Vec<String> =
        node.log().lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned).collect();
    assert!(errors.is_empty(), "a database that is away is no error of the program: {errors:#?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_restarts_of_the_database_under_load_lose_nothing() {
    the_database_is_restarted(3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute and more; run it with --run-ignored all"]
async fn twenty_restarts_of_the_database_under_load_lose_nothing() {
    the_database_is_restarted(20).await;
}
