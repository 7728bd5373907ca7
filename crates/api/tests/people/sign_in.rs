//! Signing in: by password, by the first link, and how often somebody may be wrong.

use std::time::Duration;

use bocau_api::auth::throttle::SLOWED;
use bocau_api::first_sign_in_link;
use bocau_testkit::{PASSWORD, TestApp, Verb};
use http::Method;
use serde_json::{Value, json};

const LAN: &str = "lan@example.vn";

/// The link of the first admin, where there is one.
async fn first_link(app: &TestApp) -> Option<String> {
    let link = first_sign_in_link(app.harness.engine(), app.master_key(), "https://hook.example.vn/").await;
    link.expect("the store works")
}

fn token_of(link: &str) -> &str {
    link.split_once("#token=").expect("a token").1
}

async fn use_link(app: &TestApp, token: &str) -> bocau_testkit::Answer {
    app.post("/session/link", &json!({"token": token})).without_key().send().await
}

#[tokio::test]
async fn a_member_signs_in_with_their_password_and_whatever_case_of_their_address() {
    let app = TestApp::start().await;
    app.member(LAN, "member", &["552"]).await;
    let signed_in = app.sign_in(" LAN@example.vn ", PASSWORD).await;
    let session = signed_in.expect(200);
    assert_eq!((&session["kind"], &session["store"]), (&json!("user"), &Value::Null));
    assert_eq!(session["user"]["email"], LAN);
    assert_eq!((&session["user"]["role"], &session["user"]["stores"]), (&json!("member"), &json!(["552"])));
    assert_eq!(session["user"]["has_password"], true);
    assert_eq!(session["expires_at"], "2026-12-08T02:00:00.000Z", "14 days");
    let found = app.get("/session").cookie(&signed_in.cookie()).send().await.expect(200);
    assert_eq!(found, session);
    assert!(app.get("/members").send().await.expect(200)["data"][0]["last_sign_in_at"].is_string());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    let wrong = app.sign_in(LAN, "một mật khẩu khác").await;
    let unknown = app.sign_in("nobody@example.vn", PASSWORD).await;
    let no_address = app.sign_in("not an address", PASSWORD).await;
    for answer in [&wrong, &unknown, &no_address] {
        assert_eq!(answer.problem(401), "wrong-credentials");
        assert!(answer.headers.get("set-cookie").is_none());
        assert_eq!(answer.body, wrong.body);
    }
}

#[tokio::test]
async fn after_five_failures_an_address_waits_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    for _ in 0..5 {
        assert_eq!(app.sign_in(LAN, "sai").await.problem(401), "wrong-credentials");
    }
    let refused = app.sign_in(LAN, PASSWORD).await;
    assert_eq!(refused.problem(429), "too-many-attempts");
    assert_eq!(refused.headers.get("retry-after").expect("a header"), "900");
    app.sign_in("nobody@example.vn", "sai").await.problem(401);
    app.harness.clock.advance(Duration::from_mins(15));
    app.sign_in(LAN, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_guesses_at_an_address_locks_nobody_out_elsewhere() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    for _ in 0..5 {
        let guess = app.signing_in(LAN, "sai").from("203.0.113.1").send().await;
        assert_eq!(guess.problem(401), "wrong-credentials");
    }
    let refused = app.signing_in(LAN, PASSWORD).from("203.0.113.1").send().await;
    assert_eq!(refused.problem(429), "too-many-attempts");
    app.signing_in(LAN, PASSWORD).from("203.0.113.2").send().await.expect(200);
}

#[tokio::test]
async fn at_an_address_that_many_guess_at_its_owner_waits_two_seconds() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    for number in 0..20 {
        app.signing_in(LAN, "sai").from(&format!("203.0.113.{}", number / 4)).send().await.problem(401);
    }
    let clock = &app.harness.clock;
    let waiting = async {
        clock.someone_lies_down_for(SLOWED).await;
        clock.advance(SLOWED);
    };
    let owner = app.signing_in(LAN, PASSWORD).from("198.51.100.1").send();
    let (signed_in, ()) = tokio::join!(owner, waiting);
    signed_in.expect(200);
}

#[tokio::test]
async fn a_proxy_says_who_guesses_where_it_is_believed() {
    let mut app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    let guess = async |app: &TestApp, client: &str| {
        let call = app.signing_in(LAN, "sai").from("10.0.0.1").header("x-forwarded-for", client);
        call.send().await.status.as_u16()
    };
    for number in 0..5 {
        assert_eq!(guess(&app, &format!("203.0.113.{number}")).await, 401);
    }
    assert_eq!(guess(&app, "203.0.113.9").await, 429, "whoever connects may say anything");
    app.serve_with(|parts| parts.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")]);
    for _ in 0..5 {
        assert_eq!(guess(&app, "203.0.113.1").await, 401);
    }
    assert_eq!(guess(&app, "203.0.113.1").await, 429);
    assert_eq!(guess(&app, "203.0.113.2").await, 401);
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_one_after_another() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    let guess = || app.sign_in(LAN, "sai");
    let answers = tokio::join!(guess(), guess(), guess(), guess(), guess(), guess(), guess(), guess());
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5, answers.6, answers.7];
    let heard = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(heard, 5);
}

#[tokio::test]
async fn a_database_that_is_away_is_nobodys_wrong_password() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    app.harness.store().fail(&[Verb::LookUp]);
    for _ in 0..10 {
        assert_eq!(app.sign_in(LAN, PASSWORD).await.problem(503), "store-unavailable");
    }
    app.harness.store().heal();
    app.sign_in(LAN, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_first_link_makes_the_admin_who_then_chooses_address_and_password() {
    let app = TestApp::start().await;
    let link = first_link(&app).await.expect("nobody is there");
    assert!(link.starts_with("https://hook.example.vn/sign-in#token="), "{link}");
    assert_eq!(app.get("/members").send().await.expect(200)["data"], json!([]), "made when it is used");

    let signed_in = use_link(&app, token_of(&link)).await;
    let session = signed_in.expect(200);
    assert_eq!(session["user"]["email"], "admin@bocau.local");
    assert_eq!((&session["user"]["role"], &session["user"]["stores"]), (&json!("admin"), &Value::Null));
    assert_eq!(session["user"]["has_password"], false);
    assert_eq!(use_link(&app, token_of(&link)).await.problem(401), "link-expired", "it works once");

    let cookie = signed_in.cookie();
    let renamed = app.put("/session/email", &json!({"email": "chu@shop.vn"})).cookie(&cookie).send().await;
    assert_eq!(renamed.expect(200)["user"]["email"], "chu@shop.vn");
    let password = json!({"new_password": PASSWORD});
    app.put("/session/password", &password).cookie(&cookie).send().await.expect(204);
    let session = app.get("/session").cookie(&cookie).send().await.expect(200);
    assert_eq!(session["user"]["has_password"], true);
    app.sign_in("chu@shop.vn", PASSWORD).await.expect(200);
    assert_eq!(first_link(&app).await, None, "somebody can sign in");
}

#[tokio::test]
async fn a_first_admin_who_set_no_password_gets_in_by_the_next_link() {
    let app = TestApp::start().await;
    let first = first_link(&app).await.expect("nobody is there");
    use_link(&app, token_of(&first)).await.expect(200);
    let second = first_link(&app).await.expect("nobody could sign in again");
    let session = use_link(&app, token_of(&second)).await.expect(200);
    assert_eq!(session["user"]["email"], "admin@bocau.local");
    assert_eq!(app.get("/members").send().await.expect(200)["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_first_link_is_of_no_use_once_an_admin_has_a_password_or_its_day_is_over() {
    let app = TestApp::start().await;
    let late = first_link(&app).await.expect("nobody is there");
    app.harness.clock.advance(Duration::from_hours(24));
    assert_eq!(use_link(&app, token_of(&late)).await.problem(401), "link-expired");
    let link = first_link(&app).await.expect("nobody is there");
    app.member(LAN, "admin", &[]).await;
    assert_eq!(use_link(&app, token_of(&link)).await.problem(401), "link-expired");
    for wrong in ["", "x", &"a".repeat(43)] {
        assert_eq!(use_link(&app, wrong).await.problem(401), "link-expired", "{wrong}");
    }
}

#[tokio::test]
async fn of_two_that_use_a_link_at_once_one_gets_in() {
    let app = TestApp::start().await;
    let link = first_link(&app).await.expect("nobody is there");
    let (one, other) = tokio::join!(use_link(&app, token_of(&link)), use_link(&app, token_of(&link)));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn the_page_of_another_site_signs_nobody_in() {
    let app = TestApp::start().await;
    app.member(LAN, "admin", &[]).await;
    let body = json!({"email": LAN, "password": PASSWORD});
    let signing_in = || app.post("/session", &body).without_key().header("host", "hook.example.vn");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        assert_eq!(
            signing_in().header(name, value).send().await.problem(403),
            "cross-site-request",
            "{value}"
        );
    }
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", "https://hook.example.vn")] {
        signing_in().header(name, value).send().await.expect(200);
    }
    let form = app.call(Method::POST, "/api/v1/session").without_key();
    let form = form.header("content-type", "text/plain").header("sec-fetch-site", "same-origin");
    assert_eq!(form.send().await.problem(415), "unsupported-media-type");
}

#[tokio::test]
async fn what_signs_in_must_be_well_formed() {
    let app = TestApp::start().await;
    for (body, slug) in [
        (json!({"email": LAN}), "validation-failed"),
        (json!({"email": LAN, "password": 5}), "validation-failed"),
        (json!({"email": LAN, "password": "x", "remember": true}), "unknown-field"),
    ] {
        let answer = app.post("/session", &body).without_key().send().await;
        assert_eq!(answer.problem(422), slug, "{body}");
    }
}
