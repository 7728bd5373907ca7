//! Members: made, changed and deleted by admins; what changes holds at once.

use bocau_domain::Scope;
use bocau_testkit::{PASSWORD, TestApp};
use serde_json::{Value, json};

const LAN: &str = "lan@example.vn";

/// The id of the member with this address.
async fn id_of(app: &TestApp, email: &str) -> String {
    let list = app.get("/members").send().await.expect(200);
    let rows = list["data"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["email"] == email).unwrap_or_else(|| panic!("{email} in {list}"));
    row["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_member_is_made_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    app.harness.store_called("600").await;
    let new = json!({"email": " Lan@Example.vn", "role": "member", "stores": ["600", "552", "600"], "password": PASSWORD});
    let made = app.post("/members", &new).send().await.expect(201);
    let id = made["id"].as_str().expect("an id");
    assert!(id.starts_with("usr_"));
    assert_eq!((&made["email"], &made["role"]), (&json!(LAN), &json!("member")));
    assert_eq!((&made["stores"], &made["last_sign_in_at"]), (&json!(["552", "600"]), &Value::Null));
    assert!(made.get("password").is_none());
    let list = app.get("/members").send().await.expect(200);
    assert_eq!((&list["data"], &list["next_cursor"]), (&json!([made]), &Value::Null));

    let path = format!("/members/{id}");
    let changed = app.patch(&path, &json!({"role": "viewer", "stores": ["552"]})).send().await.expect(200);
    assert_eq!((&changed["role"], &changed["stores"]), (&json!("viewer"), &json!(["552"])));
    let admin = app.patch(&path, &json!({"role": "admin"})).send().await.expect(200);
    assert_eq!(admin["stores"], json!([]), "an admin has every store");
    app.post("/members", &json!({"email": "tu@example.vn", "role": "admin", "password": PASSWORD}))
        .send()
        .await
        .expect(201);
    app.delete(&path).send().await.expect(204);
    assert_eq!(app.delete(&path).send().await.problem(404), "not-found");
    assert_eq!(app.patch(&path, &json!({"role": "viewer"})).send().await.problem(404), "not-found");
}

#[tokio::test]
async fn a_member_that_cannot_be_is_refused_with_the_field() {
    let app = TestApp::start().await;
    app.member(LAN, "viewer", &["552"]).await;
    let new = json!({"email": "a@b.vn", "role": "member", "stores": ["552"], "password": PASSWORD});
    for (field, value, pointer) in [
        ("email", json!("không phải"), "/email"),
        ("role", json!("owner"), "/role"),
        ("stores", json!(["nobody"]), "/stores"),
        ("stores", json!(["552", "a/b"]), "/stores/1"),
        ("password", json!("11 ký tự..."), "/password"),
        ("password", json!("x".repeat(201)), "/password"),
    ] {
        let mut body = new.clone();
        body[field] = value;
        let refused = app.post("/members", &body).send().await;
        assert_eq!(refused.problem(422), "validation-failed", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let taken = json!({"email": "LAN@example.vn", "role": "viewer", "password": PASSWORD});
    assert_eq!(app.post("/members", &taken).send().await.problem(409), "already-exists");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_from_open_sessions_at_once() {
    let app = TestApp::start().await;
    app.harness.store_called("600").await;
    let cookie = app.member(LAN, "member", &["552"]).await;
    let path = format!("/members/{}", id_of(&app, LAN).await);
    app.get("/stores/552/keys").cookie(&cookie).send().await.expect(200);
    app.patch(&path, &json!({"role": "viewer"})).send().await.expect(200);
    assert_eq!(app.get("/stores/552/keys").cookie(&cookie).send().await.problem(403), "forbidden");
    app.patch(&path, &json!({"stores": ["600"]})).send().await.expect(200);
    assert_eq!(app.get("/stores/552").cookie(&cookie).send().await.problem(404), "not-found");
    app.get("/stores/600").cookie(&cookie).send().await.expect(200);
    app.delete(&path).send().await.expect(204);
    assert_eq!(app.get("/stores/600").cookie(&cookie).send().await.problem(401), "unauthorized");
}

#[tokio::test]
async fn a_password_set_by_an_admin_ends_the_members_sessions_and_not_the_admins() {
    let app = TestApp::start().await;
    let admin = app.member("chu@example.vn", "admin", &[]).await;
    let cookie = app.member(LAN, "member", &["552"]).await;
    let path = format!("/members/{}", id_of(&app, LAN).await);
    let new = "một mật khẩu được đặt lại";
    app.patch(&path, &json!({"password": new})).cookie(&admin).send().await.expect(200);
    assert_eq!(app.get("/session").cookie(&cookie).send().await.problem(401), "unauthorized");
    app.get("/session").cookie(&admin).send().await.expect(200);
    app.sign_in(LAN, PASSWORD).await.problem(401);
    app.sign_in(LAN, new).await.expect(200);
}

#[tokio::test]
async fn the_last_admin_is_kept_and_nobody_deletes_themselves() {
    let app = TestApp::start().await;
    let cookie = app.member(LAN, "admin", &[]).await;
    let path = format!("/members/{}", id_of(&app, LAN).await);
    assert_eq!(app.delete(&path).send().await.problem(409), "last-admin");
    assert_eq!(app.patch(&path, &json!({"role": "member"})).send().await.problem(409), "last-admin");
    app.member("tu@example.vn", "admin", &[]).await;
    let own = app.delete(&path).cookie(&cookie).send().await;
    assert_eq!((own.problem(409).as_str(), &own.json()["reason"]), ("last-admin", &json!("own_account")));
    app.delete(&path).send().await.expect(204);
}

#[tokio::test]
async fn a_key_of_a_store_and_a_platform_key_that_only_reads_see_no_members() {
    let app = TestApp::start().await;
    for key in [
        app.key(Some("552"), &[Scope::Publish, Scope::Read, Scope::Manage], None).await,
        app.key(None, &[Scope::Publish, Scope::Read], None).await,
    ] {
        assert_eq!(app.get("/members").key(&key).send().await.problem(403), "forbidden");
        let new = json!({"email": "a@b.vn", "role": "admin", "password": PASSWORD});
        assert_eq!(app.post("/members", &new).key(&key).send().await.problem(403), "forbidden");
    }
}
