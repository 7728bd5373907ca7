//! A node on the wire.

use bocau_domain::{Node, NodeId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time::to_rfc3339;

/// A running server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub struct NodeView {
    /// Its id: another after each start.
    pub id: String,
    /// The machine's name, or the one that it was given (`node_name`).
    pub name: String,
    /// What it does: `all`, `api` or `worker`; newer versions may know others.
    pub role: String,
    /// The program's version.
    pub version: String,
    /// When it started.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it was heard of last; it says every 5 seconds that it is there.
    #[schema(format = DateTime)]
    pub seen_at: String,
    /// Whether that was within the last 30 seconds.
    pub is_alive: bool,
    /// Whether it is the one that answers this.
    pub is_self: bool,
}

impl NodeView {
    /// Of a node, as `own` answers it.
    pub fn new(node: Node, own: Option<NodeId>) -> Self {
        Self {
            id: node.id.to_string(),
            started_at: to_rfc3339(node.started_at),
            seen_at: to_rfc3339(node.seen_at),
            is_alive: node.is_alive(),
            is_self: own == Some(node.id),
            name: node.name,
            role: node.role,
            version: node.version,
        }
    }
}
