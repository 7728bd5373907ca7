//! Whose frames the pages may be in.

use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::{Home, Server};

async fn ancestors(server: &Server, path: &str, cookies: &str) -> String {
    let headers = server.api().page_headers(path, cookies).await;
    let policy = headers["content-security-policy"].to_str().expect("ASCII");
    policy.split("; ").find_map(|part| part.strip_prefix("frame-ancestors ")).expect("one").to_owned()
}

#[tokio::test]
async fn the_origins_of_the_configuration_may_show_portal_pages_and_nobody_any_other() {
    let home = Home::new();
    std::fs::write(
        home.path("bocau.toml"),
        "portal_origins = [\"https://Admin.ABAHA.vn\", \"http://localhost:3000\"]\n",
    )
    .expect("written");
    let server = home.serve().await;
    let listed = "https://admin.abaha.vn http://localhost:3000";
    assert_eq!(ancestors(&server, "/portal", "").await, listed);
    assert_eq!(ancestors(&server, "/stores/552/overview", "bocau_portal=x").await, listed);
    for path in ["/", "/sign-in", "/stores/552/overview", "/docs"] {
        assert_eq!(ancestors(&server, path, "bocau_session=x").await, "'none'", "{path}");
    }
    server.stop().await;

    let server =
        home.with("BOCAU_PORTAL_ORIGINS", "").serve_with(&["--portal-origins", "https://b.vn"]).await;
    assert_eq!(ancestors(&server, "/portal", "").await, "https://b.vn");
    server.stop().await;
}

#[tokio::test]
async fn by_default_no_page_is_in_a_frame() {
    let server = Home::new().serve().await;
    for path in ["/portal", "/", "/stores/552/overview"] {
        assert_eq!(ancestors(&server, path, "bocau_portal=x").await, "'none'", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_cookie_of_a_portal_is_for_a_frame_where_people_come_by_https() {
    let home = Home::new();
    for (secure, expected) in
        [("true", "HttpOnly; SameSite=None; Secure; Partitioned"), ("false", "HttpOnly; SameSite=Lax")]
    {
        let server = home.clone().with("BOCAU_SECURE_COOKIES", secure).serve().await;
        if server.api().get(&format!("/api/v1/stores/{STORE}")).await.status == 404 {
            server.api().post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
        }
        let path = format!("/api/v1/stores/{STORE}/portal-links");
        let link = server.api().post(&path, &json!({})).await.expect(201);
        let (_, token) = link["url"].as_str().expect("a URL").split_once("#token=").expect("a token");
        let opened = Api::new(server.url(), "").post("/api/v1/session/link", &json!({"token": token})).await;
        assert_eq!(opened.status, 200, "{opened:?}");
        let cookie = opened.headers["set-cookie"].to_str().expect("ASCII").to_owned();
        assert!(cookie.starts_with("bocau_portal=") && cookie.ends_with(expected), "{cookie}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_origin_that_is_none_stops_the_start() {
    let ended = Home::bare().with("BOCAU_PORTAL_ORIGINS", "https://a.vn,http://b.vn").run(&["serve"]).await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{ended:?}");
    let expected =
        "BOCAU_PORTAL_ORIGINS: \"https://a.vn,http://b.vn\" has \"http://b.vn\" in it, which is no origin";
    assert!(ended.stderr.contains(expected), "{ended:?}");
}
