//! Configuration: defaults, then `bocau.toml`, then `BOCAU_…` variables, then flags; the later wins.
//!
//! [`layers`] gathers the texts and remembers where each came from, [`value`] reads one text,
//! [`event_types`] the operator's own event types, and [`data_dir`] tries the data directory. Whatever is unknown or not allowed stops the start with one
//! line that names its source; the value of a secret is in none of them.

mod data_dir;
mod event_types;
mod layers;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bocau_api::personal::PersonalFields;
use bocau_api::rate_limit::RateLimits;
use bocau_domain::{Catalogue, DeliveryPolicy, NodeRole, RetentionDays, RetryPolicy};
use bocau_engine::lanes::LaneLimits;
use bocau_store::MasterKey;
use bocau_store::postgres::PostgresUrl;
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;

use crate::tls::{ServerCertificate, TlsFiles};
use layers::{Layers, Origin};
pub(crate) use value::{DURATIONS, duration};

/// The file that is read where it is there, unless another is named.
pub const FILE_DEFAULT: &str = "bocau.toml";

/// One setting that stands in the file, the environment or a flag as one text.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// In the file; `BOCAU_` and this in upper case in the environment.
    name: &'static str,
    /// What holds where nobody says anything.
    default: Option<&'static str>,
    /// Whether the value is never shown.
    is_secret: bool,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default, is_secret: false }
}

const fn secret(name: &'static str) -> Key {
    Key { name, default: None, is_secret: true }
}

const ROLE: Key = key("role", Some("all"));
const NODE_NAME: Key = key("node_name", None);
const LISTEN: Key = key("listen", Some("127.0.0.1:8080"));
const DATA_DIR: Key = key("data_dir", Some("./data"));
// It has a password in it.
const DATABASE_URL: Key = secret("database_url");
const DATABASE_SHARDS: Key = secret("database_shards");
const MIGRATE_ON_START: Key = key("migrate_on_start", Some("true"));
const MASTER_KEY: Key = secret("master_key");
const BOOTSTRAP_API_KEY: Key = secret("bootstrap_api_key");
const PUBLIC_URL: Key = key("public_url", None);
const SECURE_COOKIES: Key = key("secure_cookies", Some("false"));
const TLS_CERT: Key = key("tls_cert", None);
const TLS_KEY: Key = key("tls_key", None);
const RATE_LIMIT_PER_KEY: Key = key("rate_limit_per_key", None);
const RATE_LIMIT_PER_IP: Key = key("rate_limit_per_ip", None);
// Those that the document's samples have.
const PERSONAL_FIELDS: Key =
    key("personal_fields", Some("tel,phone,mobile,email,address,birthday,bank_account,bank_account_name"));
const PORTAL_ORIGINS: Key = key("portal_origins", None);
// A proxy beside the server is the usual one, and nobody else connects from there.
const TRUSTED_PROXIES: Key = key("trusted_proxies", Some("127.0.0.0/8,::1"));
const EGRESS_ALLOW: Key = key("egress_allow", None);
const EGRESS_CA_FILE: Key = key("egress_ca_file", None);
const EGRESS_ALLOW_HTTP: Key = key("egress_allow_http", Some("false"));
const RETRY_INTERVAL: Key = key("retry_interval", Some("5m"));
const MAX_ATTEMPTS: Key = key("max_attempts", Some("3"));
const TIMEOUT: Key = key("timeout", Some("10s"));
const RETENTION_DAYS: Key = key("retention_days", Some("30"));
// Its lines at each start say nothing that an operator needs.
const LOG: Key = key("log", Some("info,refinery_core=warn"));
const LOG_FORMAT: Key = key("log_format", Some("text"));
const HEADER_PREFIX: Key = key("header_prefix", Some("bocau"));
const MAX_IN_FLIGHT_PER_WEBHOOK: Key = key("max_in_flight_per_webhook", Some("10"));
const MAX_IN_FLIGHT: Key = key("max_in_flight", Some("512"));

/// All of them, in the order in which `check-config` shows them.
const KEYS: &[Key] = &[
    LISTEN,
    TLS_CERT,
    TLS_KEY,
    DATA_DIR,
    DATABASE_URL,
    DATABASE_SHARDS,
    MIGRATE_ON_START,
    ROLE,
    NODE_NAME,
    MASTER_KEY,
    BOOTSTRAP_API_KEY,
    PUBLIC_URL,
    SECURE_COOKIES,
    PORTAL_ORIGINS,
    TRUSTED_PROXIES,
    RATE_LIMIT_PER_KEY,
    RATE_LIMIT_PER_IP,
    PERSONAL_FIELDS,
    EGRESS_ALLOW,
    EGRESS_CA_FILE,
    EGRESS_ALLOW_HTTP,
    RETRY_INTERVAL,
    MAX_ATTEMPTS,
    TIMEOUT,
    RETENTION_DAYS,
    MAX_IN_FLIGHT_PER_WEBHOOK,
    MAX_IN_FLIGHT,
    HEADER_PREFIX,
    LOG,
    LOG_FORMAT,
];

/// The one key that is a list of tables and stands in the file only.
const EVENT_TYPES: &str = "event_types";

/// Attempts in flight to one webhook, at most.
const IN_FLIGHT_PER_WEBHOOK_MAX: usize = 1_000;
/// Requests that may be allowed per second, at most.
const RATE_LIMIT_MAX: u32 = 1_000_000;
/// Attempts in flight in all, at most.
const IN_FLIGHT_MAX: usize = 10_000;

/// Where settings are looked for. It prints nothing of itself: there are secrets among them.
#[derive(Default)]
pub struct Inputs {
    /// The file that was named; where none was, [`FILE_DEFAULT`].
    pub file: Option<PathBuf>,
    /// The variables of the environment, also those that are not ours.
    pub environment: Vec<(OsString, OsString)>,
    /// Keys and values given as flags.
    pub flags: Vec<(&'static str, String)>,
}

/// A configuration that cannot be used, in one line without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A setting as it holds, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, masked where it is a secret.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
    /// What an error about it begins with.
    place: String,
}

/// Everything that can be configured, checked.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Debug)]
pub struct Config {
    /// What this node does.
    pub role: NodeRole,
    /// What people call it; as its machine is called where it is left out.
    pub node_name: Option<String>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Where the database and the master key lie.
    pub data_dir: PathBuf,
    /// The PostgreSQL database; without one it is a SQLite file in the data directory.
    pub database_url: Option<PostgresUrl>,
    /// Whether an older schema is brought up to date at the start.
    pub migrate_on_start: bool,
    /// More PostgreSQL databases that stores are spread over, by their names.
    pub database_shards: Vec<(String, PostgresUrl)>,
    /// The master key; without one it is a file in the data directory.
    pub master_key: Option<MasterKey>,
    /// A platform key to accept besides those in the database.
    pub bootstrap_api_key: Option<SecretString>,
    /// Where people reach the server, without a slash at the end.
    pub public_url: Option<String>,
    /// The certificate and key of the listener; without them it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether cookies are given for https alone.
    pub secure_cookies: bool,
    /// How many requests are answered, of each key and of each machine.
    pub rate_limits: RateLimits,
    /// The fields whose values are masked for whoever may only look.
    pub personal_fields: PersonalFields,
    /// Whose pages may show a store's in a frame, as browsers write origins.
    pub portal_origins: Vec<String>,
    /// Proxies that are believed about whom a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that deliveries may reach besides public ones.
    pub egress_allow: Vec<IpNet>,
    /// Certificates to trust besides the system's.
    pub egress_roots: Vec<CertificateDer<'static>>,
    /// Whether webhooks may use http.
    pub egress_allow_http: bool,
    /// What holds where a webhook sets nothing itself.
    pub policy: DeliveryPolicy,
    /// How long events are kept, where their store says no shorter time.
    pub retention: RetentionDays,
    /// How much is in flight at once.
    pub lanes: LaneLimits,
    /// The prefix of our own headers.
    pub header_prefix: String,
    /// The filter of the log.
    pub log: String,
    /// Whether nobody chose that filter.
    pub is_log_default: bool,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The event types, built-in ones and the operator's.
    pub catalogue: Catalogue,
    /// Every setting with its source.
    pub settings: Vec<Setting>,
}

impl Config {
    /// Reads and checks everything.
    pub fn load(inputs: &Inputs) -> Result<Self, ConfigError> {
        let layers = Layers::gather(inputs)?;
        let mut reader = Reader { layers: &layers, settings: Vec::new() };
        let database_url = reader.optional(DATABASE_URL, value::database_url)?.flatten();
        let role = reader.required(ROLE, |text| value::role(text, database_url.is_some()))?;
        let node_name = reader.optional(NODE_NAME, value::node_name)?;
        let migrate_on_start = reader.required(MIGRATE_ON_START, value::boolean)?;
        let database_shards = reader.optional(DATABASE_SHARDS, value::database_shards)?.unwrap_or_default();
        if !database_shards.is_empty() && database_url.is_none() {
            let place = layers.place(DATABASE_SHARDS);
            return Err(ConfigError(format!("{place}: shards need a home: set database_url as well")));
        }
        let (listen, data_dir) =
            (reader.required(LISTEN, value::listen)?, reader.required(DATA_DIR, value::path)?);
        let master_key = reader.optional(MASTER_KEY, value::master_key)?;
        let bootstrap_api_key = reader.optional(BOOTSTRAP_API_KEY, value::api_key)?;
        let public_url = reader.optional(PUBLIC_URL, value::public_url)?;
        let tls = reader.tls()?;
        // Who comes by TLS comes by https.
        let secure_cookies = reader.required(SECURE_COOKIES, value::boolean)? || tls.is_some();
        let limit = |text: &str| value::rate_limit(text, RATE_LIMIT_MAX);
        let rate_limits = RateLimits {
            per_key: reader.optional(RATE_LIMIT_PER_KEY, limit)?,
            per_ip: reader.optional(RATE_LIMIT_PER_IP, limit)?,
        };
        let personal_fields = reader.required(PERSONAL_FIELDS, value::personal_fields)?;
        let portal_origins = reader.optional(PORTAL_ORIGINS, value::origins)?.unwrap_or_default();
        let trusted_proxies = reader.required(TRUSTED_PROXIES, value::networks)?;
        let egress_allow = reader.optional(EGRESS_ALLOW, value::networks)?.unwrap_or_default();
        let egress_roots = reader.optional(EGRESS_CA_FILE, value::certificates)?.unwrap_or_default();
        let egress_allow_http = reader.required(EGRESS_ALLOW_HTTP, value::boolean)?;
        let interval = reader.required(RETRY_INTERVAL, value::retry_interval)?;
        let max_attempts = reader.required(MAX_ATTEMPTS, value::max_attempts)?;
        let timeout = reader.required(TIMEOUT, value::timeout)?;
        let retention = reader.required(RETENTION_DAYS, value::retention_days)?;
        let per_webhook = reader
            .required(MAX_IN_FLIGHT_PER_WEBHOOK, |text| value::count(text, IN_FLIGHT_PER_WEBHOOK_MAX))?;
        let total = reader.required(MAX_IN_FLIGHT, |text| value::count(text, IN_FLIGHT_MAX))?;
        let header_prefix = reader.required(HEADER_PREFIX, value::header_prefix)?;
        let log = reader.required(LOG, value::log_filter)?;
        let log_format = reader.required(LOG_FORMAT, value::log_format)?;
        let mut settings = reader.settings;
        let is_log_default = layers.is_default(LOG);
        let catalogue = event_types::read(&layers, &mut settings)?;
        settings
            .sort_by_key(|setting| KEYS.iter().position(|key| key.name == setting.key).unwrap_or(KEYS.len()));
        Ok(Self {
            role,
            node_name,
            migrate_on_start,
            listen,
            data_dir,
            database_url,
            database_shards,
            master_key,
            bootstrap_api_key,
            public_url,
            tls,
            secure_cookies,
            rate_limits,
            personal_fields,
            portal_origins,
            trusted_proxies,
            egress_allow,
            egress_roots,
            egress_allow_http,
            policy: DeliveryPolicy { retry: RetryPolicy::Every { max_attempts, interval }, timeout },
            retention,
            lanes: LaneLimits { per_webhook, total, ..LaneLimits::default() },
            header_prefix,
            log,
            is_log_default,
            log_format,
            catalogue,
            settings,
        })
    }
}

/// Reads settings out of the layers and notes each with its source.
struct Reader<'a> {
    layers: &'a Layers,
    settings: Vec<Setting>,
}

impl Reader<'_> {
    /// The files of the listener's TLS: both or neither, and a pair.
    fn tls(&mut self) -> Result<Option<TlsFiles>, ConfigError> {
        let certificate = self.optional(TLS_CERT, value::path)?;
        let key = self.optional(TLS_KEY, value::path)?;
        let (files, place) = match (certificate, key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (TlsFiles { certificate, key }, self.layers.place(TLS_CERT)),
            (Some(_), None) => {
                let place = self.layers.place(TLS_CERT);
                return Err(ConfigError(format!(
                    "{place}: a certificate needs its key: set tls_key as well"
                )));
            }
            (None, Some(_)) => {
                let place = self.layers.place(TLS_KEY);
                return Err(ConfigError(format!(
                    "{place}: a key needs its certificate: set tls_cert as well"
                )));
            }
        };
        ServerCertificate::load(files.clone())
            .map_err(|problem| ConfigError(format!("{place}: {problem}")))?;
        Ok(Some(files))
    }

    /// A setting that has a default.
    fn required<T>(&mut self, key: Key, read: impl Fn(&str) -> value::Read<T>) -> Result<T, ConfigError> {
        Ok(self.optional(key, read)?.expect("the key has a default"))
    }

    fn optional<T>(
        &mut self,
        key: Key,
        read: impl Fn(&str) -> value::Read<T>,
    ) -> Result<Option<T>, ConfigError> {
        let found = self.layers.text(key)?;
        let (shown, origin) = match &found {
            None => ("(none)".to_owned(), Origin::Default),
            Some((_, origin)) if key.is_secret => ("(set, not shown)".to_owned(), origin.clone()),
            Some((text, origin)) => (text.clone(), origin.clone()),
        };
        let place = origin.place(key.name);
        let name = key.name.to_owned();
        self.settings.push(Setting { key: name, value: shown, origin: origin.name(key.name), place });
        let Some((text, origin)) = found else { return Ok(None) };
        read(&text).map(Some).map_err(|problem| {
            let value = if key.is_secret { "the value (not shown)".to_owned() } else { quoted(&text) };
            ConfigError(format!("{}: {value} {problem}", origin.place(key.name)))
        })
    }
}

/// A value as it stands in an error: on one line and not too long.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 100;
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// A file that could not be read, in one line.
fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

#[cfg(test)]
mod tests;
