//! Nodes: the processes that serve together. Those that share a database find one another in it.

use std::time::Duration;

use crate::attempt::wire_enum;
pub use crate::ids::NodeId;
use crate::time::Timestamp;

/// How often a node says that it is there.
pub const BEAT: Duration = Duration::from_secs(5);
/// For how long after that it is taken to be alive.
pub const ALIVE_FOR: Duration = Duration::from_secs(30);
/// How long a node that has fallen silent is remembered.
pub const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// Characters of a node's name at most.
pub const NAME_LENGTH_MAX: usize = 255;

wire_enum! {
    /// What a node does.
    NodeRole {
        /// Takes events in and sends them.
        All = "all",
        /// Answers people and programs, takes events in, and sends nothing.
        Api = "api",
        /// Sends what others have taken in.
        Worker = "worker",
    }
}

impl NodeRole {
    /// Whether it makes attempts.
    pub const fn sends(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it has the API and the pages.
    pub const fn answers(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCard {
    /// Its id: another after each start.
    pub id: NodeId,
    /// What people call it: the machine's name, unless it was given another.
    pub name: String,
    /// What it does.
    pub role: NodeRole,
    /// The program's version.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// A node as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// What it does, in its own word: a newer version may know others.
    pub role: String,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was heard of last.
    pub seen_at: Timestamp,
    /// How long ago that was, by the clock that noted it.
    pub silent_for: Duration,
}

impl Node {
    /// Whether it is taken to be alive.
    pub fn is_alive(&self) -> bool {
        self.silent_for <= ALIVE_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_says_who_sends_and_who_answers() {
        let does = |role: NodeRole| (role.sends(), role.answers());
        assert_eq!(does(NodeRole::All), (true, true));
        assert_eq!(does(NodeRole::Api), (false, true));
        assert_eq!(does(NodeRole::Worker), (true, false));
    }

    #[test]
    fn a_node_is_alive_until_it_was_silent_for_longer_than_half_a_minute() {
        let silent_for = |silent_for: Duration| Node {
            id: NodeId::from_bytes([1; 16]),
            name: "a".into(),
            role: "all".into(),
            version: "0.1.0".into(),
            started_at: Timestamp::from_millis(0),
            seen_at: Timestamp::from_millis(0),
            silent_for,
        };
        assert!(silent_for(ALIVE_FOR).is_alive());
        assert!(!silent_for(ALIVE_FOR + Duration::from_millis(1)).is_alive());
    }
}
