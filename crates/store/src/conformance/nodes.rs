//! Nodes.

use std::sync::Arc;

use bocau_domain::node::ALIVE_FOR;
use bocau_domain::{IdSource, NodeCard, NodeRole};

use super::world::{Dice, HandClock, START, World};
use crate::Store;

/// From its first beat to its end.
pub async fn a_node_is_there_from_its_first_beat_until_it_leaves(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    assert!(world.store.list_nodes(world.now()).await.expect("works").is_empty());
    let ids = IdSource::new(Arc::new(HandClock::new(START)), Arc::new(Dice::new(7)));
    let card = NodeCard {
        id: ids.node_id(),
        name: "máy-1".into(),
        role: NodeRole::All,
        version: "1.2.3".into(),
        started_at: world.now(),
    };
    for _ in 0..2 {
        world.store.beat(&card, world.now()).await.expect("works");
        let nodes = world.store.list_nodes(world.now()).await.expect("works");
        let [node] = &nodes[..] else { panic!("{nodes:?}") };
        assert_eq!((node.id, &*node.name, &*node.role, &*node.version), (card.id, "máy-1", "all", "1.2.3"));
        assert_eq!(node.started_at, card.started_at);
        assert!(node.is_alive() && node.seen_at >= node.started_at, "{node:?}");
        world.pass(ALIVE_FOR);
    }
    world.store.leave(ids.node_id()).await.expect("works");
    assert_eq!(
        world.store.list_nodes(world.now()).await.expect("works").len(),
        1,
        "another's end is not its"
    );
    world.store.leave(card.id).await.expect("works");
    assert!(world.store.list_nodes(world.now()).await.expect("works").is_empty());
}
