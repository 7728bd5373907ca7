//! A copy of the database while the server runs, and a server on the copy.

use bocau_testkit::Receiver;

use crate::server::{Home, copy};

#[tokio::test]
async fn a_backup_beside_a_running_server_opens_with_the_master_key_and_holds_the_rows() {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let mut events = Vec::new();
    for number in 0..20 {
        events.push(api.publish(&number.to_string()).await);
    }
    for event in &events {
        api.wait_for_status(event, "succeeded").await;
    }
    let ended = home.run(&["backup", "copy.db"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("master key is NOT in the copy"), "{ended:?}");
    assert!(ended.stderr.contains("master.key"), "{ended:?}");
    let again = home.run(&["backup", "copy.db"]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("never overwrites"), "{again:?}");
    // The first server goes on as if nothing had been.
    api.publish("after").await;

    let other = Home::new();
    std::fs::create_dir(other.path("data")).expect("made");
    copy(&home.path("copy.db"), &other.path("data/bocau.db"));
    copy(&home.path("data/master.key"), &other.path("data/master.key"));
    let restored = other.serve().await;
    assert_eq!(restored.api().deliveries().await.len(), events.len());
    for event in &events {
        assert_eq!(restored.api().delivery_of(event).await["status"], "succeeded");
    }
    restored.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn where_there_is_no_database_none_is_made_to_be_copied() {
    let home = Home::new();
    let ended = home.run(&["backup", "copy.db"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("there is no database to copy"), "{ended:?}");
    assert!(!home.path("data").exists() && !home.path("copy.db").exists());
}

#[tokio::test]
async fn migrate_makes_the_database_and_may_be_repeated() {
    let home = Home::new();
    for said in ["made with schema version ", "is at schema version "] {
        let ended = home.run(&["migrate"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(&format!("data/bocau.db: {said}")), "{ended:?}");
    }
    home.serve().await.stop().await;
}
