//! Answers that are no good, at the doors that get one: each ends with an outcome, in time and with bounded sizes.

use std::time::Duration;

use bocau_domain::Outcome;
use bocau_testkit::{CanaryListener, Certificate, Gate, HarnessOptions, Reply, TestApp};
use serde_json::json;

use crate::door::{attempted, publish, resend, test_send};

const STORE: &str = "552";
const TIMEOUT: Duration = Duration::from_secs(10);
const KIB: usize = 1024;

fn raw(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply::Answer { status, headers, body: body.to_vec() }
}

/// What a receiver may answer, and how the attempt ends then.
fn answers(canary: &CanaryListener) -> Vec<(Reply, Outcome)> {
    let inside = format!("https://{}/", canary.address());
    let mut all = vec![
        (Reply::ResetBeforeAnswer, Outcome::ProtocolError),
        (Reply::ResetMidBody, Outcome::ProtocolError),
        (Reply::LyingLength { announced: 1_000, body: vec![b'x'; 10] }, Outcome::ProtocolError),
        (Reply::HugeHead(70 * KIB), Outcome::ProtocolError),
        (Reply::HugeHead(400 * KIB), Outcome::ProtocolError),
        (Reply::ManyHeaders(101), Outcome::ProtocolError),
        (Reply::ManyHeaders(2_000), Outcome::ProtocolError),
        (Reply::BadStatusLine, Outcome::ProtocolError),
        (raw(""), Outcome::ProtocolError),
        (raw("\0\0\0\0\r\n\r\n"), Outcome::ProtocolError),
        (raw("HTTP/1.1 20x OK\r\n\r\n"), Outcome::ProtocolError),
        (raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), Outcome::ProtocolError),
        (
            raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
            Outcome::ProtocolError,
        ),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), Outcome::ProtocolError),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n"), Outcome::ProtocolError),
        (raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), Outcome::ProtocolError),
        (
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"),
            Outcome::ProtocolError,
        ),
        (
            raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
            Outcome::HttpError,
        ),
        (answer(429, &[("retry-after", "99999999999999999999")], b""), Outcome::HttpError),
        (answer(503, &[("retry-after", "-1")], b""), Outcome::HttpError),
        (answer(503, &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], b""), Outcome::HttpError),
        (answer(500, &[], b"\xff\xfe\0\x80"), Outcome::HttpError),
        (answer(500, &[("content-encoding", "gzip")], b"\x1f\x8b\x08 no gzip"), Outcome::HttpError),
        (answer(200, &[], br#"{"status": 500}"#), Outcome::Rejected),
        (answer(999, &[], b""), Outcome::HttpError),
    ];
    for status in [300, 301, 302, 303, 307, 308] {
        all.push((Reply::redirect(status, &inside), Outcome::HttpError));
    }
    for location in
        ["/elsewhere", "//127.0.0.2/", "http://169.254.169.254/", "file:///etc/passwd", "\\\\x\\y"]
    {
        all.push((Reply::redirect(302, location), Outcome::HttpError));
    }
    all
}

#[tokio::test]
async fn a_bad_answer_ends_as_an_attempt_with_an_outcome_at_test_delivery_and_resend() {
    let app = TestApp::start().await;
    let canary = CanaryListener::start();
    for (number, (reply, outcome)) in answers(&canary).into_iter().enumerate() {
        let what = format!("{:.200}", format!("{reply:?}"));
        let path = format!("/in/{number}");
        let webhook = app.harness.webhook(&path).await;
        for _ in 0..3 {
            app.harness.receiver.reply(&path, reply.clone());
        }
        let tried = test_send(&app, STORE, webhook).await;
        assert_eq!(tried["outcome"], outcome.as_str(), "{what}: {tried}");
        let delivery = publish(&app, STORE).await[&webhook];
        assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, outcome, "{what}");
        resend(&app, STORE, delivery).await;
        let history = attempted(&app, STORE, delivery, 2).await;
        assert_eq!(history[1].outcome, outcome, "{what}");
        for attempt in history {
            assert!(attempt.response_body.len() <= 16 * KIB, "{what}");
            assert!(attempt.error.is_some_and(|error| error.len() < KIB), "{what}");
        }
        app.delete(&format!("/stores/552/webhooks/{webhook}")).send().await.expect(204);
    }
    assert!(app.harness.receiver.requests_to("/elsewhere").is_empty());
    canary.assert_untouched();
}

#[tokio::test]
async fn an_answer_without_an_end_ends_at_the_deadline_at_each_door() {
    let app = TestApp::start().await;
    for (number, reply) in
        [Reply::Hang, Reply::EndlessContinue, Reply::SlowBody { length: 10, gate: Gate::new() }]
            .into_iter()
            .enumerate()
    {
        let what = format!("{reply:?}");
        let path = format!("/in/{number}");
        let webhook = app.harness.webhook(&path).await;
        for _ in 0..3 {
            app.harness.receiver.reply(&path, reply.clone());
        }
        let before = app.harness.receiver.count();
        let passing = async |count: usize| {
            app.harness.receiver.wait_for(before + count).await;
            app.harness.advance(TIMEOUT).await;
        };
        let (tried, ()) = tokio::join!(test_send(&app, STORE, webhook), passing(1));
        assert_eq!(tried["outcome"], "timeout", "{what}: {tried}");
        let delivery = publish(&app, STORE).await[&webhook];
        passing(2).await;
        assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::Timeout, "{what}");
        resend(&app, STORE, delivery).await;
        passing(3).await;
        let history = attempted(&app, STORE, delivery, 2).await;
        assert_eq!((history[1].outcome, history[1].duration), (Outcome::Timeout, TIMEOUT), "{what}");
        app.delete(&format!("/stores/552/webhooks/{webhook}")).send().await.expect(204);
    }
}

#[tokio::test]
async fn a_wrong_certificate_is_a_tls_error_at_each_door_and_nothing_is_sent() {
    for certificate in
        [Certificate::Expired, Certificate::SelfSigned, Certificate::UnknownCa, Certificate::WrongName]
    {
        let app = TestApp::with(HarnessOptions { certificate, ..HarnessOptions::default() }).await;
        let webhook = app.harness.webhook("/in").await;
        assert_eq!(test_send(&app, STORE, webhook).await["outcome"], "tls_error", "{certificate:?}");
        let delivery = publish(&app, STORE).await[&webhook];
        assert_eq!(attempted(&app, STORE, delivery, 1).await[0].outcome, Outcome::TlsError);
        resend(&app, STORE, delivery).await;
        assert_eq!(attempted(&app, STORE, delivery, 2).await[1].outcome, Outcome::TlsError);
        assert_eq!(app.harness.receiver.count(), 0, "{certificate:?}");
    }
    // A wrong certificate is no reason to look at what was sent: nothing was.
    let app = TestApp::start().await;
    let webhook = app.harness.webhook("/in").await;
    assert_eq!(test_send(&app, STORE, webhook).await["outcome"], json!("success"));
}
