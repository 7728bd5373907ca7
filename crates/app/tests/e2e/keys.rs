//! `bocau key create`, before the first start and beside a server.

use bocau_domain::api_key::is_well_formed;
use serde_json::json;

use crate::api::{Api, STORE};
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
