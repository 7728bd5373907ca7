//! The side that an installation moves to.

use std::collections::{BTreeSet, HashSet};
use std::pin::pin;
use std::sync::Arc;

use bocau_domain::{AuditIds, DeliveryId};
use deadpool_postgres::Pool;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::connection::{self, MOVE_STATEMENT_MAX, PostgresUrl, Use};
use super::identity::{HOME, identity};
use super::migrate;
use super::partitions::{self, Day, day_of};
use super::tx::{Connection, Tx};
use crate::moving::key_of;
use crate::moving::tables::{Dialect, Table};
use crate::moving::value::{Row, is_known};
use crate::seal::Sealer;
use crate::{Result, StoreError};

/// Whose move is under way into a database: while it is, no server starts on it.
const MOVING: &str = "moving";
/// What the connections of a move are called, to tell them from those of servers.
const OWN_NAME: &str = "bocau migrate";
/// Held by a move.
const LOCK: i64 = 0x626f_6361_7500_0002;
const DIALECT: Dialect = Dialect { mark: '$', length: "octet_length" };

/// The database that is written.
pub(crate) struct Target {
    work: Pool,
    sealer: Arc<Sealer>,
    audit_ids: Arc<AuditIds>,
    /// What connections of servers are called.
    servers: String,
    /// The days whose parts are there.
    days: BTreeSet<Day>,
}

/// A column that is copied.
struct Column {
    name: String,
    kind: Type,
}

/// The columns of a table that both sides have, those of the key first.
pub(crate) struct Columns {
    names: Vec<String>,
    kinds: Vec<Type>,
}

impl std::ops::Deref for Columns {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

impl Target {
    /// Makes its schema, and marks it as the target of the move of `name`.
    pub(crate) async fn open(url: &PostgresUrl, sealer: Arc<Sealer>, name: &[u8]) -> Result<Self> {
        let own = url.named(OWN_NAME);
        migrate::migrate(&own, &sealer, true).await?;
        let work = connection::pool(&own, 1, Use::Move)?;
        let audit_ids = Arc::new(AuditIds::new(sealer.rng()));
        let servers = url.application_name().to_owned();
        let target = Self { work, sealer, audit_ids, servers, days: BTreeSet::new() };
        let tx = target.begin().await?;
        // Until the connection ends: of two that move into it at once, one waits, and finds it done or gives up.
        tx.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        target.check_alone(&tx).await?;
        check_own(&tx, name).await?;
        tx.commit().await?;
        Ok(target)
    }

    async fn connection(&self) -> super::tx::Result<Connection> {
        Connection::of(&self.work, MOVE_STATEMENT_MAX).await
    }

    async fn begin(&self) -> super::tx::Result<Tx> {
        Ok(Tx::begin(self.connection().await?, &self.sealer, &self.audit_ids))
    }

    /// Servers may start on it.
    pub(crate) async fn end(&self) -> Result<()> {
        let tx = self.begin().await?;
        self.check_alone(&tx).await?;
        tx.execute("DELETE FROM meta WHERE key = $1", &[&MOVING]).await?;
        Ok(tx.commit().await?)
    }

    /// A server on the database would write beside the move.
    async fn check_alone(&self, tx: &Tx) -> Result<()> {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1";
        match tx.first(sql, &[&self.servers], |row| Ok(row.try_get::<_, i64>(0)?)).await? {
            Some(others) if others > 0 => Err(StoreError::Refused(format!(
                "the database is in use ({others} connections of servers): stop them first"
            ))),
            _ => Ok(()),
        }
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> Result<u64> {
        let tx = self.begin().await?;
        // It takes what it takes.
        tx.run("SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on").await?;
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let counted: i64 = tx.client().await?.query_one(&sql, &[]).await?.try_get(0)?;
        tx.commit().await?;
        Ok(counted.cast_unsigned())
    }

    /// The columns of a table in the order in which they are copied.
    pub(crate) async fn columns_of(&self, table: &Table, there: Vec<String>) -> Result<Columns> {
        let connection = self.connection().await?;
        let sql = format!("SELECT * FROM {}", table.name);
        let statement = connection.client().await?.prepare(&sql).await?;
        let mut known: Vec<Column> = statement
            .columns()
            .iter()
            .map(|column| Column { name: column.name().to_owned(), kind: column.type_().clone() })
            .collect();
        let mut columns = Columns { names: Vec::new(), kinds: Vec::new() };
        let key = table.key.iter().map(|&name| name.to_owned());
        let rest = there.into_iter().filter(|name| !table.key.contains(&name.as_str()));
        for name in key.chain(rest) {
            let place = known.iter().position(|column| column.name == name && is_known(&column.kind));
            let Some(place) = place else {
                return Err(StoreError::Refused(format!(
                    "PostgreSQL has no column {name} of {}: are both at this version's schema?",
                    table.name
                )));
            };
            columns.names.push(name);
            columns.kinds.push(known.swap_remove(place).kind);
        }
        Ok(columns)
    }

    /// The rows along the key after one and up to another, with lengths in place of what is long.
    pub(crate) async fn outlines(
        &self,
        table: &Table,
        columns: &Columns,
        after: Option<&Row>,
        up_to: Option<&Row>,
    ) -> Result<Vec<Row>> {
        let outlined = table.outlined(DIALECT, columns);
        let (sql, values) = table.select(DIALECT, &outlined, after, up_to);
        let values: Vec<&(dyn ToSql + Sync)> = values.into_iter().map(|value| value as _).collect();
        let connection = self.connection().await?;
        let read = |row: &tokio_postgres::Row| {
            (0..row.len()).map(|column| Ok(row.try_get(column)?)).collect::<super::tx::Result<Row>>()
        };
        Ok(connection.all(&sql, &values, read).await?)
    }

    /// Puts these rows in place of all that are there. Answers how many there were.
    pub(crate) async fn replace(
        &self,
        table: &Table,
        columns: &Columns,
        rows: mpsc::Receiver<Result<Row>>,
    ) -> Result<u64> {
        let tx = self.begin().await?;
        tx.client().await?.batch_execute(&format!("DELETE FROM {}", table.name)).await?;
        let written = copy_in(&tx, table.name, columns, rows, |_| true).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Writes those of these rows whose key is `wanted`, and takes away those whose key is `gone`. Answers how many
    /// were written.
    pub(crate) async fn even_out(
        &mut self,
        table: &Table,
        columns: &Columns,
        rows: mpsc::Receiver<Result<Row>>,
        wanted: &HashSet<Row>,
        gone: &[Row],
    ) -> Result<u64> {
        let tx = self.begin().await?;
        if let Some(day) = table.day {
            let days = days_of(table, day, wanted)?;
            let missing: BTreeSet<Day> = days.difference(&self.days).copied().collect();
            partitions::make(&tx, &missing).await?;
            self.days.extend(missing);
        }
        let key = table.key.join(", ");
        for gone in gone {
            let places = DIALECT.places(0, gone.len());
            let sql = format!("DELETE FROM {} WHERE ({key}) = ({places})", table.name);
            let values: Vec<&(dyn ToSql + Sync)> = gone.iter().map(|value| value as _).collect();
            tx.execute(&sql, &values).await?;
        }
        tx.client()
            .await?
            .batch_execute(&format!(
                "CREATE TEMP TABLE moving (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP",
                table.name
            ))
            .await?;
        copy_in(&tx, "moving", columns, rows, |row| wanted.contains(&key_of(row, table))).await?;
        let names = columns.names.join(", ");
        let others = columns.names.iter().filter(|name| !table.key.contains(&name.as_str()));
        let set: Vec<String> = others.map(|name| format!("{name} = excluded.{name}")).collect();
        let sql = format!(
            "INSERT INTO {} ({names}) SELECT {names} FROM moving ON CONFLICT ({key}) DO UPDATE SET {}",
            table.name,
            set.join(", ")
        );
        let written = tx.client().await?.execute(sql.as_str(), &[]).await?;
        tx.commit().await?;
        Ok(written)
    }
}

/// Streams those rows that are `wanted` into a table. Answers how many.
async fn copy_in(
    tx: &Tx,
    table: &str,
    columns: &Columns,
    mut rows: mpsc::Receiver<Result<Row>>,
    wanted: impl Fn(&Row) -> bool,
) -> Result<u64> {
    let sql = format!("COPY {table} ({}) FROM STDIN BINARY", columns.names.join(", "));
    let sink = tx.client().await?.copy_in(sql.as_str()).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &columns.kinds));
    while let Some(row) = rows.recv().await {
        let row = row?;
        if wanted(&row) {
            let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| value as _).collect();
            writer.as_mut().write(&values).await?;
        }
    }
    Ok(writer.finish().await?)
}

/// The days of these keys.
fn days_of(table: &Table, day: &str, keys: &HashSet<Row>) -> Result<BTreeSet<Day>> {
    let place = table.key.iter().position(|&column| column == day);
    let place = place.ok_or_else(|| StoreError::Refused(format!("{} has no key of days", table.name)))?;
    let day_of_key = |key: &Row| {
        let bytes: Option<[u8; 16]> = key[place].bytes().and_then(|bytes| bytes.try_into().ok());
        let id = bytes.map(DeliveryId::from_bytes);
        id.map(|id| day_of(id.made_at()))
            .ok_or_else(|| StoreError::Corrupt(format!("a row of {} has no id", table.name)))
    };
    keys.iter().map(day_of_key).collect()
}

/// What is there must be the beginnings of this very move, or nothing.
async fn check_own(tx: &Tx, name: &[u8]) -> Result<()> {
    if let Some((_, shard)) = identity(tx).await?
        && shard != HOME
    {
        return Err(StoreError::Refused(format!(
            "the database is the shard {shard} of another installation: give the URL of an empty one"
        )));
    }
    let mark = tx.first("SELECT value FROM meta WHERE key = $1", &[&MOVING], |row| Ok(row.try_get(0)?));
    let mark: Option<Vec<u8>> = mark.await?;
    let is_used =
        "SELECT 1 FROM stores UNION ALL SELECT 1 FROM users UNION ALL SELECT 1 FROM api_keys LIMIT 1";
    match mark {
        Some(mark) if mark == name => Ok(()),
        Some(_) => Err(StoreError::Refused(
            "the move of another installation is under way into the database: give this one an empty one"
                .into(),
        )),
        None if tx.exists(is_used, &[]).await? => Err(StoreError::Refused(
            "the database holds an installation already: a move goes into an empty one".into(),
        )),
        None => {
            tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", &[&MOVING, &name]).await?;
            Ok(())
        }
    }
}

/// Refuses a database into which a move is under way.
pub(super) async fn check_not_moving(url: &PostgresUrl) -> Result<()> {
    let client = url.connect().await?;
    match client.query_opt("SELECT 1 FROM meta WHERE key = $1", &[&MOVING]).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Refused(
            "a move into this database was not finished: stop the old server and run `bocau migrate --from sqlite \
             --to postgres` again"
                .into(),
        )),
    }
}
