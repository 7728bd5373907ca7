//! A store moves from one PostgreSQL database to another while its publishers and its receiver go on.

use std::collections::HashSet;
use std::time::Duration;

use bocau_engine::{EngineClock as _, SystemClock};
use bocau_testkit::{Receiver, TestDatabase};
use http::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{Api, STORE, look_for};
use crate::server::{Home, Server};

/// The same on any node: a base64 of 32 bytes.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Deliveries that are there before the first move.
const BEFORE: usize = 3_000;
/// How long a publisher may hear 503 while the store stands still.
const STILL_MAX: Duration = Duration::from_secs(10);
/// A store whose mover died goes on within this by itself: the servers look every ten seconds.
const GOES_ON_MAX: Duration = Duration::from_secs(15);
/// Attempts in flight to the webhook on the two nodes.
const IN_FLIGHT: usize = 20;

struct Installation {
    home: TestDatabase,
    a: TestDatabase,
    b: TestDatabase,
    receiver: Receiver,
}

impl Installation {
    async fn make() -> Self {
        Self {
            home: TestDatabase::make().await,
            a: TestDatabase::make().await,
            b: TestDatabase::make().await,
            receiver: Receiver::start().await,
        }
    }

    fn node(&self) -> Home {
        let shards = format!("a={},b={}", self.a.url_text(), self.b.url_text());
        Home::new()
            .with("BOCAU_DATABASE_URL", &self.home.url_text())
            .with("BOCAU_DATABASE_SHARDS", &shards)
            .with("BOCAU_MASTER_KEY", MASTER_KEY)
    }

    /// Two servers, the store with a webhook on the shard a, and what it has had to do already.
    async fn with_history(&self) -> (Vec<Server>, HashSet<String>) {
        let nodes = vec![self.node().serve().await, self.node().serve().await];
        nodes[0].api().set_up(&self.receiver.https_url("/hook")).await;
        assert_eq!(self.a.run("SELECT id FROM stores"), STORE);
        let mut accepted = HashSet::new();
        for _ in 0..BEFORE / 100 {
            let event = json!({"type": "order.created", "object_id": "1", "payload": {"id": 1}});
            let batch = json!({ "events": vec![event; 100] });
            let path = format!("/api/v1/stores/{STORE}/events/batch");
            let made = nodes[0].api().post(&path, &batch).await.expect(202);
            let events = made["results"].as_array().expect("a list").iter();
            accepted.extend(events.map(|event| event["id"].as_str().expect("an id").to_owned()));
        }
        (nodes, accepted)
    }

    async fn relocate(&self, to: &str) -> String {
        let ended = self.node().run(&["shard", "move", STORE, "--to", to]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(&format!("{STORE} is on {to} now")), "{ended:?}");
        ended.stderr
    }
}

/// What publishers were told.
#[derive(Default)]
struct Story {
    accepted: Vec<String>,
    /// The longest time that one of them was refused without a break.
    refused_for: Duration,
}

/// Publishes on and on until stopped, each event until it is taken.
async fn keep_publishing(api: Api, stop: watch::Receiver<bool>) -> Story {
    let clock = SystemClock::new();
    let (mut story, mut refused_since) = (Story::default(), None);
    while !*stop.borrow() {
        let event = json!({"type": "order.updated", "object_id": "2", "payload": {"id": 2}});
        let path = format!("/api/v1/stores/{STORE}/events");
        let answer = api.send(Method::POST, &path, event.to_string()).await.expect("an answer");
        let now = clock.monotonic();
        match answer.status {
            202 => {
                refused_since = None;
                story.accepted.push(answer.body["id"].as_str().expect("an id").to_owned());
            }
            503 if answer.headers.contains_key("retry-after") => {
                let since = *refused_since.get_or_insert(now);
                story.refused_for = story.refused_for.max(now.saturating_sub(since));
            }
            other => panic!("{other}: {}", answer.text),
        }
        clock.sleep(Duration::from_millis(5)).await;
    }
    story
}

/// Publishers on every node, while `work` runs.
async fn under_load<T>(nodes: &[Server], work: impl Future<Output = T>) -> (T, Vec<String>, Duration) {
    let (stop, stopped) = watch::channel(false);
    let mut publishers = JoinSet::new();
    for node in nodes {
        for _ in 0..3 {
            publishers.spawn(keep_publishing(node.api(), stopped.clone()));
        }
    }
    let done = work.await;
    stop.send(true).expect("they listen");
    let stories = publishers.join_all().await;
    let refused_for = stories.iter().map(|story| story.refused_for).max().unwrap_or_default();
    (done, stories.into_iter().flat_map(|story| story.accepted).collect(), refused_for)
}

/// Waits until all has arrived; answers how often something came again.
async fn all_arrives(installation: &Installation, accepted: &HashSet<String>) -> usize {
    look_for(Duration::from_mins(2), async || {
        let open = "SELECT count(*) FROM deliveries WHERE status <> 'succeeded'";
        // The rows at the old places are as they were when the store left.
        let there = installation.home.run("SELECT shard FROM directory");
        let database = if there == "a" { &installation.a } else { &installation.b };
        (database.run(open) == "0").then_some(())
    })
    .await;
    let arrived: Vec<String> = installation
        .receiver
        .requests()
        .iter()
        .filter_map(|request| request.header("webhook-id").map(str::to_owned))
        .collect();
    let distinct: HashSet<&String> = arrived.iter().collect();
    let lost = accepted.iter().filter(|event| !distinct.contains(event)).count();
    assert_eq!(lost, 0, "of {}", accepted.len());
    arrived.len() - distinct.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_there_and_back_while_it_is_used() {
    let installation = Installation::make().await;
    let (nodes, mut accepted) = installation.with_history().await;
    let moves = async {
        let there = installation.relocate("b").await;
        let back = installation.relocate("a").await;
        installation.relocate("b").await;
        there + &back
    };
    let (told, published, refused_for) = under_load(&nodes, moves).await;
    let count = published.len();
    accepted.extend(published);
    let repeats = all_arrives(&installation, &accepted).await;
    println!(
        "{count} events answered 202 while it moved three times, {repeats} came twice, refused for {} ms at most\n{told}",
        refused_for.as_millis()
    );
    assert!(refused_for < STILL_MAX, "{refused_for:?}");
    assert!(repeats <= IN_FLIGHT, "{repeats}");
    let written = installation.b.run("SELECT count(*) FROM deliveries WHERE store_id = '552'");
    assert_eq!(written.parse::<usize>().expect("a number"), accepted.len());
    let counted = installation.b.run("SELECT sum(succeeded) || ' ' || sum(events) FROM hourly_deliveries");
    assert_eq!(counted, format!("{written} {written}"), "figures go with it");
    let listed = installation.node().run(&["shard", "list"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let lines: Vec<Vec<&str>> = listed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        [lines[1][..2].to_vec(), lines[2][..2].to_vec(), lines[3][..2].to_vec()],
        [["home", "0"], ["a", "0"], ["b", "1"]]
    );
    for node in nodes {
        node.stop().await;
    }
}

/// kill -9 of the mover at one of its steps; the store goes on, and the same command ends the move.
async fn mover_is_killed_at(step: &str) {
    let installation = Installation::make().await;
    let (nodes, mut accepted) = installation.with_history().await;
    let clock = SystemClock::new();
    let moves = async {
        let home = installation.node();
        let mut mover = home.begin(&["shard", "move", STORE, "--to", "b"]);
        mover.logs(step).await;
        mover.kill();
        let killed_at = clock.monotonic();
        // The old place or the new one, whichever: by itself the store is taken care of.
        look_for(GOES_ON_MAX, async || {
            let standing = "SELECT count(*) FROM stores WHERE id = '552' AND standing IS NULL";
            let is_there = installation.a.run(standing) == "1" || installation.b.run(standing) == "1";
            is_there.then_some(())
        })
        .await;
        let went_on_in = clock.monotonic().saturating_sub(killed_at);
        let again = installation.node().run(&["shard", "move", STORE, "--to", "b"]).await;
        assert_eq!(again.code, Some(0), "{again:?}");
        went_on_in
    };
    let (went_on_in, published, _) = under_load(&nodes, moves).await;
    accepted.extend(published);
    let repeats = all_arrives(&installation, &accepted).await;
    println!(
        "killed at {step:?}: went on after {} ms, {} events, {repeats} came twice",
        went_on_in.as_millis(),
        accepted.len()
    );
    assert!(repeats <= IN_FLIGHT, "{repeats}");
    assert_eq!(installation.home.run("SELECT shard FROM directory"), "b");
    let written = installation.b.run("SELECT count(*) FROM deliveries WHERE store_id = '552'");
    assert_eq!(written.parse::<usize>().expect("a number"), accepted.len());
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mover_that_is_killed_while_it_copies_can_go_on() {
    mover_is_killed_at("1000 deliveries copied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_mover_is_killed_while_it_stands_still_goes_on() {
    mover_is_killed_at("nothing is in flight").await;
}
