//! The rows of a store on their way from one database to another.
//!
//! They go as they are, in PostgreSQL's own binary form: what is sealed is bound to ids, which stay the same.
//! Deliveries go first, in ranges of their ids, with their events and attempts, while the store is used at its old
//! place. Then both sides are compared range by range: every change of a delivery is in its row, an attempt never
//! changes, and neither does an event. What changes after that is known by its transactions ([`Mark`]), so that the
//! store need not stand still for as long as comparing takes.

use std::collections::BTreeSet;

use bocau_domain::{StoreId, WebhookId};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio_postgres::Client;
use uuid::Uuid;

use super::PostgresStore;
use super::tx::CHANNEL;
use crate::{Result, StoreError};

/// Deliveries of one range.
const RANGE: i64 = 1_000;
/// What is set on the two connections: no statement is long, save comparing and copying what is large.
const SETTINGS: &str = "SET statement_timeout = '10min'; SET lock_timeout = '10s'; SET TimeZone = 'UTC'; SET jit = off; \
                        SET synchronous_commit = on; SET client_min_messages = warning; SET enable_seqscan = off;";
const FIRST: Uuid = Uuid::nil();
const LAST: Uuid = Uuid::max();

/// Tables whose rows of a store are few enough to go at the end, all at once, and how to find them.
const WHOLE: [(&str, &str); 7] = [
    ("webhooks", "store_id = '{store}'"),
    ("resend_jobs", "store_id = '{store}'"),
    ("idempotency_keys", "store_id = '{store}'"),
    ("inbox_requests", "inbox_id IN (SELECT id FROM inboxes WHERE store_id = '{store}')"),
    ("inboxes", "store_id = '{store}'"),
    ("hourly_deliveries", "store_id = '{store}'"),
    ("hourly_durations", "store_id = '{store}'"),
];

/// A range of deliveries by their ids: after the one, up to the other.
#[derive(Debug, Clone, Copy)]
struct Range {
    after: Uuid,
    up_to: Uuid,
}

/// A moment of the source: the oldest transaction that had not ended. Whatever a later look does not see yet is written
/// by that one or a newer one.
#[derive(Debug, Clone)]
pub(crate) struct Mark(String);

/// A store on its way.
pub(crate) struct Transfer<'a> {
    from: Client,
    into: Client,
    target: &'a PostgresStore,
    store: StoreId,
    /// The last delivery that has gone.
    copied_up_to: Uuid,
    /// The version of the target's row: it is another where somebody has refused the arrival.
    ticket: i64,
}

impl<'a> Transfer<'a> {
    /// Begins where one before has ended.
    pub(crate) async fn begin(
        source: &PostgresStore,
        target: &'a PostgresStore,
        store: &StoreId,
    ) -> Result<Self> {
        let (from, into) = (source.url.connect().await?, target.url.connect().await?);
        for client in [&from, &into] {
            client.batch_execute(SETTINGS).await?;
        }
        let last = "SELECT id FROM deliveries WHERE store_id = $1 ORDER BY id DESC LIMIT 1";
        let last = into.query_opt(last, &[&store.as_str()]).await?;
        let copied_up_to = last.map_or(Ok(FIRST), |row| row.try_get(0))?;
        for table in ["events", "deliveries", "attempts", "audit_log", "stores"] {
            let staging = format!(
                "CREATE TEMP TABLE incoming_{table} ON COMMIT DELETE ROWS AS SELECT * FROM {table} WITH NO DATA"
            );
            into.batch_execute(&staging).await?;
        }
        let ticket = "SELECT config_version FROM stores WHERE id = $1";
        let ticket = into.query_one(ticket, &[&store.as_str()]).await?.try_get(0)?;
        Ok(Self { from, into, target, store: store.clone(), copied_up_to, ticket })
    }

    /// Copies the next deliveries; answers how many there were, and whether they were the last for now: while the
    /// store is used there are always more.
    pub(crate) async fn copy_some(&mut self) -> Result<(u64, bool)> {
        let range = self.range_after(self.copied_up_to).await?;
        if range.up_to == LAST && self.count_from(range).await? == 0 {
            return Ok((0, true));
        }
        let copied = self.copy(range).await?;
        let last = "SELECT id FROM deliveries WHERE store_id = $1 ORDER BY id DESC LIMIT 1";
        let last = self.into.query_opt(last, &[&self.store.as_str()]).await?;
        self.copied_up_to = last.map_or(Ok(FIRST), |row| row.try_get(0))?;
        Ok((copied, range.up_to == LAST))
    }

    /// Compares both sides and copies what differs; answers how many deliveries were compared and how many copied.
    pub(crate) async fn mend(&mut self) -> Result<(u64, u64)> {
        let (mut compared, mut copied, mut after) = (0, 0, FIRST);
        loop {
            let range = self.range_after(after).await?;
            let (theirs, ours) =
                futures_util::future::try_join(self.print(&self.from, range), self.print(&self.into, range))
                    .await?;
            compared += u64::try_from(theirs.0).unwrap_or(0);
            if theirs != ours {
                copied += self.copy(range).await?;
            }
            if range.up_to == LAST {
                return Ok((compared, copied));
            }
            after = range.up_to;
        }
    }

    /// The present moment of the source.
    pub(crate) async fn mark(&self) -> Result<Mark> {
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
        Ok(Mark(self.from.query_one(sql, &[]).await?.try_get(0)?))
    }

    /// Copies what has changed since a moment before all was compared; answers how many deliveries had changed, and
    /// how many were copied.
    pub(crate) async fn mend_since(&mut self, Mark(mark): &Mark) -> Result<(u64, u64)> {
        let sql = "SELECT id FROM deliveries WHERE store_id = $1 AND age(xmin) <= age($2::text::xid8::xid) \
                   ORDER BY id";
        let changed = self.from.query(sql, &[&self.store.as_str(), mark]).await?;
        let (mut copied, mut up_to) = (0, FIRST);
        for row in &changed {
            let id: Uuid = row.try_get(0)?;
            if id > up_to {
                let range = self.range_after(Uuid::from_u128(id.as_u128().saturating_sub(1))).await?;
                copied += self.copy(range).await?;
                up_to = range.up_to;
            }
        }
        Ok((u64::try_from(changed.len()).unwrap_or(u64::MAX), copied))
    }

    /// Copies all the rest and lets the store stand in the target, in one transaction.
    pub(crate) async fn arrive(&mut self) -> Result<()> {
        self.into.batch_execute("BEGIN").await?;
        let arrived = self.arrive_in_transaction().await;
        self.into.batch_execute(if arrived.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        arrived
    }

    async fn arrive_in_transaction(&self) -> Result<()> {
        let found: Vec<(&str, String)> = WHOLE
            .iter()
            .map(|(table, found)| (*table, found.replace("{store}", self.store.as_str())))
            .collect();
        for (table, found) in &found {
            self.into.batch_execute(&format!("DELETE FROM {table} WHERE {found}")).await?;
        }
        for (table, found) in &found {
            self.stream(table, table, &format!("SELECT {{columns}} FROM {table} WHERE {found}")).await?;
        }
        let log = format!("SELECT {{columns}} FROM audit_log WHERE store_id = '{}'", self.store);
        self.stream("audit_log", "incoming_audit_log", &log).await?;
        let keep = "INSERT INTO audit_log SELECT * FROM incoming_audit_log ON CONFLICT DO NOTHING";
        self.into.batch_execute(keep).await?;
        let own = format!("SELECT {{columns}} FROM stores WHERE id = '{}'", self.store);
        self.stream("stores", "incoming_stores", &own).await?;
        // The version is one that no node has seen here, also where the store has been here before.
        let columns = columns(&self.into, "stores").await?;
        let own = columns.split(", ").filter(|column| !["id", "config_version", "standing"].contains(column));
        let own = own.map(|column| format!("{column} = i.{column}")).collect::<Vec<_>>().join(", ");
        let stand = format!(
            "UPDATE stores s SET {own}, config_version = i.config_version + 1, standing = NULL \
             FROM incoming_stores i WHERE s.id = i.id AND s.standing = 'away' AND s.deleted_at IS NULL \
             AND s.config_version = $1"
        );
        if self.into.execute(&stand, &[&self.ticket]).await? == 0 {
            return Err(StoreError::Refused(format!("{} is not expected there any more", self.store)));
        }
        self.tell().await
    }

    /// What every node does for the store here begins at once.
    async fn tell(&self) -> Result<()> {
        let due = "SELECT w.id FROM webhooks w WHERE w.store_id = $1 AND EXISTS (SELECT 1 FROM deliveries d \
                   WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL)";
        let mut notices = vec![format!("config {}", self.store)];
        for row in self.into.query(due, &[&self.store.as_str()]).await? {
            let webhook: Uuid = row.try_get(0)?;
            notices.push(format!("due {}", WebhookId::from_bytes(webhook.into_bytes())));
        }
        for notice in notices {
            self.into.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &notice]).await?;
        }
        Ok(())
    }

    /// The next range of the source; the last goes on to the end of all ids.
    async fn range_after(&self, after: Uuid) -> Result<Range> {
        let end = "SELECT id FROM deliveries WHERE store_id = $1 AND id > $2 ORDER BY id OFFSET $3 LIMIT 1";
        let end = self.from.query_opt(end, &[&self.store.as_str(), &after, &(RANGE - 1)]).await?;
        Ok(Range { after, up_to: end.map_or(Ok(LAST), |row| row.try_get(0))? })
    }

    async fn count_from(&self, Range { after, up_to }: Range) -> Result<i64> {
        let sql = "SELECT count(*) FROM deliveries WHERE store_id = $1 AND id > $2 AND id <= $3";
        Ok(self.from.query_one(sql, &[&self.store.as_str(), &after, &up_to]).await?.try_get(0)?)
    }

    /// How many deliveries a range has, and a sum over all that their rows say.
    async fn print(&self, side: &Client, Range { after, up_to }: Range) -> Result<(i64, String)> {
        let columns = columns(&self.into, "deliveries").await?;
        let sql = format!(
            "SELECT count(*), coalesce(sum(('x' || substr(md5(ROW({columns})::text), 1, 16))::bit(64)::bigint), 0)::text \
             FROM deliveries WHERE store_id = $1 AND id > $2 AND id <= $3"
        );
        let row = side.query_one(&sql, &[&self.store.as_str(), &after, &up_to]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Makes the target's deliveries of a range what the source's are, with their events and attempts.
    async fn copy(&mut self, range: Range) -> Result<u64> {
        // A node may have dropped a day since.
        self.target.days.forget();
        self.target.ensure_days(self.days_of(range).await?).await?;
        self.into.batch_execute("BEGIN").await?;
        let copied = self.copy_in_transaction(range).await;
        self.into.batch_execute(if copied.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        copied
    }

    async fn copy_in_transaction(&self, Range { after, up_to }: Range) -> Result<u64> {
        let store = &self.store;
        let of_range = format!("store_id = '{store}' AND id > '{after}' AND id <= '{up_to}'");
        let ids = format!("SELECT id FROM deliveries WHERE {of_range}");
        let events = format!("SELECT event_id FROM deliveries WHERE {of_range}");
        // One snapshot for the three: what is added to one meanwhile is in none, and is found by comparing.
        self.from.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for (table, found) in [
            ("events", format!("id IN ({events})")),
            ("deliveries", of_range.clone()),
            (
                "attempts",
                format!("delivery_id > '{after}' AND delivery_id <= '{up_to}' AND delivery_id IN ({ids})"),
            ),
        ] {
            let query = format!("SELECT {{columns}} FROM {table} WHERE {found}");
            if let Err(error) = self.stream(table, &format!("incoming_{table}"), &query).await {
                drop(self.from.batch_execute("ROLLBACK").await);
                return Err(error);
            }
        }
        self.from.batch_execute("COMMIT").await?;
        let gone = format!("{of_range} AND id NOT IN (SELECT id FROM incoming_deliveries)");
        let columns = columns(&self.into, "deliveries").await?;
        let updates = columns.split(", ").map(|column| format!("{column} = excluded.{column}"));
        let updates = updates.collect::<Vec<_>>().join(", ");
        self.into
            .batch_execute(&format!(
                "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE {gone}); \
                 DELETE FROM deliveries WHERE {gone}; \
                 INSERT INTO events SELECT * FROM incoming_events ON CONFLICT (id) DO NOTHING; \
                 INSERT INTO attempts SELECT * FROM incoming_attempts ON CONFLICT (delivery_id, number) DO NOTHING; \
                 INSERT INTO deliveries SELECT * FROM incoming_deliveries \
                 ON CONFLICT (store_id, id) DO UPDATE SET {updates}"
            ))
            .await?;
        let count = self.into.query_one("SELECT count(*) FROM incoming_deliveries", &[]).await?;
        Ok(u64::try_from(count.try_get::<_, i64>(0)?).unwrap_or(0))
    }

    /// The days that a range's deliveries and events are of.
    async fn days_of(&self, Range { after, up_to }: Range) -> Result<BTreeSet<i64>> {
        let day = |column: &str| {
            format!("('x' || substr(replace({column}::text, '-', ''), 1, 12))::bit(48)::bigint / 86400000")
        };
        let sql = format!(
            "SELECT DISTINCT unnest(ARRAY[{}, {}]) FROM deliveries WHERE store_id = $1 AND id > $2 AND id <= $3",
            day("id"),
            day("event_id")
        );
        let rows = self.from.query(&sql, &[&self.store.as_str(), &after, &up_to]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Streams the rows that a query of the source finds into a table of the target.
    async fn stream(&self, table: &str, into: &str, query: &str) -> Result<()> {
        let columns = columns(&self.into, table).await?;
        let query = query.replace("{columns}", &columns);
        let rows = self.from.copy_out(&format!("COPY ({query}) TO STDOUT (FORMAT binary)")).await?;
        let sink = self.into.copy_in(&format!("COPY {into} ({columns}) FROM STDIN (FORMAT binary)")).await?;
        // Nothing of a batch is more than one row in memory.
        Ok(rows.map_ok(|bytes| bytes).boxed().forward(sink).await?)
    }
}

/// The columns of a table, in their order, as SQL writes them.
async fn columns(side: &Client, table: &str) -> Result<String> {
    let sql = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute \
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let columns: Option<String> = side.query_one(sql, &[&table]).await?.try_get(0)?;
    columns.ok_or_else(|| StoreError::Corrupt(format!("there is no table {table}")))
}
