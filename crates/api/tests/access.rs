//! Who may do what: keys, scopes, stores, and other people's things.

use std::time::Duration;

use bocau_domain::{Clock as _, Scope};
use bocau_testkit::{Call, TestApp};
use http::Method;
use serde_json::{Value, json};

fn document() -> serde_json::Value {
    serde_json::from_str(&bocau_api::openapi_json()).expect("JSON")
}

#[derive(Debug)]
struct Route {
    method: Method,
    path: String,
    /// Whether the path names something below the store.
    has_id: bool,
}

/// Every operation below `/stores/{store}`, with its path filled in.
async fn store_routes(app: &TestApp, store: &str) -> Vec<Route> {
    let webhook = app.harness.webhook("/hook").await.to_string();
    let delivery = app.harness.send("1").await;
    let event = app.harness.delivery(delivery).await.event_id.to_string();
    let job = app.post("/stores/552/resends", &json!({"status": "failed"})).send().await.expect(202);
    let job = job["id"].as_str().expect("an id").to_owned();
    let key =
        app.post("/stores/552/keys", &json!({"name": "a", "scopes": ["read"]})).send().await.expect(201);
    let key = key["id"].as_str().expect("an id").to_owned();
    let inbox = app.post("/stores/552/inboxes", &json!({})).send().await.expect(201);
    let inbox = inbox["id"].as_str().expect("an id").to_owned();
    let mut routes = Vec::new();
    for (path, methods) in document()["paths"].as_object().expect("paths") {
        if !path.starts_with("/api/v1/stores/{store}") {
            continue;
        }
        let id = match path.split('/').nth(5) {
            Some("webhooks") => webhook.clone(),
            Some("events") => event.clone(),
            Some("deliveries") => delivery.to_string(),
            Some("resends") => job.clone(),
            Some("inboxes") => inbox.clone(),
            Some("keys") => key.clone(),
            Some("objects") => "1".to_owned(),
            Some("overview" | "live" | "deliveries.csv" | "portal-links") | None => String::new(),
            other => panic!("{path}: give this test an id of {other:?}"),
        };
        for method in methods.as_object().expect("methods").keys() {
            let filled = path.replace("{store}", store).replace("{id}", &id).replace("{group}", "order");
            let method = method.to_uppercase().parse().expect("a method");
            routes.push(Route { method, path: filled, has_id: path.contains("{id}") });
        }
    }
    assert!(routes.len() >= 17, "{routes:?}");
    routes
}

fn with_body<'a>(call: Call<'a>, method: &Method) -> Call<'a> {
    if *method == Method::POST || *method == Method::PATCH { call.json(&json!({})) } else { call }
}

#[tokio::test]
async fn every_route_of_a_foreign_store_is_404_for_a_store_key() {
    let app = TestApp::start().await;
    app.harness.store_called("other").await;
    let foreign = app.key(Some("other"), &[Scope::Publish, Scope::Read, Scope::Manage], None).await;
    for Route { method, path, .. } in store_routes(&app, "552").await {
        let answer = with_body(app.call(method.clone(), &path), &method).key(&foreign).send().await;
        assert_eq!(answer.problem(404), "not-found", "{method} {path}");
    }
}

#[tokio::test]
async fn an_id_of_another_store_is_404_under_ones_own() {
    let app = TestApp::start().await;
    app.harness.store_called("other").await;
    let own = app.key(Some("other"), &[Scope::Publish, Scope::Read, Scope::Manage], None).await;
    for Route { method, path, .. } in
        store_routes(&app, "other").await.into_iter().filter(|route| route.has_id)
    {
        let answer = with_body(app.call(method.clone(), &path), &method).key(&own).send().await;
        assert_eq!(answer.problem(404), "not-found", "{method} {path}");
    }
}

#[tokio::test]
async fn every_route_of_the_api_needs_a_key() {
    let app = TestApp::start().await;
    for (path, methods) in document()["paths"].as_object().expect("paths") {
        if !path.starts_with("/api/v1") {
            continue;
        }
        for method in methods.as_object().expect("methods").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            // They make a session out of what the body has.
            if method == Method::POST && ["/api/v1/session", "/api/v1/session/link"].contains(&path.as_str())
            {
                assert_eq!(methods["post"]["security"], json!([{}]), "{path}");
                continue;
            }
            let path = path.replace("{store}", "552").replace("{id}", "x").replace("{group}", "order");
            let none = app.call(method.clone(), &path).without_key().send().await;
            assert_eq!(none.problem(401), "unauthorized", "{method} {path}");
            assert_eq!(none.headers.get("www-authenticate").expect("a header"), "Bearer");
            for wrong in ["bck_short", "bck_00000000000000000000000000000000000", ""] {
                assert_eq!(
                    app.call(method.clone(), &path).key(wrong).send().await.problem(401),
                    "unauthorized"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say() {
    let app = TestApp::start().await;
    let routes = store_routes(&app, "552").await;
    for (scope, allowed) in [(Scope::Read, Method::GET), (Scope::Publish, Method::POST)] {
        let key = app.key(Some("552"), &[scope], None).await;
        for Route { method, path, .. } in &routes {
            // A stream that is let in has no end to wait for.
            if path.ends_with("/live") && scope == Scope::Read {
                drop(app.call(method.clone(), path).key(&key).stream().await);
                continue;
            }
            let answer = with_body(app.call(method.clone(), path), method).key(&key).send().await;
            let is_publish = path.ends_with("/events") || path.ends_with("/batch");
            let is_secret = path.ends_with("/secret") || path.contains("/keys");
            let may = match scope {
                Scope::Read => *method == allowed && !is_secret,
                _ => *method == allowed && is_publish,
            };
            assert_eq!(answer.status != 403, may, "{scope} {method} {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let app = TestApp::start().await;
    let end = app.harness.clock.now() + Duration::from_mins(1);
    let key = app.key(None, &[Scope::Read], Some(end)).await;
    app.get("/stores").key(&key).send().await.expect(200);
    app.harness.clock.advance(Duration::from_mins(1));
    assert_eq!(app.get("/stores").key(&key).send().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn a_store_key_sees_its_own_store_and_may_not_make_or_delete_stores() {
    let app = TestApp::start().await;
    app.harness.store_called("other").await;
    let key = app.key(Some("other"), &[Scope::Read, Scope::Manage], None).await;
    let list = app.get("/stores").key(&key).send().await.expect(200);
    assert_eq!(list["data"].as_array().expect("rows").len(), 1);
    assert_eq!(list["data"][0]["id"], "other");
    assert_eq!(app.post("/stores", &json!({"name": "x"})).key(&key).send().await.problem(403), "forbidden");
    assert_eq!(app.delete("/stores/other").key(&key).send().await.problem(403), "forbidden");
}

#[tokio::test]
async fn stores_are_made_renamed_listed_and_deleted() {
    let app = TestApp::start().await;
    let made = app.post("/stores", &json!({"id": "hn-1", "name": " Điểm bán 1 "})).send().await.expect(201);
    assert_eq!((&made["id"], &made["name"]), (&json!("hn-1"), &json!("Điểm bán 1")));
    let own = app.post("/stores", &json!({"name": "Không id"})).send().await.expect(201);
    assert!(own["id"].as_str().expect("an id").starts_with("st_"));
    assert_eq!(
        app.post("/stores", &json!({"id": "hn-1", "name": "x"})).send().await.problem(409),
        "already-exists"
    );
    for bad in [
        json!({"id": "a/b", "name": "x"}),
        json!({"name": ""}),
        json!({"name": "x".repeat(201)}),
        json!({"name": "a\u{7}"}),
    ] {
        assert_eq!(app.post("/stores", &bad).send().await.problem(422), "validation-failed", "{bad}");
    }
    let renamed = app.patch("/stores/hn-1", &json!({"name": "Điểm bán 2"})).send().await.expect(200);
    assert_eq!(renamed["name"], "Điểm bán 2");
    app.harness.clock.advance(Duration::from_secs(1));
    app.post("/stores", &json!({"id": "0-newest", "name": "x"})).send().await.expect(201);
    let first = app.get("/stores?limit=2").send().await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let rest = app.get(&format!("/stores?limit=2&cursor={cursor}")).send().await.expect(200);
    let rows = [first["data"].as_array().expect("rows").as_slice(), rest["data"].as_array().expect("rows")];
    let ids: Vec<&str> = rows.into_iter().flatten().map(|row| row["id"].as_str().expect("an id")).collect();
    assert_eq!((ids.len(), ids[0], &rest["next_cursor"]), (4, "0-newest", &Value::Null), "{ids:?}");
    for cursor in ["AAAA", "NTUy"] {
        let answer = app.get(&format!("/stores?cursor={cursor}")).send().await;
        assert_eq!(answer.problem(400), "invalid-cursor", "{cursor}");
    }
    app.delete("/stores/hn-1").send().await.expect(204);
    assert_eq!(app.get("/stores/hn-1").send().await.problem(404), "not-found");
    let event = json!({"type": "order.created", "object_id": "1", "payload": {}});
    assert_eq!(app.post("/stores/hn-1/events", &event).send().await.problem(404), "not-found");
}

#[tokio::test]
async fn a_store_says_how_long_its_events_are_kept() {
    let app = TestApp::start().await;
    let defaults = app.get("/defaults").send().await.expect(200);
    assert_eq!(defaults["retention_days"], 30);
    assert_eq!(app.get("/stores/552").send().await.expect(200)["retention_days"], Value::Null);
    let made = json!({"id": "hn-1", "name": "Kho", "retention_days": 7});
    assert_eq!(app.post("/stores", &made).send().await.expect(201)["retention_days"], 7);
    for (change, name, days) in [
        (json!({"retention_days": 3650}), "Kho", json!(3650)),
        (json!({"name": "Kho 2"}), "Kho 2", json!(3650)),
        (json!({"retention_days": null, "name": "Kho"}), "Kho", Value::Null),
        (json!({}), "Kho", Value::Null),
    ] {
        let changed = app.patch("/stores/hn-1", &change).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["retention_days"]), (&json!(name), &days), "{change}");
        assert_eq!(app.get("/stores/hn-1").send().await.expect(200), changed);
    }
    for bad in [json!(0), json!(3651), json!(u32::MAX)] {
        let new = json!({"id": "hn-2", "name": "x", "retention_days": bad});
        for answer in [
            app.post("/stores", &new).send().await,
            app.patch("/stores/hn-1", &json!({"retention_days": bad})).send().await,
        ] {
            assert_eq!(answer.json()["errors"][0]["pointer"], "/retention_days", "{bad}");
            assert_eq!(answer.problem(422), "validation-failed", "{bad}");
        }
    }
    for bad in [json!({"retention_days": "7"}), json!({"retention_days": -1}), json!({"name": null})] {
        assert_eq!(app.patch("/stores/hn-1", &bad).send().await.problem(422), "validation-failed", "{bad}");
    }
    assert_eq!(app.get("/stores/hn-2").send().await.problem(404), "not-found");
    let own = app.key(Some("552"), &[Scope::Manage], None).await;
    let answer = app.patch("/stores/552", &json!({"retention_days": 1})).key(&own).send().await;
    assert_eq!(answer.problem(403), "forbidden");
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_too() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/nothing").send().await.problem(404), "not-found");
    assert_eq!(app.delete("/event-types").send().await.problem(405), "method-not-allowed");
    assert_eq!(app.get("/stores/none/webhooks").send().await.problem(404), "not-found");
    assert_eq!(app.get("/stores/none/deliveries").send().await.problem(404), "not-found");
    let answer = app.get("/stores").header("x-request-id", "abc-1").send().await;
    assert_eq!(answer.headers.get("x-request-id").expect("an id"), "abc-1");
    assert!(app.get("/stores").send().await.headers.contains_key("x-request-id"));
    for odd in ["", "a b", &"x".repeat(129)] {
        let answer = app.get("/stores").header("x-request-id", odd).send().await;
        let own = answer.headers.get("x-request-id").expect("an id").to_str().expect("ASCII");
        assert!(own.len() == 32 && own != odd, "{odd:?}: {own}");
    }
}

#[tokio::test]
async fn the_catalogue_has_the_documents_samples_and_each_fits_its_schema() {
    let app = TestApp::start().await;
    let answer = app.get("/event-types").send().await;
    let list = answer.expect(200);
    let types = list["data"].as_array().expect("types");
    assert_eq!(types.len(), 13);
    for entry in types {
        let schema = jsonschema::validator_for(&entry["schema"]).expect("a schema");
        assert!(schema.is_valid(&entry["sample"]), "{}", entry["name"]);
        assert!(entry["label"]["vi"].is_string() && entry["label"]["en"].is_string());
    }
    let sample = include_str!("../../domain/catalogue/samples/order.json");
    assert!(String::from_utf8_lossy(&answer.body).contains(sample), "the sample stands there byte for byte");
}

#[tokio::test]
async fn the_readable_page_and_the_probes_need_no_key() {
    let app = TestApp::start().await;
    for path in ["/docs", "/api/v1/openapi.json", "/livez", "/readyz"] {
        let answer = app.call(Method::GET, path).without_key().send().await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let page = app.call(Method::GET, "/docs").send().await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.contains("/api/v1/stores/{store}/events") && !page.contains("<script"), "{page}");
}
