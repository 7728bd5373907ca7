//! How a server starts, drains and ends.
//!
//! Start: the lock of the data directory, the port, the database, the engine, then the first answer. Stop, at
//! SIGTERM or SIGINT: nothing new is taken in and `/readyz` says 503 at once, while the listener goes on
//! answering; the attempts in flight end and are recorded; the connections end; the database is closed. All of
//! it together takes less than 30 s, the time that supervisors give. A second signal ends the process at once;
//! whatever that cuts short comes back at the next start.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bocau_api::ApiParts;
use bocau_domain::address::EgressRules;
use bocau_domain::node::NAME_LENGTH_MAX;
use bocau_domain::{NodeCard, NodeRole};
use bocau_engine::egress::{Guard, HttpsOptions, HttpsTransport, SystemResolver};
use bocau_engine::presence::Presence;
use bocau_engine::{Engine, EngineClock, EngineOptions, EngineParts, SystemRng};
use bocau_store::sqlite::DataDirLock;
use bocau_store::{MasterKey, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::dashboard;
use crate::demo::Demo;
use crate::http_server::{self, HttpServer};
use crate::inbox::InboxListener;
use crate::measuring;
use crate::storage::{Storage, plain};
use crate::tls::ServerCertificate;

/// How long attempts in flight may take to end: more than the longest timeout a webhook may have.
const ENGINE_STOP_MAX: Duration = Duration::from_secs(28);
/// How long the connections may take after that.
const CONNECTIONS_STOP_MAX: Duration = Duration::from_secs(1);
/// How long the database may take after that.
const STORE_CLOSE_MAX: Duration = Duration::from_millis(500);
/// How often the master key's file is looked at.
pub(crate) const MASTER_KEY_LOOK: Duration = Duration::from_secs(1);
/// The exit code of a second signal.
const EXIT_CUT_SHORT: i32 = 130;

/// Runs a server until a signal ends it.
pub async fn serve(config: Config, with_demo: bool) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be received")?;
    let server = tokio::select! {
        started = Server::start(config, with_demo) => started?,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before the start was complete");
            return Ok(());
        }
    };
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping: attempts in flight end, nothing new is taken in");
    let impatience = tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("a second signal: ending at once");
        std::process::exit(EXIT_CUT_SHORT);
    });
    server.stop().await;
    impatience.abort();
    tracing::info!("stopped");
    Ok(())
}

/// A server that runs.
struct Server {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
    /// Ends the listener.
    stop_listening: CancellationToken,
    listening: JoinHandle<()>,
    /// Where deliveries to test inboxes arrive.
    inbox: InboxListener,
    /// Says that it is there.
    presence: Presence,
    /// What runs beside; ends with the server.
    _beside: Vec<AbortOnDropHandle<()>>,
    /// Let go last.
    _lock: Option<DataDirLock>,
}

impl Server {
    async fn start(config: Config, with_demo: bool) -> anyhow::Result<Self> {
        config.check_data_dir()?;
        // A SQLite file belongs to one server; a PostgreSQL database to any number.
        let lock = match config.database_url {
            None => Some(DataDirLock::acquire(&config.data_dir).map_err(plain)?),
            Some(_) => None,
        };
        let certificate = config.tls.clone().map(ServerCertificate::load).transpose();
        let certificate = certificate.map_err(|problem| anyhow!(problem))?;
        let tls = certificate.as_ref().map(ServerCertificate::acceptor).transpose()?;
        let http = HttpServer::bind(config.listen)?.with_tls(tls);
        let metrics = measuring::start()?;
        let storage = Storage::open(&config).await?;
        let clock: Arc<dyn EngineClock> = Arc::new(storage.clock().await?);
        let Storage { store, master_key } = storage;
        let demo = if with_demo { Some(Demo::prepare(&*store, &*clock).await?) } else { None };

        // The attempts in flight are limited for each database.
        let in_flight_max = config.lanes.total * (1 + config.database_shards.len());
        let connections_max = http_server::connections_max(in_flight_max);
        let bootstrap_key = config.bootstrap_api_key.clone();
        let (role, name) = (config.role, config.node_name.clone());
        let inbox = InboxListener::start(store.clone(), clock.clone(), Arc::new(SystemRng))?;
        let own = Own { address: http.address(), demo: demo.as_ref(), inbox: &inbox };
        let parts = engine_parts(&config, &own, store.clone(), clock.clone())?;
        let options = EngineOptions {
            policy: config.policy,
            lanes: config.lanes,
            header_prefix: config.header_prefix,
            retention: config.retention,
            role,
        };
        let engine = Engine::start(parts, options).await.map_err(plain)?;
        let node = card(&engine, name, role);
        let own_id = node.id;
        let presence = Presence::begin(store.clone(), clock.clone(), node).await.map_err(plain)?;

        let make_router = if role.answers() { bocau_api::router } else { bocau_api::worker_router };
        let router = make_router(ApiParts {
            engine: engine.clone(),
            master_key: master_key.clone(),
            bootstrap_key,
            metrics: Some(metrics.clone()),
            public_url: config.public_url.clone(),
            secure_cookies: config.secure_cookies,
            trusted_proxies: config.trusted_proxies.clone(),
            rate_limits: config.rate_limits,
            personal_fields: config.personal_fields.clone(),
            node: Some(own_id),
            pages: Some(dashboard::router(&config.portal_origins)),
        });
        let url = url_of(http.address(), certificate.is_some());
        let stop_listening = CancellationToken::new();
        let running = http.run(router, clock.clone(), connections_max, stop_listening.clone());
        let listening = tokio::spawn(running);
        announce(&url);
        let base_url = config.public_url.as_deref().unwrap_or(&url);
        if role.answers() {
            announce_first_link(&engine, &master_key, base_url).await;
        }
        let mut beside = vec![tokio::spawn(measuring::keep_up(metrics, clock.clone()))];
        if let Some(certificate) = certificate {
            beside.push(tokio::spawn(certificate.keep_up(clock.clone())));
        }
        if master_key.is_in_file() {
            beside.push(tokio::spawn(keep_up(master_key.clone(), clock.clone())));
        }
        if let Some(demo) = demo {
            let engine = engine.clone();
            beside.push(tokio::spawn(async move { demo.run(&engine, &master_key, &url).await }));
        }
        let beside = beside.into_iter().map(AbortOnDropHandle::new).collect();
        Ok(Self {
            engine,
            store,
            clock,
            stop_listening,
            listening,
            inbox,
            presence,
            _beside: beside,
            _lock: lock,
        })
    }

    async fn stop(self) {
        self.engine.begin_stop();
        if !self.within(ENGINE_STOP_MAX, self.engine.stop()).await {
            tracing::warn!("attempts in flight are cut short; they come back at the next start");
        }
        // The attempts to it have ended.
        drop(self.inbox);
        self.stop_listening.cancel();
        let abort = self.listening.abort_handle();
        let clock = self.clock.clone();
        let ending = async { tokio::join!(self.listening, self.presence.end()) };
        tokio::select! {
            _ = ending => {}
            () = clock.sleep(CONNECTIONS_STOP_MAX) => abort.abort(),
        }
        tokio::select! {
            () = self.store.close() => {}
            () = clock.sleep(STORE_CLOSE_MAX) => tracing::warn!("the database was left before it was closed"),
        }
    }

    /// Whether `work` ended within `span`.
    async fn within(&self, span: Duration, work: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = work => true,
            () = self.clock.sleep(span) => false,
        }
    }
}

/// Hears that `bocau key rotate-master` has changed the master key.
async fn keep_up(master_key: MasterKey, clock: Arc<dyn EngineClock>) {
    loop {
        clock.sleep(MASTER_KEY_LOOK).await;
        if master_key.look() {
            tracing::info!("the master key was rotated");
        }
    }
}

/// The listeners of this process.
struct Own<'a> {
    address: SocketAddr,
    demo: Option<&'a Demo>,
    inbox: &'a InboxListener,
}

fn engine_parts(
    config: &Config,
    own: &Own<'_>,
    store: Arc<dyn Store>,
    clock: Arc<dyn EngineClock>,
) -> anyhow::Result<EngineParts> {
    let mut allowed = config.egress_allow.clone();
    let mut extra_roots = config.egress_roots.clone();
    extra_roots.push(own.inbox.root().clone());
    if let Some(demo) = own.demo {
        allowed.push(demo.network());
        extra_roots.push(demo.root().clone());
    }
    let rules = Arc::new(EgressRules {
        allowed,
        allow_http: config.egress_allow_http,
        own: vec![own.address],
        inbox: Some(own.inbox.address()),
    });
    let resolver = SystemResolver::new().map_err(|error| anyhow!("the system's name servers: {error}"))?;
    let guard = Guard::new(rules.clone(), Arc::new(resolver));
    let transport = HttpsTransport::new(guard, HttpsOptions { extra_roots })?;
    Ok(EngineParts {
        store,
        clock,
        rng: Arc::new(SystemRng),
        transport: Arc::new(transport),
        rules,
        catalogue: Arc::new(config.catalogue.clone()),
    })
}

/// What this node says of itself.
fn card(engine: &Engine, name: Option<String>, role: NodeRole) -> NodeCard {
    NodeCard {
        id: engine.ids().node_id(),
        name: name.unwrap_or_else(machine_name),
        role,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: engine.clock().now(),
    }
}

/// As the machine is called, or the container.
fn machine_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name.chars().filter(|letter| !letter.is_control()).take(NAME_LENGTH_MAX).collect()
}

/// The address as somebody at this machine would type it.
fn url_of(address: SocketAddr, has_tls: bool) -> String {
    let mut shown = address;
    if address.ip().is_unspecified() {
        shown.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("{}://{shown}", if has_tls { "https" } else { "http" })
}

/// The line that tells people, and programs that asked for port 0, where the server is.
fn announce(url: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "bocau {version} listens on {url}").and_then(|()| stdout.flush());
    if let Err(error) = written {
        tracing::debug!(%error, "standard output is closed");
    }
    tracing::info!(%url, version, "listening");
}

/// The line that lets the first admin in. Standard output alone has it: a log may be read by many.
async fn announce_first_link(engine: &Engine, master_key: &MasterKey, base_url: &str) {
    let link = match bocau_api::first_sign_in_link(engine, master_key, base_url).await {
        Ok(Some(link)) => link,
        Ok(None) => return,
        Err(error) => return tracing::error!(%error, "there is no link for the first admin"),
    };
    let mut stdout = std::io::stdout().lock();
    let text = "Đăng nhập lần đầu (dùng một lần, trong 24 giờ) · First sign-in (once, within 24 hours)";
    if let Err(error) = writeln!(stdout, "{text}: {link}").and_then(|()| stdout.flush()) {
        tracing::debug!(%error, "standard output is closed");
    }
}

/// The signals that ask a server to stop.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
