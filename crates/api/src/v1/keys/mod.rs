//! API keys (khóa API): the platform's, and those of each store.

pub mod create;
pub mod list;
pub mod revoke;
pub mod view;
