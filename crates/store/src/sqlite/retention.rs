//! Removing what is older than it is kept, a few rows at a time, so that the writer is never held up for long.

use async_trait::async_trait;
use bocau_domain::{DeliveryId, EventId, Input, Refusal, RetentionDays, StoreId, Timestamp, transition};
use rusqlite::{Row, params};

use super::SqliteStore;
use super::results::{find, impossible, lapse};
use super::rows::{
    all, delivery_id, event_id, first, from_count, only, store_id, time_or_none, unreadable, update_state,
};
use super::tx::Tx;
use crate::retention::{Retention, Retire, RetirePlace, Retired, STORE_COST};
use crate::{RETIRE_BATCH, Result};

#[async_trait]
impl Retention for SqliteStore {
    async fn retire(&self, retire: Retire) -> Result<Retired> {
        self.writer.run(move |tx| self::retire(tx, &retire)).await
    }
}

/// Old events of all stores, oldest first.
const OLD_EVENTS: &str = "SELECT id, store_id FROM events INDEXED BY events_id WHERE id > ?1 AND id < ?2 \
                          ORDER BY id LIMIT ?3";
/// The next store with a shorter time of its own; the index is empty where none has any.
const NEXT_STORE: &str = "SELECT retention_days, id FROM stores INDEXED BY stores_retention \
                          WHERE retention_days IS NOT NULL AND (retention_days, id) > (?1, ?2) \
                          AND retention_days < ?3 AND deleted_at IS NULL ORDER BY retention_days, id LIMIT 1";
const THIS_STORE: &str = "SELECT 1 FROM stores WHERE id = ?1 AND retention_days = ?2 AND deleted_at IS NULL";
/// Old deliveries of a store, oldest first.
const OLD_DELIVERIES: &str = "SELECT id, event_id, due_at, claimed_until FROM deliveries \
                              WHERE store_id = ?1 AND id > ?2 AND id < ?3 ORDER BY id LIMIT ?4";
/// Those of one event, which lie close together.
const OF_EVENT: &str = "SELECT id, event_id, due_at, claimed_until FROM deliveries \
                        WHERE store_id = ?1 AND id >= ?2 AND id < ?3 AND event_id = ?4 ORDER BY id";
const WEBHOOKS: &str = "DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks INDEXED BY webhooks_deleted \
                        WHERE deleted_at IS NOT NULL AND deleted_at < ?1 LIMIT ?2)";

/// The next part of a pass.
fn retire(tx: &Tx<'_>, retire: &Retire) -> Result<Retired> {
    let mut batch = Batch { tx, retire, left: RETIRE_BATCH, done: Retired::default() };
    let mut place = Some(retire.from.clone());
    while let Some(at) = place.take() {
        place = match at {
            RetirePlace::Server { after } => batch.events(after)?,
            RetirePlace::Stores { after } => batch.next_store(after.as_ref())?,
            RetirePlace::Store { days, store, after } => batch.store(days, store, after)?,
            RetirePlace::Webhooks => batch.webhooks()?,
            RetirePlace::Database { from, .. } => Some(*from),
        };
        if batch.left == 0 {
            break;
        }
    }
    Ok(Retired { next: place, ..batch.done })
}

/// A delivery that is old.
struct Old {
    id: DeliveryId,
    event: EventId,
    due_at: Option<Timestamp>,
    claimed_until: Option<Timestamp>,
}

/// What became of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Removed,
    Kept,
    /// The batch is used up, and it is to be looked at again.
    OutOfBatch,
}

struct Batch<'a, 'c> {
    tx: &'a Tx<'c>,
    retire: &'a Retire,
    /// Rows that may still be looked at or removed.
    left: usize,
    done: Retired,
}

impl Batch<'_, '_> {
    fn events(&mut self, after: Option<EventId>) -> Result<Option<RetirePlace>> {
        let limit = self.left;
        let from = after.unwrap_or(EventId::from_bytes([0; 16]));
        let to = EventId::first_of(self.retire.over_before(None));
        let values = params![from.as_bytes(), to.as_bytes(), from_count(limit)];
        let found =
            all(self.tx.connection, OLD_EVENTS, values, |row| Ok((event_id(row, 0)?, store_id(row, 1)?)))?;
        let is_last = found.len() < limit;
        let mut after = after;
        for (event, store) in found {
            let mut is_kept = false;
            for old in self.of_event(&store, event)? {
                match self.look_at(&store, &old, None)? {
                    End::Removed => {}
                    End::Kept => is_kept = true,
                    End::OutOfBatch => return Ok(Some(RetirePlace::Server { after })),
                }
            }
            if !is_kept {
                self.remove_event(event)?;
            }
            after = Some(event);
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return Ok(Some(RetirePlace::Server { after }));
            }
        }
        Ok(Some(if is_last { RetirePlace::Stores { after: None } } else { RetirePlace::Server { after } }))
    }

    fn next_store(&mut self, after: Option<&(RetentionDays, StoreId)>) -> Result<Option<RetirePlace>> {
        let (days, store) = after.map_or((0, ""), |(days, store)| (days.days(), store.as_str()));
        let values = params![days, store, self.retire.keep.days()];
        let next = first(self.tx.connection, NEXT_STORE, values, keeping)?;
        self.left = self.left.saturating_sub(STORE_COST);
        match next {
            Some((days, store)) => self.deliveries(days, store, None),
            None => Ok(Some(RetirePlace::Webhooks)),
        }
    }

    fn store(
        &mut self,
        days: RetentionDays,
        store: StoreId,
        after: Option<DeliveryId>,
    ) -> Result<Option<RetirePlace>> {
        if first(self.tx.connection, THIS_STORE, params![store.as_str(), days.days()], only::<i64>)?.is_none()
        {
            // It was deleted, or says another time now.
            return Ok(Some(RetirePlace::Stores { after: Some((days, store)) }));
        }
        self.deliveries(days, store, after)
    }

    fn deliveries(
        &mut self,
        days: RetentionDays,
        store: StoreId,
        after: Option<DeliveryId>,
    ) -> Result<Option<RetirePlace>> {
        let own = Some(days);
        let limit = self.left;
        let from = after.unwrap_or(DeliveryId::from_bytes([0; 16]));
        let to = DeliveryId::first_of(self.retire.over_before(own));
        let values = params![store.as_str(), from.as_bytes(), to.as_bytes(), from_count(limit)];
        let found = all(self.tx.connection, OLD_DELIVERIES, values, old)?;
        let is_last = found.len() < limit;
        let mut after = after;
        for old in found {
            match self.look_at(&store, &old, own)? {
                End::Removed if self.of_event(&store, old.event)?.is_empty() => {
                    self.remove_event(old.event)?;
                }
                End::Removed | End::Kept => {}
                End::OutOfBatch => return Ok(Some(RetirePlace::Store { days, store, after })),
            }
            after = Some(old.id);
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return Ok(Some(RetirePlace::Store { days, store, after }));
            }
        }
        Ok(Some(if is_last {
            RetirePlace::Stores { after: Some((days, store)) }
        } else {
            RetirePlace::Store { days, store, after }
        }))
    }

    fn webhooks(&mut self) -> Result<Option<RetirePlace>> {
        let before = self.retire.webhooks_before().as_millis();
        let removed = self.tx.execute(WEBHOOKS, params![before, from_count(self.left)])?;
        self.left = self.left.saturating_sub(removed);
        Ok((self.left == 0).then_some(RetirePlace::Webhooks))
    }

    fn of_event(&self, store: &StoreId, event: EventId) -> Result<Vec<Old>> {
        let from = DeliveryId::first_of(event.made_at());
        let to = DeliveryId::first_of(Timestamp::from_millis(event.made_at().as_millis() + 1));
        let values = params![store.as_str(), from.as_bytes(), to.as_bytes(), event.as_bytes()];
        all(self.tx.connection, OF_EVENT, values, old)
    }

    /// Removes it where it has ended, or gives it up where it has waited long enough.
    fn look_at(&mut self, store: &StoreId, old: &Old, own: Option<RetentionDays>) -> Result<End> {
        if old.due_at.is_none() {
            return self.remove(store, old.id);
        }
        let is_free = old.claimed_until.is_none_or(|until| until <= self.retire.now);
        if is_free && old.event.made_at() < self.retire.expired_before(own) {
            self.expire(store, old.id)?;
        }
        Ok(End::Kept)
    }

    /// The attempts of one delivery may be more than a batch.
    fn remove(&mut self, store: &StoreId, id: DeliveryId) -> Result<End> {
        let removed = self.tx.execute(
            "DELETE FROM attempts WHERE delivery_id = ?1 AND number IN \
             (SELECT number FROM attempts WHERE delivery_id = ?1 LIMIT ?2)",
            params![id.as_bytes(), from_count(self.left)],
        )?;
        self.left -= removed.min(self.left);
        if self.left == 0 {
            return Ok(End::OutOfBatch);
        }
        let sql = "DELETE FROM deliveries WHERE store_id = ?1 AND id = ?2";
        self.done.deliveries += self.tx.execute(sql, params![store.as_str(), id.as_bytes()])?;
        self.left -= 1;
        Ok(End::Removed)
    }

    fn remove_event(&mut self, id: EventId) -> Result<()> {
        self.done.events += self.tx.execute("DELETE FROM events WHERE id = ?1", [id.as_bytes()])?;
        Ok(())
    }

    fn expire(&mut self, store: &StoreId, id: DeliveryId) -> Result<()> {
        // Of a store that is being deleted nothing is counted any more; sweeping removes it.
        if self.tx.config_version(store)?.is_none() {
            return Ok(());
        }
        let Some(mut delivery) = find(self.tx.connection, store, id)? else { return Ok(()) };
        if delivery.state.claimed_until.is_some() {
            delivery = lapse(self.tx, store, delivery, self.retire.now)?;
        }
        let was = delivery.state.status;
        match transition(&delivery.state, &Input::Expire) {
            Ok(state) => {
                delivery.state = state;
                update_state(self.tx, store, was, &delivery)?;
                self.done.expired.push((store.clone(), id));
                Ok(())
            }
            // The end of its claim was the end of it.
            Err(Refusal::NotWaiting) => Ok(()),
            Err(refusal) => Err(impossible(refusal)),
        }
    }
}

fn old(row: &Row<'_>) -> Result<Old> {
    Ok(Old {
        id: delivery_id(row, 0)?,
        event: event_id(row, 1)?,
        due_at: time_or_none(row, 2)?,
        claimed_until: time_or_none(row, 3)?,
    })
}

/// How long a store keeps its events, and which.
fn keeping(row: &Row<'_>) -> Result<(RetentionDays, StoreId)> {
    let days: u32 = row.get(0)?;
    let days = RetentionDays::new(days).ok_or_else(|| unreadable("number of days", &days.to_string()))?;
    Ok((days, store_id(row, 1)?))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::migrate::migrate;

    /// A call costs what it looks at, however many rows and stores there are.
    #[test]
    fn every_look_goes_by_an_index_without_sorting() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("a schema");
        for (sql, plan) in [
            (OLD_EVENTS, "SEARCH events USING INDEX events_id (id>? AND id<?)"),
            (
                NEXT_STORE,
                "SEARCH stores USING INDEX stores_retention ((retention_days,id)>(?,?) AND retention_days<?)",
            ),
            (THIS_STORE, "SEARCH stores USING PRIMARY KEY (id=?)"),
            (OLD_DELIVERIES, "SEARCH deliveries USING PRIMARY KEY (store_id=? AND id>? AND id<?)"),
            (OF_EVENT, "SEARCH deliveries USING PRIMARY KEY (store_id=? AND id>? AND id<?)"),
            (
                WEBHOOKS,
                "SEARCH webhooks USING PRIMARY KEY (id=?); LIST SUBQUERY 1; \
                 SEARCH webhooks USING COVERING INDEX webhooks_deleted (deleted_at>? AND deleted_at<?)",
            ),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("sound");
            let mut rows = statement.raw_query();
            let mut explained: Vec<String> = Vec::new();
            while let Some(row) = rows.next().expect("a plan") {
                explained.push(row.get(3).expect("its text"));
            }
            assert_eq!(explained.join("; "), plan);
        }
    }
}
