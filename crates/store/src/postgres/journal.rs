//! Writing what came in: events, their deliveries and the idempotency key.
//!
//! However many submissions there are, they are written by a few statements: one to look, one per table to write.

use std::collections::{HashMap, HashSet};

use bocau_domain::limits::IDEMPOTENCY_KEY_LIFETIME;
use bocau_domain::{Reason, StoreId, Timestamp};
use futures_util::future::join;
use tokio_postgres::types::ToSql;

use super::errors::Failed;
use super::rows::{millis, to_i32, uuid};
use super::tx::{Result, Tx, Write};
use crate::StoreError;
use crate::journal::{Appended, IdempotencyKey, NewDelivery, NewEvent, Submission};
use crate::key_results;

/// What an idempotency key says: the hash of the request, and what it made.
type Known = ([u8; 32], Vec<u8>);

/// Writes those submissions that can be written, each whole, or says why not.
///
/// The key is looked at before the version: who repeats a request hears what the first one made, whatever
/// was configured since.
pub(super) async fn append(tx: &Tx, submissions: &[Submission]) -> Result<Vec<Appended>> {
    let stores: HashSet<&StoreId> = submissions.iter().map(|submission| &submission.store).collect();
    let (versions, known) = join(tx.share_stores(&stores), known_keys(tx, submissions)).await;
    let (versions, mut known) = (versions?, known?);
    let mut answers = Vec::with_capacity(submissions.len());
    let mut written = Vec::with_capacity(submissions.len());
    for submission in submissions {
        let answer = judge(submission, &versions, &known)?;
        if answer == Appended::Accepted {
            if let Some(idempotency) = &submission.idempotency {
                let made = (idempotency.body_hash, key_results::write(&submission.events));
                known.insert((submission.store.as_str(), idempotency.key.as_str()), made);
            }
            written.push(submission);
        }
        answers.push(answer);
    }
    if keep_keys(tx, &written).await? {
        let writes = [events_of(tx, &written), deliveries_of(tx, &written)].into_iter().flatten();
        tx.write_and_commit(writes.collect()).await?;
        return Ok(answers);
    }
    // Another node has written one of the keys between our look and our writing: look again.
    Err(Failed::Conflict("an idempotency key was taken at the same moment".into()))
}

fn judge(
    submission: &Submission,
    versions: &HashMap<String, Option<u64>>,
    known: &HashMap<(&str, &str), Known>,
) -> Result<Appended> {
    let Some(version) = versions.get(submission.store.as_str()) else {
        return Ok(Appended::NoStore);
    };
    // What is known of its keys may be old already.
    let Some(version) = version else { return Ok(Appended::Moved) };
    if let Some(IdempotencyKey { key, body_hash }) = &submission.idempotency
        && let Some((hash, results)) = known.get(&(submission.store.as_str(), key.as_str()))
    {
        return Ok(if hash == body_hash {
            Appended::Duplicate(key_results::read(results)?)
        } else {
            Appended::KeyReused
        });
    }
    Ok(if *version == submission.config_version { Appended::Accepted } else { Appended::Stale })
}

/// What the keys of these submissions say that are in use.
async fn known_keys<'a>(
    tx: &Tx,
    submissions: &'a [Submission],
) -> Result<HashMap<(&'a str, &'a str), Known>> {
    let with_keys: Vec<(&str, &str, i64)> = submissions
        .iter()
        .filter_map(|submission| {
            let key = submission.idempotency.as_ref()?.key.as_str();
            Some((submission.store.as_str(), key, submission.now.as_millis()))
        })
        .collect();
    if with_keys.is_empty() {
        return Ok(HashMap::new());
    }
    let stores: Vec<&str> = with_keys.iter().map(|(store, _, _)| *store).collect();
    let keys: Vec<&str> = with_keys.iter().map(|(_, key, _)| *key).collect();
    let nows: Vec<i64> = with_keys.iter().map(|(_, _, now)| *now).collect();
    let found = tx
        .all(
            "SELECT n.place, k.body_hash, k.results \
             FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS n (store_id, key, now, place) \
             JOIN idempotency_keys k ON k.store_id = n.store_id AND k.key = n.key AND k.expires_at > n.now",
            &[&stores, &keys, &nows],
            |row| {
                let hash: &[u8] = row.try_get(1)?;
                let hash = hash.try_into().map_err(|_| StoreError::Corrupt("a hash of another length".into()))?;
                Ok((row.try_get::<_, i64>(0)?, (hash, row.try_get(2)?)))
            },
        )
        .await?;
    let place = |place: i64| usize::try_from(place - 1).ok().and_then(|place| with_keys.get(place));
    Ok(found
        .into_iter()
        .filter_map(|(at, known)| place(at).map(|(store, key, _)| ((*store, *key), known)))
        .collect())
}

/// Keeps the keys with what their requests make, in place of those whose time is over. Answers whether all of
/// them were free.
async fn keep_keys(tx: &Tx, written: &[&Submission]) -> Result<bool> {
    let mut rows: Vec<(&str, &IdempotencyKey, &Submission)> = written
        .iter()
        .filter_map(|submission| {
            Some((submission.store.as_str(), submission.idempotency.as_ref()?, *submission))
        })
        .collect();
    if rows.is_empty() {
        return Ok(true);
    }
    // Everybody writes them in the same order, so that nobody waits for one another.
    rows.sort_unstable_by_key(|(store, idempotency, _)| (*store, idempotency.key.as_str()));
    macro_rules! column {
        (|$store:pat_param, $key:pat_param, $submission:pat_param| $value:expr) => {
            rows.iter().map(|($store, $key, $submission)| $value).collect::<Vec<_>>()
        };
    }
    let kept = tx
        .execute(
            "INSERT INTO idempotency_keys AS k (store_id, key, body_hash, expires_at, results) \
             SELECT store_id, key, body_hash, expires_at, results FROM \
             unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[]) \
             AS n (store_id, key, body_hash, expires_at, results) \
             ON CONFLICT (store_id, key) DO UPDATE SET body_hash = excluded.body_hash, \
             expires_at = excluded.expires_at, results = excluded.results \
             WHERE k.expires_at <= excluded.expires_at - $6",
            &[
                &column!(|store, _, _| *store),
                &column!(|_, idempotency, _| idempotency.key.as_str()),
                &column!(|_, idempotency, _| &idempotency.body_hash[..]),
                &column!(|_, _, submission| (submission.now + IDEMPOTENCY_KEY_LIFETIME).as_millis()),
                &column!(|_, _, submission| key_results::write(&submission.events)),
                &millis(IDEMPOTENCY_KEY_LIFETIME),
            ],
        )
        .await?;
    Ok(kept == rows.len())
}

/// What writes the events, where there are any.
fn events_of<'a>(tx: &Tx, written: &[&'a Submission]) -> Option<Write<'a>> {
    let events: Vec<(&'a Submission, &'a NewEvent)> = written
        .iter()
        .flat_map(|submission| submission.events.iter().map(|event| (*submission, event)))
        .collect();
    if events.is_empty() {
        return None;
    }
    macro_rules! column {
        (|$submission:pat_param, $event:pat_param| $value:expr) => {
            events.iter().map(|($submission, $event)| $value).collect::<Vec<_>>()
        };
    }
    let sql = "INSERT INTO events (id, store_id, event_type, object_id, occurred_at, created_at, is_test, payload) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], \
         $7::bool[], $8::bytea[])";
    let values: Vec<Box<dyn ToSql + Sync + Send + 'a>> = vec![
        Box::new(column!(|_, event| uuid(event.id.as_bytes()))),
        Box::new(column!(|submission, _| submission.store.as_str())),
        Box::new(column!(|_, event| event.event_type.as_str())),
        Box::new(column!(|_, event| event.object_id.as_str())),
        Box::new(column!(|_, event| event.occurred_at.map(Timestamp::as_millis))),
        Box::new(column!(|submission, _| submission.now.as_millis())),
        Box::new(column!(|_, event| event.is_test)),
        Box::new(column!(|_, event| &event.payload[..])),
    ];
    let mut tally = tx.tally();
    for (submission, event) in events {
        tally.event(&submission.store, event.id);
    }
    Some(Write { sql, values })
}

/// What writes the deliveries, where there are any.
fn deliveries_of<'a>(tx: &Tx, written: &[&'a Submission]) -> Option<Write<'a>> {
    let rows: Vec<(&'a Submission, &'a NewEvent, &'a NewDelivery)> = written
        .iter()
        .flat_map(|submission| submission.events.iter().map(|event| (*submission, event)))
        .flat_map(|(submission, event)| {
            event.deliveries.iter().map(move |delivery| (submission, event, delivery))
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    macro_rules! column {
        (|$submission:pat_param, $event:pat_param, $delivery:pat_param| $value:expr) => {
            rows.iter().map(|($submission, $event, $delivery)| $value).collect::<Vec<_>>()
        };
    }
    let moment = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
    let sql = "INSERT INTO deliveries (store_id, id, event_id, webhook_id, event_type, object_id, is_test, created_at, \
         status, reason, next_attempt_at, resend_at, claim, claimed_until, auto_attempts, interruptions, \
         last_number, attempts, responses, last_status_code, due_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[], \
         $8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], \
         $15::int[], $16::int[], $17::int[], $18::int[], $19::int[], $20::int[], $21::bigint[])";
    let values: Vec<Box<dyn ToSql + Sync + Send + 'a>> = vec![
        Box::new(column!(|submission, _, _| submission.store.as_str())),
        Box::new(column!(|_, _, delivery| uuid(delivery.id.as_bytes()))),
        Box::new(column!(|_, event, _| uuid(event.id.as_bytes()))),
        Box::new(column!(|_, _, delivery| delivery.webhook_id.as_ref().map(|id| uuid(id.as_bytes())))),
        Box::new(column!(|_, event, _| event.event_type.as_str())),
        Box::new(column!(|_, event, _| event.object_id.as_str())),
        Box::new(column!(|_, event, _| event.is_test)),
        Box::new(column!(|submission, _, _| submission.now.as_millis())),
        Box::new(column!(|_, _, delivery| delivery.state.status.as_str())),
        Box::new(column!(|_, _, delivery| delivery.state.reason.map(Reason::as_str))),
        Box::new(column!(|_, _, delivery| moment(delivery.state.next_attempt_at))),
        Box::new(column!(|_, _, delivery| moment(delivery.state.resend_at))),
        Box::new(column!(|_, _, delivery| i64::from(delivery.state.claim))),
        Box::new(column!(|_, _, delivery| moment(delivery.state.claimed_until))),
        Box::new(column!(|_, _, delivery| to_i32(delivery.state.auto_attempts))),
        Box::new(column!(|_, _, delivery| to_i32(delivery.state.interruptions))),
        Box::new(column!(|_, _, delivery| to_i32(delivery.state.last_number))),
        Box::new(column!(|_, _, delivery| to_i32(delivery.state.attempts))),
        Box::new(column!(|_, _, delivery| to_i32(delivery.state.responses))),
        Box::new(column!(|_, _, delivery| delivery.state.last_status_code.map(i32::from))),
        Box::new(column!(|_, _, delivery| moment(delivery.state.due_at()))),
    ];
    let mut tally = tx.tally();
    for (submission, _, delivery) in rows {
        tally.made(&submission.store, delivery.id, delivery.webhook_id, delivery.state.status);
    }
    Some(Write { sql, values })
}
