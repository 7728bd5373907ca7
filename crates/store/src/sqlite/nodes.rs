//! The one node of a file: the server that has it open. It is not written down.

use async_trait::async_trait;
use bocau_domain::{Node, NodeCard, NodeId, Timestamp};

use super::SqliteStore;
use crate::Result;
use crate::nodes::{Configured, Nodes};

#[async_trait]
impl Nodes for SqliteStore {
    async fn beat(&self, node: &NodeCard, now: Timestamp) -> Result<()> {
        *self.node.lock() = Some((node.clone(), now));
        Ok(())
    }

    async fn list_nodes(&self, now: Timestamp) -> Result<Vec<Node>> {
        let own = self.node.lock().clone();
        let node = |(card, seen_at): (NodeCard, Timestamp)| Node {
            id: card.id,
            name: card.name,
            role: card.role.as_str().to_owned(),
            version: card.version,
            started_at: card.started_at,
            seen_at,
            silent_for: now.since(seen_at),
        };
        Ok(own.map(node).into_iter().collect())
    }

    async fn leave(&self, id: NodeId) -> Result<()> {
        self.node.lock().take_if(|(card, _)| card.id == id);
        Ok(())
    }

    async fn configured_since(&self, _since: Option<Timestamp>) -> Result<Option<Configured>> {
        Ok(None)
    }
}
