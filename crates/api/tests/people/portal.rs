//! Portal links: a store's pages inside the platform's own admin.

use std::time::Duration;

use bocau_testkit::{Answer, TestApp};
use serde_json::{Value, json};

async fn link(app: &TestApp, body: &Value) -> Value {
    let call = app.post("/stores/552/portal-links", body).header("host", "127.0.0.1:8080");
    call.send().await.expect(201)
}

async fn open(app: &TestApp, link: &Value) -> Answer {
    let (_, token) = link["url"].as_str().expect("a URL").split_once("#token=").expect("a token");
    app.post("/session/link", &json!({"token": token})).without_key().send().await
}

#[tokio::test]
async fn a_link_opens_the_pages_of_its_store_once() {
    let app = TestApp::start().await;
    let link = link(&app, &json!({})).await;
    assert!(
        link["url"].as_str().expect("a URL").starts_with("http://127.0.0.1:8080/portal#token="),
        "{link}"
    );
    assert_eq!(link["expires_at"], "2026-11-24T02:15:00.000Z");
    let opened = open(&app, &link).await;
    let session = opened.expect(200);
    assert_eq!((&session["kind"], &session["user"]), (&json!("portal"), &Value::Null));
    assert_eq!(session["store"], json!({"id": "552", "name": "Cửa hàng 552"}));
    assert_eq!(
        (&session["role"], &session["expires_at"]),
        (&json!("member"), &json!("2026-11-24T10:00:00.000Z"))
    );
    assert_eq!(open(&app, &link).await.problem(401), "link-expired");
}

#[tokio::test]
async fn a_link_is_over_after_its_minutes_and_its_session_after_eight_hours() {
    let app = TestApp::start().await;
    let [short, long] =
        [link(&app, &json!({"valid_minutes": 1})).await, link(&app, &json!({"valid_minutes": 60})).await];
    app.harness.clock.advance(Duration::from_mins(1));
    assert_eq!(open(&app, &short).await.problem(401), "link-expired");
    let opened = open(&app, &long).await;
    opened.expect(200);
    for _ in 0..7 {
        app.harness.clock.advance(Duration::from_hours(1));
        app.get("/session").cookie(&opened.cookie()).send().await.expect(200);
    }
    app.harness.clock.advance(Duration::from_hours(1));
    assert_eq!(app.get("/session").cookie(&opened.cookie()).send().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn a_portal_session_reaches_its_store_alone() {
    let app = TestApp::start().await;
    app.harness.store_called("600").await;
    let cookie = open(&app, &link(&app, &json!({})).await).await.cookie();
    let stores = app.get("/stores").cookie(&cookie).send().await.expect(200);
    assert_eq!(stores["data"].as_array().map(Vec::len), Some(1));
    app.get("/stores/552/keys").cookie(&cookie).send().await.expect(200);
    assert_eq!(app.get("/stores/600").cookie(&cookie).send().await.problem(404), "not-found");
    for path in ["/members", "/keys"] {
        assert_eq!(app.get(path).cookie(&cookie).send().await.problem(403), "forbidden", "{path}");
    }
    let again =
        app.post("/stores/552/portal-links", &json!({})).cookie(&cookie).header("host", "a").send().await;
    assert_eq!(again.problem(403), "forbidden");
    let password = json!({"new_password": "một mật khẩu thật dài"});
    assert_eq!(
        app.put("/session/password", &password).cookie(&cookie).send().await.problem(403),
        "forbidden"
    );

    let viewer = open(&app, &link(&app, &json!({"role": "viewer"})).await).await.cookie();
    app.get("/stores/552/webhooks").cookie(&viewer).send().await.expect(200);
    assert_eq!(app.get("/stores/552/keys").cookie(&viewer).send().await.problem(403), "forbidden");
}

#[tokio::test]
async fn the_cookie_of_a_portal_works_in_another_sites_frame_where_the_server_has_https() {
    let mut app = TestApp::start().await;
    let opened = open(&app, &link(&app, &json!({})).await).await;
    let (pair, attributes) = opened.set_cookie().split_once("; ").expect("attributes");
    assert!(pair.starts_with("bocau_portal="), "{pair}");
    assert_eq!(attributes, "Path=/; Max-Age=28800; HttpOnly; SameSite=Lax");
    app.serve_with(|parts| {
        parts.secure_cookies = true;
        parts.public_url = Some("https://bocau.example.vn".into());
    });
    let link = link(&app, &json!({})).await;
    assert!(link["url"].as_str().expect("a URL").starts_with("https://bocau.example.vn/portal#"), "{link}");
    let opened = open(&app, &link).await;
    assert!(opened.set_cookie().ends_with("; HttpOnly; SameSite=None; Secure; Partitioned"), "{opened:?}");
}

#[tokio::test]
async fn a_portal_page_never_acts_as_the_person_who_is_signed_in_beside_it() {
    let app = TestApp::start().await;
    let user = app.member("chu@example.vn", "admin", &[]).await;
    let portal = open(&app, &link(&app, &json!({})).await).await.cookie();
    let both = format!("{user}; {portal}");
    let kind = async |cookie: &str, is_portal: bool| {
        let call = app.get("/session").cookie(cookie);
        let call = if is_portal { call.header("x-bocau-portal", "1") } else { call };
        let answer = call.send().await;
        (answer.status == 200).then(|| answer.json()["kind"].as_str().expect("a kind").to_owned())
    };
    assert_eq!(kind(&both, true).await.as_deref(), Some("portal"));
    assert_eq!(kind(&both, false).await.as_deref(), Some("user"));
    assert_eq!(kind(&user, true).await, None);
    assert_eq!(kind(&portal, false).await.as_deref(), Some("portal"));
    // A stream says so in its address.
    drop(app.get("/stores/552/live?portal=1").cookie(&both).stream().await);
    assert_eq!(app.get("/stores/552/live?portal=1").cookie(&user).send().await.problem(401), "unauthorized");
    let out = app.delete("/session").cookie(&both).header("x-bocau-portal", "1").send().await;
    out.expect(204);
    assert!(out.set_cookie().starts_with("bocau_portal=; "), "{out:?}");
    assert_eq!(kind(&both, false).await.as_deref(), Some("user"));
}

#[tokio::test]
async fn the_sessions_and_links_of_a_deleted_store_are_over() {
    let app = TestApp::start().await;
    let [first, second] = [link(&app, &json!({})).await, link(&app, &json!({})).await];
    let cookie = open(&app, &first).await.cookie();
    app.delete("/stores/552").send().await.expect(204);
    assert_eq!(open(&app, &second).await.problem(401), "link-expired");
    assert_eq!(app.get("/session").cookie(&cookie).send().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn a_link_that_cannot_be_is_refused() {
    let app = TestApp::start().await;
    for (body, pointer) in [
        (json!({"valid_minutes": 0}), "/valid_minutes"),
        (json!({"valid_minutes": 61}), "/valid_minutes"),
        (json!({"role": "admin"}), "/role"),
        (json!({}), "Host"),
    ] {
        let refused = app.post("/stores/552/portal-links", &body).send().await;
        assert_eq!(refused.problem(422), "validation-failed", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let none = app.post("/stores/none/portal-links", &json!({})).header("host", "a").send().await;
    assert_eq!(none.problem(404), "not-found");
}

#[tokio::test]
async fn a_key_that_a_portal_session_makes_ends_with_it() {
    let app = TestApp::start().await;
    let opened = open(&app, &link(&app, &json!({})).await).await;
    let new = json!({"name": "a", "scopes": ["read"]});
    let call = app.post("/stores/552/keys", &new).cookie(&opened.cookie());
    let made = call.send().await.expect(201);
    assert_eq!(made["expires_at"], opened.expect(200)["expires_at"]);
}

#[tokio::test]
async fn a_portal_session_does_not_outlast_the_key_that_made_its_link() {
    let app = TestApp::start().await;
    let end = "2026-11-24T03:00:00.000Z";
    let new = json!({"name": "a", "scopes": ["manage"], "expires_at": end});
    let made = app.post("/keys", &new).send().await.expect(201);
    let call = app.post("/stores/552/portal-links", &json!({})).header("host", "127.0.0.1:8080");
    let link = call.key(made["key"].as_str().expect("the key")).send().await.expect(201);
    assert_eq!(open(&app, &link).await.expect(200)["expires_at"], end);
}
