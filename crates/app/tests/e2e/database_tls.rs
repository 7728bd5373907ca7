//! TLS between the program and PostgreSQL.

use bocau_testkit::database::psql;
use bocau_testkit::{Durability, PostgresCertificate, PostgresServer, Receiver, TestCa};

use crate::nodes::home_on_url;
use crate::server::Home;

/// A server whose certificate is of the authority in every home's `ca.pem`, for `name`.
async fn server_named(name: &'static str) -> PostgresServer {
    let make = move || {
        let (chain, key) = TestCa::shared().issue_pem(&[name]);
        PostgresServer::start_with_tls(Durability::Lost, &PostgresCertificate { chain, key })
    };
    tokio::task::spawn_blocking(make).await.expect("no panic").expect("a server")
}

fn home(server: &PostgresServer, query: &str) -> Home {
    home_on_url(&format!("{}?{query}", server.url()))
}

/// What the server says of the connections that `bocau` has to it, each kind once.
fn spoken_with(server: &PostgresServer) -> String {
    let ask = "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
               WHERE a.application_name LIKE 'bocau%'";
    psql(&server.url(), ask)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_delivered_over_a_database_whose_certificate_is_checked() {
    let (server, receiver) = (server_named("127.0.0.1").await, Receiver::start().await);
    for query in ["sslmode=verify-full&sslrootcert=ca.pem", "sslmode=require", "sslmode=prefer"] {
        let node = home(&server, query).serve().await;
        if query.contains("verify-full") {
            node.api().set_up(&receiver.https_url("/hook")).await;
        }
        let event = node.api().publish("1").await;
        node.api().wait_for_status(&event, "succeeded").await;
        assert_eq!(spoken_with(&server), "t", "{query}: every connection is encrypted");
        node.stop().await;
    }
    let node = home(&server, "sslmode=disable").serve().await;
    assert_eq!(spoken_with(&server), "f");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_who_it_should_be_is_told_nothing() {
    let (other_name, good_name) = (server_named("elsewhere.vn").await, server_named("127.0.0.1").await);
    for (what, home, says) in [
        ("another name", home(&other_name, "sslmode=verify-full&sslrootcert=ca.pem"), "certificate"),
        (
            "an authority that the system does not know",
            home(&good_name, "sslmode=verify-full"),
            "certificate",
        ),
        ("no such file", home(&good_name, "sslmode=verify-full&sslrootcert=none.pem"), "none.pem"),
        ("no certificate", home(&good_name, "sslmode=verify-full&sslrootcert=empty.pem"), "authority"),
    ] {
        std::fs::write(home.path("empty.pem"), "").expect("written");
        let ended = home.run(&["serve"]).await;
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        assert!(ended.stderr.contains(says), "{what}: {}", ended.stderr);
    }
    assert_eq!(psql(&good_name.url(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

/// Over TLS or not at all, where the server has none.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tls_is_refused_where_it_is_required() {
    let made = tokio::task::spawn_blocking(|| PostgresServer::start(Durability::Lost));
    let server = made.await.expect("no panic").expect("a server");
    let ended = home(&server, "sslmode=require").run(&["serve"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("TLS"), "{}", ended.stderr);
}
