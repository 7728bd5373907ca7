//! Dropping the parts of days that are no longer kept, while others read and write.
//!
//! `DETACH PARTITION … CONCURRENTLY` holds up nobody: it hides the part from statements to come, waits for those
//! that may still use it, and then takes it off. (Without `CONCURRENTLY` it would lock the whole table, and as long as
//! it waited for one slow reader, all writers would wait behind it.) Deliveries go first. Once their part stands alone,
//! nothing can change in it any more, so that what it then says is final: where somebody has asked for a resend
//! since the look before, it is put back. Only then attempts and events follow, and the three are dropped at once.
//!
//! Which day is being dropped stands in `meta`, so that whoever comes after a crash goes on with it, at whatever
//! point it was left. A lock of its own keeps nodes apart; the one for making parts is never held here, since a
//! detach may wait for long.

use std::collections::BTreeSet;
use std::time::Duration;

use bocau_domain::{DeliveryId, EventId, StoreId, Timestamp};
use tokio_postgres::Client;

use super::partitions::{self, Day, beginning_of, day_of, part_of};
use super::retention::expire;
use super::rows::{from_count, id, only, store_id};
use super::tx::{DAYS_DROP_LOCK, Result, Tx};
use super::{PostgresStore, run_again};
use crate::retention::{Retire, RetirePlace, Retired};
use crate::{LOCK_WAIT_MAX, RETIRE_BATCH};

/// Which day is being dropped, as eight bytes.
const MARK: &str = "dropping_day";
/// In which order the tables of a day are taken off.
const TABLES: [&str; 3] = ["deliveries", "attempts", "events"];
/// How long one statement may take. Waiting for one transaction is broken off after [`LOCK_WAIT_MAX`]; this is for
/// many of them, and for the files of a big day.
const STATEMENT_MAX: Duration = Duration::from_mins(5);

/// Looks at the days after this event that are no longer kept: drops the first that is finished, or gives up a batch
/// of what is unfinished in the first that has waited long enough. `None` where there is nothing to do.
pub(super) async fn retire_day(
    store: &PostgresStore,
    retire: &Retire,
    after: Option<EventId>,
) -> crate::Result<Option<Retired>> {
    // Most of the time there is nothing, and a connection of one's own costs more than the look.
    if !is_any_over(store, retire, after).await? {
        return Ok(None);
    }
    let Some(dropper) = Dropper::begin(store).await? else { return Ok(None) };
    let done = dropper.drop_next(store, retire, after).await;
    // The server would see the end of the connection a little later than the next call comes.
    dropper.end().await?;
    done
}

async fn is_any_over(store: &PostgresStore, retire: &Retire, after: Option<EventId>) -> crate::Result<bool> {
    let connection = store.urgent().await?;
    let parts = connection.all(PARTS, &[], only).await?;
    Ok(!days_over(&parts, retire, after).is_empty() || connection.exists(MARKED, &[&MARK]).await?)
}

/// The days after this event that are no longer kept.
fn days_over(parts: &[String], retire: &Retire, after: Option<EventId>) -> BTreeSet<Day> {
    let first = after.map_or(Day::MIN, |after| day_of(after.made_at()) + 1);
    let days = parts.iter().filter_map(|part| partitions::day_of_part(part));
    days.filter(|day| *day >= first && beginning_of(day + 1) <= retire.over_before(None)).collect()
}

fn dropped(store: &PostgresStore, day: Day, after: Option<EventId>) -> Retired {
    store.days.forget();
    Retired {
        day: Some(partitions::date_of(day, "%Y-%m-%d")),
        next: Some(RetirePlace::Server { after }),
        ..Retired::default()
    }
}

/// The place from which this day is the next.
fn last_before(day: Day) -> EventId {
    EventId::first_of(Timestamp::from_millis(beginning_of(day).as_millis() - 1))
}

/// The names of the parts of all days.
const PARTS: &str = "SELECT p.relname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid \
                     WHERE i.inhparent IN (to_regclass('events'), to_regclass('deliveries'), to_regclass('attempts'))";
const MARKED: &str = "SELECT value FROM meta WHERE key = $1";

/// The right to drop days, which one node has at a time; it ends with the connection. The statements are none that
/// a transaction can have.
struct Dropper(Client);

impl Dropper {
    /// `None` where another node is at it.
    async fn begin(store: &PostgresStore) -> crate::Result<Option<Self>> {
        let client = store.url.connect().await?;
        let settings = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; SET client_min_messages = warning; \
             SET synchronous_commit = on; SET jit = off; SET enable_seqscan = off",
            LOCK_WAIT_MAX.as_millis(),
            STATEMENT_MAX.as_millis(),
        );
        client.batch_execute(&settings).await?;
        let row = client.query_one("SELECT pg_try_advisory_lock($1, 0)", &[&DAYS_DROP_LOCK]).await?;
        Ok(row.try_get::<_, bool>(0)?.then_some(Self(client)))
    }

    /// Lets another node have it.
    async fn end(self) -> crate::Result<()> {
        self.0.execute("SELECT pg_advisory_unlock($1, 0)", &[&DAYS_DROP_LOCK]).await?;
        Ok(())
    }

    async fn drop_next(
        &self,
        store: &PostgresStore,
        retire: &Retire,
        after: Option<EventId>,
    ) -> crate::Result<Option<Retired>> {
        if let Some(day) = self.marked().await? {
            if self.standing(&part_of("deliveries", day)).await? == Standing::Attached {
                // It was not begun, and may be kept for longer now.
                self.unmark().await?;
            } else if self.finish(day).await? {
                return Ok(Some(dropped(store, day, after)));
            }
        }
        // Now that nobody else drops any.
        let parts = self.0.query(PARTS, &[]).await?;
        let parts =
            parts.iter().map(|row| row.try_get(0)).collect::<std::result::Result<Vec<String>, _>>()?;
        for day in days_over(&parts, retire, after) {
            if self.is_unfinished(day).await? {
                if beginning_of(day + 1) > retire.expired_before(None) {
                    continue;
                }
                let expired: crate::Result<_> =
                    run_again!(store, |tx| expire_some(&tx, day, retire.now).await);
                let expired = expired?;
                if !expired.is_empty() {
                    let next = Some(RetirePlace::Server { after: Some(last_before(day)) });
                    return Ok(Some(Retired { expired, next, ..Retired::default() }));
                }
                // Under a live claim, say: the next pass looks again.
                if self.is_unfinished(day).await? {
                    continue;
                }
            }
            self.mark(day).await?;
            if self.finish(day).await? {
                return Ok(Some(dropped(store, day, Some(last_before(day + 1)))));
            }
        }
        Ok(None)
    }

    async fn marked(&self) -> crate::Result<Option<Day>> {
        let row = self.0.query_opt(MARKED, &[&MARK]).await?;
        Ok(row.and_then(|row| read_day(row.get(0))))
    }

    async fn mark(&self, day: Day) -> crate::Result<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.0.execute(sql, &[&MARK, &&day.to_be_bytes()[..]]).await?;
        Ok(())
    }

    async fn unmark(&self) -> crate::Result<()> {
        self.0.execute("DELETE FROM meta WHERE key = $1", &[&MARK]).await?;
        Ok(())
    }

    /// Drops the day that is marked, from wherever it stands. False where something in it is unfinished after all:
    /// then it is put back.
    async fn finish(&self, day: Day) -> crate::Result<bool> {
        let deliveries = part_of("deliveries", day);
        self.detach("deliveries", &deliveries).await?;
        if self.is_unfinished(day).await? {
            let (from, to) = partitions::bounds_of(day);
            let back = format!(
                "ALTER TABLE deliveries ATTACH PARTITION {deliveries} FOR VALUES FROM ('{from}') TO ('{to}')"
            );
            self.0.batch_execute(&back).await?;
            self.unmark().await?;
            return Ok(false);
        }
        for table in &TABLES[1..] {
            self.detach(table, &part_of(table, day)).await?;
        }
        let [deliveries, attempts, events] = TABLES.map(|table| part_of(table, day));
        self.0
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS {deliveries}, {attempts}, {events}; DELETE FROM meta WHERE key = '{MARK}'"
            ))
            .await?;
        Ok(true)
    }

    /// Whether a delivery of the day still waits, wherever its part stands.
    async fn is_unfinished(&self, day: Day) -> crate::Result<bool> {
        let part = part_of("deliveries", day);
        if self.standing(&part).await? == Standing::Gone {
            return Ok(false);
        }
        // What is left of a store that is gone waits for nothing.
        let sql = format!(
            "SELECT 1 FROM {part} d WHERE d.due_at IS NOT NULL \
             AND EXISTS (SELECT 1 FROM stores s WHERE s.id = d.store_id) LIMIT 1"
        );
        Ok(self.0.query_opt(&sql, &[]).await?.is_some())
    }

    /// Takes a part off its table.
    async fn detach(&self, table: &str, part: &str) -> crate::Result<()> {
        let how = match self.standing(part).await? {
            Standing::Attached => "CONCURRENTLY",
            // One that was broken off while it waited.
            Standing::Pending => "FINALIZE",
            Standing::Alone | Standing::Gone => return Ok(()),
        };
        self.0.batch_execute(&format!("ALTER TABLE {table} DETACH PARTITION {part} {how}")).await?;
        Ok(())
    }

    async fn standing(&self, part: &str) -> crate::Result<Standing> {
        let sql = "SELECT i.inhdetachpending FROM pg_class p LEFT JOIN pg_inherits i ON i.inhrelid = p.oid \
                   WHERE p.oid = to_regclass($1)";
        let row = self.0.query_opt(sql, &[&part]).await?;
        Ok(match row.map(|row| row.get::<_, Option<bool>>(0)) {
            None => Standing::Gone,
            Some(None) => Standing::Alone,
            Some(Some(false)) => Standing::Attached,
            Some(Some(true)) => Standing::Pending,
        })
    }
}

/// How a part stands to its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Attached,
    /// Hidden, and to be taken off for good.
    Pending,
    Alone,
    Gone,
}

fn read_day(bytes: &[u8]) -> Option<Day> {
    bytes.try_into().ok().map(Day::from_be_bytes)
}

/// Gives up a batch of what waits in a day. What somebody else works on at this moment is passed over.
async fn expire_some(tx: &Tx, day: Day, now: Timestamp) -> Result<Vec<(StoreId, DeliveryId)>> {
    // The part itself, so that there is nothing to go by but its index of what waits.
    let part = part_of("deliveries", day);
    let sql = format!(
        "SELECT store_id, id FROM {part} WHERE due_at IS NOT NULL AND (claimed_until IS NULL OR claimed_until <= $1) \
         AND EXISTS (SELECT 1 FROM stores s WHERE s.id = store_id AND s.deleted_at IS NULL \
         AND s.standing IS DISTINCT FROM 'away') LIMIT $2 FOR UPDATE SKIP LOCKED"
    );
    let rows = tx.client().await?.query(&sql, &[&now.as_millis(), &from_count(RETIRE_BATCH)]).await?;
    let waiting = rows
        .iter()
        .map(|row| Ok((store_id(row, 0)?, id(row, 1, DeliveryId::from_bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    expire(tx, waiting, now).await
}
