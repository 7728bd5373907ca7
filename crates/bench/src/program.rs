//! The server under test.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connection::{Connection, post};
use crate::receiver::Receiver;

/// The platform key of the server.
pub(crate) const KEY: &str = "bck_0123456789abcdef0123456789abcdef0123456789a";
/// Its store.
pub(crate) const STORE: &str = "552";
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A server with a database of its own.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    dir: TempDir,
}

impl Program {
    /// Starts it with a store and webhooks to the receiver.
    pub(crate) async fn start(
        program: &Path,
        postgres: Option<&str>,
        receiver: &Receiver,
        webhooks: usize,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("ca.pem"), &receiver.authority.pem)?;
        let program = program
            .canonicalize()
            .with_context(|| format!("{} is not there: cargo build --release --locked", program.display()))?;
        let mut command = Command::new(program);
        command.arg("serve").current_dir(dir.path()).env_clear();
        command.envs([
            ("BOCAU_LISTEN", "127.0.0.1:0"),
            ("BOCAU_BOOTSTRAP_API_KEY", KEY),
            ("BOCAU_EGRESS_ALLOW", "127.0.0.0/8"),
            ("BOCAU_EGRESS_CA_FILE", "ca.pem"),
            ("BOCAU_LOG", "warn"),
            ("BOCAU_MAX_IN_FLIGHT_PER_WEBHOOK", "64"),
        ]);
        if let Some(url) = postgres {
            command.env("BOCAU_DATABASE_URL", url).env("BOCAU_MASTER_KEY", MASTER_KEY);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
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
        let server = Self { child, address, dir };
        let mut connection = Connection::open(address, None).await?;
        let store = json!({"id": STORE, "name": "Cửa hàng"});
        connection.expect(post("/api/v1/stores", KEY, bytes(&store)), 201).await?;
        for number in 0..webhooks {
            let url = format!("https://{}/{number}", receiver.address);
            let webhook = json!({"url": url, "events": ["*"]});
            let path = format!("/api/v1/stores/{STORE}/webhooks");
            connection.expect(post(&path, KEY, bytes(&webhook)), 201).await?;
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
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

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
