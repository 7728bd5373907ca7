//! One store's people and programs get nothing of another's, by no route: a walk over the OpenAPI document, with every
//! method, path, query parameter, body and cursor. What is new in the document and unknown here fails the walk.

use std::collections::BTreeMap;

use bocau_domain::Scope;
use bocau_testkit::{Answer, Call, PASSWORD, TestApp};
use http::Method;
use serde_json::{Value, json};

/// In every text of the other store, and in nothing that is sent here.
const CANARY: &str = "canary-of-552";
const OWN: &str = "600";

/// The other store, with something of everything.
struct Foreign {
    /// By the word of the path that an id stands after.
    ids: BTreeMap<&'static str, String>,
    /// Cursors of its lists.
    cursors: Vec<String>,
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

async fn foreign(app: &TestApp) -> Foreign {
    app.patch("/stores/552", &json!({"name": CANARY})).send().await.expect(200);
    let url = app.harness.receiver.https_url(&format!("/{CANARY}"));
    let new = json!({"url": url, "events": ["*"], "description": CANARY, "headers": [{"key": "x-a", "value": CANARY}]});
    let webhook = id_of(&app.post("/stores/552/webhooks", &new).send().await.expect(201));
    app.post("/stores/552/webhooks", &new).send().await.expect(201);
    let event = json!({"type": "order.created", "object_id": CANARY, "payload": {"note": CANARY}});
    let event = id_of(&app.post("/stores/552/events", &event).send().await.expect(202));
    let found = app.get(&format!("/stores/552/events/{event}")).send().await.expect(200);
    let delivery = id_of(&found["deliveries"][0]);
    app.harness.attempted(delivery.parse().expect("a delivery's id"), 1).await;
    let key = json!({"name": CANARY, "scopes": ["read"]});
    let key = id_of(&app.post("/stores/552/keys", &key).send().await.expect(201));
    let inbox = id_of(&app.post("/stores/552/inboxes", &json!({"name": CANARY})).send().await.expect(201));
    let job = id_of(&app.post("/stores/552/resends", &json!({"status": "failed"})).send().await.expect(202));
    let member = json!({"email": format!("{CANARY}@example.vn"), "role": "member", "stores": ["552"], "password": PASSWORD});
    let member = id_of(&app.post("/members", &member).send().await.expect(201));
    let mut cursors = Vec::new();
    for list in ["/stores", "/stores/552/webhooks", "/stores/552/deliveries", "/audit-log"] {
        let page = app.get(&format!("{list}?limit=1")).send().await.expect(200);
        cursors
            .push(page["next_cursor"].as_str().unwrap_or_else(|| panic!("{list} has one page")).to_owned());
    }
    let ids = BTreeMap::from([
        ("webhooks", webhook),
        ("events", event),
        ("deliveries", delivery),
        ("keys", key),
        ("inboxes", inbox),
        ("resends", job),
        ("members", member),
        ("objects", CANARY.to_owned()),
    ]);
    Foreign { ids, cursors }
}

/// What the platform sees of the other store; the walk must not change it.
async fn snapshot(app: &TestApp) -> Vec<Value> {
    let mut seen = Vec::new();
    for list in ["", "/webhooks", "/deliveries", "/keys", "/inboxes", "/resends"] {
        seen.push(app.get(&format!("/stores/552{list}")).send().await.expect(200));
    }
    let members = app.get("/members").send().await.expect(200);
    let is_theirs = |member: &&Value| member["stores"] == json!(["552"]);
    seen.push(members["data"].as_array().expect("members").iter().filter(is_theirs).cloned().collect());
    seen
}

/// One request of the walk.
struct Step {
    method: Method,
    path: String,
    body: Option<Value>,
    /// Whether something of the other store stands in the path.
    is_foreign: bool,
}

fn document() -> Value {
    serde_json::from_str(&bocau_api::openapi_json()).expect("JSON")
}

/// The values that a parameter of a query is tried with: of the other store where it can name something.
fn query_values(name: &str, theirs: &Foreign) -> Vec<String> {
    let one = |value: &str| vec![value.to_owned()];
    match name {
        "cursor" => theirs.cursors.clone(),
        "webhook_id" => vec![theirs.ids["webhooks"].clone()],
        "store_id" => one("552"),
        "object_id" => one(CANARY),
        "type" => one("order.*"),
        "status" => one("succeeded"),
        "from" => one("2020-01-01T00:00:00Z"),
        "to" => one("2030-01-01T00:00:00Z"),
        "limit" => one("200"),
        "hours" => one("24"),
        "portal" => one("1"),
        other => panic!("give this walk a value of the parameter {other}"),
    }
}

/// A body with all that the document names, of the other store where it can be.
fn body(operation: &Value, schemas: &Value, theirs: &Foreign) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    let fields = schemas[name]["properties"].as_object()?;
    let value = |field: &str| {
        Some(match field {
            "webhook_id" => json!(theirs.ids["webhooks"]),
            "stores" => json!(["552"]),
            "id" => json!("552"),
            "object_id" if name == "NewEvent" => json!("mine"),
            "object_id" => json!(CANARY),
            "name" | "description" => json!("mine"),
            "scopes" => json!(["read"]),
            "email" => json!("new@example.vn"),
            "role" => json!("viewer"),
            "password" | "new_password" | "current_password" | "token" => json!("x".repeat(43)),
            "type" => json!("order.created"),
            "payload" => json!({}),
            "events" if name == "NewEvents" => {
                json!([{"type": "order.created", "object_id": "1", "payload": {}}])
            }
            "events" => json!(["*"]),
            "url" => json!("https://shop.vn/"),
            "status" => json!("succeeded"),
            "answer" => json!("ok"),
            "headers" => json!([]),
            "valid_minutes" => json!(5),
            "dry_run" | "force" => json!(true),
            "enabled" => json!(false),
            "expires_at"
            | "occurred_at"
            | "from"
            | "to"
            | "max_attempts"
            | "retry_interval_seconds"
            | "retry_schedule_seconds"
            | "timeout_seconds"
            | "retention_days" => return None,
            other => panic!("give this walk a value of the field {other} of {name}"),
        })
    };
    Some(fields.keys().filter_map(|field| Some((field.clone(), value(field)?))).collect())
}

/// Every operation of the API: as it is, with the other store's ids, and with each parameter of its query.
fn steps(theirs: &Foreign) -> Vec<Step> {
    let document = document();
    let mut steps = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if !path.starts_with("/api/v1/") {
            continue;
        }
        let words: Vec<&str> = path.split('/').collect();
        let place = words.iter().position(|word| *word == "{id}").map(|place| words[place - 1]);
        let place = place.map(|word| if word == "{group}" { "objects" } else { word });
        let id = place.map_or("", |word| {
            theirs.ids.get(word).unwrap_or_else(|| panic!("{path}: give this walk an id of {word}"))
        });
        let filled = path.replace("{id}", id).replace("{group}", "order");
        assert!(!filled.replace("{store}", "").contains('{'), "{path}: give this walk what stands there");
        for (method, operation) in methods.as_object().expect("methods") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let body = body(operation, &document["components"]["schemas"], theirs);
            let step = |path: String, is_foreign| Step {
                method: method.clone(),
                path,
                body: body.clone(),
                is_foreign,
            };
            if path.contains("{store}") {
                steps.push(step(filled.replace("{store}", "552"), true));
            }
            let own = filled.replace("{store}", OWN);
            steps.push(step(own.clone(), place.is_some()));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().expect("a name");
                for value in query_values(name, theirs) {
                    steps.push(step(format!("{own}?{name}={value}"), place.is_some()));
                }
            }
        }
    }
    assert!(steps.len() > 120, "{} steps", steps.len());
    steps
}

/// Nothing of the other store is in an answer, but what was sent itself.
fn assert_nothing(answer: &Answer, step: &Step, theirs: &Foreign, who: &str) {
    let what = format!("{who}: {} {} {:?}", step.method, step.path, step.body);
    assert!(answer.status.as_u16() < 500, "{what}: {}", answer.status);
    let sent = format!("{} {}", step.path, step.body.as_ref().map(Value::to_string).unwrap_or_default());
    let text = String::from_utf8_lossy(&answer.body);
    let canaries = theirs.ids.values().map(String::as_str).chain([CANARY]);
    for canary in canaries.filter(|canary| !sent.contains(canary)) {
        assert!(!text.contains(canary), "{what}: {text}");
    }
    if step.is_foreign {
        assert_eq!(answer.status.as_u16(), 404, "{what}: {text}");
    }
}

async fn walk<'a>(app: &'a TestApp, theirs: &Foreign, who: &str, sign: impl Fn(Call<'a>) -> Call<'a>) {
    for step in steps(theirs) {
        // A stream has no end to read to; which rows it tells of stands in `people/live.rs`. Signing out ends the walk.
        if (step.path.split('?').next().expect("a path").ends_with("/live") && !step.is_foreign)
            || step.path == "/api/v1/session"
        {
            continue;
        }
        let call = sign(app.call(step.method.clone(), &step.path));
        let call = step.body.iter().fold(call, Call::json);
        assert_nothing(&call.send().await, &step, theirs, who);
    }
}

#[tokio::test]
async fn a_store_key_gets_nothing_of_another_store_by_any_route() {
    let app = TestApp::start().await;
    app.harness.store_called(OWN).await;
    let theirs = foreign(&app).await;
    let key = app.key(Some(OWN), &[Scope::Publish, Scope::Read, Scope::Manage], None).await;
    let before = snapshot(&app).await;
    walk(&app, &theirs, "a key", |call| call.key(&key)).await;
    assert_eq!(snapshot(&app).await, before, "nothing of the other store has changed");
}

#[tokio::test]
async fn a_member_and_a_portal_session_get_nothing_of_another_store_by_any_route() {
    let app = TestApp::start().await;
    app.harness.store_called(OWN).await;
    let theirs = foreign(&app).await;
    let member = app.member("member@example.vn", "member", &[OWN]).await;
    let link = app.post("/stores/600/portal-links", &json!({})).header("host", "127.0.0.1:8080").send().await;
    let link = link.expect(201);
    let (_, token) = link["url"].as_str().expect("a URL").split_once("#token=").expect("a token");
    let opened = app.post("/session/link", &json!({"token": token})).without_key().send().await;
    opened.expect(200);
    let before = snapshot(&app).await;
    for (who, cookie) in [("a portal", opened.cookie()), ("a member", member)] {
        walk(&app, &theirs, who, |call| call.cookie(&cookie)).await;
        assert_eq!(snapshot(&app).await, before, "{who}");
    }
}
