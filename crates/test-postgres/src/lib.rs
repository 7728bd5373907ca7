//! A PostgreSQL server for tests: in a directory of its own, on a free port of this machine alone. It can be stopped in
//! the ways that servers stop and started again on what it has kept, and it leaves nothing behind.
//!
//! It stands apart from the testkit because `xtask` starts one for a whole run, and is built without the rest.

use std::fs;
use std::io::{self, Error};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where Debian keeps the programs of each version, the newest last.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The user that the server runs as where this is root, whom it refuses.
const SERVER_USER: &str = "postgres";
/// Tests run side by side, and each has a pool.
const CONNECTIONS_MAX: u32 = 400;
/// Between two looks whether it is ready, and how many there are.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 600;

/// What becomes of a commit when the server is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It has reached the disk, as anybody's would.
    Kept,
    /// It may be lost with the machine: what a test loses then is a test.
    Lost,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Transactions under way are broken off, and the rest is put in order.
    Fast,
    /// Everything ends where it stands; the next start goes by the log.
    Immediate,
}

/// What a server shows to clients that speak TLS to it, as PEM.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain: String,
    /// Its key.
    pub key: String,
}

/// A server. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    dir: PathBuf,
    port: u16,
    is_root: bool,
    durability: Durability,
    has_tls: bool,
    is_frozen: bool,
    process: Option<Child>,
}

impl PostgresServer {
    /// Makes and starts one.
    ///
    /// # Errors
    ///
    /// Where the server's programs are not installed, or it does not start.
    pub fn start(durability: Durability) -> io::Result<Self> {
        Self::start_with(durability, None)
    }

    /// The same for one that speaks TLS with whoever asks for it, and shows this certificate.
    ///
    /// # Errors
    ///
    /// Where the server's programs are not installed, or it does not start.
    pub fn start_with_tls(durability: Durability, certificate: &Certificate) -> io::Result<Self> {
        Self::start_with(durability, Some(certificate))
    }

    fn start_with(durability: Durability, certificate: Option<&Certificate>) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let programs = programs()?;
        let name = format!("bocau-postgres-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir)?;
        // From here on, whatever goes wrong removes it.
        let mut server = Self {
            programs,
            dir,
            port: 0,
            is_root: false,
            durability,
            has_tls: false,
            is_frozen: false,
            process: None,
        };
        server.is_root = fs::metadata(&server.dir)?.uid() == 0;
        server.make()?;
        if let Some(certificate) = certificate {
            server.keep("server.crt", &certificate.chain)?;
            server.keep("server.key", &certificate.key)?;
            server.has_tls = true;
        }
        server.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        server.start_again()?;
        Ok(server)
    }

    /// The URL of a database on it where others may be made.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where its data and its write-ahead log are.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Stops it; nobody is let in from here on.
    ///
    /// # Errors
    ///
    /// Where it cannot be told to.
    pub fn stop(&mut self, how: Stop) -> io::Result<()> {
        if self.is_frozen {
            // One that stands still hears nothing.
            self.thaw()?;
        }
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let signal = match how {
            Stop::Fast => "-INT",
            Stop::Immediate => "-QUIT",
        };
        let told = Command::new("kill").args([signal, &process.id().to_string()]).status();
        if !told.is_ok_and(|status| status.success()) {
            process.kill()?;
        }
        process.wait().map(drop)
    }

    /// Starts it on what it has kept, on the same port; ends when it lets clients in.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.stop(Stop::Fast)?;
        let on_or_off = if self.durability == Durability::Kept { "on" } else { "off" };
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", self.dir.display()),
            format!("max_connections={CONNECTIONS_MAX}"),
            format!("fsync={on_or_off}"),
            format!("full_page_writes={on_or_off}"),
            format!("ssl={}", if self.has_tls { "on" } else { "off" }),
            "log_min_messages=fatal".into(),
        ];
        let log = fs::File::options().create(true).append(true).open(self.dir.join("log"))?;
        let process = self
            .command("postgres")
            .arg("-D")
            .arg(self.dir.join("data"))
            .args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        self.wait_until_ready()
    }

    /// All of its processes stand still: connections hold, and nothing is answered.
    ///
    /// # Errors
    ///
    /// Where it does not run.
    pub fn freeze(&mut self) -> io::Result<()> {
        self.is_frozen = true;
        self.signal("-STOP")
    }

    /// It goes on where it stood.
    ///
    /// # Errors
    ///
    /// Where it does not run.
    pub fn thaw(&mut self) -> io::Result<()> {
        self.signal("-CONT")?;
        self.is_frozen = false;
        Ok(())
    }

    /// To its own process first, so that no more of its children begin.
    fn signal(&self, signal: &str) -> io::Result<()> {
        let process = self.process.as_ref().ok_or_else(|| Error::other("it does not run"))?;
        let told = Command::new("kill").args([signal, &process.id().to_string()]).status()?;
        if !told.success() {
            return Err(Error::other("it cannot be told"));
        }
        for child in children_of(process.id())? {
            // One that has ended meanwhile needs none.
            Command::new("kill").args([signal, &child]).stderr(Stdio::null()).status()?;
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        if self.is_root {
            let owned = Command::new("chown").arg(SERVER_USER).arg(&self.dir).status()?;
            if !owned.success() {
                let text = format!("the user {SERVER_USER} does not own {}", self.dir.display());
                return Err(Error::other(text));
            }
        }
        let made = self
            .command("initdb")
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg("--pgdata")
            .arg(self.dir.join("data"))
            .stdout(Stdio::null())
            .status()?;
        if made.success() { Ok(()) } else { Err(Error::other("initdb failed")) }
    }

    /// Writes a file beside the data, which nobody but the server may read.
    fn keep(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.dir.join("data").join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let data = fs::metadata(self.dir.join("data"))?;
        chown(&path, Some(data.uid()), Some(data.gid()))
    }

    /// One of the server's programs, as the user that it runs as.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if self.is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(&self.dir);
        command
    }

    #[expect(clippy::disallowed_methods, reason = "another process can only be asked, now and then")]
    fn wait_until_ready(&mut self) -> io::Result<()> {
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.process.as_mut().and_then(|process| process.try_wait().transpose()) {
                let said = fs::read_to_string(self.dir.join("log"))?;
                return Err(Error::other(format!("postgres ended with {}: {said}", status?)));
            }
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Err(Error::other("postgres is not ready after 30 s"))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Sessions are ended, and nothing of it is kept anyway.
        let stopped = self.stop(Stop::Immediate);
        if let Err(error) = stopped.and_then(|()| fs::remove_dir_all(&self.dir)) {
            eprintln!("{} stays behind: {error}", self.dir.display());
        }
    }
}

fn children_of(parent: u32) -> io::Result<Vec<String>> {
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let stats = fs::read_dir("/proc")?.filter_map(Result::ok).filter_map(stat);
    // “pid (name) state ppid …”; the name may have anything in it.
    let child = |stat: String| {
        let rest = stat.rsplit_once(") ")?.1;
        let is_child = rest.split(' ').nth(1)?.parse() == Ok(parent);
        is_child.then(|| stat.split(' ').next().map(str::to_owned))?
    };
    Ok(stats.filter_map(child).collect())
}

/// The directory of the server's programs: Debian's newest, or the one of the `initdb` on the path.
fn programs() -> io::Result<PathBuf> {
    let has_them = |dir: &Path| dir.join("initdb").exists();
    let debian = match fs::read_dir(DEBIAN) {
        Ok(entries) => {
            let versions = entries.filter_map(Result::ok).map(|entry| entry.path().join("bin"));
            versions.filter(|bin| has_them(bin)).max()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| has_them(dir))
    };
    debian.or_else(on_path).ok_or_else(|| {
        Error::other("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    })
}
