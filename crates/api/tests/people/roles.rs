//! What each role may do on each route.

use std::time::Duration;

use bocau_testkit::TestApp;
use http::Method;
use serde_json::{Value, json};

/// Every operation of the API that needs somebody, with 552 as the store and ids of nothing.
fn operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&bocau_api::openapi_json()).expect("JSON");
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let is_public = operation["security"] == json!([{}]) || path.ends_with("/session");
            if path.starts_with("/api/v1") && !is_public && !path.ends_with("/live") {
                let path = path.replace("{store}", "552").replace("{id}", "x");
                operations.push((method.to_uppercase().parse().expect("a method"), path));
            }
        }
    }
    assert!(operations.len() > 30, "{operations:?}");
    operations
}

async fn status(app: &TestApp, cookie: &str, method: &Method, path: &str) -> u16 {
    let call = app.call(method.clone(), path).cookie(cookie);
    let has_body = [Method::POST, Method::PATCH, Method::PUT].contains(method);
    let call = if has_body { call.json(&json!({})) } else { call };
    call.send().await.status.as_u16()
}

/// Whether a route is the platform's: nobody else gets in.
fn is_platforms(method: &Method, path: &str) -> bool {
    let below = path.trim_start_matches("/api/v1");
    let is_store_itself = below == "/stores/552" && *method != Method::GET;
    below.starts_with("/members")
        || below.starts_with("/nodes")
        || below.starts_with("/keys")
        || is_store_itself
        || (below == "/stores" && *method == Method::POST)
        || below.ends_with("/portal-links")
}

/// What is said to whoever may not: one thing of the platform's is not there for them, whether it exists or not.
fn refusal(path: &str) -> u16 {
    let is_one = ["/api/v1/keys/", "/api/v1/members/"].iter().any(|list| path.starts_with(list));
    if is_one { 404 } else { 403 }
}

/// What only looks, and shows nothing that is kept from those who only look.
fn is_for_viewers(method: &Method, path: &str) -> bool {
    let is_own = path.starts_with("/api/v1/session/");
    let is_secret = path.ends_with("/secret") || path.contains("/keys") || path.ends_with("/audit-log");
    is_own || (*method == Method::GET && !is_secret)
}

#[tokio::test]
async fn a_viewer_looks_a_member_manages_and_an_admin_does_everything() {
    let app = TestApp::start().await;
    app.harness.store_called("600").await;
    let admin = app.member("admin@example.vn", "admin", &[]).await;
    let member = app.member("member@example.vn", "member", &["552"]).await;
    let viewer = app.member("viewer@example.vn", "viewer", &["552"]).await;
    let foreign = app.member("foreign@example.vn", "member", &["600"]).await;
    for (method, path) in operations() {
        // An admin's would delete the store that the rest is about.
        if (&method, path.as_str()) != (&Method::DELETE, "/api/v1/stores/552") {
            let admins = status(&app, &admin, &method, &path).await;
            assert!(![401, 403].contains(&admins), "{method} {path}: {admins}");
        }
        let members = status(&app, &member, &method, &path).await;
        assert_eq!(members == refusal(&path), is_platforms(&method, &path), "{method} {path}: {members}");
        let viewers = status(&app, &viewer, &method, &path).await;
        if !path.ends_with("/audit-log") {
            let may = is_for_viewers(&method, &path) && !is_platforms(&method, &path);
            assert_eq!(viewers != refusal(&path), may, "{method} {path}: {viewers}");
        }
        if path.contains("/stores/552") {
            assert_eq!(status(&app, &foreign, &method, &path).await, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn people_see_the_stores_that_are_theirs_page_by_page() {
    let app = TestApp::start().await;
    for id in ["b", "c", "a"] {
        app.harness.clock.advance(Duration::from_millis(1));
        app.harness.store_called(id).await;
    }
    let member = app.member("member@example.vn", "member", &["c", "a", "552"]).await;
    let page = async |path: &str| {
        let page = app.get(path).cookie(&member).send().await.expect(200);
        let ids: Vec<String> = page["data"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect();
        (ids, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(page("/stores").await, (vec!["a".into(), "c".into(), "552".into()], None));
    let (first, cursor) = page("/stores?limit=2").await;
    assert_eq!(first, ["a", "c"]);
    let rest = page(&format!("/stores?limit=2&cursor={}", cursor.expect("more"))).await;
    assert_eq!(rest, (vec!["552".into()], None));
    let nobodys = app.member("nobody@example.vn", "viewer", &[]).await;
    let none = app.get("/stores").cookie(&nobodys).send().await.expect(200);
    assert_eq!(none["data"], json!([]));
}
