//! Orders, products and customers: what is kept of one.

pub mod erase;
