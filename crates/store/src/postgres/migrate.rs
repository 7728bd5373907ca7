//! The schema's steps, forward only. This program runs on its own schema and on newer ones.

use std::time::Duration;

use refinery::{Runner, embed_migrations};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connection::PostgresUrl;
use super::errors::text_of;
use crate::seal::Sealer;
use crate::{Result, StoreError, schema};

embed_migrations!("migrations/postgres");

/// Held while a node brings the schema up to date: of two that start at once, one waits.
const LOCK: i64 = 0x626f_6361_7500_0001;
/// The oldest server that is known to do all that is asked of it.
const SERVER_VERSION_MIN: i32 = 15_00_00;

/// How long a step waits for the locks of its tables, and with it everybody who comes after it.
const STEP_WAITS_MAX: Duration = Duration::from_secs(1);
/// How long the others have between two turns, and how many turns there are.
const BETWEEN_TURNS: Duration = Duration::from_secs(2);
const TURNS_MAX: u32 = 40;

/// The sealed value that tells which master key a database belongs to.
pub(super) const CANARY: &str = "master_key";
const CANARY_TEXT: &[u8] = b"bocau";

/// Brings the schema up to what this program knows; where it may not, refuses an older one.
pub(super) async fn migrate(url: &PostgresUrl, sealer: &Sealer, migrates: bool) -> Result<()> {
    let mut client = url.connect().await?;
    check_version(&client).await?;
    if !migrates {
        schema::check_is_current(version_in(&client).await?, &migrations::runner())?;
    }
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    // Steps of a newer version are in the database and not here: that is no reason to abort.
    let runner = migrations::runner().set_abort_missing(false).set_abort_divergent(true);
    take_steps(&runner, &mut client).await?;
    check_all_applied(&runner, &mut client).await?;
    check_master_key(&client, sealer).await?;
    // With the connection, the lock goes too.
    Ok(())
}

/// Takes the steps that are missing. A step that changes a table waits for whoever uses it, and everybody who comes
/// later waits behind it: a report of an hour would stop all nodes for an hour. So it waits for a moment only, lets the
/// others pass, and tries again.
async fn take_steps(runner: &Runner, client: &mut Client) -> Result<()> {
    client.batch_execute(&format!("SET lock_timeout = {}", STEP_WAITS_MAX.as_millis())).await?;
    for turn in 1.. {
        match runner.run_async(client).await {
            Ok(_) => return Ok(()),
            Err(error) if is_in_the_way(&error) && turn < TURNS_MAX => {
                tracing::warn!(turn, "somebody uses a table that a step of the schema changes; trying again");
                pause(BETWEEN_TURNS).await;
            }
            Err(error) => return Err(refused(&error)),
        }
    }
    Ok(())
}

/// Whether a lock was not to be had in time.
fn is_in_the_way(error: &refinery::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    cause.and_then(tokio_postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

#[expect(clippy::disallowed_methods, reason = "waits for other sessions of a real server")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

async fn check_version(client: &Client) -> Result<()> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?;
    let version: i32 = row.try_get(0)?;
    if version < SERVER_VERSION_MIN {
        return Err(StoreError::Refused(format!(
            "PostgreSQL 15 or newer is needed, this is {}",
            version / 10_000
        )));
    }
    Ok(())
}

/// The schema version of a database; `None` where there is none of ours. Changes nothing, and may run beside
/// servers.
pub async fn schema_version(url: &PostgresUrl) -> Result<Option<i32>> {
    version_in(&url.connect().await?).await
}

async fn version_in(client: &Client) -> Result<Option<i32>> {
    let history = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    if !client.query_one(history, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    Ok(client.query_one("SELECT max(version) FROM refinery_schema_history", &[]).await?.try_get(0)?)
}

/// A database that has gone another way, without one of our steps, is not ours.
async fn check_all_applied(runner: &Runner, client: &mut Client) -> Result<()> {
    let applied = runner.get_applied_migrations_async(client).await.map_err(|error| refused(&error))?;
    match runner.get_migrations().iter().find(|known| !applied.contains(known)) {
        None => Ok(()),
        Some(missing) => Err(StoreError::Refused(format!("the database lacks the migration {missing}"))),
    }
}

fn refused(error: &refinery::Error) -> StoreError {
    let cause =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<tokio_postgres::Error>());
    let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {}", text_of(cause)));
    StoreError::Refused(format!("the schema could not be migrated: {text}"))
}

/// Ties a new database to its master key, and refuses one that is tied to another: better at the start than
/// with the first delivery, or as API keys that no longer work.
async fn check_master_key(client: &Client, sealer: &Sealer) -> Result<()> {
    let write = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    client.execute(write, &[&CANARY, &sealer.seal(CANARY, CANARY_TEXT)]).await?;
    let value: Vec<u8> =
        client.query_one("SELECT value FROM meta WHERE key = $1", &[&CANARY]).await?.try_get(0)?;
    sealer.open(CANARY, &value).map(drop)
}
