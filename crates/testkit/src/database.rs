//! A database of its own for a test, on the server that `BOCAU_TEST_POSTGRES` names. `make test` starts one.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use bocau_store::postgres::PostgresUrl;

use crate::fault_proxy::FaultProxy;

/// Names the server: the URL of a database where others may be made.
pub const SERVER: &str = "BOCAU_TEST_POSTGRES";

/// An empty database, which goes with it.
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// Without a server: a test that did not run has shown nothing.
    pub async fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} is not set: run this by `make test` or `cargo run -p xtask -- with-postgres <command>`")
        });
        // A test is a process of its own.
        let name = format!("bocau_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let database = Self { server, name };
        let make = format!("CREATE DATABASE {}", database.name);
        let server = database.server.clone();
        tokio::task::spawn_blocking(move || psql(&server, &make)).await.expect("psql runs");
        database
    }

    /// Where it is.
    ///
    /// # Panics
    ///
    /// Where the server's URL is none.
    pub fn url(&self) -> PostgresUrl {
        self.url_text().parse().expect("the server's URL is one")
    }

    /// The same as a program is told it.
    ///
    /// # Panics
    ///
    /// Where the server's URL has no path.
    pub fn url_text(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').expect("the server's URL names a database");
        format!("{base}/{}", self.name)
    }

    /// A proxy in front of its server, and the database's URL through it.
    ///
    /// # Panics
    ///
    /// Where the server's URL names no address.
    pub async fn through_proxy(&self) -> (FaultProxy, String) {
        let text = self.url_text();
        let (_, rest) = text.split_once('@').expect("the server's URL names a user");
        let (address, _) = rest.split_once('/').expect("it names a database");
        let server = address.replace("localhost", "127.0.0.1").parse().expect("it names an address");
        let proxy = FaultProxy::start(server).await;
        let through = text.replace(address, &proxy.address().to_string());
        (proxy, through)
    }

    /// Runs a statement in it, as somebody at the command line would.
    pub fn run(&self, sql: &str) -> String {
        psql(&self.url_text(), sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        psql(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement in the database of this URL, as somebody at the command line would; answers what it printed.
///
/// # Panics
///
/// Where the statement fails.
pub fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            sql,
            url,
        ])
        .output()
        .expect("psql is installed");
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
