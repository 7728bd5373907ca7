//! The default backend: `SQLite` in a file of the data directory, in WAL mode.
//!
//! One `writer` thread commits whatever arrives together, a pool of `readers` looks things up. What is done
//! stands in one file per subject; `verbs` sends the trait's verbs there, save those of the subjects with a
//! trait of their own (`audit`, `erasure`, `figures`, `inboxes`, `nodes`, `people`, `resealing`, `resend_jobs`). `rows` turns rows into domain
//! types and back, `query` puts the walks over deliveries together, `tally` counts for the overview, `tx` is
//! what a verb works with, `connection` opens the file, `migrate` brings its schema up to date, `lock`
//! keeps a second server out, and `moving` reads out an installation that moves to `PostgreSQL`.

mod audit;
mod backup;
mod claims;
mod connection;
mod erasure;
mod errors;
mod figures;
#[cfg(feature = "in-memory")]
mod in_memory;
mod inboxes;
mod journal;
mod keys;
mod listing;
mod lock;
mod migrate;
pub(crate) mod moving;
mod nodes;
mod people;
mod query;
mod readers;
mod resealing;
mod resend;
mod resend_jobs;
mod results;
mod retention;
mod rows;
mod sessions;
mod skipping;
mod stores;
mod sweep;
mod tally;
mod tx;
mod users;
mod verbs;
mod webhooks;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{NodeCard, Rng, Timestamp};
use parking_lot::Mutex;

pub use backup::check_backup;
pub use lock::DataDirLock;
pub use migrate::schema_version;
pub use moving::{moved_to, take_move_back};

use crate::seal::{MasterKey, Sealer};
use crate::{Result, StoreError};

/// The database's file in the data directory.
pub const DATABASE_FILE: &str = "bocau.db";
/// Readers, unless the options say otherwise: what a small machine can run beside the writer.
pub const READER_COUNT_DEFAULT: usize = 4;

/// Readers for what deliveries and sign-ins wait for.
const URGENT_READER_COUNT: usize = 2;
/// How long one look-up for a person may take before it is broken off.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// How to open a [`SqliteStore`].
#[derive(Clone)]
pub struct SqliteOptions {
    /// The database's file; made where it is not there.
    pub path: PathBuf,
    /// What secrets are sealed with.
    pub master_key: MasterKey,
    /// Dice for the nonces of what is sealed.
    pub rng: Arc<dyn Rng>,
    /// Lookups that run at once; at least one.
    pub reader_count: usize,
    /// Whether an older schema is brought up to date; otherwise it is refused.
    pub migrates: bool,
}

impl SqliteOptions {
    /// For [`DATABASE_FILE`] in `data_dir`, with the usual settings.
    pub fn new(data_dir: &Path, master_key: MasterKey, rng: Arc<dyn Rng>) -> Self {
        Self {
            path: data_dir.join(DATABASE_FILE),
            master_key,
            rng,
            reader_count: READER_COUNT_DEFAULT,
            migrates: true,
        }
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("path", &self.path)
            .field("reader_count", &self.reader_count)
            .finish_non_exhaustive()
    }
}

/// The store in a `SQLite` file. Several processes may open the same file; what only one may do (serving) is
/// guarded by [`DataDirLock`].
pub struct SqliteStore {
    path: PathBuf,
    sealer: Arc<Sealer>,
    /// For whoever looks something up for a person.
    readers: readers::Readers,
    /// For what deliveries and sign-ins wait for: no report holds them up.
    urgent: readers::Readers,
    writer: writer::Writer,
    /// The server that has the file open, and when it said so last.
    node: Mutex<Option<(NodeCard, Timestamp)>>,
}

impl SqliteStore {
    /// Opens the database, makes it where it is not there, and brings its schema up to date. Blocks while
    /// it does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] for a `SQLite` that is too old, a place that does not suit WAL mode, or a schema
    /// that has gone another way or is too old and may not be changed; [`StoreError::Corrupt`] for another master key or a file that is no
    /// database; [`StoreError::Unavailable`] for a file that cannot be opened.
    pub fn open(options: SqliteOptions) -> Result<Self> {
        let SqliteOptions { path, master_key, rng, reader_count, migrates } = options;
        connection::check_version()?;
        if !migrates {
            migrate::check_is_current(&path)?;
        }
        connection::create_file(&path)?;
        let sealer = Arc::new(Sealer::new(&master_key, rng));
        let lock = migrate::lock(&path)?;
        let mut connection = connection::open_writer(&path)?;
        migrate::migrate(&mut connection)?;
        migrate::check_master_key(&connection, &sealer)?;
        drop(lock);
        let readers = readers::Readers::start(&path, reader_count, Some(LOOKUP_MAX))?;
        let urgent = readers::Readers::start(&path, URGENT_READER_COUNT, None)?;
        let writer = writer::Writer::start(connection, sealer.clone())?;
        Ok(Self { path, sealer, readers, urgent, writer, node: Mutex::default() })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The error of a blocking task that did not end as it should.
fn stopped(error: &tokio::task::JoinError) -> StoreError {
    StoreError::Unavailable(format!("stopped before its end: {error}"))
}
