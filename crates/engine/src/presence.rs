//! Presence: says in the store that this node is there, and notices when others are not any more.
//!
//! Nothing relies on it but people: what a node that died had taken comes back by its leases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bocau_domain::node::{ALIVE_FOR, BEAT};
use bocau_domain::{Node, NodeCard, NodeId};
use bocau_store::{Result, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::EngineClock;

/// A node that is there until [`Presence::end`].
pub struct Presence {
    store: Arc<dyn Store>,
    id: NodeId,
    stop: CancellationToken,
    beating: JoinHandle<()>,
}

impl Presence {
    /// Says for the first time that the node is there, and from then on every [`BEAT`].
    pub async fn begin(store: Arc<dyn Store>, clock: Arc<dyn EngineClock>, card: NodeCard) -> Result<Self> {
        store.beat(&card, clock.now()).await?;
        let (id, stop) = (card.id, CancellationToken::new());
        metrics::gauge!(
            "bocau_node_info", "name" => card.name.clone(), "role" => card.role.as_str(), "version" => card.version.clone()
        )
        .set(1.0);
        let beating = tokio::spawn(beat(store.clone(), clock, card, stop.clone()));
        Ok(Self { store, id, stop, beating })
    }

    /// The node is not there any more.
    pub async fn end(self) {
        self.stop.cancel();
        // It ends at its next wait.
        drop(self.beating.await);
        if let Err(error) = self.store.leave(self.id).await {
            tracing::debug!(%error, "this node could not say that it ends; it is forgotten by and by");
        }
    }
}

async fn beat(store: Arc<dyn Store>, clock: Arc<dyn EngineClock>, card: NodeCard, stop: CancellationToken) {
    let mut others = Others::default();
    loop {
        let (id, now) = (card.id, clock.now());
        let looked = async {
            store.beat(&card, now).await?;
            store.list_nodes(now).await
        };
        match looked.await {
            Ok(nodes) => {
                count(&nodes);
                for (news, node) in others.news(id, nodes, clock.monotonic()) {
                    tell(news, &node);
                }
            }
            // Whatever else needs the database says so louder.
            Err(error) => {
                tracing::debug!(%error, "this node cannot say that it is there");
                others.lost_sight(clock.monotonic());
            }
        }
        tokio::select! {
            () = clock.sleep(BEAT) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn count(nodes: &[Node]) {
    let alive = nodes.iter().filter(|node| node.is_alive()).count();
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    {
        metrics::gauge!("bocau_nodes", "state" => "alive").set(alive as f64);
        metrics::gauge!("bocau_nodes", "state" => "silent").set((nodes.len() - alive) as f64);
    }
}

fn tell(news: News, node: &Node) {
    let Node { id, name, role, version, .. } = node;
    let silent = node.silent_for.as_secs();
    match news {
        News::Joined => tracing::info!(node = %id, name, role, version, "another node is there"),
        News::Silent => tracing::warn!(node = %id, name, role, silent, "another node has fallen silent"),
        News::Back => tracing::info!(node = %id, name, role, "another node is back"),
        News::Left => tracing::info!(node = %id, name, role, "another node has ended"),
    }
}

/// What is new of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Joined,
    Silent,
    Back,
    Left,
}

/// The other nodes as they were at the last look.
#[derive(Debug, Default)]
struct Others {
    known: HashMap<NodeId, Node>,
    /// When the database was away last: nobody could be heard of then.
    lost_sight_at: Option<Duration>,
}

impl Others {
    fn lost_sight(&mut self, now: Duration) {
        self.lost_sight_at = Some(now);
    }

    /// What is new, now that these are the nodes.
    fn news(&mut self, own: NodeId, nodes: Vec<Node>, now: Duration) -> Vec<(News, Node)> {
        if self.lost_sight_at.is_some_and(|at| now.saturating_sub(at) <= ALIVE_FOR) {
            // Others may not have said again that they are there.
            return Vec::new();
        }
        let mut news = Vec::new();
        let mut known = HashMap::new();
        for node in nodes.into_iter().filter(|node| node.id != own) {
            let is_new = match self.known.remove(&node.id) {
                // Who was silent before this node came is no news.
                None => node.is_alive().then_some(News::Joined),
                Some(before) => match (before.is_alive(), node.is_alive()) {
                    (true, false) => Some(News::Silent),
                    (false, true) => Some(News::Back),
                    _ => None,
                },
            };
            news.extend(is_new.map(|is_new| (is_new, node.clone())));
            known.insert(node.id, node);
        }
        // One that is forgotten after it fell silent has been told of.
        let gone = std::mem::replace(&mut self.known, known).into_values();
        news.extend(gone.filter(Node::is_alive).map(|node| (News::Left, node)));
        news
    }
}

#[cfg(test)]
mod tests {
    use bocau_domain::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn node(number: u8, silent_for: Duration) -> Node {
        Node {
            id: NodeId::from_bytes([number; 16]),
            name: format!("máy-{number}"),
            role: "all".into(),
            version: "1".into(),
            started_at: Timestamp::default(),
            seen_at: Timestamp::default(),
            silent_for,
        }
    }

    /// What is new when these are there, each with how long it has been silent; node 0 looks.
    fn news(others: &mut Others, at: Duration, nodes: &[(u8, Duration)]) -> Vec<(News, u8)> {
        let own = NodeId::from_bytes([0; 16]);
        let nodes = nodes.iter().map(|(number, silent)| node(*number, *silent));
        let nodes = nodes.chain([node(0, Duration::ZERO)]).collect();
        let told = others.news(own, nodes, at);
        told.into_iter().map(|(news, node)| (news, node.id.as_bytes()[0])).collect()
    }

    #[test]
    fn each_change_of_another_node_is_told_once() {
        let mut others = Others::default();
        let silent = ALIVE_FOR + SECOND;
        assert_eq!(news(&mut others, SECOND, &[(1, SECOND), (2, silent)]), [(News::Joined, 1)]);
        assert_eq!(news(&mut others, SECOND, &[(1, ALIVE_FOR), (2, silent)]), []);
        assert_eq!(news(&mut others, SECOND, &[(1, silent)]), [(News::Silent, 1)]);
        assert_eq!(news(&mut others, SECOND, &[(1, silent * 2)]), []);
        assert_eq!(news(&mut others, SECOND, &[(1, SECOND)]), [(News::Back, 1)]);
        assert_eq!(news(&mut others, SECOND, &[]), [(News::Left, 1)]);
        assert_eq!(news(&mut others, SECOND, &[]), []);
    }

    #[test]
    fn nobody_is_said_to_be_silent_whom_no_database_let_speak() {
        let mut others = Others::default();
        let silent = ALIVE_FOR + SECOND;
        news(&mut others, SECOND, &[(1, SECOND)]);
        others.lost_sight(SECOND);
        assert_eq!(news(&mut others, SECOND + ALIVE_FOR, &[(1, silent)]), []);
        assert_eq!(news(&mut others, SECOND * 2 + ALIVE_FOR, &[(1, silent)]), [(News::Silent, 1)]);
    }
}
