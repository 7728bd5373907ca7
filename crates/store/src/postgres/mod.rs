//! The backend for several nodes: `PostgreSQL` 15 or newer.
//!
//! Every verb is one transaction on a connection of a pool. What is done stands in one file per subject, twins of
//! the files of `sqlite`; `verbs` sends the trait's verbs there, save those of the subjects with a trait of their
//! own. `identity`, `directory`, `pulse`, `departure` and `transfer` are for several databases (see `sharded`).
//! `connection` makes connections, `notices` hears what other nodes tell, `tx` is what a verb works with,
//! `partitions` makes the parts of days and `dropping` drops them, `rows` turns rows into domain types and back,
//! `migrate` brings the schema up to date, and `moving` takes an installation in that comes from `SQLite`.

mod audit;
mod claims;
mod connection;
mod departure;
mod directory;
mod dropping;
mod erasure;
mod errors;
mod figures;
mod identity;
mod inboxes;
mod journal;
mod keys;
mod listing;
mod migrate;
pub(crate) mod moving;
mod nodes;
mod notices;
mod partitions;
mod people;
#[cfg(test)]
mod plans;
mod pulse;
mod query;
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
mod transfer;
mod tx;
mod users;
mod verbs;
mod webhooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::{AuditIds, Rng};
use deadpool_postgres::Pool;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

pub use connection::PostgresUrl;
pub(crate) use departure::Standing;
pub(crate) use directory::{Entry, EntryState};
pub use identity::HOME;
pub use migrate::schema_version;
pub(crate) use pulse::Pulse;
pub(crate) use transfer::Transfer;
pub(crate) use verbs::{COMMIT_PATIENCE, COMMITS_AT_ONCE};

use crate::seal::{MasterKey, Sealer};
use crate::{Result, StoreError};
use connection::Use;
use partitions::Days;
use tx::{Connection, Tx};

/// Connections of one node, unless the options say otherwise.
pub const CONNECTION_COUNT_DEFAULT: usize = 12;
/// How long the server may take for one answer, unless the options say otherwise: longer than a statement may take
/// there, and short enough that the end of an attempt is written down on another connection while its lease holds.
pub const ANSWER_MAX_DEFAULT: Duration = Duration::from_secs(25);
/// Verbs that may write at once; more than anybody has memory for.
const INSIDE_MAX: u32 = 1_000_000;
/// How often a verb is run again that another transaction stood in the way of.
const RUNS_MAX: usize = 5;

/// How to open a [`PostgresStore`].
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where the database is.
    pub url: PostgresUrl,
    /// What secrets are sealed with; the same on every node.
    pub master_key: MasterKey,
    /// Dice for the nonces of what is sealed.
    pub rng: Arc<dyn Rng>,
    /// Connections at most; a third of them is for whoever looks something up for a person.
    pub connection_count: usize,
    /// Whether an older schema is brought up to date; otherwise it is refused.
    pub migrates: bool,
    /// How long the server may take for one answer, and whoever waits for a lock with it.
    pub answer_max: Duration,
}

impl PostgresOptions {
    /// With the usual settings.
    pub fn new(url: PostgresUrl, master_key: MasterKey, rng: Arc<dyn Rng>) -> Self {
        let answer_max = ANSWER_MAX_DEFAULT;
        Self { url, master_key, rng, connection_count: CONNECTION_COUNT_DEFAULT, migrates: true, answer_max }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &self.url)
            .field("connection_count", &self.connection_count)
            .finish_non_exhaustive()
    }
}

/// The store in a `PostgreSQL` database, which any number of processes share.
pub struct PostgresStore {
    url: PostgresUrl,
    sealer: Arc<Sealer>,
    audit_ids: Arc<AuditIds>,
    /// For whoever looks something up for a person.
    lookups: Pool,
    /// For verbs that write, and what deliveries and sign-ins wait for: no report holds them up.
    work: Pool,
    days: Days,
    answer_max: Duration,
    /// Names this process among those that share the database.
    own: Uuid,
    /// Taken by every verb that writes for as long as it runs; closing takes all.
    inside: Semaphore,
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] for a server that is too old, or a schema that has gone another way or is too old
    /// and may not be changed;
    /// [`StoreError::Corrupt`] for another master key; [`StoreError::Unavailable`] where no connection is made.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let audit_ids = Arc::new(AuditIds::new(options.rng.clone()));
        Self::open_with(options, audit_ids).await
    }

    /// The same as one of several databases, whose audit logs are read as one.
    pub(crate) async fn open_with(options: PostgresOptions, audit_ids: Arc<AuditIds>) -> Result<Self> {
        let PostgresOptions { url, master_key, rng, connection_count, migrates, answer_max } = options;
        let sealer = Arc::new(Sealer::new(&master_key, rng));
        migrate::migrate(&url, &sealer, migrates).await?;
        moving::check_not_moving(&url).await?;
        let mut own = [0; 16];
        sealer.rng().fill(&mut own);
        let for_lookups = (connection_count / 3).max(1);
        Ok(Self {
            lookups: connection::pool(&url, for_lookups, Use::Lookups)?,
            work: connection::pool(&url, connection_count.saturating_sub(for_lookups), Use::Work)?,
            url,
            sealer,
            audit_ids,
            days: Days::default(),
            answer_max,
            own: Uuid::from_bytes(own),
            inside: Semaphore::new(INSIDE_MAX as usize),
        })
    }

    /// A connection for a look-up for a person.
    async fn lookup(&self) -> Result<Connection> {
        Ok(Connection::of(&self.lookups, self.answer_max).await?)
    }

    /// A connection for what deliveries and sign-ins wait for.
    async fn urgent(&self) -> Result<Connection> {
        Ok(Connection::of(&self.work, self.answer_max).await?)
    }

    /// Lets go of the connections that nobody uses at the moment, so that new ones are made.
    pub(crate) fn forget_connections(&self) {
        for pool in [&self.lookups, &self.work] {
            pool.retain(|_, _| false);
        }
    }

    /// Held by a verb that writes, so that closing waits for it.
    fn enter(&self) -> Result<SemaphorePermit<'_>> {
        self.inside.try_acquire().map_err(|_| StoreError::Closed)
    }

    async fn begin(&self) -> tx::Result<Tx> {
        let connection = Connection::of(&self.work, self.answer_max).await?;
        Ok(Tx::begin(connection, &self.sealer, &self.audit_ids))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Runs a verb in a transaction of its own, and again where another stood in its way: `$verb` is an expression of
/// a `Result` that may be evaluated more than once. Closing waits for it.
macro_rules! transact {
    ($store:expr, |$tx:ident| $verb:expr) => {
        match $store.enter() {
            Ok(_inside) => $crate::postgres::run_again!($store, |$tx| $verb),
            Err(closed) => Err(closed),
        }
    };
}
use transact;

/// The same for a part of what closing waits for already.
macro_rules! run_again {
    ($store:expr, |$tx:ident| $verb:expr) => {{
        let mut run = 1;
        loop {
            let end = async {
                let $tx = $store.begin().await?;
                match $verb {
                    Ok(value) => $tx.commit().await.map(|()| value),
                    Err(failed) => {
                        $tx.roll_back().await;
                        Err(failed)
                    }
                }
            }
            .await;
            match end {
                Ok(value) => break Ok(value),
                Err($crate::postgres::errors::Failed::Conflict(text)) if run < $crate::postgres::RUNS_MAX => {
                    tracing::debug!(run, text, "another transaction stood in the way; running it again");
                    $store.days.forget();
                    run += 1;
                }
                Err(failed) => break Err($crate::StoreError::from(failed)),
            }
        }
    }};
}
use run_again;
