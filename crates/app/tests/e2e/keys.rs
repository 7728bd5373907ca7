//! `bocau key`, before the first start and beside a server.

use bocau_domain::api_key::is_well_formed;
use serde_json::json;

use crate::api::{Api, STORE, look_until};
use crate::server::Home;

#[tokio::test]
async fn a_key_made_before_the_first_start_is_good_from_the_first_start_on() {
    let home = Home::new();
    let made = home.run(&["key", "create", "--name", "ops"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let token = made.stdout.strip_suffix('\n').expect("one line");
    assert!(is_well_formed(token) && token.len() == 47, "{made:?}");
    assert!(made.stderr.contains("“ops”: a platform key") && !made.stderr.contains(token), "{made:?}");

    let server = home.serve().await;
    let answer =
        Api::new(server.url(), token).post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await;
    answer.expect(201);
    assert_eq!(Api::new(server.url(), &format!("{token}x")).get("/api/v1/stores").await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_key_made_beside_a_server_is_good_at_once_for_its_store_and_scopes_only() {
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    for id in [STORE, "other"] {
        api.post("/api/v1/stores", &json!({"id": id, "name": "A"})).await.expect(201);
    }
    let made = home
        .run(&["key", "create", "--name", "till", "--store", STORE, "--scopes", "read", "--expires", "90d"])
        .await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stderr.contains("for store 552; it may read, until 2"), "{made:?}");
    let own = Api::new(server.url(), made.stdout.trim());
    own.get(&format!("/api/v1/stores/{STORE}/deliveries")).await.expect(200);
    own.get("/api/v1/stores/other/deliveries").await.expect(404);
    let event = json!({"type": "order.created", "object_id": "1", "payload": {}});
    own.post(&format!("/api/v1/stores/{STORE}/events"), &event).await.expect(403);
    server.stop().await;
}

#[tokio::test]
async fn keys_are_listed_and_a_revoked_one_is_refused_by_the_server_that_runs() {
    let home = Home::new();
    let server = home.serve().await;
    server.api().post("/api/v1/stores", &json!({"id": STORE, "name": "A"})).await.expect(201);
    let mut tokens = Vec::new();
    for more in [&["--name", "ops"][..], &["--name", "till", "--store", STORE]] {
        let made = home.run(&[&["key", "create"], more].concat()).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        tokens.push(made.stdout.trim().to_owned());
    }
    let path = format!("/api/v1/stores/{STORE}/deliveries");
    let till = Api::new(server.url(), &tokens[1]);
    till.get(&path).await.expect(200);
    let all = home.run(&["key", "list"]).await;
    assert_eq!((all.code, all.stdout.lines().count()), (Some(0), 3), "{all:?}");
    assert!(tokens.iter().all(|token| !all.stdout.contains(token)), "{all:?}");
    let own = home.run(&["key", "list", "--store", STORE]).await;
    let line = own.stdout.lines().nth(1).expect("one key");
    assert!(
        own.stdout.lines().count() == 2 && line.contains("store 552") && line.contains("till"),
        "{own:?}"
    );

    let id = line.split_whitespace().next().expect("an id");
    let revoked = home.run(&["key", "revoke", id]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert!(revoked.stderr.contains("“till” is revoked"), "{revoked:?}");
    look_until(async || (till.get(&path).await.status == 401).then_some(())).await;
    Api::new(server.url(), &tokens[0]).get(&path).await.expect(200);
    let again = home.run(&["key", "revoke", id]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("there is no API key key_"), "{again:?}");
    let none = home.run(&["key", "list", "--store", "nobody"]).await;
    assert!(none.code == Some(1) && none.stderr.contains("there is no store nobody"), "{none:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_key_for_an_unknown_store_is_refused() {
    let ended = Home::new().run(&["key", "create", "--name", "x", "--store", "nobody"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.is_empty() && ended.stderr.contains("there is no store nobody"), "{ended:?}");
}

#[tokio::test]
async fn a_database_that_lost_its_master_key_is_not_given_a_new_one() {
    let home = Home::new();
    assert_eq!(home.run(&["key", "create", "--name", "x"]).await.code, Some(0));
    std::fs::remove_file(home.path("data/master.key")).expect("removed");
    let ended = home.run(&["key", "create", "--name", "y"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("master.key is not"), "{ended:?}");
    assert!(!home.path("data/master.key").exists());
}
