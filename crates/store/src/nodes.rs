//! The nodes that serve together, and what they ask now and then in case a notice did not reach them.

use async_trait::async_trait;
use bocau_domain::{Node, NodeCard, NodeId, StoreId, Timestamp};

use crate::Result;

/// Stores that one answer of [`Nodes::configured_since`] names at most.
pub const CONFIGURED_MAX: usize = 10_000;

/// What was configured of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The moment of the answer: ask from it on the next time.
    pub at: Timestamp,
    /// The stores, each with the version of its configuration; some may have been told before.
    pub stores: Vec<(StoreId, u64)>,
    /// Whether that is all; otherwise anything may have changed.
    pub is_complete: bool,
}

/// The verbs about nodes. Where processes share the database, its clock counts, and otherwise `now`.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// A node says that it is there.
    async fn beat(&self, node: &NodeCard, now: Timestamp) -> Result<()>;

    /// The nodes that were heard of of late, the oldest first.
    async fn list_nodes(&self, now: Timestamp) -> Result<Vec<Node>>;

    /// A node ends: it is not there any more.
    async fn leave(&self, id: NodeId) -> Result<()>;

    /// The stores whose configuration has changed since this moment of the database's clock; where there is none,
    /// only which moment it is. `None` where the process is alone with its database, and knows by itself.
    async fn configured_since(&self, since: Option<Timestamp>) -> Result<Option<Configured>>;
}
