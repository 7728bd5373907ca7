//! A configuration that cannot be used stops the start with one clear line.

use crate::server::{Ended, Home};

fn one_line(ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stdout.is_empty(), "{ended:?}");
    for part in expected {
        assert!(ended.stderr.contains(part), "{part} in {ended:?}");
    }
}

#[tokio::test]
async fn an_unknown_key_in_the_file_is_named_with_the_file() {
    let home = Home::bare();
    std::fs::write(home.path("bocau.toml"), "lisen = \"127.0.0.1:1\"\n").expect("written");
    for command in ["serve", "check-config", "migrate"] {
        one_line(&home.run(&[command]).await, &["bocau.toml", "unknown key \"lisen\"", "listen"]);
    }
}

#[tokio::test]
async fn an_unknown_variable_is_named() {
    let home = Home::bare().with("BOCAU_RETRY_INTERVALS", "5m");
    one_line(
        &home.run(&["serve"]).await,
        &["BOCAU_RETRY_INTERVALS: unknown variable", "BOCAU_RETRY_INTERVAL"],
    );
}

#[tokio::test]
async fn a_bad_value_is_named_with_what_is_allowed() {
    let home = Home::bare().with("BOCAU_RETRY_INTERVAL", "5 minutes");
    one_line(&home.run(&["serve"]).await, &["BOCAU_RETRY_INTERVAL: \"5 minutes\"", "500ms, 2s, 5m or 1h"]);
    let home = Home::bare().with("BOCAU_EGRESS_ALLOW", "127.0.0.0/8,lan");
    one_line(&home.run(&["serve"]).await, &["BOCAU_EGRESS_ALLOW: \"127.0.0.0/8,lan\"", "10.0.0.0/8"]);
    one_line(&Home::bare().run(&["serve", "--listen", "here"]).await, &["--listen: \"here\""]);
}

#[tokio::test]
async fn a_secret_is_in_no_error() {
    let home = Home::bare().with("BOCAU_MASTER_KEY", "hush-hush");
    let ended = home.run(&["serve"]).await;
    one_line(&ended, &["BOCAU_MASTER_KEY", "base64 of 32 bytes"]);
    assert!(!ended.stderr.contains("hush"), "{ended:?}");
    let home = Home::bare().with("BOCAU_DATABASE_URL", "postgres://user:hush@host/db");
    let ended = home.run(&["serve"]).await;
    one_line(&ended, &["BOCAU_DATABASE_URL", "SQLite", "PostgreSQL comes later"]);
    assert!(!ended.stderr.contains("hush"), "{ended:?}");
}

#[tokio::test]
async fn a_named_file_must_be_there() {
    one_line(&Home::bare().run(&["serve", "--config", "mine.toml"]).await, &["mine.toml cannot be read"]);
}

#[tokio::test]
async fn check_config_shows_every_value_with_its_source_and_masks_secrets() {
    let home = Home::new().with("BOCAU_SERVICE_HOST", "10.0.0.1");
    std::fs::write(home.path("bocau.toml"), "max_attempts = 5\n").expect("written");
    let ended = home.run(&["check-config", "--log", "debug"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = |key: &str| {
        let found = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(key));
        found.unwrap_or_else(|| panic!("{key} in {ended:?}"))
    };
    for (key, value, source) in [
        ("max_attempts", "= 5 ", "# bocau.toml"),
        ("retry_interval", "= 5m ", "# default"),
        ("listen", "= 127.0.0.1:0 ", "# BOCAU_LISTEN"),
        ("log", "= debug ", "# --log"),
        ("bootstrap_api_key", "= (set, not shown)", "# BOCAU_BOOTSTRAP_API_KEY"),
        ("master_key", "= (none)", "# default"),
    ] {
        assert!(line(key).contains(value) && line(key).ends_with(source), "{}", line(key));
    }
    assert!(!ended.stdout.contains(crate::server::KEY));
    assert!(!home.path("data").exists(), "looking makes nothing");
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_and_one_on_the_same_port_are_refused() {
    let home = Home::new();
    let server = home.serve().await;
    let second = home.run(&["serve"]).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("another server runs on"), "{second:?}");
    let port = server.url().trim_start_matches("http://");
    let third = Home::new().run(&["serve", "--listen", port]).await;
    assert_eq!(third.code, Some(1), "{third:?}");
    assert!(third.stderr.contains("is taken by another program"), "{third:?}");
    server.stop().await;
}
