//! When attempts are made, how long they may take, and who may ask for one more.

use std::time::Duration;

use bocau_domain::{Outcome, PolicyOverrides, Status, Trigger};
use bocau_engine::EngineClock as _;
use bocau_engine::scheduler::POLL;
use bocau_testkit::clock::START;
use bocau_testkit::{EngineHarness, Gate, Reply, SimClock};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_mins(5);

#[tokio::test]
async fn a_failed_attempt_is_retried_after_the_interval_and_not_before() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    let row = harness.settled_as(id, Status::Retrying).await;
    assert_eq!(row.state.next_attempt_at, Some(START + INTERVAL));

    harness.advance(INTERVAL.saturating_sub(MILLI)).await;
    harness.scheduler_has_looked().await;
    let row = harness.delivery(id).await;
    assert_eq!((row.state.claim, row.state.claimed_until), (1, None), "nobody has taken it up");

    harness.advance(MILLI).await;
    harness.settled_as(id, Status::Succeeded).await;
    let arrivals: Vec<_> = harness.receiver.requests().iter().filter_map(|request| request.at).collect();
    assert_eq!(arrivals, [START, START + INTERVAL]);
}

#[tokio::test]
async fn after_three_attempts_a_delivery_fails_with_its_whole_history() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let gate = Gate::new();
    for (status, body) in [(500, "first"), (502, "second"), (503, "third")] {
        harness.receiver.reply("/in", Reply::json(status, body).behind(&gate));
    }
    let id = harness.send("1").await;
    for number in 1..=3 {
        harness.receiver.wait_for(number).await;
        harness.advance(1_234 * MILLI).await;
        gate.let_through(1);
        harness.attempted(id, number).await;
        harness.advance(INTERVAL).await;
    }
    let (row, history) = harness.attempted(id, 3).await;
    assert_eq!((row.state.status, row.state.next_attempt_at), (Status::Failed, None));
    assert_eq!((row.state.attempts, row.state.responses, row.state.last_status_code), (3, 3, Some(503)));
    let shown: Vec<_> = history
        .iter()
        .map(|attempt| {
            (attempt.number, attempt.trigger, attempt.status_code, attempt.response_body.as_slice())
        })
        .collect();
    assert_eq!(
        shown,
        [
            (1, Trigger::Auto, Some(500), b"first".as_slice()),
            (2, Trigger::Auto, Some(502), b"second".as_slice()),
            (3, Trigger::Auto, Some(503), b"third".as_slice()),
        ]
    );
    assert!(history.iter().all(|attempt| attempt.duration == 1_234 * MILLI));
    let starts: Vec<_> = history.iter().map(|attempt| attempt.started_at.since(START)).collect();
    let step = INTERVAL + 1_234 * MILLI;
    assert_eq!(starts, [Duration::ZERO, step, 2 * step]);

    harness.advance(24 * 3600 * SECOND).await;
    harness.scheduler_has_looked().await;
    assert_eq!(harness.delivery(id).await.state.claim, 3, "it is left alone");
}

#[tokio::test]
async fn every_attempt_carries_the_events_id_and_its_own_number_and_time() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.advance(INTERVAL).await;
    let requests = harness.receiver.wait_for(2).await;
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_ne!(requests[0].header("webhook-timestamp"), requests[1].header("webhook-timestamp"));
    let numbers: Vec<_> = requests.iter().map(|request| request.header("bocau-attempt")).collect();
    assert_eq!(numbers, [Some("1"), Some("2")]);
}

#[tokio::test]
async fn a_webhook_may_have_a_policy_of_its_own() {
    let harness = EngineHarness::start().await;
    let url = harness.receiver.https_url("/in");
    let schedule = Some(vec![2 * SECOND, 60 * SECOND]);
    harness
        .webhook_with(&url, |webhook| {
            webhook.policy = PolicyOverrides { schedule, ..PolicyOverrides::default() }
        })
        .await;
    harness.receiver.always("/in", Reply::status(500));
    let id = harness.send("1").await;
    for (number, wait) in [(1, 2 * SECOND), (2, 60 * SECOND)] {
        harness.attempted(id, number).await;
        harness.advance(wait).await;
    }
    harness.settled_as(id, Status::Failed).await;
    let arrivals: Vec<_> = harness.receiver.requests().iter().filter_map(|request| request.at).collect();
    assert_eq!(arrivals, [START, START + 2 * SECOND, START + 62 * SECOND]);
}

#[tokio::test]
async fn a_resend_after_the_repair_succeeds_and_is_a_row_of_the_history() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for _ in 0..3 {
        harness.receiver.reply("/in", Reply::status(500));
    }
    let id = harness.send("1").await;
    for number in 1..=3 {
        harness.attempted(id, number).await;
        harness.advance(INTERVAL).await;
    }
    harness.settled_as(id, Status::Failed).await;
    harness.resend(id).await;
    let row = harness.settled_as(id, Status::Succeeded).await;
    assert_eq!(row.state.attempts, 4);
    let triggers: Vec<_> = harness.attempts(id).await.iter().map(|attempt| attempt.trigger).collect();
    assert_eq!(triggers, [Trigger::Auto, Trigger::Auto, Trigger::Auto, Trigger::Manual]);
}

#[tokio::test]
async fn a_resend_that_fails_takes_nothing_from_the_automatic_attempts() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.always("/in", Reply::status(500));
    let id = harness.send("1").await;
    harness.settled_as(id, Status::Retrying).await;
    harness.advance(100 * SECOND).await;
    harness.resend(id).await;
    let (row, _) = harness.attempted(id, 2).await;
    assert_eq!((row.state.status, row.state.auto_attempts), (Status::Retrying, 1));
    assert_eq!(row.state.next_attempt_at, Some(START + INTERVAL), "the plan stands");
    harness.advance(200 * SECOND).await;
    let (row, history) = harness.attempted(id, 3).await;
    assert_eq!(row.state.auto_attempts, 2);
    assert_eq!(history[2].trigger, Trigger::Auto);
}

#[tokio::test]
async fn a_resend_waits_for_the_attempt_in_flight() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::acknowledged().behind(&gate));
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.advance(MILLI).await;
    harness.resend(id).await;
    harness.scheduler_has_looked().await;
    assert_eq!(harness.receiver.count(), 1);
    gate.open();
    let (row, history) = harness.attempted(id, 2).await;
    assert_eq!(row.state.status, Status::Succeeded);
    assert_eq!(history[1].trigger, Trigger::Manual);
}

#[tokio::test]
async fn retry_after_moves_the_next_attempt_but_never_before_the_interval_nor_beyond_a_day() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for (status, value, wait) in [
        (503, "3600", 3_600 * SECOND),
        (429, "3600", 3_600 * SECOND),
        (503, "10", INTERVAL),
        (503, "999999999999", 24 * 3_600 * SECOND),
        (429, "soon", INTERVAL),
        (500, "3600", INTERVAL),
        (503, "Tue, 24 Nov 2026 03:00:00 GMT", 3_600 * SECOND),
    ] {
        harness.receiver.reply("/in", Reply::status(status).with_header("retry-after", value));
        let id = harness.send("1").await;
        let row = harness.settled_as(id, Status::Retrying).await;
        assert_eq!(row.state.next_attempt_at, Some(START + wait), "{status} {value}");
    }
}

#[tokio::test]
async fn an_attempt_without_an_answer_ends_at_its_deadline() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::Hang);
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.advance(Duration::from_millis(9_999)).await;
    harness.scheduler_has_looked().await;
    assert!(harness.delivery(id).await.state.claimed_until.is_some(), "it still waits");
    harness.advance(MILLI).await;
    let (row, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Timeout, 10 * SECOND));
    assert_eq!((row.state.status, row.state.attempts, row.state.responses), (Status::Retrying, 1, 0));
    assert_eq!(row.state.next_attempt_at, Some(START + 10 * SECOND + INTERVAL), "waits count from the end");
}

#[tokio::test]
async fn the_deadline_includes_the_body() {
    let harness = EngineHarness::start().await;
    let url = harness.receiver.https_url("/in");
    let timeout = Some(7 * SECOND);
    harness
        .webhook_with(&url, |webhook| {
            webhook.policy = PolicyOverrides { timeout, ..PolicyOverrides::default() }
        })
        .await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::SlowBody { length: 1_000, gate: gate.clone() });
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    for _ in 0..6 {
        gate.let_through(100);
        harness.advance(SECOND).await;
    }
    assert!(harness.delivery(id).await.state.claimed_until.is_some());
    harness.advance(SECOND).await;
    let (row, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Timeout, 7 * SECOND));
    assert_eq!(row.state.status, Status::Retrying);
}

#[tokio::test]
async fn a_slow_body_that_ends_in_time_is_an_answer() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let gate = Gate::new();
    harness.receiver.reply("/in", Reply::SlowBody { length: 50, gate: gate.clone() });
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.advance(9 * SECOND).await;
    gate.let_through(50);
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Success, 9 * SECOND));
    assert_eq!(history[0].response_body.len(), 50);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_neither_repeats_what_is_in_flight_nor_holds_up_what_is_due() {
    for jump in [SimClock::jump_wall_forward, SimClock::jump_wall_back] {
        let harness = EngineHarness::start().await;
        harness.webhook("/in").await;
        let gate = Gate::new();
        harness.receiver.reply("/in", Reply::status(500).behind(&gate));
        let id = harness.send("1").await;
        harness.receiver.wait_for(1).await;
        jump(&harness.clock, 30 * 24 * 3_600 * SECOND);
        harness.advance(POLL).await;
        harness.scheduler_has_looked().await;
        assert_eq!(harness.receiver.count(), 1, "nobody else took it over");
        gate.open();
        harness.attempted(id, 1).await;
        harness.advance(300 * SECOND).await;
        let (row, history) = harness.attempted(id, 2).await;
        assert_eq!(row.state.status, Status::Succeeded);
        assert_eq!(history[1].started_at, history[0].started_at + POLL + 300 * SECOND);
        let stamps: Vec<i64> = (harness.receiver.requests().iter())
            .map(|request| request.header("webhook-timestamp").expect("a header").parse().expect("seconds"))
            .collect();
        assert_eq!(stamps[1], harness.clock.wall().as_seconds(), "receivers see the wall clock");
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_does_not_stretch_an_attempt() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    harness.receiver.reply("/in", Reply::Hang);
    let id = harness.send("1").await;
    harness.receiver.wait_for(1).await;
    harness.clock.jump_wall_back(3_600 * SECOND);
    harness.advance(10 * SECOND).await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Timeout, 10 * SECOND));
}
