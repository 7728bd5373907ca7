//! `bocau publish`: events from files and standard input.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use bocau_testkit::Receiver;
use http::StatusCode;
use tokio::net::TcpListener;

use crate::api::STORE;
use crate::server::{Ended, Home, KEY, Server};

async fn publish(home: &Home, server: &Server, args: &[&str], input: &str) -> Ended {
    let args = [&["publish", "--url", server.url(), "--store", STORE], args].concat();
    home.clone().with("BOCAU_API_KEY", KEY).run_with_input(&args, input).await
}

#[tokio::test]
async fn thousands_of_lines_are_published_in_batches_and_arrive_byte_for_byte() {
    const LINES: usize = 3_000;
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let lines: Vec<String> = (0..LINES)
        .map(|number| format!("{{ \"id\":{number},  \"total\":1.50, \"name\":\"Đơn \\u0111\"}}"))
        .collect();
    let mut input = String::new();
    for line in &lines {
        writeln!(input, "{line}").expect("a String takes everything");
    }
    let ended = publish(&home, &server, &["--type", "order.created"], &input).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "3000 events published, 3000 deliveries to be made\n");
    let arrived: HashSet<Vec<u8>> =
        receiver.wait_for(LINES).await.into_iter().map(|request| request.body).collect();
    assert_eq!(arrived, lines.into_iter().map(String::into_bytes).collect());
    assert_eq!(server.api().deliveries().await.len(), LINES);
    server.stop().await;
}

#[tokio::test]
async fn events_of_a_file_are_sent_as_they_are_and_a_repeated_key_makes_nothing_new() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let event =
        |id: u32| format!(r#"{{"type":"product.updated","object_id":"{id}","payload":{{"id":{id}}}}}"#);
    std::fs::write(home.path("events.json"), (0..700).map(event).collect::<String>()).expect("written");
    let args = ["--idempotency-key", "import-1", "events.json"];
    let first = publish(&home, &server, &args, "").await;
    assert_eq!(first.stderr, "700 events published, 700 deliveries to be made\n", "{first:?}");
    let second = publish(&home, &server, &args, "").await;
    assert!(second.stderr.contains("700 had been published before"), "{second:?}");
    assert_eq!(server.api().deliveries().await.len(), 700);

    std::fs::write(home.path("one.json"), event(7)).expect("written");
    let one = publish(&home, &server, &["one.json"], "").await;
    assert_eq!(one.stderr, "1 event published, 1 delivery to be made\n", "{one:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_the_server_refuses_is_named_by_its_place_in_the_input() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let event = |name: &str| format!("{{\"type\":\"{name}\",\"object_id\":\"1\",\"payload\":{{}}}}\n");
    let input =
        format!("{}{}{}", event("order.created").repeat(506), event("order.lost"), event("order.created"));
    let ended = publish(&home, &server, &[], &input).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for expected in [
        "the server refused (",
        "value 507 (line 507): /type",
        "Before that: 500 events published",
        "tail -n +501",
    ] {
        assert!(ended.stderr.contains(expected), "{expected} in {ended:?}");
    }
    assert_eq!(server.api().deliveries().await.len(), 500);

    let broken = publish(&home, &server, &[], "{\"type\":\n").await;
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(
        broken.stderr.contains("is no JSON") && broken.stderr.contains("Nothing was published"),
        "{broken:?}"
    );
    let empty = publish(&home, &server, &[], "\n").await;
    assert!(empty.code == Some(1) && empty.stderr.contains("no JSON value"), "{empty:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_key_and_a_server_that_is_not_there_are_said_plainly() {
    let home = Home::new();
    let server = home.serve().await;
    let args = ["publish", "--url", server.url(), "--store", STORE, "--api-key", "bck_wrong"];
    let ended = home.run_with_input(&args, "{}").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("the server refused (401)") && !ended.stderr.contains("bck_wrong"),
        "{ended:?}"
    );
    let url = server.url().to_owned();
    server.stop().await;
    let args = ["publish", "--url", &url, "--store", STORE, "--api-key", "bck_any"];
    let ended = home.run_with_input(&args, "{}").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("no connection to 127.0.0.1:"), "{ended:?}");
    assert!(
        ended.stderr.contains("Nothing was published") && !ended.stderr.contains("may have"),
        "{ended:?}"
    );
}

fn orders(count: usize) -> Vec<String> {
    let event =
        |id| format!("{{\"type\":\"order.created\",\"object_id\":\"{id}\",\"payload\":{{\"id\":{id}}}}}\n");
    (0..count).map(event).collect()
}

#[tokio::test]
async fn a_broken_value_leaves_its_batch_unsent_and_the_repaired_file_goes_on_with_the_same_key() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let good = orders(700);
    let mut bad = good.clone();
    bad[599] = "{\"type\":\n".to_owned();
    std::fs::write(home.path("in.ndjson"), bad.concat()).expect("written");
    let args = ["--idempotency-key", "import-1", "in.ndjson"];
    let broken = publish(&home, &server, &args, "").await;
    assert_eq!(broken.code, Some(1), "{broken:?}");
    for expected in [
        "value 600 (line 600) is no JSON",
        "Before that: 500 events published",
        "From value 501 (line 501) on nothing was published",
        "Repair it and run the same command again: with --idempotency-key nothing is published twice",
    ] {
        assert!(broken.stderr.contains(expected), "{expected} in {broken:?}");
    }
    assert_eq!(server.api().deliveries().await.len(), 500);

    std::fs::write(home.path("in.ndjson"), good.concat()).expect("written");
    let repaired = publish(&home, &server, &args, "").await;
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert!(repaired.stderr.contains("700 events published"), "{repaired:?}");
    assert!(repaired.stderr.contains("of which 500 had been published before"), "{repaired:?}");
    assert_eq!(server.api().deliveries().await.len(), 700);
    server.stop().await;
}

#[tokio::test]
async fn without_a_key_the_tail_of_the_repaired_file_is_all_that_is_missing() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let mut lines = orders(700);
    let good = std::mem::replace(&mut lines[599], "oops\n".to_owned());
    std::fs::write(home.path("in.ndjson"), lines.concat()).expect("written");
    let broken = publish(&home, &server, &["in.ndjson"], "").await;
    assert!(broken.stderr.contains("would publish the first 500 twice"), "{broken:?}");
    assert!(broken.stderr.contains("`tail -n +501 in.ndjson`"), "{broken:?}");
    lines[599] = good;
    let rest = publish(&home, &server, &[], &lines[500..].concat()).await;
    assert_eq!(rest.stderr, "200 events published, 200 deliveries to be made\n", "{rest:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_had_another_input_is_explained_with_what_is_safe() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    server.api().set_up(&receiver.https_url("/hook")).await;
    let mut lines = orders(700);
    let args = ["--idempotency-key", "import-1"];
    assert_eq!(publish(&home, &server, &args, &lines.concat()).await.code, Some(0));
    lines[650] = orders(1).concat();
    let changed = publish(&home, &server, &args, &lines.concat()).await;
    assert_eq!(changed.code, Some(1), "{changed:?}");
    for expected in [
        "value 501 (line 501) to value 700 (line 700) differ",
        "of which 500 had been published before",
        "Do not run the whole input with another key",
        "put only what is new in a file of its own",
    ] {
        assert!(changed.stderr.contains(expected), "{expected} in {changed:?}");
    }
    assert!(!changed.stderr.contains("Use a new key"), "{changed:?}");
    assert_eq!(server.api().deliveries().await.len(), 700);
    server.stop().await;
}

#[tokio::test]
async fn a_directory_is_no_input() {
    let ended = Home::bare().run(&["publish", "--store", STORE, "--api-key", "bck_any", "/tmp"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("/tmp is a directory; give a file, or -"), "{ended:?}");
}

/// A server that says 503 to the first `refusals` requests, `wait` seconds each; answers its URL and the count
/// of requests.
async fn busy_server(refusals: usize, wait: Option<&'static str>) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let answer = move || async move {
        if counted.fetch_add(1, Ordering::SeqCst) >= refusals {
            return (StatusCode::ACCEPTED, r#"{"id":"evt_1","delivery_count":1,"duplicate":false}"#)
                .into_response();
        }
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, r#"{"title":"Busy"}"#).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert("retry-after", wait.parse().expect("a header"));
        }
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let routes = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, count)
}

async fn publish_one(url: &str) -> Ended {
    let args = ["publish", "--url", url, "--store", STORE, "--api-key", "bck_any"];
    Home::bare().run_with_input(&args, "{}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_wait_is_asked_again_but_not_for_ever() {
    let (url, count) = busy_server(2, Some("0")).await;
    let ended = publish_one(&url).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("Busy: trying again in 0 s"), "{ended:?}");
    assert_eq!(count.load(Ordering::SeqCst), 3);

    let (url, count) = busy_server(usize::MAX, Some("0")).await;
    let ended = publish_one(&url).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the server refused (503): Busy"), "{ended:?}");
    assert_eq!(count.load(Ordering::SeqCst), 10);

    let (url, count) = busy_server(usize::MAX, None).await;
    assert_eq!(publish_one(&url).await.code, Some(1));
    assert_eq!(count.load(Ordering::SeqCst), 1, "without Retry-After there is nothing to wait for");
}
