//! `bocau restore`: the way back from a copy, and what keeps anybody from losing the present on it.

use bocau_testkit::Receiver;

use crate::server::{Ended, Home};

/// A directory with the data of a server that delivered the event `before`, was copied to `copy.db` and then
/// took in `after`.
struct Given {
    home: Home,
    before: String,
    after: String,
    _receiver: Receiver,
}

async fn given(is_killed: bool) -> Given {
    let receiver = Receiver::start().await;
    let home = Home::new();
    let server = home.serve().await;
    let api = server.api();
    api.set_up(&receiver.https_url("/hook")).await;
    let before = api.publish("before").await;
    api.wait_for_status(&before, "succeeded").await;
    assert_eq!(home.run(&["backup", "copy.db"]).await.code, Some(0));
    let after = api.publish("after").await;
    api.wait_for_status(&after, "succeeded").await;
    if is_killed {
        server.kill();
    } else {
        server.stop().await;
    }
    Given { home, before, after, _receiver: receiver }
}

fn names(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.path("data")).expect("it is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn refused(ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in expected {
        assert!(ended.stderr.contains(part), "{part:?} in {ended:?}");
    }
}

#[tokio::test]
async fn a_restore_brings_back_the_state_of_the_backup_and_keeps_what_was_there() {
    let Given { home, before, after, _receiver } = given(false).await;
    refused(&home.run(&["restore", "copy.db"]).await, &["data/bocau.db is there", "--force"]);
    let ended = home.run(&["restore", "--force", "copy.db"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for expected in ["Restored copy.db to ./data/bocau.db", "bocau.db.before-restore-2", "start the server"] {
        assert!(ended.stderr.contains(expected), "{expected} in {ended:?}");
    }
    let events = "/api/v1/stores/552/events/";
    let server = home.serve().await;
    assert_eq!(server.api().delivery_of(&before).await["status"], "succeeded");
    server.api().get(&format!("{events}{after}")).await.expect(404);
    let new = server.api().publish("new").await;
    server.api().wait_for_status(&new, "succeeded").await;
    server.stop().await;

    // Under its other name the old database is whole.
    let names = names(&home);
    let kept = names.iter().find(|name| name.contains("before-restore")).expect("it is kept");
    let ended = home.run(&["restore", "--force", &format!("data/{kept}")]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let server = home.serve().await;
    assert_eq!(server.api().delivery_of(&after).await["status"], "succeeded");
    server.stop().await;
}

#[tokio::test]
async fn what_a_killed_server_left_in_the_log_goes_aside_with_its_database() {
    let Given { home, before, after, _receiver } = given(true).await;
    let log = std::fs::metadata(home.path("data/bocau.db-wal")).expect("it was left");
    assert!(log.len() > 0);
    let ended = home.run(&["restore", "--force", "copy.db"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let server = home.serve().await;
    assert_eq!(server.api().delivery_of(&before).await["status"], "succeeded");
    server.api().get(&format!("/api/v1/stores/552/events/{after}")).await.expect(404);
    server.stop().await;

    let names = names(&home);
    let kept = names.iter().find(|name| name.contains("before-restore")).expect("it is kept");
    let kept = kept.trim_end_matches("-wal").trim_end_matches("-shm");
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (format!("data/{kept}{suffix}"), format!("data/bocau.db{suffix}"));
        std::fs::rename(home.path(&from), home.path(&to)).expect("it was kept whole");
    }
    let server = home.serve().await;
    assert_eq!(server.api().delivery_of(&after).await["status"], "succeeded");
    server.stop().await;
}

#[tokio::test]
async fn a_restore_into_an_empty_directory_needs_the_master_key_first() {
    let Given { home, before, _receiver, .. } = given(false).await;
    let other = Home::new();
    std::fs::copy(home.path("copy.db"), other.path("copy.db")).expect("copied");
    refused(&other.run(&["restore", "copy.db"]).await, &["./data/master.key is missing", "BOCAU_MASTER_KEY"]);
    assert!(!other.path("data").exists(), "a key or a database made here would be in the way");
    std::fs::create_dir(other.path("data")).expect("made");
    std::fs::copy(home.path("data/master.key"), other.path("data/master.key")).expect("copied");
    let ended = other.run(&["restore", "copy.db"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("before-restore"), "{ended:?}");
    assert_eq!(names(&other), ["bocau.db", "master.key", "serve.lock"]);
    let server = other.serve().await;
    assert_eq!(server.api().delivery_of(&before).await["status"], "succeeded");
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_touched_while_a_server_runs_or_for_a_backup_that_cannot_be_used() {
    let Given { home, after, _receiver, .. } = given(false).await;
    let stranger = Home::new();
    assert_eq!(stranger.run(&["migrate"]).await.code, Some(0));
    std::fs::copy(stranger.path("data/bocau.db"), home.path("strange.db")).expect("copied");
    let copy = std::fs::read(home.path("copy.db")).expect("read");
    std::fs::write(home.path("cut.db"), &copy[..copy.len() / 2]).expect("written");
    std::fs::write(home.path("text.db"), "no database at all\n".repeat(100)).expect("written");
    std::fs::write(home.path("empty.db"), "").expect("written");
    std::fs::copy(home.path("copy.db"), home.path("used.db")).expect("copied");
    std::fs::write(home.path("used.db-wal"), "x").expect("written");
    let before = names(&home);
    for (file, expected) in [
        (
            "strange.db",
            &["does not open with the master key in ./data/master.key", "nothing was changed"][..],
        ),
        ("cut.db", &["cannot be used; nothing was changed"]),
        ("text.db", &["cannot be used; nothing was changed"]),
        ("empty.db", &["cannot be used; nothing was changed", "not one of bocau"]),
        ("used.db", &["is a database in use", "`bocau backup`"]),
        ("none.db", &["none.db cannot be read"]),
        (".", &[". is no file"]),
        ("data/bocau.db", &["is the database itself"]),
    ] {
        refused(&home.run(&["restore", "--force", file]).await, expected);
        assert_eq!(names(&home), before, "{file}");
    }
    let server = home.serve().await;
    refused(
        &home.run(&["restore", "--force", "copy.db"]).await,
        &["while no server runs", "another server runs on"],
    );
    assert_eq!(server.api().delivery_of(&after).await["status"], "succeeded");
    server.stop().await;
}
