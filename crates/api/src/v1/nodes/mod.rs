//! Nodes: the processes that serve together.

pub mod list;
pub mod view;
