//! The audit log by the API: who changed what, and no secret in it.

use std::time::Duration;

use bocau_domain::Scope;
use bocau_testkit::{Call, PASSWORD, TestApp};
use serde_json::{Value, json};

async fn log(app: &TestApp, query: &str) -> Vec<Value> {
    let page = app.get(&format!("/audit-log{query}")).send().await.expect(200);
    page["data"].as_array().expect("rows").clone()
}

#[tokio::test]
async fn every_change_is_in_the_log_with_who_made_it_and_no_secret() {
    let app = TestApp::start().await;
    // What happens within one millisecond is in no order.
    let tick = || app.harness.clock.advance(Duration::from_millis(1));
    let chu = json!({"email": "chu@example.vn", "role": "admin", "password": PASSWORD});
    app.post("/members", &chu).send().await.expect(201);
    tick();
    let cookie = app.sign_in("chu@example.vn", PASSWORD).await.cookie();
    let send = async |call: Call<'_>, status: u16| {
        tick();
        call.cookie(&cookie).send().await.expect(status)
    };
    send(app.post("/stores", &json!({"id": "600", "name": "Kho"})), 201).await;
    send(app.patch("/stores/600", &json!({"name": "Kho 2"})), 200).await;
    let webhook = json!({
        "url": app.harness.receiver.https_url("/hook"),
        "events": ["*"],
        "headers": [{"key": "X-Token", "value": "canary-header"}],
    });
    let webhook = send(app.post("/stores/600/webhooks", &webhook), 201).await;
    let secret = webhook["secret"].as_str().expect("a secret").to_owned();
    let path = format!("/stores/600/webhooks/{}", webhook["id"].as_str().expect("an id"));
    send(app.patch(&path, &json!({"enabled": false})), 200).await;
    send(app.get(&format!("{path}/secret")), 200).await;
    send(app.post(&format!("{path}/secret/rotate"), &json!({})), 200).await;
    send(app.delete(&path), 204).await;
    let key = send(app.post("/stores/600/keys", &json!({"name": "Quầy", "scopes": ["read"]})), 201).await;
    let token = key["key"].as_str().expect("the key").to_owned();
    send(app.delete(&format!("/stores/600/keys/{}", key["id"].as_str().expect("an id"))), 204).await;
    let link = app.post("/stores/600/portal-links", &json!({})).header("host", "a");
    let link = send(link, 201).await["url"].as_str().expect("a URL").to_owned();
    let member = json!({"email": "tu@example.vn", "role": "member", "stores": ["600"], "password": PASSWORD});
    let member = send(app.post("/members", &member), 201).await;
    let path = format!("/members/{}", member["id"].as_str().expect("an id"));
    send(app.patch(&path, &json!({"role": "viewer", "password": "một mật khẩu khác hẳn"})), 200).await;
    send(app.delete(&path), 204).await;
    send(app.delete("/stores/600"), 204).await;

    let entries = log(&app, "?limit=200").await;
    let actions: Vec<&str> =
        entries.iter().rev().map(|entry| entry["action"].as_str().expect("an action")).collect();
    assert_eq!(
        actions,
        [
            "store.created",
            "user.created",
            "user.signed_in",
            "store.created",
            "store.renamed",
            "webhook.created",
            "webhook.changed",
            "webhook.secret_shown",
            "webhook.secret_rotated",
            "webhook.deleted",
            "key.created",
            "key.revoked",
            "portal_link.created",
            "user.created",
            "user.changed",
            "user.password_changed",
            "user.deleted",
            "store.deleted",
        ]
    );
    let by = |entry: &Value| entry["actor"].clone();
    assert_eq!(by(entries.last().expect("one")), json!({"kind": "system", "name": "bocau"}));
    assert_eq!(by(&entries[entries.len() - 2]), json!({"kind": "key", "name": "bootstrap"}));
    for entry in &entries[..entries.len() - 2] {
        assert_eq!(by(entry), json!({"kind": "user", "name": "chu@example.vn"}), "{entry}");
    }
    let renamed = entries.iter().find(|entry| entry["action"] == "store.renamed").expect("there");
    assert_eq!((&renamed["from"], &renamed["to"]), (&json!({"name": "Kho"}), &json!({"name": "Kho 2"})));
    assert_eq!((&renamed["store_id"], &renamed["subject"]), (&json!("600"), &json!("600")));
    let text = json!(entries).to_string();
    let token_of_link = link.split_once("#token=").expect("a token").1;
    for kept in ["canary-header", &secret, &token, token_of_link, PASSWORD, "$argon2"] {
        assert!(!text.contains(kept), "{kept}");
    }
}

#[tokio::test]
async fn a_portal_and_a_key_are_named_as_such() {
    let app = TestApp::start().await;
    let link = app.post("/stores/552/portal-links", &json!({})).header("host", "a").send().await.expect(201);
    let token = link["url"].as_str().expect("a URL").split_once("#token=").expect("a token").1;
    let opened = app.post("/session/link", &json!({"token": token})).without_key().send().await;
    let new = json!({"name": "a", "scopes": ["read"]});
    app.post("/stores/552/keys", &new).cookie(&opened.cookie()).send().await.expect(201);
    let own = app.key(Some("552"), &[Scope::Read, Scope::Manage], None).await;
    app.post("/stores/552/keys", &new).key(&own).send().await.expect(201);
    let entries = log(&app, "?limit=3").await;
    assert_eq!(entries[0]["actor"], json!({"kind": "key", "name": "a test's"}));
    assert_eq!(entries[2]["actor"], json!({"kind": "portal", "name": "552"}));
}

#[tokio::test]
async fn a_member_sees_the_log_of_their_store_and_must_name_it() {
    let app = TestApp::start().await;
    app.harness.store_called("600").await;
    let member = app.member("member@example.vn", "member", &["552"]).await;
    let viewer = app.member("viewer@example.vn", "viewer", &["552"]).await;
    for id in ["552", "600"] {
        app.post(&format!("/stores/{id}/keys"), &json!({"name": "a", "scopes": ["read"]}))
            .send()
            .await
            .expect(201);
    }
    let page = app.get("/audit-log?store_id=552").cookie(&member).send().await.expect(200);
    let rows = page["data"].as_array().expect("rows");
    assert!(rows.len() == 2 && rows.iter().all(|row| row["store_id"] == "552"), "{page}");
    assert_eq!(app.get("/audit-log").cookie(&member).send().await.problem(400), "invalid-query");
    for id in ["600", "none"] {
        let foreign = app.get(&format!("/audit-log?store_id={id}")).cookie(&member).send().await;
        assert_eq!(foreign.problem(404), "not-found");
    }
    assert_eq!(app.get("/audit-log?store_id=none").send().await.problem(404), "not-found");
    assert_eq!(app.get("/audit-log?store_id=552").cookie(&viewer).send().await.problem(403), "forbidden");
    let reader = app.key(None, &[Scope::Read], None).await;
    assert_eq!(app.get("/audit-log").key(&reader).send().await.problem(403), "forbidden");
}

#[tokio::test]
async fn the_log_comes_in_pages_newest_first() {
    let app = TestApp::start().await;
    for number in 0..5 {
        let name = format!("khóa {number}");
        app.post("/keys", &json!({"name": name, "scopes": ["read"]})).send().await.expect(201);
    }
    let mut names = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = app.get(&format!("/audit-log{query}")).send().await.expect(200);
        names.extend(page["data"].as_array().expect("rows").iter().map(|row| row["to"]["name"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    let expected = ["khóa 4", "khóa 3", "khóa 2", "khóa 1", "khóa 0", "Cửa hàng 552"];
    assert_eq!(names, expected);
}
