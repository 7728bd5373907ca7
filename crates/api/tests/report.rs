//! The report page's further routes: overview, count, CSV, live, bulk resends.

use std::time::Duration;

use bocau_domain::Status;
use bocau_testkit::{Reply, TestApp};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

#[tokio::test]
async fn the_overview_counts_what_happened_and_names_the_webhooks_that_fail() {
    let app = TestApp::start().await;
    let good = app.harness.webhook("/good").await;
    let bad = app.harness.webhook("/bad").await;
    app.harness.receiver.always("/bad", Reply::status(500));
    app.harness.send_many(3).await;
    app.harness.counted(good, Status::Succeeded, 3).await;
    app.harness.counted(bad, Status::Retrying, 3).await;
    let overview = app.get("/stores/552/overview").send().await.expect(200);
    assert_eq!(overview["events"], 3);
    assert_eq!(
        overview["deliveries"],
        json!({"pending": 0, "retrying": 3, "succeeded": 3, "failed": 0, "skipped": 0})
    );
    assert_eq!(overview["success_rate"], 1.0, "what is tried again has not ended");
    assert!(overview["p95_ms"].is_u64());
    let series = overview["series"].as_array().expect("steps");
    assert_eq!(series.len(), 24);
    assert_eq!(series.last().expect("one")["succeeded"], 3);
    let failing = overview["failing"].as_array().expect("webhooks");
    assert_eq!((failing.len(), &failing[0]["webhook_id"]), (1, &json!(bad.to_string())));
    assert_eq!((&failing[0]["failures"], &failing[0]["last_status_code"]), (&json!(3), &json!(500)));
    assert_eq!(failing[0]["last_outcome"], "http_error");
    for hours in ["0", "169", "x"] {
        let answer = app.get(&format!("/stores/552/overview?hours={hours}")).send().await;
        assert_eq!(answer.problem(400), "invalid-query", "{hours}");
    }
    let list = app.get("/stores/552/webhooks").send().await.expect(200);
    let rates: Vec<&Value> =
        list["data"].as_array().expect("rows").iter().map(|row| &row["success_rate_24h"]).collect();
    assert_eq!(rates, [&Value::Null, &json!(1.0)]);
}

#[tokio::test]
async fn the_count_is_that_of_the_filtered_list() {
    let app = TestApp::start().await;
    app.harness.send_many(7).await;
    let count = app.get("/stores/552/deliveries/count?status=skipped").send().await.expect(200);
    assert_eq!((&count["total"], &count["is_capped"]), (&json!(7), &json!(false)));
    let none = app.get("/stores/552/deliveries/count?status=failed").send().await.expect(200);
    assert_eq!(none["total"], 0);
    assert_eq!(app.get("/stores/552/deliveries/count?limit=5").send().await.problem(400), "invalid-query");
}

#[tokio::test]
async fn the_export_has_a_line_for_each_row_of_the_filter() {
    let app = TestApp::start().await;
    app.harness.send_many(1_100).await;
    app.harness.send_event(app.harness.event_of("order.paid", "=1+1", "{}")).await;
    let answer = app.get("/stores/552/deliveries.csv").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.get("content-type").expect("a type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 1_101);
    assert!(lines[0].starts_with("\"Loại sự kiện\",\"ID đối tượng\",\"Số lần đã xử lý\""), "{}", lines[0]);
    assert!(lines[0].contains("\"Kết quả lần gửi cuối\",\"Thời gian (ms)\",\"Mã phản hồi\""), "{}", lines[0]);
    assert!(lines[1].starts_with("\"order.paid\",\"'=1+1\""), "the newest is first: {}", lines[1]);
    let english =
        app.get("/stores/552/deliveries.csv?type=order.paid").header("accept-language", "en").send().await;
    let text = String::from_utf8(english.body.to_vec()).expect("UTF-8");
    assert!(text.contains("\"Event type\",\"Object ID\""));
    assert_eq!(text.split_terminator("\r\n").count(), 2);
}

#[tokio::test]
async fn who_watches_sees_new_rows_and_changed_states() {
    let app = TestApp::start().await;
    app.harness.webhook("/hook").await;
    app.harness.store_called("other").await;
    let mut body = app.get("/stores/552/live").stream().await;
    let id = app.harness.send("208610").await.to_string();
    let mut seen = String::new();
    let watching = async {
        while !seen.contains("\"succeeded\"") {
            let frame = body.frame().await.expect("it goes on").expect("it is whole");
            seen.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    };
    bocau_testkit::patience::capped(watching, || "the row to arrive".into()).await;
    assert!(seen.contains("event: delivery") && seen.contains(&id), "{seen}");
    app.harness.engine().begin_stop();
    let ended = bocau_testkit::patience::capped(body.frame(), || "the stream to end".into()).await;
    assert!(ended.is_none(), "it ends when the server stops");
}

#[tokio::test]
async fn who_watches_sees_how_far_a_bulk_resend_is() {
    let app = TestApp::start().await;
    let hook = app.harness.webhook("/hook").await;
    app.harness.send_many(450).await;
    app.harness.counted(hook, Status::Succeeded, 450).await;
    let mut body = app.get("/stores/552/live").stream().await;
    let job = app.post("/stores/552/resends", &json!({})).send().await.expect(202);
    let (mut seen, clock): (Vec<Value>, _) = (Vec::new(), &app.harness.clock);
    let watching = async {
        while seen.last().is_none_or(|job| job["state"] != "done") {
            let frame = body.frame().await.expect("it goes on").expect("it is whole");
            let text = String::from_utf8_lossy(frame.data_ref().expect("data")).into_owned();
            if let Some(data) = text.strip_prefix("event: resend\ndata: ") {
                seen.push(serde_json::from_str(data.trim_end()).expect("JSON"));
                // The next batch comes only when this one was heard of, so that none is told with another.
                if seen.last().is_some_and(|job| job["state"] == "running" && job["done"] != 0) {
                    clock.advance_over_a_nap(Duration::from_millis(20), Duration::from_millis(250)).await;
                }
            }
        }
    };
    bocau_testkit::patience::capped(watching, || "the job's end".into()).await;
    assert!(seen.iter().all(|event| event["id"] == job["id"] && event["total"] == 450), "{seen:?}");
    let done: Vec<u64> = seen.iter().map(|event| event["done"].as_u64().expect("a number")).collect();
    assert!(done.is_sorted() && done.last() == Some(&450), "{done:?}");
    assert!(done.contains(&200) && done.contains(&400), "each step was told: {done:?}");
}

#[tokio::test]
async fn a_bulk_resend_sends_again_what_the_filter_finds_and_nothing_else() {
    let app = TestApp::start().await;
    let hook = app.harness.webhook("/hook").await;
    app.harness.receiver.always("/hook", Reply::status(410));
    let first = app.harness.send("1").await;
    app.harness.settled_as(first, Status::Failed).await;
    app.harness.receiver.always("/hook", Reply::acknowledged());
    app.harness.enable(hook, true).await;
    app.harness.send_many(3).await;
    app.harness.counted(hook, Status::Succeeded, 3).await;

    let counted = app.post("/stores/552/resends", &json!({"status": "failed", "dry_run": true})).send().await;
    assert_eq!(
        counted.expect(200),
        json!({"id": null, "total": 1, "done": 0, "state": "counted", "created_at": null})
    );
    let job = app.post("/stores/552/resends", &json!({"status": "failed"})).send().await.expect(202);
    assert_eq!(job["total"], 1);
    app.harness.settled_as(first, Status::Succeeded).await;
    assert_eq!(app.harness.receiver.count(), 5, "the three others were left alone");
    let path = format!("/stores/552/resends/{}", job["id"].as_str().expect("an id"));
    let done = app.harness.until("the job to end", async || {
        let job = app.get(&path).send().await.expect(200);
        (job["state"] == "done").then_some(job)
    });
    assert_eq!(done.await["done"], 1);
    assert_eq!(
        app.get("/stores/552/resends").send().await.expect(200)["data"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(app.delete(&path).send().await.expect(200)["state"], "done", "what has ended stays as it is");
    let wrong = app.post("/stores/552/resends", &json!({"statsu": "failed"})).send().await;
    assert_eq!(wrong.problem(422), "unknown-field");
}

#[tokio::test]
async fn a_bulk_resend_goes_on_after_a_restart() {
    let mut app = TestApp::start().await;
    let hook = app.harness.webhook("/hook").await;
    app.harness.send_many(450).await;
    app.harness.counted(hook, Status::Succeeded, 450).await;
    app.harness.receiver.wait_for(450).await;
    app.post("/stores/552/resends", &json!({})).send().await.expect(202);
    // One batch of 200 has been asked for when the second pauses on the clock.
    app.harness.receiver.wait_for(451).await;
    app.harness.crash().await;
    app.harness.resume().await;
    let look = async || {
        app.harness.clock.advance(Duration::from_millis(20));
        (app.harness.deliveries(bocau_store::DeliveryFilter::default()).await)
            .iter()
            .all(|row| row.state.attempts >= 2 && row.state.claimed_until.is_none())
            .then_some(())
    };
    app.harness.until("all to be sent again", look).await;
}
