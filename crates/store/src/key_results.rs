//! What an idempotency key remembers of its request: each event's id, and its number of deliveries to be sent.

use bocau_domain::EventId;

use crate::journal::NewEvent;
use crate::{Result, StoreError};

/// Bytes of an event: its id, and its number of deliveries.
const RESULT_BYTES: usize = 16 + 4;

/// What the request of a key makes.
pub(crate) fn write(events: &[NewEvent]) -> Vec<u8> {
    let mut results = Vec::with_capacity(events.len() * RESULT_BYTES);
    for event in events {
        let sent = event.deliveries.iter().filter(|delivery| delivery.state.is_waiting()).count();
        results.extend_from_slice(event.id.as_bytes());
        results.extend_from_slice(&u32::try_from(sent).unwrap_or(u32::MAX).to_be_bytes());
    }
    results
}

/// Reads what [`write()`] writes.
pub(crate) fn read(results: &[u8]) -> Result<Vec<(EventId, u32)>> {
    let (whole, rest) = results.as_chunks::<RESULT_BYTES>();
    if !rest.is_empty() {
        return Err(StoreError::Corrupt("the results of an idempotency key are cut short".into()));
    }
    let read = |result: &[u8; RESULT_BYTES]| {
        let (mut id, mut count) = ([0; 16], [0; 4]);
        id.copy_from_slice(&result[..16]);
        count.copy_from_slice(&result[16..]);
        (EventId::from_bytes(id), u32::from_be_bytes(count))
    };
    Ok(whole.iter().map(read).collect())
}
