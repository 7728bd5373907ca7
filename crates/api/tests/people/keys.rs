//! API keys by the API: shown once, no more than their maker may do, revoked at once.

use std::time::Duration;

use bocau_domain::Scope;
use bocau_domain::api_key::is_well_formed;
use bocau_testkit::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn a_key_is_shown_once_and_good_at_once() {
    let app = TestApp::start().await;
    let new = json!({"name": " Máy bán hàng ", "scopes": ["read", "publish"]});
    for (path, store) in [("/keys", Value::Null), ("/stores/552/keys", json!("552"))] {
        let made = app.post(path, &new).send().await.expect(201);
        let token = made["key"].as_str().expect("the key");
        assert!(is_well_formed(token) && token.len() == 47, "{token}");
        assert!(made["id"].as_str().expect("an id").starts_with("key_"));
        assert_eq!((&made["name"], &made["store_id"]), (&json!("Máy bán hàng"), &store));
        assert_eq!((&made["scopes"], &made["expires_at"]), (&json!(["publish", "read"]), &Value::Null));
        app.get("/stores/552").key(token).send().await.expect(200);
        let list = app.get(path).send().await;
        assert_eq!(list.expect(200)["data"][0]["id"], made["id"]);
        assert!(!String::from_utf8_lossy(&list.body).contains(token));
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let app = TestApp::start().await;
    for path in ["/keys", "/stores/552/keys"] {
        let made = app.post(path, &json!({"name": "a", "scopes": ["read"]})).send().await.expect(201);
        let (id, token) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("the key"));
        app.get("/stores/552").key(token).send().await.expect(200);
        app.delete(&format!("{path}/{id}")).send().await.expect(204);
        assert_eq!(app.get("/stores/552").key(token).send().await.problem(401), "unauthorized");
        assert_eq!(app.delete(&format!("{path}/{id}")).send().await.problem(404), "not-found");
    }
}

#[tokio::test]
async fn a_key_of_the_platform_is_none_of_a_stores_and_the_other_way_round() {
    let app = TestApp::start().await;
    let new = json!({"name": "a", "scopes": ["read"]});
    let platform = app.post("/keys", &new).send().await.expect(201);
    let store = app.post("/stores/552/keys", &new).send().await.expect(201);
    let id = |made: &Value| made["id"].as_str().expect("an id").to_owned();
    for path in [format!("/stores/552/keys/{}", id(&platform)), format!("/keys/{}", id(&store))] {
        assert_eq!(app.delete(&path).send().await.problem(404), "not-found", "{path}");
    }
    for path in ["/keys", "/stores/552/keys"] {
        let list = app.get(path).send().await.expect(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{path}");
    }
    assert_eq!(app.get("/stores/none/keys").send().await.problem(404), "not-found");
    assert_eq!(app.post("/stores/none/keys", &new).send().await.problem(404), "not-found");
}

#[tokio::test]
async fn nobody_makes_a_key_that_may_do_more_than_they_may() {
    let app = TestApp::start().await;
    let manager = app.key(Some("552"), &[Scope::Manage], None).await;
    let new = |scopes: &[&str]| json!({"name": "a", "scopes": scopes});
    let make = async |path: &str, scopes: &[&str]| app.post(path, &new(scopes)).key(&manager).send().await;
    make("/stores/552/keys", &["manage"]).await.expect(201);
    assert_eq!(make("/stores/552/keys", &["manage", "read"]).await.problem(403), "forbidden");
    assert_eq!(make("/keys", &["manage"]).await.problem(403), "forbidden");
}

#[tokio::test]
async fn who_is_confined_to_a_store_takes_no_key_of_the_platform_away() {
    let app = TestApp::start().await;
    let new = json!({"name": "a", "scopes": ["read"]});
    let platform = app.post("/keys", &new).send().await.expect(201);
    let (id, token) = (platform["id"].as_str().expect("an id"), platform["key"].as_str().expect("the key"));
    let path = format!("/keys/{id}");
    let store_key = app.key(Some("552"), &[Scope::Manage], None).await;
    assert_eq!(app.delete(&path).key(&store_key).send().await.problem(404), "not-found");
    for role in ["member", "viewer"] {
        let cookie = app.member(&format!("{role}@example.vn"), role, &["552"]).await;
        let own_page = app.delete(&path).cookie(&cookie).header("sec-fetch-site", "same-origin");
        assert_eq!(own_page.send().await.problem(404), "not-found", "{role}");
    }
    app.get("/stores/552").key(token).send().await.expect(200);
}

#[tokio::test]
async fn a_key_does_not_outlast_the_right_of_its_maker() {
    let app = TestApp::start().await;
    let (own, later) = ("2026-11-24T03:00:00.000Z", "2026-11-24T03:00:01Z");
    let short = json!({"name": "a", "scopes": ["manage"], "expires_at": own});
    let made = app.post("/stores/552/keys", &short).send().await.expect(201);
    let key = made["key"].as_str().expect("the key");
    let ask = async |new: &Value| app.post("/stores/552/keys", new).key(key).send().await;
    let new = json!({"name": "b", "scopes": ["manage"]});
    assert_eq!(ask(&new).await.expect(201)["expires_at"], own);
    let new = json!({"name": "b", "scopes": ["manage"], "expires_at": "2026-11-24T02:30:00Z"});
    assert_eq!(ask(&new).await.expect(201)["expires_at"], "2026-11-24T02:30:00.000Z");
    let refused = ask(&json!({"name": "b", "scopes": ["manage"], "expires_at": later})).await;
    assert_eq!(refused.problem(422), "validation-failed");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/expires_at");
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused_with_the_field() {
    let app = TestApp::start().await;
    let new = json!({"name": "a", "scopes": ["read"]});
    for (field, value, pointer) in [
        ("name", json!(" "), "/name"),
        ("name", json!("x".repeat(201)), "/name"),
        ("name", json!("a\nb"), "/name"),
        ("scopes", json!([]), "/scopes"),
        ("scopes", json!(["read", "admin"]), "/scopes/1"),
        ("expires_at", json!("2026-11-24T01:59:59Z"), "/expires_at"),
        ("expires_at", json!("mai"), "/expires_at"),
    ] {
        let mut body = new.clone();
        body[field] = value;
        let refused = app.post("/stores/552/keys", &body).send().await;
        assert_eq!(refused.problem(422), "validation-failed", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_key_is_refused_from_its_end_on() {
    let app = TestApp::start().await;
    let new = json!({"name": "a", "scopes": ["read"], "expires_at": "2026-11-24T10:00:00+07:00"});
    let made = app.post("/keys", &new).send().await.expect(201);
    assert_eq!(made["expires_at"], "2026-11-24T03:00:00.000Z");
    let token = made["key"].as_str().expect("the key");
    app.get("/stores/552").key(token).send().await.expect(200);
    app.harness.clock.advance(Duration::from_hours(1));
    assert_eq!(app.get("/stores/552").key(token).send().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn the_list_says_when_a_key_was_used_last() {
    let app = TestApp::start().await;
    let made = app.post("/keys", &json!({"name": "a", "scopes": ["read"]})).send().await.expect(201);
    assert_eq!(made["last_used_at"], Value::Null);
    app.get("/stores").key(made["key"].as_str().expect("the key")).send().await.expect(200);
    let seen = async {
        loop {
            let list = app.get("/keys").send().await.expect(200);
            if let Some(at) = list["data"][0]["last_used_at"].as_str() {
                break at.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let at = bocau_testkit::patience::capped(seen, || "the use of a key to be noted".into()).await;
    assert_eq!(at, "2026-11-24T02:00:00.000Z");
}

#[tokio::test]
async fn keys_have_a_limit() {
    let app = TestApp::start().await;
    let new = json!({"name": "a", "scopes": ["read"]});
    for _ in 0..bocau_domain::limits::API_KEYS_PER_OWNER_MAX {
        app.post("/stores/552/keys", &new).send().await.expect(201);
    }
    assert_eq!(app.post("/stores/552/keys", &new).send().await.problem(409), "too-many-keys");
}
