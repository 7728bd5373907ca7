//! No secret leaves by a side door: not by the log at its most talkative, not by the metrics, not by an error's text, not
//! by the database, its write-ahead log or its copy, and not by an answer that says back what it was sent.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bocau_testkit::{Durability, PostgresServer, Receiver, Reply, Stop};
use http::Method;
use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::{Home, KEY};

const HEADER_VALUE: &str = "canary-header-0a1b2c3d4e5f";
const PASSWORD: &str = "canary-password-6a7b8c9d";
const DATABASE_PASSWORD: &str = "canary-database-2b3c4d5e";
const MASTER_KEY: &str = "PHLM0jSgkmhwkZfC0B3gEjDnCsuv4uuGXpI4cGHrNoM=";
/// No secret: where this is not found, nothing was looked at.
const SEEN: &str = "canary-description-1f2e3d4c";

type Named = (String, Vec<u8>);

fn named(name: &str, bytes: impl Into<Vec<u8>>) -> Named {
    (name.to_owned(), bytes.into())
}

/// A server's life with every kind of secret in it; answers the secrets, and what it said.
async fn live_with_secrets(home: &Home) -> (Vec<Named>, Vec<Named>) {
    let receiver = Receiver::start().await;
    let echo = json!({"you sent": format!("Bearer {HEADER_VALUE}"), "token": HEADER_VALUE}).to_string();
    receiver.reply("/hook", Reply::json(500, &echo).with_header("x-echo", HEADER_VALUE));
    let made = home.run(&["key", "create", "--name", "canary", "--log", "trace"]).await;
    let token = made.stdout.trim().to_owned();
    let server = home.serve().await;
    let api = Api::new(server.url(), &token);
    api.post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
    let headers = json!([{"key": "authorization", "value": format!("Bearer {HEADER_VALUE}")}]);
    let webhook = json!({
        "url": receiver.https_url("/hook"), "events": ["*"], "headers": headers, "description": SEEN,
    });
    let secret = api.add_webhook(webhook).await["secret"].as_str().expect("a secret").to_owned();
    let event = api.publish("1").await;
    let row = api.wait_for_status(&event, "succeeded").await;
    let sent = receiver.requests()[0].header("authorization").expect("it is sent").to_owned();
    assert_eq!(sent, format!("Bearer {HEADER_VALUE}"), "it is sent, and only sent");
    let path = format!("/api/v1/stores/{STORE}/deliveries/{}/attempts", row["id"].as_str().expect("an id"));
    let attempts = api.get(&path).await.expect(200);
    assert_eq!(attempts["data"][0]["response_body"], r#"{"you sent":"••••••","token":"••••••"}"#);
    Api::new(server.url(), KEY).get("/api/v1/stores").await.expect(200);

    let member = json!({"email": "lan@example.vn", "role": "admin", "password": PASSWORD});
    api.post("/api/v1/members", &member).await.expect(201);
    let credentials = json!({"email": "lan@example.vn", "password": PASSWORD});
    let session = api.post("/api/v1/session", &credentials).await;
    let cookie_of = |cookie: &http::HeaderValue| {
        let (_, value) = cookie.to_str().expect("ASCII").split_once('=').expect("a cookie");
        value.split(';').next().expect("a value").to_owned()
    };
    let session = cookie_of(&session.headers["set-cookie"]);
    let link = api.post(&format!("/api/v1/stores/{STORE}/portal-links"), &json!({})).await.expect(201);
    let (_, link) = link["url"].as_str().expect("a URL").split_once("#token=").expect("a token");
    let portal =
        cookie_of(&api.post("/api/v1/session/link", &json!({"token": link})).await.headers["set-cookie"]);

    // What is refused is told without what was sent.
    let refused = json!({"url": receiver.https_url("/hook"), "events": ["*"], "headers": [
        {"key": "authorization", "value": format!("{HEADER_VALUE}\n")},
    ]});
    let hooks = format!("/api/v1/stores/{STORE}/webhooks");
    let answers = [
        (api.post(&hooks, &refused).await, 422),
        (
            api.send(Method::POST, &hooks, format!("{{\"url\": {HEADER_VALUE}}}")).await.expect("an answer"),
            400,
        ),
        (Api::new(server.url(), &format!("{token}x")).get("/api/v1/stores").await, 401),
        (api.post("/api/v1/session", &json!({"email": "tu@example.vn", "password": PASSWORD})).await, 401),
        (api.post("/api/v1/session", &json!({"email": [PASSWORD], "password": 1})).await, 422),
        (api.post("/api/v1/session/link", &json!({"token": [link]})).await, 422),
        (api.post("/api/v1/session/link", &json!({"token": link})).await, 401),
    ];
    let mut errors = String::new();
    for (answer, status) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        errors.push_str(&answer.text);
    }
    let metrics = api.get("/metrics").await.text;
    let log = server.log();
    assert!(log.len() > 10_000, "the log is at its most talkative");
    let said = vec![
        named("the log", log),
        named("the log of key create", made.stderr),
        named("the metrics", metrics),
        named("error answers", errors),
    ];
    // In the file that the first start made, where it is no setting.
    let master_key = std::fs::read_to_string(home.path("data/master.key"));
    let master_key = master_key.unwrap_or_else(|_| MASTER_KEY.to_owned());
    let raw = |encoded: &str| BASE64.decode(encoded).expect("base64");
    let secrets = vec![
        named("a header's value", HEADER_VALUE),
        named("the bytes of a signing secret", raw(secret.trim_start_matches("whsec_"))),
        named("a signing secret", secret),
        named("an API key", token),
        named("the bootstrap key", KEY),
        named("a password", PASSWORD),
        named("a session's token", session),
        named("a link's token", link),
        named("a portal session's token", portal),
        named("the bytes of the master key", raw(master_key.trim())),
        named("the master key", master_key.trim()),
        named("the database's password", DATABASE_PASSWORD),
    ];
    (secrets, said)
}

/// All files below a directory, but for the master key's.
fn files_below(dir: &Path) -> Vec<Named> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if !path.ends_with("master.key") {
            // A running server may have removed it meanwhile.
            let bytes = std::fs::read(&path).unwrap_or_default();
            files.push(named(&path.display().to_string(), bytes));
        }
    }
    files
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

fn assert_in_none(secrets: &[Named], places: &[Named]) {
    for (name, secret) in secrets {
        assert!(secret.len() >= 8, "{name} is there");
        // As an administrator's tools print bytes.
        let mut hexadecimal = String::new();
        for byte in secret {
            write!(hexadecimal, "{byte:02x}").expect("a string takes all");
        }
        for (place, bytes) in places {
            assert!(!holds(bytes, secret), "{name} is in {place}");
            assert!(!holds(bytes, hexadecimal.as_bytes()), "{name} is in {place}, in hexadecimal");
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_the_metrics_the_database_or_its_copy() {
    let home = Home::new().with("BOCAU_LOG", "trace").with("BOCAU_RETRY_INTERVAL", "1s");
    let (secrets, mut places) = live_with_secrets(&home).await;
    let files = files_below(&home.path("data"));
    assert_eq!(home.run(&["backup", "copy.db"]).await.code, Some(0));
    let copy = named("the copy", std::fs::read(home.path("copy.db")).expect("it is there"));
    assert!(files.iter().any(|(_, bytes)| holds(bytes, SEEN.as_bytes())), "the test looks where it is");
    assert!(holds(&copy.1, SEEN.as_bytes()));
    places.extend(files);
    places.push(copy);
    assert_in_none(&secrets, &places);
}

#[tokio::test]
async fn no_secret_is_in_postgres_or_its_write_ahead_log() {
    let database = tokio::task::spawn_blocking(|| PostgresServer::start(Durability::Kept));
    let mut database = database.await.expect("no panic").expect("it starts");
    let url = database.url().replace("postgres@", &format!("postgres:{DATABASE_PASSWORD}@"));
    let home = Home::new().with("BOCAU_LOG", "trace").with("BOCAU_RETRY_INTERVAL", "1s");
    let home = home.with("BOCAU_DATABASE_URL", &url).with("BOCAU_MASTER_KEY", MASTER_KEY);
    let (secrets, mut places) = live_with_secrets(&home).await;
    // All of it is in its files then, and in its log.
    database.stop(Stop::Fast).expect("it stops");
    let files = files_below(&database.data_dir());
    let seen =
        |part: &str| files.iter().any(|(name, bytes)| name.contains(part) && holds(bytes, SEEN.as_bytes()));
    assert!(seen("/base/") && seen("/pg_wal/"), "the test looks where it is");
    places.extend(files);
    assert_in_none(&secrets, &places);
}
