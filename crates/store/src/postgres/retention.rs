//! Removing what is older than it is kept: whole days at once (see `dropping`), and of stores that keep theirs for a
//! shorter time a few rows at a time.
//!
//! One node does either at a time; what another of them finds is left to that one.

use async_trait::async_trait;
use bocau_domain::{
    Attempt, DeliveryId, EventId, Input, Refusal, RetentionDays, StoreId, Timestamp, transition,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::results::{Held, hold, impossible, lapse};
use super::rows::{from_count, id, insert_attempts, store_id, time_or_none, to_u32, update_states, uuid};
use super::tx::{Result, Tx};
use super::{PostgresStore, dropping, run_again};
use crate::SWEEP_BATCH;
use crate::retention::{Retention, Retire, RetirePlace, Retired};

#[async_trait]
impl Retention for PostgresStore {
    async fn retire(&self, retire: Retire) -> crate::Result<Retired> {
        let _inside = self.enter()?;
        let from = match &retire.from {
            RetirePlace::Server { after } => match dropping::retire_day(self, &retire, *after).await? {
                Some(retired) => return Ok(retired),
                None => RetirePlace::Stores { after: None },
            },
            rest => rest.clone(),
        };
        run_again!(self, |tx| retire_rows(&tx, &retire, from.clone()).await)
    }
}

/// The next store with a shorter time of its own; the index is empty where none has any.
const NEXT_STORE: &str = "SELECT id, retention_days FROM stores WHERE id > $1 AND retention_days IS NOT NULL \
                          AND retention_days < $2 AND deleted_at IS NULL ORDER BY id LIMIT 1";
const THIS_STORE: &str = "SELECT id, retention_days FROM stores WHERE id = $1 AND retention_days IS NOT NULL \
                          AND retention_days < $2 AND deleted_at IS NULL";
/// Old deliveries of a store, oldest first, held to the end. What somebody else works on at this moment is passed
/// over: the next pass finds it.
const OLD_DELIVERIES: &str = "SELECT id, event_id, due_at, claimed_until FROM deliveries \
                              WHERE store_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4 \
                              FOR UPDATE SKIP LOCKED";
/// Events that no delivery is left of. Those of one lie close together: they have its millisecond.
const REMOVE_EVENTS: &str = "DELETE FROM events e USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (id, first, past) \
                             WHERE e.id = n.id AND e.id BETWEEN $4 AND $5 AND NOT EXISTS (\
                             SELECT 1 FROM deliveries d WHERE d.store_id = $6 AND d.id >= n.first AND d.id < n.past \
                             AND d.id BETWEEN $7 AND $8 AND d.event_id = n.id)";
const REMOVE_WEBHOOKS: &str = "DELETE FROM webhooks WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhooks \
                               WHERE deleted_at IS NOT NULL AND deleted_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// The next part of a pass over rows.
async fn retire_rows(tx: &Tx, retire: &Retire, from: RetirePlace) -> Result<Retired> {
    if !tx.try_lock_retention().await? {
        return Ok(Retired::default());
    }
    let mut batch = Batch { tx, retire, left: SWEEP_BATCH, done: Retired::default() };
    let mut place = Some(from);
    while let Some(at) = place.take() {
        place = match at {
            // Days are dropped before.
            RetirePlace::Server { .. } => Some(RetirePlace::Stores { after: None }),
            RetirePlace::Stores { after } => batch.next_store(after.as_ref()).await?,
            RetirePlace::Store { store, after } => batch.store(store, after).await?,
            RetirePlace::Webhooks => batch.webhooks().await?,
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
    async fn next_store(&mut self, after: Option<&StoreId>) -> Result<Option<RetirePlace>> {
        let after = after.map_or("", StoreId::as_str);
        let days = i32::from(self.retire.keep.days());
        let next = self.tx.first(NEXT_STORE, &[&after, &days], keeping).await?;
        self.left = self.left.saturating_sub(1);
        Ok(Some(next.map_or(RetirePlace::Webhooks, |(store, _)| RetirePlace::Store { store, after: None })))
    }

    async fn store(&mut self, store: StoreId, after: Option<DeliveryId>) -> Result<Option<RetirePlace>> {
        let days = i32::from(self.retire.keep.days());
        let Some((_, own)) = self.tx.first(THIS_STORE, &[&store.as_str(), &days], keeping).await? else {
            // It was deleted, or keeps its events longer now.
            return Ok(Some(RetirePlace::Stores { after: Some(store) }));
        };
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
            RetirePlace::Stores { after: Some(store) }
        } else {
            RetirePlace::Store { store, after: last }
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
        let mut events: Vec<EventId> = over.iter().map(|old| old.event).collect();
        events.sort_unstable();
        events.dedup();
        let (Some(oldest), Some(newest)) = (events.first(), events.last()) else { return Ok(()) };
        let past = |id: &EventId| {
            DeliveryId::first_of(Timestamp::from_millis(id.made_at().as_millis().saturating_add(1)))
        };
        let firsts: Vec<Uuid> =
            events.iter().map(|id| uuid(DeliveryId::first_of(id.made_at()).as_bytes())).collect();
        let pasts: Vec<Uuid> = events.iter().map(|id| uuid(past(id).as_bytes())).collect();
        let ids: Vec<Uuid> = events.iter().map(|id| uuid(id.as_bytes())).collect();
        let of_events = (uuid(oldest.as_bytes()), uuid(newest.as_bytes()));
        let of_deliveries = (firsts.first().copied(), pasts.last().copied());
        self.done.events += self
            .tx
            .execute(
                REMOVE_EVENTS,
                &[
                    &ids,
                    &firsts,
                    &pasts,
                    &of_events.0,
                    &of_events.1,
                    &store.as_str(),
                    &of_deliveries.0,
                    &of_deliveries.1,
                ],
            )
            .await?;
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

/// A store and how long it keeps its events.
fn keeping(row: &Row) -> Result<(StoreId, Option<RetentionDays>)> {
    Ok((store_id(row, 0)?, RetentionDays::new(to_u32(row.try_get(1)?))))
}
