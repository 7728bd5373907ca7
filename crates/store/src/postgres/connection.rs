//! How connections are made: the URL, TLS, pools, and what is set on a connection and why.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use super::errors::text_of;
use crate::{LOCK_WAIT_MAX, Result, StoreError};

/// How long making a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a verb waits for a connection that is free.
const POOL_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long one look-up for a person may take before it is broken off.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// How long one statement of a verb may take: none of them is long, so one that is has met something broken.
const STATEMENT_MAX: Duration = Duration::from_secs(20);
/// How long one statement of a move to this server may take: a table that is small beside the history is written by one.
pub(super) const MOVE_STATEMENT_MAX: Duration = Duration::from_mins(10);
/// How often the server looks whether whoever asked is still there: a look-up that nobody waits for any more ends.
const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a transaction may stand still before the server ends it: a process that was stopped in the middle of
/// one must not hold up the others.
const IDLE_IN_TRANSACTION_MAX: Duration = Duration::from_secs(10);
/// How long a connection may be silent before it is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where the database is and how far it is trusted.
#[derive(Clone)]
pub struct PostgresUrl {
    config: tokio_postgres::Config,
    tls: Tls,
    text: String,
}

/// What `sslmode` says; the words mean what they mean to libpq.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tls {
    /// `disable`, `prefer` and `require`: whoever answers is believed.
    Unverified,
    /// `verify-full`: the certificate is checked, with its name, against the system's authorities or a file's.
    Verified { root_file: Option<String> },
}

impl std::str::FromStr for PostgresUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: String| StoreError::Refused(format!("the URL of the database: {why}"));
        let mut url = Url::parse(text).map_err(|error| refused(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refused(format!("it begins with {}:// and not with postgres://", url.scheme())));
        }
        let mut tls = Tls::Unverified;
        let mut mode = SslMode::Prefer;
        let mut root_file = None;
        let mut rest = Vec::new();
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("sslmode", "disable") => mode = SslMode::Disable,
                ("sslmode", "prefer") => mode = SslMode::Prefer,
                ("sslmode", "require") => mode = SslMode::Require,
                ("sslmode", "verify-full") => {
                    mode = SslMode::Require;
                    tls = Tls::Verified { root_file: None };
                }
                ("sslmode", other) => {
                    return Err(refused(format!(
                        "sslmode={other}: use disable, prefer, require or verify-full"
                    )));
                }
                ("sslrootcert", "system") => root_file = None,
                ("sslrootcert", file) => root_file = Some(file.to_owned()),
                _ => rest.push((name.into_owned(), value.into_owned())),
            }
        }
        if let Tls::Verified { root_file: file } = &mut tls {
            *file = root_file;
        }
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(&rest);
        }
        let mut config: tokio_postgres::Config =
            url.as_str().parse().map_err(|error: tokio_postgres::Error| refused(error.to_string()))?;
        config.ssl_mode(mode).connect_timeout(CONNECT_MAX).keepalives_idle(KEEPALIVE);
        config.tcp_user_timeout(STATEMENT_MAX);
        if config.get_application_name().is_none() {
            config.application_name("bocau");
        }
        let _ = url.set_password(None);
        url.set_query(None);
        Ok(Self { config, tls, text: url.into() })
    }
}

/// Without its password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.text).finish()
    }
}

impl PostgresUrl {
    /// The same server's database of another name.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        if let Ok(mut url) = Url::parse(&other.text) {
            url.set_path(name);
            other.text = url.into();
        }
        other
    }

    /// What connections to it are called in the server's list.
    pub(super) fn application_name(&self) -> &str {
        self.config.get_application_name().unwrap_or_default()
    }

    /// The same database, with another name for the connections.
    pub(super) fn named(&self, application_name: &str) -> Self {
        let mut other = self.clone();
        other.config.application_name(application_name);
        other
    }

    /// A connection outside of the pools, which runs by itself.
    pub(super) async fn connect(&self) -> Result<Client> {
        let (client, connection) = self.open().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// A connection outside of the pools, and what makes it run.
    pub(super) async fn open(&self) -> Result<(Client, Runs)> {
        let opened = self.config.connect(self.tls()?).await;
        opened.map_err(|error| StoreError::Unavailable(text_of(&error)))
    }

    fn tls(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match &self.tls {
            Tls::Unverified => Arc::new(Anybody(provider.clone())),
            Tls::Verified { root_file } => {
                let roots = Arc::new(authorities(root_file.as_deref())?);
                WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                    .build()
                    .map_err(|error| StoreError::Refused(format!("the authorities for TLS: {error}")))?
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Refused(format!("TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

fn authorities(file: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = match file {
        None => rustls_native_certs::load_native_certs().certs,
        Some(file) => {
            let read =
                CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<std::result::Result<_, _>>);
            read.map_err(|error| StoreError::Refused(format!("sslrootcert {file}: {error}")))?
        }
    };
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(StoreError::Refused("sslmode=verify-full without any authority to verify with".into()));
    }
    Ok(roots)
}

/// Believes every certificate, as libpq does short of `verify-ca`; what it signs is checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What is answered, unless that takes longer: the other side, or something between, has forgotten who asked.
#[expect(clippy::disallowed_methods, reason = "waits for a real connection")]
pub(super) async fn in_time<T>(span: Duration, answer: impl Future<Output = T>) -> Result<T> {
    let silent = |_| StoreError::Unavailable(format!("no answer within {} s", span.as_secs()));
    tokio::time::timeout(span, answer).await.map_err(silent)
}

/// What makes a connection run.
type Runs = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// What a pool's connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Verbs that write, and what deliveries and sign-ins wait for.
    Work,
    /// Whoever looks something up for a person.
    Lookups,
    /// Taking an installation in.
    Move,
}

impl Use {
    pub(super) fn settings(self) -> String {
        let statement_max = match self {
            Self::Work => STATEMENT_MAX,
            Self::Lookups => LOOKUP_MAX,
            Self::Move => MOVE_STATEMENT_MAX,
        };
        // The last is not known to servers on every system.
        let mut settings = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET client_min_messages = warning; SET synchronous_commit = on; SET TimeZone = 'UTC'; SET jit = off; \
             DO $$ BEGIN SET client_connection_check_interval = {}; \
             EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;",
            statement_max.as_millis(),
            LOCK_WAIT_MAX.as_millis(),
            IDLE_IN_TRANSACTION_MAX.as_millis(),
            CLIENT_CHECK_INTERVAL.as_millis(),
        );
        settings.push_str(match self {
            // Each of its statements goes to a few rows by an index. A plan made while the tables were empty
            // would read whole tables instead, and stay. Planning every time would cost more than running.
            Self::Work | Self::Move => {
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; \
                 SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
            }
            // A page is the end of a walk along an index. Of a day that was not analyzed yet the server takes
            // filters for so strict that it would rather read and sort all of it.
            Self::Lookups => {
                "SET enable_seqscan = off; SET enable_bitmapscan = off; \
                 SET max_parallel_workers_per_gather = 0;"
            }
        });
        settings
    }
}

/// A pool; it connects when it is used.
pub(super) fn pool(url: &PostgresUrl, size: usize, use_: Use) -> Result<Pool> {
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url.config.clone(), url.tls()?, manager);
    let settings: Arc<str> = use_.settings().into();
    let set_up = Hook::async_fn(move |client, _| {
        let settings = settings.clone();
        Box::pin(async move {
            let set = in_time(CONNECT_MAX, client.batch_execute(&settings)).await;
            set.map_err(|silent| HookError::message(silent.to_string()))?.map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(size.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT_MAX))
        .create_timeout(Some(CONNECT_MAX))
        .post_create(set_up)
        .build()
        .map_err(|error| StoreError::Refused(format!("no pool of connections: {error}")))
}

#[cfg(test)]
mod tests {
    use bocau_testkit::TestDatabase;
    use bocau_testkit::patience::capped;
    use futures_util::FutureExt as _;

    use super::super::tx::Connection;
    use super::*;

    #[tokio::test]
    async fn every_connection_has_the_server_look_whether_whoever_asked_is_there() {
        let database = TestDatabase::make().await;
        let url = database.url_text().parse().expect("a URL");
        for use_ in [Use::Work, Use::Lookups, Use::Move] {
            let client = pool(&url, 1, use_).expect("a pool").get().await.expect("it connects");
            let set =
                client.query_one("SHOW client_connection_check_interval", &[]).await.expect("it is known");
            assert_eq!(set.get::<_, String>(0), "2s", "{use_:?}");
        }
    }

    /// As many of a statement as the server is at work on.
    fn at_work(database: &TestDatabase, sql: &str) -> usize {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = '{sql}' \
             AND state = 'active'"
        );
        database.run(&count).trim().parse().expect("a number")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_server_ends_what_nobody_waits_for_any_more() {
        const LONG: &str = "SELECT pg_sleep(300)";
        let database = TestDatabase::make().await;
        let url = database.url_text().parse().expect("a URL");
        let pool = pool(&url, 1, Use::Move).expect("a pool");
        let connection = Connection::of(&pool, MOVE_STATEMENT_MAX).await.expect("it connects");
        assert!(connection.run(LONG).now_or_never().is_none(), "it takes long");
        let until = async |count: usize| {
            while at_work(&database, LONG) != count {
                tokio::task::yield_now().await;
            }
        };
        capped(until(1), || "the server does not begin".into()).await;
        drop(connection);
        capped(until(0), || "the server goes on for nobody".into()).await;
    }
}
