//! Whatever clients send, the API answers: never with a server error, and what it takes in reads back as it was.

use bocau_testkit::TestApp;
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The same inputs each time, unless `PROPTEST_CASES` asks for many others.
fn runner(usual: u32) -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(552) };
    TestRunner::new(ProptestConfig {
        cases: asked.unwrap_or(usual),
        rng_seed,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// An API, and what drives it: a property's body is no async function.
fn start() -> (Runtime, TestApp) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let app = runtime.block_on(TestApp::start());
    (runtime, app)
}

/// What is looked at of an event.
#[derive(serde::Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// JSON of any form, and text that is nearly JSON.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("order.created")),
        Just(json!("\u{0}")),
    ];
    let names =
        prop::sample::select(vec!["type", "object_id", "payload", "occurred_at", "events", "x", "url", ""]);
    let value = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    });
    let whole = value.prop_map(|value| value.to_string());
    let cut = (whole.clone(), any::<prop::sample::Index>()).prop_map(|(text, place)| {
        let end = text.floor_char_boundary(place.index(text.len() + 1));
        text[..end].to_owned()
    });
    prop_oneof![4 => whole, 1 => cut, 1 => any::<String>(), 1 => "[\\[{\",:]{0,200}"]
}

/// An event that is nearly right.
fn event() -> impl Strategy<Value = String> {
    let types = prop_oneof![3 => Just("order.created".to_owned()), 1 => ".{0,20}"];
    let ids = prop_oneof![3 => "[!-~]{1,128}", 1 => ".{0,140}"];
    let times = prop_oneof![2 => Just("null".to_owned()), 1 => Just("\"2026-06-10T10:48:14+07:00\"".to_owned()), 1 => json_text()];
    (types, ids, json_text(), times).prop_map(|(name, id, payload, time)| {
        let quoted = |text: &str| Value::from(text).to_string();
        let (name, id) = (quoted(&name), quoted(&id));
        format!("{{\"type\":{name},\"object_id\":{id},\"payload\":{payload},\"occurred_at\":{time}}}")
    })
}

#[test]
fn property_ingest_answers_whatever_comes_and_keeps_what_it_takes_byte_for_byte() {
    let (runtime, app) = start();
    let bodies = prop_oneof![2 => event(), 1 => json_text()];
    let takes = |body: String| {
        runtime.block_on(async {
            let answer = app.call(Method::POST, "/api/v1/stores/552/events").body(body.clone()).send().await;
            prop_assert!([202, 400, 413, 422].contains(&answer.status.as_u16()), "{}: {body}", answer.status);
            if answer.status != 202 {
                answer.problem(answer.status.as_u16());
                return Ok(());
            }
            let id = answer.json()["id"].as_str().expect("an id").to_owned();
            let found = app.get(&format!("/stores/552/events/{id}")).send().await;
            found.expect(200);
            // Names may repeat: where they do, the contract has a word of its own for the request.
            let event: Sent<'_> = serde_json::from_str(&body).expect("it was taken");
            let shown: Sent<'_> = serde_json::from_slice(&found.body).expect("JSON");
            prop_assert_eq!(shown.payload.get(), event.payload.get());
            Ok(())
        })
    };
    runner(400).run(&bodies, takes).expect("it holds");
}

#[test]
fn property_a_batch_is_taken_whole_or_not_at_all() {
    let (runtime, app) = start();
    let batches = prop::collection::vec(
        prop_oneof![2 => Just(json!({"type": "order.created", "object_id": "1", "payload": {}}).to_string()), 1 => event()],
        0..4,
    );
    let takes = |events: Vec<String>| {
        runtime.block_on(async {
            let body = format!("{{\"events\":[{}]}}", events.join(","));
            let answer =
                app.call(Method::POST, "/api/v1/stores/552/events/batch").body(body.clone()).send().await;
            prop_assert!([202, 400, 413, 422].contains(&answer.status.as_u16()), "{}: {body}", answer.status);
            if answer.status == 202 {
                prop_assert_eq!(answer.json()["results"].as_array().map(Vec::len), Some(events.len()));
            }
            Ok(())
        })
    };
    runner(200).run(&batches, takes).expect("it holds");
}

#[test]
fn property_a_cursor_that_was_made_up_is_refused_or_a_place_in_the_same_list() {
    let (runtime, app) = start();
    let lists = ["/stores", "/stores/552/deliveries", "/stores/552/webhooks", "/audit-log", "/members"];
    let cursors = prop_oneof![
        "[A-Za-z0-9_=-]{0,60}",
        ".{0,20}",
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| base64url(&bytes)),
        "(dlv|wh|aud|usr|evt)_[0-9a-z]{0,30}".prop_map(|text| base64url(text.as_bytes())),
        "[0-9]{0,20} [A-Za-z0-9_-]{0,10}".prop_map(|text| base64url(text.as_bytes())),
    ];
    let looks = |(list, cursor): (&str, String)| {
        runtime.block_on(async {
            let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            let answer = app.get(&format!("{list}?limit=1&cursor={cursor}")).send().await;
            prop_assert!([200, 400].contains(&answer.status.as_u16()), "{list} {cursor}: {}", answer.status);
            Ok(())
        })
    };
    runner(600).run(&(prop::sample::select(lists.to_vec()), cursors), looks).expect("it holds");
}

/// As the API writes cursors (RFC 4648, 5).
fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn property_a_webhooks_url_and_headers_are_answered_whatever_they_are() {
    let (runtime, app) = start();
    let values = prop_oneof!["https://[ -~]{0,40}", ".{0,40}", any::<String>()];
    let asks = |(url, name, value): (String, String, String)| {
        runtime.block_on(async {
            let body = json!({"url": url, "events": ["*"], "headers": [{"key": name, "value": value}]});
            let answer = app.post("/stores/552/webhooks", &body).send().await;
            // The hundredth and those after it are refused for their number.
            prop_assert!([201, 409, 422].contains(&answer.status.as_u16()), "{}: {body}", answer.status);
            Ok(())
        })
    };
    let inputs = (
        values,
        prop_oneof!["[A-Za-z-]{1,12}", any::<String>()],
        prop_oneof!["[ -~]{0,20}", any::<String>()],
    );
    runner(400).run(&inputs, asks).expect("it holds");
}
