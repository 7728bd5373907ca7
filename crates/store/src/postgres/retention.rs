//! Removing what is older than it is kept: whole days at once (see `dropping`), and of stores that keep theirs for a
//! shorter time a few rows at a time.
//!
//! One node does either at a time; what another of them finds is left to that one.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use bocau_domain::{
    Attempt, DeliveryId, EventId, Input, Refusal, RetentionDays, StoreId, Timestamp, transition,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::results::{Held, hold, impossible, lapse};
use super::rows::{
    from_count, id, insert_attempts, only, store_id, time_or_none, to_u32, unreadable, update_states, uuid,
};
use super::tx::{Params, Result, Tx};
use super::{PostgresStore, dropping, run_again};
use crate::retention::{Retention, Retire, RetirePlace, Retired, STORE_COST};
use crate::{RETIRE_BATCH, StoreError};

#[async_trait]
impl Retention for PostgresStore {
    async fn retire(&self, retire: Retire) -> crate::Result<Retired> {
        let _inside = self.enter()?;
        let from = match &retire.from {
            RetirePlace::Server { after } => match dropping::retire_day(self, &retire, *after).await {
                Ok(Some(retired)) => return Ok(retired),
                Ok(None) => RetirePlace::Stores { after: None },
                // A transaction that does not end, say. It holds up no other part of the pass.
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(
                        error,
                        "a day that is over could not be dropped; trying again with the next pass"
                    );
                    RetirePlace::Stores { after: None }
                }
                Err(error) => return Err(error),
            },
            rest => rest.clone(),
        };
        run_again!(self, |tx| retire_rows(&tx, &retire, from.clone()).await)
    }
}

/// The next store with a shorter time of its own; the index is empty where none has any.
const NEXT_STORE: &str = "SELECT retention_days, id FROM stores WHERE retention_days IS NOT NULL \
                          AND (retention_days, id) > ($1, $2) AND retention_days < $3 AND deleted_at IS NULL \
                          ORDER BY retention_days, id LIMIT 1";
const THIS_STORE: &str = "SELECT 1 FROM stores WHERE id = $1 AND retention_days = $2 AND deleted_at IS NULL";
/// Old deliveries of a store, oldest first, held to the end. What somebody else works on at this moment is passed
/// over: the next pass finds it.
const OLD_DELIVERIES: &str = "SELECT id, event_id, due_at, claimed_until FROM deliveries \
                              WHERE store_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4 \
                              FOR UPDATE SKIP LOCKED";
const REMOVE_WEBHOOKS: &str = "DELETE FROM webhooks WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhooks \
                               WHERE deleted_at IS NOT NULL AND deleted_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// The next part of a pass over rows.
async fn retire_rows(tx: &Tx, retire: &Retire, from: RetirePlace) -> Result<Retired> {
    if !tx.try_lock_retention().await? {
        return Ok(Retired::default());
    }
    // Every look is a walk over the one index that has its order, and every row is found by its key, whatever the
    // server thinks of the tables' sizes.
    let walks =
        "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_material = off";
    tx.run(walks).await?;
    let mut batch = Batch { tx, retire, left: RETIRE_BATCH, done: Retired::default() };
    let mut place = Some(from);
    while let Some(at) = place.take() {
        place = match at {
            // Days are dropped before.
            RetirePlace::Server { .. } => Some(RetirePlace::Stores { after: None }),
            RetirePlace::Stores { after } => batch.next_store(after.as_ref()).await?,
            RetirePlace::Store { days, store, after } => batch.store(days, store, after).await?,
            RetirePlace::Webhooks => batch.webhooks().await?,
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

struct Batch<'a> {
    tx: &'a Tx,
    retire: &'a Retire,
    /// Rows that may still be looked at.
    left: usize,
    done: Retired,
}

impl Batch<'_> {
    async fn next_store(&mut self, after: Option<&(RetentionDays, StoreId)>) -> Result<Option<RetirePlace>> {
        let (days, store) = after.map_or((0, ""), |(days, store)| (of_days(*days), store.as_str()));
        let values: Params<'_> = &[&days, &store, &of_days(self.retire.keep)];
        let next = self.tx.first(NEXT_STORE, values, keeping).await?;
        self.left = self.left.saturating_sub(STORE_COST);
        match next {
            Some((days, store)) => self.deliveries(days, store, None).await,
            None => Ok(Some(RetirePlace::Webhooks)),
        }
    }

    async fn store(
        &mut self,
        days: RetentionDays,
        store: StoreId,
        after: Option<DeliveryId>,
    ) -> Result<Option<RetirePlace>> {
        if !self.tx.exists(THIS_STORE, &[&store.as_str(), &of_days(days)]).await? {
            // It was deleted, or says another time now.
            return Ok(Some(RetirePlace::Stores { after: Some((days, store)) }));
        }
        self.deliveries(days, store, after).await
    }

    async fn deliveries(
        &mut self,
        days: RetentionDays,
        store: StoreId,
        after: Option<DeliveryId>,
    ) -> Result<Option<RetirePlace>> {
        let own = Some(days);
        let limit = self.left;
        let from = uuid(after.unwrap_or(DeliveryId::from_bytes([0; 16])).as_bytes());
        let to = uuid(DeliveryId::first_of(self.retire.over_before(own)).as_bytes());
        let values = (store.as_str(), from_count(limit));
        let found = self.tx.all(OLD_DELIVERIES, &[&values.0, &from, &to, &values.1], old).await?;
        self.left -= found.len().min(self.left);
        let last = found.last().map(|old| old.id);
        let is_last = found.len() < limit;
        let (over, unfinished): (Vec<Old>, Vec<Old>) =
            found.into_iter().partition(|old| old.due_at.is_none());
        self.remove(&store, &over).await?;
        let expired_before = self.retire.expired_before(own);
        let waits_too_long = |old: &&Old| {
            old.event.made_at() < expired_before
                && old.claimed_until.is_none_or(|until| until <= self.retire.now)
        };
        let given_up = unfinished.iter().filter(waits_too_long).map(|old| (store.clone(), old.id)).collect();
        self.done.expired.extend(expire(self.tx, given_up, self.retire.now).await?);
        Ok(Some(if is_last {
            RetirePlace::Stores { after: Some((days, store)) }
        } else {
            RetirePlace::Store { days, store, after: last }
        }))
    }

    async fn webhooks(&mut self) -> Result<Option<RetirePlace>> {
        let before = self.retire.webhooks_before().as_millis();
        let removed = self.tx.execute(REMOVE_WEBHOOKS, &[&before, &from_count(self.left)]).await?;
        self.left = self.left.saturating_sub(removed);
        Ok((self.left == 0).then_some(RetirePlace::Webhooks))
    }

    /// Each delivery with its attempts, and the events that none is left of.
    async fn remove(&mut self, store: &StoreId, over: &[Old]) -> Result<()> {
        let (Some(first), Some(last)) = (over.first(), over.last()) else { return Ok(()) };
        let (first, last) = (first.id, last.id);
        let ids: Vec<Uuid> = over.iter().map(|old| uuid(old.id.as_bytes())).collect();
        let bounds = (uuid(first.as_bytes()), uuid(last.as_bytes()));
        let sql = "DELETE FROM attempts WHERE delivery_id = ANY($1) AND delivery_id BETWEEN $2 AND $3";
        self.tx.execute(sql, &[&ids, &bounds.0, &bounds.1]).await?;
        let sql = "DELETE FROM deliveries WHERE store_id = $1 AND id = ANY($2) AND id BETWEEN $3 AND $4";
        self.done.deliveries += self.tx.execute(sql, &[&store.as_str(), &ids, &bounds.0, &bounds.1]).await?;
        self.remove_events(store, over).await
    }

    /// A delivery's id is of its event's millisecond, so those that are left of an event are between the first of
    /// the batch and the last: few, since the batch went over all of these.
    async fn remove_events(&mut self, store: &StoreId, over: &[Old]) -> Result<()> {
        let events: BTreeSet<EventId> = over.iter().map(|old| old.event).collect();
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let past = Timestamp::from_millis(last.made_at().as_millis() + 1);
        let [from, to] = [first.made_at(), past].map(|at| uuid(DeliveryId::first_of(at).as_bytes()));
        let bounds = (uuid(first.as_bytes()), uuid(last.as_bytes()));
        let sql = "SELECT event_id FROM deliveries WHERE store_id = $1 AND id >= $2 AND id < $3 ORDER BY id";
        let kept: HashSet<Uuid> =
            self.tx.all(sql, &[&store.as_str(), &from, &to], only).await?.into_iter().collect();
        let over: Vec<Uuid> =
            events.iter().map(|id| uuid(id.as_bytes())).filter(|id| !kept.contains(id)).collect();
        let sql = "DELETE FROM events WHERE id = ANY($1) AND id BETWEEN $2 AND $3";
        self.done.events += self.tx.execute(sql, &[&over, &bounds.0, &bounds.1]).await?;
        Ok(())
    }
}

/// Gives these up, where they still wait and nobody holds them; answers which.
pub(super) async fn expire(
    tx: &Tx,
    wanted: Vec<(StoreId, DeliveryId)>,
    now: Timestamp,
) -> Result<Vec<(StoreId, DeliveryId)>> {
    let wanted: Vec<(&StoreId, DeliveryId)> = wanted.iter().map(|(store, id)| (store, *id)).collect();
    let mut history: Vec<(DeliveryId, Attempt)> = Vec::new();
    let (mut changed, mut expired) = (Vec::new(), Vec::new());
    for mut held in hold(tx, &wanted).await?.into_values() {
        match held.delivery.state.claimed_until {
            Some(until) if until > now => continue,
            Some(_) => history.push(lapse(tx, &mut held, now)?),
            None => {}
        }
        match transition(&held.delivery.state, &Input::Expire) {
            Ok(state) => {
                held.delivery.state = state;
                expired.push((held.store.clone(), held.delivery.id));
            }
            // The end of its claim was the end of it.
            Err(Refusal::NotWaiting) => {}
            Err(refusal) => return Err(impossible(refusal).into()),
        }
        changed.push(held);
    }
    update_states(tx, &changed.iter().map(Held::changed).collect::<Vec<_>>()).await?;
    insert_attempts(tx, &history).await?;
    Ok(expired)
}

fn old(row: &Row) -> Result<Old> {
    Ok(Old {
        id: id(row, 0, DeliveryId::from_bytes)?,
        event: id(row, 1, EventId::from_bytes)?,
        due_at: time_or_none(row, 2)?,
        claimed_until: time_or_none(row, 3)?,
    })
}

/// How long a store keeps its events, and which.
fn keeping(row: &Row) -> Result<(RetentionDays, StoreId)> {
    let days: i32 = row.try_get(0)?;
    let read =
        RetentionDays::new(to_u32(days)).ok_or_else(|| unreadable("number of days", &days.to_string()))?;
    Ok((read, store_id(row, 1)?))
}

fn of_days(days: RetentionDays) -> i32 {
    days.days().into()
}
