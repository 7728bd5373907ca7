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
    one_line(
        &home.run(&["serve"]).await,
        &["BOCAU_RETRY_INTERVAL: \"5 minutes\"", "a duration such as 2s, 5m or 1h"],
    );
    let home = Home::bare().with("BOCAU_RETRY_INTERVAL", "500ms");
    one_line(&home.run(&["serve"]).await, &["BOCAU_RETRY_INTERVAL: \"500ms\" is outside 1s to 24h"]);
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
    let home = Home::bare().with("BOCAU_DATABASE_URL", "postgres://user:hush@host/db?sslmode=never");
    let ended = home.run(&["serve"]).await;
    one_line(&ended, &["BOCAU_DATABASE_URL", "sslmode=never", "verify-full"]);
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
        ("master_key", "= (the file ./data/master.key, made at the first start)", "# default"),
    ] {
        assert!(line(key).contains(value) && line(key).ends_with(source), "{}", line(key));
    }
    assert!(!ended.stdout.contains(crate::server::KEY));
    assert!(!home.path("data").exists(), "looking makes nothing");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_named_with_its_setting() {
    let home = Home::bare().with("BOCAU_DATA_DIR", "/proc/x");
    for command in [&["serve"][..], &["migrate"], &["key", "create", "--name", "x"], &["restore", "x.db"]] {
        one_line(
            &home.run(command).await,
            &["BOCAU_DATA_DIR: the data directory \"/proc/x\" cannot be made"],
        );
    }
    let ended = home.run(&["check-config"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("data_dir") && ended.stderr.contains("cannot be made"), "{ended:?}");
    assert!(!ended.stderr.contains("can be used"), "{ended:?}");
    let home = Home::bare();
    std::fs::write(home.path("file"), "").expect("written");
    let ended = home.run(&["serve", "--data-dir", "file"]).await;
    one_line(&ended, &["--data-dir: the data directory \"file\" is not a directory"]);
}

#[tokio::test]
async fn check_config_finds_the_master_key_or_misses_it() {
    let home = Home::new();
    assert_eq!(home.run(&["migrate"]).await.code, Some(0));
    let ended = home.run(&["check-config"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("= (the file ./data/master.key) "), "{ended:?}");
    std::fs::remove_file(home.path("data/master.key")).expect("removed");
    let ended = home.run(&["check-config"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("its master key ./data/master.key is not"), "{ended:?}");
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
