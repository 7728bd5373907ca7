//! Receivers that misbehave: every attempt ends with an outcome, in time and with bounded sizes.

use std::time::Duration;

use bocau_domain::{Attempt, Outcome, Status};
use bocau_engine::sender::{BODY_KEPT_MAX, HEADERS_KEPT_MAX};
use bocau_testkit::{CanaryListener, Certificate, EngineHarness, Gate, HarnessOptions, Reply, SeededRng};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

const TIMEOUT: Duration = Duration::from_secs(10);
const KIB: usize = 1024;

fn assert_bounded(attempt: &Attempt, what: &str) {
    let head: usize = attempt.response_headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(attempt.response_body.len() <= BODY_KEPT_MAX, "{what}");
    assert!(head <= HEADERS_KEPT_MAX, "{what}");
    assert!(attempt.error.as_ref().is_none_or(|error| error.len() < KIB), "{what}");
}

/// How the attempt ends that is answered like this, without time going on.
async fn answered_with(harness: &EngineHarness, reply: Reply) -> Attempt {
    let what = format!("{:.200}", format!("{reply:?}"));
    harness.receiver.reply("/in", reply);
    let id = harness.send("1").await;
    let (row, mut history) = harness.attempted(id, 1).await;
    let attempt = history.remove(0);
    assert_bounded(&attempt, &what);
    assert_eq!(row.state.status == Status::Succeeded, attempt.outcome == Outcome::Success, "{what}");
    attempt
}

/// How the attempt ends once its deadline has come.
async fn unanswered_by(harness: &EngineHarness, reply: Reply) -> Attempt {
    let before = harness.receiver.count();
    harness.receiver.reply("/in", reply);
    let id = harness.send("1").await;
    harness.receiver.wait_for(before + 1).await;
    harness.advance(TIMEOUT).await;
    let (_, mut history) = harness.attempted(id, 1).await;
    history.remove(0)
}

fn raw(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_no_whole_answer_is_a_protocol_error() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let many_bytes = LYING.to_vec();
    for (reply, status_code) in [
        (Reply::ResetBeforeAnswer, None),
        (Reply::ResetMidBody, Some(200)),
        (Reply::LyingLength { announced: 1_000, body: many_bytes }, Some(200)),
        (Reply::LyingLength { announced: usize::MAX >> 2, body: Vec::new() }, Some(200)),
        (Reply::HugeHead(70 * KIB), None),
        (Reply::HugeHead(400 * KIB), None),
        (Reply::ManyHeaders(150), None),
        (Reply::BadStatusLine, None),
        (raw(""), None),
        (raw("\0\0\0\0\r\n\r\n"), None),
        (raw("HTTP/1.1 200"), None),
        (raw("HTTP/1.1 20x OK\r\n\r\n"), None),
        (raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), None),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"), None),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), None),
        (raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), Some(200)),
        (raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"), Some(200)),
    ] {
        let what = format!("{:.200}", format!("{reply:?}"));
        let attempt = answered_with(&harness, reply).await;
        assert_eq!(attempt.outcome, Outcome::ProtocolError, "{what}: {:?}", attempt.error);
        assert_eq!(attempt.status_code, status_code, "{what}");
        assert!(attempt.error.is_some_and(|error| !error.is_empty()), "{what}");
    }
}

const LYING: &[u8] = br#"{"status": 200}"#;

#[tokio::test]
async fn a_large_answer_is_judged_by_its_status_and_kept_in_part() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for (reply, kept) in [
        (Reply::HugeBody(1024 * KIB), BODY_KEPT_MAX),
        (Reply::HugeBody(64 * KIB), BODY_KEPT_MAX),
        (Reply::EndlessChunks, BODY_KEPT_MAX),
        (Reply::LyingLength { announced: usize::MAX >> 2, body: vec![b'x'; 128 * KIB] }, BODY_KEPT_MAX),
    ] {
        let what = format!("{:.200}", format!("{reply:?}"));
        let attempt = answered_with(&harness, reply).await;
        assert_eq!((attempt.outcome, attempt.status_code), (Outcome::Success, Some(200)), "{what}");
        assert_eq!((attempt.response_body.len(), attempt.response_truncated), (kept, true), "{what}");
    }
}

#[tokio::test]
async fn a_large_head_within_the_limit_is_kept_in_part() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for reply in [Reply::HugeHead(40 * KIB), Reply::ManyHeaders(90)] {
        let attempt = answered_with(&harness, reply).await;
        assert_eq!(attempt.outcome, Outcome::Success, "{:?}", attempt.error);
    }
}

#[tokio::test]
async fn odd_bytes_of_an_answer_are_kept_as_they_came() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let body = b"\xff\xfe\0\x80 not UTF-8".to_vec();
    let attempt =
        answered_with(&harness, Reply::Answer { status: 200, headers: vec![], body: body.clone() }).await;
    assert_eq!((attempt.outcome, attempt.response_body), (Outcome::Success, body));
}

#[tokio::test]
async fn what_never_ends_ends_at_the_deadline() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for reply in [Reply::Hang, Reply::EndlessContinue, Reply::SlowBody { length: 10, gate: Gate::new() }] {
        let what = format!("{reply:?}");
        let attempt = unanswered_by(&harness, reply).await;
        assert_eq!((attempt.outcome, attempt.duration), (Outcome::Timeout, TIMEOUT), "{what}");
        assert_bounded(&attempt, &what);
    }
}

#[tokio::test]
async fn redirects_are_failures_and_not_followed() {
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    let canary = CanaryListener::start();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("https://{}/", canary.address());
        let attempt = answered_with(&harness, Reply::redirect(status, &location)).await;
        assert_eq!((attempt.outcome, attempt.status_code), (Outcome::HttpError, Some(status)));
    }
    harness.receiver.reply("/in", Reply::redirect(307, "/elsewhere"));
    harness.send("1").await;
    harness.receiver.wait_for(6).await;
    assert!(harness.receiver.requests_to("/elsewhere").is_empty());
    canary.assert_untouched();
}

#[tokio::test]
async fn a_wrong_certificate_is_a_tls_error_and_nothing_is_sent() {
    for certificate in
        [Certificate::Expired, Certificate::SelfSigned, Certificate::UnknownCa, Certificate::WrongName]
    {
        let harness = EngineHarness::with(HarnessOptions { certificate, ..HarnessOptions::default() }).await;
        harness.webhook("/in").await;
        let id = harness.send("1").await;
        let (row, history) = harness.attempted(id, 1).await;
        assert_eq!(history[0].outcome, Outcome::TlsError, "{certificate:?}: {:?}", history[0].error);
        assert_eq!((row.state.status, row.state.attempts, row.state.responses), (Status::Retrying, 1, 0));
        assert_eq!(harness.receiver.count(), 0, "{certificate:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_error() {
    let harness = EngineHarness::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    });
    harness.webhook_at(&format!("https://{address}/")).await;
    let id = harness.send("1").await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!(history[0].outcome, Outcome::TlsError, "{:?}", history[0].error);
    answering.await.expect("no panic");
}

/// A server that answers every offer with TLS 1.1 (RFC 4346) and a cipher that was in it.
#[tokio::test]
async fn a_server_that_speaks_no_newer_tls_than_1_1_is_a_tls_error_and_gets_no_request() {
    let harness = EngineHarness::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut hello = [0; 4096];
        assert!(stream.read(&mut hello).await.expect("a hello") > 0);
        // A handshake record with a ServerHello of 38 bytes: version, random, no session, cipher, no compression.
        let head = [0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        let cipher = [0, 0xc0, 0x13, 0];
        stream.write_all(&[&head[..], &[7; 32], &cipher].concat()).await.expect("written");
        let mut rest = Vec::new();
        // Whether it ends or breaks off, an alert is all that comes.
        let _ = stream.read_to_end(&mut rest).await;
        rest
    });
    harness.webhook_at(&format!("https://{address}/")).await;
    let id = harness.send("1").await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!(history[0].outcome, Outcome::TlsError, "{:?}", history[0].error);
    let rest = answering.await.expect("no panic");
    assert!(rest.len() <= 7 && rest.first().is_none_or(|kind| *kind == 0x15), "an alert: {rest:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_ends_at_the_deadline() {
    let harness = EngineHarness::start().await;
    // The system takes connections in, and nobody ever answers on them.
    let silent = CanaryListener::start();
    harness.webhook_at(&format!("https://{}/", silent.address())).await;
    let id = harness.send("1").await;
    harness.clock.someone_lies_down_for(TIMEOUT).await;
    harness.advance(TIMEOUT).await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!((history[0].outcome, history[0].duration), (Outcome::Timeout, TIMEOUT));
}

#[tokio::test]
async fn a_refused_connection_is_a_connect_error() {
    let harness = EngineHarness::start().await;
    // Bound and not listening: the port is taken, and connections to it are refused.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    harness.webhook_at(&format!("https://{address}/")).await;
    let id = harness.send("1").await;
    let (_, history) = harness.attempted(id, 1).await;
    assert_eq!(
        (history[0].outcome, history[0].status_code),
        (Outcome::ConnectError, None),
        "{:?}",
        history[0].error
    );
}

/// What a server could answer, as bytes to be mangled.
const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\": 200}",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.0 204 No Content\r\nset-cookie: a=b\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nconnection: close\r\n\r\nno",
];
/// What is put into them.
const ODD: &[&[u8]] =
    &[b"\r\n", b"\n", b"\0", b"\xff", b":", b" ", b"-1", b"99999999999999999999", b"chunked", b"\r\n\r\n"];

/// Answers with bytes left out, doubled, changed, put in and cut off.
fn mangled(dice: &SeededRng) -> Vec<u8> {
    let below = |limit: usize| usize::try_from(dice.next_u64() % limit as u64).expect("it is below");
    let mut bytes = ANSWERS[below(ANSWERS.len())].as_bytes().to_vec();
    for _ in 0..=below(4) {
        let place = below(bytes.len().max(1)).min(bytes.len());
        match below(4) {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => bytes[place] = u8::try_from(below(256)).expect("a byte"),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            _ => drop(bytes.splice(place..place, ODD[below(ODD.len())].iter().copied()).collect::<Vec<_>>()),
        }
    }
    bytes
}

#[tokio::test]
async fn whatever_bytes_a_server_answers_the_attempt_ends_with_an_outcome() {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse::<u32>().ok());
    let dice = SeededRng::new(552);
    let harness = EngineHarness::start().await;
    harness.webhook("/in").await;
    for _ in 0..asked.unwrap_or(400) {
        let bytes = mangled(&dice);
        let what = String::from_utf8_lossy(&bytes).into_owned();
        let attempt = answered_with(&harness, Reply::Bytes(bytes)).await;
        let expected = [Outcome::Success, Outcome::HttpError, Outcome::Rejected, Outcome::ProtocolError];
        assert!(expected.contains(&attempt.outcome), "{:?}: {what:?}", attempt.outcome);
    }
}

/// Kilobytes that the process held at most since [`forget_peak`].
#[cfg(target_os = "linux")]
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says it");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Sets the peak to what the process holds now (proc(5), `clear_refs`).
#[cfg(target_os = "linux")]
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hundred_answers_of_a_gigabyte_at_once_take_less_than_64_mib() {
    const ANSWERS: usize = 100;
    for http2 in [false, true] {
        let harness = EngineHarness::with(HarnessOptions { http2, ..HarnessOptions::default() }).await;
        let gate = Gate::new();
        for number in 0..ANSWERS {
            let path = format!("/in/{number}");
            harness.webhook(&path).await;
            // The first answer is for connecting, so that what connections take is not counted.
            harness.receiver.reply(&path, Reply::status(200));
            let long = Reply::LongBody(1024 * 1024 * 1024);
            harness.receiver.reply(&path, Reply::Gated(gate.clone(), Box::new(long)));
        }
        for id in ids_of(&harness).await {
            harness.settled_as(id, Status::Succeeded).await;
        }
        let ids = ids_of(&harness).await;
        harness.receiver.wait_for(2 * ANSWERS).await;
        forget_peak();
        let before = peak_kib();
        gate.open();
        for id in ids {
            let (_, history) = harness.attempted(id, 1).await;
            assert_eq!((history[0].outcome, history[0].response_truncated), (Outcome::Success, true));
        }
        let grown = peak_kib() - before;
        assert!(grown < 64 * 1024, "grown by {grown} KiB, with HTTP/2: {http2}");
    }
}

/// The deliveries of one event, one to each webhook.
#[cfg(target_os = "linux")]
async fn ids_of(harness: &EngineHarness) -> Vec<bocau_domain::DeliveryId> {
    let published = harness.publish(vec![harness.event("1")]).await;
    let event = published.events[0].0;
    let rows = bocau_store::Store::deliveries_of_event(&**harness.store(), &harness.store_id, event).await;
    rows.expect("the store works").iter().map(|row| row.id).collect()
}
