//! A PostgreSQL server that a test has for itself: it can be stopped, frozen and started again.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::api::look_until;

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The user that the server runs as where this is root, whom it refuses.
const SERVER_USER: &str = "postgres";

/// The server. Dropping it kills it.
pub(crate) struct PostgresServer {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
}

impl PostgresServer {
    /// Makes one and starts it.
    pub(crate) async fn make() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        if is_root() {
            let owned = Command::new("chown").arg(SERVER_USER).arg(dir.path()).status().expect("chown runs");
            assert!(owned.success());
        }
        let made = program("initdb", dir.path())
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg("--pgdata")
            .arg(dir.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success());
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("one").port();
        let mut server = Self { dir, port, process: None };
        server.start().await;
        server
    }

    /// Its database, as a program is told it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn start(&mut self) {
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", self.dir.path().display()),
            "fsync=off".into(),
            "log_min_messages=fatal".into(),
        ];
        let process = program("postgres", self.dir.path())
            .arg("-D")
            .arg(self.dir.path().join("data"))
            .args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres runs");
        self.process = Some(process);
        let url = self.url();
        look_until(async || {
            let asked = Command::new("psql").args([&url, "-c", "SELECT 1"]).output().expect("psql runs");
            asked.status.success().then_some(())
        })
        .await;
    }

    /// Ends it: connections break at once.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill_process(Pid::from_child(&process), Signal::INT).expect("it runs");
            process.wait().expect("it ends");
        }
    }

    /// All of its processes stand still: connections hold, and nothing is answered.
    pub(crate) fn freeze(&self) {
        // Its own first, so that no more of its children begin.
        self.signal(Signal::STOP);
    }

    /// It goes on where it stood.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
        for child in children_of(process.id()) {
            // One that has ended meanwhile needs none.
            let _ = kill_process(child, signal);
        }
    }

    /// Runs a statement in it, as somebody at the command line would.
    pub(crate) fn run(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, &self.url()])
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let children = children_of(process.id());
            drop(process.kill());
            drop(process.wait());
            for child in children {
                let _ = kill_process(child, Signal::KILL);
            }
        }
    }
}

fn children_of(parent: u32) -> Vec<Pid> {
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let stats = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok).filter_map(stat);
    // “pid (name) state ppid …”; the name may have anything in it.
    let child = |stat: String| {
        let rest = stat.rsplit_once(") ")?.1.to_owned();
        let is_child = rest.split(' ').nth(1)?.parse() == Ok(parent);
        let id = stat.split(' ').next()?.parse().ok().and_then(Pid::from_raw)?;
        is_child.then_some(id)
    };
    stats.filter_map(child).collect()
}

fn program(name: &str, dir: &Path) -> Command {
    let found = fs::read_dir(DEBIAN).into_iter().flatten().filter_map(Result::ok);
    let found = found.map(|entry| entry.path().join("bin").join(name)).filter(|path| path.exists()).max();
    let path = found.unwrap_or_else(|| PathBuf::from(name));
    let mut command = Command::new(&path);
    if is_root() {
        command = Command::new("setpriv");
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups", "--"]).arg(path);
    }
    command.current_dir(dir);
    command
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}
