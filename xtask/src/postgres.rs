//! A PostgreSQL server for the time that a command runs: `cargo run -p xtask -- with-postgres cargo nextest run`.
//! It lies in a directory of its own, listens on a free port of this machine alone, and leaves nothing behind.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, bail, ensure};

/// Where Debian keeps the programs of each version, the newest last.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The user that the server runs as where this is root, whom it refuses.
const SERVER_USER: &str = "postgres";
/// Tells the command where the server is.
const SERVER: &str = "BOCAU_TEST_POSTGRES";
/// Tests run side by side, and each has a pool.
const CONNECTIONS_MAX: u32 = 400;

/// Runs `command` beside a server; ends as it ends.
pub(crate) fn run(command: &[String]) -> anyhow::Result<ExitCode> {
    let [program, arguments @ ..] = command else { bail!("with-postgres needs a command to run") };
    let server = Server::start()?;
    let status = Command::new(program)
        .args(arguments)
        .env(SERVER, &server.url)
        .status()
        .with_context(|| format!("{program} does not start"))?;
    drop(server);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

struct Server {
    dir: PathBuf,
    process: Child,
    url: String,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let programs = programs()?;
        let dir = std::env::temp_dir().join(format!("bocau-postgres-{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        let started = Self::start_in(&programs, &dir);
        if started.is_err() {
            drop(fs::remove_dir_all(&dir));
        }
        started
    }

    fn start_in(programs: &Path, dir: &Path) -> anyhow::Result<Self> {
        let is_root = fs::metadata(dir)?.uid() == 0;
        let run = |program: &str| {
            let path = programs.join(program);
            if !is_root {
                return Command::new(path);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups", "--"]).arg(path);
            command
        };
        if is_root {
            let owned = Command::new("chown").arg(SERVER_USER).arg(dir).status()?;
            ensure!(owned.success(), "the user {SERVER_USER} does not own {}", dir.display());
        }
        let data = dir.join("data");
        let made = run("initdb")
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg("--pgdata")
            .arg(&data)
            .current_dir(dir)
            .stdout(Stdio::null())
            .status()
            .context("initdb does not start")?;
        ensure!(made.success(), "initdb failed");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        // What a test loses with the machine's power is a test: it need not reach the disk.
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", dir.display()),
            format!("max_connections={CONNECTIONS_MAX}"),
            "fsync=off".into(),
            "full_page_writes=off".into(),
            "log_min_messages=fatal".into(),
        ];
        let process = run("postgres")
            .arg("-D")
            .arg(&data)
            .args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log"))?)
            .spawn()
            .context("postgres does not start")?;
        let mut server = Self {
            dir: dir.to_owned(),
            process,
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        };
        server.wait(programs, port)?;
        Ok(server)
    }

    #[expect(clippy::disallowed_methods, reason = "another process can only be asked, now and then")]
    fn wait(&mut self, programs: &Path, port: u16) -> anyhow::Result<()> {
        for _ in 0..300 {
            if let Some(status) = self.process.try_wait()? {
                bail!("postgres ended with {status}: {}", fs::read_to_string(self.dir.join("log"))?);
            }
            let ready = Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        bail!("postgres is not ready after 30 s")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The fast way to stop: sessions are ended, and nothing of it is kept anyway.
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-INT", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("xtask: {} stays behind: {error}", self.dir.display());
        }
    }
}

/// The directory of the server's programs: Debian's newest, or the one of the `initdb` on the path.
fn programs() -> anyhow::Result<PathBuf> {
    let versions =
        |entries: fs::ReadDir| entries.filter_map(Result::ok).map(|entry| entry.path().join("bin"));
    let debian = match fs::read_dir(DEBIAN) {
        Ok(entries) => versions(entries).filter(|bin| bin.join("initdb").exists()).max(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).context(DEBIAN),
    };
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| dir.join("initdb").exists())
    };
    debian
        .or_else(on_path)
        .context("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
}
