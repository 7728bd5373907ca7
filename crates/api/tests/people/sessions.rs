//! Sessions: their cookies, how long they last, what ends them, and whose pages may use them.

use std::time::Duration;

use bocau_testkit::{PASSWORD, TestApp};
use http::Method;
use serde_json::json;

const LAN: &str = "lan@example.vn";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const ALMOST_14_DAYS: Duration = Duration::from_hours(14 * 24 - 1);

async fn is_signed_in(app: &TestApp, cookie: &str) -> bool {
    let answer = app.get("/session").cookie(cookie).send().await;
    if answer.status == 401 {
        assert_eq!(answer.problem(401), "unauthorized");
    }
    answer.status == 200
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let mut app = TestApp::start().await;
    app.member(LAN, "member", &["552"]).await;
    let plain = app.sign_in(LAN, PASSWORD).await;
    let (pair, attributes) = plain.set_cookie().split_once("; ").expect("attributes");
    let value = pair.strip_prefix("bocau_session=").expect("its name");
    assert_eq!(value.len(), 43, "32 random bytes");
    assert_eq!(attributes, "Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax");
    assert!(!String::from_utf8_lossy(&plain.body).contains(value));

    app.serve_with(|parts| parts.secure_cookies = true);
    let secure = app.sign_in(LAN, PASSWORD).await;
    assert!(secure.set_cookie().ends_with("; HttpOnly; SameSite=Lax; Secure"), "{secure:?}");
    let out = app.delete("/session").cookie(&secure.cookie()).send().await;
    assert_eq!(out.set_cookie(), "bocau_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let mut app = TestApp::start().await;
    let cookie = app.member(LAN, "member", &["552"]).await;
    app.restart().await;
    assert!(is_signed_in(&app, &cookie).await);
    app.get("/stores/552/webhooks").cookie(&cookie).send().await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once_and_takes_the_cookie_away() {
    let app = TestApp::start().await;
    let [cookie, other] =
        [app.member(LAN, "member", &["552"]).await, app.sign_in(LAN, PASSWORD).await.cookie()];
    assert!(is_signed_in(&app, &cookie).await);
    let out = app.delete("/session").cookie(&cookie).send().await;
    out.expect(204);
    assert_eq!(out.set_cookie(), "bocau_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert!(!is_signed_in(&app, &cookie).await);
    assert!(is_signed_in(&app, &other).await, "another device stays signed in");
}

#[tokio::test]
async fn a_session_lasts_14_days_without_use_and_90_days_in_all() {
    let app = TestApp::start().await;
    let idle = app.member(LAN, "member", &["552"]).await;
    app.harness.clock.advance(ALMOST_14_DAYS);
    assert!(is_signed_in(&app, &idle).await, "that puts its end off");
    app.harness.clock.advance(ALMOST_14_DAYS);
    assert!(is_signed_in(&app, &idle).await);
    app.harness.clock.advance(14 * DAY);
    assert!(!is_signed_in(&app, &idle).await);

    let used = app.sign_in(LAN, PASSWORD).await.cookie();
    for _ in 0..8 {
        app.harness.clock.advance(10 * DAY);
        assert!(is_signed_in(&app, &used).await);
    }
    app.harness.clock.advance(10 * DAY);
    assert!(!is_signed_in(&app, &used).await, "90 days");
}

#[tokio::test]
async fn a_session_whose_end_cannot_be_put_off_is_as_good_as_before() {
    let app = TestApp::start().await;
    let cookie = app.member(LAN, "member", &["552"]).await;
    app.harness.clock.advance(2 * HOUR);
    app.harness.store().fail(&[bocau_testkit::Verb::Configure]);
    assert!(is_signed_in(&app, &cookie).await);
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let [own, other] = [app.member(LAN, "member", &["552"]).await, app.sign_in(LAN, PASSWORD).await.cookie()];
    let (own, new) = (own.as_str(), "một mật khẩu mới tinh");
    let change = async |current: Option<&str>, new: &str| {
        let mut body = json!({"new_password": new});
        if let Some(current) = current {
            body["current_password"] = json!(current);
        }
        app.put("/session/password", &body).cookie(own).send().await
    };
    for (current, new, pointer) in [
        (None, new, "/current_password"),
        (Some("sai sai sai sai"), new, "/current_password"),
        (Some(PASSWORD), "ngắn", "/new_password"),
        (Some(PASSWORD), &"dài".repeat(100), "/new_password"),
    ] {
        let refused = change(current, new).await;
        assert_eq!(refused.problem(422), "validation-failed");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    assert!(is_signed_in(&app, &other).await);
    change(Some(PASSWORD), new).await.expect(204);
    assert!(is_signed_in(&app, own).await, "one's own goes on");
    assert!(!is_signed_in(&app, &other).await);
    app.sign_in(LAN, PASSWORD).await.problem(401);
    app.sign_in(LAN, new).await.expect(200);
}

#[tokio::test]
async fn an_open_session_is_no_place_to_guess_the_password() {
    let app = TestApp::start().await;
    let cookie = app.member(LAN, "member", &["552"]).await;
    let body = json!({"current_password": "sai sai sai sai", "new_password": PASSWORD});
    for _ in 0..5 {
        app.put("/session/password", &body).cookie(&cookie).send().await.problem(422);
    }
    let refused = app.put("/session/password", &body).cookie(&cookie).send().await;
    assert_eq!(refused.problem(429), "too-many-attempts");
}

#[tokio::test]
async fn an_address_that_is_taken_or_none_is_refused() {
    let app = TestApp::start().await;
    let cookie = app.member(LAN, "viewer", &["552"]).await;
    app.member("tu@example.vn", "viewer", &["552"]).await;
    let change =
        async |email: &str| app.put("/session/email", &json!({"email": email})).cookie(&cookie).send().await;
    assert_eq!(change("TU@example.vn").await.problem(409), "already-exists");
    assert_eq!(change("không").await.problem(422), "validation-failed");
    assert_eq!(change("Moi@example.vn").await.expect(200)["user"]["email"], "moi@example.vn");
    let session = app.get("/session").cookie(&cookie).send().await.expect(200);
    assert_eq!(session["user"]["email"], "moi@example.vn");
}

#[tokio::test]
async fn a_request_that_changes_something_must_come_from_a_page_of_ours() {
    let mut app = TestApp::start().await;
    let cookie = app.member(LAN, "admin", &[]).await;
    let made = async |app: &TestApp, headers: &[(&str, &str)]| {
        let mut call = app.post("/stores", &json!({"name": "A"})).without_key().header("cookie", &cookie);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await
    };
    let host = ("host", "hook.example.vn");
    for headers in [
        &[][..],
        &[host],
        &[host, ("sec-fetch-site", "cross-site")],
        &[host, ("sec-fetch-site", "same-site")],
        &[host, ("sec-fetch-site", "none")],
        &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://hook.example.vn")],
        &[host, ("origin", "https://evil.example")],
        &[host, ("origin", "https://hook.example.vn.evil.example")],
        &[host, ("origin", "https://hook.example.vn:8443")],
        &[host, ("origin", "null")],
        &[host, ("origin", "https://hook.example.vn"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://hook.example.vn")],
    ] {
        assert_eq!(made(&app, headers).await.problem(403), "cross-site-request", "{headers:?}");
    }
    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[host, ("origin", "https://hook.example.vn")],
        &[host, ("origin", "http://hook.example.vn")],
    ] {
        made(&app, headers).await.expect(201);
    }
    app.get("/stores").without_key().header("cookie", &cookie).send().await.expect(200);

    app.serve_with(|parts| {
        parts.secure_cookies = true;
        parts.public_url = Some("https://bocau.example.vn/webhook".into());
    });
    let plain = [host, ("origin", "http://hook.example.vn")];
    assert_eq!(made(&app, &plain).await.problem(403), "cross-site-request");
    made(&app, &[host, ("origin", "https://bocau.example.vn")]).await.expect(201);
}

#[tokio::test]
async fn a_key_counts_before_a_cookie_and_has_no_session_itself() {
    let app = TestApp::start().await;
    let cookie = app.member(LAN, "viewer", &["552"]).await;
    let made = app.post("/stores", &json!({"name": "A"})).header("cookie", &cookie).send().await;
    made.expect(201);
    for method in [Method::GET, Method::DELETE] {
        let answer = app.call(method, "/api/v1/session").send().await;
        assert_eq!(answer.problem(401), "unauthorized");
    }
    let wrong = app.get("/session").key("bck_short").header("cookie", &cookie).send().await;
    assert_eq!(wrong.problem(401), "unauthorized");
}

#[tokio::test]
async fn a_cookie_of_nobody_is_refused() {
    let app = TestApp::start().await;
    for cookie in ["bocau_session=x", &format!("bocau_session={}", "a".repeat(43)), "other=1", ""] {
        assert!(!is_signed_in(&app, cookie).await, "{cookie}");
    }
}

#[tokio::test]
async fn answers_of_the_api_are_no_pages_and_no_cache_keeps_them() {
    let app = TestApp::start().await;
    for path in ["/stores", "/nothing", "/session"] {
        let answer = app.get(path).send().await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.headers.get(name).expect(name), value, "{path}");
        }
    }
}
