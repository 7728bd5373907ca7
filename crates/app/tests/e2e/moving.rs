//! An installation that moves from SQLite to PostgreSQL by the command line, and goes on there.

use bocau_testkit::{Receiver, Reply, TestDatabase};
use http::Method;
use serde_json::json;

use crate::api::{Api, STORE};
use crate::server::Home;

const MOVE: [&str; 5] = ["migrate", "--from", "sqlite", "--to", "postgres"];

/// The same directory, with the database that it moves to.
fn home_there(home: &Home, database: &TestDatabase) -> Home {
    home.clone().with("BOCAU_DATABASE_URL", &database.url_text())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_while_its_server_runs_and_goes_on_where_it_was() {
    let (receiver, database, home) = (Receiver::start().await, TestDatabase::make().await, Home::new());
    let there = home_there(&home, &database);
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let key = api.post("/api/v1/keys", &json!({"name": "đi theo", "scopes": ["read"]})).await.expect(201);
    let delivered = api.publish("1").await;
    api.wait_for_status(&delivered, "succeeded").await;
    receiver.always("/hook", Reply::status(500));
    let waiting = api.publish("2").await;
    api.wait_for_status(&waiting, "retrying").await;

    let early = there.run(&MOVE).await;
    assert_eq!(early.code, Some(1), "{early:?}");
    assert!(early.stderr.contains("--ahead") && early.stderr.contains("while no server runs"), "{early:?}");
    let ahead = there.run(&[&MOVE[..], &["--ahead"]].concat()).await;
    assert_eq!(ahead.code, Some(0), "{ahead:?}");
    assert!(ahead.stderr.contains("Now stop the server"), "{ahead:?}");
    let late = api.publish("3").await;
    api.wait_for_status(&late, "retrying").await;
    let half = there.run(&["serve"]).await;
    assert_eq!(half.code, Some(1), "{half:?}");
    assert!(half.stderr.contains("a move into this database was not finished"), "{half:?}");
    let before = api.deliveries().await;
    server.stop().await;

    let moved = there.run(&MOVE).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(moved.stderr.contains("Moved to postgres://") && moved.stderr.contains("counted"), "{moved:?}");
    let old = home.run(&["serve"]).await;
    assert_eq!(old.code, Some(1), "{old:?}");
    assert!(old.stderr.contains("was moved to postgres://"), "{old:?}");

    let server = there.serve().await;
    let api = server.api();
    assert_eq!(api.deliveries().await, before);
    assert_eq!(
        Api::new(server.url(), key["key"].as_str().expect("a key")).get("/api/v1/stores").await.status,
        200
    );
    receiver.always("/hook", Reply::status(200));
    for event in [&waiting, &late] {
        let delivery = api.delivery_of(event).await["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/stores/{STORE}/deliveries/{delivery}/resend");
        api.send(Method::POST, &path, String::new()).await.expect("an answer").expect(202);
        api.wait_for_status(event, "succeeded").await;
    }
    let new = api.publish("4").await;
    api.wait_for_status(&new, "succeeded").await;
    server.stop().await;
}

#[tokio::test]
async fn a_move_can_be_taken_back() {
    let (database, home) = (TestDatabase::make().await, Home::new());
    let there = home_there(&home, &database);
    assert_eq!(home.run(&["migrate"]).await.code, Some(0));
    assert_eq!(there.run(&MOVE).await.code, Some(0));
    let back = home.run(&["migrate", "--take-back"]).await;
    assert_eq!(back.code, Some(0), "{back:?}");
    home.serve().await.stop().await;
}

#[tokio::test]
async fn who_asks_for_another_move_hears_which_one_there_is() {
    let home = Home::new();
    let turned = home.run(&["migrate", "--from", "postgres", "--to", "sqlite"]).await;
    assert_eq!(turned.code, Some(1), "{turned:?}");
    assert!(turned.stderr.contains("from sqlite to postgres"), "{turned:?}");
    let nowhere = home.run(&MOVE).await;
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("BOCAU_DATABASE_URL"), "{nowhere:?}");
    let half = home.run(&["migrate", "--from", "sqlite"]).await;
    assert_eq!(half.code, Some(2), "{half:?}");
}
