//! The server under test.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::connection::{Connection, post};

/// The platform key of the server.
pub(crate) const KEY: &str = "bck_0123456789abcdef0123456789abcdef0123456789a";
/// Its first store.
pub(crate) const STORE: &str = "552";
/// As many attempts in flight as there are publishers: one webhook alone gets what many would.
pub(crate) const WIDE: (&str, &str) = ("BOCAU_MAX_IN_FLIGHT_PER_WEBHOOK", "64");
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A server with a database of its own.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The URL of its database; none where that is SQLite.
    pub(crate) postgres: Option<String>,
    executable: PathBuf,
    environment: Vec<(String, String)>,
    dir: TempDir,
}

impl Program {
    /// Starts it.
    pub(crate) async fn start(
        program: &Path,
        postgres: Option<String>,
        authority: &Authority,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("bocau-bench-").tempdir()?;
        std::fs::write(dir.path().join("ca.pem"), &authority.pem)?;
        let usual = [
            ("BOCAU_LISTEN", "127.0.0.1:0"),
            ("BOCAU_BOOTSTRAP_API_KEY", KEY),
            ("BOCAU_EGRESS_ALLOW", "127.0.0.0/8"),
            ("BOCAU_EGRESS_CA_FILE", "ca.pem"),
            ("BOCAU_LOG", "warn"),
        ];
        let database = postgres.as_deref().map(|url| ("BOCAU_DATABASE_URL", url));
        let key = postgres.as_deref().map(|_| ("BOCAU_MASTER_KEY", MASTER_KEY));
        let all = usual.iter().chain(settings).chain(&database).chain(&key);
        let environment = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (child, address) = launch(program, dir.path(), &environment)?;
        let server = Self { child, address, postgres, executable: program.to_owned(), environment, dir };
        server.make_store(STORE).await?;
        Ok(server)
    }

    /// Makes a store.
    pub(crate) async fn make_store(&self, id: &str) -> anyhow::Result<()> {
        self.make("/api/v1/stores", &json!({"id": id, "name": "Cửa hàng"})).await.map(drop)
    }

    /// Makes a webhook; answers its id.
    pub(crate) async fn make_webhook(&self, store: &str, webhook: &Value) -> anyhow::Result<String> {
        let made = self.make(&format!("/api/v1/stores/{store}/webhooks"), webhook).await?;
        Ok(made["id"].as_str().context("a webhook without an id")?.to_owned())
    }

    async fn make(&self, path: &str, what: &Value) -> anyhow::Result<Value> {
        let mut connection = Connection::open(self.address, None).await?;
        let made = connection.expect(post(path, KEY, Bytes::from(what.to_string())), 201).await?;
        Ok(serde_json::from_slice(&made)?)
    }

    /// Ends it in order.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        while self.child.try_wait()?.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// Starts it again on what it has kept.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        (self.child, self.address) = launch(&self.executable, self.dir.path(), &self.environment)?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory that it works in.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// Its database, where that is SQLite.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self.dir.path().join("data/bocau.db")
    }

    /// Bytes of the data directory.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        let entries = std::fs::read_dir(self.dir.path().join("data"));
        let sizes =
            entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
        sizes.sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process; ends when it listens.
fn launch(
    program: &Path,
    dir: &Path,
    environment: &Vec<(String, String)>,
) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(program);
    command.arg("serve").current_dir(dir).env_clear();
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let stdout = child.stdout.take().context("standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let Some(line) = lines.next() else { bail!("the server ended before it listened") };
        if let Some((_, url)) = line?.split_once("listens on http://") {
            break url.parse()?;
        }
    };
    // Whoever listens to a pipe must go on, or the other end waits.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, address))
}
