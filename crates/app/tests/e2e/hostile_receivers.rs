//! Receivers that no library would be, against the real program in real time: it keeps its deadlines and its memory, goes
//! on answering, and lets go of their connections.
#![cfg(target_os = "linux")]

use std::time::Duration;

use bocau_testkit::{RawAnswer, RawReceiver, Receiver, ReceiverOptions, Reply};
use serde_json::{Value, json};

use crate::api::{Api, STORE, look_for};
use crate::server::{Home, Server};

const GIB: u64 = 1024 * 1024 * 1024;
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Webhooks that one store may have.
const ANSWERS: usize = 100;

/// The most the server held since `before`, beyond it.
fn assert_small_growth(server: &Server, before: u64, what: &str) {
    let grown = server.memory_kib("VmHWM").saturating_sub(before);
    println!("{what}: grown by {grown} KiB");
    assert!(grown < GROWTH_KIB_MAX, "{what}: grown by {grown} KiB from {before} KiB");
}

/// Waits until each delivery of an event has ended, one way or another, and answers them.
async fn ended(api: &Api, event: &str) -> Vec<Value> {
    let path = format!("/api/v1/stores/{STORE}/events/{event}");
    look_for(Duration::from_mins(1), async || {
        let event = api.get(&path).await.expect(200);
        let deliveries = event["deliveries"].as_array().expect("a list").clone();
        let has_ended = |row: &Value| row["status"] == "succeeded" || row["status"] == "failed";
        deliveries.iter().all(has_ended).then_some(deliveries)
    })
    .await
}

#[tokio::test]
async fn a_hundred_answers_of_a_gigabyte_take_less_than_64_mib_of_the_program() {
    for http2 in [false, true] {
        let receiver = Receiver::with(ReceiverOptions { http2, ..ReceiverOptions::default() }).await;
        receiver.default_reply(Reply::LongBody(GIB));
        let server = Home::new().serve().await;
        let api = server.api();
        api.set_up(&receiver.https_url("/in/0")).await;
        for number in 1..ANSWERS {
            let url = receiver.https_url(&format!("/in/{number}"));
            api.add_webhook(json!({"url": url, "events": ["*"]})).await;
        }
        let before = server.memory_kib("VmRSS");
        let event = api.publish("1").await;
        let deliveries = ended(&api, &event).await;
        assert_eq!(deliveries.len(), ANSWERS);
        assert!(deliveries.iter().all(|row| row["status"] == "succeeded"), "{deliveries:?}");
        assert_eq!(receiver.count(), ANSWERS);
        assert_small_growth(&server, before, if http2 { "HTTP/2" } else { "HTTP/1.1" });
        server.stop().await;
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn paced(once: &[u8], repeated: &[u8]) -> RawAnswer {
    RawAnswer { pace: Some(Duration::from_millis(20)), ..RawAnswer::flood(once, repeated) }
}

/// What a server of HTTP/1.1 may do, with the outcomes that are right then.
fn tricks_of_http1() -> Vec<(&'static str, RawAnswer, &'static [&'static str])> {
    let no_end: &[&str] = &["timeout"];
    let broken: &[&str] = &["protocol_error"];
    let either: &[&str] = &["timeout", "protocol_error"];
    let huge_header = [b"x-a: ".as_slice(), &[b'x'; 8_000], b"\r\n"].concat();
    vec![
        (
            "1xx without an end",
            RawAnswer::flood(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
            no_end,
        ),
        ("slow 1xx without an end", paced(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), no_end),
        ("a head byte by byte", paced(OK, b"x-a: b\r\n"), no_end),
        ("a head without an end", RawAnswer::flood(OK, &huge_header), broken),
        ("a header's name without an end", RawAnswer::flood(OK, b"xxxxxxxxxxxxxxxx"), broken),
        ("a status line without an end", RawAnswer::flood(b"HTTP/1.1 200 ", b"OK OK OK OK OK "), broken),
        ("empty lines without an end", RawAnswer::flood(b"", b"\r\n"), either),
        ("zeros", RawAnswer::flood(b"", &[0; 64]), broken),
        ("a body byte by byte", paced(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"), no_end),
        ("chunks of a byte", paced(CHUNKED, b"1\r\nx\r\n"), no_end),
        ("a chunk's extension without an end", RawAnswer::flood(&[CHUNKED, b"5;"].concat(), b"a=b;"), broken),
        ("a chunk's size without an end", RawAnswer::flood(CHUNKED, b"0000000000000000"), either),
        ("trailers without an end", RawAnswer::flood(&[CHUNKED, b"0\r\n"].concat(), b"x-a: b\r\n"), broken),
        ("silence", RawAnswer::then_silence(b""), no_end),
        (
            "1xx without an end, deaf",
            RawAnswer { reads: false, ..RawAnswer::flood(b"", b"HTTP/1.1 102 Wait\r\n\r\n") },
            no_end,
        ),
        ("half a head", RawAnswer::then_silence(b"HTTP/1.1 200 OK\r\ncontent-le"), no_end),
        (
            "a head and silence",
            RawAnswer::then_silence(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
            no_end,
        ),
        ("HTTP/2 unasked", RawAnswer::then_silence(&frame(SETTINGS, 0, 0, b"")), broken),
        (
            "a body until the connection closes, without an end",
            RawAnswer::flood(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", &[0x1f; 64]),
            &["success"],
        ),
    ]
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
/// `:status: 200`, from HPACK's static table; and `:status: 103`, written out.
const STATUS_200: &[u8] = b"\x88";
const STATUS_103: &[u8] = b"\x08\x03103";

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a server of HTTP/2 may do on the stream of the first request.
fn tricks_of_http2() -> Vec<(&'static str, RawAnswer, &'static [&'static str])> {
    let no_end: &[&str] = &["timeout"];
    let broken: &[&str] = &["protocol_error"];
    let either: &[&str] = &["timeout", "protocol_error"];
    let settings = frame(SETTINGS, 0, 0, b"");
    let after = |frames: &[Vec<u8>]| [settings.clone(), frames.concat()].concat();
    let head = frame(HEADERS, END_HEADERS, 1, STATUS_200);
    let hint = frame(HEADERS, END_HEADERS, 1, &[STATUS_103, b"\x00\x01a\x7f\x89\x01", &[b'x'; 264]].concat());
    let open_head = frame(HEADERS, 0, 1, STATUS_200);
    // One entry of the dynamic table, and thousands of references to it, a byte each.
    let entry = [b"\x40\x01a\x7f\xa1\x1e".as_slice(), &[b'x'; 4_000]].concat();
    let bomb = frame(HEADERS, END_HEADERS, 1, &[STATUS_200, &entry, &[0xbe; 12_000]].concat());
    let setting = |id: u16, value: u32| [id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat();
    let shut = [frame(SETTINGS, 0, 0, &setting(4, 0)), frame(SETTINGS, 1, 0, b"")].concat();
    vec![
        ("no settings", RawAnswer::then_silence(b""), no_end),
        ("no frames", RawAnswer::then_silence(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), broken),
        ("1xx without an end", RawAnswer::flood(&settings, &hint), either),
        (
            "a head without an end",
            RawAnswer::flood(&after(&[open_head]), &frame(CONTINUATION, 0, 1, b"")),
            broken,
        ),
        ("a head that unfolds", RawAnswer::then_silence(&after(&[bomb])), broken),
        (
            "empty data without an end",
            RawAnswer::flood(&after(std::slice::from_ref(&head)), &frame(DATA, 0, 1, b"")),
            either,
        ),
        (
            "data that is all padding",
            RawAnswer::flood(
                &after(std::slice::from_ref(&head)),
                &frame(DATA, PADDED, 1, &[[255].as_slice(), &[0; 255]].concat()),
            ),
            either,
        ),
        ("heads without an end", RawAnswer::flood(&settings, &head), broken),
        ("settings without an end", RawAnswer::flood(&settings, &settings), either),
        (
            "settings without an end, deaf",
            RawAnswer { reads: false, ..RawAnswer::flood(&settings, &settings) },
            either,
        ),
        ("pings without an end", RawAnswer::flood(&settings, &frame(PING, 0, 0, &[0; 8])), either),
        (
            "pings without an end, deaf",
            RawAnswer { reads: false, ..RawAnswer::flood(&settings, &frame(PING, 0, 0, &[0; 8])) },
            either,
        ),
        (
            "promises",
            RawAnswer::flood(&settings, &frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x88")),
            broken,
        ),
        (
            "a window beyond all",
            RawAnswer::flood(&settings, &frame(WINDOW_UPDATE, 0, 0, &i32::MAX.to_be_bytes())),
            broken,
        ),
        ("no window for the body", RawAnswer::then_silence(&shut), no_end),
        ("no streams allowed", RawAnswer::then_silence(&frame(SETTINGS, 0, 0, &setting(3, 0))), no_end),
        (
            "a frame beyond its size",
            RawAnswer::then_silence(&after(&[frame(DATA, 0, 1, &[0; 100_000])])),
            broken,
        ),
        ("data before the head", RawAnswer::then_silence(&after(&[frame(DATA, 0, 1, b"x")])), broken),
        ("a reset", RawAnswer::then_silence(&after(&[frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])])), broken),
        (
            "resets without an end",
            RawAnswer::flood(&settings, &frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
            broken,
        ),
        (
            "going away",
            RawAnswer::then_silence(&after(&[frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])])),
            either,
        ),
        (
            "an answer on a stream of its own",
            RawAnswer::then_silence(&after(&[frame(HEADERS, END_HEADERS, 2, STATUS_200)])),
            broken,
        ),
    ]
}

#[tokio::test]
async fn tricks_of_receivers_end_in_time_with_bounded_memory_and_without_a_connection_left() {
    for (protocol, tricks) in [("http/1.1", tricks_of_http1()), ("h2", tricks_of_http2())] {
        let server = Home::new().serve().await;
        let api = server.api();
        api.post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
        let mut receivers = Vec::new();
        for (name, answer, outcomes) in tricks {
            let receiver = RawReceiver::start(protocol, answer).await;
            let new = json!({
                "url": receiver.https_url(), "events": ["*"], "description": name, "timeout_seconds": 2, "max_attempts": 1,
            });
            let webhook = api.add_webhook(new).await["id"].clone();
            receivers.push((name, receiver, outcomes, webhook));
        }
        let before = server.memory_kib("VmRSS");
        let event = api.publish("1").await;
        let deliveries = ended(&api, &event).await;
        assert_small_growth(&server, before, protocol);
        let mut wrong = Vec::new();
        for (name, _, outcomes, webhook) in &receivers {
            let delivery = deliveries.iter().find(|row| row["webhook_id"] == *webhook).expect("one to each");
            let id = delivery["id"].as_str().expect("an id");
            let path = format!("/api/v1/stores/{STORE}/deliveries/{id}/attempts");
            let attempt = api.get(&path).await.expect(200)["data"][0].clone();
            let outcome = attempt["outcome"].as_str().expect("an outcome");
            // The deadline, and what a busy machine adds.
            let is_in_time = attempt["duration_ms"].as_u64().expect("a number") < 4_000;
            if !outcomes.contains(&outcome) || !is_in_time {
                wrong.push(format!("{protocol}, {name}: {attempt}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for (name, receiver, ..) in &receivers {
            assert!(receiver.connections().came > 0, "{protocol}, {name}: nobody came");
            receiver.until_left_alone(name).await;
        }
        assert_small_growth(&server, before, protocol);
        server.stop().await;
    }
}
