//! What stands between an engine and its store in a simulation: delays, faults and a look at what was done.

use async_trait::async_trait;
use bocau_domain::Timestamp;
use bocau_store::{Appended, AttemptRecord, ClaimRef, Claimed, Recorded, Result, Submission};

use super::Verb;

/// Stands in the way of each call.
#[async_trait]
pub trait Between: Send + Sync + 'static {
    /// A verb is on its way to the store. An error is its answer, and nothing is done.
    async fn going(&self, verb: Verb) -> Result<()>;

    /// A verb of an event's way was done, and its answer comes back. An error is heard in its place.
    async fn coming(&self, verb: Verb) -> Result<()>;

    /// What was written of these, whatever is heard of it.
    fn appended(&self, submissions: &[Submission], answers: &[Result<Appended>]);

    /// What was written of these, whatever is heard of it.
    fn recorded(&self, records: &[AttemptRecord], answers: &[Result<Recorded>]);

    /// What was claimed at this moment of the caller's clock, whatever is heard of it.
    fn claimed(&self, now: Timestamp, claimed: &[Claimed]);

    /// These are held no more.
    fn released(&self, claims: &[ClaimRef]);
}
