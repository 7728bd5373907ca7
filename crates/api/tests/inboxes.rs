//! Test inboxes: made, changed, deleted, and who sees what of the requests. The listener itself is the
//! program's and is tested with it.

use bocau_domain::limits::INBOXES_PER_STORE_MAX;
use bocau_domain::{IdSource, InboxRequest, Scope};
use bocau_store::inboxes::Inboxes as _;
use bocau_testkit::TestApp;
use serde_json::{Value, json};

const PATH: &str = "/stores/552/inboxes";

async fn make(app: &TestApp, name: &str) -> Value {
    app.post(PATH, &json!({"name": name})).send().await.expect(201)
}

fn path_of(inbox: &Value) -> String {
    format!("{PATH}/{}", inbox["id"].as_str().expect("an id"))
}

/// Puts a request into an inbox as the listener does.
async fn receive(app: &TestApp, inbox: &Value, headers: &[(&str, &str)], verified: Option<bool>) {
    let clock = std::sync::Arc::new(app.harness.clock.clone());
    let request = InboxRequest {
        id: IdSource::new(clock.clone(), app.harness.rng.clone()).inbox_request_id(),
        inbox: inbox["id"].as_str().expect("an id").parse().expect("an inbox's id"),
        at: bocau_domain::Clock::now(&*clock),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: b"{\"id\": 1}\xff".to_vec(),
        verified,
        answer_status: 500,
    };
    let kept = app.harness.store().add_inbox_request(request).await.expect("the store works");
    assert!(kept, "the inbox is there");
}

#[tokio::test]
async fn an_inbox_is_made_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    let first = make(&app, "").await;
    assert!(first["id"].as_str().is_some_and(|id| id.starts_with("inb_")), "{first}");
    let token = first["url"].as_str().and_then(|url| url.strip_prefix("https://inbox.bocau.test/"));
    assert_eq!(token.expect("the reserved name").len(), 43, "{first}");
    assert_eq!((&first["name"], &first["answer"]), (&json!(""), &json!("ok")));
    let second = make(&app, " Thử đơn hàng ").await;
    assert_eq!(second["name"], "Thử đơn hàng");
    assert_ne!(first["url"], second["url"]);
    let list = app.get(PATH).send().await.expect(200);
    assert_eq!(list, json!({"data": [second, first], "next_cursor": null}), "newest first");

    for answer in ["fail", "slow", "ok"] {
        let changed = app.patch(&path_of(&first), &json!({"answer": answer})).send().await.expect(200);
        assert_eq!(changed["answer"], answer);
        assert_eq!(app.get(&path_of(&first)).send().await.expect(200), changed);
    }
    assert_eq!(app.patch(&path_of(&first), &json!({})).send().await.expect(200), first);
    app.delete(&path_of(&first)).send().await.expect(204);
    for answer in [
        app.delete(&path_of(&first)).send().await,
        app.get(&path_of(&first)).send().await,
        app.patch(&path_of(&first), &json!({"answer": "ok"})).send().await,
        app.get(&format!("{}/requests", path_of(&first))).send().await,
        app.get(&format!("{PATH}/nonsense")).send().await,
        app.get("/stores/none/inboxes").send().await,
        app.post("/stores/none/inboxes", &json!({})).send().await,
    ] {
        assert_eq!(answer.problem(404), "not-found");
    }
    let log = app.get("/audit-log?store_id=552").send().await.expect(200);
    let actions: Vec<&str> =
        log["data"].as_array().expect("rows").iter().filter_map(|row| row["action"].as_str()).collect();
    assert!(actions.contains(&"inbox.created") && actions.contains(&"inbox.deleted"), "{actions:?}");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let app = TestApp::start().await;
    let inbox = make(&app, "").await;
    for bad in [json!({"name": "x".repeat(101)}), json!({"name": "a\u{7}"}), json!({"name": 1})] {
        assert_eq!(app.post(PATH, &bad).send().await.problem(422), "validation-failed", "{bad}");
    }
    assert_eq!(app.post(PATH, &json!({"answer": "ok"})).send().await.problem(422), "unknown-field");
    let answer = app.patch(&path_of(&inbox), &json!({"answer": "OK"})).send().await;
    assert_eq!(answer.problem(422), "validation-failed");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/answer");
    for _ in 1..INBOXES_PER_STORE_MAX {
        make(&app, "").await;
    }
    assert_eq!(app.post(PATH, &json!({})).send().await.problem(409), "too-many-inboxes");
}

#[tokio::test]
async fn requests_are_shown_newest_first_and_header_values_only_to_managers() {
    let app = TestApp::start().await;
    let inbox = make(&app, "").await;
    let path = format!("{}/requests", path_of(&inbox));
    assert_eq!(app.get(&path).send().await.expect(200), json!({"data": [], "next_cursor": null}));
    receive(&app, &inbox, &[("bocau-event", "order.created"), ("x-token", "mật")], Some(true)).await;
    app.harness.clock.advance(std::time::Duration::from_secs(1));
    receive(&app, &inbox, &[("authorization", "Bearer x")], None).await;

    let shown = app.get(&path).send().await.expect(200);
    let [new, old] = shown["data"].as_array().expect("rows").as_slice() else { panic!("{shown}") };
    assert_eq!((&new["verified"], &old["verified"]), (&Value::Null, &json!(true)));
    assert_eq!((&new["answer_status"], &new["body"]), (&json!(500), &json!("{\"id\": 1}\u{fffd}")));
    assert_eq!(new["headers"], json!([{"key": "authorization", "value": "Bearer x"}]));
    assert_eq!(old["headers"][1], json!({"key": "x-token", "value": "mật"}));

    let reader = app.key(Some("552"), &[Scope::Read], None).await;
    let masked = app.get(&path).key(&reader).send().await.expect(200);
    assert_eq!(masked["data"][0]["headers"], json!([{"key": "authorization", "value": "••••••"}]));
    let old = &masked["data"][1]["headers"];
    assert_eq!(old[0]["value"], "order.created", "what Bồ Câu sets is no secret of the owner's");
    assert_eq!(old[1], json!({"key": "x-token", "value": "••••••"}));
}
