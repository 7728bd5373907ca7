//! A stream ends with the right to it.

use std::time::Duration;

use axum::body::Body;
use bocau_api::v1::live::watch::LOOK_AGAIN;
use bocau_domain::{Actor, Clock as _, Scope};
use bocau_store::{People as _, Store as _};
use bocau_testkit::patience::capped;
use bocau_testkit::{PASSWORD, TestApp, Verb};
use http_body_util::BodyExt as _;
use serde_json::json;

const LAN: &str = "lan@example.vn";

async fn watch(app: &TestApp, cookie: &str) -> Body {
    app.get("/stores/552/live").cookie(cookie).stream().await
}

/// Waits for the end of the stream.
async fn ends(mut body: Body) {
    let frame = capped(body.frame(), || "the stream to end".into()).await;
    assert!(frame.is_none(), "{frame:?}");
}

/// Moves the clock over the next look while the stream is read, and waits for the end of the stream.
async fn ends_at_the_next_look(app: &TestApp, body: Body) {
    let clock = &app.harness.clock;
    let looking = async {
        clock.someone_lies_down_for(LOOK_AGAIN).await;
        clock.advance(LOOK_AGAIN);
    };
    tokio::join!(ends(body), looking);
}

/// Reads the stream until the row of this object comes.
async fn reads(body: &mut Body, object_id: &str) {
    let mut seen = String::new();
    let reading = async {
        while !seen.contains(object_id) {
            let frame = body.frame().await.expect("it goes on").expect("it is whole");
            seen.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    };
    capped(reading, || format!("row {object_id}")).await;
}

#[tokio::test]
async fn it_ends_at_once_where_this_server_ends_the_right() {
    let app = TestApp::start().await;
    let lan = app.member(LAN, "member", &["552"]).await;
    let body = watch(&app, &lan).await;
    app.delete("/session").cookie(&lan).send().await.expect(204);
    ends(body).await;

    let [own, other] = [app.sign_in(LAN, PASSWORD).await.cookie(), app.sign_in(LAN, PASSWORD).await.cookie()];
    let (mut kept, ended) = (watch(&app, &own).await, watch(&app, &other).await);
    let change = json!({"current_password": PASSWORD, "new_password": "một mật khẩu mới tinh"});
    app.put("/session/password", &change).cookie(&own).send().await.expect(204);
    ends(ended).await;
    app.harness.send("208610").await;
    reads(&mut kept, "208610").await;

    let members = app.get("/members").send().await.expect(200);
    let member = format!("/members/{}", members["data"][0]["id"].as_str().expect("an id"));
    app.harness.store_called("600").await;
    app.patch(&member, &json!({"stores": ["600"]})).send().await.expect(200);
    ends(kept).await;
    app.patch(&member, &json!({"stores": ["552"]})).send().await.expect(200);
    let body = watch(&app, &own).await;
    app.delete(&member).send().await.expect(204);
    ends(body).await;

    let made =
        app.post("/stores/552/keys", &json!({"name": "a", "scopes": ["read"]})).send().await.expect(201);
    let key = made["key"].as_str().expect("a key");
    let body = app.get("/stores/552/live").key(key).stream().await;
    app.delete(&format!("/stores/552/keys/{}", made["id"].as_str().expect("an id"))).send().await.expect(204);
    ends(body).await;

    let body = app.get("/stores/552/live").stream().await;
    app.delete("/stores/552").send().await.expect(204);
    ends(body).await;
}

#[tokio::test]
async fn what_others_end_or_time_does_ends_it_at_the_next_look() {
    let app = TestApp::start().await;
    let lan = app.member(LAN, "member", &["552"]).await;
    let body = watch(&app, &lan).await;
    let (_, token) = lan.split_once('=').expect("a cookie");
    let hash = app.master_key().hash_session(token);
    assert!(app.harness.store().delete_session(hash).await.expect("works"));
    ends_at_the_next_look(&app, body).await;

    let now = app.harness.clock.now();
    let key = app.key(Some("552"), &[Scope::Read], None).await;
    let body = app.get("/stores/552/live").key(&key).stream().await;
    let shop = "552".parse().expect("an id");
    let id = app.harness.store().list_api_keys(Some(&shop)).await.expect("works")[0].id;
    assert!(app.harness.store().revoke_api_key(Some(&shop), id, &Actor::System, now).await.expect("works"));
    ends_at_the_next_look(&app, body).await;

    let key = app.key(Some("552"), &[Scope::Read], Some(app.harness.clock.now() + LOOK_AGAIN)).await;
    let body = app.get("/stores/552/live").key(&key).stream().await;
    ends_at_the_next_look(&app, body).await;
}

#[tokio::test]
async fn a_database_that_is_away_ends_no_stream_before_its_time() {
    let app = TestApp::start().await;
    let soon = app.harness.clock.now() + LOOK_AGAIN + Duration::from_secs(1);
    let key = app.key(Some("552"), &[Scope::Read], Some(soon)).await;
    let mut body = app.get("/stores/552/live").key(&key).stream().await;
    let (clock, store) = (&app.harness.clock, app.harness.store());
    store.fail(&[Verb::LookUp]);
    let mut failures = store.failures();
    let looking = async {
        clock.someone_lies_down_for(LOOK_AGAIN).await;
        clock.advance(LOOK_AGAIN);
        failures.changed().await.expect("it looked");
        store.heal();
        app.harness.send("208610").await;
    };
    tokio::join!(reads(&mut body, "208610"), looking);
    store.fail(&[Verb::LookUp]);
    ends_at_the_next_look(&app, body).await;
}
