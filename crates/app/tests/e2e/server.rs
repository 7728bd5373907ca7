//! The program in a directory of its own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;

use bocau_testkit::TestCa;
use bocau_testkit::patience::capped;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::api::Api;

/// A platform key that the servers of these tests accept.
pub(crate) const KEY: &str = "bck_0123456789abcdef0123456789abcdef0123456789a";

/// Where the program is run, with which variables.
#[derive(Clone)]
pub(crate) struct Home {
    dir: Arc<TempDir>,
    variables: Vec<(String, String)>,
    /// What runs the program, where something does.
    wrapper: Vec<String>,
}

impl Home {
    /// A server that may reach receivers of the testkit on this machine.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), TestCa::shared().pem()).expect("written");
        Self { dir: Arc::new(dir), variables: Vec::new(), wrapper: Vec::new() }
            .with("BOCAU_LISTEN", "127.0.0.1:0")
            .with("BOCAU_BOOTSTRAP_API_KEY", KEY)
            .with("BOCAU_EGRESS_ALLOW", "127.0.0.0/8")
            .with("BOCAU_EGRESS_CA_FILE", "ca.pem")
    }

    /// Without any variable.
    pub(crate) fn bare() -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("a directory"));
        Self { dir, variables: Vec::new(), wrapper: Vec::new() }
    }

    /// With this variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Run by this command, which ends with what it is to run.
    pub(crate) fn run_by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let words = self.wrapper.iter().map(String::as_str);
        let mut words = words.chain([env!("CARGO_BIN_EXE_bocau")]).chain(args.iter().copied());
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words).current_dir(self.dir.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.run_with_input(args, "").await
    }

    /// Runs a command to its end with this on its standard input.
    pub(crate) async fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut command = self.command(args);
        let (input, story) = (input.to_owned(), format!("{args:?}"));
        let ended = tokio::task::spawn_blocking(move || {
            let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
            let mut stdin = child.stdin.take().expect("it is piped");
            // A command that has seen enough closes its end; what it says is what is tested.
            let writing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
            let output = child.wait_with_output().expect("it ends");
            writing.join().expect("no panic");
            output
        });
        let output = capped(ended, || story).await.expect("no panic");
        Ended::of(&output)
    }

    /// Starts a command, and does not wait for it.
    pub(crate) fn begin(&self, args: &[&str]) -> Server {
        let mut child = self.command(args).spawn().expect("the program starts");
        let stdout = follow(child.stdout.take().expect("it is piped"));
        let stderr = follow(child.stderr.take().expect("it is piped"));
        Server { child, url: String::new(), stdout, stderr }
    }

    /// Starts a server and waits until it listens.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    /// Starts a server with more flags and waits until it listens.
    pub(crate) async fn serve_with(&self, flags: &[&str]) -> Server {
        let mut server = self.begin(&[&["serve"], flags].concat());
        let line = server.wait_for_line("listens on ").await;
        line.rsplit(' ').next().expect("a last word").clone_into(&mut server.url);
        server
    }
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// A server that runs. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    url: String,
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
}

impl Server {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its API, with the platform key.
    pub(crate) fn api(&self) -> Api {
        Api::new(&self.url, KEY)
    }

    /// What the system says of its memory: `VmRSS` is what it holds, `VmHWM` the most it ever held.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(what)).expect("Linux says it");
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// kill -9, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits for the end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let stderr = self.stderr.clone();
        // Taken out of the drop guard: from here on it ends by itself, or the test does.
        let waiting = tokio::task::spawn_blocking(move || self.child.wait().expect("it ends"));
        capped(waiting, || format!("waiting for the end; it said:\n{}", *stderr.borrow()))
            .await
            .expect("no panic")
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().await.code(), Some(0));
    }

    /// What it has written to standard output up to a line with this text, or the panic with all it said.
    pub(crate) async fn output_until(&mut self, text: &str) -> String {
        let mut stdout = self.stdout.clone();
        let waiting = async {
            let said = stdout.wait_for(|said| said.contains(text)).await;
            said.map(|said| said.clone()).ok()
        };
        let said = capped(waiting, || format!("waiting for {text:?}; {}", self.all())).await;
        said.unwrap_or_else(|| panic!("it ended without {text:?}; {}", self.all()))
    }

    async fn wait_for_line(&mut self, text: &str) -> String {
        let said = self.output_until(text).await;
        said.lines().find(|line| line.contains(text)).expect("it was found").to_owned()
    }

    /// Waits until it has written this to standard error.
    pub(crate) async fn logs(&mut self, text: &str) {
        let mut stderr = self.stderr.clone();
        let waiting = async { stderr.wait_for(|said| said.contains(text)).await.is_ok() };
        let is_said = capped(waiting, || format!("waiting for {text:?}; {}", self.all())).await;
        assert!(is_said, "it ended without {text:?}; {}", self.all());
    }

    /// What it has written to standard output.
    pub(crate) fn said(&self) -> String {
        self.stdout.borrow().clone()
    }

    pub(crate) fn log(&self) -> String {
        self.stderr.borrow().clone()
    }

    fn all(&self) -> String {
        format!("stdout:\n{}\nstderr:\n{}", *self.stdout.borrow(), *self.stderr.borrow())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gathers whole lines of a stream; the sender goes with its end.
fn follow(stream: impl Read + Send + 'static) -> watch::Receiver<String> {
    let (sender, receiver) = watch::channel(String::new());
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            sender.send_modify(|said| {
                said.push_str(&line);
                said.push('\n');
            });
        }
    });
    receiver
}

/// A copy of a file with its mode.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("copied");
}
