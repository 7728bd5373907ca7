//! `bocau user`, and the link that lets the first admin in.

use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::{Home, Server};

const PASSWORD: &str = "con ngựa, cục pin, đúng rồi";

async fn sign_in(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    Api::new(server.url(), "").post("/api/v1/session", &body).await.status
}

#[tokio::test]
async fn a_user_made_before_the_first_start_signs_in_from_the_first_start_on() {
    let home = Home::new();
    let args = ["user", "create", "--email", "Chu@example.vn", "--role", "admin", "--password-stdin"];
    let made = home.run_with_input(&args, &format!("{PASSWORD}\n")).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.starts_with("usr_") && made.stdout.lines().count() == 1, "{made:?}");
    assert!(made.stderr.contains("chu@example.vn may sign in as admin of every store."), "{made:?}");
    assert!(!made.stderr.contains(PASSWORD));

    let server = home.serve().await;
    assert_eq!(sign_in(&server, "chu@example.vn", PASSWORD).await, 200);
    assert_eq!(sign_in(&server, "chu@example.vn", "một mật khẩu khác").await, 401);
    let again = home.run_with_input(&args, PASSWORD).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("there is a user with the address chu@example.vn already"), "{again:?}");
    assert!(!server.said().contains("#token="), "an admin is there: {}", server.said());
    server.stop().await;
}

#[tokio::test]
async fn a_user_made_beside_a_server_signs_in_at_once_and_ends_the_first_link() {
    let home = Home::new().with("BOCAU_PUBLIC_URL", "https://bocau.example.vn");
    let mut server = home.serve().await;
    let said = server.output_until("#token=").await;
    let line = said.lines().find(|line| line.contains("#token=")).expect("it was found").to_owned();
    assert!(
        line.contains("Đăng nhập lần đầu") && line.contains("https://bocau.example.vn/sign-in#"),
        "{line}"
    );
    server.api().post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
    for (email, role, store) in [("chu@example.vn", "admin", None), ("lan@example.vn", "viewer", Some(STORE))]
    {
        let mut args = vec!["user", "create", "--email", email, "--role", role, "--password-stdin"];
        args.extend(store.iter().flat_map(|store| ["--store", *store]));
        let made = home.run_with_input(&args, PASSWORD).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        assert_eq!(sign_in(&server, email, PASSWORD).await, 200);
    }
    let (_, token) = line.split_once("#token=").expect("a token");
    let late = Api::new(server.url(), "").post("/api/v1/session/link", &json!({"token": token})).await;
    assert_eq!(late.expect(401)["type"], "link-expired");
    assert!(!server.log().contains(token), "the log never has it");
    server.stop().await;
}

#[tokio::test]
async fn the_first_link_lets_the_first_admin_in_once() {
    let home = Home::new();
    let mut server = home.serve().await;
    let said = server.output_until("#token=").await;
    let link = said.split_whitespace().find(|word| word.contains("#token=")).expect("a link").to_owned();
    assert!(link.starts_with(&format!("{}/sign-in#", server.url())), "{link}");
    let (_, token) = link.split_once("#token=").expect("a token");
    let api = Api::new(server.url(), "");
    let body = json!({"token": token});
    let session = api.post("/api/v1/session/link", &body).await.expect(200);
    assert_eq!(session["user"]["email"], "admin@bocau.local");
    api.post("/api/v1/session/link", &body).await.expect(401);
    server.stop().await;
}

#[tokio::test]
async fn a_user_that_cannot_be_is_refused() {
    let home = Home::new();
    let create = async |more: &[&str], password: &str| {
        let args = [&["user", "create", "--password-stdin"], more].concat();
        home.run_with_input(&args, password).await
    };
    for (more, password, expected) in [
        (&["--email", "a@b.vn", "--role", "admin"][..], "ngắn", "a password has 12 to 200 characters"),
        (&["--email", "a@b.vn", "--role", "admin", "--store", "552"], PASSWORD, "leave --store out"),
        (&["--email", "a@b.vn", "--role", "viewer"], PASSWORD, "give --store"),
        (&["--email", "a@b.vn", "--role", "member", "--store", "552"], PASSWORD, "stores is not there"),
        (&["--email", "không", "--role", "admin"], PASSWORD, "an e-mail address is of the form"),
        (&["--email", "a@b.vn", "--role", "owner"], PASSWORD, "a role is admin, member or viewer"),
    ] {
        let ended = create(more, password).await;
        assert!(ended.code != Some(0) && ended.stdout.is_empty(), "{ended:?}");
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
}

#[tokio::test]
async fn a_proxy_on_this_machine_says_who_guesses_a_password() {
    let home = Home::new();
    let guess = async |server: &Server, client: &str| {
        let body = json!({"email": "chu@example.vn", "password": "sai"});
        Api::new(server.url(), "").post_for(client, "/api/v1/session", &body).await.status
    };
    let server = home.serve().await;
    for _ in 0..5 {
        assert_eq!(guess(&server, "203.0.113.1").await, 401);
    }
    assert_eq!(guess(&server, "203.0.113.1").await, 429);
    assert_eq!(guess(&server, "203.0.113.2").await, 401);
    server.stop().await;

    let server = home.with("BOCAU_TRUSTED_PROXIES", "").serve().await;
    for number in 0..5 {
        assert_eq!(guess(&server, &format!("203.0.113.{number}")).await, 401);
    }
    assert_eq!(guess(&server, "203.0.113.9").await, 429);
    server.stop().await;
}
